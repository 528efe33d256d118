"""The transplant has the numbers that its docstring works out, on any weights; colours arrive as drawn."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_vivit import build_vivit
from torch import Tensor

sys.path.append(str(Path(__file__).parents[1] / "plugin"))

from tiny_world import save_clips, save_model

from circuit_claims.clips.decode import Decoder
from circuit_claims.clips.pairs import Pair, load_pairs
from circuit_claims.measure.assay import Assay, Bench
from circuit_claims.measure.circuit import Circuit
from circuit_claims.measure.controls import CONTROLS
from circuit_claims.measure.errors import NotApplicable, UndefinedRecovery
from circuit_claims.measure.heads import sweep_heads
from circuit_claims.measure.patching import sweep
from circuit_claims.measure.recovery import METRICS, projection
from circuit_claims.measure.store import Store
from circuit_claims.measure.transplant import CLIPS, KNOWN, Transplant, transplant
from circuit_claims.models.load import ModelSource, load
from circuit_claims.models.residual import run, walk
from circuit_claims.models.sites import attn_out, mlp_out

pytestmark = pytest.mark.machines

EXACT = 1e-4
"""As in claims/test_0_calibration.py: more than ten times what float32 can be off by (`transplant.py`)."""
OF_BLOCKS = {
    (attn_out(0), "success", "failure"): -2.0,
    (attn_out(0), "failure", "success"): -0.5,
    (mlp_out(0), "success", "failure"): -1.0,
    (mlp_out(0), "failure", "success"): -0.25,
    (attn_out(1), "success", "failure"): 1.5,
    (attn_out(1), "failure", "success"): 1.5,
    (mlp_out(1), "success", "failure"): 0.0,
    (attn_out(0), "a success of another action", "failure"): 16.0,
}
"""Projections by site, donor and recipient, worked out by hand."""


def shown(model: Any, name: str) -> Tensor:
    """Pixels that `whose` reads a name from."""
    return torch.full((model.frames, 3, model.image_size, model.image_size), float(KNOWN.index(name)))


def whose(pixels: Tensor) -> str:
    return KNOWN[int(pixels.flatten()[0])]


def transplanted(model: Any, clip: Tensor, start: int = 0) -> Transplant:
    return transplant(model, clip, whose, start)


@pytest.mark.parametrize("std", [0.02, 0.5])
@pytest.mark.parametrize("start", range(2))
def test_every_number_is_the_one_worked_out_by_hand(tiny: Any, clips: Any, start: int, std: float) -> None:
    model = tiny(start, std=std)
    known = transplanted(model, clips(model)[0], start)
    assert (known.layer, known.head) == (0, start)
    for name, (a, g) in CLIPS.items():
        logits = run(known.model, shown(model, name)[None]).logits[0]
        assert logits.tolist() == pytest.approx([2 * a * (1 + g), 0.0], rel=EXACT)
    for (site, donor, recipient), expected in OF_BLOCKS.items():
        for tokens in (False, True):
            done = sweep(known.model, shown(model, donor), shown(model, recipient), tokens=tokens)
            found = projection(done[site]["summary"])
            assert found == pytest.approx(expected, rel=EXACT, abs=EXACT), (site, donor, recipient)


def test_a_patch_that_is_walked_by_hand_agrees(tiny: Any, clips: Any) -> None:
    # No sweep, no metric: the run of the failure with the success's write in the place of its own.
    model = tiny(1)
    known = transplanted(model, clips(model)[0], 4).model
    with torch.inference_mode():
        theirs = dict(walk(known, shown(model, "success")[None]))[attn_out(0)]
        patched = walk(known, shown(model, "failure")[None], {attn_out(0): lambda _own: theirs})
        last = [value for _, value in patched][-1]
        size = float(known.readout(last).logits[0, 0])
    assert size == pytest.approx(2 * 2 * (1 + 3), rel=EXACT)


def test_one_head_has_all_and_every_other_exactly_nothing(tiny: Any, clips: Any) -> None:
    model = tiny(2, num_attention_heads=4)
    known = transplanted(model, clips(model)[0], 6)
    every = [(0, head) for head in range(4)]
    found = sweep_heads(known.model, shown(model, "success"), shown(model, "failure"), every)
    assert known.head == 2
    for (_, head), norms in found.items():
        assert projection(norms) == (pytest.approx(-2.0, rel=EXACT) if head == 2 else 0.0)


def test_a_silent_head_is_passed_over(clips: Any) -> None:
    hf_model = build_vivit(3)
    with torch.no_grad():
        for layer in hf_model.vivit.layers[:2]:
            layer.attention.o_proj.weight.zero_()
        hf_model.vivit.layers[2].attention.o_proj.weight[:, :8] = 0.0  # of two heads, the first
    model = load(ModelSource(name="nearly mute", build=lambda: hf_model, build_fingerprint="nearly mute"))
    for start in range(2):
        known = transplanted(model, clips(model)[0], start)
        assert (known.layer, known.head) == (2, 1)


def test_where_no_head_writes_nothing_is_known(clips: Any) -> None:
    hf_model = build_vivit(3)
    with torch.no_grad():
        for layer in hf_model.vivit.layers:
            layer.attention.o_proj.weight.zero_()
    model = load(ModelSource(name="mute", build=lambda: hf_model, build_fingerprint="mute"))
    with pytest.raises(UndefinedRecovery, match="no head of mute writes anything"):
        transplanted(model, clips(model)[0])


Ask = Callable[..., Circuit]


@pytest.fixture(scope="module")
def on(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    """A circuit of a tiny random model on the tiny world's pairs: `on("*", num_attention_heads=1)`."""
    folder = tmp_path_factory.mktemp("known")
    manifest = save_clips(folder / "clips")
    store = Store(folder / "store")

    def made(select: str = "*", **settings: Any) -> Circuit:
        name = "-".join(["tiny", *map(str, settings.values())])
        if not (folder / name).exists():
            save_model(folder / name, 1, **settings)
        source = ModelSource(name=name, location=folder / name)
        return Circuit(Assay(source, load_pairs(manifest).select(select), Bench(store, decoder)))

    with Decoder() as decoder:
        yield made


SIZES = {
    "success -> failure": 2.0,
    "failure -> success": 0.5,
    "noise write": 2.0,
    "third video": 6.0,
    "noise into success": 0.5,
    "third into success": 2.5,
    "other class": 16.0,
    "shuffled frames": 2.0,
    "reversed frames": 2.0,
    "re-encoded": 8.0,
    "jitter": 8.0,
}


def test_every_control_has_a_known_answer() -> None:
    assert SIZES.keys() == CONTROLS.keys()


@pytest.mark.parametrize("direction", SIZES)
def test_roles_of_clips_are_those_of_the_manifest(on: Ask, direction: str) -> None:
    found = on().known_size("write", direction=direction)
    assert [name[-2:] for name in found.pairs] == ["-0", "-0"]  # one pair of each action
    assert found.values == pytest.approx([SIZES[direction]] * 2, rel=EXACT)


def test_pairs_without_an_answer_leave_it_to_the_others(on: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    from circuit_claims.measure import known_answers

    told = known_answers._whose

    def whose(assay: Assay, pair: Pair, control: str) -> Any:
        if pair.name.endswith("-0"):
            raise UndefinedRecovery("it shares a clip with another pair")
        return told(assay, pair, control)

    circuit = on()
    monkeypatch.setattr(known_answers, "_whose", whose)
    monkeypatch.setattr(circuit._assay.bench.store, "once", lambda _key, make, **_: make())
    monkeypatch.setattr(circuit._assay.bench.store, "get", lambda _key: None)
    found = circuit.known_size("write")
    assert not any(name.endswith("-0") for name in found.pairs)
    assert found.values == pytest.approx([2.0] * 4, rel=EXACT)
    assert len(found.undefined) == 2


def test_a_model_of_one_head_has_no_other(on: Ask) -> None:
    one = on(num_attention_heads=1)
    assert one.known_head("patched").values == pytest.approx([1.0] * 2, rel=EXACT)
    for ask in (lambda: one.known_head("other heads"), lambda: one.known_ablation("other heads")):
        with pytest.raises(NotApplicable, match="one head in a layer"):
            ask()


def test_one_pair_of_an_action_has_no_third_video(on: Ask) -> None:
    with pytest.raises(NotApplicable, match="needs another pair of its action"):
        on("*-0*").known_size("write", direction="third video")
    assert on("*-0*").known_size("write").values == pytest.approx([2.0] * 2, rel=EXACT)


def test_clips_that_show_the_same_frames_cannot_be_told_apart(
    on: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Another store entry would be read: ask for a question that nothing has measured yet.
    circuit = on("golf-*")
    monkeypatch.setattr("circuit_claims.measure.known_answers._frames", lambda *_: (1,))
    monkeypatch.setattr(circuit._assay.bench.store, "once", lambda _key, make, **_: make())
    monkeypatch.setattr(circuit._assay.bench.store, "get", lambda _key: None)
    with pytest.raises(NotApplicable, match="nothing tells them apart"):
        circuit.known_sign("write")


@pytest.mark.parametrize("colour", ["red", "green", "blue", "black", "white"])
def test_colours_arrive_as_they_were_drawn(on: Ask, colour: str) -> None:
    drawn = {"red": 192, "green": 128, "blue": 64, "black": 0, "white": 255}[colour] / 255
    (level, *_) = on().colours(colour).values
    assert level == pytest.approx(drawn, abs=0.04)


def test_both_decoders_read_drawn_clips(on: Ask) -> None:
    found = on()._assay.measured("known_answers.colours", "outcome", {})
    for read in found.values():
        assert sorted(name.partition(" ")[0] for name in read) == ["av", "decord2"]


def test_a_processor_that_scales_each_channel_by_itself_sees_the_same_colours(on: Ask) -> None:
    circuit = on()
    assay = circuit._assay
    model = assay.model("float32")
    scale, shift = (torch.tensor(values).view(3, 1, 1) for values in ([1.0, 2.0, 0.5], [0.1, -0.7, 0.3]))
    from dataclasses import replace

    from circuit_claims.measure.drawn import levels

    assay._model = replace(model, preprocess=lambda frames: model.preprocess(frames) * scale + shift)
    for read in levels(assay).values():
        assert read["red"] == pytest.approx(192 / 255, abs=0.04)
        assert read["blue"] == pytest.approx(64 / 255, abs=0.04)
        assert read["white"] != pytest.approx(1.0, abs=0.04)  # and the range is no longer the declared one


def test_every_metric_has_its_sign_judged() -> None:
    asked = {"write by projection", "write by cosine", "write by distance"}
    assert {f"write by {metric}" for metric in METRICS if metric != "norm_ratio"} == asked
