"""Claims, evidence and results written down by hand, for tests that need no measurement."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from circuit_claims.judge.drift import Comparison, Drift, Held
from circuit_claims.judge.expectation import Expectation, above
from circuit_claims.judge.ledger import NO_RECORD, Finding, Planned, Result
from circuit_claims.judge.record import Entry, Record
from circuit_claims.types import Claim, Control, Design, Evidence, Kind, Outcome, Quantifier, Scope, Verdict

ONE_TO_FIVE = (1.0, 2.0, 3.0, 4.0, 5.0)
"""Mean 3, sd sqrt(2.5), se sqrt(0.5): the 95 % interval is 3 -+ 2.7764 * 0.7071 = [1.0368, 4.9632]."""


def a_claim(
    id: str = "mlp-42",
    kind: str = "reproduces",
    *,
    each: str | None = None,
    any: str | None = None,
    statement: str = "An MLP recovers 42 %.",
) -> Claim:
    return Claim(
        id=id,
        statement=statement,
        source="E3 section 4.4",
        kind=Kind(kind),
        scope=Scope.TRAINED,
        quantifier=Quantifier.EACH if each else Quantifier.ANY if any else None,
        over=each or any,
    )


def evidence(values: Any, unit: str = "fraction", **more: Any) -> Evidence:
    return Evidence(name="recovery", unit=unit, values=tuple(map(float, values)), **more)


def control(*rows: Any, design: Design = Design.PAIRED, name: str = "noise", **more: Any) -> Control:
    return Control(name=name, design=design, rows=tuple(tuple(map(float, row)) for row in rows), **more)


def planned(claim: Claim, part: str = "", parts: int = 1, model: str = "organism") -> Planned:
    where = f"[{part}]" if part else ""
    return Planned(claim, model, part, parts, f"claims/test_1.py::test_{claim.id}{where}")


def verdict(outcome: Outcome | str, reason: str = "", estimate: float | None = 0.5, **more: Any) -> Verdict:
    return Verdict(Outcome(outcome), reason, f"It is {outcome}.", estimate=estimate, **more)


def result(
    outcome: Outcome | str,
    claim: Claim | None = None,
    part: str = "",
    parts: int = 1,
    *,
    drift: Drift = Drift.UNRECORDED,
    values: Any = ONE_TO_FIVE,
    pairs: tuple[str, ...] = (),
    expectation: Expectation | None = None,
    model: str = "organism",
    **more: Any,
) -> Result:
    """What an item said; values of None stand for a test that ended without a measurement."""
    return Result(
        planned(claim or a_claim(), part, parts, model),
        verdict(outcome, **more),
        None if values is None else evidence(values, pairs=pairs),
        None if values is None else expectation or above(0.0),
        NO_RECORD if drift is Drift.UNRECORDED else Comparison(drift, f"{drift}."),
    )


def finding(
    outcome: Outcome | str, *, drift: Drift = Drift.UNRECORDED, entry: Entry | None = None, **more: Any
) -> Finding:
    """A claim without parts, settled."""
    made = result(outcome, drift=drift, **more)
    comparison = Comparison(drift, "" if drift is Drift.UNRECORDED else f"{drift}.", entry)
    return Finding(made.planned.claim, made.planned.model, made.verdict, comparison, (made,), 1)


def a_record(entries: dict[tuple[str, str], Entry], model: str = "organism") -> Held:
    """A record of hand-written entries, which names no weights."""
    return Held(Record(Path("recorded") / f"{model}.toml", model, "", {}, entries))
