"""The versioned JSON report: the only input of the renderers. `reading.py` reads it back.

The version comes first. Entries are keyed by claim, kind, model and part, never by node id. Floats keep
six significant digits and NaN does not exist, so that two reports differ where the findings differ. No
string names a place of the machine that it was written on.
"""

import json
import re
from collections.abc import Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import Any

from circuit_claims.files import write_whole
from circuit_claims.judge.drift import Comparison
from circuit_claims.judge.ledger import Finding, Result
from circuit_claims.report.evidence import Shared, kept
from circuit_claims.report.text import without_places
from circuit_claims.types import Control, Design, Evidence, Outcome

NAME = "circuit-claims/report"
VERSION = 2
_UNNUMBERED = 1_000_000


def build(
    findings: Sequence[Finding],
    run: Mapping[str, Any],
    models: Sequence[Mapping[str, Any]],
    root: Path | None = None,
) -> dict[str, Any]:
    """The report of a run: `run` says how it was made, `models` what was under test.

    Files under `root` are named from there; of other paths only the last name is kept.
    """
    names = shown_names([model["name"] for model in models], root)
    findings = sorted(findings, key=_file_number)  # stable: 10 comes after 9, and not after 1
    shared = Shared()
    report = {
        "schema": NAME,
        "version": VERSION,
        "run": dict(run),
        "models": [{**model, "name": names[model["name"]]} for model in models],
        "claims": [
            _claim(finding, names.get(finding.model, finding.model) or None, shared) for finding in findings
        ],
        "summary": counts(findings),
        "shared": shared.lists,
    }
    placeless: dict[str, Any] = without_places(_rounded(report), root)
    return placeless


def _file_number(finding: Finding) -> int:
    """The number in the name of a claim's file, as `test_10_generalises.py`; others stand last."""
    file = finding.parts[0].planned.nodeid.split("::")[0] if finding.parts else ""
    found = re.search(r"test_(\d+)_[^/]*$", file)
    return int(found[1]) if found else _UNNUMBERED


def counts(findings: Sequence[Finding]) -> dict[str, int]:
    """How many claims ended in each verdict."""
    outcomes = [finding.verdict.outcome for finding in findings]
    return {str(outcome): outcomes.count(outcome) for outcome in Outcome if outcome in outcomes}


def shown_names(models: Sequence[str], root: Path | None) -> dict[str, str]:
    """Each model's name in the report: the last name of a folder elsewhere, numbered where two are equal."""
    shown: dict[str, str] = {}
    for name in models:
        short = str(without_places(name, root))
        shown[name] = f"{short} ({len(shown) + 1})" if short in shown.values() else short
    return shown


def _claim(finding: Finding, model: str | None, shared: Shared) -> dict[str, Any]:
    claim, verdict = finding.claim, finding.verdict
    flags = sorted({flag for part in finding.parts if part.evidence for flag in part.evidence.flags})
    return {
        "key": claim.key,
        "model": model,
        "claim": claim.id,
        "kind": str(claim.kind),
        "scope": str(claim.scope),
        "quantifier": None if claim.quantifier is None else f"{claim.quantifier} {claim.over}",
        "statement": claim.statement,
        "source": claim.source,
        "verdict": str(verdict.outcome),
        "reason": verdict.reason,
        "sentence": verdict.sentence,
        "flags": flags,
        "measurements": [measurement(part, shared) for part in finding.parts if part.evidence],
        "controls": list(verdict.contrasts),
        "figures": _figures(finding),
        "expected_parts": finding.expected,
        "parts": [_part(part) for part in finding.parts] if claim.quantifier else [],
        "record": {
            "drift": str(finding.comparison.drift),
            "sentence": finding.comparison.sentence,
            **_recorded(finding),
        },
        "nodeids": [part.planned.nodeid for part in finding.parts],
    }


def _recorded(finding: Finding) -> dict[str, Any]:
    entry = finding.comparison.entry
    if entry is None:
        return {}
    return {
        "verdict": str(entry.verdict),
        "estimate": entry.estimate,
        "bound": entry.bound,
        "tolerance": entry.tolerance,
        "reason": entry.reason,
        **_move(finding.comparison),
    }


def _move(comparison: Comparison) -> dict[str, Any]:
    """The paired difference to the record; of a claim of several parts, each part has its own."""
    move = comparison.move
    if move is None:
        return {}
    told = {"value": move.mean, "ci": [move.low, move.high], "n": move.n}
    return {"move": {**told, "size": move.size, "largest": move.largest}}


def measurement(part: Result, shared: Shared | None = None) -> dict[str, Any]:
    """What was measured for one item, as plain data; with `shared`, all that it takes to judge it again."""
    evidence, verdict = part.evidence, part.verdict
    assert evidence is not None
    return {
        "name": evidence.name,
        "part": part.planned.part,
        "value": verdict.estimate,
        "ci": None if verdict.low is None else [verdict.low, verdict.high],
        "level": verdict.level,
        "n": verdict.n,
        "method": verdict.method,
        "unit": evidence.unit,
        "asserted": _asserted(part),
        "published": evidence.published,
        "experiment": dict(evidence.experiment),
        **({"patched": _patched(evidence)} if evidence.site else {}),
        "by_pair": _by_pair(evidence),
        "undefined": dict(evidence.undefined),
        "controls": [_control(control) for control in evidence.controls],
        "effect": dict(verdict.effect) or None,
        **({} if shared is None else {"evidence": kept(evidence, shared)}),
    }


def _patched(evidence: Evidence) -> dict[str, Any]:
    """Which one site was patched, and how the recovery was scored and read."""
    return {
        "site": evidence.site,
        "layer": evidence.layer,
        "metric": evidence.metric,
        "readout": evidence.readout,
    }


def _control(control: Control) -> dict[str, Any]:
    """A control's own values: one for each of its pairs, or the mean over pairs of each seed or member."""
    rows = [row for row in control.rows if row]
    means = [sum(row) / len(row) for row in rows]
    several = control.design in (Design.SEEDS, Design.FAMILY)
    return {
        "name": control.name,
        "design": str(control.design),
        "value": sum(means) / len(means) if means else None,
        "values": means if several else [value for row in rows for value in row],
        "undefined": control.undefined,
    }


def _figures(finding: Finding) -> list[dict[str, Any]]:
    """What the measurements would have drawn (`docs/report-figures.md`), equal ones of several parts once."""
    figures: list[dict[str, Any]] = []
    for part in finding.parts:
        figure = part.evidence.figure if part.evidence else None
        if figure and dict(figure) not in figures:
            figures.append(dict(figure))
    return figures


def _asserted(part: Result) -> dict[str, Any] | None:
    expectation = part.expectation
    if expectation is None:
        return None
    return {
        "kind": expectation.kind,
        "words": expectation.words,
        "low": expectation.low,
        "high": expectation.high,
    }


def _by_pair(evidence: Evidence) -> dict[str, float]:
    if not evidence.pairs:
        return {}
    return dict(zip(evidence.pairs, evidence.values, strict=True))


def _part(part: Result) -> dict[str, Any]:
    return {
        "part": part.planned.part,
        "verdict": str(part.verdict.outcome),
        "reason": part.verdict.reason,
        "sentence": part.verdict.sentence,
        "controls": list(part.verdict.contrasts),
        "record": {
            "drift": str(part.comparison.drift),
            "sentence": part.comparison.sentence,
            "estimate": part.comparison.entry.estimate if part.comparison.entry else None,
            "tolerance": part.comparison.entry.tolerance if part.comparison.entry else None,
            **_move(part.comparison),
        },
        "nodeid": part.planned.nodeid,
    }


def _text(value: str) -> str:
    """Text that a file can hold: a clip's name may have bytes that are none."""
    return value.encode("utf-8", "backslashreplace").decode("utf-8")


def _rounded(value: Any) -> Any:
    """Six significant digits, and null for what is no number."""
    if isinstance(value, bool) or value is None or isinstance(value, int):
        return value
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, float):
        return float(f"{value:.6g}") if isfinite(value) else None
    if isinstance(value, Mapping):
        return {_text(str(key)): _rounded(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(inner) for inner in value]
    raise TypeError(f"{type(value).__name__} does not belong in a report: {value!r}")


def write(path: Path, report: Mapping[str, Any]) -> None:
    """Write a report atomically: a killed run leaves the old one whole."""
    write_whole(path, _written(report, "\n") + "\n")


def _written(value: Any, line: str) -> str:
    """JSON of which every entry has a line of its own, but for lists of numbers: each is on one.

    `json.dumps` with an indent is Python, letter by letter; what is a number or a string goes to its C.
    """
    deeper = f"{line}  "
    if isinstance(value, Mapping) and value:
        inner = f",{deeper}".join(f"{_leaf(str(key))}: {_written(v, deeper)}" for key, v in value.items())
        return f"{{{deeper}{inner}{line}}}"
    if isinstance(value, list | tuple) and value:
        if _NUMBERS.issuperset(map(type, value)):
            return f"[ {_leaf(value)[1:-1]} ]"
        return f"[{deeper}{f',{deeper}'.join(_written(inner, deeper) for inner in value)}{line}]"
    return _leaf(value)


_NUMBERS = frozenset((float, int))
_leaf = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode
