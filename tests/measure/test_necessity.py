"""Failure into success: by hand on the integer toy, on pairs turned round, and on circuits that are known."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from integer_toy import DONOR, RECIPIENT, integer_toy

sys.path.append(str(Path(__file__).parents[1] / "plugin"))

from tiny_world import save_clips, save_model

from circuit_claims.clips.decode import Decoder
from circuit_claims.clips.pairs import load_pairs
from circuit_claims.measure.assay import Assay, Bench
from circuit_claims.measure.circuit import Circuit
from circuit_claims.measure.controls import CONTROLS, NECESSITY, REVERSED
from circuit_claims.measure.errors import NotApplicable
from circuit_claims.measure.labour import labour
from circuit_claims.measure.patching import sweep
from circuit_claims.measure.results import Sweep
from circuit_claims.measure.store import Store
from circuit_claims.models.sites import attn_out, mlp_out
from circuit_claims.models.source import ModelSource

pytestmark = pytest.mark.machines


# On the toy -------------------------------------------------------------------------------------------------


def test_the_vectors_of_a_sweep_are_those_worked_out_by_hand() -> None:
    """The summary is twice CLS. Roles swapped: D = (-36, -276), mlp 0 moves (-27, -162), mlp 1 (0, -273)."""
    found = sweep(integer_toy(), RECIPIENT, DONOR, vectors=True)
    assert found.apart == (-72.0, -552.0)
    assert found.patches["mlp_out.0"].moved == (-54.0, -324.0)
    assert found.patches["mlp_out.1"].moved == (0.0, -546.0)
    assert Sweep.from_dict(found.as_dict()) == found
    plain = sweep(integer_toy(), RECIPIENT, DONOR)
    assert "apart" not in plain.as_dict()
    assert "moved" not in plain.as_dict()["patches"]["mlp_out.0"]


def test_the_vectors_of_joint_patches_are_those_worked_out_by_hand() -> None:
    found = labour(integer_toy(), DONOR, RECIPIENT, 0, 1, routes=["both", "MLPs", "gathered"], vectors=True)
    assert found.as_dict()["moved"] == {"both": [72, 552], "MLPs": [54, 546], "gathered": [66, 516]}
    assert found.as_dict()["apart"] == [72, 552]
    assert set(labour(integer_toy(), DONOR, RECIPIENT, 0, 1).as_dict()) == {"routes", "run", "held"}


# On pairs turned round --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Circuit, Circuit]]:
    """A circuit of a tiny random model on outcome pairs, and on the same pairs with their clips exchanged."""
    folder = tmp_path_factory.mktemp("world")
    pairs = load_pairs(save_clips(folder / "clips")).select("*-[01]")
    turned = replace(
        pairs, pairs=tuple(replace(p, positive=p.negative, negative=p.positive) for p in pairs.pairs)
    )
    source = ModelSource(name="tiny", location=save_model(folder / "model", 3, num_hidden_layers=6))
    with Decoder() as decoder:
        bench = Bench(Store(folder / "store"), decoder)
        yield Circuit(Assay(source, pairs, bench)), Circuit(Assay(source, turned, bench))


ASKED: Mapping[str, Any] = {
    "a write": lambda circuit, **how: circuit.recovery(mlp_out(3), **how),
    "attention": lambda circuit, **how: circuit.recovery(attn_out(5), **how),
    "together": lambda circuit, **how: circuit.together("both", 2, 4, **how),
    "gathered": lambda circuit, **how: circuit.together("gathered", 2, 4, **how),
    "mediated": lambda circuit, **how: circuit.composition("mediated", 2, 4, **how),
    "combined": lambda circuit, **how: circuit.composition("combined", 2, 4, **how),
    "beyond one": lambda circuit, **how: circuit.beyond_one(2, 4, **how),
}


@pytest.mark.parametrize("asked", ASKED)
def test_exchanging_the_clips_of_a_pair_and_the_direction_gives_the_same_number(
    world: Any, asked: str
) -> None:
    circuit, turned = world
    there, back = ASKED[asked](circuit), ASKED[asked](turned, direction=NECESSITY)
    assert there.values == pytest.approx(back.values, abs=1e-5)
    assert there.values != pytest.approx(ASKED[asked](turned).values, abs=1e-5)


def test_controls_of_the_other_direction_are_those_of_the_turned_pair(world: Any) -> None:
    circuit, turned = world
    assay, pair = circuit._assay, circuit._assay.chosen("outcome")[0]
    other = turned._assay.chosen("outcome")[0]
    for name in ("success -> failure", "noise write", "third video"):
        ours = CONTROLS[name](assay, pair)
        theirs = CONTROLS[REVERSED[name]](turned._assay, other)
        assert (ours.donor == theirs.donor).all()
        assert (ours.recipient == theirs.recipient).all()
        assert ours.noise == theirs.noise
        assert (ours.source is None) == (theirs.source is None)
        if ours.source is not None:
            assert (ours.source == theirs.source).all()
        params = {"control": name}
        assert assay._of_another(pair, params) == turned._assay._of_another(
            other, {"control": REVERSED[name]}
        )


def test_without_what_it_is_asked_along_nothing_is_read(world: Any) -> None:
    circuit, _ = world
    found = circuit.outcome_without_write(mlp_out(3))
    assert found.unit == "fraction"
    assert set(found.pairs) | set(found.undefined) == {pair.name for pair in circuit._assay.chosen("outcome")}


# By hand ----------------------------------------------------------------------------------------------------


class ByHand:
    """An assay of four pairs of one action whose success lies 2 from failure along the first coordinate."""

    name = "by hand"

    def __init__(self, answers: Mapping[str, Any]) -> None:
        self.answers = answers
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def chosen(self, _pairs: str) -> list[Any]:
        return [
            SimpleNamespace(
                name=f"{at}",
                action="bowling",
                positive=SimpleNamespace(key=f"s{at}", sha256=f"s{at}"),
                negative=SimpleNamespace(key=f"f{at}", sha256=f"f{at}"),
            )
            for at in range(4)
        ]

    def measured(self, what: str, _pairs: str, params: Mapping[str, Any]) -> dict[str, Any]:
        self.asked.append((what, dict(params)))
        return {pair.name: self.answers[what] for pair in self.chosen("")}

    def facts(self) -> dict[str, Any]:
        return {"n_layers": 12, "n_heads": 2, "labels": ["a"], "identity": {"passed": True}}


APART = (-2.0, 0.0)
"""Failure less success."""


def norms(lost: float) -> dict[str, float]:
    return {"d": 2 * abs(lost), "D": 2.0, "dot": 4 * lost, "rest": 0.0, "mean_d": 0.0, "mean_D": 2.0}


def by_hand(lost: Mapping[str, float], **routes: float) -> tuple[Circuit, ByHand]:
    """`lost` of each single write (others: none) and of each joint patch; junk lies across the direction."""
    sites = [f"{kind}_out.{layer}" for layer in range(12) for kind in ("attn", "mlp")]
    moved = {site: (-2 * lost.get(site, 0.0), 5.0) for site in sites}
    assay = ByHand(
        {
            "per_pair.sweep": {
                "apart": APART,
                "patches": {
                    s: {"moved": m, "norms": {"summary": norms(lost.get(s, 0.0))}} for s, m in moved.items()
                },
            },
            "labour.patches": {
                "apart": APART,
                "moved": {route: (-2 * share, 3.0) for route, share in routes.items()},
                "routes": {route: norms(share) for route, share in routes.items()},
            },
            "heads.patches": {"9.0": norms(0.0), "9.1": norms(0.3), "10.0": norms(-0.1), "10.1": norms(0.1)},
        }
    )
    return Circuit(assay), assay  # type: ignore[arg-type]


def test_a_composer_costs_the_outcome_alone() -> None:
    circuit, assay = by_hand({"mlp_out.5": 1.0}, MLPs=1.0, attention=0.0, both=1.0)
    assert circuit.outcome_without_write(mlp_out(5)).values == (-1.0,) * 4
    assert circuit.outcome_without_write(mlp_out(6)).values == (0.0,) * 4
    assert circuit.costliest("blocks", 4, 10).values == (-1.0,) * 4
    assert circuit.outcome_without_all("mlp", 4, 10).values == (-1.0,) * 4
    assert circuit.outcome_without_all("attn", 4, 10).values == (0.0,) * 4
    assert circuit.outcome_redundancy("mlp", 4, 10).values == (0.0,) * 4
    swept = [params for what, params in assay.asked if what == "per_pair.sweep"]
    assert {params["control"] for params in swept} == {NECESSITY}
    assert all(params["layers"] == (4, 12) and params["vectors"] for params in swept)


def test_writes_that_stand_in_for_each_other_cost_it_together_only() -> None:
    circuit, _ = by_hand({}, MLPs=1.0, attention=0.0, both=1.0)
    assert circuit.costliest("blocks", 4, 10).values == (0.0,) * 4
    assert circuit.outcome_redundancy("mlp", 4, 10).values == (1.0,) * 4
    assert circuit.outcome_redundancy("attn", 4, 10).values == (0.0,) * 4


def test_the_costliest_head_is_the_one_that_takes_most_away() -> None:
    circuit, assay = by_hand({})
    assert circuit.costliest("heads", 9, 10).values == (-0.3,) * 4
    asked = {"control": NECESSITY, "heads": [[9, 0], [9, 1], [10, 0], [10, 1]]}
    assert assay.asked == [("heads.patches", asked)]


def test_a_region_is_read_by_what_both_clips_painted_over_leave_apart() -> None:
    painted = {"apart": (2.0, 0.0), "left": {"hotspot frames": (1.5, 9.0)}}
    circuit = Circuit(ByHand({"regions.regions": painted}))  # type: ignore[arg-type]
    assert circuit.without_region("hotspot frames", of="outcome").values == (-0.25,) * 4
    with pytest.raises(NotApplicable, match=r"'bottom 0\.1' is not painted over in both clips"):
        circuit.without_region("bottom 0.1", of="outcome")
