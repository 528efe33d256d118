"""A model that averages its tokens is asked everything: each measurement, and the questions that use them."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from pooled_toy import PooledToy, pooled_toy

sys.path.append(str(Path(__file__).parents[1] / "plugin"))

from tiny_world import save_clips

from circuit_claims.clips.decode import Decoder
from circuit_claims.clips.pairs import load_pairs
from circuit_claims.measure import calibration
from circuit_claims.measure.assay import Assay, Bench
from circuit_claims.measure.circuit import Circuit
from circuit_claims.measure.errors import NotApplicable
from circuit_claims.measure.store import Store
from circuit_claims.models.sites import attn_out, mlp_out, resid_post
from circuit_claims.models.source import ModelSource
from circuit_claims.types import Sample

pytestmark = pytest.mark.machines

FORWARD = "success -> failure"
SOME = {"control": FORWARD}
ASKED: dict[str, list[dict[str, Any]]] = {
    "per_pair.sweep": [
        {**SOME, "tokens": True, "layers": (0, 6)},
        {**SOME, "tokens": False, "layers": (2, 6)},
    ],
    "per_pair.facts": [{}],
    "per_pair.trace": [SOME, {"control": "re-encoded"}],
    "per_pair.calibration": [{}],
    "per_pair.drift": [{"site": "resid_post.5", "shift": 2}],
    "jitter.trace": [SOME],
    "jitter.sweep": [{**SOME, "tokens": False, "layers": (0, 6)}],
    "jitter.says": [{}],
    "precision.agreement": [{}],
    "ablation.each": [{"clip": "success", "by": by} for by in ("zero", "mean", "resample")],
    "ablation.heads": [{"clip": "failure", "by": "resample", "of": 2}],
    "ablation.joint": [{"clip": "success", "by": "zero", "layers": [1, 2, 3]}],
    "ablation.cascade": [{"clip": "success", "by": "resample", "layers": [1, 2, 3]}],
    "regions.regions": [
        {"clip": "success", "curve": True},
        {"clip": "success", "curve": False, "others": True},
        {"clip": "failure", "curve": False},
    ],
    "places.patch": [
        {**SOME, "site": "attn_out.2", "head": 1, "region": ""},
        {"control": "noise write", "site": "resid_post.3", "head": None, "region": "frames 50 % to 100 %"},
    ],
    "places.painted": [{"region": "rows 0 to 0", "baseline": "clip mean"}],
    "separation.direction": [{}],
    "separation.ablation": [{"share": 0.1}],
    "probing.streams": [{**SOME, "layers": None}],
    "probing.pixels": [SOME],
    "probing.token_split": [{**SOME, "layers": [0, 5]}],
    "heads.patches": [
        {**SOME, "heads": [[0, 0], [5, 2]]},
        {"control": "failure -> success", "heads": [[3, 1]]},
    ],
    "screening.heads": [{**SOME, "top": 3}],
    "screening.tokens": [{**SOME, "site": "mlp_out.2", "top": 3}],
    "labour.patches": [
        {**SOME, "first": 1, "last": 4, "routes": ["both", "gathered", "pattern", "values"]},
        {"control": "third video", "first": 1, "last": 4, "routes": ["both", "gathered"]},
        {"control": "noise write", "first": 1, "last": 4, "routes": ["both", "gathered"]},
    ],
    "attention.clips": [{**SOME, "both": True, "layers": [2, 3], "heads": [(2, 1)], "tracks": ""}],
    "known_answers.roles": [{**SOME, "heads": True}, {"control": "failure -> success", "heads": True}],
    "known_answers.ablations": [{"clip": "success", "by": "zero"}],
    "known_answers.colours": [{}],
}
"""A measurement's parameters, by `module.name`."""
MAY_LACK = (
    *("lift", "lift_kept", "mask", "final patch tokens"),
    *("closure", "closure_max", "loop", "null_effect", "reads_back", "differs", "effect", "loop_effect"),
)
"""What is None where it is undefined: nothing is tracked, no token is inert, not every site is a write."""


@pytest.fixture(scope="module")
def circuit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Circuit]:
    """The toy on four outcome pairs of two actions."""
    folder = tmp_path_factory.mktemp("pooled")
    pairs = load_pairs(save_clips(folder / "clips"))
    source = ModelSource(name="pooled", build=lambda: None, build_fingerprint="pooled toy")
    with Decoder() as decoder:
        assay = Assay(source, pairs, Bench(Store(folder / "store"), decoder))
        assay._model = pooled_toy(PooledToy())
        yield Circuit(assay)


def test_every_measurement_is_asked() -> None:
    room = Path(calibration.__file__).parent
    written = {
        path.stem for path in room.glob("*.py") if "\nMEASUREMENTS: " in path.read_text(encoding="utf-8")
    }
    there = {
        f"{module}.{name}"
        for module in written
        for name in import_module(f"circuit_claims.measure.{module}").MEASUREMENTS
    }
    assert there == set(ASKED)


def numbers(found: Any, at: str = "") -> Iterator[tuple[str, Any]]:
    """Every leaf of plain data that is a number or None, with its path."""
    if isinstance(found, dict):
        for key, value in found.items():
            yield from numbers(value, f"{at}/{key}")
    elif isinstance(found, list | tuple):
        for value in found:
            yield from numbers(value, at)
    elif not isinstance(found, str):
        yield at, found


@pytest.mark.parametrize("what", ASKED)
def test_every_measurement_gives_numbers(circuit: Circuit, what: str) -> None:
    for params in ASKED[what]:
        for found in circuit._assay.measured(what, "outcome", params).values():
            assert "undefined" not in found or found["undefined"] == "", found
            leaves = list(numbers(found))
            assert leaves
            for at, value in leaves:
                if value is None:
                    assert at.rpartition("/")[2] in MAY_LACK, at
                else:
                    assert math.isfinite(value), at


QUESTIONS: dict[str, Callable[[Circuit], Sample]] = {
    "recovery": lambda c: c.recovery(mlp_out(2)),
    "recovery at the pool": lambda c: c.recovery(attn_out(4), readout="cls", direction="noise write"),
    "recovery at all tokens": lambda c: c.recovery(mlp_out(2), readout="tokens", metric="norm_ratio"),
    "strongest": lambda c: c.strongest(),
    "spread": lambda c: c.spread([mlp_out(2), mlp_out(3)]),
    "distance": lambda c: c.distance(),
    "label kept": lambda c: c.label_kept(),
    "null patch": lambda c: c.calibration("null patch"),
    "attention at CLS": lambda c: c.calibration("attention at CLS"),
    "direct shares": lambda c: c.calibration("direct shares"),
    "closure": lambda c: c.closure(),
    "drift": lambda c: c.drift(resid_post(5), shift=2),
    "growth": lambda c: c.growth(1, 5, relative=True),
    "growth of all tokens": lambda c: c.growth(1, 5, of="tokens"),
    "kink": lambda c: c.kink(3),
    "labels": lambda c: c.labels(),
    "joint": lambda c: c.together("both", 1, 4),
    "values": lambda c: c.together("values", 1, 4),
    "mediated": lambda c: c.composition("mediated", 1, 4),
    "combined": lambda c: c.composition("combined", 1, 4),
    "beyond one": lambda c: c.beyond_one(1, 4),
    "additivity": lambda c: c.additivity(1, 4),
    "redundancy": lambda c: c.redundancy("mlp", [1, 2, 3]),
    "withstood": lambda c: c.withstood(within=0.1),
    "labels without a head": lambda c: c.labels_kept(of="heads"),
    "outcome redundancy": lambda c: c.outcome_redundancy("mlp", 1, 4),
    "costliest head": lambda c: c.costliest("heads", 1, 2),
    "attribution gap": lambda c: c.attribution_gap(),
    "attributed later": lambda c: c.attributed_later(),
    "token map": lambda c: c.attributed_later("token_map"),
    "token map gap": lambda c: c.token_map_gap(),
    "lens step": lambda c: c.lens_step(3),
    "without top tokens": lambda c: c.without_region("top 0.1"),
    "a write at some tokens": lambda c: c.recovery_in(mlp_out(2), "rows 0 to 0, frames 0 % to 50 %"),
    "a head of a third video": lambda c: c.head_recovery(2, 1, direction="noise write"),
    "without a row": lambda c: c.without_region("rows 1 to 1", of="outcome"),
    "without frames": lambda c: c.without_region("hotspot frames"),
    "label space": lambda c: c.outcome_in_label_space(),
    "margin": lambda c: c.outcome_in_margin(),
    "outcome without top": lambda c: c.outcome_without("top", share=0.1),
    "leading head": lambda c: c.leading_head_recovery(3),
    "leading token": lambda c: c.leading_token_recovery(mlp_out(2), 3),
    "two points": lambda c: c.two_point_probe(3),
    "token split": lambda c: c.token_split_probe(3, layers=[0, 3]),
    "noise filtered": lambda c: c.noise_filtered(),
    "known size": lambda c: c.known_size("write"),
    "known head": lambda c: c.known_head("patched"),
    "colours": lambda c: c.colours("red"),
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_every_question_gets_a_number(circuit: Circuit, name: str) -> None:
    found = QUESTIONS[name](circuit)
    assert found.values
    assert all(math.isfinite(value) for value in found.values)
    assert not any("inert readout" in flag for flag in found.flags), "every token of this model is read"


@pytest.mark.parametrize(
    "ask",
    [
        lambda c: c.calibration("final patch tokens"),
        lambda c: c.together("gathered", 1, 4),
    ],
    ids=["inert tokens", "gathered"],
)
def test_what_needs_a_token_that_is_not_read_is_not_applicable(circuit: Circuit, ask: Any) -> None:
    with pytest.raises(NotApplicable, match="pooled reads every token"):
        ask(circuit)


def test_a_known_run_has_its_numbers_though_many_tokens_are_pooled(circuit: Circuit) -> None:
    """As `transplant.py` works them out: -2 towards the failure clip, -1/2 back."""
    for direction, size in ((FORWARD, 2.0), ("failure -> success", 0.5)):
        for of in ("write", "joint", "values", "patched", "screened"):
            assert circuit.known_size(of, direction=direction).values == pytest.approx([size] * 2, abs=1e-4)
            assert set(circuit.known_sign(of, direction=direction).values) == {-1.0}
    assert circuit.known_head("other heads").values == pytest.approx([0.0] * 2, abs=1e-4)
