"""Each planted circuit, measured: the answers known before the run are the numbers that come out."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor

from circuit_claims.measure.labour import labour
from circuit_claims.measure.patching import patch, sweep
from circuit_claims.measure.questions.labour import NEEDED
from circuit_claims.measure.recovery import projection
from circuit_claims.measure.results import Sweep
from circuit_claims.measure.trace import delta_trace
from circuit_claims.models.load import load
from circuit_claims.models.residual import ResidualModel, run
from circuit_claims.models.sites import attn_out, mlp_out
from circuit_claims.organisms.encode import round_trip
from circuit_claims.organisms.planted import PLANTED, Evidence, Planted, planted_source, scenes, sights
from circuit_claims.organisms.planted.circuit import LABELS

pytestmark = pytest.mark.machines

torch.set_num_threads(1)
STILL = [name for name, circuit in PLANTED.items() if circuit.evidence is not Evidence.ORDER]
"""For the others see `test_planted_orders.py`."""
circuits = pytest.mark.parametrize("name", STILL)
EXACT = {"abs": 1e-3, "rel": 0.01}
"""For recoveries: the codec shifts brightness by a fraction of a level, which a linear gate passes on."""
SEEDS = (1, 2)


@cache
def model_of(name: str) -> ResidualModel:
    return load(planted_source(name))


@cache
def clip(scene: scenes.Scene | sights.Sight) -> Tensor:
    """The window of a clip as its model reads it, through the codec: `[frame, 3, 64, 64]`."""
    drawn = sights.draw(scene) if isinstance(scene, sights.Sight) else scenes.draw(scene)
    frames = round_trip(drawn, scenes.FPS, scenes.QP)
    window = range(scenes.START, scenes.START + scenes.WINDOW * scenes.STRIDE, scenes.STRIDE)
    return model_of("composes-3").preprocess(frames[list(window)])


def pair(circuit: Planted, seed: int) -> tuple[Tensor, Tensor]:
    if circuit.evidence is Evidence.OBJECT:
        sight = sights.Sight(seed, "upper place", bright=True)
        return clip(sight), clip(replace(sight, bright=False))
    success = scenes.Scene(seed, seed % 4, a=True, b=True)
    failure = replace(success, b=False, a=circuit.evidence is Evidence.ONE)
    if circuit.evidence is Evidence.CONFOUNDED:
        failure = replace(failure, noise=1, nuisance=1)
    return clip(success), clip(failure)


@cache
def swept(name: str, seed: int, reverse: bool = False) -> Sweep:
    donor, recipient = pair(PLANTED[name], seed)
    return sweep(model_of(name), *((recipient, donor) if reverse else (donor, recipient)), tokens=False)


def recoveries(found: Sweep) -> dict[str, float]:
    return {site: projection(patched.norms["summary"]) for site, patched in found.patches.items()}


@circuits
def test_every_site_recovers_what_was_known_beforehand(name: str) -> None:
    answers = PLANTED[name].recovery
    for seed in SEEDS:
        for site, recovered in recoveries(swept(name, seed)).items():
            assert recovered == pytest.approx(answers.get(site, 0.0), **EXACT), f"{site}, pair {seed}"


@circuits
def test_every_site_is_needed_as_much_as_was_known_beforehand(name: str) -> None:
    answers = PLANTED[name].kept
    for site, lost in recoveries(swept(name, SEEDS[0], reverse=True)).items():
        assert 1.0 - lost == pytest.approx(answers.get(site, 1.0), **EXACT), site


@circuits
def test_delta_grows_as_was_known_beforehand_and_from_the_planted_layer(name: str) -> None:
    circuit = PLANTED[name]
    trace = delta_trace(model_of(name), *pair(circuit, SEEDS[0]))
    heights = [2 * block.cls_delta / (block.cls_positive + block.cls_negative) for block in trace.blocks]
    assert heights[11] / heights[5] == pytest.approx(circuit.growth, rel=0.02)
    steps = [after / before for before, after in pairwise(heights)]
    if circuit.onset:
        largest = steps[circuit.onset - 1]
        before = steps[3 : circuit.onset - 1]  # movers act up to block 3
        assert largest > 1.8
        assert all(step < 1.5 for step in before)


@circuits
def test_both_outcomes_get_the_right_label_and_the_loop_is_hugging_faces_forward(name: str) -> None:
    model = model_of(name)
    assert model.labels == LABELS
    assert model.reference is not None
    for seed in SEEDS:
        shown = [LABELS[seed % 4]] * 2
        if PLANTED[name].evidence is Evidence.OBJECT:
            dark = sights.LABEL if name == "stares" else "neither lamp"  # the others read it from the object
            shown = [sights.LABEL, dark]
        for pixels, label in zip(pair(PLANTED[name], seed), shown, strict=True):
            says = run(model, pixels[None]).logits
            assert LABELS[int(says.argmax())] == label
            assert torch.equal(says, model.reference.logits(pixels[None]))


def joint(name: str, *, reverse: bool, sites: list[Any]) -> float:
    donor, recipient = pair(PLANTED[name], SEEDS[0])
    clips = (recipient, donor) if reverse else (donor, recipient)
    return projection(patch(model_of(name), *clips, sites).norms["summary"])


@pytest.mark.parametrize("name", ["redundant2", "redundant2-overshoot", "hydra", "mlp-driver"])
def test_mlps_that_stand_in_for_each_other_are_needed_together(name: str) -> None:
    mlps = range(4, 11)
    assert min(PLANTED[name].kept.get(f"mlp_out.{layer}", 1.0) for layer in mlps) > 0.95
    assert 1.0 - joint(name, reverse=True, sites=[mlp_out(layer) for layer in mlps]) < 0.02


@cache
def taken_away(name: str) -> Any:
    """The joint patches and the factorial experiment of layers 4 to 10, failure into success."""
    success, failure = pair(PLANTED[name], SEEDS[0])
    return labour(model_of(name), failure, success, 4, 10, routes=NEEDED)


@pytest.mark.parametrize(
    ("name", "single", "mlps", "gathered", "combined"),
    [
        # What is lost without MLP 5, without all MLPs, without what attention gathers; and the conjunction.
        ("composes-5", 0.995, 0.995, 0.0, -0.995),
        ("redundant2", 0.0, 0.995, 0.0, -0.995),
        ("hydra", 0.0, 0.995, 0.0, -0.995),
        ("attn-carries-5", 0.0, 0.0, 0.9975, 0.0),
        ("onset-3", 0.5, 1 - 2**-7, 0.0, 0.0),
    ],
)
def test_what_is_needed_is_told_from_what_suffices(
    name: str, single: float, mlps: float, gathered: float, combined: float
) -> None:
    """One that composes is both; of redundant ones each suffices, none is needed, and all together are."""
    close = {"abs": 0.01}
    found = taken_away(name)
    assert recoveries(swept(name, SEEDS[0], reverse=True))["mlp_out.5"] == pytest.approx(single, **close)
    assert projection(found.routes["MLPs"]) == pytest.approx(mlps, **close)
    assert projection(found.routes["gathered"]) == pytest.approx(gathered, **close)
    made = [of.together - sum(of.alone) for of in (found.run, found.held)]
    assert made[0] - made[1] == pytest.approx(combined, **close)


def test_a_robustness_that_is_vacuous_is_unharmed_by_the_joint_ablation() -> None:
    sites = [make(layer) for layer in range(4, 11) for make in (attn_out, mlp_out)]
    assert 1.0 - joint("composes-3", reverse=True, sites=sites) == pytest.approx(1.0, abs=1e-4)


def test_decoys_score_by_the_mean_over_tokens_and_not_at_the_readout() -> None:
    for name, site in (("broadcast-5", attn_out(6)), ("eraser-5", mlp_out(5))):
        norms = patch(model_of(name), *pair(PLANTED[name], 1), [site]).norms
        assert norms["tokens"].mean_d / norms["tokens"].mean_D > 0.4
        assert projection(norms["summary"]) == pytest.approx(0.0, abs=1e-4)


@pytest.mark.parametrize("name", ["nothing", "amplified-nuisance"])
def test_two_clips_of_one_outcome_give_the_same_numbers_where_nothing_reads_the_outcome(name: str) -> None:
    """What the contrast rule is for: outcome pairs and same-outcome pairs cannot be told apart."""
    success = scenes.Scene(40, 0, a=True, b=True)
    control = sweep(model_of(name), clip(success), clip(replace(success, noise=1, nuisance=1)), tokens=False)
    outcome = recoveries(swept(name, SEEDS[0]))
    assert recoveries(control) == pytest.approx(outcome, abs=1e-3)
    assert outcome["mlp_out.5"] == pytest.approx(0.5 if name == "amplified-nuisance" else 0.0, abs=1e-3)
