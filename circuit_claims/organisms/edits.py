"""Edits of trained weights whose effect on the claims is known.

    edited_source(resolve("organism"), "zero-mlp-from-4")     what `planted:zero-mlp-from-4` means

Silenced blocks write exactly 0, from a layer on. Placed blocks are the first four as they were trained, at
other depths, with blocks that write exactly 0 around them: the onset is where the first of them stands.
Amplifiers (`amplifier.py`) add what CLS says of the outcome once more. The label survives each of them, since
the embedded models decide it in their first blocks and amplifiers write where no logit reads.

They are made while loading. An edited model is judged on the pairs of its base.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from circuit_claims.models.checkpoint import CONFIG, PREPROCESSOR, fingerprint, locate, read_json
from circuit_claims.models.source import ModelError, ModelSource
from circuit_claims.organisms import amplifier
from circuit_claims.organisms.amplifier import amplify

PREFIX = "planted:"
BASE = "organism"


@dataclass(frozen=True)
class Edit:
    """A change of a trained ViViT."""

    name: str
    summary: str
    """The edit and its known answer, in a sentence."""
    layers: int
    """How many layers the model has to have."""
    change: Callable[[Any, ModelSource], None]
    """Changes the Hugging Face model in place; the source says whose weights they are."""
    base: str = BASE
    """The model whose edit goes by its bare name."""
    reads: tuple[str, ...] = ()
    """Files beside the weights that it depends on."""
    misses: tuple[str, ...] = ()
    """Claims (`id/kind`) that come near to being true of it and are not: none of them may be supported."""


def silence(block: Any, attn: bool = True, mlp: bool = True) -> None:
    """Let a block's attention, its MLP, or both write exactly 0."""
    for last_map in ([block.attention.o_proj] if attn else []) + ([block.mlp.fc2] if mlp else []):
        last_map.weight.data.zero_()
        last_map.bias.data.zero_()


def silence_from(hf_model: Any, _: ModelSource, start: int, attn: bool = False, mlp: bool = False) -> None:
    """Silence the attention, the MLPs, or both, of a layer and all later ones."""
    for block in hf_model.vivit.layers[start:]:
        silence(block, attn, mlp)


def place(hf_model: Any, _: ModelSource, at: Sequence[int]) -> None:
    """Put the first trained blocks at the given layers, in their order, and silence all others."""
    layers = hf_model.vivit.layers
    trained = [copy.deepcopy(layers[index].state_dict()) for index in range(len(at))]
    for block in layers:
        silence(block)
    for layer, weights in zip(at, trained, strict=True):
        layers[layer].load_state_dict(weights)


def _silenced(name: str, summary: str, start: int, attn: bool = False, mlp: bool = False) -> Edit:
    return Edit(name, summary, start + 1, partial(silence_from, start=start, attn=attn, mlp=mlp))


def _placed(name: str, at: Sequence[int], summary: str) -> Edit:
    return Edit(f"placed-{name}", summary, max(at) + 1, partial(place, at=tuple(at)))


def _amplified(alpha: int) -> Edit:
    return Edit(
        f"amplifier-{alpha}",
        f"MLPs 5 to 10 of the model that knows the outcome add {alpha} times what CLS says of it: its delta "
        "grows from block 5 on.",
        amplifier.LAST + 1,
        partial(amplify, alpha=float(alpha)),
        base="organism-outcome",  # the other has no outcome direction to amplify
        reads=(amplifier.FILE,),
    )


EDITS: Mapping[str, Edit] = MappingProxyType(
    {
        edit.name: edit
        for edit in (
            _silenced(
                "zero-mlp-from-4",
                "MLPs 4 to 11 write nothing: each recovers exactly 0, and attention makes all of the rest.",
                4,
                mlp=True,
            ),
            _silenced(
                "zero-attn-from-4",
                "Attention 4 to 11 writes nothing: each recovers exactly 0, and every MLP recovers more.",
                4,
                attn=True,
            ),
            _silenced(
                "identity-from-6",
                "Blocks 6 to 11 write nothing: they recover exactly 0, and the delta is the same after "
                "block 11 as after block 5.",
                6,
                attn=True,
                mlp=True,
            ),
            _placed(
                "5-7-9-11",
                (5, 7, 9, 11),
                "Trained blocks 0 to 3 stand at 5, 7, 9 and 11, the rest write nothing: the CLS delta is "
                "exactly 0 before block 5, and flat between.",
            ),
            _placed(
                "8-to-11",
                range(8, 12),
                "Trained blocks 0 to 3 stand at 8 to 11, the rest write nothing: the CLS delta is exactly 0 "
                "before block 8.",
            ),
            _placed(
                "0-to-3",
                range(4),
                "Trained blocks 0 to 3 stay, the rest write nothing: all is done when block 4 begins.",
            ),
            *(_amplified(alpha) for alpha in (2, 6, 15)),
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
    edit = EDITS[short]
    of = "" if base.name == edit.base else f"-of-{base.record_name}"
    preprocessor, architecture = base.preprocessor, base.architecture
    if base.build is None:
        folder = locate(base)
        preprocessor = read_json(base.name, folder / PREPROCESSOR)
        # All edits leave the configuration alone, so that fresh weights are the same for all.
        architecture = json.dumps(read_json(base.name, folder / CONFIG), sort_keys=True)
    return ModelSource(
        name=f"{PREFIX}{short}{of}",
        build=partial(_edited, base, edit),
        build_fingerprint=f"{short} of {fingerprint(base)} by {_made_by(edit, base)}",
        architecture=architecture,
        preprocessor=preprocessor,
    )


def _edited(base: ModelSource, edit: Edit) -> Any:
    hf_model = _trained(base)
    layers = getattr(getattr(hf_model, "vivit", None), "layers", None)
    if layers is None or len(layers) < edit.layers:
        found = type(hf_model).__name__ if layers is None else f"{len(layers)} layers"
        raise ModelError(
            base.name,
            f"{edit.name} edits a ViViT of at least {edit.layers} layers, and this is {found}",
            "name a ViViT that is deeper",
        )
    edit.change(hf_model, base)
    return hf_model


def _trained(base: ModelSource) -> Any:
    if base.build is not None:
        return base.build()
    import torch
    from transformers import VivitForVideoClassification

    return VivitForVideoClassification.from_pretrained(
        str(locate(base)), use_safetensors=True, local_files_only=True, dtype=torch.float32
    )


def _made_by(edit: Edit, base: ModelSource) -> str:
    """A hash of the source that edits, and of the files that an edit reads: a change is another model."""
    files = [Path(__file__), Path(amplifier.__file__)]
    if edit.reads and base.build is None:
        files += [locate(base) / name for name in edit.reads]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files if file.is_file())).hexdigest()
