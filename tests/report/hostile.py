"""A report in which every name that comes from outside tries to be something else than text."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from claims_by_hand import ONE_TO_FIVE, a_claim, control, evidence, planned
from reports_by_hand import MODEL, RUN

from circuit_claims.judge.drift import Comparison, Drift
from circuit_claims.judge.expectation import above
from circuit_claims.judge.ledger import Finding, Result
from circuit_claims.judge.record import Entry
from circuit_claims.judge.verdict import decide
from circuit_claims.report.schema import build
from circuit_claims.types import Outcome, Verdict

SCRIPT = "<script>alert(1)</script>"
QUOTES = "\"'><img src=x onerror=alert(2)>"
ANSI = "\x1b[31mred\x1b[0m \x1b]8;;http://evil.example\x07link\x1b]8;;\x07"
TURNED = "abc\u202egnp.exe\u2066 \x00\x07\x85 \u2028line"
LINES = "one\n::error title=forged::two\r\n%0A::warning::three"
MARKDOWN = (
    "a | b `c` [click](javascript:alert(3)) ![i](http://evil.example/x.png) **bold** <b>x</b> # h @user $x$"
)
TEMPLATE = "{{ 7 * 7 }}{% raw %}</style></svg>--><!--"
BYTES = "stray \udcff byte"
LONG = "A claim of three hundred characters " + "and-no-space-to-break-it-at" * 10
EVERYTHING = (SCRIPT, QUOTES, ANSI, TURNED, LINES, MARKDOWN, TEMPLATE, BYTES, LONG)


def hostile_result() -> Result:
    claim = replace(
        a_claim("id`|<script>", "means", statement=f"{LONG} {SCRIPT} {MARKDOWN}"), source=f"{QUOTES} {LINES}"
    )
    observed = replace(
        evidence(
            ONE_TO_FIVE,
            controls=(control(ONE_TO_FIVE, name=f"{ANSI} {QUOTES}"),),
            pairs=(SCRIPT, ANSI, TURNED, QUOTES, BYTES),
            undefined={TEMPLATE: f"{SCRIPT} {LINES}"},
            flags=(f"inert readout {TURNED}", MARKDOWN),
            experiment={"patch": f"{SCRIPT} {ANSI}", QUOTES: TEMPLATE},
        ),
        name=f"{MARKDOWN} {ANSI}",
        figure={
            "kind": "curve",
            "title": f"{SCRIPT} {QUOTES} $\\frac{{x}}{{y}}$ {TURNED}",
            "caption": f"{TEMPLATE} {MARKDOWN}",
            "x": {"label": f"$ {SCRIPT}", "values": [0, 1, 2]},
            "y": {"label": ANSI, "unit": "fraction"},
            "series": [
                {"name": f"_{QUOTES} $ {TEMPLATE}", "role": "claim", "values": [0.1, None, 0.3]},
                {"name": LINES, "role": "control", "values": [0.1, 0.2, 0.1]},
            ],
            "marks": [{"x": 1, "label": f"{SCRIPT} ${ANSI}"}],
        },
    )
    drift = Comparison(
        Drift.FLIPPED,
        f"recorded supported, now {LINES}",
        Entry(Outcome.SUPPORTED, reason=f"{ANSI} {MARKDOWN}"),
    )
    model = f"{QUOTES} {ANSI}"
    return Result(
        replace(planned(claim, model=model), nodeid=f"claims/{LINES}{SCRIPT}.py::test_x[a,b:c]"),
        decide(claim, observed, above(0.5)),
        observed,
        above(0.5),
        drift,
    )


def hostile_report() -> dict[str, Any]:
    result = hostile_result()
    failed = Result(
        replace(planned(a_claim("error", "means"), model=result.planned.model), nodeid=""),
        Verdict(Outcome.ERROR, QUOTES, f"{LINES} {ANSI} {SCRIPT} {BYTES}"),
    )
    findings = [
        Finding(r.planned.claim, r.planned.model, r.verdict, r.comparison, (r,), 1) for r in (result, failed)
    ]
    run = {
        **RUN,
        "pair_set": f"{SCRIPT} {ANSI}",
        "packages": {QUOTES: LINES},
        "options": f"--circuit-pairs='{SCRIPT}'",
        "paper": {"title": f"{SCRIPT} {LONG}", "identifier": f"{QUOTES} {MARKDOWN}"},
    }
    model = {
        **MODEL,
        "name": result.planned.model,
        "about": f"{TEMPLATE} {MARKDOWN}",
        "record": f"{ANSI}.toml",
    }
    return build(findings, run, [{**model, "changed": [f"{SCRIPT} {LINES}"]}])
