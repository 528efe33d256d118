"""The versioned JSON report: the only input of the renderers.

The version comes first. Entries are keyed by claim, kind, model and part, never by node id. Floats keep
six significant digits and NaN does not exist, so that two reports differ where the findings differ.
"""

import json
from collections.abc import Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import Any

from circuit_claims.judge.claim import Evidence, Outcome
from circuit_claims.judge.ledger import Finding, Result
from circuit_claims.judge.record import write_whole

NAME = "circuit-claims/report"
VERSION = 1


class ReportError(Exception):
    """A report cannot be read; the message names the file, what is wrong and what to do."""


def build(
    findings: Sequence[Finding], run: Mapping[str, Any], models: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """The report of a run: `run` says how it was made, `models` what was under test."""
    report = {
        "schema": NAME,
        "version": VERSION,
        "run": dict(run),
        "models": [dict(model) for model in models],
        "claims": [_claim(finding) for finding in findings],
        "summary": counts(findings),
    }
    rounded: dict[str, Any] = _rounded(report)
    return rounded


def counts(findings: Sequence[Finding]) -> dict[str, int]:
    """How many claims ended in each verdict."""
    outcomes = [finding.verdict.outcome for finding in findings]
    return {str(outcome): outcomes.count(outcome) for outcome in Outcome if outcome in outcomes}


def _claim(finding: Finding) -> dict[str, Any]:
    claim, verdict = finding.claim, finding.verdict
    flags = sorted({flag for part in finding.parts if part.evidence for flag in part.evidence.flags})
    return {
        "key": claim.key,
        "model": finding.model or None,
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
        "measurements": [_measurement(part) for part in finding.parts if part.evidence],
        "controls": list(verdict.contrasts),
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
    }


def _measurement(part: Result) -> dict[str, Any]:
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
        "by_pair": _by_pair(evidence),
        "undefined": dict(evidence.undefined),
    }


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
        "record": {"drift": str(part.comparison.drift), "sentence": part.comparison.sentence},
        "nodeid": part.planned.nodeid,
    }


def _rounded(value: Any) -> Any:
    """Six significant digits, and null for what is no number."""
    if isinstance(value, bool) or value is None or isinstance(value, int | str):
        return value
    if isinstance(value, float):
        return float(f"{value:.6g}") if isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _rounded(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(inner) for inner in value]
    raise TypeError(f"{type(value).__name__} does not belong in a report: {value!r}")


def write(path: Path, report: Mapping[str, Any]) -> None:
    """Write a report atomically: a killed run leaves the old one whole."""
    write_whole(path, json.dumps(report, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read(path: Path) -> dict[str, Any]:
    """Read a report and check that it is one.

    Raises:
        ReportError: missing, cut short, another schema, a newer version, or an unknown verdict.
    """
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ReportError(f"{path}: there is no such report; `pytest claims/` writes one") from None
    except (OSError, UnicodeDecodeError) as fault:
        raise ReportError(f"{path}: cannot be read ({fault})") from None
    except json.JSONDecodeError as fault:
        raise ReportError(
            f"{path}:{fault.lineno}: not JSON ({fault.msg}): it may be cut short; run `pytest claims/` again"
        ) from None
    if not isinstance(report, dict) or report.get("schema") != NAME:
        raise ReportError(f"{path}: not a {NAME}; give a JSON file that `pytest claims/` wrote")
    version = report.get("version")
    if version != VERSION:
        raise ReportError(f"{path}: version {version!r}, but this circuit-claims reads {VERSION}; upgrade it")
    claims = report.get("claims")
    if not isinstance(claims, list) or not all(isinstance(entry, dict) for entry in claims):
        raise ReportError(f"{path}: 'claims' has to be a list of tables; run `pytest claims/` again")
    known = {str(outcome) for outcome in Outcome}
    for entry in claims:
        if entry.get("verdict") not in known:
            raise ReportError(
                f"{path}: {entry.get('key')!r} has the unknown verdict {entry.get('verdict')!r}"
            )
    return report
