"""Writing records: whole runs only, into the folder beside the claims, and never over what cannot be read."""

import pytest

from circuit_claims.judge.claim import Outcome
from circuit_claims.judge.record import read_record

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
    result.stdout.fnmatch_lines(["record: claims/recorded/paper.toml (1 entries written)"])


def test_an_update_keeps_a_persons_reason(claims):
    claims.each_ends_in("refuted")
    path = claims.record(REFUTED.replace("-3.0", "-9.0"))
    assert claims.run().ret == 1
    assert claims.run("--circuit-record-update").ret == 0
    entry = read_record(path).entries["refuted/reproduces", ""]
    assert (entry.estimate, entry.reason) == (-3.0, "known since March")


@pytest.mark.parametrize(
    "selection",
    [
        ["-k", "supported or refuted"],
        ["-m", "not slow"],
        ["-x"],
        ["--circuit-claim", "*"],
        ["claims/test_claims.py"],
        ["--deselect", "claims/test_claims.py::test_supported"],
        ["--circuit-profile", "smoke"],
        ["--circuit-pair", "golf*"],
    ],
    ids=" ".join,
)
def test_an_update_of_a_selection_is_refused(claims, selection):
    claims.each_ends_in("supported", "refuted")
    path = claims.record(before := REFUTED)
    result = claims.run("--circuit-record-update", *selection)
    result.stdout.fnmatch_lines(["*the record was not written*"])
    assert path.read_text().endswith(before)


def test_an_update_of_a_run_with_errors_is_refused(claims):
    claims.each_ends_in("supported", "error")
    result = claims.run("--circuit-record-update")
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        ["*not written: it takes a whole run without errors (1 claims incomplete or*"]
    )
    assert list((claims.folder / "recorded").iterdir()) == []


def test_add_writes_new_entries_only(claims):
    claims.each_ends_in("supported", "refuted")
    path = claims.record(REFUTED.replace("-3.0", "-9.0"))
    result = claims.run("--circuit-record-add")
    assert result.ret == 1, "what drifted still fails"
    result.stdout.fnmatch_lines(["record: claims/recorded/paper.toml (1 entries written)"])
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
    result.stderr.fnmatch_lines(["ERROR: *paper.toml: *unknown key 'verdikt'; did you mean 'verdict'?"])
    result.stdout.no_fnmatch_line("*test_claims.py .*")
    assert path.read_text().endswith(broken)
    assert not claims.reports.exists()


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
