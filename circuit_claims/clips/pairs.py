"""pairs.toml: which clips belong together, and what the two of a pair share.

    name = "rendered"
    tracks = "tracks.json"               # optional: where things are in the rendered clips
    outside = true                       # optional: clips may lie outside the manifest's folder

    [sampling]
    rule = "stride"                      # or "notebook", with a seed
    frames = 16
    stride = 2                           # source frames from one frame of the window to the next
    start = 4                            # the window's first source frame

    [[pair]]
    name = "bowling-1"
    action = "bowling"
    label = "bowling"                    # the model's label for the action, where it has one
    kind = "outcome"                     # or "control", with control = "noise" | "other-clip"
    outcome_frame = 24                   # the first source frame in which the two may differ
    positive = { file = "bowling-1-success.mp4", sha256 = "..." }
    negative = { file = "bowling-1-failure.mp4", sha256 = "..." }
    thresholds = { "mlp-42-60/means" = 0.5 }      # optional: what a claim asserts of this pair

Clips whose frame rates differ or vary are sampled by time, which always has a unit, `s` or `ms`:

    [sampling]
    rule = "time"
    frames = 16
    every = "0.08 s"                     # from one frame of the window to the next
    start = "1.2 s"                      # when the window begins; 0 s where nothing is said

and a pair may have a window of its own, `sampling = { every = "0.04 s", start = "1.2 s" }`, also where the
set counts source frames. What it leaves out is the set's.

A clip may also say `start = 12` (source frames by which its own window is moved; by time `start = "0.4 s"`),
and lie on the hub: `{ file = "hf://datasets/OWNER/NAME/clip.mp4", revision = "<commit>", sha256 = "..." }`.

Everything is checked before anything is measured, and an error names the file, the key and the remedy.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path

from circuit_claims.clips.errors import ManifestError
from circuit_claims.clips.hashing import file_sha256
from circuit_claims.clips.remote import SCHEME, RemoteClip, RemoteError, require_no_other_scheme
from circuit_claims.clips.sampling import Sampling
from circuit_claims.clips.seconds import in_words
from circuit_claims.clips.table import Table, read_toml
from circuit_claims.clips.windows import own_window, sampling_in, start_of

__all__ = [
    "ClipFile",
    "ManifestError",
    "Pair",
    "PairKind",
    "PairSet",
    "load_pairs",
    "load_sampling",
    "verify_hashes",
]

CONTROLS = ("noise", "other-clip")
NO_PAIRS = "there is none yet; add one: circuit-claims pair add NAME SUCCESS.mp4 FAILURE.mp4 --action ACTION"


class PairKind(StrEnum):
    """What the two clips of a pair differ in."""

    OUTCOME = "outcome"
    """The same action with different outcomes: what the claims are about."""
    CONTROL = "control"
    """The same action with the same outcome: what a claim about outcomes must not find."""


@dataclass(frozen=True)
class ClipFile:
    """A clip as a manifest names it."""

    path: Path
    """The file, which existed when the manifest was read; of a remote clip, its place in the hub's cache."""
    sha256: str
    """The hash that the manifest states, in lower case; `verify_hashes` compares it."""
    start: int | Decimal = 0
    """By how much this clip's window is moved from where its pair's sampling has it: source frames, or
    seconds of a pair that is sampled by time."""
    remote: RemoteClip | None = None
    """Where on the hub it lies; `verify_hashes` downloads it once. None for a file."""

    @property
    def key(self) -> str:
        """What a measurement of it depends on: the hash, and ``+start`` where its window is moved.

        A start in seconds has its unit, ``+0.4 s``, so that it is never taken for frames.
        """
        if not self.start:
            return self.sha256
        moved = f"{self.start:+d}" if isinstance(self.start, int) else in_words(self.start, sign="+")
        return f"{self.sha256}{moved}"


@dataclass(frozen=True)
class Pair:
    """Two clips to compare, and what is known of them."""

    name: str
    """Unique in its manifest."""
    action: str
    """What is done in both clips, such as ``bowling``."""
    label: str | None
    """The model's label for the action; None where it has none."""
    kind: PairKind
    """An outcome pair, or a control."""
    control: str | None
    """``noise``: one outcome of one scene, under other noise: of the sensor, or, where it was `made`, of the
    encoder and the cut. ``other-clip``: the same action and outcome in another clip. None for an outcome
    pair."""
    positive: ClipFile
    """The clip in which the action succeeds (a control: either of the two)."""
    negative: ClipFile
    """The clip in which it fails (a control: the other of the two)."""
    outcome_frame: int | None
    """The first source frame in which the two may differ; None where nobody has said."""
    made: str | None = None
    """How a control's clip was made from the other one; None for clips from a camera or a renderer."""
    thresholds: Mapping[str, float] = field(default_factory=dict, hash=False)
    """What a claim asserts of this pair in place of its own number, by the claim's ``id/kind``."""
    sampling: Sampling | None = None
    """Its own window, by time; None where it is sampled as its set. Ask `PairSet.sampling_of` for either."""

    def clip(self, positive: bool) -> ClipFile:
        """Return one of the two clips."""
        return self.positive if positive else self.negative


@dataclass(frozen=True)
class PairSet:
    """A manifest that has passed its checks."""

    name: str
    """What reports call the set."""
    path: Path
    """The manifest; its files lie in its folder or below."""
    sampling: Sampling
    """Which frames of each clip the model sees, where its pair has no window of its own."""
    pairs: tuple[Pair, ...]
    """In the order of the manifest."""
    tracks: Path | None
    """Where things are in the rendered clips, JSON; None for clips from a camera."""

    def of(self, kind: PairKind, control: str | None = None) -> tuple[Pair, ...]:
        """Return the pairs of a kind, and of one control where it is given."""
        return tuple(
            pair for pair in self.pairs if pair.kind == kind and (control is None or pair.control == control)
        )

    def sampling_of(self, pair: Pair, clip: ClipFile | None = None) -> Sampling:
        """Return which frames of a pair's clips the model sees; of one of them, moved by its own ``start``.

        Raises SamplingError where a ``stride`` window would begin before the clip does.
        """
        sampling = pair.sampling or self.sampling
        return sampling if clip is None else sampling.moved(clip.start)

    def shifted(self, by: int) -> "PairSet":
        """Return the same pairs with all windows moved by ``by`` units of jitter (`Sampling.shifted`).

        Raises SamplingError where the set's ``stride`` window would begin before its clips do, if any pair is
        sampled by it.
        """
        pairs = tuple(replace(p, sampling=p.sampling.shifted(by)) if p.sampling else p for p in self.pairs)
        used = any(pair.sampling is None for pair in pairs)
        return replace(self, sampling=self.sampling.shifted(by) if used else self.sampling, pairs=pairs)

    def shift_in_words(self, *by: int) -> str:
        """Return how far `shifted` moves the windows, such as ``-2 and 2 source frames``."""
        own = {self.sampling_of(pair).every for pair in self.pairs} - {self.sampling.every}
        others = " (a pair with a window of its own: half steps of it)" if own else ""
        return self.sampling.shift_in_words(*by) + others

    def sampled(self) -> dict[str, object]:
        """Return as plain data how the set is sampled, with the pairs that have windows of their own."""
        own = {pair.name: dict(pair.sampling.as_dict()) for pair in self.pairs if pair.sampling}
        return {**self.sampling.as_dict(), **({"pairs": own} if own else {})}

    def select(self, glob: str) -> "PairSet":
        """Return the set with only the pairs whose name matches; with none, where none does."""
        return replace(self, pairs=tuple(pair for pair in self.pairs if fnmatchcase(pair.name, glob)))


def first_of_actions(pairs: Sequence[Pair]) -> tuple[Pair, ...]:
    """The first pair of each action, kind and control, in the order of the manifest."""
    firsts: dict[tuple[str, str, str | None], Pair] = {}
    for pair in pairs:
        firsts.setdefault((pair.action, pair.kind, pair.control), pair)
    return tuple(firsts.values())


def load_pairs(path: str | Path) -> PairSet:
    """Read and check a manifest: keys, types, names and files, but no file's hash. Raises ManifestError."""
    path = Path(path)
    manifest = Table(path, None, read_toml(path))
    manifest.allow("name", "tracks", "outside", "sampling", "pair")
    if "pair" not in manifest.values:
        raise manifest.error("pair", NO_PAIRS)
    tables = manifest.tables("pair")
    outside = manifest.flag("outside")
    sampling = sampling_in(manifest.table("sampling"))
    pairs = tuple(_pair(table, number, outside, sampling) for number, table in enumerate(tables, 1))
    seen: set[str] = set()
    for pair, table in zip(pairs, tables, strict=True):
        if pair.name in seen:
            raise table.error("name", f'"{pair.name}" is the name of an earlier pair too; rename one of them')
        seen.add(pair.name)
    return PairSet(
        name=manifest.text("name"),
        path=path,
        sampling=sampling,
        pairs=pairs,
        tracks=manifest.file("tracks") if "tracks" in manifest.values else None,
    )


def load_sampling(path: str | Path) -> Sampling:
    """Read which frames a manifest samples, whether or not it has pairs yet. Raises ManifestError."""
    path = Path(path)
    return sampling_in(Table(path, None, read_toml(path)).table("sampling"))


def verify_hashes(pair_set: PairSet) -> None:
    """Read every clip and compare its SHA-256 with the manifest's; a remote one is downloaded once.

    Raises ManifestError where they differ, and where a remote clip cannot be had.
    """
    differing = []
    for pair in pair_set.pairs:
        for side, clip in (("positive", pair.positive), ("negative", pair.negative)):
            if clip.remote is not None:
                try:
                    clip.remote.fetch()
                except RemoteError as error:
                    raise ManifestError(pair_set.path, f'pair "{pair.name}": {side}', str(error)) from None
            try:
                found = file_sha256(clip.path)
            except OSError as error:
                found = f"unreadable ({error.strerror})"
            if found != clip.sha256:
                differing.append((f'pair "{pair.name}": {side}', clip, found))
    if differing:
        key, clip, found = differing[0]
        more = len(differing) - 1
        others = f" ({more} more {'clip differs' if more == 1 else 'clips differ'})" if more else ""
        raise ManifestError(
            pair_set.path,
            key,
            f"the sha256 of {clip.path.name} is {found}, and the manifest says {clip.sha256}{others}; "
            "fetch the clips again, or state the new hashes if the change is meant",
        )


def _pair(table: Table, number: int, outside: bool, of_set: Sampling) -> Pair:
    """Read the ``number``-th pair, which errors call by its name as soon as it is known."""
    name = replace(table, where=f"pair {number}").text("name")
    table = replace(table, where=f'pair "{name}"')
    table.allow(
        *("name", "action", "label", "kind", "control", "made", "outcome_frame", "positive", "negative"),
        *("thresholds", "sampling"),
    )
    own = own_window(table, of_set) if "sampling" in table.values else None
    kind = PairKind(table.choice("kind", tuple(PairKind)))
    if kind is PairKind.OUTCOME and "control" in table.values:
        raise table.error("control", 'belongs to kind = "control"; leave it out, or change the kind')
    outcome_frame = table.integer("outcome_frame") if "outcome_frame" in table.values else None
    if outcome_frame is not None and outcome_frame < 0:
        raise table.error("outcome_frame", f"is {outcome_frame}; source frames are counted from 0")
    positive, negative = (
        _clip(table.table(side), outside, own or of_set) for side in ("positive", "negative")
    )
    same_file = positive.sha256 == negative.sha256 or positive.path == negative.path
    if same_file and positive.start == negative.start:
        raise table.error("negative", "is the same clip as positive; a pair compares two different clips")
    return Pair(
        name=name,
        action=table.text("action"),
        label=table.text("label") if "label" in table.values else None,
        kind=kind,
        control=table.choice("control", CONTROLS) if kind is PairKind.CONTROL else None,
        positive=positive,
        negative=negative,
        outcome_frame=outcome_frame,
        made=table.text("made") if "made" in table.values else None,
        thresholds=table.table("thresholds").numbers() if "thresholds" in table.values else {},
        sampling=own,
    )


def _clip(table: Table, outside: bool, sampling: Sampling) -> ClipFile:
    table.allow("file", "sha256", "start", "revision")
    sha256, start = table.text("sha256").lower(), start_of(table, sampling)
    if not re.fullmatch(r"[0-9a-f]{64}", sha256):
        raise table.error("sha256", "has to be 64 hexadecimal digits; `sha256sum` prints them")
    try:
        require_no_other_scheme(table.text("file"))
    except RemoteError as fault:
        raise table.error("file", str(fault)) from None
    if table.text("file").startswith(SCHEME):
        try:
            remote = RemoteClip.parse(table.text("file"), table.text("revision"))
        except RemoteError as error:
            raise table.error("file", str(error)) from None
        return ClipFile(remote.cached, sha256, start, remote)
    if "revision" in table.values:
        raise table.error("revision", f"belongs to a clip on the hub ({SCHEME}...); leave it out")
    return ClipFile(table.file("file", outside=outside), sha256, start)
