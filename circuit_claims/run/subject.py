"""What a run tests: a model with its pairs, checked before any weights load."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from circuit_claims.clips.pairs import PairSet
    from circuit_claims.models.source import ModelError, ModelSource
    from circuit_claims.run.options import Options


@dataclass(frozen=True)
class UnderTest:
    """One model on the pairs that were selected for it."""

    source: ModelSource
    pairs: PairSet

    @property
    def clips(self) -> str:
        """What the pairs are: a hash of their names, their clips' hashes and windows of their own."""
        digest = hashlib.sha256()
        for pair in self.pairs.pairs:
            digest.update(f"{pair.name} {pair.positive.key} {pair.negative.key}\n".encode())
            if pair.sampling is not None:
                digest.update(f"{json.dumps(dict(pair.sampling.as_dict()))}\n".encode())
        return digest.hexdigest()[:16]


MANIFEST = "pairs.toml"
"""Beside the claims: the pairs that they are judged on where the command line names none."""
PAPER = "paper"
"""The name, on the command line, of the paper's own pair."""


def under_test(name: str, options: Options, claims: Path | None = None) -> UnderTest:
    """Find a model and its pairs, and check what can be known without loading either.

    `claims` is the folder that the claims were collected from.

    Raises:
        ModelError, ManifestError, SamplingError: each says what is wrong and what to do.
    """
    from circuit_claims.clips.pairs import load_pairs, verify_hashes
    from circuit_claims.models.checkpoint import check_available
    from circuit_claims.models.source import ModelError
    from circuit_claims.organisms.registry import resolve

    source = resolve(name)
    try:
        check_available(source)
    except ModelError as fault:
        if options.pairs == PAPER:
            _say_both(fault, options)
        raise
    whole = load_pairs(_manifest(source, options, claims))
    verify_hashes(whole)
    _refuse_other_window(source, whole)
    return UnderTest(source, _selected(whole, options))


def _say_both(lacking: ModelError, options: Options) -> None:
    """Where the model cannot be had, and the paper's clips neither, say both at once."""
    from circuit_claims.clips.errors import ManifestError
    from circuit_claims.clips.paper import paper_manifest

    try:
        paper_manifest(options.cache)
    except ManifestError as fault:
        raise ManifestError(fault.path, fault.key, f"{fault.problem}\nERROR: {lacking}") from None


def _manifest(source: ModelSource, options: Options, claims: Path | None) -> str | Path:
    """The manifest that was named; the one beside the claims; the model's own.

    A model that reads clips of its own (a planted circuit) is not judged on those beside the claims.
    """
    from circuit_claims.organisms.registry import pairs_of, resolve
    from circuit_claims.run.options import DEFAULT_MODEL

    if options.pairs == PAPER:
        from circuit_claims.clips.paper import paper_manifest

        return paper_manifest(options.cache)
    if options.pairs:
        return options.pairs
    own = pairs_of(source, options.cache)
    if claims is not None and own == pairs_of(resolve(DEFAULT_MODEL)) and (claims / MANIFEST).exists():
        return claims / MANIFEST
    return own


def _selected(whole: PairSet, options: Options) -> PairSet:
    """The pairs that ``--circuit-pair`` and the profile select."""
    from circuit_claims.clips.pairs import first_of_actions

    chosen = whole
    if options.pair_globs:
        names = {pair.name for glob in options.pair_globs for pair in whole.select(glob).pairs}
        chosen = replace(whole, pairs=tuple(pair for pair in whole.pairs if pair.name in names))
    if options.profile == "smoke":
        chosen = replace(chosen, pairs=first_of_actions(chosen.pairs))
    if not chosen.pairs:
        from circuit_claims.clips.errors import ManifestError

        raise ManifestError(
            whole.path,
            None,
            f"no pair is called {' or '.join(options.pair_globs)}; `circuit-claims list pairs` names them",
        )
    return chosen


def _refuse_other_window(source: ModelSource, pairs: PairSet) -> None:
    """A model that takes another number of frames than the pairs sample is refused before it loads."""
    from circuit_claims.clips.errors import ManifestError

    if not isinstance(source.location, Path):
        return
    config = source.location / "config.json"
    try:
        frames = json.loads(config.read_text(encoding="utf-8")).get("num_frames")
    except (OSError, ValueError):
        return  # the loader says what is wrong with the folder
    if isinstance(frames, int) and frames != pairs.sampling.frames:
        raise ManifestError(
            pairs.path,
            "sampling",
            f"it samples {pairs.sampling.frames} frames, but {source.name} takes {frames}; "
            f"set frames = {frames} under [sampling] (and check that the clips are long enough), "
            "or name other pairs with --circuit-pairs",
        )
