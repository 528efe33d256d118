"""Clips on the hub: downloaded once, at a commit, held to their hash; offline, one message at once."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from drawn_clips import drawn, encode
from hub import COMMIT, NOWHERE, Hub, hub, reach

from circuit_claims.cli import USAGE, main
from circuit_claims.clips.errors import ManifestError
from circuit_claims.clips.pairs import load_pairs, verify_hashes
from circuit_claims.clips.paper import GUTTER, SAMPLING, STRIKE, paper_manifest
from circuit_claims.clips.remote import RemoteClip, RemoteError, pinned, split

CLIP = "hf://datasets/someone/clips/putts/one.mp4"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the hub, and a hub that cannot be reached."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub-cache"))
    reach(monkeypatch, NOWHERE)
    return tmp_path / "hub-cache"


@pytest.fixture
def served(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub with two clips."""
    folder = tmp_path / "dataset"
    (folder / "putts").mkdir(parents=True)
    encode(folder / "putts" / "one.mp4", drawn())
    encode(folder / "putts" / "two.mp4", drawn()[::-1])
    with hub() as stand_in:
        stand_in.give("datasets/someone/clips", folder)
        reach(monkeypatch, stand_in.url)
        yield stand_in


@pytest.mark.parametrize(
    ("uri", "parts"),
    [
        (CLIP, ("someone/clips", "putts/one.mp4", None)),
        ("hf://datasets/a/b@v1/c.mp4", ("a/b", "c.mp4", "v1")),
        ("hf://datasets/a.b/c-d/e f/ü.mp4", ("a.b/c-d", "e f/ü.mp4", None)),
    ],
)
def test_a_uri_is_read(uri: str, parts: tuple[str, str, str | None]) -> None:
    assert split(uri) == parts


@pytest.mark.parametrize(
    "uri",
    [
        *("hf://", "hf://datasets/a/b", "hf://datasets/a/b/", "hf://models/a/b/c.mp4", "hf://a/b/c.mp4"),
        *("hf://datasets/a/b/../c.mp4", "hf://datasets/../b/c.mp4", "hf://datasets/a/b@/c.mp4", "x.mp4"),
        "hf://datasets/a/b/c\nd.mp4",
    ],
)
def test_what_is_no_uri(uri: str) -> None:
    with pytest.raises(RemoteError, match=r"is no clip on the hub; write hf://datasets/OWNER/NAME/path.mp4"):
        split(uri)


def test_a_branch_is_pinned_to_the_commit_that_it_is_now(served: Hub) -> None:
    assert pinned(CLIP) == RemoteClip("someone/clips", "putts/one.mp4", COMMIT)


def test_a_clip_is_downloaded_once_and_then_read_offline(
    served: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = pinned(CLIP)
    first = clip.fetch()
    assert first == clip.cached
    assert first.read_bytes() == served.files["datasets/someone/clips/putts/one.mp4"].read_bytes()
    asked = len(served.asked)
    assert clip.fetch() == first
    assert len(served.asked) == asked
    reach(monkeypatch, NOWHERE)
    assert clip.fetch() == first


def test_offline_a_branch_is_the_commit_that_was_downloaded_last(
    served: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import hf_hub_download

    hf_hub_download("someone/clips", "putts/one.mp4", repo_type="dataset")
    reach(monkeypatch, NOWHERE)
    assert pinned(CLIP) == RemoteClip("someone/clips", "putts/one.mp4", COMMIT)
    assert pinned(CLIP).fetch().is_file()


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        (
            "hf://datasets/someone/clips/three.mp4",
            r"the hub has no three.mp4 in the dataset someone/clips \(",
        ),
        ("hf://datasets/nobody/clips/one.mp4", r"no one.mp4 in the dataset nobody/clips \(Repository"),
        ("hf://datasets/someone/clips@v2/putts/one.mp4", r"someone/clips at revision v2 \(Revision"),
    ],
)
def test_what_the_hub_has_not(served: Hub, uri: str, said: str) -> None:
    with pytest.raises(RemoteError, match=said):
        pinned(uri)


def test_without_a_network_it_is_said_at_once_what_to_download(cache: Path) -> None:
    started = time.monotonic()
    with pytest.raises(RemoteError) as caught:
        pinned(CLIP)
    assert time.monotonic() - started < 5
    assert "putts/one.mp4 of the dataset someone/clips is not in the local cache" in str(caught.value)
    assert "`hf download --repo-type dataset someone/clips putts/one.mp4`" in str(caught.value)


def add_remote() -> int:
    two = CLIP.replace("one.mp4", "two.mp4")
    return main(["pair", "add", "putt-1", CLIP, two, "--action", "golf putt", "--frames", "8"])


def test_a_remote_pair_is_added_and_checked(
    served: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert add_remote() == 0
    text = Path("pairs.toml").read_text()
    assert f'file = "{CLIP}", revision = "{COMMIT}", sha256 = "' in text
    assert not Path("clips").exists(), "a clip on the hub is not copied"
    reach(monkeypatch, NOWHERE)
    verify_hashes(load_pairs("pairs.toml"))
    assert main(["pair", "check"]) == 0


def test_a_remote_clip_that_is_another_than_the_manifest_says(
    served: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert add_remote() == 0
    pairs = load_pairs("pairs.toml")
    cached = pairs.pairs[0].negative.path.resolve()
    cached.write_bytes(cached.read_bytes() + b"more")
    with pytest.raises(ManifestError, match=r'pair "putt-1": negative: the sha256 of two.mp4 is'):
        verify_hashes(pairs)


def test_nothing_is_written_where_a_remote_clip_cannot_be_had(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert add_remote() == USAGE
    assert "hf download --repo-type dataset" in capsys.readouterr().err
    assert list(Path().iterdir()) == []


def test_a_manifest_names_a_commit(tmp_path: Path) -> None:
    manifest = tmp_path / "pairs.toml"
    sides = [f'{{ file = "{CLIP}", revision = "main", sha256 = "{digit * 64}" }}' for digit in ("a", "b")]
    manifest.write_text(
        'name = "x"\n[sampling]\nrule = "stride"\nframes = 8\n[[pair]]\nname = "p"\naction = "a"\n'
        f'kind = "outcome"\npositive = {sides[0]}\nnegative = {sides[1]}\n'
    )
    with pytest.raises(
        ManifestError, match=re.escape("pair \"p\": positive: file: its revision 'main' is no commit")
    ):
        load_pairs(manifest)


# The paper's own pair ------------------------------------------------------------------------------------


@pytest.fixture
def bowling(served: Hub, tmp_path: Path) -> Hub:
    """The hub with the paper's dataset: other clips under its names, 140 frames long."""
    import numpy as np

    folder = tmp_path / "kinetics"
    (folder / "bowling").mkdir(parents=True)
    long = np.concatenate([drawn()] * 6)
    encode(folder / "bowling" / "bowling_plain.mp4", long)
    encode(folder / "bowling" / "bowling_gutter.mp4", long[::-1])
    served.give("datasets/chereddysaivreddy/kinetics-400", folder)
    return served


def test_the_papers_pair_is_pinned_on_first_use(
    bowling: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = paper_manifest(tmp_path / "cache")
    pairs = load_pairs(manifest)
    verify_hashes(pairs)
    (pair,) = pairs.pairs
    assert (pair.name, pair.action, pair.label) == ("bowling-strike-gutter", "bowling", "bowling")
    assert pairs.sampling == SAMPLING
    for clip, uri in ((pair.positive, STRIKE), (pair.negative, GUTTER)):
        assert clip.remote is not None
        assert f"hf://datasets/{clip.remote.repository}/{clip.remote.file}" == uri
        assert clip.remote.revision == COMMIT
    asked = len(bowling.asked)
    reach(monkeypatch, NOWHERE)
    assert paper_manifest(tmp_path / "cache") == manifest
    assert len(bowling.asked) == asked


def test_the_papers_window_is_the_notebooks() -> None:
    import numpy as np

    n_frames = 300
    np.random.seed(42)
    end = np.random.randint(32 * 4, n_frames)
    start = end - 32 * 4
    indices = np.linspace(start, end, num=32)
    indices = np.clip(indices, start, end - 1).astype(np.int64)
    assert SAMPLING.indices(n_frames) == tuple(indices)


def test_without_a_network_the_papers_pair_says_what_to_download(cache: Path, tmp_path: Path) -> None:
    with pytest.raises(ManifestError) as caught:
        paper_manifest(tmp_path / "cache")
    assert "hf download --repo-type dataset chereddysaivreddy/kinetics-400 bowling/bowling_plain.mp4" in str(
        caught.value
    )
    assert "; the pair needs bowling/bowling_plain.mp4 and bowling/bowling_gutter.mp4" in str(caught.value)
    assert not (tmp_path / "cache").exists()
