"""Writing records: whole runs only, into the folder beside the claims, and never over what cannot be read."""

import re
import shutil

import pytest
from tiny_world import scale_last_block

from circuit_claims.judge.record import read_record
from circuit_claims.judge.values import read_values
from circuit_claims.types import Outcome

REFUTED = (
    '[claims."refuted/reproduces"]\nverdict = "refuted"\nestimate = -3.0\nreason = "known since March"\n'
)


def test_an_update_writes_what_is_found_and_the_next_run_agrees(claims):
    claims.each_ends_in("supported", "refuted", "inconclusive", "not applicable")
    result = claims.run("--circuit-record-update")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["record: claims/recorded/paper.toml (4 entries written)"])
    entries = read_record(claims.folder / "recorded" / "paper.toml").entries
    assert {key: entry.verdict for (key, _), entry in entries.items()} == {
        "supported/reproduces": Outcome.SUPPORTED,
        "refuted/reproduces": Outcome.REFUTED,
        "inconclusive/reproduces": Outcome.INCONCLUSIVE,
        "not-applicable/reproduces": Outcome.NOT_APPLICABLE,
    }
    assert claims.run("--circuit-strict").ret == 0
    assert {e["record"]["drift"] for e in claims.report["claims"]} == {"as recorded"}


def test_a_new_claims_folder_gets_a_record_folder_of_its_own(claims):
    (claims.folder / "recorded").rmdir()
    claims.each_ends_in("supported")
    result = claims.run("--circuit-record-update")
    result.stdout.fnmatch_lines(["record: claims/recorded/paper.toml (1 entry written)"])


def test_an_update_keeps_a_persons_reason(claims):
    claims.each_ends_in("refuted")
    path = claims.record(REFUTED.replace("-3.0", "-9.0"))
    assert claims.run().ret == 1
    assert claims.run("--circuit-record-update").ret == 0
    entry = read_record(path).entries["refuted/reproduces", ""]
    assert (entry.estimate, entry.reason) == (-3.0, "known since March")


SELECTIONS = [
    ["-k", "supported or refuted"],
    ["-m", "not slow"],
    ["-x"],
    ["--circuit-claim", "*"],
    ["claims/test_claims.py"],
    ["--deselect", "claims/test_claims.py::test_supported"],
    ["--circuit-pair", "golf*"],
]


@pytest.mark.parametrize("selection", SELECTIONS, ids=" ".join)
def test_an_update_of_a_selection_is_refused_before_anything_is_judged(claims, selection):
    claims.each_ends_in("supported", "refuted")
    path = claims.record(before := REFUTED)
    result = claims.run("--circuit-record-update", *selection)
    assert result.ret == 4
    result.stderr.fnmatch_lines(["ERROR: --circuit-record-update*; *--circuit-record*"])
    assert path.read_text().endswith(before)
    assert not claims.reports.exists()


@pytest.mark.parametrize("selection", SELECTIONS, ids=" ".join)
def test_a_selection_is_written_when_forced(claims, selection):
    claims.each_ends_in("supported", "refuted")
    path = claims.record(REFUTED.replace("-3.0", "-9.0"))
    assert claims.run("--circuit-record-update", "--circuit-record-force", *selection).ret == 0
    assert read_record(path).entries["refuted/reproduces", ""].estimate == -3.0


def test_a_forced_update_leaves_the_other_entries_and_says_so(claims):
    claims.each_ends_in("supported", "refuted")
    path = claims.record(
        REFUTED.replace("-3.0", "-9.0")
        + '[claims."gone/reproduces"]\nverdict = "supported"\nestimate = 7.0\n'
        + '[claims."supported/reproduces"]\nverdict = "refuted"\nestimate = 8.0\n'
    )
    result = claims.run("--circuit-record-update", "--circuit-record-force", "-k", "refuted")
    result.stdout.fnmatch_lines(
        ["record: *paper.toml keeps 2 that this run did not judge (gone/*, supported/*); take out by hand *"]
    )
    entries = read_record(path).entries
    assert [entries[f"{id}/reproduces", ""].estimate for id in ("refuted", "gone", "supported")] == [-3, 7, 8]


def test_force_alone_is_refused(claims):
    claims.each_ends_in("supported")
    result = claims.run("--circuit-record-force")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["ERROR: --circuit-record-force goes with --circuit-record-update: *"])


def test_an_update_of_a_run_with_errors_is_refused(claims):
    claims.each_ends_in("supported", "error")
    result = claims.run("--circuit-record-update")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*not written: it takes a whole run without errors (1 claim incomplete or*"])
    assert list((claims.folder / "recorded").iterdir()) == []


def test_a_forced_update_writes_what_was_judged_and_no_error(claims):
    claims.each_ends_in("supported", "error")
    assert claims.run("--circuit-record-update", "--circuit-record-force").ret == 1
    assert set(read_record(claims.folder / "recorded" / "paper.toml").entries) == {
        ("supported/reproduces", "")
    }


def test_an_update_that_could_not_be_written_is_no_success(claims):
    """Parts that something else took away are known at the end only."""
    claims.write(
        '@says("all", each="n")\n@pytest.mark.parametrize("n", [0, 1])\n'
        "def test_all(judge, n):\n    if n:\n        pytest.skip('elsewhere')\n"
        "    judge(sample(*SUPPORTED), above(0))\n"
    )
    result = claims.run("--circuit-record-update")
    assert result.ret == 10
    result.stdout.fnmatch_lines(["*the record was not written: *1 claim incomplete*"])


def test_add_writes_new_entries_only(claims):
    claims.each_ends_in("supported", "refuted")
    path = claims.record(REFUTED.replace("-3.0", "-9.0"))
    result = claims.run("--circuit-record-add")
    assert result.ret == 1, "what drifted still fails"
    result.stdout.fnmatch_lines(["record: claims/recorded/paper.toml (1 entry written)"])
    entries = read_record(path).entries
    assert entries["refuted/reproduces", ""].estimate == -9.0
    assert entries["supported/reproduces", ""].verdict is Outcome.SUPPORTED


@pytest.mark.parametrize("how", ["--circuit-record-update", "--circuit-record-add"])
def test_writing_into_none_is_refused(claims, how):
    claims.each_ends_in("supported")
    result = claims.run("--circuit-record=none", how)
    assert result.ret == 4
    result.stderr.fnmatch_lines(
        ["ERROR: --circuit-record none: there is no record to write into; name a file"]
    )


@pytest.mark.parametrize("how", [[], ["--circuit-record-update"], ["--circuit-record-add"]], ids=str)
def test_a_record_that_cannot_be_read_is_refused_before_anything_is_judged(claims, how):
    claims.each_ends_in("supported")
    path = claims.record(broken := '[claims."supported/reproduces"]\nverdikt = "supported"\n')
    result = claims.run(*how)
    assert result.ret == 4
    result.stderr.fnmatch_lines(["ERROR: *paper.toml:*: *unknown key 'verdikt'; did you mean 'verdict'?"])
    result.stdout.no_fnmatch_line("*test_claims.py .*")
    assert path.read_text().endswith(broken)
    assert not claims.reports.exists()


FAULTS = {
    "cut short": (
        'verdict = "supported"',
        'verdict = "supp',
        "*not TOML: *line *; mend that line or restore*",
    ),
    "newer": ("schema = 1", "schema = 2", ":*: schema 2, but this version reads 1; upgrade circuit-claims"),
    "unknown id": ("d/reproduces", "d/reproduced", ":*: *is no claim; did you mean 'reproduces'?"),
    "unknown verdict": ('"supported"', '"fine"', ":*: *has the verdict 'fine'; known are 'supported', *"),
    "nonsense": ("tolerance = 0.1", "tolerance = -0.1", ":*: *tolerance = -0.1; it is a distance, 0 or more"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_record_that_cannot_be_is_refused_with_file_line_and_hint(claims, fault):
    old, new, said = FAULTS[fault]
    claims.each_ends_in("supported")
    path = claims.record('[claims."supported/reproduces"]\nverdict = "supported"\ntolerance = 0.1\n')
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    result = claims.run()
    assert result.ret == 4
    result.stderr.fnmatch_lines([f"ERROR: *paper.toml{said}"])
    assert not claims.reports.exists()


def test_an_update_keeps_a_persons_tolerance_and_no_default(claims):
    claims.each_ends_in("supported", "refuted")
    path = claims.record(
        REFUTED.replace("-3.0", "-3.2\ntolerance = 0.5")
        + '[claims."supported/reproduces"]\nverdict = "supported"\nestimate = 9.0\ntolerance = 0.09\n'
    )
    claims.run("--circuit-record-update")
    entries = read_record(path).entries
    assert entries["refuted/reproduces", ""].tolerance == 0.5
    assert entries["supported/reproduces", ""].tolerance is None, "published numbers have no spread"


# How far a run is held against its record ---------------------------------------------------------------


def test_a_run_says_how_much_of_its_record_it_was_held_against(claims):
    claims.each_ends_in("supported", "refuted", "inconclusive")
    claims.run("--circuit-record-update")
    claims.run().stdout.fnmatch_lines(["compared 3 of 3 recorded claims with paper.toml"])
    claims.run("-k", "refuted").stdout.fnmatch_lines(["compared 1 of 3 recorded claims with paper.toml"])
    claims.each_ends_in("supported", "refuted", "error", "not applicable")
    result = claims.run()
    result.stdout.fnmatch_lines(
        ["compared 2 of 3 recorded claims with paper.toml; 2 of this run are not in it"]
    )


def test_a_recorded_claim_that_no_test_judges_fails_a_full_run(claims):
    claims.each_ends_in("supported", "refuted")
    claims.run("--circuit-record-update")
    claims.each_ends_in("supported")
    result = claims.run()
    assert result.ret == 10
    result.stdout.fnmatch_lines(["recorded, but not judged by this full run: paper: refuted/reproduces"])
    assert claims.run("-k", "supported").ret == 0


def test_a_recorded_part_that_no_test_judges_fails_a_full_run(claims):
    def over(n):
        claims.write(
            f'@says("all", each="n")\n@pytest.mark.parametrize("n", range({n}))\n'
            "def test_all(judge, n):\n    judge(sample(*SUPPORTED), above(0))\n"
        )

    over(3)
    claims.run("--circuit-record-update")
    over(2)
    result = claims.run()
    assert result.ret == 10
    result.stdout.fnmatch_lines(["recorded, but not judged by this full run: paper: all/reproduces n=2"])


# Records of models --------------------------------------------------------------------------------------


def test_a_record_notes_what_its_numbers_rest_on(on_models):
    assert on_models.run(*on_models.options(), "--circuit-record-update").ret == 0
    record = read_record(on_models.folder / "recorded" / "tiny.toml")
    assert record.model == "tiny"
    assert len(record.clips) == 16
    assert {"torch", "transformers", "weights", "sampling", "device", "precision"} <= set(record.noted)
    assert ("attn/reproduces", "layer=1") in record.entries
    assert on_models.run(*on_models.options()).ret == 0
    assert {e["record"]["drift"] for e in on_models.report["claims"]} == {"as recorded"}


def test_a_named_record_is_found_from_where_the_user_stands(on_models, tmp_path):
    named = tmp_path / "mine.toml"
    assert on_models.run(*on_models.options(), f"--circuit-record={named}", "--circuit-record-add").ret == 0
    assert read_record(named).model == "tiny"
    assert on_models.run(*on_models.options(), f"--circuit-record={named}").ret == 0
    assert on_models.report["models"][0]["record"] == "mine.toml"
    result = on_models.run(*on_models.options(), "--circuit-record=missing.toml")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["ERROR: *missing.toml: there is no such record; write it with*"])


def test_a_selection_of_the_pairs_is_judged_without_the_record_and_says_so(on_models):
    on_models.run(*on_models.options(), "--circuit-record-update")
    result = on_models.run(*on_models.options(), "--circuit-pair", "golf-*")
    result.stdout.fnmatch_lines(
        ["*tiny.toml rests on other clips than these: * is judged without its record"]
    )
    assert on_models.report["run"]["pairs"] == 4
    assert on_models.entry("growth")["record"]["drift"] == "unrecorded"
    assert on_models.entry("growth")["measurements"][0]["by_pair"].keys() == {"golf-0", "golf-1", "golf-2"}
    before = (on_models.folder / "recorded" / "tiny.toml").read_text()
    result = on_models.run(*on_models.options(), "--circuit-pair", "golf-*", "--circuit-record-add")
    assert (on_models.folder / "recorded" / "tiny.toml").read_text() == before


def test_smoke_takes_one_pair_an_action_with_its_controls(on_models):
    on_models.run(*on_models.options(), "--circuit-profile", "smoke")
    assert on_models.report["run"]["pairs"] == 4
    assert on_models.entry("growth")["measurements"][0]["by_pair"].keys() == {"bowling-0", "golf-0"}


def test_two_models_are_not_written_into_one_record(on_models, tmp_path):
    both = on_models.options(on_models.world.model, on_models.world.other)
    for how in ("--circuit-record-update", "--circuit-record-add"):
        result = on_models.run(*both, how, f"--circuit-record={tmp_path / 'one.toml'}")
        assert result.ret == 4
        result.stderr.fnmatch_lines(["ERROR: *one.toml: *tiny and *other cannot both be recorded there; *"])
    assert not (tmp_path / "one.toml").exists()


def test_a_named_record_that_has_nothing_to_compare_is_refused_before_weights_load(on_models, tmp_path):
    on_models.run(*on_models.options(), "--circuit-record-update")
    named = f"--circuit-record={on_models.folder / 'recorded' / 'tiny.toml'}"
    shutil.rmtree(on_models.reports)
    result = on_models.run(*on_models.options(), named, "--circuit-pair", "golf-*")
    assert result.ret == 4
    result.stderr.fnmatch_lines(
        ["ERROR: *tiny.toml: it rests on other clips than these, so nothing would be *"]
    )
    on_models.write('@says("new")\ndef test_new(circuit, judge):\n    judge(circuit.closure(), below(1))\n')
    result = on_models.run(*on_models.options(), named)
    assert result.ret == 4
    result.stderr.fnmatch_lines(
        ["ERROR: *tiny.toml: it has none of this run's claims (*others), so nothing *"]
    )
    assert not on_models.reports.exists()


def test_another_device_is_compared_with_wider_tolerances_and_says_so(on_models):
    on_models.run(*on_models.options(), "--circuit-record-update")
    path = on_models.folder / "recorded" / "tiny.toml"
    text = path.read_text()
    (estimate,) = re.findall(r'claims."growth/reproduces".*?\nestimate = (\S+)', text, re.S)[:1]
    tolerance = float(re.findall(r'claims."growth/reproduces".*?\ntolerance = (\S+)', text, re.S)[0])

    def moved_by(tolerances, device):
        changed = text.replace(
            f"\nestimate = {estimate}\n", f"\nestimate = {float(estimate) + tolerances * tolerance}\n"
        )
        assert changed != text
        path.write_text(changed.replace('device = "cpu"', f'device = "{device}"'))
        result = on_models.run(*on_models.options())
        return result, on_models.entry("growth")["record"]

    result, held = moved_by(0.5, "cpu")
    assert (result.ret, held["drift"]) == (1, "moved"), "the same weights keep to the numeric tolerance"
    assert "the environment changed and not the model" in held["sentence"]
    result, held = moved_by(3, "cuda")
    assert (result.ret, held["drift"]) == (0, "as recorded")
    result.stdout.fnmatch_lines(
        [
            "tiny.toml was written with other device: cuda, now cpu",
            "tiny.toml: here estimates may lie 2 points away from it",
        ]
    )
    result, held = moved_by(5, "cuda")
    assert (result.ret, held["drift"]) == (1, "moved"), "compared all the same"


# The model's own numbers, and another version's ---------------------------------------------------------


def test_a_record_has_the_values_of_each_pair_beside_it(on_models):
    on_models.run(*on_models.options(), "--circuit-record-update")
    path = on_models.folder / "recorded" / "tiny.toml"
    values = read_values(path, read_record(path).noted["weights"])
    growth = values["growth/reproduces", ""]
    by_pair = on_models.entry("growth")["measurements"][0]["by_pair"]
    assert growth == pytest.approx(by_pair, rel=1e-5)
    assert not any(key.endswith("/exact") for key, _ in values), "a residue is the processor's rounding"


def test_another_version_fails_by_its_moves_or_by_its_verdicts_alone(on_models):
    on_models.run(*on_models.options(), "--circuit-record-update")
    changed = on_models.pytester.path / "changed" / "tiny"
    shutil.copytree(on_models.world.model, changed)
    scale_last_block(changed, 0.1)
    moved = on_models.run(*on_models.options(changed))
    held = on_models.entry("growth")["record"]
    assert (moved.ret, held["drift"]) == (1, "moved")
    assert held["move"]["ci"][1] < -held["tolerance"]
    moved.stdout.fnmatch_lines(["*/tiny: * recorded estimates moved with these weights, * beyond their *"])

    lenient = on_models.run(*on_models.options(changed), "--circuit-drift=verdict")
    held = on_models.entry("growth")["record"]
    assert (lenient.ret, held["drift"]) == (0, "as recorded")
    assert held["move"]["ci"][1] < -held["tolerance"], "said all the same"


def test_the_same_weights_saved_again_moved_nothing(on_models):
    on_models.run(*on_models.options(), "--circuit-record-update")
    again = on_models.pytester.path / "again" / "tiny"
    shutil.copytree(on_models.world.model, again)
    config = again / "config.json"
    config.write_text(config.read_text().replace("{", '{"note": "saved again",', 1))
    result = on_models.run(*on_models.options(again))
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*0 of * recorded estimates moved with these weights: the values of all*"])


def test_a_record_of_another_instruction_set_is_compared_and_said(on_models):
    on_models.run(*on_models.options(), "--circuit-record-update")
    path = on_models.folder / "recorded" / "tiny.toml"
    noted = read_record(path).noted["instruction_set"]
    path.write_text(path.read_text().replace(noted, "SSE4_2"))
    result = on_models.run(*on_models.options())
    assert result.ret == 0
    result.stdout.fnmatch_lines([f"tiny.toml was written with other instruction set: SSE4_2, now {noted}"])


def test_corrupt_values_are_refused_before_weights_load(on_models):
    on_models.run(*on_models.options(), "--circuit-record-update")
    values = on_models.folder / "recorded" / "tiny.values.json"
    values.write_text("{}")
    result = on_models.run(*on_models.options())
    assert result.ret == 4
    result.stderr.fnmatch_lines(["ERROR: *tiny.values.json: is no table of values *restore it*"])
