"""Reports made of findings by hand: every verdict, long names, large and small numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from claims_by_hand import ONE_TO_FIVE, a_claim, control, evidence, planned
from jsonschema import Draft202012Validator

import circuit_claims.report
from circuit_claims.judge.drift import Comparison, Drift
from circuit_claims.judge.expectation import Expectation, above, between
from circuit_claims.judge.ledger import NO_RECORD, Finding, Result
from circuit_claims.judge.quantify import quantify
from circuit_claims.judge.record import Entry
from circuit_claims.judge.verdict import decide
from circuit_claims.report.schema import build
from circuit_claims.types import Evidence, Outcome, Verdict

SCHEMA = json.loads((Path(circuit_claims.report.__file__).parent / "schema.json").read_text())
VALIDATOR = Draft202012Validator(SCHEMA)

RUN: dict[str, Any] = {
    "circuit_claims": "0.1.0",
    "seconds": 12.3456789,
    "device": "cpu",
    "precision": "float32",
    "threads": 1,
    "seed": 0,
    "profile": "full",
    "pair_set": "rendered",
    "pairs": 64,
    "packages": {"torch": "2.13.0"},
    "python": "3.11.7",
    "started": "2026-11-21T13:40:00Z",
    "options": "--circuit-seed=0",
    "exit_status": 1,
    "complete": True,
}
MODEL = {
    "name": "organism",
    "revision": None,
    "clips": "0123456789abcdef",
    "record": "organism.toml",
    "fingerprint": "0" * 64,
}


def judged(
    id: str,
    observed: Evidence,
    expectation: Expectation,
    *,
    kind: str = "reproduces",
    comparison: Comparison = NO_RECORD,
    model: str = "organism",
) -> Finding:
    claim = a_claim(id, kind)
    verdict = decide(claim, observed, expectation)
    result = Result(planned(claim, model=model), verdict, observed, expectation, comparison)
    return Finding(claim, model, verdict, comparison, (result,), 1)


def quantified(id: str, *observed: Evidence, expectation: Expectation) -> Finding:
    claim = a_claim(id, each="layer")
    parts = [
        Result(planned(claim, f"layer={n + 4}", len(observed)), decide(claim, e, expectation), e, expectation)
        for n, e in enumerate(observed)
    ]
    whole = quantify(claim, [(p.evidence, p.expectation, p.verdict) for p in parts], len(parts))  # type: ignore[misc]
    return Finding(claim, "organism", whole, NO_RECORD, tuple(parts), len(parts))


def unjudged(id: str, outcome: Outcome, why: str, kind: str = "reproduces") -> Finding:
    claim, verdict = a_claim(id, kind), Verdict(outcome, str(outcome), why)
    return Finding(claim, "organism", verdict, NO_RECORD, (Result(planned(claim), verdict),), 1)


def fractions(*values: float) -> Evidence:
    return evidence(values, published=0.5441, pairs=tuple(f"golf-{i}" for i in range(len(values))))


def every_verdict() -> list[Finding]:
    recorded = Entry(Outcome.SUPPORTED, "", 0.61234, 0.6, 0.005, "a person's reason")
    moved = Comparison(
        Drift.FLIPPED, "recorded supported, now refuted (recorded 0.6123, now -0.1234)", recorded
    )
    again = Comparison(Drift.AS_RECORDED, "refuted, as recorded", Entry(Outcome.REFUTED, "value", 0.3))
    tail = tuple(v * 1234.5 for v in ONE_TO_FIVE)
    return [
        judged("growth", evidence(tail, "ratio", published=3.6), above(1.0)),
        judged("drifted-from-its-record", fractions(*(-0.1234,) * 5), above(0.0), comparison=moved),
        judged("known-to-be-refuted", fractions(0.31, 0.3, 0.29, 0.3, 0.3), above(0.5), comparison=again),
        judged(
            "means-without-specificity",
            evidence(ONE_TO_FIVE, controls=(control(ONE_TO_FIVE),), flags=("inert readout",)),
            above(0.5),
            kind="means",
        ),
        judged("one-seed-bounds-nothing", evidence(ONE_TO_FIVE, controls=(control([0.0] * 5),)), above(2.5)),
        judged(
            "undefined-somewhere", evidence(ONE_TO_FIVE, undefined={"golf-9": "nothing (0/0)"}), above(0.5)
        ),
        judged("an-artifact", evidence(ONE_TO_FIVE, artifact="identity patch"), above(0.5), kind="means"),
        quantified(
            "attention-block-recovers-in-range",
            fractions(0.5708, 0.5709, 0.5707, 0.571, 0.5706),
            fractions(0.4544, 0.4545, 0.4543, 0.4546, 0.4542),
            fractions(-1.234e-05, -1.2e-05, -1.3e-05, -1.1e-05, -1.4e-05),
            expectation=between(0.45, 0.65),
        ),
        unjudged("no-such-layer", Outcome.NOT_APPLICABLE, "the claim speaks of layer 5 of 12"),
        unjudged("out-of-memory", Outcome.ERROR, "MemoryError: 12 GB"),
        unjudged("lost-parts", Outcome.INCOMPLETE, "2 of 7 parts were not judged."),
        judged("the-papers-table", evidence([0.6017]), above(0.95), kind="exact", model=""),
    ]


def a_report(findings: list[Finding] | None = None) -> dict[str, Any]:
    return build(every_verdict() if findings is None else findings, RUN, [MODEL])


def a_large_report() -> dict[str, Any]:
    """As large as the paper on three models: 120 claims of 32 pairs, controls, curves and a headline."""
    models = [{**MODEL, "name": name} for name in ("one", "two", "three")]
    findings = []
    for model in models:
        for at in range(120):
            values = [0.4 + 0.01 * ((at * 7 + pair * 13) % 40) for pair in range(32)]
            controls = tuple(control([value - 0.1 * other for value in values]) for other in range(4))
            figure = _curve(at) if at % 3 == 0 else None
            observed = evidence(values, controls=controls, figure=figure)
            kind = ("means", "reproduces", "exact")[at % 3]
            asked = above(0.3 + 0.1 * (at % 4))
            findings.append(judged(f"claim-{at}", observed, asked, kind=kind, model=model["name"]))
    main = [f"claim-{at}/means" for at in range(0, 27, 3)]
    paper = {"title": "A paper", "identifier": "arXiv 0", "headline": main}
    return build(findings, {**RUN, "paper": paper}, models)


def _curve(at: int) -> dict[str, Any]:
    """A curve of its own: equal figures are drawn once."""
    series = [
        {"name": name, "role": role, "values": [0.1 * at + layer for layer in range(12)]}
        for name, role in (("the claim", "claim"), ("a control", "control"))
    ]
    return {
        "kind": "curve",
        "title": f"Curve {at}",
        "x": {"label": "layer", "values": list(range(12))},
        "y": {"label": "recovery", "unit": "fraction"},
        "series": series,
    }
