"""`--circuit-plan`: what a run would measure, what of it is in the store, and about how long the rest takes.

Each claim's test runs as always, with a circuit that measures one pair of each kind (`measure/rehearsal.py`)
and a judge that judges nothing. No report is written, and no record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from circuit_claims.judge.counted import counted, told
from circuit_claims.judge.ledger import Planned, Result
from circuit_claims.run.session import ClaimSession
from circuit_claims.types import Outcome, Verdict

if TYPE_CHECKING:
    from circuit_claims.measure.assay import Assay, Bench
    from circuit_claims.measure.rehearsal import Book, Need

PLANNED = "planned, not judged"
SHORTEST_S = 0.5
"""Seconds below which a claim's part of the plan is not worth a line of its own."""


class AllAskedError(Exception):
    """A test has asked all that it asks."""


class PlanningSession(ClaimSession):
    """A session that asks, and judges nothing."""

    def __init__(self, options: Any, *, worker: bool) -> None:
        super().__init__(options, worker=worker)
        self._book: Book | None = None
        self._unfollowed: dict[str, str] = {}

    def _assay(self, name: str, bench: Bench) -> Assay:
        from circuit_claims.measure.rehearsal import Book, Rehearsal

        self._book = self._book or Book()
        tested = self.setting.tested[name]
        return Rehearsal(tested.source, tested.pairs, bench, self._book)

    @contextmanager
    def asking(self, planned: Planned) -> Iterator[None]:
        """Whose questions these are."""
        if self._book is not None:
            self._book.asking = planned.claim.key
        yield

    def judge(self, planned: Planned, keep: Callable[[Result], None]) -> Callable[..., Verdict]:  # noqa: ARG002
        """A judge that ends the test: all is asked by then."""

        def judged(*_args: Any, **_more: Any) -> Verdict:
            raise AllAskedError

        return judged

    def result_of(
        self,
        planned: Planned,
        result: Result | None,  # noqa: ARG002
        excinfo: Any,
        seconds: float,
    ) -> Result | None:
        """Skipped, whatever the test came to; where it broke off, the plan says so."""
        from circuit_claims.measure.errors import NotApplicable

        if excinfo is not None and not isinstance(excinfo.value, AllAskedError | NotApplicable):
            if excinfo.typename == "Skipped":
                return None
            self._unfollowed.setdefault(planned.claim.key, f"{excinfo.typename}: {excinfo.value}")
        return Result(planned, Verdict(Outcome.NOT_APPLICABLE, PLANNED, PLANNED), seconds=seconds)

    def take(self, plain: Mapping[str, Any]) -> None:
        """Nothing was judged: nothing is booked, and no journal is written."""

    def close(self, full: bool, seconds: float) -> int:  # noqa: ARG002
        """Say the plan; no report, no record."""
        if self._book is None:
            self._closing.append("plan: no claim of this run asks a model anything: it takes no time")
        else:
            self._closing += plan_lines(self._book)
        self._closing += [
            f"plan: {claim} could not be followed to its end ({why}): it may take longer"
            for claim, why in self._unfollowed.items()
        ]
        return 0


def plan_lines(book: Book) -> list[str]:
    """The plan: by claim what is to be measured, longest first, then in all."""
    by_claim: dict[str, list[Need]] = {}
    for need in book.needs:
        by_claim.setdefault(need.claim, []).append(need)
    rows = sorted(
        ((sum(need.seconds for need in needs), claim, needs) for claim, needs in by_claim.items()),
        key=lambda row: (-row[0], row[1]),
    )
    shown = [row for row in rows if row[0] >= SHORTEST_S]
    lines = [f"{told(seconds):>10}  {claim}: {_what(needs)}" for seconds, claim, needs in shown]
    rest = [row for row in rows if row not in shown and any(need.missing for need in row[2])]
    if rest:
        lines.append(f"{told(sum(row[0] for row in rest)):>10}  {counted(len(rest), 'more claim')}")
    missing, stored = sum(n.missing for n in book.needs), sum(n.stored for n in book.needs)
    total = sum(need.seconds for need in book.needs)
    return [
        *lines,
        f"plan: {counted(missing, 'measurement')} to make, about {told(total)}; {stored} "
        f"{'is' if stored == 1 else 'are'} in the store",
        f"plan: the rates are of {counted(book.measured, 'measurement')} made now, one pair of each kind, in "
        f"{told(book.spent)}; what several claims need stands by the first of them",
    ]


def _what(needs: Sequence[Need]) -> str:
    """What a claim asks for first, by measurement, and on which models."""
    counts: dict[tuple[str, str], tuple[int, float]] = {}
    for need in needs:
        if need.missing:
            kind = (need.what.partition(".")[2], _kind_of(need.model))
            count, seconds = counts.get(kind, (0, 0.0))
            counts[kind] = (count + need.missing, seconds + need.seconds)
    largest = sorted(counts.items(), key=lambda item: -item[1][1])[:3]
    return ", ".join(
        f"{count} x {name} ({seconds / count:.2g} s each){f' on {where}' if where else ''}"
        for (name, where), (count, seconds) in largest
    )


def _kind_of(model: str) -> str:
    for prefix, told_as in (
        ("random:", "random weights"),
        ("shuffled:", "shuffled weights"),
        ("moved windows", "moved windows"),
    ):
        if model.startswith(prefix):
            return told_as
    return ""
