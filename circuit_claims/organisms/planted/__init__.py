"""Circuits with a known answer, written by hand into the weights of a 12-layer ViViT.

    planted_source("composes-5")                    what `--circuit-model planted:composes-5` means
    PLANTED["composes-5"].recovery                  {"mlp_out.5": 0.995, ...}, exact, before any run
    write_pairs(folder, PLANTED["composes-5"])      its clips, and the manifest that names them

They are what the claims are tried on: a true circuit has to be supported, and a decoy refused. Imports
neither torch nor NumPy until a model is built or a clip is drawn.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from circuit_claims.models.source import ModelError, ModelSource
from circuit_claims.organisms.planted.amplifiers import (
    amplified_nuisance,
    close_call,
    nothing,
    onset,
    paper_like,
)
from circuit_claims.organisms.planted.circuit import LABELS, Evidence, Planted
from circuit_claims.organisms.planted.gazers import by_place, gaze, gaze_everywhere, stares
from circuit_claims.organisms.planted.near import (
    barely_specific,
    copies_one,
    dip,
    doubles_then_triples,
    jump,
    late_rise,
    norm_driver,
    norm_gatherer,
    round_trip,
    two_parcels,
)
from circuit_claims.organisms.planted.redundant import attn_driver, edition1, hydra, mlp_driver, redundant2
from circuit_claims.organisms.planted.serial import attn_carries, broadcast, composes, eraser

__all__ = [
    "PLANTED",
    "PREFIX",
    "Evidence",
    "Planted",
    "build",
    "planted_source",
    "scenes_hash",
    "write_pairs",
]

PREFIX = "planted:"
DRAWN_BY = ("scenes.py", "sights.py")
"""The modules that draw clips."""

PLANTED: Mapping[str, Planted] = MappingProxyType(
    {
        circuit.name: circuit
        for circuit in (
            *(composes(layer) for layer in (3, 5, 9)),
            broadcast(),
            *(attn_carries(layer) for layer in (5, 8)),
            eraser(),
            redundant2(),
            redundant2(overshoot=0.04),
            hydra(),
            mlp_driver(),
            attn_driver(),
            edition1(),
            paper_like(),
            *(onset(layer) for layer in (3, 5, 8)),
            nothing(),
            amplified_nuisance(),
            jump(),
            barely_specific(),
            doubles_then_triples(),
            late_rise(),
            dip(),
            close_call(),
            norm_driver(),
            norm_gatherer(),
            round_trip(),
            copies_one(),
            two_parcels(),
            gaze(),
            gaze_everywhere(),
            by_place(),
            stares(),
        )
    }
)
"""By the name after `planted:`."""


def build(name: str) -> Any:
    """The `VivitForVideoClassification` that holds a planted circuit."""
    from circuit_claims.organisms.planted import weights

    circuit = PLANTED[name]
    return weights.build(circuit.parts, circuit.start, LABELS)


def planted_source(name: str) -> ModelSource:
    """The source of a planted circuit, `name` with or without `planted:`. Raises ModelError."""
    short = name.removeprefix(PREFIX)
    if short not in PLANTED:
        raise ModelError(PREFIX + short, "no such circuit is planted", f"there are {', '.join(PLANTED)}")
    return ModelSource(
        name=PREFIX + short,
        build=partial(build, short),
        build_fingerprint=f"{short} {_code_hash()}",
        # All circuits are written into one configuration, so that fresh weights are the same for all.
        architecture=hashlib.sha256((Path(__file__).parent / "weights.py").read_bytes()).hexdigest(),
    )


def write_pairs(folder: Path, circuit: Planted, seed: int = 0) -> Path:
    """Draw the clips that a circuit is measured on, and return their manifest (`scenes.py`, `sights.py`)."""
    if circuit.evidence is Evidence.OBJECT:
        from circuit_claims.organisms.planted import sights

        return sights.write_pairs(folder, seed)
    from circuit_claims.organisms.planted import scenes

    return scenes.write_pairs(folder, circuit.evidence, seed)


def scenes_hash() -> str:
    """Of the source that draws the clips: a change of it is another set."""
    here = Path(__file__).parent
    return hashlib.sha256(b"".join((here / name).read_bytes() for name in DRAWN_BY)).hexdigest()


@cache
def _code_hash() -> str:
    """Of the source that makes the weights: a change of any circuit is another model."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        if path.name not in DRAWN_BY:
            digest.update(f"{path.name}\0".encode() + path.read_bytes())
    return digest.hexdigest()
