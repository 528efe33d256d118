"""When a run may be written into a record, and how far it was held against one."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from circuit_claims.judge.counted import counted
from circuit_claims.judge.drift import Drift
from circuit_claims.judge.ledger import Finding, Planned, record_entries, recorded_values
from circuit_claims.judge.record import Record, RecordError, read_record, write_record
from circuit_claims.judge.values import read_values, write_values
from circuit_claims.types import Outcome

if TYPE_CHECKING:
    from circuit_claims.run.options import Options

PLACES = ("device", "precision")
UNSETTLED = (Outcome.INCOMPLETE, Outcome.ERROR)


@dataclass(frozen=True)
class Destination:
    """A record to be written: where it lies, and what its head says."""

    path: Path
    model: str
    clips: str
    noted: Mapping[str, str]
    profile: str


def refuse_what_cannot_be_recorded(options: Options, paths: Mapping[str, Path], full: bool) -> None:
    """Refuse, before anything is measured, an update that would not be a record of one model's whole run.

    Raises:
        RecordError: one file for two models; a selection of claims or pairs that is not forced; or an
            option that says nothing.
    """
    if not (options.update or options.add):
        if options.force:
            raise RecordError(
                "--circuit-record-force goes with --circuit-record-update: add that, or leave it"
            )
        return
    if options.record == "none":
        raise RecordError("--circuit-record none: there is no record to write into; name a file")
    models: dict[Path, str] = {}
    for model, path in paths.items():
        other = models.setdefault(path.absolute(), model)
        if other != model:
            raise RecordError(
                f"{path}: {other} and {model} cannot both be recorded there; write one model in a run"
            )
    if options.add or options.force:
        return
    if not full:
        raise RecordError(
            "--circuit-record-update takes a whole run, and -k, -m, -x, --lf, --deselect, ::, a single file "
            "or --circuit-claim leaves claims out; leave that away, add new entries only "
            "(--circuit-record-add), or write what was judged (--circuit-record-force)"
        )
    if options.pair_globs and not options.record:
        raise RecordError(
            "--circuit-record-update: a model's record rests on all pairs (of the profile), and "
            "--circuit-pair takes a selection; name another file for it with --circuit-record"
        )


def refuse_if_nothing_is_compared(record: Record, clips: str, planned: Sequence[Planned]) -> None:
    """A record that was asked for by name has to speak of this run.

    Raises:
        RecordError: it rests on other clips, or has none of the claims.
    """
    if record.clips and record.clips != clips:
        raise RecordError(
            f"{record.path}: it rests on other clips than these, so nothing would be compared; judge the "
            "pairs that it was written on, or write one for these with --circuit-record-update"
        )
    recorded = {key for key, _ in record.entries}
    if not recorded & {item.claim.key for item in planned}:
        raise RecordError(
            f"{record.path}: it has none of this run's claims ({counted(len(recorded), 'other')}), so "
            "nothing would be compared; name the model's own record, or add to it with --circuit-record-add"
        )


def refuse_mixing_clips(record: Record, clips: str) -> None:
    """Some claims on these clips and the others on those would be a record of neither. Raises RecordError."""
    if record.clips and record.clips != clips:
        raise RecordError(
            f"{record.path}: it rests on other clips than these, and a selection of the claims would leave "
            "it half on those; name another file with --circuit-record, or record all claims"
        )


def elsewhere(record: Record, now: Mapping[str, str]) -> list[str]:
    """Where a record's numbers come from and this run's do not: ``device: cpu, now cuda``."""
    return [
        f"{place}: {record.noted[place]}, now {now[place]}"
        for place in PLACES
        if record.noted.get(place) and now.get(place) and record.noted[place] != now[place]
    ]


def compared(record: Record, findings: Sequence[Finding]) -> dict[str, int]:
    """How many recorded claims were held against the record, of how many, and how many are not in it."""
    recorded = {key for key, part in record.entries if not part}
    settled = [finding for finding in findings if finding.verdict.outcome not in UNSETTLED]
    return {
        "compared": sum(finding.comparison.drift is not Drift.UNRECORDED for finding in settled),
        "recorded": len(recorded),
        "new": sum(finding.claim.key not in recorded for finding in findings),
    }


def coverage(record: Record, counts: Mapping[str, int]) -> str:
    """``compared 35 of 37 recorded claims with organism.toml``, and what it does not have."""
    recorded = counted(counts["recorded"], "recorded claim")
    line = f"compared {counts['compared']} of {recorded} with {record.path.name}"
    if counts["new"]:
        line += f"; {counts['new']} of this run {'is' if counts['new'] == 1 else 'are'} not in it"
    return line


def why_not_written(findings: Sequence[Finding], lost: bool, force: bool) -> str:
    """Why a run that was to be recorded is not, now that it is over; empty where it is."""
    open_claims = sum(finding.verdict.outcome in UNSETTLED for finding in findings)
    if force or not (lost or open_claims):
        return ""
    return (
        f"the record was not written: it takes a whole run without errors ({counted(open_claims, 'claim')} "
        f"incomplete or in error{', and part of the run was lost' if lost else ''}); run again, or write "
        "what was judged with --circuit-record-force"
    )


def write(destination: Destination, findings: Sequence[Finding], *, add: bool, whole: bool) -> list[str]:
    """Write a model's findings into its record, unsettled claims left out; returns what is to be said."""
    path, shown = destination.path, os.path.relpath(destination.path)
    before = read_record(path) if path.exists() else None
    partial = add or not whole
    if add and before is not None and before.clips and before.clips != destination.clips:
        return [f"record: {shown} rests on other clips; nothing was added to it"]
    settled = [finding for finding in findings if finding.verdict.outcome not in UNSETTLED]
    noted = destination.noted if not (partial and before) else before.noted
    weights = noted.get("weights", "")
    there = read_values(path, weights) if partial and before else {}
    count = write_record(
        path,
        model=destination.model,
        clips=destination.clips,
        noted=noted,
        findings=record_entries(settled),
        only_new=add,
        profile=destination.profile,
    )
    fresh = recorded_values(settled)
    values = {**fresh, **there} if add else {**there, **fresh}
    write_values(path, weights, values, read_record(path).entries)
    said = [f"record: {shown} ({counted(count, 'entry', 'entries')} written)"]
    judged = {finding.claim.key for finding in settled}
    kept = sorted({key for key, part in (before.entries if before else {}) if not part} - judged)
    if kept and not add:
        said.append(
            f"record: {shown} keeps {len(kept)} that this run did not judge ({', '.join(kept[:3])}"
            f"{', ...' if len(kept) > 3 else ''}); take out by hand what no test judges any more"
        )
    return said
