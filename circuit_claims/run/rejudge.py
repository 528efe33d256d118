"""`--circuit-rejudge RUN.json`: the claims as they read now, judged on what an earlier run measured.

No model, no clips, no torch. Each test runs as always, with a circuit that answers nothing and a judge that
puts the recorded evidence in the place of the answer: what is asserted, published and contrasted is the
test's. Where a test cannot run so (it computes with the answer itself), the recorded assertion stands.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from circuit_claims.judge.expectation import Expectation
from circuit_claims.judge.ledger import Planned, Result
from circuit_claims.judge.plain import expectation_from_plain
from circuit_claims.judge.record import RecordError, record_path
from circuit_claims.report.evidence import restored
from circuit_claims.report.reading import ReportError, read
from circuit_claims.run.context import PAPER, Setting
from circuit_claims.run.finish import INCOMPLETE
from circuit_claims.run.judge_fixture import MINUS_THRESHOLD, in_unit
from circuit_claims.run.session import ClaimSession
from circuit_claims.types import Control, Design, Evidence, Outcome, PositiveControl, Verdict

if TYPE_CHECKING:
    from circuit_claims.run.options import Options


@dataclass(frozen=True)
class Recorded:
    """What a run has of one item: evidence and what was asserted of it, or a verdict without any."""

    verdict: Verdict
    evidence: Evidence | None
    expectation: Expectation | None


Items = Mapping[tuple[str, str, str], Recorded]
"""By model (empty for none), claim key and part."""


class PastSetting(Setting):
    """What was under test is what an earlier run's report says."""

    def __init__(self, options: Options, past: Mapping[str, Any]) -> None:
        assert options.rejudge is not None
        super().__init__(options)
        self._file, self._past = options.rejudge, past

    def _find_models(self) -> None:
        if (self.options.update or self.options.add) and not self._past["run"].get("complete"):
            raise RecordError(f"{self._file}: the run was not whole, and is no record; measure again")

    def model_names(self) -> list[str]:
        """Those of the run that some claim is about now."""
        return [name for name in self.options.models if any(item.model == name for item in self.planned)]

    def past_model(self, name: str) -> dict[str, Any]:
        """What the report has of a model."""
        return next((entry for entry in self._past["models"] if entry["name"] == name), {})

    def record_name(self, model: str) -> str:
        """What its record was called."""
        if not model:
            return PAPER
        return str(self.past_model(model).get("recorded_as") or record_path(Path(), model).stem)

    def clips(self, model: str) -> str:
        """A hash of the clips that it was judged on."""
        return str(self.past_model(model).get("clips", "")) if model else ""

    def thresholds(self, planned: Planned) -> dict[str, float]:  # noqa: ARG002
        """They are in the recorded values already."""
        return {}

    def place(self) -> dict[str, str]:
        """Where the numbers came from."""
        return {name: self._past["run"][name] for name in ("device", "precision")}

    def noted(self, model: str) -> dict[str, str]:
        """What was noted of it."""
        return dict(self.past_model(model).get("noted", {}))

    def weights(self, model: str) -> str:
        """The beginning of the hash of its weights."""
        return self.noted(model).get("weights", "")

    def run(self, seconds: float) -> dict[str, Any]:
        """The run that measured, and that it was judged again."""
        return {
            **self._past["run"],
            "circuit_claims": version("circuit-claims"),
            "seconds": seconds,
            "options": self.options_again(),
            "rejudged": self._file.name,
        }

    def models(self, counts: Mapping[str, Mapping[str, int]]) -> list[dict[str, Any]]:
        """The models of the run, held against their records as these are now."""
        return [{**self.past_model(name), **self.against(name, counts)} for name in self.model_names()]

    def frames(self, report: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        """None: there are no clips."""
        return {}


class RejudgingSession(ClaimSession):
    """A session in which nothing is measured."""

    def __init__(self, options: Options, *, worker: bool) -> None:
        assert options.rejudge is not None
        self._file = options.rejudge
        self._past = read(self._file)
        self._items = recorded_items(self._file, self._past)
        self._asserted_then: list[str] = []
        self._lacking: set[str] = set()
        options = _redirected(options, self._past)
        self._past_setting = PastSetting(options, self._past)
        super().__init__(options, worker=worker, setting=self._past_setting)

    @contextmanager
    def circuit(self, name: str, capture: Any, reporter: Any) -> Iterator[Any]:  # noqa: ARG002
        """A circuit that answers nothing."""
        yield Silent(name, self._past_setting.past_model(name))

    def judge(self, planned: Planned, keep: Callable[[Result], None]) -> Callable[..., Verdict]:
        """A judge of the recorded evidence; an item that the run does not have is skipped."""
        import pytest

        recorded = self._items.get(_key(planned))
        if recorded is None:
            self._lacking.add(planned.claim.key)
            pytest.skip(f"{self._file.name} has no measurement of it")
        return Again(planned, recorded, keep)

    def result_of(
        self, planned: Planned, result: Result | None, excinfo: Any, seconds: float
    ) -> Result | None:
        """What an item comes to: judged again, or, where the test could not run, as it was asserted then."""
        if excinfo is not None and excinfo.typename == "Skipped":
            return None
        recorded = self._items.get(_key(planned))
        if recorded is None:
            return super().result_of(planned, result, excinfo, seconds)
        if recorded.evidence is None or recorded.expectation is None:
            result = Result(planned, recorded.verdict)
        elif result is None or excinfo is not None:
            from circuit_claims.judge.verdict import decide

            self._asserted_then.append(planned.claim.key)
            verdict = decide(planned.claim, recorded.evidence, recorded.expectation)
            result = Result(planned, verdict, recorded.evidence, recorded.expectation)
        result = replace(result, seconds=seconds)
        return replace(result, comparison=self._compare(result))

    def close(self, full: bool, seconds: float) -> int:
        """As always; a claim that the run has no measurement of makes it incomplete."""
        status = super().close(full, seconds)
        judged = {(item.model, item.claim.key) for item in self.planned}
        gone = sorted({key for model, key, _ in self._items if (model, key) not in judged})
        said = [
            f"judged again what {self._file.name} measured ({_when(self._past)}): nothing was measured now"
        ]
        if self._lacking:
            said.append(
                f"not in {self._file.name}, so not judged: {_some(sorted(self._lacking))}; run "
                "`pytest` without --circuit-rejudge to measure"
            )
        if self._asserted_then:
            names = sorted(set(self._asserted_then))
            said.append(f"judged by what was asserted when it was measured: {_some(names)}")
        if full and gone:
            said.append(f"in {self._file.name}, but judged by no test now: {_some(gone)}")
        self._closing[:0] = said
        return status or (INCOMPLETE if self._lacking else 0)


def _redirected(options: Options, past: Mapping[str, Any]) -> Options:
    """The run's own models and seed; and a folder that does not overwrite the run."""
    assert options.rejudge is not None
    names = [entry["name"] for entry in past["models"]]
    unknown = [name for name in options.models if name not in names]
    if options.models_named and unknown:
        raise ReportError(
            f"{options.rejudge}: it has no measurements of {unknown[0]}, only of {', '.join(names) or 'none'}"
        )
    folder = options.report_dir
    if (folder / "latest.json").resolve() == options.rejudge.resolve():
        folder /= "rejudged"
    models = options.models if options.models_named else tuple(names) or options.models
    # Nothing was measured, so nothing is kept: not even a figure.
    return replace(
        options,
        models=models,
        seed=past["run"]["seed"],
        profile=past["run"]["profile"],
        report_dir=folder,
        cache=None,
    )


def recorded_items(path: Path, report: Mapping[str, Any]) -> Items:
    """What a report has of each item.

    Raises:
        ReportError: it was written without evidence, or that was edited into nonsense.
    """
    items: dict[tuple[str, str, str], Recorded] = {}
    shared = report.get("shared", [])
    for entry in report["claims"]:
        measured = {one["part"]: one for one in entry["measurements"]}
        said = {one["part"]: one for one in entry["parts"]} or {"": entry}
        for part, told in said.items():
            if told["verdict"] == Outcome.INCOMPLETE:
                continue
            verdict = Verdict(Outcome(told["verdict"]), told["reason"], told["sentence"])
            one, evidence = measured.get(part), None
            if one is not None:
                if "evidence" not in one:
                    raise ReportError(
                        f"{path}: {entry['key']} has no evidence to judge again (an older circuit-claims "
                        "wrote it); run `pytest` to measure, and judge that run again"
                    )
                try:
                    evidence = restored(one["evidence"], shared)
                except (KeyError, IndexError, TypeError, ValueError, AttributeError) as fault:
                    raise ReportError(
                        f"{path}: the evidence of {entry['key']} {part} is not what circuit-claims writes "
                        f"({fault!r:.80}); take the file as the run wrote it, or run `pytest` again"
                    ) from None
            asserted = one and one["asserted"]
            items[entry["model"] or "", entry["key"], part] = Recorded(
                verdict, evidence, expectation_from_plain(asserted) if asserted else None
            )
    return items


class Silent:
    """Stands for the circuit: every question is answered by an empty sample."""

    def __init__(self, name: str, facts: Mapping[str, Any]) -> None:
        self.name = name
        self._facts = facts

    def at(self, layer: float, **_of: int) -> int:
        """The layer that was asked for: it only names a place, and nothing is measured there."""
        return int(layer)

    def __getattr__(self, question: str) -> Any:
        from circuit_claims.measure.circuit import Circuit
        from circuit_claims.types import Sample

        if question in self._facts:
            return self._facts[question]
        asked = getattr(Circuit, question)
        if not inspect.isfunction(asked):
            raise NotImplementedError(f"{question} of {self.name} is in no report")
        empty = Sample("as recorded", "fraction", ())
        answers = {"Sample": empty, "None": None, "tuple[Self, ...]": (self,), "Seeds": (empty,)}
        answer = answers[str(inspect.signature(asked).return_annotation)]
        return lambda *_args, **_how: answer


class Again:
    """The `judge` fixture where evidence is recorded: what the test asserts, of what was measured."""

    def __init__(self, planned: Planned, recorded: Recorded, keep: Callable[[Result], None]) -> None:
        self._planned, self._recorded, self._keep = planned, recorded, keep

    def __call__(
        self,
        measured: Any,  # noqa: ARG002
        expectation: Expectation,
        *,
        published: float | str | None = None,
        rounding: float | str = 0.0,
        controls: Mapping[str, Any] | None = None,
        margin: float | str | None = None,
        positive: Mapping[str, tuple[Any, Expectation]] | None = None,
        jitter: Any = None,
        figure: Any = None,  # noqa: ARG002
    ) -> Verdict:
        """As `judging.Judge`; the measurements are those of the run."""
        evidence, asserted = self._recorded.evidence, self._recorded.expectation
        if evidence is None or asserted is None:
            return self._recorded.verdict
        expectation, published, rounding, margin = in_unit(
            evidence.unit, expectation, published, rounding, margin
        )
        if evidence.name.endswith(MINUS_THRESHOLD):
            expectation, published = asserted, None  # the pairs' own thresholds are in the values
        there = {control.name: control for control in evidence.controls}
        known = {one.name: one.evidence for one in evidence.positive}
        nothing = replace(evidence, values=(), pairs=(), groups=(), clips=(), controls=(), positive=())
        evidence = replace(
            evidence,
            published=published,
            rounding=rounding,
            margin=margin,
            controls=tuple(there.get(name) or _unmeasured(name) for name in controls or {}),
            positive=tuple(
                PositiveControl(name, known.get(name, nothing), seen.in_unit(known.get(name, nothing).unit))
                for name, (_, seen) in (positive or {}).items()
            ),
            jitter=() if jitter is None else evidence.jitter,
        )
        from circuit_claims.judge.verdict import decide

        verdict = decide(self._planned.claim, evidence, expectation)
        self._keep(Result(self._planned, verdict, evidence, expectation))
        return verdict


def _unmeasured(name: str) -> Control:
    return Control(name, Design.PAIRED, (), undefined="the run that is judged again did not measure it")


def _key(planned: Planned) -> tuple[str, str, str]:
    return planned.model, planned.claim.key, planned.part


def _when(past: Mapping[str, Any]) -> str:
    return str(past["run"]["started"] or "at a time that is not known")


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
