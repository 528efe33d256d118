"""A curve over layers as the figure of a claim, from measurements: with a band over pairs, and controls.

The report draws it (docs/report-figures.md). It decides nothing, so a part of it that cannot be had is a gap.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import exp, isfinite
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from circuit_claims.types import Sample

    Point: TypeAlias = Sample | Sequence[Sample] | float | None


def curve(
    title: str,
    *,
    x: tuple[str, Sequence[float]],
    y: tuple[str, str],
    claim: Mapping[str, Iterable[Point]],
    control: Mapping[str, Iterable[Point]] | None = None,
    published: Mapping[str, Iterable[Point]] | None = None,
    marks: Mapping[float, str] | None = None,
    caption: str = "",
    log: bool = False,
) -> dict[str, Any]:
    """A figure of a value along layers, k or frames: hand `judge` a function that makes it.

    A point is a measurement (drawn with its 95 % interval over pairs), a list of measurements
    (seeds of random weights: their mean, and a band from the lowest to the highest), a number, or `None`.
    Logarithms are drawn as what they are the logarithms of: a mean of logs is a geometric mean.

    Args:
        title: what is drawn, in a few words.
        x: the label of the axis, and its values.
        y: the label of the axis, and the unit of its values (`fraction`, `ratio`, `logits`, ...).
        claim: the lines of the model under test, by name: a point for each value of `x`.
        control: lines of controls.
        published: the paper's numbers.
        marks: words at some places of `x`.
        caption: how to read it, in a sentence.
        log: whether the axis of `y` is logarithmic.
    """
    label, values = x
    lines = {"claim": claim, "control": control or {}, "published": published or {}}
    series = [
        {"name": name, "role": role, **_line(list(points))}
        for role, some in lines.items()
        for name, points in some.items()
    ]
    return {
        "kind": "curve",
        "title": title,
        **({"caption": caption} if caption else {}),
        "x": {"label": label, "values": list(values)},
        "y": {"label": y[0], "unit": y[1], "log": log},
        "series": [one for one in series if any(value is not None for value in one["values"])],
        **({"marks": [{"x": at, "label": words} for at, words in marks.items()]} if marks else {}),
    }


def _line(points: Sequence[Point]) -> dict[str, list[float | None]]:
    ends = [_point(point) for point in points]
    line = {"values": [middle for middle, _, _ in ends]}
    if any(low is not None for _, low, _ in ends):
        line |= {"low": [low for _, low, _ in ends], "high": [high for _, _, high in ends]}
    return line


def _point(point: Point) -> tuple[float | None, float | None, float | None]:
    """The middle, and the ends of the band."""
    if point is None or isinstance(point, float | int):
        return point, None, None
    if isinstance(point, Sequence):
        means = [middle for middle, _, _ in map(_point, point) if middle is not None]
        return (sum(means) / len(means), min(means), max(means)) if means else (None, None, None)
    from circuit_claims.judge.intervals import interval

    if not point.values:
        return None, None, None
    found = interval(point.values, point.groups or None, point.clips or None)
    told = [found.estimate, found.low, found.high]
    if point.unit == "log ratio":
        told = [exp(value) if value < 700 else value for value in told]
    middle, low, high = (value if isfinite(value) else None for value in told)
    return (middle, low, high) if None not in (low, high) else (middle, None, None)
