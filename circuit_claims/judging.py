"""The `judge` fixture: from a measurement to a verdict in the session's book."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from circuit_claims.judge.claim import Control, Design, Evidence, Verdict
from circuit_claims.judge.ledger import Planned, Result

if TYPE_CHECKING:
    from circuit_claims.judge.expectation import Expectation
    from circuit_claims.measure.sample import Sample


class Judge:
    """The `judge` fixture: hand it a measurement and what is asserted of it, once a test."""

    def __init__(self, planned: Planned, seed: int, keep: Callable[[Result], None]) -> None:
        self._planned, self._seed, self._keep = planned, seed, keep
        self._done = False

    def __call__(
        self,
        measured: Sample,
        expectation: Expectation,
        *,
        published: float | None = None,
        rounding: float = 0.0,
        controls: Mapping[str, Sample | Sequence[Sample]] | None = None,
        equivalence: float = 0.05,
    ) -> Verdict:
        """Judge a measurement; the verdict goes to the report and decides the test's outcome.

        `published` is the paper's number in the measurement's unit (fractions: 1.0 is 100 %), `rounding`
        half a unit of its last digit. `controls` are measurements that a `means` claim has to exceed,
        pair by pair, or in pairs of their own; several samples are seeds of random weights.
        A control within `equivalence` of the claim (in its unit) is shown to be no different.
        """
        if self._done:
            raise RuntimeError(f"{self._planned.nodeid} judges twice; give the second judgement its own test")
        self._done = True
        evidence = Evidence(
            name=measured.name,
            unit=measured.unit,
            values=measured.values,
            pairs=measured.pairs,
            groups=measured.groups,
            clips=measured.clips,
            experiment=dict(measured.experiment),
            published=published,
            rounding=rounding,
            controls=tuple(_control(name, c, measured) for name, c in (controls or {}).items()),
            equivalence=equivalence,
            seed=self._seed,
            flags=measured.flags,
            undefined=dict(measured.undefined),
            artifact=measured.artifact,
        )
        from circuit_claims.judge.verdict import decide

        verdict = decide(self._planned.claim, evidence, expectation)
        self._keep(Result(self._planned, verdict, evidence, expectation))
        return verdict


def _control(name: str, control: Sample | Sequence[Sample], measured: Sample) -> Control:
    """A control as the judge takes it: several samples are seeds of random weights."""
    samples = [control] if not isinstance(control, Sequence) else list(control)
    undefined = next((why for sample in samples for why in sample.undefined.values()), "")
    if isinstance(control, Sequence):
        design = Design.SEEDS
    else:
        design = Design.PAIRED if control.pairs == measured.pairs else Design.UNPAIRED
    return Control(
        name=name,
        design=design,
        rows=tuple(sample.values for sample in samples),
        groups=samples[0].groups,
        clips=samples[0].clips,
        undefined=undefined,
    )
