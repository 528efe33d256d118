"""A report in plain words, for a person who has never seen the project: what was asked, and why a verdict."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from circuit_claims.judge.counted import counted
from circuit_claims.report import wording
from circuit_claims.report.wording import Entry


@dataclass(frozen=True)
class Group:
    """Claims of one kind, which are read alike."""

    name: str
    heading: str
    told: str
    """What claims of this kind ask, in a sentence."""
    column: str = "The paper says"
    """What stands above the statements in a table."""


FINDINGS = Group(
    "findings",
    "The findings",
    "A finding holds where its number lies where the claim says, and above every control: measurements in "
    "which there is nothing to find, such as two clips of one outcome, or random weights.",
)
NUMBERS = Group(
    "numbers",
    "The published numbers",
    "Does the paper's own metric give the paper's number here? Defects of the metric are flagged.",
)
FORENSICS = Group(
    "forensics",
    "Where a published artifact comes from",
    "Supported when the mistake that it names does make such a number.",
    "The explanation",
)
TABLES = Group(
    "tables",
    "The paper's text against its own tables",
    "Arithmetic on the published numbers; no model is needed.",
    "The text says",
)
CHECKS = Group(
    "checks",
    "Checks of the instrument",
    "The answer is known beforehand on any weights. Where one fails, no other number means anything.",
    "The check",
)
GROUPS = (FINDINGS, NUMBERS, FORENSICS, TABLES, CHECKS)
OWN = (
    replace(FINDINGS, column="The claim says"),
    Group(
        "numbers", "The numbers", "Does the metric give the number that the claim states?", "The claim says"
    ),
    replace(FORENSICS, heading="Where an artifact comes from"),
    Group("tables", "Statements that need no model", "Arithmetic on given numbers.", "The claim says"),
    CHECKS,
)
"""The same for claims that are no paper's."""

LONGEST_NAME, MOST_LISTED = 64, 3
"""Of a measurement in a cell, in letters; and of parts that are told one by one."""

FLAGS: Mapping[str, str] = {
    "inert readout": "The published metric reads tokens that the classifier never looks at, and scores how "
    "far they move in any direction. It says that a patch changed something there, not that the change "
    "reaches the model's answer.",
}
"""What a flag means for a reader, by its first words."""

VERDICTS: Mapping[str, str] = {
    "supported": "the interval over pairs of clips lies where the claim says, and, for a finding, above "
    "every control",
    "refuted": "the interval lies elsewhere (value), or a control shows the same number (specificity)",
    "inconclusive": "the interval reaches across the edge of what is claimed, a contrast with a control is "
    "undecided, or there are too few pairs",
    "artifact": "the number follows from the method, not from the model",
    "not applicable": "the model or the pairs lack what the claim speaks of",
    "incomplete": "parts of the claim were left out or lost",
    "error": "something broke; never a verdict on the model",
}
MARKS: Mapping[str, str] = {
    "supported": "✓",
    "refuted": "✗",
    "inconclusive": "?",
    "artifact": "≈",
    "not applicable": "–",
    "incomplete": "…",
    "error": "!",
}


def group_of(entry: Entry) -> Group:
    """How a claim is read."""
    if entry["kind"] == "exact":
        return TABLES if entry["model"] is None else CHECKS
    return {"means": FINDINGS, "reproduces": NUMBERS, "forensic": FORENSICS}[entry["kind"]]


def groups(report: Mapping[str, Any]) -> tuple[Group, ...]:
    """The kinds of claims, worded for a paper's or for claims of one's own."""
    return GROUPS if report["run"].get("paper") else OWN


def section(entry: Entry) -> str:
    """The part of the paper that a claim belongs to, from the name of its test file."""
    stem = entry["nodeids"][0].split("::")[0].rsplit("/", 1)[-1] if entry["nodeids"] else ""
    words = [
        word
        for word in stem.removesuffix(".py").split("_")
        if word not in ("test", "") and not word.isdigit()
    ]
    return " ".join(words).capitalize() or "Claims"


def brief(entry: Entry, *, named: bool = False) -> str:
    """A verdict's reason in a few words, for a cell of a table: the number, and what it had to be.

    With `named`, what the number is of stands before it, where it is one number.
    """
    if entry["verdict"] in ("not applicable", "error", "incomplete") or not entry["measurements"]:
        return str(entry["sentence"])
    if entry["verdict"] == "artifact":
        return _sentence_of_parts(entry)
    if entry["reason"] in ("undefined", "too few pairs", "no contrast"):
        return str(entry["sentence"])
    name = measured_name(entry["measurements"][0])
    one = named and len(entry["measurements"]) == 1 and len(name) <= LONGEST_NAME
    seen = f"{name}: {_seen(entry)}" if one else f"found {_seen(entry)}"
    if entry["reason"] in ("specificity", "contrast"):
        total = {c["name"] for m in entry["measurements"] for c in m["controls"]}
        below = _controls_not_exceeded(entry)
        which = (
            f"in {wording.listed(below)}" if len(below) < 3 else f"{len(below)} of {len(total)} controls show"
        )
        seen += f", {'not clearly' if entry['reason'] == 'contrast' else 'no'} more than "
        return seen + (which if below else "its controls show")
    if wording.asserted(entry) == "more than its controls":
        return (
            f"{seen}, above every control" if entry["verdict"] == "supported" else f"{seen}; {wanted(entry)}"
        )
    return f"{seen}, needs {wanted(entry)}"


def measured_name(measured: Mapping[str, Any]) -> str:
    """What was measured, in the unit that it is shown in."""
    return without_log(str(measured["name"]), measured["unit"])


def effect(measured: Mapping[str, Any]) -> str:
    """The effect size of a measurement, in a sentence: against the edge of what is asserted."""
    found, unit = measured["effect"], measured["unit"]
    edge = wording.number(found["from"], unit)
    low, high = (wording.number(found[end], "fraction") for end in ("above_low", "above_high"))
    told = [f"{wording.number(found['above'], 'fraction')} [{low}, {high}] of {found['n']} above {edge}"]
    if found["g"] is not None:
        told.append(f"Hedges’ g from there {found['g']:.3g}")
    told.append(f"Hodges-Lehmann {wording.difference(found['hodges_lehmann'], unit)}")
    return "; ".join(told)


def without_log(name: str, unit: str) -> str:
    """A name of a log, which is shown as a factor."""
    return name.removeprefix("log ") if unit == "log ratio" else name


def _sentence_of_parts(entry: Entry) -> str:
    """Why a claim of several parts is what it is: as its parts say it."""
    mine = [part["sentence"] for part in entry["parts"] if part["verdict"] == entry["verdict"]]
    return str(mine[0] if mine else entry["sentence"])


def why(entry: Entry) -> str:
    """The verdict in a sentence with its reason."""
    word, reason = entry["verdict"], entry["reason"]
    if not entry["measurements"] or word in ("not applicable", "error", "incomplete"):
        return str(entry["sentence"])
    if word == "artifact":
        return f"{_sentence_of_parts(entry)} Observed {wording.observed(entry)}."
    found = f"Observed {wording.observed(entry)}; the claim needs {wanted(entry)}{_in_parts(entry)}."
    if word == "supported":
        controls = {f"“{c['name']}”": None for m in entry["measurements"] for c in m["controls"]}
        more = f" It is also more than in {wording.listed(controls)}." if controls else ""
        return f"Supported. {found}{more if entry['kind'] == 'means' else ''}"
    if word == "refuted" and reason == "specificity":
        return (
            f"Refuted, because the number is not about the outcome: it is not shown to be more than in "
            f"{wording.listed(_controls_not_exceeded(entry)) or 'its controls'}. {found}"
        )
    if word == "refuted":
        short = sum(part["verdict"] == "refuted" for part in entry["parts"])
        parts = counted(len(entry["parts"]), "part")
        some = f" {short} of {parts} {_are(short)} refuted." if entry["parts"] else ""
        return f"Refuted, because the number lies elsewhere. {found}{some}"
    if reason == "contrast":
        below = wording.listed(_controls_not_exceeded(entry))
        return f"Undecided: it is not shown to be more than in {below or 'its controls'}. {found}"
    if reason == "straddles":
        enough = re.search(r"about \d+ pairs would decide", entry["sentence"])
        return (
            "Undecided: the interval reaches across the edge of what is claimed. "
            f"{found}{f' {_capital(enough[0])}.' if enough else ''}"
        )
    return f"Undecided. {entry['sentence']}"


def wanted(entry: Entry) -> str:
    """What a claim asks of its number, in words: ``more than 95 %``."""
    return " and ".join(dict.fromkeys(_wanted(m) for m in entry["measurements"] if m["asserted"]))


def _wanted(measured: Mapping[str, Any]) -> str:
    said, unit = measured["asserted"], measured["unit"]
    low, high = wording.number(said["low"], unit), wording.number(said["high"], unit)
    return {
        "above": f"more than {low}",
        "below": f"less than {high}",
        "between": f"{low} to {high}",
        "negligible": f"no more than {high} either way",
        "exactly": f"exactly {low}" if low == high else f"{low} to {high}",
        "anything": "more than its controls show",
    }[said["kind"]]


def _in_parts(entry: Entry) -> str:
    if not entry["quantifier"]:
        return ""
    which = "each" if entry["quantifier"].startswith("each") else "one"
    return f" in {which} of {counted(len(entry['parts']), 'part')} ({entry['quantifier'].split(' ')[1]})"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _seen(entry: Entry) -> str:
    """What was observed, as short as it can be said; with its interval where that is what leaves it open."""
    measured = [m for m in entry["measurements"] if m["value"] is not None]
    if len(measured) != 1:
        kinds = {re.sub(r"\d+", "", m["name"]) for m in measured}
        if 1 < len(kinds) == len(measured) <= MOST_LISTED:
            return wording.listed(
                f"{_part_value(m)} {wording.number(m['value'], m['unit'])}" for m in measured
            )
        return wording.observed(entry).split(", ")[0]
    text = wording.numbers(measured[0]).split(" n=")[0]
    return text if entry["reason"] == "straddles" else text.split(" [")[0]


def _part_value(measured: Mapping[str, Any]) -> str:
    """``mediated`` of ``part=mediated``."""
    return str(measured["part"]).partition("=")[2] or measured_name(measured)


def _controls_not_exceeded(entry: Entry) -> list[str]:
    """The controls whose contrast does not exclude zero, in the parts that decided."""
    deciding = [part for part in entry["parts"] if part["verdict"] == entry["verdict"]] or [entry]
    names = {
        control["control"]: None
        for part in deciding
        for control in part["controls"]
        if control["low"] is None or control["low"] <= 0
    }
    return [f"“{name}”" for name in names]


def about(model: Mapping[str, Any]) -> str:
    """What a model is, in a few words."""
    told = model.get("about") or ""
    if not told and "n_layers" in model:
        told = ", ".join(counted(model[f"n_{what}s"], what) for what in ("layer", "head", "token"))
    return str(told)


def taken_over(model: Mapping[str, Any]) -> str:
    """Which clips the second decoder read, and why; empty where the first one read all of them."""
    rows = model.get("decoders", ())
    second = [row for row in rows if row["why"]]
    if not second:
        return ""
    total, taken = (sum(row["clips"] for row in some) for some in (rows, second))
    names = wording.listed(sorted({row["decoder"] for row in second}))
    reasons = "; ".join(f"{row['why']} ({row['clips']})" for row in second)
    return f"{names} read {taken} of {counted(total, 'clip')}: {reasons}"


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def flag(text: str) -> tuple[str, str]:
    """A flag as it was raised, and what it means for a reader (empty for one that explains itself)."""
    return text, next((meaning for start, meaning in FLAGS.items() if text.startswith(start)), "")


def experiment(entry: Entry) -> str:
    """The experiment in a line: donor to recipient, site, readout, metric."""
    if not entry["measurements"]:
        return ""
    experiments = [measured["experiment"] for measured in entry["measurements"]]
    said = []
    for name in experiments[0]:
        values = list(dict.fromkeys(some.get(name, "") for some in experiments))
        if name != "model" and any(values):
            ends = [values[0], values[-1]] if len(values) > 1 else values
            said.append(f"{name}: {' … '.join(ends)}")
    method = entry["measurements"][0]["method"]
    return " · ".join([*said, f"interval: {method}"] if method else said)
