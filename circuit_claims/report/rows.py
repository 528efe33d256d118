"""The rows of a claim's plot: on which axis each number lies, and what stands beside it.

A plot is a table: a row for each part or control, and an axis below those of one unit.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from circuit_claims.judge.counted import counted
from circuit_claims.report import plain, wording
from circuit_claims.report.scale import Scale

Scales = dict[str, Scale]
"""The axis of each unit."""


def scales(entries: Sequence[wording.Entry]) -> list[Scales]:
    """Of each unit one axis for all models, to compare them; one each, where that would flatten some."""
    units = dict.fromkeys(m["unit"] for entry in entries for m in entry["measurements"])
    found: list[Scales] = [{} for _ in entries]
    for unit in units:
        shown = [_shown(entry, unit) for entry in entries]
        together = Scale.over([value for values in shown for value in values], unit)
        alone = [Scale.over(values, unit) for values in shown]
        same = all(scale.high - scale.low >= 0.25 * (together.high - together.low) for scale in alone)
        for scales, own in zip(found, alone, strict=True):
            scales[unit] = together if same else own
    return found


def _shown(entry: wording.Entry, unit: str) -> list[float | None]:
    """The numbers that an axis has to reach."""
    shown: list[float | None] = []
    for measured in entry["measurements"]:
        if measured["unit"] != unit:
            continue
        ends = measured["asserted"] or {"low": None, "high": None}
        shown += [measured["value"], measured["published"], ends["low"], ends["high"]]
        shown += measured["ci"] or []
        shown += [control["value"] for control in measured["controls"]]
        shown += _middle(list(measured["by_pair"].values()))
        if not entry["parts"]:  # controls have rows of their own, with their pairs
            shown += [value for control in measured["controls"] for value in _middle(control["values"])]
    return shown


def _middle(values: list[float]) -> list[float]:
    """The values but for the two outermost at each end, which alone would set the axis."""
    return sorted(values)[2:-2]


def rows(entry: wording.Entry, scales: Scales) -> list[dict[str, Any]]:
    """A row for each part; for a claim without parts, one for each control below it; and the axes' ticks."""
    verdicts = {part["part"]: part["verdict"] for part in entry["parts"]}
    rows: list[dict[str, Any]] = []
    for measured in entry["measurements"]:
        scale = scales[measured["unit"]]
        if rows and rows[-1]["ticks"] != scale.ticks():
            rows[-1]["axis"] = True  # what follows is of another unit
        rows.append(_row(measured, scale, str(verdicts.get(measured["part"], entry["verdict"]))))
        if not entry["parts"]:
            rows += [_control_row(control, measured["unit"], scale) for control in measured["controls"]]
    if rows:
        rows[-1]["axis"] = True
    return rows


def _row(measured: Mapping[str, Any], scale: Scale, verdict: str) -> dict[str, Any]:
    unit, value = measured["unit"], measured["value"]
    ends = measured["ci"] if measured["ci"] and None not in measured["ci"] else None
    outside = [v for v in measured["by_pair"].values() if not scale.shows(v)]
    return {
        "kind": "claim",
        "ticks": scale.ticks(),
        "axis": False,
        "label": measured["part"].replace("=", " ") or plain.measured_name(measured),
        "told": wording.numbers(measured),
        "published": wording.number(measured["published"], unit),
        "verdict": verdict,
        "mark": plain.MARKS[verdict],
        "asserted": _band(measured["asserted"], scale),
        "points": [
            (scale.at(v), _jitter(at), f"{pair}: {wording.number(v, unit)}")
            for at, (pair, v) in enumerate(measured["by_pair"].items())
            if scale.shows(v)
        ],
        "outside": len(outside),
        "interval": None if ends is None else (scale.at(ends[0]), scale.at(ends[1])),
        "estimate": None if value is None else scale.at(value),
        "paper": None if measured["published"] is None else scale.at(measured["published"]),
        "controls": [
            (scale.at(c["value"]), f"{c['name']}: {wording.number(c['value'], unit)}")
            for c in measured["controls"]
            if c["value"] is not None
        ]
        if measured["part"]
        else [],
    }


def _control_row(control: Mapping[str, Any], unit: str, scale: Scale) -> dict[str, Any]:
    seeds = control["design"] == "seeds"
    outside = [value for value in control["values"] if not scale.shows(value)]
    count = f", {counted(len(control['values']), 'seed' if seeds else 'pair')}"
    told = (
        control["undefined"] if control["value"] is None else wording.number(control["value"], unit) + count
    )
    return {
        "kind": "control",
        "ticks": scale.ticks(),
        "axis": False,
        "label": f"control: {control['name']}",
        "told": told,
        "published": "",
        "verdict": "",
        "mark": "",
        "asserted": None,
        "points": [
            (scale.at(v), _jitter(at), f"{'seed' if seeds else 'pair'} {at + 1}: {wording.number(v, unit)}")
            for at, v in enumerate(control["values"])
            if scale.shows(v)
        ],
        "outside": len(outside),
        "interval": None,
        "estimate": None,
        "paper": None,
        "controls": [] if control["value"] is None else [(scale.at(control["value"]), told)],
    }


def _band(asserted: Mapping[str, Any] | None, scale: Scale) -> tuple[float, float] | None:
    """Where the asserted range begins, and how wide it is."""
    if asserted is None or asserted["low"] is asserted["high"] is None:
        return None
    start = 0.0 if asserted["low"] is None else scale.at(asserted["low"])
    end = 100.0 if asserted["high"] is None else scale.at(asserted["high"])
    return start, max(round(end - start, 2), 0.3)


def _jitter(at: int) -> int:
    """The height of a point in its row, so that equal values do not hide each other."""
    return 6 + (at * 7) % 17


def contrasts(entry: wording.Entry) -> list[tuple[str, str, str]]:
    """Part, control, and how far the claim's number is above it."""
    units = {measured["part"]: measured["unit"] for measured in entry["measurements"]}
    if not entry["parts"]:
        unit = next(iter(units.values()), "fraction")
        return [("", c["control"], wording.contrast(c, unit)) for c in entry["controls"]]
    return [
        (part["part"].replace("=", " "), control["control"], wording.contrast(control, units[part["part"]]))
        for part in entry["parts"]
        for control in part["controls"]
        if part["part"] in units
    ]
