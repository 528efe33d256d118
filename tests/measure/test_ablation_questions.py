"""Questions about ablations, on measurements made by hand: no model, no torch."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from circuit_claims.clips.sampling import Sampling, SamplingError
from circuit_claims.measure.circuit import Circuit
from circuit_claims.measure.questions.ablation import band

pytestmark = pytest.mark.machines

ALONE = {
    "attn_out.0": {"logit": 9.0, "margin": 4.0, "direct": 3.0},
    "mlp_out.0": {"logit": 9.0, "margin": 3.9, "direct": 2.0},
    "attn_out.1": {"logit": 9.0, "margin": 2.0, "direct": 2.0},
    "mlp_out.1": {"logit": 1.0, "margin": -1.0, "direct": -2.0},
}
"""Of a clean margin of 4: the changes are 0, -2.5 %, -50 % and -125 %."""


def one(**more: Any) -> dict[str, Any]:
    return {"label": 0, "logit": 10.0, "margin": 4.0, "spread": 2.0, **more}


class Bench:
    """An assay of two pairs that answers from a table, and notes what it was asked."""

    name = "by hand"
    pairs = SimpleNamespace(shift_in_words=Sampling("stride", 16).shift_in_words)

    def __init__(self, answers: Mapping[str, Mapping[str, Any]], shift: int = 0) -> None:
        self.answers, self.shift = answers, shift
        self.asked: list[tuple[str, str, dict[str, Any]]] = []

    def chosen(self, _pairs: str) -> list[Any]:
        clips = [SimpleNamespace(key=key, sha256=key) for key in "abcd"]
        return [
            SimpleNamespace(name=name, action="bowling", positive=clips[at], negative=clips[at + 1])
            for at, name in ((0, "first"), (2, "second"))
        ]

    def measured(self, what: str, pairs: str, params: Mapping[str, Any]) -> dict[str, Any]:
        self.asked.append((what, pairs, dict(params)))
        answer = self.answers[f"{what} {self.shift}" if self.shift else what]
        return {pair.name: answer for pair in self.chosen(pairs)}

    def facts(self) -> dict[str, Any]:
        return {"n_layers": 2, "n_heads": 1, "labels": ["sum", "difference"]}

    def shifted(self, by: int) -> Bench:
        if by < 0:
            raise SamplingError("before the clip")
        return Bench(self.answers, by)


def circuit(**answers: Any) -> Circuit:
    return Circuit(Bench({key.replace("__", "."): value for key, value in answers.items()}))  # type: ignore[arg-type]


def test_changes_are_relative_to_the_margin() -> None:
    ablated = {f"{kind} {share:g}": {"logit": 9.0, "margin": 3.0} for kind in ("top", "random", "bottom")
               for share in (0.05, 0.1, 0.2, 0.4, 0.6)}  # fmt: skip
    asked = circuit(regions__regions=one(ablated=ablated))
    assert asked.without_region("top 0.1").values == (-0.25, -0.25)
    assert asked.without_region("top 0.1", of="logit").values == (-0.25, -0.25)
    figure = asked.without_region("top 0.1").figure
    assert figure is not None
    assert [series["role"] for series in figure["series"]] == ["claim", "control", "control"]
    assert figure["series"][0]["values"] == [-0.25] * 5
    assert asked.without_region("random 0.6", clip="failure").figure is None


def test_two_labels_that_tie_leave_no_margin_to_relate_to() -> None:
    asked = circuit(ablation__joint={**one(ablated={"mlp": {"logit": 0.0, "margin": 1.0}}), "margin": 0.0})
    found = asked.without_all("mlp", [0, 1])
    assert found.values == ()
    assert set(found.undefined) == {"first", "second"}


def test_components_that_are_withstood_and_labels_that_are_kept() -> None:
    asked = circuit(ablation__each=one(ablated=ALONE))
    assert asked.withstood(within=0.05).values == (0.5, 0.5)
    assert asked.withstood(within=0.6).values == (0.75, 0.75)
    assert asked.labels_kept().values == (0.75, 0.75)
    figure = asked.withstood(within=0.05).figure
    assert figure is not None
    assert figure["x"]["values"] == [0, 1]
    named = {series["name"]: series["values"] for series in figure["series"]}
    assert len(named) == 8
    assert named["MLP, resampled"] == [-0.025, -1.25]
    assert named["attention, resampled, direct effect"] == [-0.25, -0.5]


def test_redundancy_is_what_all_at_once_cost_beyond_the_sum() -> None:
    together = {"mlp": {"logit": 0.0, "margin": -4.0}, "attn": {"logit": 0.0, "margin": 2.0}}
    asked = circuit(ablation__joint=one(ablated=together), ablation__each=one(ablated=ALONE))
    # -8 against -0.1 and -5; -2 against 0 and -2; in units of the spread, 2.
    assert asked.redundancy("mlp", [0, 1]).values == pytest.approx((1.45, 1.45))
    assert asked.redundancy("attn", [0, 1]).values == (0.0, 0.0)
    # Total minus direct: 1.9 and 1, and 1 and 0.
    assert asked.self_repair("mlp", [0, 1]).values == pytest.approx((0.725, 0.725))
    assert asked.self_repair("attn", [0, 1]).values == (0.25, 0.25)
    flat = circuit(
        ablation__joint=one(ablated=together), ablation__each={**one(ablated=ALONE), "spread": 0.0}
    )
    assert flat.redundancy("mlp", [0, 1]).undefined


def test_of_random_weights_only_the_mlps_are_measured() -> None:
    bench = Bench({"ablation.cascade": one(ablated={**ALONE, "mlp": {"logit": 0.0, "margin": -4.0}})})
    random = Circuit(bench, control=True)  # type: ignore[arg-type]
    assert random.redundancy("mlp", [0, 1]).values == pytest.approx((1.45, 1.45))
    assert {what for what, _, _ in bench.asked} == {"ablation.cascade"}


def test_a_mean_is_keyed_by_the_clips_that_it_is_over() -> None:
    bench = Bench({"ablation.each": one(ablated=ALONE)})
    Circuit(bench).labels_kept(by="mean")  # type: ignore[arg-type]
    Circuit(bench).labels_kept(by="zero")  # type: ignore[arg-type]
    (_, _, mean), (_, _, zero) = bench.asked
    assert zero == {"clip": "success", "by": "zero"}
    assert mean["by"] == "mean"
    assert len(mean["over"]) == 16


def test_jitter_is_what_the_window_alone_does_to_the_margin() -> None:
    # The window before the clip is left out; in the other one the margin is 5 rather than 4.
    def says(of_success: Mapping[str, Any]) -> dict[str, Any]:
        return {"jitter__says 2": {"success": of_success, "failure": {"outside": "the clip ends"}}}

    asked = circuit(regions__regions=one(), **says(one(margin=5.0)))
    assert asked.margin_jitter().values == (0.25, 0.25)
    # Another label wins by 1: of the clip's own label at most -1 is left.
    asked = circuit(regions__regions=one(), **says({**one(margin=1.0), "label": 1}))
    assert asked.margin_jitter().values == (1.25, 1.25)
    asked = circuit(regions__regions=one(), **says({"outside": "the clip ends"}))
    assert set(asked.margin_jitter().undefined.values()) == {"no other window fits into the clip"}


def test_the_outcome_against_the_label() -> None:
    apart = {"share": 0.02, "expected": 0.07, "success": 5.0, "failure": 3.0}
    left = {"kept": 0.9, "margin": 1.0}
    asked = circuit(
        separation__direction=apart,
        separation__ablation={"margin": 4.0, "top": left, "random": {"kept": None, "margin": 4.0}},
    )
    assert asked.outcome_in_label_space().values == pytest.approx((-0.05, -0.05))
    assert asked.outcome_in_margin().values == (0.5, 0.5)
    assert asked.outcome_without("top", share=0.2).values == pytest.approx((-0.1, -0.1))
    assert asked.outcome_without("top", share=0.2, of="margin").values == (-0.75, -0.75)
    assert asked.outcome_without("random", share=0.2).values == ()
    asked = circuit(separation__direction={**apart, "share": None, "failure": -6.0})
    assert asked.outcome_in_label_space().undefined
    assert asked.outcome_in_margin().undefined


def test_a_layer_without_a_margin_is_a_gap_in_the_figure() -> None:
    assert band([[], [0.5, 0.5]]) == {"values": [None, 0.5], "low": [None, 0.5], "high": [None, 0.5]}
