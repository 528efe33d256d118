"""Which decoder reads a clip, and why: whichever it is, the frames are those that a player shows."""

import re
import struct
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from drawn_clips import N_FRAMES, drawn, encode, muxed, packets, reference, remuxed

from circuit_claims.clips import choice, readers
from circuit_claims.clips.choice import RULES, look
from circuit_claims.clips.decode import Clip, ClipError, Decoder

DOCS = Path(__file__).parents[2] / "docs" / "how-to" / "pairs.md"
WHY = {rule.name: rule.words for rule in RULES}
TWELFTHS = tuple(number / 12 for number in range(N_FRAMES))


def read(decoder: Decoder, path: Path, why: str = "", times: tuple[float, ...] = TWELFTHS) -> Clip:
    """Read a clip; the decoder, its frames and their times have to be these."""
    clip = decoder.decode(path)
    assert clip.timeline.why == (WHY[why] if why else "")
    assert clip.timeline.decoder.startswith("av " if why else "decord2 ")
    assert clip.timeline.times == pytest.approx(times, abs=1e-3)
    np.testing.assert_array_equal(clip.frames, reference(path))
    assert clip.timeline == decoder.timeline(path)
    return clip


def refused(decoder: Decoder, path: Path, *words: str) -> None:
    with pytest.raises(ClipError) as caught:
        decoder.timeline(path)
    assert str(caught.value).startswith(f"{path}: ")
    for word in (*words, "; "):
        assert word in caught.value.problem


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 frames of 128x64 without B-frames, one key frame."""
    return encode(tmp_path_factory.mktemp("plain") / "plain.mp4", drawn(), g="999", bf="0")


# What is asked for ---------------------------------------------------------------------------------------


def test_only_the_frames_that_are_asked_for(shared_decoder: Decoder, ramp: Path) -> None:
    whole = reference(ramp)
    for indices in ([0], [3, 4, 17], [N_FRAMES - 1], [5, 2, 2, 20], []):
        clip = shared_decoder.decode(ramp, indices)
        assert clip.indices == tuple(indices)
        np.testing.assert_array_equal(clip.frames, whole[indices])
        assert clip.timeline.n_frames == N_FRAMES
    with pytest.raises(ClipError, match=f"has {N_FRAMES} frames, and no frame {N_FRAMES}; "):
        shared_decoder.decode(ramp, [0, N_FRAMES])
    with pytest.raises(ValueError, match="counted from 0"):
        shared_decoder.decode(ramp, [-1])


def test_two_clips_side_by_side(ramp: Path, plain: Path) -> None:
    with Decoder() as one, Decoder() as other:
        both = list(zip(one.stream(ramp), other.stream(plain), strict=True))
    np.testing.assert_array_equal(np.stack([first for first, _ in both]), reference(ramp))
    np.testing.assert_array_equal(np.stack([second for _, second in both]), reference(plain))


def test_a_stream_that_is_left_off(decoder: Decoder, ramp: Path) -> None:
    stream = decoder.stream(ramp)
    np.testing.assert_array_equal(next(stream), reference(ramp)[0])
    with pytest.raises(RuntimeError, match="streams a clip"):
        decoder.timeline(ramp)
    stream.close()
    np.testing.assert_array_equal(decoder.decode(ramp).frames, reference(ramp))


def test_decoded_no_further_than_the_last_frame_that_is_needed(
    decoder: Decoder, ramp: Path, fake_decord: "object"
) -> None:
    fake_decord("raise RuntimeError('read on')", after=9)  # type: ignore[operator]
    np.testing.assert_array_equal(decoder.decode(ramp, [2, 8]).frames, reference(ramp)[[2, 8]])
    assert decoder.timeline(ramp).why == ""


# PyAV takes over -----------------------------------------------------------------------------------------


def test_the_table_is_that_of_the_manual() -> None:
    rows = re.findall(r"^\| (.+?) \| (.+?) \|$", DOCS.read_text(encoding="utf-8"), re.MULTILINE)
    assert [row for row in rows if row in WHY.items()] == list(WHY.items())


@pytest.mark.parametrize("hidden", [1, 9])
@pytest.mark.parametrize("bf", ["0", "3"])
def test_an_edit_list_is_honoured(shared_decoder: Decoder, tmp_path: Path, hidden: int, bf: str) -> None:
    """A cut without re-encoding; decord shows the hidden frames, and repeats its last for as many."""
    whole = encode(tmp_path / "whole.mp4", drawn(), g="999", bf=bf)
    path = remuxed(whole, tmp_path / "cut.mp4", hidden=hidden)
    clip = read(shared_decoder, path, "edit list", TWELFTHS[: N_FRAMES - hidden])
    np.testing.assert_array_equal(clip.frames, reference(whole)[hidden:])


def test_an_edit_list_that_leaves_out_the_end(shared_decoder: Decoder, tmp_path: Path, plain: Path) -> None:
    """Packets after the edit's end are not even handed out: the file is not cut short for that."""
    whole = encode(tmp_path / "whole.mp4", drawn(), g="4", bf="0")
    content = bytearray(whole.read_bytes())
    at = content.index(b"elst") + 4 + 4 + 4  # type, version and flags, count
    shown = int.from_bytes(content[at : at + 4]) // 3
    content[at : at + 4] = shown.to_bytes(4)
    path = tmp_path / "cut.mp4"
    path.write_bytes(content)
    clip = read(shared_decoder, path, "edit list", TWELFTHS[: N_FRAMES // 3])
    np.testing.assert_array_equal(clip.frames, reference(whole)[: N_FRAMES // 3])


def test_a_reader_that_ignores_edit_lists_would_be_noticed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, plain: Path
) -> None:
    """On purpose: the same reader with the edit list ignored shows what is hidden."""
    path = remuxed(plain, tmp_path / "cut.mp4", hidden=9)
    ours = np.stack(list(readers.by_pyav(str(path), range(15), lambda: None)))
    np.testing.assert_array_equal(ours, reference(plain)[9:])
    monkeypatch.setattr(readers, "opened", lambda path: opened(path, ignore_editlist="1"))
    opened = sys.modules["circuit_claims.clips.container"].opened
    ignored = np.stack(list(readers.by_pyav(str(path), range(15), lambda: None)))
    assert not np.array_equal(ignored, ours)


@pytest.mark.parametrize("width", [16, 24, 32, 48, 96, 144])
def test_padded_rows(shared_decoder: Decoder, tmp_path: Path, width: int) -> None:
    """The rule is the same on every processor, whether its vectors pad such a row or not."""
    read(shared_decoder, encode(tmp_path / "narrow.mp4", drawn(160)[:, :, :width]), "narrow")


def test_a_long_clip(monkeypatch: pytest.MonkeyPatch, plain: Path) -> None:
    """By the bytes of its frames: decord may hold all of them at once."""
    size = N_FRAMES * 128 * 64 * 3
    for ahead, why in ((size, ""), (size - 1, WHY["length"])):
        monkeypatch.setattr(choice, "AHEAD", ahead)
        assert look(str(plain), lambda: None).why == why


@pytest.mark.parametrize(
    ("name", "why"),
    [("raw.h264", "container"), ("packets.ts", "container"), ("fragments.mp4", ""), ("index.mkv", "")],
)
def test_other_containers(shared_decoder: Decoder, tmp_path: Path, plain: Path, name: str, why: str) -> None:
    muxing = {"movflags": "frag_keyframe+empty_moov"} if name == "fragments.mp4" else None
    read(shared_decoder, remuxed(plain, tmp_path / name, muxing), why)


def test_live_webm(shared_decoder: Decoder, tmp_path: Path) -> None:
    path = encode(tmp_path / "live.webm", drawn(), "libvpx", muxing={"live": "1"})
    with av.open(str(path)) as container:
        assert container.duration is None
    read(shared_decoder, path, "duration")


def test_mpeg2(shared_decoder: Decoder, tmp_path: Path) -> None:
    """decord opens such a file and gives up at its first frame."""
    read(shared_decoder, encode(tmp_path / "small.ts", drawn(), "mpeg2video"), "container")


@pytest.mark.parametrize(("width", "height", "why"), [(64, 128, ""), (64, 96, "narrow")])
@pytest.mark.parametrize("turns", [1, 2, 3])
def test_turned_as_the_file_asks(
    shared_decoder: Decoder, tmp_path: Path, width: int, height: int, why: str, turns: int
) -> None:
    """A phone held upright: both decoders turn, and sizes are those that are shown."""
    content = bytearray(encode(tmp_path / "clip.mp4", drawn(width, height)).read_bytes())
    plain = reference(tmp_path / "clip.mp4")
    at = content.index(b"tkhd") + 4 + 40
    cos, sin = ((0, 1), (-1, 0), (0, -1))[turns - 1]
    matrix = (cos, sin, 0, -sin, cos, 0, 0, 0, 0x4000)
    content[at : at + 36] = struct.pack(">9i", *(number << 16 for number in matrix))
    path = tmp_path / "turned.mp4"
    path.write_bytes(content)
    clip = shared_decoder.decode(path)
    assert clip.timeline.why == (WHY[why] if why and turns != 2 else "")
    np.testing.assert_array_equal(clip.frames, np.rot90(plain, -turns, axes=(1, 2)))
    assert clip.frames.shape[1:3] == (clip.timeline.height, clip.timeline.width)


def test_timestamps_that_are_shared(shared_decoder: Decoder, tmp_path: Path) -> None:
    halves = [number // 2 for number in range(N_FRAMES)]
    path = muxed(tmp_path / "shared.mkv", packets(drawn()), (128, 64), stamps=halves)
    read(shared_decoder, path, "timestamps", tuple(half / 12 for half in halves))


def test_a_gap_in_time_is_no_reason(shared_decoder: Decoder, tmp_path: Path) -> None:
    stamps = [*range(12), *range(48, 60)]
    path = muxed(tmp_path / "gap.mkv", packets(drawn()), (128, 64), stamps=stamps)
    read(shared_decoder, path, "", tuple(stamp / 12 for stamp in stamps))


def test_more_bits_and_half_frames(shared_decoder: Decoder, tmp_path: Path) -> None:
    """Where decoders differ by design, one of them reads on every machine."""
    deep = encode(tmp_path / "deep.mp4", drawn(), pix_fmt="yuv420p10le")
    read(shared_decoder, deep, "depth")
    combed = encode(tmp_path / "combed.mp4", drawn(), **{"x264-params": "interlaced=1"})
    read(shared_decoder, combed, "interlaced")


# What is refused -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["sizes.avi", "sizes.mkv", "sizes.mp4", "sizes.ts", "sizes.h264"])
def test_a_size_that_changes_midway(shared_decoder: Decoder, tmp_path: Path, name: str) -> None:
    codec = "mjpeg" if name.endswith("avi") else "libx264"
    pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    content = packets(drawn()[:6], codec, pix_fmt) + packets(drawn(160, 96)[:6], codec, pix_fmt)
    path = muxed(tmp_path / name, content, (128, 64), codec)
    refused(shared_decoder, path, "changes its size at frame 6, from 128x64 to 160x96 pixels")


@pytest.mark.parametrize("name", ["cut.mp4", "cut.mkv", "cut.avi", "cut.ts", "cut.h264", "cut.flv"])
def test_a_file_that_is_cut_short(shared_decoder: Decoder, tmp_path: Path, name: str) -> None:
    codec = {"avi": "mpeg4", "flv": "flv1"}.get(name[-3:], "libx264")
    whole = encode(tmp_path / f"whole{name[3:]}", drawn(), codec, g="8", bf="0")
    assert shared_decoder.timeline(whole).n_frames == N_FRAMES
    path = tmp_path / name
    path.write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3 - 5])
    word = {"cut.h264": "is damaged at frame", "cut.flv": "is damaged in 1 of"}.get(name, "cut short")
    refused(shared_decoder, path, word, "fetch it again")


def test_timestamps_that_run_backwards(shared_decoder: Decoder, tmp_path: Path) -> None:
    one = encode(tmp_path / "one.ts", drawn(), "mpeg2video")
    path = tmp_path / "twice.ts"
    path.write_bytes(one.read_bytes() * 2)
    refused(shared_decoder, path, f"timestamps that run backwards: frame {N_FRAMES} is shown at ")


def test_a_rate_of_0(shared_decoder: Decoder, tmp_path: Path, plain: Path) -> None:
    """Timestamps say when a frame is shown, whatever rate a header states."""
    for scale in (0, 2**31 - 1):
        content = bytearray(encode(tmp_path / "clip.avi", drawn(), "mpeg4").read_bytes())
        at = content.index(b"strh") + 8 + 20  # dwScale, dwRate
        content[at + 4 : at + 8] = scale.to_bytes(4, "little")
        path = tmp_path / f"rate-{scale}.avi"
        path.write_bytes(content)
        timeline = shared_decoder.timeline(path)
        assert timeline.n_frames == N_FRAMES
        assert all(b > a for a, b in zip(timeline.times, timeline.times[1:], strict=False))


def test_nothing_says_when_frames_are_shown(plain: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Untimed:
        pts = None

    monkeypatch.setattr(readers, "shown_frames", lambda _path: [Untimed()] * 3)
    assert readers.shown_times("x", 25, lambda: None) == (0, 1 / 25, 2 / 25)  # type: ignore[arg-type]
    with pytest.raises(Exception, match="neither timestamps nor a frame rate"):
        readers.shown_times("x", 0, lambda: None)  # type: ignore[arg-type]


# The gate ------------------------------------------------------------------------------------------------

REFUSED = r"is no file that holds its own frames .*; name the video file itself|is no video"
NESTED = {
    "playlist.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\n../secret.ts\n#EXT-X-ENDLIST\n",
    "named.mp4": "#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\n../secret.ts\n#EXT-X-ENDLIST\n",
    "list.mp4": "ffconcat version 1.0\nfile ../secret.ts\n",
    "stream.mpd": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><Period><AdaptationSet>'
    "<Representation><BaseURL>../secret.ts</BaseURL></Representation></AdaptationSet></Period></MPD>",
    "session.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n",
    "picture%03d.png": "\x89PNG\r\n",
}


@pytest.mark.parametrize("name", NESTED)
def test_what_names_other_files_is_not_opened(shared_decoder: Decoder, tmp_path: Path, name: str) -> None:
    encode(tmp_path / "secret.ts", drawn())
    folder = tmp_path / "folder"
    folder.mkdir()
    path = folder / name
    path.write_text(NESTED[name], encoding="latin-1")
    with pytest.raises(ClipError, match=REFUSED):
        shared_decoder.timeline(path)


def test_the_playlist_would_be_read_without_the_gate(tmp_path: Path) -> None:
    encode(tmp_path / "secret.ts", drawn())
    path = tmp_path / "folder" / "playlist.m3u8"
    path.parent.mkdir()
    path.write_text(NESTED["playlist.m3u8"])
    assert len(reference(path)) == N_FRAMES


def test_decord_opens_nothing_that_the_gate_has_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    import decord

    def recorded(path: str, **_options: object) -> None:
        opened.append(path)
        raise decord.DECORDError("never mind")

    monkeypatch.setattr(decord, "VideoReader", recorded)
    for name, text in NESTED.items():
        (tmp_path / name).write_text(text, encoding="latin-1")
        with pytest.raises(Exception, match=REFUSED):
            look(str(tmp_path / name), lambda: None)
    assert opened == []
    good = encode(tmp_path / "good.mp4", drawn())
    assert look(str(good), lambda: None).why == WHY["first frames"]
    assert opened == [str(good)]
