"""What this processor computes with: its instruction sets, and what the environment holds its libraries to.

float32 sums come out in another order under another instruction set, so numbers differ in their last digits.
Read from the kernel's list of features, so that a run that only reads its store imports no torch.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
LEVELS = (
    ("amx_tile", "AMX"),
    ("avx512_bf16", "AVX512_BF16"),
    ("avx512f", "AVX512"),
    ("avx2", "AVX2"),
    ("avx", "AVX"),
    ("sse4_2", "SSE4_2"),
)
"""Flags of an x86 processor and what a report calls them, the widest first."""
HELD_BY = {
    "ATEN_CPU_CAPABILITY": "ATen",
    "ONEDNN_MAX_CPU_ISA": "oneDNN",
    "MKL_ENABLE_INSTRUCTIONS": "MKL",
    "OPENBLAS_CORETYPE": "OpenBLAS",
    "NPY_DISABLE_CPU_FEATURES": "numpy",
}
"""Variables that hold a library of torch or numpy to fewer instructions than the processor has."""


def flags(cpuinfo: Path = CPUINFO) -> frozenset[str]:
    """The kernel's names for the first processor's features; none where the kernel keeps no such list."""
    if not cpuinfo.is_file():
        return frozenset()
    text = cpuinfo.read_text(encoding="ascii", errors="replace")
    return frozenset(text.partition("\nflags")[2].partition("\n")[0].split())


def instruction_set(cpuinfo: Path = CPUINFO, environment: Mapping[str, str] = os.environ) -> str:
    """The widest instruction set, and each library that is held to another: ``AVX512, ATen held to avx2``."""
    known = flags(cpuinfo)
    widest = next((name for flag, name in LEVELS if flag in known), platform.machine() or "unknown")
    held = [
        f"{library} {'without' if library == 'numpy' else 'held to'} {environment[variable]}"
        for variable, library in HELD_BY.items()
        if environment.get(variable)
    ]
    return ", ".join([widest, *held])
