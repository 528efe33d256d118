"""A report as rows, for a table of one's own: one row a measurement, or one row a pair."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from io import StringIO
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from pandas import DataFrame

By = Literal["measurement", "pair"]
ROWS: tuple[By, ...] = ("measurement", "pair")
CLAIM = ("model", "claim", "kind", "scope", "verdict", "reason")
MEASURED = ("part", "name", "unit", "site", "layer", "metric", "readout")
ESTIMATE = ("value", "low", "high", "level", "n", "asserted", "published")
COLUMNS: Mapping[By, tuple[str, ...]] = {
    "measurement": (*CLAIM, *MEASURED, *ESTIMATE),
    "pair": (*CLAIM, *MEASURED, "pair", "value", "undefined"),
}
"""By row: what stands in its columns. A claim that measured nothing has no row by pair."""


def rows(report: Mapping[str, Any], by: By = "measurement") -> Iterator[dict[str, Any]]:
    """Plain rows with the columns of `COLUMNS`; None where there is nothing."""
    for entry in report["claims"]:
        claim = {name: entry[name] for name in CLAIM}
        measurements = entry["measurements"] or ([{}] if by == "measurement" else [])
        for measured in measurements:
            patched = measured.get("patched") or {}
            named = {name: patched.get(name, measured.get(name)) for name in MEASURED}
            if by == "measurement":
                yield {**claim, **named, **_estimate(measured)}
                continue
            for pair, value in measured["by_pair"].items():
                yield {**claim, **named, "pair": pair, "value": value, "undefined": ""}
            for pair, why in measured["undefined"].items():
                yield {**claim, **named, "pair": pair, "value": None, "undefined": why}


def _estimate(measured: Mapping[str, Any]) -> dict[str, Any]:
    low, high = measured.get("ci") or (None, None)
    asserted = measured.get("asserted") or {}
    plain = {name: measured.get(name) for name in ("value", "level", "n", "published")}
    return {**plain, "low": low, "high": high, "asserted": asserted.get("words")}


def to_csv(report: Mapping[str, Any], by: By = "measurement") -> str:
    """The rows as CSV, under their columns' names."""
    text = StringIO()
    writer = csv.DictWriter(text, COLUMNS[by], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows(report, by))
    return text.getvalue()


def to_frame(report: Mapping[str, Any], by: By = "measurement") -> DataFrame:
    """The rows as a pandas frame. Raises ImportError, which says what to install, without pandas."""
    try:
        from pandas import DataFrame
    except ImportError:
        raise ImportError("to_frame needs pandas; pip install 'circuit-claims[frame]'") from None

    return DataFrame(list(rows(report, by)), columns=list(COLUMNS[by]))
