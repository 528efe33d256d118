"""Results as plain JSON data: they cross from workers to the controller, and are kept in the journal."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from math import inf
from typing import Any

from circuit_claims.judge.drift import Comparison, Drift, Move
from circuit_claims.judge.expectation import Expectation
from circuit_claims.judge.ledger import Planned, Result
from circuit_claims.judge.record import Entry
from circuit_claims.types import (
    Claim,
    Control,
    Design,
    Evidence,
    Kind,
    Outcome,
    PositiveControl,
    Quantifier,
    Scope,
    Verdict,
)


def to_plain(result: Result) -> dict[str, Any]:
    """A result as JSON data: it crosses processes and is written to the journal."""
    plain: dict[str, Any] = as_plain(result)
    seen = plain["evidence"]["positive"] if plain["evidence"] else ()
    for bounded in (plain["expectation"], plain["verdict"], *(control["expectation"] for control in seen)):
        for end in {"low", "high", "bound"} & set(bounded or ()):
            value = bounded[end]
            bounded[end] = None if value is not None and abs(value) == inf else value
    return plain


def as_plain(value: Any) -> Any:
    """As `dataclasses.asdict`, which copies every number with care, and that is most of what there is."""
    if value is None or isinstance(value, str | float | int):
        return value
    if isinstance(value, tuple | list):
        return type(value)(as_plain(inner) for inner in value)
    if isinstance(value, Mapping):
        return {key: as_plain(inner) for key, inner in value.items()}
    if is_dataclass(value):
        return {field.name: as_plain(getattr(value, field.name)) for field in fields(value)}
    return value


def from_plain(plain: Mapping[str, Any]) -> Result:
    """The inverse of `to_plain`."""
    evidence = plain["evidence"]
    expectation = plain["expectation"]
    comparison = plain["comparison"]
    entry = comparison["entry"]
    return Result(
        planned=planned_from_plain(plain["planned"]),
        verdict=Verdict(
            **{
                **plain["verdict"],
                "outcome": Outcome(plain["verdict"]["outcome"]),
                "contrasts": tuple(plain["verdict"]["contrasts"]),
                "wants_seeds": tuple(plain["verdict"]["wants_seeds"]),
            }
        ),
        evidence=None if evidence is None else evidence_from_plain(evidence),
        expectation=None if expectation is None else expectation_from_plain(expectation),
        comparison=Comparison(
            Drift(comparison["drift"]),
            comparison["sentence"],
            Entry(**{**entry, "verdict": Outcome(entry["verdict"])}) if entry else None,
            Move(**comparison["move"]) if comparison["move"] else None,
        ),
        seconds=plain["seconds"],
    )


def planned_from_plain(plain: Mapping[str, Any]) -> Planned:
    """A collected item back from JSON data."""
    claim = plain["claim"]
    return Planned(
        claim=Claim(
            id=claim["id"],
            statement=claim["statement"],
            source=claim["source"],
            kind=Kind(claim["kind"]),
            scope=Scope(claim["scope"]),
            quantifier=None if claim["quantifier"] is None else Quantifier(claim["quantifier"]),
            over=claim["over"],
        ),
        model=plain["model"],
        part=plain["part"],
        parts=plain["parts"],
        nodeid=plain["nodeid"],
    )


def evidence_from_plain(plain: Mapping[str, Any]) -> Evidence:
    """What was observed, back from JSON data."""
    plain = {"margin" if key == "equivalence" else key: value for key, value in plain.items()}  # before 0.13
    return Evidence(
        **{
            **plain,
            **{key: tuple(plain[key]) for key in ("values", "pairs", "groups", "flags", "jitter")},
            "clips": tuple(tuple(clips) for clips in plain["clips"]),
            "controls": tuple(_control(control) for control in plain["controls"]),
            "positive": tuple(
                PositiveControl(
                    seen["name"],
                    evidence_from_plain(seen["evidence"]),
                    expectation_from_plain(seen["expectation"]),
                )
                for seen in plain["positive"]
            ),
        }
    )


def _control(plain: Mapping[str, Any]) -> Control:
    return Control(
        **{
            **plain,
            "design": Design(plain["design"]),
            "rows": tuple(tuple(row) for row in plain["rows"]),
            "groups": tuple(plain["groups"]),
            "clips": tuple(tuple(clips) for clips in plain["clips"]),
            "base": tuple(tuple(row) for row in plain.get("base", ())),
        }
    )


def expectation_from_plain(plain: Mapping[str, Any]) -> Expectation:
    """What was asserted, back from JSON data, where an open end is null."""
    low, high = plain["low"], plain["high"]
    return Expectation(
        plain["words"],
        -inf if low is None else low,
        inf if high is None else high,
        plain["kind"],
        plain.get("written", ""),
    )
