"""Claims that ask a model: what is measured, what is read again, and what a change of anything does."""

import copy
import json
import os
import re
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from tiny_world import TELLS_MODULES

import circuit_claims.report
from circuit_claims.clips.choice import version


def without_times(report):
    """A report but for what a second run may say otherwise: how long it took."""
    report = copy.deepcopy(report)
    report["run"].pop("seconds")
    report["run"].pop("started")
    report["run"].pop("options")  # as typed: another store, say
    return report


def values(on_models, id):
    return on_models.entry(id)["measurements"][0]["by_pair"]


def test_claims_on_a_model_end_in_a_report(on_models, last_line):
    result = on_models.run(*on_models.options())
    assert (result.ret, last_line(result)) == (0, "9 passed, 1 skipped")
    result.stdout.fnmatch_lines(
        ["circuit-claims: *tiny · cpu float32 · 8 pairs of squares · seed 0 · record none"]
    )
    report = on_models.report
    assert [model["name"] for model in report["models"]] == ["…/tiny"], "its place on this machine stays out"
    assert (report["run"]["pairs"], report["models"][0]["n_layers"]) == (8, 2)
    assert report["models"][0]["identity"]["passed"] is True
    assert on_models.entry("twelve-layers")["verdict"] == "not applicable"
    assert "2 layers" in on_models.entry("twelve-layers")["sentence"]
    assert len(values(on_models, "mlp-forward")) == 6
    assert on_models.entry("printed")["model"] is None
    (decoders,) = report["models"][0]["decoders"]
    assert (decoders["decoder"], decoders["why"]) == (version("decord2"), "")


def test_numbers_of_another_decoder_are_never_judged(on_models, monkeypatch):
    from circuit_claims.measure.footage import Footage

    on_models.run(*on_models.options())
    stored, sound = on_models.measured(), Footage.timeline
    monkeypatch.setattr(Footage, "timeline", lambda self, clip: replace(sound(self, clip), decoder="other 1"))
    assert on_models.run(*on_models.options()).ret == 0
    assert on_models.measured() == {name: 2 * count for name, count in stored.items()}


def test_report_of_a_real_run_keeps_to_the_schema(on_models):
    on_models.run(*on_models.options(on_models.world.model, on_models.world.other))
    schema = json.loads((Path(circuit_claims.report.__file__).parent / "schema.json").read_text())
    errors = Draft202012Validator(schema).iter_errors(on_models.report)
    assert [f"{error.json_path}: {error.message}" for error in errors] == []


def test_a_second_run_measures_nothing_and_says_the_same(on_models, monkeypatch):
    on_models.run(*on_models.options())
    first, stored = on_models.report, on_models.measured()
    assert stored == {"facts": 1, "sweep": 12, "trace": 6}

    def unwanted(*_args, **_more):
        raise AssertionError("a warm run needs neither a model nor a decoder")

    monkeypatch.setattr("circuit_claims.models.load.load", unwanted)
    monkeypatch.setattr("circuit_claims.clips.decode.Decoder._running", unwanted)
    assert on_models.run(*on_models.options()).ret == 0
    assert without_times(on_models.report) == without_times(first)
    assert on_models.measured() == stored


def test_a_warm_run_imports_neither_torch_nor_a_decoder_nor_what_draws(on_models):
    on_models.run(*on_models.options())
    assert '<svg role="img"' in (on_models.reports / "latest.html").read_text(), "something was drawn"
    (on_models.folder / "conftest.py").write_text(TELLS_MODULES)
    assert on_models.spawn(*on_models.options()).ret == 0
    imported = set((on_models.pytester.path / "modules.txt").read_text().split())
    assert "numpy" in imported, "it was judged"
    assert imported & {"torch", "transformers", "decord", "av", "matplotlib", "scipy.stats"} == set()


def test_a_spoilt_entry_is_said_once_and_measured_again(on_models):
    """Half of a file, as after a power cut; the report is the one of the undisturbed store."""
    on_models.run(*on_models.options())
    first, stored = on_models.report, on_models.measured()
    spoilt = sorted((on_models.pytester.path / ".circuit-cache").glob("[0-9a-f][0-9a-f]/*.json"))[:7]
    for path in spoilt:
        path.write_bytes(path.read_bytes()[:-100])
    result = on_models.run(*on_models.options())
    assert result.ret == 0
    said = [line for line in result.outlines if line.startswith("store: ")]
    assert [line.endswith("it is measured again and replaced") for line in said] == [True] * 5 + [False]
    assert said[-1] == "store: 2 more like these"
    assert without_times(on_models.report) == without_times(first)
    assert on_models.measured() == stored
    assert "store:" not in on_models.run(*on_models.options()).stdout.str()


def test_what_one_instruction_set_measured_answers_no_run_that_is_held_to_another(on_models, monkeypatch):
    only = (*on_models.options(), "-k", "forward")
    on_models.run(*only)
    before = on_models.measured()
    on_models.run(*only)
    assert on_models.measured() == before
    held = os.environ.get("ATEN_CPU_CAPABILITY")
    monkeypatch.setenv("ATEN_CPU_CAPABILITY", "avx2" if held == "default" else "default")
    on_models.run(*only)
    assert on_models.measured() == before + before, "each of them is measured once more"


def test_without_a_store_every_run_measures(on_models):
    assert on_models.run(*on_models.options(), "--circuit-cache", "off", "-k", "forward").ret == 0
    assert on_models.measured() == {}


# Two models ---------------------------------------------------------------------------------------------


def test_two_models_are_judged_one_after_the_other_in_one_report(on_models):
    models = on_models.world.model, on_models.world.other
    result = on_models.run(*on_models.options(*models), "-v")
    assert result.ret == 0
    names = [re.search(r"\[(\S+?)(-\d)?\]", line) for line in result.outlines if "::test_" in line]
    order = [Path(name[1]).name for name in names if name and name[1].startswith("/")]
    assert order == ["tiny"] * 9 + ["other"] * 9, "each model is opened once"
    shown = [model["name"] for model in on_models.report["models"]]
    assert [Path(name).name for name in shown] == ["tiny", "other"]
    for id in ("attn", "growth"):
        ours, theirs = (on_models.entry(id, name)["measurements"][0]["by_pair"] for name in shown)
        assert ours.keys() == theirs.keys()
        assert ours != theirs
    assert len([e for e in on_models.report["claims"] if e["claim"] == "printed"]) == 1
    result.stdout.fnmatch_lines(["claims on *tiny", "claims on *other", "claims about the published tables*"])


def test_a_model_named_twice_is_judged_once(on_models):
    model = on_models.world.model
    result = on_models.run(*on_models.options(model, model), "-k", "forward")
    assert result.ret == 0
    result.assert_outcomes(passed=1, deselected=9)


# Broken on purpose --------------------------------------------------------------------------------------


def test_a_site_that_includes_the_residual_makes_every_claim_an_error(on_models, monkeypatch):
    """The classic: `layer[i].output` taken for the MLP's write."""
    from circuit_claims.models import vivit

    sound = vivit._writes

    def broken(table, layer, block):
        for write in sound(table, layer, block):
            function = write.function
            with_residual = lambda resid, f=function: resid + f(resid)  # noqa: E731
            yield replace(write, function=with_residual) if write.kind == "mlp" else write

    monkeypatch.setattr(vivit, "_writes", broken)
    result = on_models.run(*on_models.options())
    assert result.ret == 1
    entries = [entry for entry in on_models.report["claims"] if entry["model"]]
    assert [entry["verdict"] for entry in entries] == ["error"] * len(entries)
    assert all("its sites are not what their names say" in entry["sentence"] for entry in entries)
    assert on_models.entry("printed")["verdict"] == "supported", "arithmetic needs no model"
    assert on_models.measured() == {"facts": 1}, "nothing is measured on a broken table"
    result.stdout.no_fnmatch_line("*Traceback*")


def test_donor_and_recipient_are_not_the_same_thing(on_models, tmp_path):
    """Swapping the clips of each pair swaps the two directions, and nothing else."""
    on_models.run(*on_models.options())
    forward, backward = values(on_models, "mlp-forward"), values(on_models, "mlp-backward")
    assert forward != backward
    swapped = tmp_path / "swapped"
    shutil.copytree(on_models.world.pairs.parent, swapped)
    text = (swapped / "pairs.toml").read_text()
    text = (
        text.replace("positive =", "held =")
        .replace("negative =", "positive =")
        .replace("held =", "negative =")
    )
    (swapped / "pairs.toml").write_text(text)
    on_models.run(f"--circuit-model={on_models.world.model}", f"--circuit-pairs={swapped / 'pairs.toml'}")
    # The two directions are not swept in the same batches, which may round the sixth digit otherwise.
    assert values(on_models, "mlp-forward") == pytest.approx(backward, rel=1e-4)
    assert values(on_models, "mlp-backward") == pytest.approx(forward, rel=1e-4)


def test_numbers_of_other_weights_are_never_judged(on_models, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(on_models.world.model, folder)
    on_models.run(*on_models.options(folder))
    before, stored = values(on_models, "growth"), on_models.measured()
    shutil.copy(on_models.world.other / "model.safetensors", folder / "model.safetensors")
    on_models.run(*on_models.options(folder))
    assert values(on_models, "growth") != before
    assert on_models.measured() == {name: 2 * count for name, count in stored.items()}


def test_numbers_of_another_transformers_are_never_judged(on_models, monkeypatch):
    from circuit_claims.measure import store

    on_models.run(*on_models.options())
    stored, sound = on_models.measured(), store._version
    monkeypatch.setattr(store, "_version", lambda name: "6.0" if name == "transformers" else sound(name))
    on_models.run(*on_models.options())
    assert on_models.measured() == {name: 2 * count for name, count in stored.items()}


def test_other_frames_are_measured_anew_and_a_record_notices(on_models, tmp_path):
    on_models.run(*on_models.options(), "--circuit-record-update")
    before = values(on_models, "growth")
    shifted = tmp_path / "shifted"
    shutil.copytree(on_models.world.pairs.parent, shifted)
    manifest = shifted / "pairs.toml"
    manifest.write_text(manifest.read_text().replace("start = 8", "start = 10"))
    args = [f"--circuit-model={on_models.world.model}", f"--circuit-pairs={manifest}"]
    result = on_models.run(*args)
    assert result.ret == 1, "the estimates moved"
    assert values(on_models, "growth") != before
    assert on_models.measured()["trace"] == 12
    result.stdout.fnmatch_lines(["*tiny.toml was written with other sampling: *start*8*, now *start*10*"])


def test_an_entry_that_was_tampered_with_is_measured_again(on_models):
    on_models.run(*on_models.options())
    first, stored = on_models.report, on_models.measured()
    for path in (on_models.pytester.path / ".circuit-cache").rglob("*.json"):
        path.write_text(path.read_text().replace('"tokens_delta": ', '"tokens_delta": 9'))
    on_models.run(*on_models.options())
    assert without_times(on_models.report) == without_times(first)
    assert on_models.measured() == stored


# Several processes, and runs that die -------------------------------------------------------------------


@pytest.mark.slow
def test_two_workers_report_what_one_process_does(on_models):
    on_models.run(*on_models.options(), "--circuit-cache", "off")
    alone = on_models.report
    result = on_models.spawn(*on_models.options(), "-n", "2")
    assert result.ret == 0
    assert without_times(on_models.report) == without_times(alone)
    assert on_models.measured() == {"facts": 1, "sweep": 12, "trace": 6}, "nothing is measured twice"


KILLS_ITSELF = """
import os, signal
from circuit_claims.measure import per_pair

sound, calls = per_pair.MEASUREMENTS["sweep"], []

def until_killed(*args):
    calls.append(args)
    if len(calls) == 4:
        os.kill(os.getpid(), signal.SIGKILL)
    return sound(*args)

per_pair.MEASUREMENTS = {**per_pair.MEASUREMENTS, "sweep": until_killed}
"""


@pytest.mark.slow
def test_a_killed_run_goes_on_where_it_was(on_models):
    assert on_models.run(*on_models.options(), "--circuit-cache", "off").ret == 0
    expected = on_models.report
    killer = on_models.folder / "conftest.py"
    killer.write_text(KILLS_ITSELF)
    assert on_models.spawn(*on_models.options()).ret == -signal.SIGKILL
    assert on_models.report == expected, "the last whole report is still there"
    assert on_models.measured() == {"facts": 1, "sweep": 3}
    journal = (on_models.reports / ".journal.jsonl").read_text().splitlines()
    assert [json.loads(line)["planned"]["claim"]["id"] for line in journal] == ["sites"]
    killer.unlink()
    kept = {path: path.read_bytes() for path in (on_models.pytester.path / ".circuit-cache").rglob("*.json")}
    assert on_models.run(*on_models.options()).ret == 0
    assert without_times(on_models.report) == without_times(expected)
    assert on_models.measured() == {"facts": 1, "sweep": 12, "trace": 6}
    assert {path: path.read_bytes() for path in kept} == kept, "what was measured is not measured again"


def test_the_precision_and_what_decided_it_are_told(on_models, monkeypatch):
    on_models.run(*on_models.options())
    exact = values(on_models, "mlp-forward")
    result = on_models.run(*on_models.options(), "--circuit-precision", "bfloat16")
    result.stdout.fnmatch_lines(
        ["circuit-claims: * · cpu bfloat16 · *", "*computed in bfloat16: as asked for"]
    )
    rounded = values(on_models, "mlp-forward")
    assert rounded != exact
    assert all(abs(rounded[pair] - exact[pair]) < 0.1 for pair in exact)
    # A machine without the hardware says so, and measures nothing that float32 has measured.
    monkeypatch.setattr("circuit_claims.models.precision.CPUINFO", Path("none"))
    monkeypatch.setattr("circuit_claims.measure.assay.bfloat16_unit", lambda _device: "")
    result = on_models.run(*on_models.options(), "--circuit-precision", "auto")
    result.stdout.fnmatch_lines(["*computed in float32: this cpu multiplies no bfloat16 in hardware"])
    assert values(on_models, "mlp-forward") == exact


@pytest.mark.parametrize(("allowed", "took"), [(1.0, "bfloat16"), (0.0, "float32")])
def test_auto_takes_what_agrees_on_the_first_pair(on_models, monkeypatch, allowed, took):
    monkeypatch.setattr("circuit_claims.measure.assay.bfloat16_unit", lambda _device: "AMX")
    monkeypatch.setattr("circuit_claims.measure.assay.AGREEMENT", allowed)
    result = on_models.run(*on_models.options(), "--circuit-precision", "auto")
    result.stdout.fnmatch_lines([f"*computed in {took}: *recoveries of * differ by at most *"])
    assert on_models.measured()["agreement"] == 1
    assert on_models.report["run"]["precision"] == took


@pytest.mark.parametrize("size", ["7", "0MiB", "much"])
def test_an_amount_of_memory_that_is_none_is_refused(on_models, size):
    result = on_models.run(*on_models.options(), "--circuit-memory", size)
    assert result.ret == 4
    result.stderr.fnmatch_lines([f"*'{size}' is no amount of memory: give one such as 512MiB or 4GiB"])


def test_too_little_memory_is_an_error_of_each_claim_that_says_what_would_do(on_models):
    result = on_models.run(*on_models.options(), "--circuit-memory", "0.01MiB", "--circuit-cache", "off")
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        ["*no room for one patched state; --circuit-memory 1MiB is the least that would do*"]
    )
