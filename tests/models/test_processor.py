"""What a processor computes with, from the kernel's list and from what the environment holds libraries to."""

import pytest

from circuit_claims.models.processor import flags, instruction_set


@pytest.mark.parametrize(
    ("listed", "environment", "words"),
    [
        ("fpu avx avx2 avx512f avx512_bf16 amx_tile", {}, "AMX"),
        ("fpu avx avx2 avx512f avx512_bf16", {}, "AVX512_BF16"),
        ("fpu avx avx2 avx512f", {}, "AVX512"),
        ("fpu avx avx2", {}, "AVX2"),
        ("fpu avx sse4_2", {}, "AVX"),
        ("fpu avx avx2", {"ATEN_CPU_CAPABILITY": "default"}, "AVX2, ATen held to default"),
        ("fpu avx avx2", {"NPY_DISABLE_CPU_FEATURES": "X86_V4"}, "AVX2, numpy without X86_V4"),
        (
            "fpu avx avx2",
            {"MKL_ENABLE_INSTRUCTIONS": "SSE4_2", "ONEDNN_MAX_CPU_ISA": "SSE41", "ATEN_CPU_CAPABILITY": ""},
            "AVX2, oneDNN held to SSE41, MKL held to SSE4_2",
        ),
    ],
)
def test_the_widest_set_is_named_and_what_is_held_to_another(tmp_path, listed, environment, words):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"processor\t: 0\nflags\t\t: {listed}\n\nprocessor\t: 1\nflags\t\t: fpu\n")
    assert instruction_set(cpuinfo, environment) == words


def test_where_the_kernel_keeps_no_list_the_machine_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("platform.machine", lambda: "arm64")
    assert flags(tmp_path / "none") == frozenset()
    assert instruction_set(tmp_path / "none", {}) == "arm64"
