"""One run of the claims, in one process: what is asked of which model, and what each item said.

This is the wiring behind the plugin's hooks and fixtures. What the run rests on is in `setting.py`, how it
ends in `closing.py`. Light: measuring and judging import what they need when they are asked.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from circuit_claims.judge.drift import Comparison, Drift
from circuit_claims.judge.ledger import Planned, Result
from circuit_claims.judge.plain import from_plain, planned_from_plain
from circuit_claims.judge.record import RecordError
from circuit_claims.models.device import DeviceError, device_taken
from circuit_claims.run.context import Setting
from circuit_claims.types import Outcome, Verdict

if TYPE_CHECKING:
    from circuit_claims.measure.assay import Assay, Bench
    from circuit_claims.measure.circuit import Circuit
    from circuit_claims.run.options import Options


class ClaimSession:
    """The book of one run, in one process; workers' books are merged into the controller's."""

    def __init__(self, options: Options, *, worker: bool, setting: Setting | None = None) -> None:
        self.options = options
        self.worker = worker
        self.setting = setting or Setting(options)
        self.planned: list[Planned] = []
        self.results: list[Result] = []
        self.report: dict[str, Any] | None = None
        self.interrupted = False
        self.refused = ""
        """Why a worker refused its input; the controller says it and exits with 4."""
        self.store_problems: dict[str, None] = {}
        """What was wrong with entries of the store, or kept none from being written: each once."""
        self.faults: list[str] = []
        """What is wrong with the claims that are written as TOML."""
        self._lost: list[str] = []
        self._closing: list[str] = []

    # Opening -------------------------------------------------------------------------------------

    @staticmethod
    def refusals() -> tuple[type[Exception], ...]:
        """Faults of the user's input that explain themselves: exit 4, no traceback."""
        from circuit_claims.clips.errors import ClipError, ManifestError
        from circuit_claims.clips.sampling import SamplingError
        from circuit_claims.models.source import ModelError

        return ManifestError, ClipError, SamplingError, ModelError, DeviceError, RecordError

    def open(self, planned: Sequence[Planned], full: bool = True) -> None:
        """Check everything that can be known before weights load; `full` is a run that leaves nothing out.

        Raises:
            one of `refusals()`, or a claim that two tests judge.
        """
        self._refuse_duplicates(planned)
        self.planned = [item for item in planned if self.options.wants(item.claim.id, item.claim.key)]
        try:
            self.setting.find(self.planned, full)
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

    def header(self) -> str:
        """The line that says what is under test."""
        return self.setting.header()

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

        compute = replace(self.options.compute, device=device_taken(self.options.compute.device))
        quiet = self.worker or self.options.progress == "off"
        with Decoder() as decoder, progress(quiet, capture, reporter) as advance:
            store = Store(self.options.cache)
            bench = Bench(store, decoder, compute, advance)
            assay = self._assay(name, bench)
            yield Circuit(assay)
            self.store_problems |= dict.fromkeys(store.problems)
            if facts := assay.facts_so_far():
                batches = {"batches": dict(bench.batches)} if bench.batches else {}
                more = {"pixel_range": list(range_of(assay.source)), "read_by": bench.footage.read_by()}
                self.setting.learn({name: {**facts, **more, **batches}})

    def _assay(self, name: str, bench: Bench) -> Assay:
        from circuit_claims.measure.assay import Assay

        tested = self.setting.tested[name]
        return Assay(tested.source, tested.pairs, bench)

    @contextmanager
    def asking(self, planned: Planned) -> Iterator[None]:  # noqa: ARG002
        """Around the test of one item: what it asks for is this claim's."""
        yield

    def judge(self, planned: Planned, keep: Callable[[Result], None]) -> Callable[..., Verdict]:
        """The `judge` fixture of one item."""
        from circuit_claims.run.judge_fixture import Judge

        return Judge(planned, self.options.seed, keep, self.setting.thresholds(planned))

    def teaches(self, excinfo: Any) -> bool:
        """Whether an exception explains itself, so that a traceback would only hide it."""
        from circuit_claims.judge.bounds import BoundError
        from circuit_claims.measure.errors import MeasurementError

        explained = (*self.refusals(), MeasurementError, BoundError)
        return excinfo is not None and isinstance(excinfo.value, explained)

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
        held = self.setting.held.get(planned.model)
        entries = held.record.entries if held else {}
        if (planned.claim.key, planned.part) not in entries:
            if planned.part and (planned.claim.key, "") in entries:
                return Comparison(Drift.AS_RECORDED, "the record speaks of the whole claim only")
            if self.options.add:
                return Comparison(Drift.AS_RECORDED, f"{verdict.outcome}, recorded by this run")
        if held is None:
            return Comparison(Drift.UNRECORDED)
        return held.against(planned.claim, planned.part, verdict, result.evidence)

    def take(self, plain: Mapping[str, Any]) -> None:
        """Book a result that landed, in memory and in the journal that survives a kill."""
        if not self.results:
            self._journal.parent.mkdir(parents=True, exist_ok=True)
            self._journal.unlink(missing_ok=True)
        result = from_plain(plain)
        # The last word counts of an item that was run again.
        self.results = [one for one in self.results if one.planned.nodeid != result.planned.nodeid]
        self.results.append(result)
        with self._journal.open("a", encoding="utf-8") as out:
            out.write(json.dumps(plain) + "\n")

    @property
    def _journal(self) -> Path:
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
        self.setting.learn(facts)

    def lost_worker(self, why: str) -> None:
        """A worker died: the run is incomplete, whatever the others said."""
        self._lost.append(why.strip().splitlines()[-1] if why.strip() else "a worker was lost")

    # Closing -------------------------------------------------------------------------------------

    def close(self, full: bool, seconds: float) -> int:
        """Settle every claim, write report and record, and say how the process should end."""
        from circuit_claims.run.finish import Book, close

        book = Book(
            self.planned, self.results, full, self._lost, self.interrupted, tuple(self.store_problems)
        )
        ending = close(book, self.setting, seconds)
        self.report = ending.report
        self._closing += ending.lines
        return ending.status

    def closing_lines(self) -> list[str]:
        """What is said after the table: losses, borderline verdicts, files written."""
        return self._closing
