"""Pixels are what the checkpoint's own image processor makes of the frames."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from circuit_claims.models.load import ModelError, ModelSource, load, parse_source

pytestmark = pytest.mark.machines

# As google/vivit-b-16x2-kinetics400 has it, as far as we know: normalised once more after the offset.
KINETICS = {
    "crop_size": {"height": 224, "width": 224},
    "do_center_crop": True,
    "do_normalize": True,
    "do_rescale": True,
    "do_resize": True,
    "image_mean": [0.5, 0.5, 0.5],
    "image_processor_type": "VivitImageProcessor",
    "image_std": [0.5, 0.5, 0.5],
    "resample": 2,
    "rescale_factor": 1 / 127.5,
    "size": {"shortest_edge": 256},
}


def frames_of(count: int, height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, height, width, 3), dtype=np.uint8)


def built(vivit: Callable[..., Any], preprocessor: Any = None, **settings: Any) -> Any:
    hf_model = vivit(**settings)
    return load(
        ModelSource(name="x", build=lambda: hf_model, build_fingerprint="x", preprocessor=preprocessor)
    )


def test_the_kinetics_checkpoint_reads_pixels_from_minus_3_to_1(vivit: Callable[..., Any]) -> None:
    from transformers import VivitImageProcessor

    model = built(vivit, KINETICS, image_size=224, tubelet_size=[2, 56, 56])
    frames = frames_of(8, 240, 320)
    frames[0, :40], frames[0, 40:80] = 0, 255
    pixels = model.preprocess(frames)
    own = VivitImageProcessor.from_dict(KINETICS)(list(frames), return_tensors="pt")["pixel_values"][0]
    assert torch.equal(pixels, own.float())
    black = model.preprocess(np.zeros_like(frames))
    white = model.preprocess(np.full_like(frames, 255))
    assert black.unique().tolist() == [-3.0]
    assert white.unique().tolist() == [1.0]


def test_a_folder_is_read_with_the_processor_that_lies_in_it(checkpoint: Path) -> None:
    path = checkpoint / "preprocessor_config.json"
    plain = load(parse_source(str(checkpoint)))
    path.write_text(json.dumps({**json.loads(path.read_text()), "do_normalize": True}))
    normalised = load(parse_source(str(checkpoint)))
    frames = np.zeros((8, 16, 16, 3), np.uint8)
    assert plain.preprocess(frames).unique().tolist() == [-1.0]
    assert normalised.preprocess(frames).unique().tolist() == [-3.0]
    assert plain.fingerprint != normalised.fingerprint


def test_halving_a_frame_is_antialiased_bilinear_within_a_grey_level(vivit: Callable[..., Any]) -> None:
    model = built(vivit, image_size=64, tubelet_size=[2, 16, 16])
    frames = frames_of(8, 128, 128)
    pixels = (model.preprocess(frames) + 1) * 127.5
    by_torch = torch.nn.functional.interpolate(
        torch.from_numpy(frames).permute(0, 3, 1, 2).float(), size=(64, 64), mode="bilinear", antialias=True
    )
    assert (pixels - by_torch).abs().max() <= 1.0
    assert (pixels - pixels.round()).abs().max() < 1e-3  # PIL rounds to whole grey levels


def test_a_frame_of_a_few_pixels_is_not_taken_for_channels(vivit: Callable[..., Any]) -> None:
    red = np.zeros((8, 3, 5, 3), np.uint8)
    red[..., 0] = 255
    pixels = built(vivit).preprocess(red)
    assert [pixels[:, channel].unique().tolist() for channel in range(3)] == [[1.0], [-1.0], [-1.0]]


@pytest.mark.parametrize(
    ("frames", "said"),
    [
        (np.zeros((8, 16, 16, 3), np.float32), r"must be uint8 \[frame, h, w, 3\], and these are float32"),
        (np.zeros((8, 3, 16, 16), np.uint8), r"these are uint8 \[8, 3, 16, 16\]"),
        (np.zeros((16, 16, 3), np.uint8), r"these are uint8 \[16, 16, 3\]"),
        (np.zeros((7, 16, 16, 3), np.uint8), r"the model reads \[8, 3, 16, 16\]; sample 8 frames"),
    ],
)
def test_frames_of_the_wrong_form_are_told_the_right_one(
    vivit: Callable[..., Any], frames: np.ndarray, said: str
) -> None:
    with pytest.raises(ModelError, match=said):
        built(vivit).preprocess(frames)


def test_a_size_that_the_model_does_not_read_is_refused(vivit: Callable[..., Any]) -> None:
    with pytest.raises(ModelError, match=r"become \[8, 3, 224, 224\].*reads \[8, 3, 16, 16\]"):
        built(vivit, KINETICS).preprocess(frames_of(8, 240, 320))


def test_the_processor_of_another_model_is_refused(vivit: Callable[..., Any]) -> None:
    with pytest.raises(ModelError, match="is of a VideoMAEImageProcessor"):
        built(vivit, {**KINETICS, "image_processor_type": "VideoMAEImageProcessor"})
