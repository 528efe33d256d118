"""Real clips and difficult ones: the reference's frames, or the refusal that is stated here.

Runs where the videos lie beside the checkout; they have third-party owners and are not published.
"""

import time
from pathlib import Path

import av
import numpy as np
import pytest

from circuit_claims.clips.decode import ClipError, Decoder

VIDEOS = Path(__file__).parents[2].parent / "shared" / "videos"

REFUSED = {
    "corrupt_mid_1pct.mp4": "is damaged",
    "corrupt_mid_50pct.mp4": "is damaged",
    "decord_corrupted.mp4": "is damaged",
    "editlist_both_ends.mp4": "hides 132 of its 224 frames",
    "editlist_cut.mp4": "hides 9 of its 90 frames",
    "mdat_all_zero.mp4": "cannot be opened",
    "overreport_60pct.mp4": "holds 61 of the 120 frames that its header promises",
    "raw_annexb.h264": "cannot be opened",
    "text_renamed.mp4": "is no video",
    "tiny_16x16.mp4": "misshapen, as 16x16x6",
    "tiny_2x2.mp4": "misshapen, as 2x2x48",
    "truncated_faststart_95.mp4": "holds 109 of the 120 frames that its header promises",
    "truncated_faststart_half.mp4": "holds 46 of the 120 frames that its header promises",
    "ts.ts": "fill with repeated ones",
    "zero_byte.mp4": "is empty",
}

OTHER_PIXELS = {
    "hevc_10bit.mp4": "10 bits are brought to 8 in another way",
    "tc_h264_10b.mp4": "10 bits are brought to 8 in another way",
    "tc_h265_10b.mp4": "10 bits are brought to 8 in another way",
    "interlaced.mp4": "chroma of interlaced frames is spread in another way",
}
"""Frames that equal the reference's in number and order, and not in every pixel."""

FILES = sorted(VIDEOS.glob("real/*")) + sorted(VIDEOS.glob("nasty/*"))


@pytest.mark.slow
@pytest.mark.skipif(not FILES, reason="the folder shared/videos is not beside the checkout")
@pytest.mark.parametrize("path", FILES or [VIDEOS], ids=lambda path: path.name)
def test_the_references_frames_or_the_stated_refusal(shared_decoder: Decoder, path: Path) -> None:
    started = time.monotonic()
    if path.name in REFUSED:
        with pytest.raises(ClipError, match=REFUSED[path.name]):
            shared_decoder.decode(path)
        assert time.monotonic() - started < 30
        return
    frames = shared_decoder.decode(path).frames
    assert time.monotonic() - started < 30 or path.parent.name == "real", "a long clip may take its time"
    with av.open(str(path)) as container:
        count = 0
        for ours, theirs in zip(frames, container.decode(container.streams.best("video")), strict=True):
            turned = np.rot90(theirs.to_ndarray(format="rgb24"), theirs.rotation // 90)
            if path.name in OTHER_PIXELS:
                assert np.abs(ours.astype(int) - turned).mean() < 4
            else:
                assert np.array_equal(ours, turned), f"frame {count}"
            count += 1
    assert count == len(frames)
