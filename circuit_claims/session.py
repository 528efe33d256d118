"""One run of the claims: what is under test, what each item said, and how it all ends.

This is the wiring behind the plugin's hooks and fixtures. Light: measuring and judging import what
they need when they are asked.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from circuit_claims.judge.claim import Outcome, Verdict
from circuit_claims.judge.ledger import (
    Finding,
    Planned,
    Result,
    exit_status,
    settle,
    stale,
)
from circuit_claims.judge.plain import from_plain, planned_from_plain
from circuit_claims.judge.record import (
    Comparison,
    Drift,
    Record,
    RecordError,
    compare,
    read_record,
    record_path,
)
from circuit_claims.recording import (
    ELSEWHERE,
    Destination,
    compared,
    counted,
    elsewhere,
    refuse_if_nothing_is_compared,
    refuse_mixing_clips,
    refuse_what_cannot_be_recorded,
    why_not_written,
    widened,
    write,
)
from circuit_claims.under_test import UnderTest, under_test

if TYPE_CHECKING:
    from circuit_claims.measure.assay import Assay, Bench
    from circuit_claims.measure.circuit import Circuit
    from circuit_claims.options import Options
    from circuit_claims.report.drawn import Frames

PAPER = "paper"
"""The record's name for claims that need no model: arithmetic on the published tables."""
INCOMPLETE = 10
"""The exit status of a run that is not whole, or that was to be recorded and was not."""
UNDECIDED = 11
"""The exit status of a run in which nothing was decided, or, when strict, not everything."""
NOTED = ("torch", "transformers", "decord2", "numpy")
"""Packages that a record notes: numbers come from them."""


def open_session(options: Options, *, worker: bool) -> ClaimSession:
    """The book of a run that measures, that only plans to, or that judges an earlier run again."""
    if options.plan:
        from circuit_claims.planning import PlanningSession

        return PlanningSession(options, worker=worker)
    if options.rejudge is None:
        return ClaimSession(options, worker=worker)
    import pytest

    from circuit_claims.rejudging import RejudgingSession
    from circuit_claims.report.reading import ReportError

    try:
        return RejudgingSession(options, worker=worker)
    except ReportError as fault:
        raise pytest.UsageError(str(fault)) from None


class ClaimSession:
    """The book of one run, in one process; workers' books are merged into the controller's."""

    def __init__(self, options: Options, *, worker: bool) -> None:
        self.options = options
        self.worker = worker
        self.planned: list[Planned] = []
        self.results: list[Result] = []
        self.model_facts: dict[str, dict[str, Any]] = {}
        self.report: dict[str, Any] | None = None
        self.interrupted = False
        self.refused = ""
        """Why a worker refused its input; the controller says it and exits with 4."""
        self.store_problems: dict[str, None] = {}
        """What was wrong with entries of the store, or kept none from being written: each once."""
        self.faults: list[str] = []
        """What is wrong with the claims that are written as TOML."""
        self._tested: dict[str, UnderTest] = {}
        self._records: dict[str, Record] = {}
        self._counts: dict[str, dict[str, int]] = {}
        self._notes: list[str] = []
        self._lost: list[str] = []
        self._closing: list[str] = []

    # Opening -------------------------------------------------------------------------------------

    @staticmethod
    def refusals() -> tuple[type[Exception], ...]:
        """Faults of the user's input that explain themselves: exit 4, no traceback."""
        from circuit_claims.clips.errors import ClipError, ManifestError
        from circuit_claims.clips.sampling import SamplingError
        from circuit_claims.models.source import ModelError

        return ManifestError, ClipError, SamplingError, ModelError, RecordError

    def open(self, planned: Sequence[Planned], full: bool = True) -> None:
        """Check everything that can be known before weights load; `full` is a run that leaves nothing out.

        Raises:
            one of `refusals()`, or a claim that two tests judge.
        """
        self._refuse_duplicates(planned)
        self.planned = [item for item in planned if self.options.wants(item.claim.id, item.claim.key)]
        try:
            self._find_models()
            self._find_records(full)
        except self.refusals():
            self.planned = []  # nothing was judged, and there is nothing to report
            raise

    def _refuse_duplicates(self, planned: Sequence[Planned]) -> None:
        seen: dict[tuple[str, str, str], str] = {}
        for item in planned:
            key = (item.claim.key, item.model, item.part)
            if key in seen:
                raise RecordError(
                    f"{item.nodeid}: claim {item.claim.key!r} is judged by {seen[key]} already; "
                    "give one of them another id"
                )
            seen[key] = item.nodeid

    def _find_models(self) -> None:
        """What is under test, by model name; runs in the controller too, for its header and report."""
        if any(item.model for item in self.planned):
            for name in self.options.models:
                self._tested[name] = under_test(name, self.options, self._record_folder().parent)

    def _model_names(self) -> list[str]:
        return list(self._tested)

    def thresholds(self, planned: Planned) -> dict[str, float]:
        """What the manifest's pairs assert of a claim in place of its own number, by the pair's name."""
        if not planned.model:
            return {}
        pairs = self._tested[planned.model].pairs.pairs
        key = planned.claim.key
        return {pair.name: pair.thresholds[key] for pair in pairs if key in pair.thresholds}

    def _unused_thresholds(self) -> Iterator[str]:
        """Thresholds of pairs for claims that nobody judged: misspelt, or deselected."""
        judged = {item.claim.key for item in self.planned}
        for tested in self._tested.values():
            stated = {key for pair in tested.pairs.pairs for key in pair.thresholds}
            for key in sorted(stated - judged):
                yield f"{tested.pairs.path.name} states thresholds for {key}, which no claim of this run is"

    def _unusual_pixels(self) -> Iterator[str]:
        """Models whose own preprocessing ends in another range than ViViT's usual one."""
        from circuit_claims.models.pixels import USUAL

        for name, facts in self.model_facts.items():
            low, high = facts.get("pixel_range", USUAL)
            if (low, high) != USUAL:
                yield (
                    f"{name}: black is {low:g} and white {high:g} by its own preprocessor_config.json "
                    "(-1 and 1 is usual); numbers compare with others only where theirs was the same"
                )

    def _find_records(self, full: bool) -> None:
        judged = [
            name for name in ["", *self._model_names()] if any(item.model == name for item in self.planned)
        ]
        paths = {name: self._record_path(name) for name in judged}
        refuse_what_cannot_be_recorded(self.options, paths, full)
        if self.options.record == "none":
            return
        for name, path in paths.items():
            named = bool(self.options.record and name)
            writes = self.options.update or self.options.add
            if not path.exists() and (writes or not named):
                continue
            record = read_record(path)
            if self.options.update:  # read all the same: one that cannot be is refused before measuring
                if not full:
                    refuse_mixing_clips(record, self._clips(name))
                continue
            if named and not writes:
                mine = [item for item in self.planned if item.model == name]
                refuse_if_nothing_is_compared(record, self._clips(name), mine)
            if record.clips and record.clips != self._clips(name):
                self._notes.append(
                    f"{record.path.name} rests on other clips than these: {name} is judged without its record"
                )
                continue
            self._records[name] = widened(record, self._place())

    def _record_path(self, model: str) -> Path:
        """The record that was named, or the model's own beside the claims."""
        if self.options.record and model:
            return Path(self.options.record)
        return record_path(self._record_folder(), self._record_name(model))

    def _record_folder(self) -> Path:
        from circuit_claims.organisms.registry import beside

        root = self.options.root
        files = [Path(item.nodeid.split("::")[0]) for item in self.planned]
        here = sorted({file.parent for file in files if (root / file).is_file()})
        for folder in here:
            if (root / folder / "recorded").is_dir():
                return root / folder / "recorded"
        return (root / here[0] if here else beside("claims")) / "recorded"

    def _record_name(self, model: str) -> str:
        return self._tested[model].source.record_name if model else PAPER

    def _clips(self, model: str) -> str:
        return self._tested[model].clips if model else ""

    def header(self) -> str:
        """The line that says what is under test."""
        from circuit_claims.report.terminal import header

        line = header({"run": self._run(0.0), "models": self._models()})
        return "\n".join([line, *(f"note: {note}" for note in self._notes)])

    # Measuring and judging -----------------------------------------------------------------------

    @contextmanager
    def circuit(self, name: str, capture: Any, reporter: Any) -> Iterator[Circuit]:
        """The circuit of one model: opened when the first claim asks, closed before the next model."""
        from circuit_claims.clips.decode import Decoder
        from circuit_claims.measure.assay import Bench
        from circuit_claims.measure.circuit import Circuit
        from circuit_claims.measure.store import Store
        from circuit_claims.models.pixels import range_of
        from circuit_claims.report.progress import progress

        device = _device(self.options.device)
        quiet = self.worker or self.options.progress == "off"
        with Decoder() as decoder, progress(quiet, capture, reporter) as advance:
            store = Store(self.options.cache)
            bench = Bench(
                store,
                decoder,
                device,
                self.options.threads,
                advance,
                precision=self.options.precision,
                memory=self.options.memory,
            )
            assay = self._assay(name, bench)
            yield Circuit(assay)
            self.store_problems |= dict.fromkeys(store.problems)
            if facts := assay.facts_so_far():
                self.model_facts[name] = {**facts, "pixel_range": list(range_of(assay.source))}

    def _assay(self, name: str, bench: Bench) -> Assay:
        from circuit_claims.measure.assay import Assay

        return Assay(self._tested[name].source, self._tested[name].pairs, bench)

    @contextmanager
    def asking(self, planned: Planned) -> Iterator[None]:  # noqa: ARG002
        """Around the test of one item: what it asks for is this claim's."""
        yield

    def judge(self, planned: Planned, keep: Callable[[Result], None]) -> Callable[..., Verdict]:
        """The `judge` fixture of one item."""
        from circuit_claims.judging import Judge

        return Judge(planned, self.options.seed, keep, self.thresholds(planned))

    def teaches(self, excinfo: Any) -> bool:
        """Whether an exception explains itself, so that a traceback would only hide it."""
        from circuit_claims.measure.errors import MeasurementError

        return excinfo is not None and isinstance(excinfo.value, (*self.refusals(), MeasurementError))

    def result_of(
        self, planned: Planned, result: Result | None, excinfo: Any, seconds: float
    ) -> Result | None:
        """What an item said, or what became of it; None where it was skipped from outside."""
        if excinfo is None:
            if result is None:
                verdict = Verdict(Outcome.ERROR, "judged nothing", "The test ended without calling `judge`.")
                return Result(planned, verdict, seconds=seconds)
            result = replace(result, seconds=seconds)
            return replace(result, comparison=self._compare(result))
        from circuit_claims.measure.errors import NotApplicable

        if isinstance(excinfo.value, NotApplicable):
            verdict = Verdict(Outcome.NOT_APPLICABLE, "not applicable", str(excinfo.value))
            made = Result(planned, verdict, seconds=seconds)
            return replace(made, comparison=self._compare(made))
        if excinfo.typename == "Skipped":
            return None
        text = str(excinfo.value) if self.teaches(excinfo) else f"{excinfo.typename}: {excinfo.value}"
        return Result(planned, Verdict(Outcome.ERROR, excinfo.typename, text), seconds=seconds)

    def _compare(self, result: Result) -> Comparison:
        planned, verdict = result.planned, result.verdict
        if self.options.update:
            return Comparison(Drift.AS_RECORDED, f"{verdict.outcome}, recorded by this run")
        record = self._records.get(planned.model)
        entry = record.entries.get((planned.claim.key, planned.part)) if record else None
        if entry is None and record and planned.part and (planned.claim.key, "") in record.entries:
            return Comparison(Drift.AS_RECORDED, "the record speaks of the whole claim only")
        if entry is None and self.options.add:
            return Comparison(Drift.AS_RECORDED, f"{verdict.outcome}, recorded by this run")
        return compare(entry, verdict.outcome, verdict.estimate, verdict.bound)

    def take(self, plain: Mapping[str, Any]) -> None:
        """Book a result that landed, in memory and in the journal that survives a kill."""
        if not self.results:
            self._journal.parent.mkdir(parents=True, exist_ok=True)
            self._journal.unlink(missing_ok=True)
        self.results.append(from_plain(plain))
        with self._journal.open("a", encoding="utf-8") as out:
            out.write(json.dumps(plain) + "\n")

    @property
    def _journal(self) -> Any:
        return self.options.report_dir / ".journal.jsonl"

    def take_plan(
        self,
        planned: Sequence[Mapping[str, Any]],
        facts: Mapping[str, Any],
        problems: Sequence[str] = (),
    ) -> None:
        """Book what a worker collected, the facts of the models that it opened, and its store's problems."""
        self.store_problems |= dict.fromkeys(problems)
        if not self.planned and planned:
            self.open([planned_from_plain(item) for item in planned])
        self.model_facts.update({name: f for name, f in facts.items() if f})

    def lost_worker(self, why: str) -> None:
        """A worker died: the run is incomplete, whatever the others said."""
        self._lost.append(why.strip().splitlines()[-1] if why.strip() else "a worker was lost")

    # Closing -------------------------------------------------------------------------------------

    def close(self, full: bool, seconds: float) -> int:
        """Settle every claim, write report and record, and say how the process should end."""
        from circuit_claims.report import schema

        findings = settle(self.planned, self.results, self._records)
        missing = stale(self._records, findings) if full and not self._lost else []
        refused = self._write_records(findings, full) if self.options.update or self.options.add else ""
        if self.options.update or self.options.add:
            findings = findings if refused else [self._accepted(finding) for finding in findings]
        status = exit_status(
            findings,
            self.results,
            lost=bool(self._lost) or self.interrupted,
            missing=bool(missing),
            strict=self.options.strict,
        )
        if refused:
            self._closing.append(refused)
            status = status or INCOMPLETE
        self._count(findings)
        run = {**self._run(seconds), "exit_status": status, "complete": not (self._lost or self.interrupted)}
        self.report = schema.build(findings, run, self._models(), self.options.root)
        path = self.options.report_dir / "latest.json"
        schema.write(path, self.report)
        written = [path, *self._rendered(path)]
        self._closing += [f"lost: {why}" for why in self._lost]
        self._closing += _some([f"store: {problem}" for problem in self.store_problems])
        self._closing += [f"recorded, but not judged by this full run: {claim}" for claim in missing]
        self._closing += [
            f"warning: {f.model} {f.claim.key}: {f.comparison.sentence}"
            for f in findings
            if f.comparison.drift is Drift.BORDERLINE
        ]
        if status == UNDECIDED:
            self._closing.append(_undecided(findings))
        self._closing += self._notes
        self._closing += self._unusual_pixels()
        self._closing += self._precisions()
        self._closing += dict.fromkeys(self._unused_thresholds())
        self._closing += [change for name in self._records for change in self._changed(name)]
        self._closing.append(f"report: {', '.join(os.path.relpath(file) for file in written)}")
        return status

    def _rendered(self, path: Path) -> list[Path]:
        """Write what people read of the report, beside it, and where GitHub shows it."""
        from circuit_claims.report import github
        from circuit_claims.report.files import write_beside

        assert self.report is not None
        summary = os.environ.get("GITHUB_STEP_SUMMARY")
        if summary:
            github.add_to_summary(Path(summary), self.report)
        # Beside what was measured, where anything was: a run that judges again makes no store.
        cache = self.options.cache
        kept = cache / "figures" if cache and cache.is_dir() else None
        return write_beside(path, self.report, self._frames(), kept)

    def _frames(self) -> dict[str, Frames]:
        """Frames of the clips that the figures of each model show."""
        from circuit_claims.frames import frames_of

        assert self.report is not None
        frames: dict[str, Frames] = {}
        for model, tested in zip(self.report["models"], self._tested.values(), strict=True):
            mine = [entry for entry in self.report["claims"] if entry["model"] == model["name"]]
            figures = [figure for entry in mine for figure in entry["figures"]]
            if any(entry["measurements"] for entry in mine):
                frames[model["name"]] = frames_of(tested.pairs, figures, self.options.cache)
        return frames

    def _paper(self) -> dict[str, Any] | None:
        """What the claims are from: `paper.toml` beside them, where there is one."""
        import tomllib

        file = self._record_folder().parent / "paper.toml"
        try:
            said = tomllib.loads(file.read_text(encoding="utf-8"))
            headline = [str(key) for key in said.get("headline", ())]
            return {
                "title": str(said["title"]),
                "identifier": str(said.get("identifier", "")),
                **({"headline": headline} if headline else {}),
            }
        except (OSError, KeyError, ValueError, TypeError):
            return None

    def _accepted(self, finding: Finding) -> Finding:
        if finding.verdict.outcome in (Outcome.INCOMPLETE, Outcome.ERROR):
            return finding
        if finding.comparison.drift is not Drift.UNRECORDED and not self.options.update:
            return finding
        sentence = f"{finding.verdict.outcome}, recorded by this run"
        return replace(finding, comparison=Comparison(Drift.AS_RECORDED, sentence))

    def closing_lines(self) -> list[str]:
        """What is said after the table: losses, borderline verdicts, files written."""
        return self._closing

    def _write_records(self, findings: Sequence[Finding], full: bool) -> str:
        """Write each model's record; returns why not, where the run turned out to be no whole one."""
        refused = why_not_written(findings, bool(self._lost) or self.interrupted, self.options.force)
        for name in () if refused else dict.fromkeys(finding.model for finding in findings):
            self._closing += write(
                Destination(
                    self._record_path(name), self._record_name(name), self._clips(name), self._noted(name)
                ),
                [finding for finding in findings if finding.model == name],
                add=self.options.add,
                whole=full,
            )
        return refused

    def _count(self, findings: Sequence[Finding]) -> None:
        """How much of each record this run was held against: a claim that is not compared cannot drift."""
        for name, record in self._records.items():
            mine = [finding for finding in findings if finding.model == name]
            self._counts[name] = compared(record, mine)
            self._closing.append(counted(record, self._counts[name]))

    def _changed(self, model: str) -> list[str]:
        """What was noted with a model's record and is otherwise now: the first place to look for a drift."""
        record = self._records.get(model)
        if record is None:
            return []
        now = self._noted(model)
        changes = [
            f"{record.path.name} was written with other {key}: {was}, now {now[key]}"
            for key, was in record.noted.items()
            if now.get(key) and now[key] != was
        ]
        if elsewhere(record, now):
            changes.append(f"{record.path.name}: its tolerances are {ELSEWHERE:g} times as wide here")
        return changes

    def _place(self) -> dict[str, str]:
        """Where numbers come from; what `auto` took is known once a model has been measured."""
        from circuit_claims.models.precision import bfloat16_unit

        device, precision = _device(self.options.device), self.options.precision
        if precision == "auto" and not bfloat16_unit(device):
            precision = "float32"
        took = {facts["precision"] for facts in self.model_facts.values() if "precision" in facts}
        return {"device": device, "precision": took.pop() if len(took) == 1 else precision}

    def _precisions(self) -> Iterator[str]:
        """What each model was computed in, and why, where that was asked for."""
        for name, facts in self.model_facts.items():
            if self.options.precision != "float32" and "precision" in facts:
                yield f"{name}: computed in {facts['precision']}: {facts['precision_why']}"

    def _noted(self, model: str) -> dict[str, str]:
        noted = {name: _version(name) for name in NOTED} if model else {}
        if model:
            noted |= {
                "weights": str(self.model_facts.get(model, {}).get("fingerprint", ""))[:16],
                **self._place(),
                "sampling": json.dumps(dict(self._tested[model].pairs.sampling.as_dict()), sort_keys=True),
            }
        return noted

    def _run(self, seconds: float) -> dict[str, Any]:
        sets = [tested.pairs for tested in self._tested.values()]
        return {
            "circuit_claims": version("circuit-claims"),
            "seconds": seconds,
            **self._place(),
            "threads": self.options.threads,
            "seed": self.options.seed,
            "profile": self.options.profile,
            "pair_set": sets[0].name if sets else None,
            "pairs": len(sets[0].pairs) if sets else 0,
            "paper": self._paper(),
            "packages": {name: _version(name) for name in (*NOTED, "huggingface_hub")},
            "python": ".".join(map(str, sys.version_info[:3])),
            "started": (datetime.now(UTC) - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "options": self._options_again(),
        }

    def _options_again(self) -> str:
        return shlex.join(self.options.again())

    def _models(self) -> list[dict[str, Any]]:
        from circuit_claims.organisms.registry import about

        return [
            {
                "name": name,
                "about": about(name),
                "revision": tested.source.revision,
                "clips": self._clips(name),
                **self._held(name),
                "noted": self._noted(name),
                "recorded_as": self._record_name(name),
                "pair_set": tested.pairs.name,
                "pairs": len(tested.pairs.pairs),
                **self.model_facts.get(name, {}),
            }
            for name, tested in self._tested.items()
        ]

    def _held(self, name: str) -> dict[str, Any]:
        """What a model was held against, and how much of it."""
        return {
            "record": self._records[name].path.name if name in self._records else None,
            "changed": self._changed(name),
            **({"compared": self._counts[name]} if name in self._counts else {}),
        }


SHOWN_PROBLEMS = 5
"""Of a store, in full: a disk that is full has one for each measurement."""


def _some(lines: Sequence[str]) -> list[str]:
    """The first few of many lines, and how many more there are."""
    more = len(lines) - SHOWN_PROBLEMS
    return [*lines[:SHOWN_PROBLEMS], *([f"store: {more} more like these"] if more > 0 else [])]


def _undecided(findings: Sequence[Finding]) -> str:
    """Why a run ends with status 11, in the words of the first claim that was left open."""
    verdicts = [part.verdict for finding in findings for part in finding.parts]
    sentences = [verdict.sentence for verdict in verdicts if verdict.outcome is Outcome.INCONCLUSIVE]
    open_claims = sum(finding.verdict.outcome is Outcome.INCONCLUSIVE for finding in findings)
    counted = f"{open_claims} claim{'' if open_claims == 1 else 's'}"
    return f"exit status 11: {counted} left undecided. {sentences[0] if sentences else ''}".rstrip()


def _device(asked: str) -> str:
    if asked == "auto":
        import torch

        return "cuda" if torch.cuda.is_available() else "cpu"
    return asked


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
