"""The paper's own pair: a bowling strike and a gutter ball, from the author's dataset on the hub.

The dataset's commit and the clips' hashes were never published, so they are pinned on first use, in a
manifest in the cache; every later run holds the clips against it. The window is the notebook's: 32 of 128
frames, drawn by NumPy's legacy generator under seed 42.
"""

import tempfile
from pathlib import Path

from circuit_claims.clips.adding import NewClip, NewPair, add
from circuit_claims.clips.errors import ManifestError
from circuit_claims.clips.hashing import file_sha256
from circuit_claims.clips.pairs import load_pairs
from circuit_claims.clips.remote import RemoteError, pinned, split
from circuit_claims.clips.sampling import Sampling

DATASET = "hf://datasets/chereddysaivreddy/kinetics-400"
STRIKE, GUTTER = f"{DATASET}/bowling/bowling_plain.mp4", f"{DATASET}/bowling/bowling_gutter.mp4"
SAMPLING = Sampling("notebook", frames=32, stride=4, seed=42)


def paper_manifest(cache: Path | None) -> Path:
    """The manifest of the paper's pair; on first use the clips are fetched, and pinned in it.

    Raises:
        ManifestError: they are not in the cache and the hub cannot be reached.
    """
    home = (cache or Path(tempfile.gettempdir()) / "circuit-claims") / "paper"
    manifest = home / "pairs.toml"
    if manifest.exists():
        return manifest
    try:
        clips = []
        for uri in (STRIKE, GUTTER):
            remote = pinned(uri)
            path = remote.fetch()
            clips.append(NewClip(path, file_sha256(path), remote=remote))
    except RemoteError as error:
        both = " and ".join(split(uri)[1] for uri in (STRIKE, GUTTER))
        raise ManifestError(
            Path("paper"),
            "its pair",
            f"{error}; the pair needs {both}. With both files at hand: `circuit-claims pair add "
            "strike-gutter bowling_plain.mp4 bowling_gutter.mp4 --action bowling --label bowling --rule "
            "notebook --frames 32 --stride 4`, and --circuit-pairs names that manifest",
        ) from None
    pair = NewPair("bowling-strike-gutter", "bowling", clips[0], clips[1], label="bowling")
    try:
        add(manifest, SAMPLING, [pair])
    except ManifestError:
        if not manifest.exists():  # otherwise another process has pinned the same clips meanwhile
            raise
    load_pairs(manifest)
    return manifest
