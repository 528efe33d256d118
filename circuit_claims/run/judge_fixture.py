"""The `judge` fixture: from a measurement to a verdict in the session's book."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

from circuit_claims.judge.bounds import number_in
from circuit_claims.judge.ledger import Planned, Result
from circuit_claims.judge.margins import margin_of
from circuit_claims.types import Control, Design, Evidence, PositiveControl, Verdict

if TYPE_CHECKING:
    from circuit_claims.judge.expectation import Expectation
    from circuit_claims.types import Sample

    AnyControl: TypeAlias = Sample | Sequence[Sample] | Mapping[str, Sample]


MINUS_THRESHOLD = "minus the pair's threshold"
"""How a measurement is called from which each pair's own threshold was taken."""


class Judge:
    """The `judge` fixture: hand it a measurement and what is asserted of it, once a test."""

    def __init__(
        self,
        planned: Planned,
        seed: int,
        keep: Callable[[Result], None],
        thresholds: Mapping[str, float] | None = None,
    ) -> None:
        self._planned, self._seed, self._keep = planned, seed, keep
        self._thresholds = thresholds or {}
        self._done = False

    def __call__(
        self,
        measured: Sample,
        expectation: Expectation,
        *,
        published: float | str | None = None,
        rounding: float | str = 0.0,
        controls: Mapping[str, AnyControl] | None = None,
        margin: float | str | None = None,
        positive: Mapping[str, tuple[Sample, Expectation]] | None = None,
        jitter: Sample | None = None,
        figure: Callable[[], Mapping[str, Any]] | None = None,
    ) -> Verdict:
        """Judge a measurement; the verdict goes to the report and decides the test's outcome.

        `published` is the paper's number in the measurement's unit (fractions: 1.0 is 100 %), `rounding`
        half a unit of its last digit. `controls` are measurements that a `means` claim has to exceed,
        pair by pair, or in pairs of their own; `circuit.over_seeds(...)` is of seeds of random weights, and a
        mapping of the other members of a family (heads, say), out of which the claim's has to stand out.
        A control is exceeded by more than `margin` (in the claim's unit; by default what the unit has), or it
        is not exceeded, however many pairs show a smaller difference.

        `positive` are measurements that must be as expected for "nothing was seen" to mean anything, and
        `jitter` is by how much the window moves each pair's value: where either fails, what rests on
        there being nothing is inconclusive.

        `figure` makes what a person would rather look at (see `curve`); it decides nothing, and is not
        asked where a run is only judged again.
        """
        if self._done:
            raise RuntimeError(f"{self._planned.nodeid} judges twice; give the second judgement its own test")
        self._done = True
        expectation, published, rounding, margin = in_unit(
            measured.unit, expectation, published, rounding, margin
        )
        asked, as_asserted = dict(controls or {}), (measured, expectation)
        made = {name: _control(name, c, measured) for name, c in asked.items()}
        if self._thresholds:
            measured, expectation, made = by_pair(measured, expectation, made, self._thresholds)
            published = None  # one number, and the thresholds are several
        evidence = replace(
            self._evidence(measured),
            published=published,
            rounding=rounding,
            controls=tuple(made.values()),
            margin=margin,
            positive=tuple(
                PositiveControl(name, self._evidence(sample), seen.in_unit(sample.unit))
                for name, (sample, seen) in (positive or {}).items()
            ),
            jitter=() if jitter is None else jitter.values,
            figure=measured.figure if figure is None else figure(),
        )
        from circuit_claims.judge.verdict import FEW_PAIRS, decide, judged_by_points

        if judged_by_points(self._planned.claim, evidence):
            evidence = replace(evidence, flags=(*evidence.flags, FEW_PAIRS))
        verdict = decide(self._planned.claim, evidence, expectation)
        if verdict.wants_seeds:
            evidence = self._with_more_seeds(evidence, asked, verdict.wants_seeds, as_asserted)
            verdict = decide(self._planned.claim, evidence, expectation)
        self._keep(Result(self._planned, verdict, evidence, expectation))
        return verdict

    def _with_more_seeds(
        self,
        evidence: Evidence,
        asked: Mapping[str, AnyControl],
        wanted: Sequence[str],
        as_asserted: tuple[Sample, Expectation],
    ) -> Evidence:
        """The same with all seeds of the random weights that leave the claim open."""
        from circuit_claims.measure.seeds import MOST, Seeds

        def grown(control: Control) -> Control:
            seeds = asked[control.name]
            if control.name not in wanted or not isinstance(seeds, Seeds) or len(seeds) == MOST:
                return control
            more = {control.name: _control(control.name, seeds.more(), as_asserted[0])}
            if self._thresholds:
                *_, more = by_pair(*as_asserted, more, self._thresholds)
            return more[control.name]

        return replace(evidence, controls=tuple(map(grown, evidence.controls)))

    def _evidence(self, measured: Sample) -> Evidence:
        return Evidence(**vars(measured), seed=self._seed)


def in_unit(
    unit: str,
    expectation: Expectation,
    published: float | str | None,
    rounding: float | str,
    margin: float | str | None,
) -> tuple[Expectation, float | None, float, float]:
    """What a claim asserts, its published number with the rounding, and its margin, in the measured unit.

    Raises:
        BoundError: a bound that this unit does not have.
    """
    return (
        expectation.in_unit(unit),
        None if published is None else number_in(unit, published, "published"),
        number_in(unit, rounding, "rounding"),
        margin_of(unit) if margin is None else number_in(unit, margin, "margin"),
    )


def by_pair(
    measured: Sample,
    expectation: Expectation,
    controls: Mapping[str, Control],
    thresholds: Mapping[str, float],
) -> tuple[Sample, Expectation, dict[str, Control]]:
    """Judge each pair by its own threshold: what is left above (or below) it, against zero.

    Pairs without one keep the claim's number. Controls of the same pairs move with their pair, so that
    differences from them stay as they are.

    Raises:
        MeasurementError: the claim does not assert a single bound, is of yes-or-no values, or contrasts
            with pairs of others, which have no such threshold.
    """
    from circuit_claims.judge.expectation import above, below
    from circuit_claims.measure.errors import MeasurementError

    bounds = {"above": (expectation.low, above), "below": (expectation.high, below)}
    stated = f"the manifest states thresholds of pairs ({', '.join(sorted(thresholds))}), and the claim "
    if expectation.kind not in bounds:
        raise MeasurementError(
            f"{stated}asserts {expectation.words}: they can stand for `above` and `below` only; "
            "leave them out"
        )
    if measured.unit == "bool":
        raise MeasurementError(
            f"{stated}is of yes-or-no values, which have one threshold, a share: leave them out"
        )
    there = {name: control for name, control in controls.items() if not control.undefined}
    apart = [name for name, control in there.items() if control.design is Design.UNPAIRED]
    if apart:
        raise MeasurementError(
            f"{stated}is held against pairs of others ({', '.join(apart)}), which have none: "
            "leave them out, or write a claim without that control"
        )
    bound, make = bounds[expectation.kind]
    own = [thresholds.get(pair, bound) for pair in measured.pairs]

    def left(values: Sequence[float]) -> tuple[float, ...]:
        return tuple(value - threshold for value, threshold in zip(values, own, strict=True))

    moved = replace(measured, name=f"{measured.name} {MINUS_THRESHOLD}", values=left(measured.values))
    return (
        moved,
        make(0.0),
        {**controls, **{name: replace(c, rows=tuple(map(left, c.rows))) for name, c in there.items()}},
    )


def _control(name: str, control: AnyControl, measured: Sample) -> Control:
    """A control as the judge takes it: a sequence are seeds of random weights, a mapping is a family."""
    base: tuple[Sample, ...] = getattr(control, "base", ())
    if isinstance(control, Mapping):
        samples, design = list(control.values()), Design.FAMILY
    elif isinstance(control, Sequence):
        samples, design = list(control), Design.SEEDS
    else:
        samples = [control]
        design = Design.PAIRED if control.pairs == measured.pairs else Design.UNPAIRED
    undefined = next((why for sample in (*samples, *base) for why in sample.undefined.values()), "")
    beside = base or samples
    return Control(
        name=name,
        design=design,
        rows=tuple(sample.values for sample in samples),
        groups=beside[0].groups,
        clips=beside[0].clips,
        undefined=undefined,
        base=tuple(sample.values for sample in base),
    )
