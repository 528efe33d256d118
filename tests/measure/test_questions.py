"""What claims ask of a circuit: of models of another depth, of moved windows, of joint patches."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

sys.path.append(str(Path(__file__).parents[1] / "plugin"))

from tiny_world import save_clips, save_model

from circuit_claims.clips.decode import Decoder
from circuit_claims.clips.pairs import load_pairs
from circuit_claims.measure.assay import Assay, Bench
from circuit_claims.measure.attention import ONE_FRAME, pixels_of
from circuit_claims.measure.circuit import Circuit
from circuit_claims.measure.controls import CONTROLS, SHUFFLE_SEED
from circuit_claims.measure.errors import MeasurementError, NotApplicable
from circuit_claims.measure.labour import labour
from circuit_claims.measure.questions.labour import CLAIMED, SHOWN
from circuit_claims.measure.recovery import projection
from circuit_claims.measure.store import Store
from circuit_claims.measure.trace import delta_trace
from circuit_claims.models.residual import run
from circuit_claims.models.sites import attn_out, mlp_out
from circuit_claims.models.source import ModelSource

pytestmark = pytest.mark.machines

Ask = Callable[..., Circuit]


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_clips(tmp_path_factory.mktemp("world") / "clips")


@pytest.fixture(scope="module")
def on(manifest: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    """A circuit of a tiny random model on two outcome pairs: `on(layers)`, with a store of the module."""
    store = Store(tmp_path_factory.mktemp("store"))
    folders: dict[int, Path] = {}

    def made(layers: int) -> Circuit:
        if layers not in folders:
            folders[layers] = tmp_path_factory.mktemp(f"depth-{layers}")
            save_model(folders[layers], layers, num_hidden_layers=layers)
        pairs = load_pairs(manifest).select("*-0*")
        source = ModelSource(name=f"of-{layers}", location=folders[layers])
        return Circuit(Assay(source, pairs, Bench(store, decoder)))

    with Decoder() as decoder:
        yield made


class Deep(Circuit):
    """A circuit of which the depth alone is asked."""

    def __init__(self, layers: int) -> None:
        super().__init__(Assay(ModelSource(name=f"of-{layers}", location=Path()), None, None))  # type: ignore[arg-type]
        self._assay._facts = {"n_layers": layers, "n_heads": 1, "labels": [], "identity": {"passed": True}}


# Depth --------------------------------------------------------------------------------------------------


def test_a_layer_of_twelve_is_itself() -> None:
    circuit = Deep(12)
    assert [circuit.at(layer) for layer in range(12)] == list(range(12))
    assert {type(circuit.at(layer)) for layer in range(12)} == {int}, "and says nothing of another"


@pytest.mark.parametrize(
    ("layers", "there"),
    [
        (24, {0: 0, 4: 8, 5: 10, 10: 20, 11: 22}),  # the catalogue: layers 5 to 11 are 10 to 22 of 24
        (6, {0: 0, 4: 2, 5: 3, 10: 5, 11: 5}),  # 2.5 is rounded up; 5.5 would be a layer too many
        (16, {4: 5, 5: 7, 6: 8}),
    ],
)
def test_a_layer_is_that_of_the_same_depth(layers: int, there: dict[int, int]) -> None:
    circuit = Deep(layers)
    assert {layer: circuit.at(layer) for layer in there} == there


@given(layers=st.integers(6, 96), layer=st.integers(0, 11))
def test_the_depth_is_kept_within_half_a_layer(layers: int, layer: int) -> None:
    here = Deep(layers).at(layer)
    assert 0 <= here < layers
    assert here <= Deep(layers).at(min(layer + 1, 11))
    assert abs(here - layer * layers / 12) <= 0.5 or here == layers - 1


def test_a_model_too_shallow_to_tell_layers_apart_is_not_judged() -> None:
    with pytest.raises(NotApplicable, match=r"layer 5 of 12, and the 5 layers of of-5 .* \(at least 6\)"):
        Deep(5).at(5)


def test_a_layer_of_another_depth_says_whose_place_it_takes(on: Ask) -> None:
    circuit = on(24)
    start, end = circuit.at(5), circuit.at(11)
    growth = circuit.growth(start, end)
    told = "layer 10 of 24, where the paper's is 5 of 12; layer 22 of 24, where the paper's is 11 of 12"
    assert growth.experiment["depth"] == told
    assert growth.name == "growth of the delta from layer 10 to 22"
    assert growth.values == circuit.growth(10, 22).values
    assert "depth" not in circuit.growth(10, 22).experiment
    site = mlp_out(circuit.at(5))
    assert site == mlp_out(10)
    assert circuit.recovery(site).experiment["depth"] == "layer 10 of 24, where the paper's is 5 of 12"
    assert circuit.recovery(site).values == circuit.recovery(mlp_out(10)).values


class Heard:
    """A judge that keeps what it is handed."""

    def __call__(self, measured: Any, _expectation: Any, **more: Any) -> None:
        self.measured, self.more = measured, more


@pytest.mark.parametrize(("layers", "told"), [(6, "layer 3 of 6"), (24, "layer 10 of 24")])
def test_claims_about_meaning_are_judged_at_another_depth(
    on: Ask, monkeypatch: pytest.MonkeyPatch, layers: int, told: str
) -> None:
    monkeypatch.setattr("circuit_claims.measure.questions.base.FIRST", 1)
    from claims import test_2_amplification as amplification
    from claims import test_3_division_of_labour as labours

    circuit, judge = on(layers), Heard()
    amplification.test_the_rise_starts_at_layer_5(circuit, judge, "rise at 5")
    assert judge.measured.experiment["depth"] == f"{told}, where the paper's is 5 of 12"
    assert len(judge.more["jitter"].values) == 2
    amplification.test_outcome_delta_grows_more_than_a_same_outcome_delta(circuit, judge)
    assert judge.measured.name.endswith(f"from layer 0 to {layers - 1}")
    labours.test_each_mlp_recovers_more_than_its_attention(circuit, judge, 5)
    assert judge.measured.experiment["depth"] == f"{told}, where the paper's is 5 of 12"
    labours.test_attention_moves_evidence_from_the_patch_tokens(circuit, judge)
    assert "where the paper's is 10 of 12" in judge.measured.experiment["depth"]
    assert len(judge.more["controls"]["random weights"]) == 1


def test_published_numbers_are_those_of_twelve_layers(on: Ask) -> None:
    from claims import test_2_amplification as amplification

    with pytest.raises(NotApplicable, match="has 24 layers"):
        amplification.test_delta_grows_by_over_300_percent_from_layer_5(on(24), Heard())


def test_nothing_grows_between_a_layer_and_itself(on: Ask) -> None:
    with pytest.raises(NotApplicable, match="no layers between 5 and 5"):
        on(6).growth(5, 5)
    with pytest.raises(NotApplicable, match="no two blocks before layer 1"):
        on(6).kink(1)


# Jitter -------------------------------------------------------------------------------------------------


def growth_in(circuit: Circuit, by: int) -> list[float]:
    """The growth from block 1 to 4 of each pair, with both windows moved, from the traces themselves."""
    assay = circuit._assay.shifted(by)
    found = []
    for pair in assay.chosen("outcome"):
        trace = delta_trace(assay.model(), assay.success(pair), assay.failure(pair))
        found.append(trace.blocks[4].cls_delta / trace.blocks[1].cls_delta)
    return found


def test_jitter_is_the_mean_change_over_the_moved_windows(on: Ask) -> None:
    circuit = on(6)
    jitter = circuit.jitter(lambda moved: moved.growth(1, 4))
    own, earlier, later = (growth_in(circuit, by) for by in (0, -2, 2))
    by_hand = [(abs(a - o) + abs(b - o)) / 2 for o, a, b in zip(own, earlier, later, strict=True)]
    assert jitter.values == pytest.approx(by_hand, rel=1e-9)
    assert jitter.pairs == circuit.growth(1, 4).pairs
    assert min(jitter.values) > 0


@pytest.mark.parametrize("outside", [-9, 9], ids=["before the clips", "after them"])
def test_a_window_that_does_not_fit_is_left_out(
    on: Ask, monkeypatch: pytest.MonkeyPatch, outside: int
) -> None:
    monkeypatch.setattr("circuit_claims.measure.questions.base.JITTER", (outside, 2))
    circuit = on(6)
    jitter = circuit.jitter(lambda moved: moved.growth(1, 4))
    own, later = growth_in(circuit, 0), growth_in(circuit, 2)
    assert jitter.values == pytest.approx([abs(b - o) for o, b in zip(own, later, strict=True)], rel=1e-9)


def test_where_no_window_fits_there_is_no_jitter(on: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("circuit_claims.measure.questions.base.JITTER", (-9, 99))
    jitter = on(6).jitter(lambda moved: moved.growth(1, 4))
    assert jitter.values == ()
    assert set(jitter.undefined.values()) == {"no moved window fits into its clips"}


def test_moved_windows_are_measured_once(on: Ask) -> None:
    on(6).jitter(lambda moved: moved.growth(1, 4))
    again = on(6)
    before = again._assay.bench.store.misses
    first = again.jitter(lambda moved: moved.growth(2, 5))
    assert again._assay.bench.store.misses == before
    assert again._assay._model is None
    assert len(first.values) == 2


def test_the_sites_of_random_weights_are_checked_on_one_seed(on: Ask) -> None:
    """The modules are the same, and so are their sites; weights and numbers are each seed's own."""
    circuit = on(4)
    first, *others = circuit.random()
    store = circuit._assay.bench.store
    asked = [of._assay.facts() for of in (first, *others)]
    assert len({facts["fingerprint"] for facts in asked}) == len(asked)
    described = [
        of._assay._key("per_pair.facts", {}, of._assay.chosen("outcome")[0]) for of in (first, *others)
    ]
    assert [store.get(key) is not None for key in described] == [True, *[False] * len(others)]
    first._assay._facts["identity"]["passed"] = False
    with pytest.raises(MeasurementError, match="sites are not what their names say"):
        circuit.random()[1].growth(1, 2)


def test_the_label_is_asked_in_every_window_that_fits(on: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    """The share of windows in which both clips have the right label, from runs of their own."""
    monkeypatch.setattr("circuit_claims.measure.circuit.WINDOWS", (-9, -2, 2, 99))
    circuit = on(6)
    circuit._assay.facts()
    pairs = circuit._assay.chosen("outcome")
    tops = {pair.name: [] for pair in pairs}
    for by in (0, -2, 2):
        assay = circuit._assay.shifted(by)
        for pair in pairs:
            clips = torch.stack([assay.success(pair), assay.failure(pair)])
            tops[pair.name].append(run(assay.model(), clips).logits.argmax(dim=-1).tolist())
    wanted = tops[pairs[0].name][0][0]
    monkeypatch.setattr(type(circuit), "_label", lambda _self, _pair: wanted)
    by_hand = tuple(tops[pair.name].count([wanted] * 2) / 3 for pair in pairs)
    assert circuit.label_kept().values == by_hand
    assert by_hand[0] > 0


def test_the_margin_in_a_moved_window_is_that_of_a_run_of_its_own(on: Ask) -> None:
    assay = on(6)._assay.shifted(2)
    for pair in assay.chosen("outcome"):
        says = assay.measured("jitter.says", "outcome", {})[pair.name]
        for side, pixels in (("success", assay.success(pair)), ("failure", assay.failure(pair))):
            first, second = run(assay.model(), pixels[None]).logits[0].topk(2).values.tolist()
            assert says[side]["margin"] == pytest.approx(first - second, rel=1e-4, abs=1e-6)
            assert says[side]["logit"] == pytest.approx(first, rel=1e-5)


def test_controls_of_time_are_those_frames_in_another_order(on: Ask) -> None:
    """As preprocessing makes them of the frames themselves."""
    assay = on(6)._assay
    pair = assay.chosen("outcome")[0]
    window = assay.window(pair, True)
    assert torch.equal(CONTROLS["reversed frames"](assay, pair).donor, assay.pixels(window[::-1].copy()))
    order = np.random.default_rng(SHUFFLE_SEED).permutation(len(window))
    assert torch.equal(CONTROLS["shuffled frames"](assay, pair).donor, assay.pixels(window[order]))
    one = pixels_of(assay, pair, ONE_FRAME, positive=True)
    assert torch.equal(one, assay.pixels(window[[len(window) // 2] * len(window)]))
    moved = assay.shifted(1)
    assert torch.equal(CONTROLS["jitter"](assay, pair).donor, assay.pixels(moved.window(pair, False)))


# Division of labour -------------------------------------------------------------------------------------


def test_joint_patches_are_those_of_the_pair(on: Ask) -> None:
    circuit = on(6)
    found = circuit.together("gathered", 2, 5)
    assay = circuit._assay
    for pair, value in zip(assay.chosen("outcome"), found.values, strict=True):
        made = labour(assay.model(), assay.success(pair), assay.failure(pair), 2, 5, routes=["gathered"])
        assert value == pytest.approx(projection(made.routes["gathered"]), rel=1e-4)
    assert found.experiment["readout"].startswith("summary")
    assert found.figure is not None
    assert [bar["value"] for bar in found.figure["bars"] if "patch tokens, " not in bar["name"]]
    assert len(found.figure["bars"]) == len(SHOWN)


def test_of_controls_only_what_claims_rest_on_is_measured(on: Ask) -> None:
    circuit = on(6)
    other = circuit.together("both", 2, 5, pairs="noise")
    assert other.figure is None
    assert set(circuit._labour(2, 5, "success -> failure", "noise").popitem()[1]["routes"]) == set(CLAIMED)
    assert circuit.random()[0].together("both", 2, 5).figure is None


def test_what_the_pairs_lack_is_an_undefined_control(on: Ask) -> None:
    missing = on(6).together("both", 2, 5, pairs="other-clip")
    assert missing.values == ()
    assert "has no other-clip pairs" in missing.undefined["all pairs"]
    assert on(6).composition("combined", 2, 5, pairs="other-clip").undefined
    assert on(6).beyond_one(2, 5, pairs="other-clip").values == ()


def test_mlps_that_are_held_and_run_make_the_composition(on: Ask) -> None:
    circuit = on(6)
    mediated, combined = (circuit.composition(part, 2, 4) for part in ("mediated", "combined"))
    assay = circuit._assay
    pair = assay.chosen("outcome")[0]
    made = labour(assay.model(), assay.success(pair), assay.failure(pair), 2, 4, routes=["both"])
    assert made.run is not None
    assert made.held is not None
    assert mediated.values[0] == pytest.approx(made.run.together - made.held.together, abs=1e-5)
    excess = [of.together - sum(of.alone) for of in (made.run, made.held)]
    assert combined.values[0] == pytest.approx(excess[0] - excess[1], abs=1e-5)


def test_beyond_one_is_held_against_the_largest_single_write(on: Ask) -> None:
    circuit = on(6)
    together = circuit.together("both", 2, 3).values
    singles = [circuit.recovery(make(layer)).values for layer in (2, 3) for make in (attn_out, mlp_out)]
    largest = [max(column) for column in zip(*singles, strict=True)]
    by_hand = [t - s for t, s in zip(together, largest, strict=True)]
    assert circuit.beyond_one(2, 3).values == pytest.approx(by_hand)
    index = [sum(column) / t for column, t in zip(zip(*singles, strict=True), together, strict=True)]
    assert circuit.additivity(2, 3).values == pytest.approx(index)


# Controls that there are no clips for ----------------------------------------------------------------------


def test_a_control_without_its_other_clip_loads_nothing(on: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    assay = on(2)._assay
    alone = replace(assay.pairs, pairs=tuple(pair for pair in assay.pairs.pairs if pair.control is None)[:1])
    one = Assay(assay.source, alone, assay.bench)
    monkeypatch.setattr(Assay, "model", lambda *_: pytest.fail("no model is needed to say so"))
    params = {"control": "third video", "layers": [0, 2], "tokens": False}
    with pytest.raises(NotApplicable, match="needs another pair of its action, and the set has none"):
        one.measured("per_pair.sweep", "outcome", params)


def test_the_best_screened_head_is_among_all_heads_patched(on: Ask) -> None:
    circuit = on(3)
    n = 3 * circuit.facts.n_heads
    every = {head: circuit.head_recovery(*head) for head in circuit.swept_heads()}
    exhaustive = circuit.leading_head_recovery(n)
    for at, pair in enumerate(exhaustive.pairs):
        best = max(sample.values[sample.pairs.index(pair)] for sample in every.values())
        assert exhaustive.values[at] >= best - 1e-5
    screened, error = circuit.leading_head_recovery(2), circuit.screening_error(2)
    assert screened.pairs == error.pairs == exhaustive.pairs
    assert all(one <= best + 1e-5 for one, best in zip(screened.values, exhaustive.values, strict=True))
    assert f"the first 2 of {n} heads exact; first order is off by" in screened.experiment["screen"]
    assert f"{100 * max(error.values):.2g} at most" in screened.experiment["screen"]
    assert screened.figure is not None
    assert 2 <= len(screened.figure["bars"]) <= 4


def test_the_best_screened_token_recovers_what_the_report_says(on: Ask) -> None:
    found = on(3).leading_token_recovery(mlp_out(0), 3)
    assert len(found.values) == 2
    assert found.experiment["patch"] == "mlp_out 0 at one token of all, success -> failure"
    assert "the first 3 tokens exact; first order is off by" in found.experiment["screen"]


@pytest.mark.parametrize("top", [0, 10_000])
def test_more_heads_than_there_are_cannot_be_screened(on: Ask, top: int) -> None:
    with pytest.raises(NotApplicable, match="heads, and"):
        on(3).leading_head_recovery(top)


def test_a_pair_without_an_outcome_has_no_screen(on: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    circuit = on(3)
    monkeypatch.setattr(type(circuit._assay), "success", lambda self, pair: self.failure(pair).clone())
    found = circuit.leading_head_recovery(1)
    assert found.values == ()
    assert all("does not differ" in why for why in found.undefined.values())
    assert "no pair has anything to recover" in found.experiment["screen"]
