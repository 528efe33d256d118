"""A pair written into a manifest: its clips copied beside it, its comments and order untouched.

All or nothing. One process at a time may add (the manifest's folder is locked); clips are copied aside,
compared with what was inspected, and moved into place before the manifest is replaced at once. A process that
is killed leaves the manifest as it was, and at most clips that no pair names, which the next one takes up.
"""

import fcntl
import os
import re
import shutil
import tempfile
import time
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from circuit_claims.clips.errors import ClipError, ManifestError
from circuit_claims.clips.hashing import file_sha256
from circuit_claims.clips.pairs import load_pairs, load_sampling
from circuit_claims.clips.remote import RemoteClip
from circuit_claims.clips.sampling import Sampling
from circuit_claims.clips.seconds import in_words
from circuit_claims.clips.table import read_toml
from circuit_claims.files import replacing

CLIPS = "clips"
"""The folder beside the manifest that clips are copied into."""
ASIDE = ".adding-"
"""What a folder of clips on their way is called; one that is found was left by a killed process."""
WAIT_S = 60.0
"""Seconds to wait for another process that adds a pair."""
_SIDES_OF_A_PAIR = ("positive", "negative")
NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,99}")


@dataclass(frozen=True)
class NewClip:
    """A clip that is to be named in the manifest."""

    source: Path
    sha256: str
    """As inspected; the copy has to have it too."""
    start: int | Decimal = 0
    """By how much its window is moved: source frames, or seconds of a pair that is sampled by time."""
    remote: RemoteClip | None = None


@dataclass(frozen=True)
class NewPair:
    """A pair that is to be added."""

    name: str
    action: str
    positive: NewClip
    negative: NewClip
    label: str | None = None
    control: str | None = None
    """None for an outcome pair."""
    made: str | None = None
    outcome_frame: int | None = None
    sampling: Sampling | None = None
    """Its own window, by time; None where it is sampled as its set."""


@dataclass
class _Placed:
    """What has been done so far, so that it can be undone."""

    names: dict[str, str] = field(default_factory=dict)
    """By hash: the file that the manifest names."""
    copied: list[Path] = field(default_factory=list)
    outside: bool = False


def check_name(manifest: Path, name: str) -> None:
    """Refuse a name that is none, or that a pair of the manifest has. Raises ManifestError."""
    if not NAME.fullmatch(name):
        raise ManifestError(
            manifest,
            f"pair {name!r:.60}",
            "is no name for a pair; use letters, digits, dots, dashes and underscores (such as golf-putt-1)",
        )
    if name in [pair.get("name") for pair in _content(manifest).get("pair", [])]:
        raise ManifestError(manifest, f'pair "{name}"', "is there already; take another name")


def sharing(manifest: Path, pair: NewPair) -> list[str]:
    """Warn of outcome pairs of the manifest that have a clip of a new one, a sentence each."""
    ours = {pair.positive.sha256, pair.negative.sha256}
    return [
        f"{there['name']} has one of these clips too: the two count as one independent pair"
        for there in _content(manifest).get("pair", [])
        if there["kind"] == "outcome" and ours & {there[side]["sha256"].lower() for side in _SIDES_OF_A_PAIR}
    ]


def add(manifest: Path, sampling: Sampling, pairs: Sequence[NewPair], *, reference: bool = False) -> None:
    """Add pairs to a manifest, which is made with this sampling where it does not exist.

    Clips in the manifest's folder or below, and those of the hub, stay where they are; others are copied
    into `clips/` beside it, or, with `reference`, named where they lie.

    Raises:
        ManifestError, ClipError: nothing was written then.
    """
    folder = manifest.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _only_one(manifest), _aside(folder) as aside:
            for pair in pairs:
                check_name(manifest, pair.name)
            placed = _Placed(_known(manifest))
            try:
                for pair in pairs:
                    for clip, role in ((pair.positive, "success"), (pair.negative, "failure")):
                        _place(clip, f"{pair.name}-{role if not pair.control else _SIDES[role]}", placed,
                               folder, aside, reference)  # fmt: skip
                _write(manifest, _text(manifest, sampling, pairs, placed), pairs)
            except BaseException:
                for path in placed.copied:
                    path.unlink(missing_ok=True)
                raise
    except OSError as error:
        raise ManifestError(
            manifest, None, f"cannot be written ({error.strerror or error}); free space, or fix permissions"
        ) from error


_SIDES = {"success": "a", "failure": "b"}
"""What the clips of a control are called: neither of the two failed."""


@contextmanager
def _only_one(manifest: Path) -> Iterator[None]:
    """Hold the manifest's folder against other processes that add; a dead process lets go."""
    handle = os.open(manifest.parent, os.O_RDONLY)
    try:
        deadline = time.monotonic() + WAIT_S
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise ManifestError(
                        manifest, None, f"another process has been adding a pair for {WAIT_S:g} s; try again"
                    ) from None
                time.sleep(0.05)
        yield
    finally:
        os.close(handle)


@contextmanager
def _aside(folder: Path) -> Iterator[Path]:
    """A folder for clips on their way; those of killed processes are cleared first (we hold the lock)."""
    for left in folder.glob(f"{ASIDE}*"):
        shutil.rmtree(left, ignore_errors=True)
    made = Path(tempfile.mkdtemp(dir=folder, prefix=ASIDE))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _content(manifest: Path) -> dict[str, Any]:
    """What a manifest says now, checked; nothing where there is none yet."""
    if not os.path.lexists(manifest):
        return {}
    content = read_toml(manifest)
    if content.get("pair"):
        load_pairs(manifest)
    else:
        load_sampling(manifest)
    return content


def _known(manifest: Path) -> dict[str, str]:
    """The files that the manifest names already, by hash."""
    pairs = _content(manifest).get("pair", [])
    clips = [pair[side] for pair in pairs for side in _SIDES_OF_A_PAIR]
    return {clip["sha256"].lower(): clip["file"] for clip in clips if "revision" not in clip}


def _place(clip: NewClip, name: str, placed: _Placed, folder: Path, aside: Path, reference: bool) -> None:
    """Put a clip where the manifest can name it."""
    if clip.remote is not None or clip.sha256 in placed.names:
        return
    source = clip.source.resolve()
    try:
        inside = source.relative_to(folder.resolve())
    except ValueError:
        inside = None
    if inside is not None and not inside.parts[0].startswith(ASIDE):
        placed.names[clip.sha256] = inside.as_posix()
        return
    if reference:
        placed.names[clip.sha256], placed.outside = source.as_posix(), True
        return
    suffix = clip.source.suffix if re.fullmatch(r"\.\w{1,5}", clip.source.suffix) else ".mp4"
    target = folder / CLIPS / (name + suffix.lower())
    if os.path.lexists(target):
        if target.is_file() and file_sha256(target) == clip.sha256:
            placed.names[clip.sha256] = f"{CLIPS}/{target.name}"
            return
        raise ManifestError(
            target, None, "is there already and is another clip; move it away, or take another name"
        )
    on_its_way = aside / target.name
    shutil.copyfile(source, on_its_way)
    if file_sha256(on_its_way) != clip.sha256:
        raise ClipError(clip.source, "changed while it was being added; add it again when it is complete")
    target.parent.mkdir(exist_ok=True)
    on_its_way.rename(target)
    placed.copied.append(target)
    placed.names[clip.sha256] = f"{CLIPS}/{target.name}"


def _text(manifest: Path, sampling: Sampling, pairs: Sequence[NewPair], placed: _Placed) -> str:
    """The manifest with the new pairs at its end."""
    import tomlkit

    if os.path.lexists(manifest):
        stated = load_sampling(manifest)
        if stated != sampling:
            raise ManifestError(
                manifest,
                "sampling",
                f"the pair was inspected with {dict(sampling.as_dict())}, and the manifest samples "
                f"{dict(stated.as_dict())}; all pairs of a manifest are sampled alike",
            )
        text = manifest.read_bytes().decode()  # line ends as they are
        if placed.outside and not _content(manifest).get("outside"):
            document = tomlkit.parse(text)
            document["outside"] = True
            text = tomlkit.dumps(document)
    else:
        head = tomlkit.document()
        head.add(
            tomlkit.comment("Pairs of clips: `circuit-claims pair add` adds one, `pair check` checks all.")
        )
        head["name"] = re.sub(r"[^\w.-]+", "-", manifest.resolve().parent.name) or "pairs"
        if placed.outside:
            head["outside"] = True
        rule = {key: value for key, value in sampling.as_dict().items() if value is not None}
        head["sampling"] = rule
        text = tomlkit.dumps(head)
    addition = tomlkit.document()
    addition["pair"] = tomlkit.aot()
    for pair in pairs:
        addition["pair"].append(_entry(pair, placed.names))
    end = "" if text.endswith("\n") else "\n"
    return f"{text}{end}\n{tomlkit.dumps(addition).strip(chr(10))}\n"


def _entry(pair: NewPair, names: Mapping[str, str]) -> Any:
    import tomlkit

    said = {
        "name": pair.name,
        "action": pair.action,
        "label": pair.label,
        "kind": "control" if pair.control else "outcome",
        "control": pair.control,
        "made": pair.made,
        "outcome_frame": pair.outcome_frame,
    }
    table = tomlkit.table()
    table.update({key: value for key, value in said.items() if value is not None})
    if pair.sampling is not None:
        window = tomlkit.inline_table()
        window.update({key: pair.sampling.as_dict()[key] for key in ("every", "start")})
        table["sampling"] = window
    for side, clip in (("positive", pair.positive), ("negative", pair.negative)):
        line = tomlkit.inline_table()
        if clip.remote is not None:
            line["file"] = f"hf://datasets/{clip.remote.repository}/{clip.remote.file}"
            line["revision"] = clip.remote.revision
        else:
            line["file"] = names[clip.sha256]
        line["sha256"] = clip.sha256
        if clip.start:
            line["start"] = clip.start if isinstance(clip.start, int) else in_words(clip.start)
        table[side] = line
    return table


def _write(manifest: Path, text: str, pairs: Sequence[NewPair]) -> None:
    """Replace the manifest at once, after its new text has been read back from beside it."""
    before = _content(manifest)
    with replacing(manifest) as temporary:
        with temporary.open("w", encoding="utf-8", newline="") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        try:
            load_pairs(temporary)
        except ManifestError as error:
            raise ManifestError(manifest, error.key, error.problem) from None
        after = tomllib.loads(text)
        kept = after["pair"][: len(after["pair"]) - len(pairs)]
        if kept != before.get("pair", []):
            raise ManifestError(manifest, "pair", "is written in a way that cannot be added to; use [[pair]]")
