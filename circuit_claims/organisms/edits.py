"""Edits of trained weights whose effect on the claims is certain: some writes become exactly 0.

    edited_source(resolve("organism"), "zero-mlp-from-4")     what `planted:zero-mlp-from-4` means

The label survives, since the embedded models decide it in their first blocks, and each edit makes one kind of
claim false of weights that are otherwise trained: a recovery of exactly 0, or a delta that stops growing.
They are made while loading; nothing is committed. An edited model is judged on the pairs of its base.

Amplifiers planted into trained weights are not among them: their direction has to be fitted to clips.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from circuit_claims.models.checkpoint import PREPROCESSOR, fingerprint, locate, read_json
from circuit_claims.models.source import ModelError, ModelSource

PREFIX = "planted:"
BASE = "organism"
"""The model whose edits go by their bare name."""


@dataclass(frozen=True)
class Edit:
    """Which blocks of a ViViT stop writing, from a layer on."""

    name: str
    summary: str
    """The edit and its known answer, in a sentence."""
    start: int
    """The first layer that is edited; all later ones are too."""
    attn: bool = False
    """Attention writes 0."""
    mlp: bool = False
    """MLPs write 0."""


EDITS: Mapping[str, Edit] = MappingProxyType(
    {
        edit.name: edit
        for edit in (
            Edit(
                "zero-mlp-from-4",
                "MLPs 4 to 11 write nothing: each recovers exactly 0, and attention makes all of the rest.",
                4,
                mlp=True,
            ),
            Edit(
                "zero-attn-from-4",
                "Attention 4 to 11 writes nothing: each recovers exactly 0, and every MLP recovers more.",
                4,
                attn=True,
            ),
            Edit(
                "identity-from-6",
                "Blocks 6 to 11 write nothing: they recover exactly 0, and the delta is the same after "
                "block 11 as after block 5.",
                6,
                attn=True,
                mlp=True,
            ),
        )
    }
)
"""By the name after `planted:`."""


def edited_source(base: ModelSource, name: str) -> ModelSource:
    """A base model (a ViViT from a folder, the hub, or built) with an edit, under its `planted:` name.

    Raises ModelError for an unknown edit, for a base whose files are not there, and for one whose weights
    are replaced by a seed (edit the trained model, and let `random:` replace the weights of that).
    """
    short = name.removeprefix(PREFIX)
    if short not in EDITS:
        raise ModelError(PREFIX + short, "there is no such edit", f"there are {', '.join(EDITS)}")
    if base.reinit is not None:
        raise ModelError(base.name, "its weights are replaced by a seed", "edit the trained model")
    of = "" if base.name == BASE else f"-of-{base.record_name}"
    preprocessor = base.preprocessor
    if base.build is None:
        preprocessor = read_json(base.name, locate(base) / PREPROCESSOR)
    return ModelSource(
        name=f"{PREFIX}{short}{of}",
        build=partial(_edited, base, EDITS[short]),
        build_fingerprint=f"{short} of {fingerprint(base)} by {_code_hash()}",
        preprocessor=preprocessor,
    )


def _edited(base: ModelSource, edit: Edit) -> Any:
    hf_model = _trained(base)
    layers = getattr(getattr(hf_model, "vivit", None), "layers", None)
    if layers is None or len(layers) <= edit.start:
        found = type(hf_model).__name__ if layers is None else f"{len(layers)} layers"
        raise ModelError(
            base.name,
            f"{edit.name} edits a ViViT from layer {edit.start} on, and this is {found}",
            "name a ViViT that is deeper",
        )
    for block in layers[edit.start :]:
        silenced = ([block.attention.o_proj] if edit.attn else []) + ([block.mlp.fc2] if edit.mlp else [])
        for last_map in silenced:
            last_map.weight.data.zero_()
            last_map.bias.data.zero_()
    return hf_model


def _trained(base: ModelSource) -> Any:
    if base.build is not None:
        return base.build()
    import torch
    from transformers import VivitForVideoClassification

    return VivitForVideoClassification.from_pretrained(
        str(locate(base)), use_safetensors=True, local_files_only=True, dtype=torch.float32
    )


def _code_hash() -> str:
    return hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
