"""How exactly the store keeps numbers: seven significant digits, which is all that float32 has."""

from collections.abc import Mapping
from math import isnan
from typing import Any

SIGNIFICANT = 7


def digits(value: Any, *, undefined: bool = False) -> Any:
    """Numbers, tensors, arrays, tables and lists of them as plain data of so many digits.

    What is no float stays as it is. NaN stays too, and the store refuses it; None takes its place where
    `undefined` says that it stands for a number that does not exist.
    """
    if isinstance(value, float):
        return None if undefined and isnan(value) else float(f"{value:.{SIGNIFICANT}g}")
    if isinstance(value, Mapping):
        return {key: digits(inner, undefined=undefined) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [digits(inner, undefined=undefined) for inner in value]
    if hasattr(value, "tolist"):
        return digits(value.tolist(), undefined=undefined)
    return value
