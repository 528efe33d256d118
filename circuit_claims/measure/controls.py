"""Controls: what a number about outcomes has to exceed, as patches of their own.

A control changes the donor, the recipient, or the write that is taken, and leaves the rest of the sweep
as it is. They answer: would any two videos do (`other class`), any donor (`third video`), any perturbation
of that size (`noise write`), any copy of the same frames (`re-encoded`), frames in any order (`shuffled
frames`, `reversed frames`)? Same-outcome pairs and window jitter are other pairs and windows of the same
sweep; random weights are another model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from zlib import crc32

from circuit_claims.clips.pairs import Pair
from circuit_claims.measure.other_pairs import other

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from circuit_claims.measure.assay import Assay

SHUFFLE_SEED = 11
NOISE_SEED = 7
REENCODED_QUALITY = 28
"""x264's quantiser for the copy: a visible loss, as of a clip that was uploaded twice."""


@dataclass(frozen=True)
class Roles:
    """The pixels of one patched run, each `[frame, 3, h, w]`."""

    donor: Tensor
    """What recovery is measured towards."""
    recipient: Tensor
    source: Tensor | None = None
    """The clip whose writes are taken, where it is not the donor."""
    noise: int | None = None
    """Seed of the noise that replaces the donor's difference from the recipient's write, at its size."""


def _outcome(assay: Assay, pair: Pair) -> Roles:
    return Roles(assay.success(pair), assay.failure(pair))


def _swapped(assay: Assay, pair: Pair) -> Roles:
    return Roles(assay.failure(pair), assay.success(pair))


def _noise_write(assay: Assay, pair: Pair) -> Roles:
    """Writes with the outcome's size, token by token, and no direction of it; drawn anew for each pair."""
    return Roles(assay.success(pair), assay.failure(pair), noise=NOISE_SEED + crc32(pair.name.encode()))


def _third_video(assay: Assay, pair: Pair) -> Roles:
    """Writes of another failure clip of the same action: a donor that does not know this outcome."""
    donor = other(assay.pairs, pair, same_action=True)
    return Roles(assay.success(pair), assay.failure(pair), source=assay.failure(donor))


def _noise_into_success(assay: Assay, pair: Pair) -> Roles:
    """The noise write of the other direction: of the size by which the failure's write differs."""
    return replace(_noise_write(assay, pair), donor=assay.failure(pair), recipient=assay.success(pair))


def _third_into_success(assay: Assay, pair: Pair) -> Roles:
    """The third video of the other direction: writes of another success, which leave the outcome as it is."""
    donor = other(assay.pairs, pair, same_action=True)
    return Roles(assay.failure(pair), assay.success(pair), source=assay.success(donor))


def _other_class(assay: Assay, pair: Pair) -> Roles:
    """A donor that shows another action: the upper end of how far two clips can be apart."""
    return Roles(assay.success(other(assay.pairs, pair, same_action=False)), assay.failure(pair))


def _shuffled(assay: Assay, pair: Pair) -> Roles:
    """The frames of both clips in one shuffled order: the same pictures, no motion."""
    import numpy as np

    success, failure = assay.success(pair), assay.failure(pair)
    order = np.random.default_rng(SHUFFLE_SEED).permutation(len(success))
    return Roles(success[order], failure[order])  # frames are preprocessed one by one


def _reversed(assay: Assay, pair: Pair) -> Roles:
    """Both clips backwards: the outcome comes first."""
    return Roles(assay.success(pair).flip(0), assay.failure(pair).flip(0))


def _reencoded(assay: Assay, pair: Pair) -> Roles:
    """The failure clip and a copy of it that went through a codec once more: what the codec alone changes."""
    copy = assay.pixels(_through_codec(assay.window(pair, False)))
    return Roles(copy, assay.failure(pair))


def _jitter(assay: Assay, pair: Pair) -> Roles:
    """The failure clip and itself one source frame (or step in time) later: what the window alone changes."""
    later = assay.pairs.sampling_of(pair).least_shift
    return Roles(assay.moved(pair, False, later), assay.failure(pair))


CONTROLS: Mapping[str, Callable[[Assay, Pair], Roles]] = {
    "success -> failure": _outcome,
    "failure -> success": _swapped,
    "noise write": _noise_write,
    "third video": _third_video,
    "noise into success": _noise_into_success,
    "third into success": _third_into_success,
    "other class": _other_class,
    "shuffled frames": _shuffled,
    "reversed frames": _reversed,
    "re-encoded": _reencoded,
    "jitter": _jitter,
}
"""By the name that a report prints. The first two are the claim's own directions."""


NECESSITY = "failure -> success"
"""The direction of noising: failure is the donor, success the recipient."""
REVERSED: Mapping[str, str] = {
    "success -> failure": NECESSITY,
    "noise write": "noise into success",
    "third video": "third into success",
}
"""By direction, or by a control of the paper's direction, what stands for it in the other one."""


def _through_codec(frames: np.ndarray) -> np.ndarray:
    """uint8 `[frame, h, w, 3]` through H.264 and back, by PyAV."""
    import io

    import av
    import numpy as np

    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=24)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv444p"  # frames of odd size have no 4:2:0
        stream.codec_context.thread_count = 1
        stream.codec_context.options = {"qp": str(REENCODED_QUALITY), "bf": "0", "x264-params": "threads=1"}
        for picture in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    buffer.seek(0)
    with av.open(buffer, "r") as read:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in read.decode(video=0)])
