"""The range of pixels is read off the configuration: the processor itself says the same."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuit_claims.models.pixels import USUAL, pixel_range

OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "do_rescale": st.booleans(),
        "rescale_factor": st.sampled_from([1 / 127.5, 1 / 255]),
        "offset": st.booleans(),
        "do_normalize": st.booleans(),
        "image_mean": st.lists(st.sampled_from([0.0, 0.3, 0.5]), min_size=3, max_size=3),
        "image_std": st.lists(st.sampled_from([0.25, 0.5, 1.0]), min_size=3, max_size=3),
    },
)


@settings(deadline=None, max_examples=25)
@given(OPTIONS)
def test_black_and_white_are_what_the_processor_makes_of_them(options):
    from transformers import VivitImageProcessor

    if options.get("do_rescale") is False:
        options["offset"] = False  # the processor refuses the one without the other
    plain = {"do_resize": False, "do_center_crop": False}
    processor = VivitImageProcessor.from_dict({**plain, **options})
    frames = [np.zeros((8, 8, 3), np.uint8), np.full((8, 8, 3), 255, np.uint8)]
    pixels = processor(frames, return_tensors="pt")["pixel_values"]
    assert pixel_range(options) == pytest.approx(
        (float(pixels.min()), float(pixels.max())), rel=1e-6, abs=1e-5
    )


def test_the_kinetics_checkpoint_and_the_usual_range():
    assert pixel_range({}) == (-3.0, 1.0)
    assert pixel_range({"do_normalize": False}) == USUAL
