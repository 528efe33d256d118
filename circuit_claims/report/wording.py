"""How the numbers and the verdict of a claim are put into words, the same in every renderer.

Fractions are shown in per cent and logs of ratios as factors. An *entry* is an item of the report's
`claims`, a *measured* one of its `measurements`.
"""

import shlex
from collections.abc import Iterable, Mapping, Sequence
from math import exp
from typing import Any

from circuit_claims.judge.counted import counted

Entry = Mapping[str, Any]

FIXED = "="
"""The change of a number that is as recorded, to six digits."""
FEW = "few pairs"
"""How the flag of a reproduction begins that was judged by each pair's own value."""


def number(value: float | None, unit: str) -> str:
    """A number as a person reads it: fractions in per cent, logs of ratios as factors."""
    if value is None:
        return ""
    if unit in ("fraction", "bool"):
        return f"{100 * value:.3g} %" if abs(value) < 1 else f"{100 * value:.4g} %"
    if unit == "log ratio":
        return f"x{float(f'{exp(value):.3g}'):g}" if value < 700 else f"e^{value:.4g}"
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.4g}"


def difference(value: float | None, unit: str) -> str:
    """A difference of two numbers, signed: in points where they are per cents, a factor where logs."""
    if value is None:
        return "unbounded"
    if unit in ("fraction", "bool"):
        return f"{100 * value:+.3g} points"
    if unit == "log ratio":
        return number(value, unit)
    return f"{value:+.3g}"


def numbers(measured: Mapping[str, Any]) -> str:
    """``1.14 [1.11, 1.16] n=32``: the estimate, its interval, and the independent pairs."""
    unit = measured["unit"]
    if measured["value"] is None:
        return "undefined"
    text = number(measured["value"], unit)
    if measured["ci"] and None not in measured["ci"]:
        low, high = measured["ci"]
        text += f" [{number(low, unit)}, {number(high, unit)}]"
    return f"{text} n={measured['n']}" if measured["n"] else text


def observed(entry: Entry) -> str:
    """What was measured for a claim; the range over its parts, where it has several."""
    measured = [m for m in entry["measurements"] if m["value"] is not None]
    if not measured:
        return "-"
    if len(measured) == 1:
        return numbers(measured[0])
    least = min(m["n"] for m in measured)
    return f"{_ranges(measured, 'value')}, {len(measured)} parts, n={least}"


def asserted(entry: Entry) -> str:
    """What the claim asserts of the number."""
    return "; ".join(dict.fromkeys(range_of(m) for m in entry["measurements"] if m["asserted"]))


def range_of(measured: Mapping[str, Any]) -> str:
    """What is asserted of one measurement, in the unit that the observation is shown in."""
    said, unit = measured["asserted"], measured["unit"]
    if said is None:
        return ""
    low, high = number(said["low"], unit), number(said["high"], unit)
    if said["kind"] == "above":
        return f"> {low}"
    if said["kind"] == "below":
        return f"< {high}"
    if said["kind"] == "negligible":
        return f"within {high} of 0"
    if said["kind"] == "anything":
        return str(said["words"])
    if said["kind"] == "exactly":
        return f"= {low}" if low == high else f"= {low} to {high}"
    return f"{low} to < {high}"


def published(entry: Entry) -> str:
    """The paper's number, or the range of its numbers."""
    measured = [m for m in entry["measurements"] if m["published"] is not None]
    if not measured:
        return ""
    return _ranges(measured, "published")


def _ranges(measured: Sequence[Mapping[str, Any]], name: str) -> str:
    """From the least to the greatest, of each unit for itself."""
    units: dict[str, list[float]] = {}
    for some in measured:
        units.setdefault(some["unit"], []).append(some[name])
    told = [
        " to ".join(dict.fromkeys([number(min(values), unit), number(max(values), unit)]))
        for unit, values in units.items()
    ]
    return listed(told)


def change(entry: Entry) -> str:
    """How far the number is from its record; over several parts, the largest change."""
    if entry["record"]["drift"] == "unrecorded":
        return "new"
    recorded = {part["part"]: part["record"].get("estimate") for part in entry["parts"]}
    if not entry["parts"]:
        recorded = {"": entry["record"].get("estimate")}
    changes = [
        (measured["value"] - was, measured["unit"])
        for measured in entry["measurements"]
        if measured["value"] is not None and (was := recorded.get(measured["part"])) is not None
    ]
    if not changes:
        return ""
    largest, unit = max(changes, key=lambda pair: abs(pair[0]))
    # Records keep as many digits as reports do, so a smaller change is none.
    scale = max(abs(m["value"]) for m in entry["measurements"] if m["value"] is not None)
    if abs(largest) <= 2e-5 * scale:
        return FIXED
    return difference(largest, unit)


def verdict(entry: Entry) -> str:
    """The verdict in words, with its reason and how it stands to the record."""
    word = short_verdict(entry)
    drift = entry["record"]["drift"]
    if drift == "as recorded":
        return f"{word}, as recorded" if entry["verdict"] != "supported" else word
    return word if drift == "unrecorded" else f"{word}: {entry['record']['sentence']}"


def short_verdict(entry: Entry) -> str:
    """``refuted (specificity)``, ``supported (few pairs)``."""
    said = [entry["reason"]] if entry["reason"] and entry["verdict"] in ("refuted", "inconclusive") else []
    if any(flag.startswith(FEW) for flag in entry.get("flags", ())) and FEW not in said:
        said.append(FEW)
    return f"{entry['verdict']} ({', '.join(said)})" if said else str(entry["verdict"])


def steady(entry: Entry) -> bool:
    """Whether a verdict and its number are as recorded, or there is no record."""
    return entry["record"]["drift"] in ("as recorded", "unrecorded")


def parts(entry: Entry) -> list[tuple[Mapping[str, Any], Mapping[str, Any] | None]]:
    """Each part of a claim with what was measured for it."""
    measured = {m["part"]: m for m in entry["measurements"]}
    return [(part, measured.get(part["part"])) for part in entry["parts"]]


def contrast(control: Mapping[str, Any], unit: str) -> str:
    """The claim's number minus a control's, with its interval."""
    return interval(control["estimate"], control["low"], control["high"], unit)


def interval(value: float | None, low: float | None, high: float | None, unit: str) -> str:
    """``+2.1 points [+1.8, +2.4]``: a difference with its interval."""
    estimate = difference(value, unit)
    if low is None or high is None:
        return f"{estimate} [unbounded]"
    ends = [difference(end, unit).removesuffix(" points") for end in (low, high)]
    return f"{estimate} [{ends[0]}, {ends[1]}]"


def control_words(controls: Sequence[Mapping[str, Any]]) -> str:
    """The names of some controls, as a list in a sentence."""
    return listed(f"“{control['control']}”" for control in controls)


def listed(words: Iterable[str]) -> str:
    """``a, b and c``."""
    *most, last = list(words) or [""]
    return f"{', '.join(most)} and {last}" if most else last


def count_line(report: Mapping[str, Any]) -> str:
    """``24 claims: 12 supported, 8 refuted (8 as recorded), 4 inconclusive``."""
    claims = report["claims"]
    told = []
    for word, count in report["summary"].items():
        same = [e for e in claims if e["verdict"] == word and e["record"]["drift"] == "as recorded"]
        note = f" ({len(same)} as recorded)" if same and word != "supported" else ""
        told.append(f"{count} {word}{note}")
    drifted = [e for e in claims if e["record"]["drift"] in ("flipped", "moved")]
    differ = "differs" if len(drifted) == 1 else "differ"
    tail = f"; {len(drifted)} {differ} from the record" if drifted else ""
    return f"{counted(len(claims), 'claim')}: {', '.join(told)}{tail}" if claims else "no claims were judged"


def rerun(entry: Entry, options: str = "") -> str:
    """The command that judges a claim again, alone: all its parts, on its model."""
    words = ["pytest", *dict.fromkeys(nodeid.split("[")[0] for nodeid in entry["nodeids"])]
    if entry["model"] is not None:
        words += ["--circuit-model", entry["model"]]
    return " ".join([shlex.join(words), options]).strip()
