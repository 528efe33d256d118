"""pairs.toml: which clips belong together, and what the two of a pair share.

    name = "rendered"
    tracks = "tracks.json"               # optional: where things are in the rendered clips

    [sampling]
    rule = "stride"
    frames = 16
    stride = 2
    start = 4

    [[pair]]
    name = "bowling-1"
    action = "bowling"
    label = "bowling"                    # the model's label for the action, where it has one
    kind = "outcome"                     # or "control", with control = "noise" | "other-clip"
    outcome_frame = 24                   # the first source frame in which the two may differ
    positive = { file = "bowling-1-success.mp4", sha256 = "..." }
    negative = { file = "bowling-1-failure.mp4", sha256 = "..." }

Everything is checked before anything is measured, and an error names the file, the key and the remedy.
"""

import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any

from circuit_claims.clips.errors import ManifestError
from circuit_claims.clips.hashing import file_sha256
from circuit_claims.clips.sampling import RULES, Sampling, SamplingError

__all__ = ["ClipFile", "ManifestError", "Pair", "PairKind", "PairSet", "load_pairs", "verify_hashes"]

CONTROLS = ("noise", "other-clip")


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
    """The file, which existed when the manifest was read."""
    sha256: str
    """The hash that the manifest states, in lower case; `verify_hashes` compares it."""


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
    """``noise``: the same outcome under other sensor noise. ``other-clip``: the same action and outcome in
    another clip. None for an outcome pair."""
    positive: ClipFile
    """The clip in which the action succeeds (a control: either of the two)."""
    negative: ClipFile
    """The clip in which it fails (a control: the other of the two)."""
    outcome_frame: int | None
    """The first source frame in which the two may differ; None where nobody has said."""


@dataclass(frozen=True)
class PairSet:
    """A manifest that has passed its checks."""

    name: str
    """What reports call the set."""
    path: Path
    """The manifest; its files lie in its folder or below."""
    sampling: Sampling
    """Which frames of each clip the model sees."""
    pairs: tuple[Pair, ...]
    """In the order of the manifest."""
    tracks: Path | None
    """Where things are in the rendered clips, JSON; None for clips from a camera."""

    def of(self, kind: PairKind, control: str | None = None) -> tuple[Pair, ...]:
        """Return the pairs of a kind, and of one control where it is given."""
        return tuple(
            pair for pair in self.pairs if pair.kind == kind and (control is None or pair.control == control)
        )

    def select(self, glob: str) -> "PairSet":
        """Return the set with only the pairs whose name matches; with none, where none does."""
        return replace(self, pairs=tuple(pair for pair in self.pairs if fnmatchcase(pair.name, glob)))


def load_pairs(path: str | Path) -> PairSet:
    """Read and check a manifest: keys, types, names and files, but no file's hash. Raises ManifestError."""
    path = Path(path)
    manifest = _Table(path, None, _read_toml(path))
    manifest.allow("name", "tracks", "sampling", "pair")
    tables = manifest.tables("pair")
    pairs = tuple(_pair(table, number) for number, table in enumerate(tables, 1))
    seen: set[str] = set()
    for pair, table in zip(pairs, tables, strict=True):
        if pair.name in seen:
            raise table.error("name", f'"{pair.name}" is the name of an earlier pair too; rename one of them')
        seen.add(pair.name)
    return PairSet(
        name=manifest.text("name"),
        path=path,
        sampling=_sampling(manifest.table("sampling")),
        pairs=pairs,
        tracks=manifest.file("tracks") if "tracks" in manifest.values else None,
    )


def verify_hashes(pair_set: PairSet) -> None:
    """Read every clip and compare its SHA-256 with the manifest's. Raises ManifestError where they differ."""
    differing = []
    for pair in pair_set.pairs:
        for side, clip in (("positive", pair.positive), ("negative", pair.negative)):
            try:
                found = file_sha256(clip.path)
            except OSError as error:
                found = f"unreadable ({error.strerror})"
            if found != clip.sha256:
                differing.append((f'pair "{pair.name}": {side}', clip, found))
    if differing:
        key, clip, found = differing[0]
        others = f" ({len(differing) - 1} more clips differ)" if len(differing) > 1 else ""
        raise ManifestError(
            pair_set.path,
            key,
            f"the sha256 of {clip.path.name} is {found}, and the manifest says {clip.sha256}{others}; "
            "fetch the clips again, or state the new hashes if the change is meant",
        )


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ManifestError(path, None, "does not exist; name a pairs.toml") from None
    except OSError as error:
        raise ManifestError(path, None, f"cannot be read ({error.strerror}); name a pairs.toml") from None
    except UnicodeDecodeError as error:
        raise ManifestError(path, None, f"is not UTF-8 (byte {error.start}); save it as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        line = re.search(r" \(at line (\d+), column \d+\)", str(error))
        problem = str(error).replace(line[0], "") if line else str(error)
        where = f"line {line[1]}" if line else "its end"
        raise ManifestError(path, where, f"is not TOML: {problem}; mend the syntax") from None


def _sampling(table: "_Table") -> Sampling:
    table.allow("rule", "frames", "stride", "start", "seed")
    rule = table.choice("rule", RULES)
    try:
        return Sampling(
            rule="notebook" if rule == "notebook" else "stride",
            frames=table.integer("frames"),
            stride=table.integer("stride", 1),
            start=table.integer("start", 0),
            seed=table.integer("seed") if "seed" in table.values else None,
        )
    except SamplingError as error:
        raise ManifestError(table.path, table.where, str(error)) from None


def _pair(table: "_Table", number: int) -> Pair:
    """Read the ``number``-th pair, which errors call by its name as soon as it is known."""
    name = replace(table, where=f"pair {number}").text("name")
    table = replace(table, where=f'pair "{name}"')
    table.allow("name", "action", "label", "kind", "control", "outcome_frame", "positive", "negative")
    kind = PairKind(table.choice("kind", tuple(PairKind)))
    if kind is PairKind.OUTCOME and "control" in table.values:
        raise table.error("control", 'belongs to kind = "control"; leave it out, or change the kind')
    outcome_frame = table.integer("outcome_frame") if "outcome_frame" in table.values else None
    if outcome_frame is not None and outcome_frame < 0:
        raise table.error("outcome_frame", f"is {outcome_frame}; source frames are counted from 0")
    positive, negative = _clip(table.table("positive")), _clip(table.table("negative"))
    if positive.sha256 == negative.sha256 or positive.path == negative.path:
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
    )


def _clip(table: "_Table") -> ClipFile:
    table.allow("file", "sha256")
    path, sha256 = table.file("file"), table.text("sha256").lower()
    if not re.fullmatch(r"[0-9a-f]{64}", sha256):
        raise table.error("sha256", "has to be 64 hexadecimal digits; `sha256sum` prints them")
    return ClipFile(path, sha256)


@dataclass(frozen=True)
class _Table:
    """A TOML table whose values are asked for by name and type; its errors say where it stands."""

    path: Path
    where: str | None
    values: dict[str, Any]

    def error(self, key: str, problem: str) -> ManifestError:
        return ManifestError(self.path, key if self.where is None else f"{self.where}: {key}", problem)

    def allow(self, *keys: str) -> None:
        """Refuse any other key, naming the nearest."""
        for key in self.values:
            if key not in keys:
                raise self.error(key, f"is no key here; {_nearest(key, keys)}")

    def text(self, key: str) -> str:
        value = self._value(key, str, "a text")
        if not value.strip():
            raise self.error(key, "is empty; write a text")
        return str(value)

    def integer(self, key: str, default: int | None = None) -> int:
        if default is not None and key not in self.values:
            return default
        return int(self._value(key, int, "a whole number"))

    def choice(self, key: str, choices: Sequence[str]) -> str:
        value = self.text(key)
        if value not in choices:
            raise self.error(key, f'is "{value}"; {_nearest(value, choices)}')
        return value

    def table(self, key: str) -> "_Table":
        where = key if self.where is None else f"{self.where}: {key}"
        return _Table(self.path, where, self._value(key, dict, "a table"))

    def tables(self, key: str) -> list["_Table"]:
        values = self._value(key, list, f"a list of [[{key}]] tables")
        if not values or not all(isinstance(value, dict) for value in values):
            raise self.error(key, f"has no [[{key}]] tables; write at least one")
        return [_Table(self.path, key, value) for value in values]

    def file(self, key: str) -> Path:
        """Return the path of a file that is there, by a name that stays in the manifest's folder or below.

        Links are followed: datasets are often folders of links into a store.
        """
        name = self.text(key)
        folder = self.path.parent
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise self.error(
                key, f'"{name}" leaves the manifest\'s folder; put the file there, and name it so'
            )
        try:
            there = (folder / name).is_file()
        except (OSError, ValueError):  # a name that is too long, or holds a NUL
            there = False
        if not there:
            beside = _nearest(name, (file.name for file in folder.iterdir()))
            raise self.error(key, f'there is no file "{name}" in the manifest\'s folder; {beside}')
        return folder / name

    def _value(self, key: str, kind: type, words: str) -> Any:
        if key not in self.values:
            raise self.error(key, f"is missing; give it {words}")
        value = self.values[key]
        if not isinstance(value, kind) or isinstance(value, bool):
            raise self.error(key, f"is {value!r:.60}; it has to be {words}")
        return value


def _nearest(name: str, known: Iterable[str]) -> str:
    """Suggest the known name that looks most like the given one, or list them where none does."""
    known = sorted(known)
    nearest = get_close_matches(name, known, 1)
    if nearest:
        return f'did you mean "{nearest[0]}"?'
    return f"known are {', '.join(known[:12])}" if known else "nothing else is there"
