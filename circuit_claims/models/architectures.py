"""Which architectures can be read, told from a model's files before anything is loaded. Imports no torch."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from circuit_claims.models.source import ModelError

HOW_TO = "docs/how-to/architecture.md says how to describe another"


@dataclass(frozen=True)
class Known:
    """What a folder of a known architecture holds."""

    model: str
    """The class in transformers that the weights are of."""
    head: str
    """The weight without which it classifies nothing: a model that was only pre-trained lacks it."""


KNOWN: Mapping[str, Known] = {"vivit": Known("VivitForVideoClassification", "classifier.weight")}
"""By `model_type` in config.json; `load.ARCHITECTURES` says where the writes of each are."""


def check_architecture(name: str, config: Mapping[str, Any]) -> Known:
    """What is known of the architecture that a config.json describes. Raises ModelError for any other."""
    model_type, classes = config.get("model_type"), config.get("architectures")
    if isinstance(model_type, str) and model_type in KNOWN:
        return KNOWN[model_type]
    saved = ", ".join(map(str, classes)) if isinstance(classes, list) else ""
    supported = ", ".join(f"{known} ({found.model})" for known, found in KNOWN.items())
    near = get_close_matches(str(model_type), KNOWN, n=1)
    raise ModelError(
        name,
        f"its model_type is {model_type!r}"
        + (f" (saved from {saved})" if saved else "")
        + f", and the known architectures are {supported}"
        + (f" (did you mean {near[0]}?)" if near else ""),
        HOW_TO,
    )


def check_head(name: str, known: Known, weights: Sequence[Path]) -> None:
    """Check that the weights classify videos. Raises ModelError where their head is not among them."""
    names = {weight for file in weights for weight in weight_names(name, file)}
    if known.head not in names:
        raise ModelError(
            name,
            f"its weights have no {known.head}: a {known.model} would classify by random numbers",
            "pass a checkpoint that was fine-tuned to classify videos",
        )


def weight_names(name: str, file: Path) -> Iterable[str]:
    """The names of the weights in a safetensors file, from its header. Raises ModelError."""
    try:
        with file.open("rb") as opened:
            size = int.from_bytes(opened.read(8), "little")
            if size > file.stat().st_size:
                raise ValueError("the file is shorter than its own header")
            header = json.loads(opened.read(size))
        return [*header]
    except (OSError, ValueError, TypeError) as error:
        raise ModelError(
            name, f"{file} is no safetensors file ({error})", "save or download it again"
        ) from error
