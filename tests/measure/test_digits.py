"""One rounding for all that the store keeps."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from circuit_claims.measure.digits import digits

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
NARROW = st.floats(allow_nan=False, allow_infinity=False, width=32)


def one_by_one(value: Any) -> Any:
    """A tensor or an array element by element, as it was rounded in each place of its own before."""
    if value.ndim:
        return [one_by_one(inner) for inner in value]
    return float(f"{float(value):.7g}")


@given(NUMBERS)
def test_a_number_has_seven_digits_and_is_the_nearest_of_those(number: float) -> None:
    kept = digits(number)
    assert kept == float(f"{number:.7g}")
    assert digits(kept) == kept
    assert abs(kept - number) <= 5.0000001e-7 * abs(number) or abs(number) < 1e-300


@given(NARROW)
def test_a_float32_comes_back_whole_but_for_the_last_digit_and_keeps_its_sign(number: float) -> None:
    assert digits(number) == pytest.approx(number, rel=5.1e-7, abs=0)
    assert math.copysign(1.0, digits(number)) == math.copysign(1.0, number)


@given(
    st.sampled_from([np.float32, np.float64]).flatmap(
        lambda kind: arrays(
            kind,
            array_shapes(min_dims=0, max_dims=3, max_side=4),
            elements=NARROW if kind is np.float32 else NUMBERS,
        )
    )
)
def test_arrays_and_tensors_are_rounded_as_their_elements(array: np.ndarray) -> None:
    assert digits(array) == one_by_one(array)
    tensor = torch.from_numpy(np.array(array))
    assert digits(tensor) == one_by_one(tensor) == digits(array)


def test_what_is_no_float_stays_and_what_holds_floats_is_plain() -> None:
    found = digits({"label": 31, "there": True, "why": "0/0", "none": None, "rows": ((1 / 3,), [2 / 3])})
    assert found == {
        "label": 31,
        "there": True,
        "why": "0/0",
        "none": None,
        "rows": [[0.3333333], [0.6666667]],
    }
    assert found["there"] is True
    assert type(found["label"]) is int


def test_a_number_that_does_not_exist_is_none_only_where_that_is_said() -> None:
    assert math.isnan(digits(math.nan))
    assert digits(math.nan, undefined=True) is None
    assert digits({"rho": np.array([1.0, math.nan])}, undefined=True) == {"rho": [1.0, None]}
