"""The arithmetic of `make machines`: spreads, verdicts that differ, and what is not run again."""

import importlib.util
import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[1] / "benchmarks"
AVX2 = ("sse4_1", "sse4_2", "avx", "avx2", "fma")
AVX512 = (*AVX2, "avx512f")
BOTH = (0.4, 0.6)


@pytest.fixture(scope="module")
def machines():
    with pytest.MonkeyPatch.context() as patched:
        patched.syspath_prepend(str(FOLDER))
        spec = importlib.util.spec_from_file_location("machines", FOLDER / "machines.py")
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        yield module


@pytest.fixture(scope="module")
def spread(machines):
    return machines.spread


def a_report(value=0.5, ci=BOTH, verdict="supported", part="supported", unit="fraction", kind="means"):
    return {
        "claims": [
            {
                "key": f"a/{kind}",
                "model": "organism",
                "kind": kind,
                "verdict": verdict,
                "nodeids": ["claims/test_3_division_of_labour.py::test_a[organism]"],
                "record": {"drift": "as recorded"},
                "parts": [{"part": "layer=4", "verdict": part, "record": {"drift": "as recorded"}}],
                "measurements": [{"part": "layer=4", "unit": unit, "value": value, "ci": ci and [*ci]}],
            },
            {
                "key": "printed/exact",
                "model": None,
                "kind": "exact",
                "verdict": "supported",
                "nodeids": ["claims/test_4_editions.py::test_b"],
                "record": {"drift": "as recorded"},
                "parts": [],
                "measurements": [{"part": "", "unit": "fraction", "value": 1.0, "ci": None}],
            },
        ]
    }


def test_numbers_are_those_on_a_model_with_the_ends_of_their_intervals(spread):
    found = {one.name: one.value for one in spread.readings(a_report())}
    assert found == {"a/means layer=4": 0.5, "a/means layer=4 low": 0.4, "a/means layer=4 high": 0.6}
    assert {one.kind for one in spread.readings(a_report())} == {"division of labour"}
    assert [one.which for one in spread.readings(a_report(ci=None))] == ["estimate"]
    assert list(spread.readings(a_report(value=None, ci=None))) == []


def test_a_spread_is_the_largest_less_the_smallest(spread):
    reports = [a_report(0.5), a_report(0.50002, [0.4, 0.59]), a_report(0.49999)]
    found = {one.reading.name: one for one in spread.spreads(reports)}
    one = found["a/means layer=4"]
    assert one.apart == pytest.approx(3e-5)
    assert one.relative == pytest.approx(3e-5 / 0.50002)
    assert one.settings == 3
    assert found["a/means layer=4 high"].apart == pytest.approx(0.01)
    assert found["a/means layer=4 low"].apart == 0
    assert found["a/means layer=4 low"].room == float("inf")
    assert spread.spreads(reports[:1]) == [], "one reading has no spread"


@pytest.mark.parametrize(("tolerance", "fits"), [(8e-5, True), (7.9e-5, False), (0.0, False)])
def test_a_tolerance_has_eight_times_its_spread(spread, monkeypatch, tolerance, fits):
    monkeypatch.setattr(spread, "numeric_tolerance", lambda *_: tolerance)
    (group,) = spread.grouped(spread.spreads([a_report(0.5), a_report(0.50001 - 1e-12)]))
    assert (group.kind, group.unit, group.numbers, group.moved) == ("division of labour", "fraction", 3, 1)
    assert group.fits is fits


def test_the_tolerance_is_that_of_the_numbers_own_unit(spread, monkeypatch):
    monkeypatch.setattr(spread, "numeric_tolerance", lambda unit, estimate: {"ratio": abs(estimate)}[unit])
    (one,) = spread.spreads([a_report(2.0, None, unit="ratio"), a_report(2.5, None, unit="ratio")])
    assert one.room == pytest.approx(4.0)


def test_residues_of_exact_claims_have_no_tolerance_to_fit(spread, monkeypatch):
    monkeypatch.setattr(spread, "numeric_tolerance", lambda *_: 0.0)
    (group,) = spread.grouped(
        spread.spreads([a_report(1e-8, None, kind="exact"), a_report(2e-8, None, kind="exact")])
    )
    assert group.exact
    assert group.fits
    assert group.widest.apart == pytest.approx(1e-8)


def test_counts_and_yes_or_no_may_not_move_at_all(spread):
    same = spread.grouped(spread.spreads([a_report(3.0, None, unit="count")] * 2))
    moved = spread.grouped(spread.spreads([a_report(v, None, unit="count") for v in (3.0, 4.0)]))
    assert [group.fits for group in (*same, *moved)] == [True, False]


def test_verdicts_are_compared_by_claim_and_by_part(spread):
    native = spread.verdicts(a_report())
    assert spread.differing(native, spread.verdicts(a_report(value=0.6))) == []
    part = spread.verdicts(a_report(part="refuted"))
    assert spread.differing(native, part) == ["a/means layer=4: supported, here refuted"]
    whole = spread.verdicts(a_report(verdict="inconclusive"))
    assert spread.differing(native, whole) == ["a/means: supported, here inconclusive"]
    assert spread.differing(native, {})[0] == "a/means: supported, here not judged"


def test_of_a_report_only_what_is_read_is_kept(spread):
    report = a_report()
    report["claims"][0]["figures"] = ["a large one"]
    kept = spread.slim(report)
    assert "figures" not in kept["claims"][0]
    assert list(spread.readings(kept)) == list(spread.readings(report))
    assert spread.verdicts(kept) == spread.verdicts(report)
    assert spread.drifts(kept) == spread.drifts(report) == []


def test_a_drift_is_told_with_its_claim(spread):
    report = a_report()
    report["claims"][0]["parts"][0]["record"]["drift"] = "moved"
    assert spread.drifts(report) == ["a/means moved"]


def wrong(machines, **runs):
    return list(machines.wrong({name: {"full": one} for name, one in runs.items()}))


def test_what_is_wrong_is_a_verdict_a_test_or_a_run_that_fails(machines):
    good = machines.Run(0, 1.0, report=a_report())
    assert wrong(machines, native=good, other=good) == []
    flipped = machines.Run(0, 1.0, report=a_report(verdict="refuted"))
    assert wrong(machines, native=good, other=flipped) == ["other, full: a/means: supported, here refuted"]
    drifted = machines.Run(1, 1.0, report=a_report())
    drifted.report["claims"][0]["record"]["drift"] = "moved"
    assert wrong(machines, native=good, other=drifted) == ["other, full: exit status 1; a/means moved"]
    failed = machines.Run(1, 1.0, 9, ("tests.test_x::test_y",))
    assert list(machines.wrong({"other": {"tests": failed}})) == ["other: tests.test_x::test_y fails"]
    broken = machines.Run(3, 1.0)
    assert list(machines.wrong({"other": {"tests": broken}})) == ["other, tests: exit status 3"]


@pytest.mark.parametrize(
    ("name", "flags", "why"),
    [
        ("all-avx2", AVX512, ""),
        ("all-avx2", AVX2, "the processor computes so natively"),
        ("all-avx2", ("sse4_1",), "the processor has no AVX2"),
        ("all-lowest", AVX2, ""),
        ("all-lowest", ("sse4_1",), "the processor computes so natively"),
        ("onednn-avx512", AVX2, "the processor has no AVX-512"),
        ("precision-auto", AVX512, "the processor has no AVX512-BF16 or AMX-BF16"),
        ("precision-auto", (*AVX512, "amx_bf16"), ""),
        ("native", (), ""),
    ],
)
def test_a_setting_is_left_out_where_the_processor_cannot_or_need_not(machines, name, flags, why):
    (setting,) = [one for one in machines.SETTINGS if one.name == name]
    assert setting.absent(flags) == why


@pytest.fixture
def counted(machines, monkeypatch):
    """A part that runs nothing, and how often it was run."""
    runs = []

    def measured(setting, part, here):
        runs.append((setting.name, part))
        return machines.Run(0, 0.0, 7, (), a_report())

    monkeypatch.setattr(machines, "_claims", measured)
    return runs


def test_a_run_that_is_there_is_not_repeated_unless_the_code_changed(
    machines, counted, monkeypatch, tmp_path
):
    monkeypatch.setattr(machines, "code_state", lambda *_: "before")
    native = machines.SETTINGS[0]
    first = machines.run(native, "smoke", tmp_path)
    assert machines.run(native, "smoke", tmp_path) == first
    assert counted == [("native", "smoke")]
    machines.run(native, "full", tmp_path)
    monkeypatch.setattr(machines, "code_state", lambda *_: "after")
    machines.run(native, "smoke", tmp_path)
    assert counted == [("native", "smoke"), ("native", "full"), ("native", "smoke")]


def test_a_setting_of_another_content_is_another_run(machines, counted, monkeypatch, tmp_path):
    monkeypatch.setattr(machines, "code_state", lambda *_: "")
    for environment in ({"OMP_NUM_THREADS": "2"}, {"OMP_NUM_THREADS": "3"}, {"OMP_NUM_THREADS": "3"}):
        machines.run(replace(machines.SETTINGS[0], environment=environment), "smoke", tmp_path)
    assert counted == [("native", "smoke")] * 2


def test_a_run_that_was_stopped_left_nothing_that_counts(machines, monkeypatch, tmp_path):
    def stopped(setting, part, here):
        raise KeyboardInterrupt

    monkeypatch.setattr(machines, "code_state", lambda *_: "")
    monkeypatch.setattr(machines, "_claims", stopped)
    with pytest.raises(KeyboardInterrupt):
        machines.run(machines.SETTINGS[0], "smoke", tmp_path)
    assert not list(tmp_path.rglob("*.json"))


def test_a_run_whose_code_changed_meanwhile_counts_for_nothing(machines, counted, monkeypatch, tmp_path):
    states = iter(["before", "after"])
    monkeypatch.setattr(machines, "code_state", lambda *_: next(states))
    with pytest.raises(RuntimeError, match="native, smoke: the code changed while it ran"):
        machines.run(machines.SETTINGS[0], "smoke", tmp_path)
    assert not list(tmp_path.rglob("*.json"))


def test_code_is_what_a_part_rests_on(machines, tmp_path):
    for name in ("circuit_claims/a.py", "claims/b.py", "tests/c.py", "pyproject.toml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("1")

    def states():
        return [machines.code_state(part, tmp_path) for part in ("full", "tests")]

    before = states()
    (tmp_path / "tests" / "c.py").write_text("2")
    assert [now == was for now, was in zip(states(), before, strict=True)] == [True, False]
    (tmp_path / "claims" / "b.py").write_text("2")
    assert [now == was for now, was in zip(states(), before, strict=True)] == [False, False]


def test_failed_tests_are_told_by_name(machines, tmp_path):
    (tmp_path / "told.xml").write_text(
        "<testsuites><testsuite>"
        '<testcase classname="tests.a" name="test_good"/>'
        '<testcase classname="tests.a" name="test_bad[1]"><failure message="x"/></testcase>'
        '<testcase classname="tests.a" name="test_broken"><error message="x"/></testcase>'
        '<testcase classname="tests.a" name="test_left"><skipped message="x"/></testcase>'
        "</testsuite></testsuites>"
    )
    assert machines.told_of_tests(tmp_path / "told.xml") == (
        1,
        ("tests.a::test_bad[1]", "tests.a::test_broken"),
    )


@pytest.mark.parametrize(("value", "status"), [(0.5, 0), (0.5000001, 0), (0.9, 1)])
def test_everything_is_run_once_and_the_page_is_written(
    machines, monkeypatch, tmp_path, capsys, value, status
):
    def measured(setting, part, here):
        shifted = setting.name == "plan-1" and part == "smoke"
        return machines.Run(0, 0.0, report=a_report(value if shifted else 0.5, None))

    monkeypatch.setattr(machines, "code_state", lambda *_: "")
    monkeypatch.setattr(machines, "flags", lambda: AVX512)
    monkeypatch.setattr(machines, "_claims", measured)
    monkeypatch.setattr(machines, "_tests", lambda *_: machines.Run(0, 0.0, 7))
    page = tmp_path / "machines.md"
    assert machines.main([str(tmp_path / "build"), str(page)]) == status
    written = page.read_text()
    assert "precision-auto` was left out: the processor has no AVX512-BF16 or AMX-BF16" in written
    assert written.count("| `all-avx2` |") == 2
    assert "SSE4.1, SSE4.2, AVX, AVX2, FMA, AVX-512" in written
    assert "{" not in written
    assert ("too few" in written) is bool(status)
    assert (
        "division of labour, fraction: the tolerance of a/means layer=4" in capsys.readouterr().out
    ) is bool(status)


def test_some_settings_and_parts_are_run_alone_and_write_no_page(machines, counted, monkeypatch, tmp_path):
    monkeypatch.setattr(machines, "code_state", lambda *_: "")
    monkeypatch.setattr(machines, "flags", lambda: AVX512)
    page = tmp_path / "machines.md"
    words = [str(tmp_path / "build"), str(page), "--only", "native,mkl-avx2", "--parts", "smoke,full"]
    assert machines.main(words) == 0
    assert sorted(counted) == [(n, p) for n in ("mkl-avx2", "native") for p in ("full", "smoke")]
    assert not page.exists()
    kept = json.loads((tmp_path / "build" / "native" / "smoke.json").read_text())
    assert kept["report"] == a_report() or kept["report"]["claims"]


def test_the_short_form_leaves_out_what_the_processor_does_anyway(
    machines, counted, monkeypatch, tmp_path, capsys
):
    monkeypatch.setattr(machines, "code_state", lambda *_: "")
    monkeypatch.setattr(machines, "flags", lambda: AVX2)
    monkeypatch.setattr(machines, "_tests", lambda *_: machines.Run(0, 0.0, 7))
    assert machines.main([str(tmp_path / "build"), "--short"]) == 0
    assert counted == [("all-lowest", "full")]
    assert "all-avx2 is left out: the processor computes so natively" in capsys.readouterr().out


@pytest.mark.parametrize(("option", "value"), [("--only", "nativ"), ("--parts", "smoke,slow")])
def test_a_setting_or_part_that_there_is_not(machines, tmp_path, option, value, capsys):
    with pytest.raises(SystemExit):
        machines.main([str(tmp_path), option, value])
    assert "known are" in capsys.readouterr().err
