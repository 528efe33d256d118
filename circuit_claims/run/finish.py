"""How a run ends: every claim settled, its records and its report written, and what is said last."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from circuit_claims.judge.counted import counted
from circuit_claims.judge.drift import Comparison, Drift
from circuit_claims.judge.ledger import Finding, Planned, Result, exit_status, settle, stale
from circuit_claims.run.records import Destination, compared, coverage, why_not_written, write
from circuit_claims.types import Outcome

if TYPE_CHECKING:
    from circuit_claims.run.context import Setting
    from circuit_claims.run.options import Options

INCOMPLETE = 10
"""The exit status of a run that is not whole, or that was to be recorded and was not."""
UNDECIDED = 11
"""The exit status of a run in which nothing was decided, or, when strict, not everything."""
NOTHING_APPLIES = 12
"""The exit status of a run of which no claim applies to the model and the pairs."""
SHOWN_MOVES = 5
"""Of a model: the page has them all."""
SHOWN_PROBLEMS = 5
"""Of a store, in full: a disk that is full has one for each measurement."""


@dataclass(frozen=True)
class Book:
    """All that a run came to."""

    planned: Sequence[Planned]
    results: Sequence[Result]
    full: bool
    """Whether nothing was left out on purpose."""
    lost: Sequence[str]
    """Why workers died."""
    interrupted: bool
    store_problems: Sequence[str]

    @property
    def broken(self) -> bool:
        """Whether part of what was asked for is missing."""
        return bool(self.lost) or self.interrupted


@dataclass(frozen=True)
class Ending:
    """What a run leaves behind, beside its files."""

    status: int
    """How the process should end."""
    report: dict[str, Any]
    lines: list[str]
    """What is said after the table: losses, borderline verdicts, files written."""


def close(book: Book, setting: Setting, seconds: float) -> Ending:
    """Settle every claim, write report and record, and say how the process should end."""
    from circuit_claims.report import schema

    options = setting.options
    findings = settle(book.planned, book.results, setting.held)
    missing = stale(setting.held, findings) if book.full and not book.lost else []
    lines: list[str] = []
    refused = ""
    if options.update or options.add:
        refused = why_not_written(findings, book.broken, options.force)
        if not refused:
            lines += _written_records(findings, book.full, setting)
            findings = [_accepted(finding, options) for finding in findings]
    status = exit_status(
        findings, book.results, lost=book.broken, missing=bool(missing), strict=options.strict
    )
    if refused:
        lines.append(refused)
        status = status or INCOMPLETE
    counts = _counts(findings, setting)
    lines += [coverage(setting.held[name].record, count) for name, count in counts.items()]
    run = {**setting.run(seconds), "exit_status": status, "complete": not book.broken}
    report = schema.build(findings, run, setting.models(counts), options.root)
    path = options.report_dir / "latest.json"
    schema.write(path, report)
    written = [path, *_rendered(path, report, setting)]
    lines += [f"lost: {why}" for why in book.lost]
    lines += _some([f"store: {problem}" for problem in book.store_problems])
    lines += [f"recorded, but not judged by this full run: {claim}" for claim in missing]
    lines += [
        f"warning: {f.model} {f.claim.key}: {f.comparison.sentence}"
        for f in findings
        if f.comparison.drift is Drift.BORDERLINE
    ]
    lines += _not_applicable(findings)
    lines += _same_measurement(findings)
    if status == UNDECIDED:
        lines.append(_undecided(findings))
    if status == NOTHING_APPLIES:
        lines.append(f"exit status {NOTHING_APPLIES}: no claim applies, so nothing was judged")
    lines += _moves(report)
    lines += setting.remarks()
    lines.append(f"report: {', '.join(os.path.relpath(file) for file in written)}")
    return Ending(status, report, lines)


def _written_records(findings: Sequence[Finding], full: bool, setting: Setting) -> list[str]:
    """Write each model's record; returns what is to be said of it."""
    said: list[str] = []
    for name in dict.fromkeys(finding.model for finding in findings):
        said += write(
            Destination(
                setting.record_path(name),
                setting.record_name(name),
                setting.clips(name),
                setting.noted(name),
                setting.record_profile(name),
            ),
            [finding for finding in findings if finding.model == name],
            add=setting.options.add,
            whole=full,
        )
    return said


def _accepted(finding: Finding, options: Options) -> Finding:
    """A finding that this run recorded: it is as recorded now."""
    if finding.verdict.outcome in (Outcome.INCOMPLETE, Outcome.ERROR):
        return finding
    if finding.comparison.drift is not Drift.UNRECORDED and not options.update:
        return finding
    sentence = f"{finding.verdict.outcome}, recorded by this run"
    return replace(finding, comparison=Comparison(Drift.AS_RECORDED, sentence))


def _counts(findings: Sequence[Finding], setting: Setting) -> dict[str, dict[str, int]]:
    """How much of each record this run was held against: a claim that is not compared cannot drift."""
    return {
        name: compared(held.record, [finding for finding in findings if finding.model == name])
        for name, held in setting.held.items()
    }


def _rendered(path: Path, report: Mapping[str, Any], setting: Setting) -> list[Path]:
    """Write what people read of the report, beside it, and where GitHub shows it."""
    from circuit_claims.report import github
    from circuit_claims.report.files import write_beside

    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if summary:
        github.add_to_summary(Path(summary), report)
    # Beside what was measured, where anything was: a run that judges again makes no store.
    cache = setting.options.cache
    kept = cache / "figures" if cache and cache.is_dir() else None
    return write_beside(path, report, setting.frames(report), kept)


def _moves(report: Mapping[str, Any]) -> Iterator[str]:
    """With other weights than the record's: how many estimates moved, and the largest moves."""
    from circuit_claims.report.moves import moves, sentence

    for model in report["models"]:
        found, compared_pairwise = moves(report, model["name"])
        if compared_pairwise:
            yield f"{model['name']}: {sentence(found, compared_pairwise)}"
            for one in found[:SHOWN_MOVES]:
                told = f"{one.recorded}, now {one.now}; {one.difference}, tolerance {one.tolerance}"
                yield f"  {one.name}: {told}"


def _some(lines: Sequence[str]) -> list[str]:
    """The first few of many lines, and how many more there are."""
    more = len(lines) - SHOWN_PROBLEMS
    return [*lines[:SHOWN_PROBLEMS], *([f"store: {more} more like these"] if more > 0 else [])]


def _not_applicable(findings: Sequence[Finding]) -> list[str]:
    """Claims that the model or the pairs cannot be asked, with the reason: they are no pass."""
    lines = [
        f"not applicable: {finding.claim.key}: {finding.verdict.sentence}"
        for finding in findings
        if finding.verdict.outcome is Outcome.NOT_APPLICABLE
    ]
    more = len(lines) - SHOWN_PROBLEMS
    return [*lines[:SHOWN_PROBLEMS], *([f"not applicable: {more} more"] if more > 0 else [])]


def _same_measurement(findings: Sequence[Finding]) -> Iterator[str]:
    """Parts of a claim that come to one measurement, such as two depths that are one layer of this model."""
    for finding in findings:
        parts: dict[tuple[object, ...], list[str]] = {}
        for part in finding.parts:
            if part.evidence is not None and part.evidence.pairs:
                how = {key: one for key, one in part.evidence.experiment.items() if key != "depth"}
                measured = part.evidence.name, repr(how), part.evidence.pairs, part.evidence.values
                parts.setdefault(measured, []).append(part.planned.part)
        for same in parts.values():
            if len(same) > 1:
                yield f"{finding.claim.key}: {' and '.join(same)} are one measurement on {finding.model}"


def _undecided(findings: Sequence[Finding]) -> str:
    """Why a run ends with status 11, in the words of the first claim that was left open."""
    verdicts = [part.verdict for finding in findings for part in finding.parts]
    sentences = [verdict.sentence for verdict in verdicts if verdict.outcome is Outcome.INCONCLUSIVE]
    open_claims = sum(finding.verdict.outcome is Outcome.INCONCLUSIVE for finding in findings)
    left = f"exit status {UNDECIDED}: {counted(open_claims, 'claim')} left undecided"
    return f"{left}. {sentences[0] if sentences else ''}".rstrip()
