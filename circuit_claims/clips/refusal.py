"""Why a clip is refused, in the decoder's own process: what is wrong; what to do."""

import re

FETCH = "fetch it again"
ENCODE = "re-encode it (ffmpeg -i IN -c:v libx264 -pix_fmt yuv420p OUT.mp4)"
LONGEST = 200
"""Characters of a native message that are shown."""


class RefusedError(Exception):
    """A clip that is not to be used: what is wrong; what to do."""


def cut_short(read: int, promised: int) -> RefusedError:
    """A file that holds fewer frames than its header promises."""
    return RefusedError(
        f"holds {read} of the {promised} frames that its header promises: it is cut short; {FETCH}"
    )


def size_changed(number: int, before: tuple[int, int], after: tuple[int, int]) -> RefusedError:
    """A clip that goes on in another size (width, height), which no model's preprocessing is made for."""
    return RefusedError(
        f"changes its size at frame {number}, from {before[0]}x{before[1]} to {after[0]}x{after[1]} pixels; "
        "cut it there, or scale it to one size (ffmpeg -i IN -vf scale=320:240 OUT.mp4)"
    )


def gist(error: BaseException) -> str:
    """Return what a native error says, without clock, source line, path and advice to its own users."""
    text = "".join(letter if letter.isprintable() else " " for letter in str(error))
    text = re.sub(r"\[\d\d:\d\d:\d\d\] \S+: |Check failed: .*?\(-?\d+ vs\. -?\d+\) |\[/[^\]]*\]\s*", "", text)
    sentence = re.split(r"\. | because |\bStack trace", text.strip(), maxsplit=1)[0].strip().rstrip(".")
    if len(sentence) > LONGEST:
        sentence = sentence[:LONGEST].rsplit(" ", 1)[0] + " ..."
    return f"{type(error).__name__}: {sentence}" if sentence else type(error).__name__
