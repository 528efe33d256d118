"""Real clips and difficult ones: PyAV's frames bit for bit, or the refusal that is stated here.

Runs where the videos lie beside the checkout; they have third-party owners and are not published.
"""

from itertools import zip_longest
from pathlib import Path

import av
import numpy as np
import pytest

from circuit_claims.clips.choice import RULES
from circuit_claims.clips.decode import ClipError, Decoder

SHARED = Path(__file__).parents[2].parent / "shared"

REFUSED = {
    "corrupt_mid_1pct.mp4": "is damaged",
    "corrupt_mid_50pct.mp4": "is damaged",
    "decord_corrupted.mp4": "is damaged",
    "mdat_all_zero.mp4": "is damaged",
    "overreport_60pct.mp4": "holds 61 of the 120 frames that its header promises",
    "playlist.m3u8": "is no file that holds its own frames",
    "text_renamed.mp4": "is no video",
    "truncated_faststart_95.mp4": "holds 109 of the 120 frames that its header promises",
    "truncated_faststart_half.mp4": "holds 46 of the 120 frames that its header promises",
    "zero_byte.mp4": "is empty",
}

BY_PYAV = {
    "askany_guitar.mp4": "length",
    "askany_yoga.mp4": "length",
    "editlist_both_ends.mp4": "edit list",
    "editlist_cut.mp4": "edit list",
    "hevc_10bit.mp4": "depth",
    "iio_cockatoo.mp4": "length",
    "interlaced.mp4": "interlaced",
    "mpeg2-small.ts": "container",
    "raw_annexb.h264": "container",
    "tc_h264_10b.mp4": "depth",
    "tc_h265_10b.mp4": "depth",
    "tc_nasa13013.mp4": "length",
    "theora.ogv": "container",
    "tiny_16x16.mp4": "narrow",
    "tiny_2x2.mp4": "narrow",
    "ts.ts": "container",
    "vllama_applausing.mp4": "length",
    "vllama_skateboarding.mp4": "length",
    "w96.mp4": "narrow",
}
"""By the rule's name; decord reads all others."""

CASES = [SHARED / "cases" / name for name in ("playlist.m3u8", "w96.mp4", "mpeg2-small.ts", "theora.ogv")]
FILES = [*SHARED.glob("videos/real/*"), *SHARED.glob("videos/nasty/*"), *filter(Path.exists, CASES)]


@pytest.mark.slow
@pytest.mark.skipif(not FILES, reason="the folder shared/videos is not beside the checkout")
@pytest.mark.parametrize("path", sorted(FILES) or [SHARED], ids=lambda path: path.name)
def test_the_references_frames_or_the_stated_refusal(shared_decoder: Decoder, path: Path) -> None:
    if path.name in REFUSED:
        with pytest.raises(ClipError, match=REFUSED[path.name]):
            shared_decoder.decode(path)
        return
    timeline = shared_decoder.timeline(path)
    words = {rule.name: rule.words for rule in RULES}
    assert timeline.why == (words[BY_PYAV[path.name]] if path.name in BY_PYAV else "")
    with av.open(str(path)) as container:
        theirs = container.decode(container.streams.best("video"))
        start = None
        for count, (ours, frame) in enumerate(zip_longest(shared_decoder.stream(path), theirs)):
            assert ours is not None, f"PyAV has a frame {count}"
            assert frame is not None, f"PyAV has no frame {count}"
            turned = np.rot90(frame.to_ndarray(format="rgb24"), frame.rotation // 90)
            assert np.array_equal(ours, turned), f"frame {count}"
            start = frame.time if start is None else start
            if frame.time is not None:
                assert timeline.times[count] == pytest.approx(frame.time - start, abs=1e-6)
    assert timeline.n_frames == count + 1
