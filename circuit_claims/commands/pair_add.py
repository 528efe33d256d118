"""``circuit-claims pair add``: two clips are compared, checked and shown, and written into the manifest."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from circuit_claims.commands.pair_windows import windows_of

if TYPE_CHECKING:
    from circuit_claims.clips.adding import NewClip, NewPair
    from circuit_claims.clips.comparing import Compared
    from circuit_claims.clips.decode import Decoder
    from circuit_claims.clips.inspecting import Inspected
    from circuit_claims.clips.sampling import Sampling


@dataclass(frozen=True)
class _Clip:
    """A clip of the command line that was looked at."""

    seen: Inspected
    new: NewClip


def add_pair(manifest: Path, options: argparse.Namespace) -> int:
    """Add a pair, and say what is known of it. Raises what `pair_command.faults()` names."""
    from circuit_claims.clips import adding
    from circuit_claims.clips.comparing import compare
    from circuit_claims.clips.decode import Decoder
    from circuit_claims.clips.errors import ClipError
    from circuit_claims.clips.remarks import parting, warnings

    adding.check_name(manifest, options.name)
    if options.make_control and not options.control:
        adding.check_name(manifest, _control_name(options.name))
    windows = windows_of(manifest, options, _window_of(options.model) if options.model else None)
    with Decoder() as decoder, Decoder() as another:
        success, failure = (
            _inspected(named, windows.of_pair, start, decoder)
            for named, start in zip((options.success, options.failure), windows.starts, strict=True)
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
            sampling=windows.own,
        )
        compared = compare(success.seen, failure.seen, (decoder, another), options.outcome_frame)
        found = warnings(success.seen, failure.seen, compared, options.outcome_frame)
        if not options.control:
            found += adding.sharing(manifest, pair)
        if options.model:
            found += _labelled(options.model, [success.seen, failure.seen], options.label, decoder)
        with _made_control(pair, windows.of_pair, decoder, options) as control:
            pairs = [pair] if control is None else [pair, control]
            adding.add(manifest, windows.of_set, pairs, reference=options.reference)
    strip_path = options.strip or manifest.parent / "strips" / f"{options.name}.png"
    _show(compared, [success.seen, failure.seen], strip_path)
    print(f"added {' and '.join(added.name for added in pairs)} to {manifest}")
    for role, clip in (("success", success), ("failure", failure)):
        print(f"  {role}: {clip.seen.at}; {clip.seen.seen}")
    print(f"  {parting(success.seen, compared)}")
    for warning in found:
        print(f"warning: {warning}")
    for unchecked in _unchecked(options):
        print(f"not checked: {unchecked}")
    return 0


def _inspected(named: str, sampling: Sampling, start: int | Decimal, decoder: Decoder) -> _Clip:
    """Find, fetch and look at a clip."""
    from circuit_claims.clips.adding import NewClip
    from circuit_claims.clips.inspecting import inspect
    from circuit_claims.clips.remote import SCHEME, pinned, require_no_other_scheme

    require_no_other_scheme(named)
    remote = pinned(named) if named.startswith(SCHEME) else None
    path = Path(named) if remote is None else remote.fetch()
    moved = start - sampling.start
    seen = inspect(path, sampling.moved(moved), decoder)
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
        seen = inspect(copy, sampling.moved(pair.positive.start), decoder)
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


def _labelled(model: str, clips: Sequence[Inspected], label: str | None, decoder: Decoder) -> list[str]:
    """What is wrong with how a model labels the two clips, a sentence each."""
    from circuit_claims.clips.table import nearest
    from circuit_claims.models.load import load
    from circuit_claims.models.residual import run as forward
    from circuit_claims.organisms.registry import resolve

    loaded = load(resolve(model))
    tops = [
        loaded.labels[int(forward(loaded, loaded.preprocess(frames)[None]).logits[0].argmax())]
        for frames in (decoder.decode(clip.path, clip.window).frames for clip in clips)
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


def _show(compared: Compared, clips: Sequence[Inspected], path: Path) -> None:
    """The strip as a PNG, with times, and in the terminal where that has colours."""
    from rich.console import Console

    from circuit_claims.clips.seconds import in_words
    from circuit_claims.clips.strip import in_terminal, positions, save, strip

    console = Console()
    if console.is_terminal and console.color_system in ("truecolor", "256"):
        console.print(in_terminal(strip(compared.shown), console.width - 1))
    times = [clip.sampling.times(clip.timeline) for clip in clips]
    captions = [[in_words(float(row[position])) for position in positions(len(row))] for row in times]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save(strip(compared.shown, captions), path)
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
