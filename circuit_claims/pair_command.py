"""``circuit-claims pair add | check | list``: clips become pairs that claims can be judged on."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from circuit_claims.clips.adding import NewClip, NewPair
    from circuit_claims.clips.decode import Decoder
    from circuit_claims.clips.inspecting import Inspected
    from circuit_claims.clips.sampling import Sampling

MANIFEST = "pairs.toml"
FRAMES, STRIDE = 16, 2
"""The window of a new manifest where nothing else is said: what the embedded models take."""
JITTER = 2
"""Source frames by which the cut of a made control is moved."""


def add_parser(commands: Any) -> None:
    """Add the command to the parser's sub-commands."""
    pair = commands.add_parser("pair", help="add a pair of clips, check all pairs, or list them")
    doing = pair.add_subparsers(dest="doing", required=True, metavar="add|check|list")
    adding = doing.add_parser("add", help="check two clips and write them into the manifest")
    adding.add_argument("name", metavar="NAME", help="what the pair is called, such as golf-putt-1")
    adding.add_argument("success", metavar="SUCCESS", help="the clip in which the action succeeds")
    adding.add_argument(
        "failure",
        metavar="FAILURE",
        help="the clip in which it fails (a file, or hf://datasets/OWNER/NAME/FILE)",
    )
    adding.add_argument("--action", required=True, metavar="TEXT", help="what is done in both: 'golf putt'")
    adding.add_argument("--label", metavar="TEXT", help="the model's own label for the action")
    adding.add_argument(
        "--control",
        choices=("noise", "other-clip"),
        help="the two clips show the same outcome: under other noise, or in another clip",
    )
    adding.add_argument(
        "--make-control",
        action="store_true",
        help="also add a control made from SUCCESS: its cut moved, and encoded again",
    )
    adding.add_argument(
        "--jitter", type=_positive, default=JITTER, metavar="N", help="of that control (default: %(default)s)"
    )
    adding.add_argument(
        "--outcome-frame", type=_count, metavar="N", help="the first frame in which the two may differ"
    )
    adding.add_argument(
        "--start",
        type=_starts,
        metavar="N[,M]",
        help="the source frame that the windows begin with; with a comma, of SUCCESS and of FAILURE",
    )
    adding.add_argument(
        "--frames", type=_positive, metavar="N", help="the model's window, for a new manifest"
    )
    adding.add_argument("--stride", type=_positive, metavar="N", help="source frames from one to the next")
    adding.add_argument("--model", metavar="NAME", help="also say how this model labels the two clips")
    adding.add_argument("--reference", action="store_true", help="name the clips where they are; copy none")
    adding.add_argument("--strip", type=Path, metavar="FILE", help="where the frame strip goes (a PNG)")
    checking = doing.add_parser("check", help="decode every clip, and compare it with the manifest")
    listing = doing.add_parser("list", help="name the pairs of the manifest")
    for parser in (adding, checking, listing):
        parser.add_argument(
            "--circuit-pairs",
            metavar="FILE",
            help=f"the manifest (default: {MANIFEST}, or claims/{MANIFEST})",
        )


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no frame: give a whole number, 0 or more")
    return int(text)


def _positive(text: str) -> int:
    if _count(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is too small: give 1 or more")
    return int(text)


def _starts(text: str) -> tuple[int, int]:
    first, _, second = text.partition(",")
    return _count(first), _count(second or first)


def run(options: argparse.Namespace) -> int:
    """Run the command. Raises what `faults()` names."""
    manifest = _manifest(options.circuit_pairs)
    doing = {"add": _add, "check": _check, "list": _list}
    return doing[options.doing](manifest, options)


def faults() -> tuple[type[Exception], ...]:
    """Faults of the user's input, which explain themselves."""
    from circuit_claims.clips.errors import ClipError, ManifestError
    from circuit_claims.clips.remote import RemoteError
    from circuit_claims.clips.sampling import SamplingError
    from circuit_claims.models.source import ModelError

    return ClipError, ManifestError, RemoteError, SamplingError, ModelError


def _manifest(named: str | None) -> Path:
    """The manifest that was named, or the one that is here."""
    if named:
        return Path(named)
    here, claims = Path(MANIFEST), Path("claims") / MANIFEST
    return claims if claims.exists() and not here.exists() else here


# add -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Clip:
    """A clip of the command line, decoded and looked at."""

    seen: Inspected
    new: NewClip


def _add(manifest: Path, options: argparse.Namespace) -> int:
    from circuit_claims.clips import adding
    from circuit_claims.clips.decode import Decoder
    from circuit_claims.clips.errors import ClipError
    from circuit_claims.clips.inspecting import parting, warnings

    adding.check_name(manifest, options.name)
    if options.make_control and not options.control:
        adding.check_name(manifest, _control_name(options.name))
    sampling = _sampling(manifest, options)
    starts = options.start or (sampling.start, sampling.start)
    with Decoder() as decoder:
        success, failure = (
            _inspected(named, sampling, start, decoder)
            for named, start in zip((options.success, options.failure), starts, strict=True)
        )
        same_window = success.seen.window == failure.seen.window
        if success.new.sha256 == failure.new.sha256 and same_window:
            raise ClipError(
                failure.seen.path, "is the same clip as SUCCESS; a pair compares two different clips"
            )
        pair = adding.NewPair(
            name=options.name,
            action=options.action,
            label=options.label,
            positive=success.new,
            negative=failure.new,
            control=options.control,
            outcome_frame=options.outcome_frame,
        )
        found = warnings(success.seen, failure.seen, options.outcome_frame)
        if options.model:
            found += _labelled(options.model, [success.seen, failure.seen], options.label)
        picture = _picture(success.seen, failure.seen)
        with _made_control(pair, sampling, decoder, options) as control:
            pairs = [pair] if control is None else [pair, control]
            adding.add(manifest, sampling, pairs, reference=options.reference)
    strip_path = options.strip or manifest.parent / "strips" / f"{options.name}.png"
    _show(picture, strip_path)
    print(f"added {' and '.join(added.name for added in pairs)} to {manifest}")
    for role, clip in (("success", success), ("failure", failure)):
        window = clip.seen.window
        print(f"  {role}: {clip.seen.at}; the model sees frames {window[0]} to {window[-1]}")
    print(f"  {parting(success.seen, failure.seen)}")
    for warning in found:
        print(f"warning: {warning}")
    for unchecked in _unchecked(options):
        print(f"not checked: {unchecked}")
    return 0


def _sampling(manifest: Path, options: argparse.Namespace) -> Sampling:
    """The manifest's sampling; of a new one, what the options or the model say."""
    from circuit_claims.clips.errors import ManifestError
    from circuit_claims.clips.pairs import load_sampling
    from circuit_claims.clips.sampling import Sampling

    takes = _window_of(options.model) if options.model else None
    if not manifest.exists():
        start = min(options.start) if options.start else 0
        return Sampling("stride", options.frames or takes or FRAMES, options.stride or STRIDE, start)
    stated = load_sampling(manifest)
    for key in ("frames", "stride"):
        asked, there = getattr(options, key), getattr(stated, key)
        if asked not in (None, there):
            raise ManifestError(
                manifest,
                f"sampling: {key}",
                f"is {there}, and --{key} says {asked}; all pairs of a manifest are sampled alike: leave "
                f"--{key} out, or name another manifest with --circuit-pairs",
            )
    if takes not in (None, stated.frames):
        raise ManifestError(
            manifest, "sampling: frames", f"is {stated.frames}, and {options.model} takes {takes}"
            "; name another manifest with --circuit-pairs, or another model",
        )  # fmt: skip
    return stated


def _inspected(named: str, sampling: Sampling, start: int, decoder: Decoder) -> _Clip:
    """Find, fetch and decode a clip."""
    from circuit_claims.clips.adding import NewClip
    from circuit_claims.clips.inspecting import inspect
    from circuit_claims.clips.remote import SCHEME, pinned

    remote = pinned(named) if named.startswith(SCHEME) else None
    path = Path(named) if remote is None else remote.fetch()
    moved = start - sampling.start
    seen = inspect(path, sampling.shifted(moved), decoder)
    return _Clip(seen, NewClip(path, seen.sha256, moved, remote))


def _control_name(name: str) -> str:
    return f"{name}-noise"


@contextmanager
def _made_control(
    pair: NewPair, sampling: Sampling, decoder: Decoder, options: argparse.Namespace
) -> Iterator[NewPair | None]:
    """The control made from a pair's success clip, while its file is needed; None if none is asked."""
    from circuit_claims.clips.inspecting import inspect
    from circuit_claims.clips.remaking import remake

    if not options.make_control or options.control:
        yield None
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / f"{pair.name}-success-remade.mp4"
        made = remake(pair.positive.source, copy, decoder, options.jitter)
        moved = pair.positive.start
        seen = inspect(copy, sampling.shifted(moved), decoder)
        yield replace(
            pair,
            name=_control_name(pair.name),
            negative=replace(pair.positive, source=copy, sha256=seen.sha256, remote=None),
            control="noise",
            made=made,
            outcome_frame=None,
        )


def _window_of(model: str) -> int | None:
    """How many frames a model takes, where its folder says."""
    from circuit_claims.models.checkpoint import CONFIG, locate, read_json
    from circuit_claims.organisms.registry import resolve

    source = resolve(model)
    if source.build is not None:
        return None
    frames = read_json(model, locate(source) / CONFIG).get("num_frames")
    return frames if isinstance(frames, int) else None


def _labelled(model: str, clips: Sequence[Inspected], label: str | None) -> list[str]:
    """What is wrong with how a model labels the two clips, a sentence each."""
    from circuit_claims.clips.table import nearest
    from circuit_claims.models.load import load
    from circuit_claims.models.residual import run as forward
    from circuit_claims.organisms.registry import resolve

    loaded = load(resolve(model))
    tops = [
        loaded.labels[int(forward(loaded, loaded.preprocess(clip.sampled)[None]).logits[0].argmax())]
        for clip in clips
    ]
    print(f"{model} calls the success clip {tops[0]!r} and the failure clip {tops[1]!r}")
    found = []
    if tops[0] != tops[1]:
        found.append(f"{model} gives the two clips different labels, so the outcome is not hidden from it")
    if label is not None and label not in loaded.labels:
        found.append(f"{model} has no label {label!r}; {nearest(label, loaded.labels)}")
    elif label is not None and tops != [label, label]:
        found.append(f"{model} does not give both clips the label {label!r}")
    return found


def _picture(success: Inspected, failure: Inspected) -> Any:
    from circuit_claims.clips.strip import strip

    return strip([success, failure])


def _show(picture: Any, path: Path) -> None:
    """The strip as a PNG, and in the terminal where that has colours."""
    from rich.console import Console

    from circuit_claims.clips.strip import in_terminal, save

    console = Console()
    if console.is_terminal and console.color_system in ("truecolor", "256"):
        console.print(in_terminal(picture, console.width - 1))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save(picture, path)
        print(f"frames of both (success above, failure below): {path}")
    except OSError as error:
        print(f"warning: {path}: the frame strip was not written ({error.strerror})")


def _unchecked(options: argparse.Namespace) -> Iterator[str]:
    """What nobody but a person, or nothing yet, can say of the pair."""
    if options.control:
        yield "that both clips show the same outcome (look at the frames)"
    else:
        yield "that the first clip shows a success and the second a failure (look at the frames)"
    if options.outcome_frame is None and not options.control:
        yield "whether the clips differ before the outcome: --outcome-frame says when it happens"
    if not options.model:
        yield "how a model labels the clips: --model names one"
    if options.label is None:
        yield "whether the label is right: --label names the model's own"
    if not options.control and not options.make_control:
        yield (
            "what two clips of one outcome differ by: claims about meaning need control pairs "
            "(--control, --make-control)"
        )


# check and list ------------------------------------------------------------------------------------------


def _check(manifest: Path, _options: argparse.Namespace) -> int:
    """Verify every pair, and say all that is wrong, not the first thing only."""
    from circuit_claims.clips.decode import Decoder
    from circuit_claims.clips.inspecting import inspect, warnings
    from circuit_claims.clips.pairs import load_pairs, verify_hashes

    pairs = load_pairs(manifest)
    bad, refused = 0, faults()
    with Decoder() as decoder:
        for pair in pairs.pairs:
            try:
                verify_hashes(replace(pairs, pairs=(pair,)))
                seen = [
                    inspect(clip.path, pairs.sampling.shifted(clip.start), decoder)
                    for clip in (pair.positive, pair.negative)
                ]
            except refused as fault:
                bad += 1
                print(f"{pair.name}: {fault}", file=sys.stderr)
                continue
            print(f"{pair.name}: good ({seen[0].at})")
            for warning in warnings(seen[0], seen[1], pair.outcome_frame):
                print(f"  warning: {warning}")
    print(f"{len(pairs.pairs) - bad} of {len(pairs.pairs)} pairs are good")
    return 4 if bad else 0


def _list(manifest: Path, _options: argparse.Namespace) -> int:
    from circuit_claims.clips.pairs import load_pairs

    rows(load_pairs(manifest))
    return 0


def rows(pairs: Any) -> None:
    """Print the pairs of a set as a table."""
    from circuit_claims.cli import print_table

    print_table(
        ("pair", "kind", "action", "success", "failure"),
        [
            (p.name, p.control or p.kind, p.action, p.positive.path.name, p.negative.path.name)
            for p in pairs.pairs
        ],
    )
