"""The committed clips: rendered pairs, their controls, `pairs.toml` and `tracks.json`.

For each of the eight actions: four outcome pairs (success, failure), two "noise" controls (the same outcome
under other sensor noise) and two "other-clip" controls (same action and outcome, another scene).
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from circuit_claims.organisms.encode import QP, decode, encode, first_difference
from tools.organism.canvas import Box
from tools.organism.examples import START, STRIDE, WINDOW
from tools.organism.render import ACTIONS, FPS, FRAMES, Rendering, render

PAIRS_AN_ACTION = 4
NOISE_SEED = 500  # added to the scene's seed for the sensor noise of a "noise" control
SIZE = 128

_HEADER = f"""\
# Rendered outcome pairs and their controls, made by `python -m tools.organism.make clips`.
# {FRAMES} frames of {SIZE}x{SIZE} at {FPS}/s, H.264 at constant QP {QP} without B-frames or look-ahead:
# the decoded clips of an outcome pair are bit-identical before `outcome_frame`, and differ in it.
# Scene seeds 1 to {PAIRS_AN_ACTION} of each action; the embedded models were trained on seeds from 100000.
#   outcome              success (positive) and failure (negative) of one scene
#   control "noise"      one outcome of one scene, rendered again with other sensor noise in every frame
#   control "other-clip" two scenes of the same action and the same outcome; no clip is in two of these
"""


def slug(action: str) -> str:
    """An action's name in file and pair names."""
    return action.replace(" ", "-")


def _write(folder: Path, name: str, clip: Rendering) -> NDArray[np.uint8]:
    encode(folder / name, clip.frames, FPS)
    return decode(folder / name)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _boxes(boxes: tuple[Box | None, ...]) -> list[list[float] | None]:
    return [None if box is None else [round(v, 4) for v in box] for box in boxes]


def make_clips(folder: Path) -> None:
    """Render, encode, check and describe everything in fixtures/videos."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.mp4"):
        old.unlink()
    tracks: dict[str, object] = {}
    entries: list[str] = []

    def add(name: str, clip: Rendering) -> NDArray[np.uint8]:
        tracks[name] = {"object": _boxes(clip.object_boxes), "target": _boxes(clip.target_boxes)}
        return _write(folder, name, clip)

    def entry(name: str, action: str, kind: str, positive: str, negative: str) -> None:
        files = "\n".join(
            f'{side} = {{ file = "{file}", sha256 = "{_sha256(folder / file)}" }}'
            for side, file in (("positive", positive), ("negative", negative))
        )
        entries.append(
            f'[[pair]]\nname = "{name}"\naction = "{action}"\nlabel = "{action}"\n{kind}\n{files}\n'
        )

    for action in ACTIONS:
        for seed in range(1, PAIRS_AN_ACTION + 1):
            stem = f"{slug(action)}-{seed}"
            names = f"{stem}-success.mp4", f"{stem}-failure.mp4"
            clips = render(action, True, seed, size=SIZE), render(action, False, seed, size=SIZE)
            decoded = [add(name, clip) for name, clip in zip(names, clips, strict=True)]
            outcome = clips[0].outcome_frame
            if first_difference(clips[0].frames, clips[1].frames) != outcome:
                raise RuntimeError(f"{stem}: rendered clips do not part at frame {outcome}")
            if first_difference(*decoded) != outcome:
                raise RuntimeError(f"{stem}: decoded clips do not part at frame {outcome}")
            entry(stem, action, f'kind = "outcome"\noutcome_frame = {outcome}', *names)
        for seed, success in ((1, True), (2, False)):
            stem, word = f"{slug(action)}-{seed}", "success" if success else "failure"
            noisy = f"{stem}-{word}-noise.mp4"
            add(noisy, render(action, success, seed, seed + NOISE_SEED, SIZE))
            entry(f"{stem}-noise", action, 'kind = "control"\ncontrol = "noise"', f"{stem}-{word}.mp4", noisy)
        for first, word in ((1, "success"), (3, "failure")):
            files = (f"{slug(action)}-{seed}-{word}.mp4" for seed in (first, first + 1))
            kind = 'kind = "control"\ncontrol = "other-clip"'
            entry(f"{slug(action)}-{first}-{first + 1}-other", action, kind, *files)

    sampling = f'[sampling]\nrule = "stride"\nframes = {WINDOW}\nstride = {STRIDE}\nstart = {START}\n'
    head = f'{_HEADER}\nname = "rendered"\ntracks = "tracks.json"\n\n{sampling}\n'
    (folder / "pairs.toml").write_text(head + "\n".join(entries))
    # One clip a line: [x0, y0, x1, y1] in fractions of the frame for each source frame, or null.
    rows = ",\n".join(f"{json.dumps(name)}: {json.dumps(track)}" for name, track in sorted(tracks.items()))
    (folder / "tracks.json").write_text("{\n" + rows + "\n}\n")
