"""On a device without float64 (Apple's GPU) everything is measured, and comes to the CPU's numbers."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from apple_gpu import PLACE, Moving, OnGpu, on_gpu
from tiny_vivit import build_vivit
from torch import Tensor

import circuit_claims
from circuit_claims.measure import runs
from circuit_claims.measure.ablation import ablate_each, ablate_together, mean, resample, zero
from circuit_claims.measure.attribution import attribute, plain
from circuit_claims.measure.calibration import direct_shares
from circuit_claims.measure.heads import sweep_heads
from circuit_claims.measure.labour import labour
from circuit_claims.measure.patching import patch, sweep
from circuit_claims.measure.probing import token_split
from circuit_claims.measure.regions import ablate_regions, tubelets
from circuit_claims.measure.screening import screen
from circuit_claims.measure.separation import direction, outcome_kept
from circuit_claims.measure.trace import delta_trace
from circuit_claims.models.load import ModelSource, load
from circuit_claims.models.residual import ResidualModel

PACKAGE = Path(circuit_claims.__file__).parent


def two_models() -> tuple[ResidualModel, ResidualModel]:
    """The same weights on the CPU and on the other device."""

    def loaded() -> tuple[ResidualModel, Any]:
        hf_model = build_vivit(num_hidden_layers=2)
        return load(ModelSource(name="tiny", build=lambda: hf_model, build_fingerprint="0")), hf_model

    model, _ = loaded()
    other, modules = loaded()
    return model, on_gpu(other, modules)


BASELINES = ("zero", "clip mean", "another frame")
MEASURES: dict[str, Callable[[ResidualModel, Tensor, Tensor], Any]] = {
    "sweep": lambda m, a, b: sweep(m, a, b),
    "noise": lambda m, a, b: sweep(m, a, b, noise=3, tokens=False),
    "patch": lambda m, a, b: patch(m, a, b, [m.writes[1].site, m.writes[2].site]),
    "heads": lambda m, a, b: sweep_heads(m, a, b, [(0, 0), (1, 1)]),
    "labour": lambda m, a, b: labour(m, a, b, 0, 1),
    "trace": lambda m, a, b: delta_trace(m, a, b),
    "shares": lambda m, a, b: direct_shares(m, a, b),
    "attribution": lambda m, a, _: plain(attribute(m, a)),
    "ablation": lambda m, a, b: ablate_each(m, a, resample(m, b)),
    "ablation of heads": lambda m, a, b: ablate_each(m, a, resample(m, b, heads=True), heads=True),
    "means together": lambda m, a, b: ablate_together(
        m, a, mean(m, [a, b]), {"two": [w.site for w in m.writes[:2]]}
    ),
    "screen": lambda m, a, b: _plain_screen(screen(m, a, b)),
    "direction": lambda m, a, b: direction(m, a, b),
    "kept": lambda m, a, b: outcome_kept(m, a, b, 0.2, 0),
    "zeros": lambda m, a, _: ablate_each(m, a, zero(m)),
    "regions": lambda m, a, _: ablate_regions(m, a, {b: (tubelets(m, [0, 3]), b) for b in BASELINES}),
    "token split": lambda m, a, b: token_split(m, a, b, [0, 1]),
}


def _first_two(model: ResidualModel) -> list[Any]:
    return [write.site for write in model.writes[:2]]


def _plain_screen(found: Any) -> Any:
    return replace(found, tokens={site: values.tolist() for site, values in found.tokens.items()})


@pytest.mark.parametrize("what", MEASURES)
def test_it_is_measured_and_comes_to_the_same(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # In the same batches, so that the numbers are the same to the last bit.
    monkeypatch.setattr(runs, "STATE_TOKENS", {"cpu": 512, PLACE: 512})
    here, there = two_models()
    shape = (here.frames, 3, here.image_size, here.image_size)
    donor, recipient = (torch.randn(shape, generator=torch.Generator().manual_seed(n)) for n in (0, 1))
    with Moving():
        found = MEASURES[what](there, donor, recipient)
    assert found == MEASURES[what](here, donor, recipient)


def test_the_stand_in_refuses_what_the_device_does() -> None:
    there = torch.ones(3).as_subclass(OnGpu)
    for wrong in (
        lambda: there.double(),
        lambda: there.to(torch.float64),
        lambda: there.to("cpu", torch.float64),
        lambda: there.numpy(),
        lambda: there + torch.ones(3),
        lambda: torch.cat([there, torch.ones(1)]),
    ):
        with pytest.raises((TypeError, RuntimeError)):
            wrong()
    assert type(there.cpu()) is torch.Tensor
    assert isinstance(there @ there, OnGpu)
    assert there.cpu().double().dtype is torch.float64


def test_no_other_module_converts_a_tensor_to_float64() -> None:
    """What is not measured above would be found on such a device only."""
    found = [
        f"{path.relative_to(PACKAGE)}:{node.lineno}"
        for room in ("models", "measure")
        for path in sorted((PACKAGE / room).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        if node.func.attr == "double"
        or (node.func.attr in ("to", "type") and "torch.float64" in ast.unparse(node))
    ]
    assert [place.partition(":")[0] for place in found] == ["models/device.py"]
