"""Every question of the registry with arguments that no claim of the paper gives it."""

from __future__ import annotations

import math
from typing import Any

from circuit_claims.measure.circuit import Circuit
from circuit_claims.measure.errors import MeasurementError, NotApplicable
from circuit_claims.measure.questions.registry import Parameter, questions
from circuit_claims.models.sites import mlp_out

ASKED = questions(Circuit)
TEXTS: dict[str, tuple[Any, ...]] = {
    "additivity": (1, 3),
    "calibration": ("null patch",),
    "colours": ("red",),
    "recovery_in": (mlp_out(2), "rows 0 to 0, frames 50 % to 100 %"),
    "redundancy": ("mlp", [1, 3]),
    "self_repair": ("attn", [1, 3]),
    "spread": ([mlp_out(1), mlp_out(3)],),
    "token_split_probe": (3,),
    "without_all": ("mlp", [1, 3]),
    "without_region": ("random 0.2",),
    "outcome_without": ("random",),
    "together": ("attention", 1, 3),
    "withstood": (),
    "known_ablation": ("patched",),
    "known_head": ("patched",),
    "known_sign": ("joint",),
    "known_size": ("values",),
}
"""Positional arguments that a kind alone does not give."""
MORE: dict[str, dict[str, Any]] = {
    "token_split_probe": {"layers": [2, 3]},
    "outcome_without": {"share": 0.1},
    "withstood": {"within": 0.1},
}


def value(parameter: Parameter) -> Any:
    """A value of a kind that no claim of the paper takes."""
    return {"site": mlp_out(2), "layer": 2, "head": 1, "number": 3, "text": "mlp"}[parameter.kind]


def arguments(name: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """What a question is asked with."""
    if name in TEXTS:
        return TEXTS[name], MORE.get(name, {})
    required = [one for one in ASKED[name].parameters.values() if one.required]
    made: list[Any] = []
    for one in required:
        if one.kind == "word":
            made.append(one.words[-1])
        elif one.name == "last" or one.name == "end":
            made.append(4)
        else:
            made.append(value(one))
    layers = [2, 3] if "layers" in ASKED[name].parameters else []
    return (*made, *layers), {}


def ends_well(circuit: Circuit, name: str) -> None:
    given, named = arguments(name)
    try:
        sample = getattr(circuit, name)(*given, **named)
    except (NotApplicable, MeasurementError) as why:
        sentence = str(why)
    else:
        sentence = " ".join(sample.undefined.values())
        assert all(math.isfinite(float(one)) for one in sample.values)
        assert sample.values or sample.undefined
    assert not sentence or len(sentence.split()) > 3
