from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from integer_toy import DONOR, RECIPIENT, clip, integer_toy

from circuit_claims.clips.sampling import SamplingError
from circuit_claims.measure.errors import MeasurementError, NotApplicable
from circuit_claims.measure.logistic import split_accuracy
from circuit_claims.measure.probing import coarse_pixels, pooled_streams, token_split
from circuit_claims.measure.questions.probing import ProbingQuestions
from circuit_claims.types import Sample, average

pytestmark = pytest.mark.machines

# What is measured ----------------------------------------------------------------------------------------


def test_the_streams_of_the_integer_toy() -> None:
    """CLS after block 0 and 1, from the toy's docstring."""
    assert pooled_streams(integer_toy(), DONOR) == [[37.0, 6.0], [55.0, 336.0]]
    assert pooled_streams(integer_toy(), RECIPIENT) == [[10.0, 3.0], [19.0, 60.0]]
    assert pooled_streams(integer_toy(), DONOR, layers=1) == [[37.0, 6.0]]


def test_streams_are_the_hidden_states_of_hugging_face(clips: Any) -> None:
    from tiny_vivit import build_vivit

    from circuit_claims.models.load import ModelSource, load

    hf_model = build_vivit(2)
    model = load(ModelSource(name="tiny", build=lambda: hf_model, build_fingerprint="2"))
    one, other = clips(model)
    with torch.inference_mode():
        a, b = (hf_model(pixel_values=x[None], output_hidden_states=True).hidden_states for x in (one, other))
    found = pooled_streams(model, one)
    assert len(found) == model.n_layers
    for layer, stream in enumerate(found):
        assert stream == pytest.approx(a[layer + 1][0, 0].tolist(), rel=1e-5, abs=1e-6)
    assert json.loads(json.dumps(found, allow_nan=False)) == found

    y = np.repeat([1.0, -1.0], model.n_tokens - 1)
    held_out = np.random.default_rng(4).permutation(len(y)) < round(len(y) / 4)
    splits = token_split(model, one, other, layers=[0, 2], seed=4)
    assert sorted(splits) == [0, 2]
    for layer, accuracy in splits.items():
        tokens = np.concatenate([run[layer + 1][0, 1:].double().numpy() for run in (a, b)])
        assert accuracy == split_accuracy(tokens, y, held_out)


def test_coarse_pixels_are_means_of_blocks() -> None:
    """8 frames of 8 x 8: a block is 2 frames of 2 x 2. In the last block red alone is bright."""
    pixels = torch.zeros(8, 3, 8, 8)
    pixels[6:, 0, 6:, 6:] = 0.9
    found = coarse_pixels(pixels)
    assert len(found) == 64
    assert found[-1] == pytest.approx(0.3)
    assert found[:-1] == [0.0] * 63


def test_clips_that_cannot_be_measured_are_named() -> None:
    with pytest.raises(MeasurementError, match="toy, clip: pixels are"):
        pooled_streams(integer_toy(), torch.zeros(2, 3, 2, 2))
    with pytest.raises(MeasurementError, match=r"toy, clip, mlp_out 0: .* NaN or Inf"):
        pooled_streams(integer_toy(), clip(1e30, 0))
    with pytest.raises(MeasurementError, match="toy, negative"):
        token_split(integer_toy(), DONOR, clip(1e30, 0), layers=[0])


# What is asked of it -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ClipFile:
    sha256: str


@dataclass(frozen=True)
class PairByHand:
    name: str
    action: str
    positive: ClipFile
    negative: ClipFile


class AssayByHand:
    """What the store would give: answers by measurement, pairs and parameters."""

    name = "by hand"

    def __init__(self, answers: Any, pairs: int = 6, windows: Any = None) -> None:
        self.answers, self.windows = answers, windows or {}
        self.pairs = [
            PairByHand(f"p{i}", ("bowling", "golf")[i % 2], ClipFile(f"{i}s"), ClipFile(f"{i}f"))
            for i in range(pairs)
        ]

    def chosen(self, _pairs: str) -> Any:
        return self.pairs

    def facts(self) -> Any:
        return {"n_layers": 2, "n_heads": 1, "labels": [], "d_model": 5}

    def measured(self, what: str, pairs: str, params: Any) -> Any:
        answer = self.answers[what]
        return answer(pairs, params) if callable(answer) else answer

    def shifted(self, by: int) -> Any:
        if by not in self.windows:
            raise SamplingError("no room")
        return self.windows[by]


def streams(clips: Any) -> Any:
    """`[pair, layer, 2, d]` as the store keeps it, cut to the layers that are asked for."""

    def answer(_pairs: str, params: Any) -> Any:
        cut = clips[:, : params["layers"]]
        return {
            f"p{i}": {"success": of[:, 0].tolist(), "failure": of[:, 1].tolist()} for i, of in enumerate(cut)
        }

    return answer


def asked(clips: Any, windows: Any = None) -> ProbingQuestions:
    """Questions of streams `[pair, layer, 2, d]`, with those of other windows by their shift."""
    moved = {
        by: AssayByHand({"probing.streams": streams(other)}, len(clips))
        for by, other in (windows or {}).items()
    }
    pixels = {f"p{i}": {"success": [1.0], "failure": [0.0]} for i in range(len(clips))}
    return by_hand({"probing.streams": streams(clips), "probing.pixels": pixels}, len(clips), moved)


def by_hand(answers: Any, pairs: int = 6, windows: Any = None) -> ProbingQuestions:
    assay: Any = AssayByHand(answers, pairs, windows)
    return ProbingQuestions(assay)


def with_outcome(seed: int = 0, pairs: int = 8, layer: int = 1, size: float = 20.0) -> Any:
    """Noise everywhere, and an outcome from one layer on."""
    clips = np.random.default_rng(seed).normal(size=(pairs, 2, 2, 5))
    clips[:, layer:, 0, 3] += size
    return clips


def test_an_outcome_that_appears_in_a_later_layer_is_read_there() -> None:
    circuit = asked(with_outcome())
    late = circuit.held_out_probe(1)
    assert late.values == (1.0,) * 8
    assert late.pairs == tuple(f"p{i}" for i in range(8))
    assert late.groups[:2] == ("bowling", "golf")
    assert late.clips[0] == ("0s", "0f")
    early = sum(circuit.held_out_probe(0).values) / 8
    assert early < 1.0
    both = circuit.held_out_probe(0, 1)
    assert sum(both.values) / 8 == pytest.approx((1 + early) / 2), "the mean over layers"
    assert circuit.outcome_direction(1).values == (1.0,) * 8


def test_the_control_task_is_at_chance_where_the_outcome_is_all_there_is() -> None:
    circuit = asked(with_outcome(pairs=12))
    for task in (circuit.control_task(1), circuit.direction_control_task(1)):
        assert len(task) == 99
        means = [sum(sample.values) / 12 for sample in task.values()]
        assert np.mean(means) == pytest.approx(0.5, abs=0.1)
        assert {sample.pairs for sample in task.values()} == {circuit.held_out_probe(1).pairs}
    assert asked(with_outcome(pairs=12)).control_task(1) == circuit.control_task(1), (
        "drawn the same each time"
    )


def test_the_paper_s_probe_is_perfect_wherever_two_clips_differ() -> None:
    clips = with_outcome(size=0.0)
    clips[3, 0, 1] = clips[3, 0, 0]
    circuit = asked(clips)
    assert circuit.two_point_probe(1).values == (1.0,) * 8
    assert circuit.two_point_probe(0).values == (1.0, 1.0, 1.0, 0.5, 1.0, 1.0, 1.0, 1.0)
    assert circuit.two_point_probe(0).flags == ("fitted and scored on the same two points",)
    assert circuit.d_model == 5


def test_a_fingerprint_has_no_selectivity_and_an_outcome_has() -> None:
    """Four clips, the same in all windows, in five dimensions: every labelling is learnt by heart."""
    clips = with_outcome(pairs=2, size=0.0)
    circuit = asked(clips, {-2: clips, 2: clips})
    assert circuit.same_videos_probe(0).values == (1.0, 1.0)
    assert circuit.selectivity(0).values == (0.0, 0.0)

    here, *elsewhere = (with_outcome(seed, pairs=20, layer=0) for seed in (1, 2, 3))
    outcome = asked(here, dict(zip((-2, 2), elsewhere, strict=True)))
    assert min(outcome.same_videos_probe(0).values) == 1.0
    assert np.mean(outcome.selectivity(0).values) > 0.3


def test_a_window_that_does_not_fit_is_left_out_and_one_window_is_not_enough() -> None:
    outside = AssayByHand({"probing.streams": {f"p{i}": {"outside": "too short"} for i in range(4)}}, 4)
    circuit = by_hand({"probing.streams": streams(with_outcome(pairs=4))}, 4, {2: outside})
    with pytest.raises(NotApplicable, match="one window only"):
        circuit.selectivity(0)


def test_one_pair_leaves_none_to_fit_a_probe_to() -> None:
    circuit = asked(with_outcome(pairs=1))
    with pytest.raises(NotApplicable, match="others to fit a probe to"):
        circuit.held_out_probe(1)
    assert circuit.two_point_probe(1).values == (1.0,)


def test_raw_pixels_are_probed_as_the_stream_is() -> None:
    rng = np.random.default_rng(0)
    pixels = rng.normal(size=(8, 2, 64))
    pixels[:, 0, 7] += 30
    answers = {
        "probing.pixels": {
            f"p{i}": {"success": of[0].tolist(), "failure": of[1].tolist()} for i, of in enumerate(pixels)
        },
        "probing.streams": streams(with_outcome()),
    }
    circuit = by_hand(answers, 8)
    assert circuit.held_out_pixels().values == (1.0,) * 8
    figure = circuit.held_out_probe(1).figure
    assert figure is not None
    assert figure["x"]["values"] == [0, 1]
    assert [len(series["values"]) for series in figure["series"]] == [2, 2, 2]
    assert figure["series"][0]["values"][1] == 1.0
    json.dumps(figure, allow_nan=False)


def test_token_splits_are_read_by_layer() -> None:
    answers = {
        "probing.token_split": {f"p{i}": {"0": 0.5, "1": 0.25 * i} for i in range(6)},
    }
    circuit = by_hand(answers)
    assert circuit.token_split_probe(1, layers=range(2)).values == (0.0, 0.25, 0.5, 0.75, 1.0, 1.25)
    assert "leakage" in circuit.token_split_probe(0, layers=range(2)).flags[0]


def test_noise_is_filtered_where_the_delta_outgrows_the_copy_s() -> None:
    """Delta 1, 4, 16 against a copy's 1, 2, 4: the log ratio grows by log 2 a block; in p1 it falls."""

    def trace(_pairs: str, params: Any) -> Any:
        copy = params["control"] == "re-encoded"
        grows = [[1, 2, 4], [1, 4, 16]] if copy else [[1, 4, 16], [1, 2, 4]]
        return {
            f"p{i}": {"blocks": [{"cls_delta": float(value)} for value in grows[i % 2]]} for i in range(2)
        }

    circuit = by_hand({"per_pair.trace": trace}, 2)
    assert circuit.noise_filtered().values == pytest.approx((np.log(2), -np.log(2)))

    still = {f"p{i}": {"blocks": [{"cls_delta": 0.0}, {"cls_delta": 1.0}]} for i in range(2)}
    nothing = by_hand({"per_pair.trace": still}, 2)
    assert nothing.noise_filtered().values == ()
    assert set(nothing.noise_filtered().undefined) == {"p0", "p1"}


# Actions -------------------------------------------------------------------------------------------------


def test_the_action_becomes_the_unit() -> None:
    sample = Sample(
        "recovery",
        "fraction",
        (0.1, 0.2, 0.3, 0.8),
        pairs=("b1", "g1", "b2", "g2"),
        groups=("bowling", "golf", "bowling", "golf"),
        clips=(("a", "b"), ("c", "d"), ("e", "f"), ("g", "h")),
    )
    found = sample.by_action()
    assert found.values == pytest.approx((0.2, 0.5))
    assert (found.pairs, found.groups) == (("bowling", "golf"), ())
    assert found.clips == (("a", "b", "e", "f"), ("c", "d", "g", "h"))
    assert found.figure is not None
    assert [bar["value"] for bar in found.figure["bars"]] == list(found.values)
    doubled = replace(sample, values=tuple(3 * value for value in sample.values))
    assert average("mean", [sample, doubled]).values == pytest.approx((0.2, 0.4, 0.6, 1.6))
