"""Frames of the clips under test, small, for the page: what a person would rather look at than a hash.

They are decoded once and kept beside the measurements, so that a warm run decodes nothing.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from circuit_claims.files import write_whole

if TYPE_CHECKING:
    from circuit_claims.clips.decode import Decoder
    from circuit_claims.clips.pairs import ClipFile, Pair, PairSet
    from circuit_claims.clips.sampling import Sampling

SHOWN = 16
"""Frames of a clip, at most: evenly over the model's window."""
HEIGHT = 96
"""Pixels."""
PAPER_ACTION = "bowling"
"""The paper's own: its pair is shown where a set has several and no figure asks for another."""


def frames_of(
    pairs: PairSet, figures: Sequence[Mapping[str, Any]], cache: Path | None
) -> dict[tuple[str, str], list[bytes]]:
    """JPEG frames of both clips of each pair that a figure is drawn over, or else of one pair.

    A clip that cannot be decoded is left out: its claims say so, and a picture is no claim.
    """
    from circuit_claims.clips.decode import Decoder

    found: dict[tuple[str, str], list[bytes]] = {}
    with Decoder() as decoder:
        for pair in _chosen(pairs, figures):
            for name, clip in (("success", pair.positive), ("failure", pair.negative)):
                sampling = pairs.sampling_of(pair)
                frames = _kept(clip, sampling, cache) or _decoded(clip, sampling, decoder)
                if frames:
                    found[pair.name, name] = frames
                    _keep(clip, sampling, cache, frames)
    return found


def _chosen(pairs: PairSet, figures: Sequence[Mapping[str, Any]]) -> Iterator[Pair]:
    outcome = [pair for pair in pairs.pairs if pair.control is None]
    asked = {figure["pair"] for figure in figures if figure["kind"] == "map"}
    if asked:
        yield from (pair for pair in pairs.pairs if pair.name in asked)
    elif outcome:
        yield next((pair for pair in outcome if pair.action == PAPER_ACTION), outcome[0])


def _decoded(clip: ClipFile, sampling: Sampling, decoder: Decoder) -> list[bytes]:
    from PIL import Image

    from circuit_claims.clips.errors import ClipError
    from circuit_claims.clips.sampling import SamplingError

    try:
        window = sampling.moved(clip.start).indices(decoder.timeline(clip.path))
        count = min(SHOWN, len(window))
        shown = [window[int((at + 0.5) * len(window) / count)] for at in range(count)]
        frames = decoder.decode(clip.path, shown).frames
    except (ClipError, SamplingError):
        return []
    made = []
    for frame in frames:
        image = Image.fromarray(frame)
        image.thumbnail((4 * HEIGHT, HEIGHT))
        out = BytesIO()
        image.save(out, format="JPEG", quality=80)
        made.append(out.getvalue())
    return made


def _file(clip: ClipFile, sampling: Sampling, cache: Path) -> Path:
    rule = "-".join(str(value) for value in sampling.as_dict().values())
    moved = clip.key.removeprefix(clip.sha256) or "+0"
    return cache / "frames" / f"{clip.sha256[:32]}{moved}-{rule}.json".replace(" ", "")


def _kept(clip: ClipFile, sampling: Sampling, cache: Path | None) -> list[bytes]:
    if cache is None:
        return []
    try:
        return [b64decode(text) for text in json.loads(_file(clip, sampling, cache).read_text())]
    except (OSError, ValueError, TypeError):
        return []  # not kept, or spoilt: it is decoded again


def _keep(clip: ClipFile, sampling: Sampling, cache: Path | None, frames: list[bytes]) -> None:
    if cache is not None and not _file(clip, sampling, cache).exists():
        write_whole(_file(clip, sampling, cache), json.dumps([b64encode(frame).decode() for frame in frames]))
