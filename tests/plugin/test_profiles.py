"""A profile that takes a selection of the pairs has a record of its own, under the same rules."""

import shutil
import tomllib

import pytest
from tiny_world import scale_last_block

from circuit_claims.judge.record import read_record

SMOKE = ("--circuit-profile", "smoke")
REFUTED = """
@says("wrong", kind="exact")
def test_wrong(circuit, judge):
    judge(circuit.closure(), above(1))
"""
"""Refuted on any model: a site's closure is never as large as the stream."""


@pytest.fixture
def smoked(on_models):
    """A claims folder with a record of the smoke profile, in which one claim is refuted."""
    on_models.write(REFUTED, "test_wrong.py")
    assert on_models.run(*on_models.options(), *SMOKE, "--circuit-record-update").ret == 0
    return on_models


def smoke_record(on_models):
    return on_models.folder / "recorded" / "tiny.smoke.toml"


def test_an_update_of_the_profile_writes_its_record_and_the_next_run_agrees(smoked):
    text = smoke_record(smoked).read_text()
    assert text.splitlines()[0] == (
        "# What was found of tiny; written by --circuit-record-update --circuit-profile smoke."
    )
    assert tomllib.loads(text)["model"] == "tiny"
    assert not (smoked.folder / "recorded" / "tiny.toml").exists()
    result = smoked.run(*smoked.options(), *SMOKE)
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        [
            "circuit-claims: * · 4 pairs of squares · seed 0 · record tiny.smoke.toml",
            "compared 8 of 8 recorded claims with tiny.smoke.toml",
        ]
    )
    assert smoked.entry("wrong")["verdict"] == "refuted"
    assert {e["record"]["drift"] for e in smoked.report["claims"]} == {"as recorded"}


def test_all_pairs_and_the_profile_keep_to_their_own_records(smoked):
    smoke = smoke_record(smoked).read_text()
    assert smoked.run(*smoked.options()).ret == 1, "the profile's record is not that of all pairs"
    assert smoked.run(*smoked.options(), "--circuit-record-update").ret == 0
    assert smoke_record(smoked).read_text() == smoke
    own = read_record(smoked.folder / "recorded" / "tiny.toml")
    assert own.clips != read_record(smoke_record(smoked)).clips
    for profile, record in (((), "tiny.toml"), (SMOKE, "tiny.smoke.toml")):
        assert smoked.run(*smoked.options(), *profile).ret == 0
        assert smoked.report["models"][0]["record"] == record


def test_a_changed_model_fails_the_profile_and_names_what_moved(smoked):
    changed = smoked.pytester.path / "changed" / "tiny"
    shutil.copytree(smoked.world.model, changed)
    scale_last_block(changed, 0.1)
    result = smoked.run(*smoked.options(changed), *SMOKE)
    assert result.ret == 1
    held = [part["record"]["drift"] for part in smoked.entry("attn")["parts"]]
    assert set(held) & {"moved", "flipped"}
    result.stdout.fnmatch_lines(
        [
            "changed/tiny: * recorded estimates moved with these weights, * beyond *",
            "  attn/reproduces layer=*: *, now *; * points [[]*, *] n=2, each by * points, tolerance *",
        ]
    )


def test_what_is_refuted_fails_without_a_record_and_the_run_says_how_to_write_one(on_models):
    on_models.write(REFUTED, "test_wrong.py")
    on_models.run(*on_models.options(), "--circuit-record-update")
    result = on_models.run(*on_models.options(), *SMOKE)
    assert result.ret == 1, "the record of all pairs excuses nothing here"
    says = (
        "*tiny has no record for --circuit-profile smoke (tiny.smoke.toml), so what it refutes fails; "
        "write one with --circuit-record-update --circuit-profile smoke, and review it"
    )
    result.stdout.fnmatch_lines([f"note: {says}", says])
    assert on_models.report["models"][0]["record"] is None


def test_a_profile_that_leaves_no_pair_out_is_held_against_the_models_own_record(on_models):
    one_an_action = ("--circuit-pair", "*-0*")
    update = ("--circuit-record-update", "--circuit-record-force")
    assert on_models.run(*on_models.options(), *one_an_action, *update).ret == 0
    result = on_models.run(*on_models.options(), *one_an_action, *SMOKE)
    assert result.ret == 0
    assert on_models.report["models"][0]["record"] == "tiny.toml"
    result.stdout.no_fnmatch_line("*has no record*")


def test_a_recorded_claim_that_no_test_judges_fails_the_profile_too(smoked):
    (smoked.folder / "test_wrong.py").unlink()
    result = smoked.run(*smoked.options(), *SMOKE)
    assert result.ret == 10
    result.stdout.fnmatch_lines(["recorded, but not judged by this full run: *tiny: wrong/exact"])


@pytest.mark.parametrize("selection", [["-k", "growth"], ["--circuit-pair", "golf*"]], ids=" ".join)
def test_an_update_of_a_part_of_the_profile_is_refused(smoked, selection):
    before = smoke_record(smoked).read_text()
    result = smoked.run(*smoked.options(), *SMOKE, "--circuit-record-update", *selection)
    assert result.ret == 4
    result.stderr.fnmatch_lines(["ERROR: --circuit-record-update*"])
    assert smoke_record(smoked).read_text() == before


def test_claims_that_need_no_model_have_one_record_in_every_profile(claims):
    claims.each_ends_in("supported", "refuted")
    assert claims.run("--circuit-record-update").ret == 0
    result = claims.run(*SMOKE)
    assert result.ret == 0
    result.stdout.fnmatch_lines(["compared 2 of 2 recorded claims with paper.toml"])
    assert [path.name for path in (claims.folder / "recorded").iterdir()] == ["paper.toml"]


def test_a_run_that_is_judged_again_keeps_its_profile(smoked):
    assert smoked.run(*smoked.options(), *SMOKE).ret == 0
    result = smoked.run(f"--circuit-rejudge={smoked.reports / 'latest.json'}")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["compared 8 of 8 recorded claims with tiny.smoke.toml"])
