"""What a person should know of the two clips of a pair, in sentences: what is odd, and where they part."""

from decimal import ROUND_CEILING, Decimal
from itertools import pairwise

from circuit_claims.clips.comparing import Compared
from circuit_claims.clips.inspecting import Inspected
from circuit_claims.clips.sampling import ends_at
from circuit_claims.clips.seconds import in_words
from circuit_claims.clips.timeline import Timeline

SAME_RATE = 0.005
"""Share by which frame rates may differ: 29.97 and 30 a second drift apart by a frame in half a minute."""
UNSTEADY = 1.5
"""A clip's frame rate varies where it shows a frame for so many times as long as another one."""


def oddities(clip: Inspected) -> list[str]:
    """What is unusual in a file and reaches the model, a sentence each."""
    name, found = clip.path.name, []
    if abs(clip.pixel_shape - 1) > 0.01:
        found.append(
            f"{name}: its pixels are not square ({clip.pixel_shape:.3g} times as wide as high), "
            "and the model sees them as if they were: the picture is squeezed"
        )
    if clip.bits > 8:
        found.append(f"{name}: {clip.bits} bits a colour are brought to 8, as decoders differ in")
    if clip.interlaced:
        found.append(f"{name}: it is interlaced, so that moving edges are combed")
    if clip.rotation:
        found.append(f"{name}: its frames were turned by {clip.rotation} degrees, as the file asks")
    again = len(clip.window) - len(set(clip.window))
    if again:
        found.append(
            f"{name}: {again} of the {len(clip.window)} frames that the model sees are the frame before once "
            f"more: it is shown for longer than {in_words(clip.sampling.every or 0)}; take a larger --every"
        )
    return found


def warnings(
    one: Inspected, other: Inspected, compared: Compared, outcome_frame: int | None = None
) -> list[str]:
    """What of a pair a claim about outcomes could mistake for the outcome, a sentence each."""
    found = oddities(one) + oddities(other) + _sizes(one.timeline, other.timeline) + _lengths(one, other)
    found += _rates(one, other)
    if compared.first is None:
        found.append("the clips have the same frames throughout: there is no outcome to find")
    elif compared.seen_alike:
        wider = "its steps (--every)" if one.sampling.by_time else "its stride"
        found.append(
            f"the clips do not differ in the frames that the model sees ({one.window[0]} to "
            f"{one.window[-1]}): nothing can be measured on them; move the window (--start), or widen {wider}"
        )
    if outcome_frame is not None:
        found += _around(one, other, compared, outcome_frame)
    return found


def _sizes(one: Timeline, other: Timeline) -> list[str]:
    if (one.width, one.height) == (other.width, other.height):
        return []
    return [
        f"the clips differ in size ({one.width}x{one.height} and {other.width}x{other.height}), "
        "so that scaling differs too"
    ]


def _lengths(one: Inspected, other: Inspected) -> list[str]:
    """By time, lengths are seconds, and a frame more or less is none."""
    if one.sampling.by_time:
        ends = [ends_at(clip.timeline) for clip in (one, other)]
        frame = max(1 / clip.timeline.fps if clip.timeline.fps else 0.0 for clip in (one, other))
        if abs(ends[0] - ends[1]) <= frame:
            return []
        return [f"the clips differ in length ({in_words(ends[0])} and {in_words(ends[1])})"]
    frames = one.timeline.n_frames, other.timeline.n_frames
    if frames[0] == frames[1]:
        return []
    return [f"the clips differ in length ({frames[0]} and {frames[1]} frames)"]


def _rates(one: Inspected, other: Inspected) -> list[str]:
    """Where a stride is not one time in both clips, what samples them by time."""
    rates = one.timeline.fps, other.timeline.fps
    differ = abs(rates[0] - rates[1]) > SAME_RATE * max(rates)
    told = f"the clips differ in frame rate ({rates[0]:g} and {rates[1]:g} a second)"
    if one.sampling.by_time:
        apart = max((1 / rate for rate in rates if rate), default=0.0)
        return [f"{told}: frames of one time are up to {in_words(apart)} apart"] if differ else []
    advice = f"take the pair out of the manifest, and add it by time: {by_time_options(one, other)}"
    if differ:
        return [f"{told}: the same stride is another time; {advice}"]
    unsteady = " and ".join(clip.path.name for clip in (one, other) if varies(clip.timeline))
    return [f"{unsteady}: the frame rate varies: a stride is no fixed time; {advice}"] if unsteady else []


def varies(clip: Timeline) -> bool:
    """Return whether a clip shows some frames for much longer than others."""
    gaps = [b - a for a, b in pairwise(clip.times)]
    return bool(gaps) and max(gaps) > UNSTEADY * min(gaps)


def by_time_options(one: Inspected, other: Inspected) -> str:
    """The options of `pair add` that sample two clips by time about as they are sampled by frames.

    A step is that of the clip with the lower frame rate. Times are rounded up to a millisecond: a frame that
    begins a little after a time is not shown at it.
    """
    slowest = min((clip.timeline.fps for clip in (one, other) if clip.timeline.fps), default=25.0)
    starts = [_up(clip.timeline.times[clip.window[0]]) for clip in (one, other)]
    start = ",".join(dict.fromkeys(starts))
    return f"--every {_up(one.sampling.stride / slowest)} --start {start}"


def _up(time: float) -> str:
    """A time as an option, rounded up to a millisecond."""
    exact = Decimal(time).quantize(Decimal("0.000001"))
    return in_words(exact.quantize(Decimal("0.001"), ROUND_CEILING)).replace(" ", "")


def _around(one: Inspected, other: Inspected, compared: Compared, outcome_frame: int) -> list[str]:
    """Whether the clips differ before the outcome, and whether the window sees it."""
    found = []
    if compared.first is not None and compared.first < outcome_frame:
        found.append(
            f"the clips differ from frame {compared.first}, before the outcome (frame {outcome_frame}), by "
            f"{compared.before:.1f} grey levels of 255 on average: a claim may find that instead"
        )
    last = one.window[-1] if one.sampling.by_time else max(one.window[-1], other.window[-1])
    if outcome_frame > last:
        found.append(
            f"the outcome (frame {outcome_frame}) comes after the window (frames {one.window[0]} to "
            f"{one.window[-1]}): the model does not see it"
        )
    return found


def parting(one: Inspected, compared: Compared) -> str:
    """Where in time two clips first differ, and by how much, in a sentence."""
    first = compared.first
    if first is None:
        return f"they are alike in all {compared.n} frames that both have"
    when = f" ({one.timeline.times[first]:.2f} s)" if one.timeline.fps else ""
    most = f"the largest difference is in frame {compared.peak} ({compared.most:.1f} grey levels of 255)"
    if first == compared.begins:
        return f"they differ from the first frame, by {compared.mean:.1f} grey levels on average; {most}"
    return f"they first differ in frame {first}{when}, and are identical before; {most}"
