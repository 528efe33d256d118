"""The windows of a manifest: what `[sampling]`, a pair's own `sampling` and a clip's `start` say.

A window counts source frames or goes by time. Frames are bare numbers and times have a unit, so that neither
is ever taken for the other. A step that is shorter than a frame is allowed: the window then shows that frame
twice, of which `circuit-claims pair add` and `pair check` warn.
"""

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType

from circuit_claims.clips.errors import ManifestError
from circuit_claims.clips.sampling import RULES, Sampling, SamplingError
from circuit_claims.clips.seconds import in_words
from circuit_claims.clips.table import Table


def sampling_in(table: Table) -> Sampling:
    """Read the `[sampling]` of a set. Raises ManifestError."""
    rule = table.choice("rule", RULES)
    if rule == "time":
        table.allow("rule", "frames", "every", "start")
        return _by_time(table, table.integer("frames"))
    table.allow("rule", "frames", "stride", "start", "seed")
    try:
        return Sampling(
            rule="notebook" if rule == "notebook" else "stride",
            frames=table.integer("frames"),
            stride=table.integer("stride", 1),
            start=_frame(table),
            seed=table.integer("seed") if "seed" in table.values else None,
        )
    except SamplingError as error:
        raise ManifestError(table.path, table.where, str(error)) from None


def own_window(pair: Table, of_set: Sampling) -> Sampling | None:
    """Read the window of a pair, by time; None where it has none of its own. Raises ManifestError.

    What it leaves out is that of its set, where that goes by time too.
    """
    if "sampling" not in pair.values:
        return None
    window = pair.table("sampling")
    window.allow("every", "start")
    if not window.values:
        raise pair.error("sampling", "is empty; give it every or start, or leave it out")
    return _by_time(window, of_set.frames, of_set.as_dict() if of_set.by_time else {})


def start_of(clip: Table, sampling: Sampling) -> int | Decimal:
    """Read by how much a clip's window is moved: source frames, or seconds of a pair sampled by time.

    Raises ManifestError, also where a time moves the window to before the clip.
    """
    if not sampling.by_time:
        return _frame(clip)
    by = clip.time("start", "0 s")
    if sampling.start + by < 0:
        raise clip.error(
            "start",
            f"is {in_words(by)}, which moves the window from {in_words(sampling.start)} to before the clip's "
            "first frame; write a later time",
        )
    return by


def _by_time(table: Table, frames: int, usual: Mapping[str, object] = MappingProxyType({})) -> Sampling:
    """Read `every` and `start`, of which `usual` has what may be left out."""
    start = table.time("start", str(usual.get("start", "0 s")))
    if start < 0:
        problem = f"is {in_words(start)}, before the clip's first frame; it has to be 0 s or more"
        raise table.error("start", problem)
    every = table.time("every", str(usual["every"]) if "every" in usual else None)
    if every <= 0:
        raise table.error("every", f"is {in_words(every)}; it has to be more than 0 s")
    try:
        return Sampling("time", frames, start=start, every=every)
    except SamplingError as error:
        raise ManifestError(table.path, table.where, str(error)) from None


def _frame(table: Table) -> int:
    """Read a start in source frames; one in seconds belongs to windows by time."""
    start = table.values.get("start")
    if isinstance(start, str):
        raise table.error(
            "start",
            f'is "{start:.40}", and this window counts source frames; write the frame without a unit, or '
            'sample by time (rule = "time", or in the pair: sampling = { every = "0.08 s" })',
        )
    return table.integer("start", 0)
