"""Which model is meant: a name on the command line becomes a `ModelSource`. Imports no torch.

organism                                    an embedded model
planted:NAME                                a circuit with a known answer
random:organism#3, shuffled:organism#3      fresh weights of seed 3; the trained weights permuted
google/vivit-b-16x2-kinetics400@REVISION    a name on the Hugging Face hub, with an optional revision
./folder                                    config.json, model.safetensors and preprocessor_config.json
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

ReinitKind = Literal["random", "shuffled"]
REINITS: tuple[ReinitKind, ...] = ("random", "shuffled")

_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
_FOLDER_STARTS = ("./", "../", "/", "~")


class ModelError(Exception):
    """A model cannot be had: `<name>: what is wrong; what to do`."""

    def __init__(self, name: str, wrong: str, advice: str = "") -> None:
        self.name = name
        super().__init__(f"{name}: {wrong}" + (f"; {advice}" if advice else ""))


@dataclass(frozen=True)
class ModelSource:
    """Where a model comes from: a folder, a hub name, or a function that builds it."""

    name: str
    """As on the command line."""
    location: Path | str | None = None
    """A folder (Path), a hub name (str), or None for a model that `build` makes."""
    revision: str | None = None
    """A branch, tag or commit on the hub."""
    reinit: tuple[ReinitKind, int] | None = None
    """Replace the weights: ("random", seed) draws them afresh, ("shuffled", seed) permutes each tensor."""
    build: Callable[[], Any] | None = None
    """Makes the Hugging Face model (planted circuits, edited organisms)."""
    build_fingerprint: str = ""
    """What `build` depends on, as text; stands in for the hash of the weights."""
    architecture: str = ""
    """What the configuration of a built model depends on, as text; fresh weights depend on nothing else."""
    preprocessor: Mapping[str, Any] | None = field(default=None, hash=False)
    """The preprocessor_config of a built model; None scales frames to the model's size and to [-1, 1]."""
    record_name: str = ""
    """The name of its record: `/` is written `--`; a revision and the path of a folder are left out."""

    def __post_init__(self) -> None:
        if (self.location is None) == (self.build is None):
            raise ValueError(f"{self.name}: give either a location or a build function")
        if not self.record_name:
            object.__setattr__(self, "record_name", self.name.partition("@")[0].replace("/", "--"))
        if self.build is not None and not self.build_fingerprint:
            raise ValueError(f"{self.name}: a built model needs a build_fingerprint")

    @property
    def is_trained(self) -> bool:
        """False for weights that were drawn or permuted."""
        return self.reinit is None


def parse_source(name: str, embedded: Mapping[str, Path | ModelSource] | None = None) -> ModelSource:
    """Say which model `name` means.

    `embedded` maps the names that come with the package (`organism`, `planted:...`) to a folder or a source.
    Raises ModelError, with near matches, for a name that means nothing.
    """
    embedded = embedded or {}
    text = name.strip()
    prefix, colon, rest = text.partition(":")
    if colon and prefix in REINITS:
        return _reinitialised(text, prefix, rest, embedded)
    if text in embedded:
        found = embedded[text]
        return found if isinstance(found, ModelSource) else ModelSource(name=text, location=Path(found))
    if text.startswith(_FOLDER_STARTS) or (text and Path(text).exists()):
        folder = Path(text).expanduser()
        return ModelSource(name=text, location=folder, record_name=folder.resolve().name)
    hub_name, _, revision = text.partition("@")
    if _HUB_NAME.fullmatch(hub_name):
        if text != hub_name and not revision:
            raise ModelError(
                text, "there is no revision after '@'", f"write {hub_name} or {hub_name}@REVISION"
            )
        return ModelSource(name=text, location=hub_name, revision=revision or None)
    raise ModelError(text or "''", *_unknown(text, embedded))


def _reinitialised(
    text: str, kind: ReinitKind, rest: str, embedded: Mapping[str, Path | ModelSource]
) -> ModelSource:
    base_name, _, seed = rest.rpartition("#")
    if not base_name or not seed.isdecimal():
        raise ModelError(text, f"{kind}: needs a model and a seed", f"write {kind}:{base_name or rest}#1")
    base = parse_source(base_name, embedded)
    if base.reinit is not None:
        raise ModelError(text, f"{base_name} has replaced its weights already", "name the trained model")
    record_name = f"{kind}:{base.record_name}#{int(seed)}"
    return replace(base, name=text, reinit=(kind, int(seed)), record_name=record_name)


def _unknown(text: str, embedded: Mapping[str, Path | ModelSource]) -> tuple[str, str]:
    near = get_close_matches(text, embedded, n=3)
    known = ", ".join(sorted(embedded)) or "none"
    meant = f"did you mean {' or '.join(near)}?" if near else f"the models of the package are {known}"
    return (
        "no model of this name, no folder, and not a hub name",
        f"{meant} (or give OWNER/NAME on the hub, or ./FOLDER)",
    )
