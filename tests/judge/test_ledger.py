"""The book of a run: what pytest shows, what claims come to, how the process ends, and how results travel."""

import json
from dataclasses import replace

import pytest
from claims_by_hand import (
    ONE_TO_FIVE,
    a_claim,
    a_record,
    control,
    evidence,
    finding,
    planned,
    result,
    verdict,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from circuit_claims.judge.drift import Comparison, Drift, Move
from circuit_claims.judge.expectation import above, below, between, exactly, negligible
from circuit_claims.judge.ledger import (
    NO_RECORD,
    Finding,
    Mark,
    Planned,
    Result,
    exit_status,
    failing,
    mark,
    record_entries,
    recorded_values,
    settle,
    stale,
)
from circuit_claims.judge.plain import as_plain, evidence_from_plain, from_plain, planned_from_plain, to_plain
from circuit_claims.judge.record import Entry
from circuit_claims.judge.verdict import decide
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

EACH, ANY = a_claim(each="layer"), a_claim(any="layer")
FIVE = ("a", "b", "c", "d", "e")

# The table of verdicts against records -------------------------------------------------------------------

UNRECORDED, AS_RECORDED, BORDERLINE, MOVED, FLIPPED = Drift
PASSED, FAILED, XFAILED = Mark.PASSED, Mark.FAILED, Mark.XFAILED
INCONCLUSIVE, SKIPPED = Mark.INCONCLUSIVE, Mark.SKIPPED
TABLE = {
    #                  no record,    as recorded,  borderline,   moved,  flipped
    "supported": (PASSED, PASSED, PASSED, FAILED, FAILED),
    "refuted": (FAILED, XFAILED, XFAILED, FAILED, FAILED),
    "artifact": (FAILED, XFAILED, XFAILED, FAILED, FAILED),
    "inconclusive": (INCONCLUSIVE, INCONCLUSIVE, INCONCLUSIVE, FAILED, FAILED),
    "not applicable": (SKIPPED, SKIPPED, SKIPPED, FAILED, FAILED),
    "error": (FAILED, FAILED, FAILED, FAILED, FAILED),
}


@pytest.mark.parametrize(
    ("outcome", "drift", "shown"),
    [(outcome, drift, row[i]) for outcome, row in TABLE.items() for i, drift in enumerate(Drift)],
)
def test_each_cell_of_the_table(outcome, drift, shown):
    assert mark(result(outcome, drift=drift)) is shown


@pytest.mark.parametrize("drift", list(Drift))
def test_inconclusive_never_passes(drift):
    assert mark(result("inconclusive", drift=drift)) is not PASSED


@pytest.mark.parametrize(
    ("claim", "outcome", "drift", "shown"),
    [
        (ANY, "refuted", UNRECORDED, Mark.PART),
        (ANY, "refuted", AS_RECORDED, XFAILED),
        (ANY, "refuted", FLIPPED, FAILED),
        (ANY, "artifact", UNRECORDED, FAILED),
        (ANY, "error", UNRECORDED, FAILED),
        (EACH, "refuted", UNRECORDED, FAILED),
    ],
)
def test_a_refuted_part_of_any_refutes_nothing_by_itself(claim, outcome, drift, shown):
    assert mark(result(outcome, claim, "layer=4", 2, drift=drift)) is shown


# Settling ------------------------------------------------------------------------------------------------


POSITIVE = above(0.0)


def part(claim: Claim, number: int, of: int, expectation=POSITIVE, **more) -> Result:
    found = evidence(ONE_TO_FIVE)
    return Result(
        planned(claim, f"layer={number}", of, **more), decide(claim, found, expectation), found, expectation
    )


def settled(results, records=None, extra=()):
    return settle([r.planned for r in results] + list(extra), results, records or {})


def test_a_claim_is_settled_from_all_its_parts_in_the_order_of_collection():
    results = [part(EACH, number, 3) for number in (6, 4, 5)]
    (found,) = settle([r.planned for r in results], reversed(results), {})
    assert found.verdict.outcome is Outcome.SUPPORTED
    assert [p.planned.part for p in found.parts] == ["layer=6", "layer=4", "layer=5"]
    assert (found.expected, found.comparison.drift) == (3, UNRECORDED)


def test_models_and_kinds_are_settled_apart():
    results = [
        part(EACH, 4, 1),
        part(EACH, 4, 1, above(100.0), model="random"),
        part(a_claim(kind="exact", each="layer"), 4, 1),
    ]
    found = {(f.model, f.claim.key): f.verdict.outcome for f in settled(results)}
    assert found == {
        ("organism", "mlp-42/reproduces"): Outcome.SUPPORTED,
        ("random", "mlp-42/reproduces"): Outcome.REFUTED,
        ("organism", "mlp-42/exact"): Outcome.SUPPORTED,
    }


def test_a_lost_or_deselected_part_leaves_its_claim_incomplete():
    (found,) = settled([part(EACH, 4, 3)], extra=[planned(EACH, "layer=5", 3)])
    assert (found.verdict.outcome, found.verdict.sentence) == (
        Outcome.INCOMPLETE,
        "2 of 3 parts were not judged.",
    )
    (found,) = settle([planned(a_claim())], [], {})
    assert found.verdict.outcome is Outcome.INCOMPLETE


def test_a_part_in_error_makes_the_claim_an_error():
    (found,) = settled([part(EACH, 4, 2), result("error", EACH, "layer=5", 2, values=None)])
    assert found.verdict.outcome is Outcome.ERROR


def test_a_part_that_does_not_apply_makes_a_claim_that_does_not():
    results = [result("not applicable", EACH, f"layer={n}", 2, values=None) for n in (4, 5)]
    assert settled(results)[0].verdict.outcome is Outcome.NOT_APPLICABLE


def test_a_claim_is_held_against_its_own_entry_and_not_its_parts():
    results = [part(EACH, 4, 2), part(EACH, 5, 2, above(100.0))]
    entries = {
        ("mlp-42/reproduces", ""): Entry(Outcome.REFUTED, "value", 3.0, tolerance=0.01),
        ("mlp-42/reproduces", "layer=4"): Entry(Outcome.REFUTED),
    }
    (found,) = settled(results, {"organism": a_record(entries)})
    assert found.comparison.drift is AS_RECORDED
    assert found.comparison.entry == entries["mlp-42/reproduces", ""]


def test_a_claim_says_which_of_its_parts_differ_from_the_record():
    results = [part(EACH, 4, 3), part(EACH, 5, 3), part(EACH, 6, 3)]
    moved = Comparison(MOVED, "the estimate moved")
    results = [replace(r, comparison=moved) if r.planned.part != "layer=4" else r for r in results]
    recorded = {("mlp-42/reproduces", ""): Entry(Outcome.SUPPORTED)}
    (found,) = settled(results, {"organism": a_record(recorded)})
    assert found.comparison.drift is MOVED
    assert found.comparison.sentence == (
        "supported, as recorded, but 2 of 3 parts differ: layer=5: the estimate moved"
    )
    (same,) = settled([part(EACH, 4, 1)], {"organism": a_record(recorded)})
    assert same.comparison.drift is AS_RECORDED


@pytest.mark.parametrize("lost", ["incomplete", "error"])
def test_what_was_not_judged_is_not_held_against_the_record(lost):
    results = [part(EACH, 4, 2)]
    if lost == "error":
        results.append(result("error", EACH, "layer=5", 2, values=None))
    records = {"organism": a_record({("mlp-42/reproduces", ""): Entry(Outcome.REFUTED)})}
    (found,) = settled(results, records)
    assert (str(found.verdict.outcome), found.comparison.drift) == (lost, UNRECORDED)


def test_recorded_claims_that_a_full_run_did_not_judge_are_stale():
    entries = {
        ("mlp-42/reproduces", ""): Entry(Outcome.SUPPORTED),
        ("gone/means", ""): Entry(Outcome.REFUTED),
        ("gone/means", "layer=4"): Entry(Outcome.REFUTED),
    }
    findings = settled([part(EACH, 4, 1)])
    assert stale({"organism": a_record(entries)}, findings) == ["organism: gone/means"]
    assert stale({"other": a_record(entries, "other")}, findings) == [
        "other: gone/means",
        "other: mlp-42/reproduces",
    ]
    assert stale({}, findings) == []


# Exit status ---------------------------------------------------------------------------------------------


def ended(*findings, lost=False, missing=False, strict=False):
    results = [r for f in findings for r in f.parts]
    return exit_status(findings, results, lost=lost, missing=missing, strict=strict)


@pytest.mark.parametrize(
    ("outcome", "drift", "status"),
    [
        ("supported", UNRECORDED, 0),
        ("supported", AS_RECORDED, 0),
        ("supported", BORDERLINE, 0),
        ("supported", FLIPPED, 1),
        ("supported", MOVED, 1),
        ("refuted", UNRECORDED, 1),
        ("refuted", AS_RECORDED, 0),
        ("refuted", BORDERLINE, 0),
        ("refuted", MOVED, 1),
        ("artifact", UNRECORDED, 1),
        ("artifact", AS_RECORDED, 0),
        ("inconclusive", UNRECORDED, 11),
        ("inconclusive", AS_RECORDED, 11),
        ("inconclusive", FLIPPED, 1),
        ("not applicable", UNRECORDED, 12),
        ("not applicable", AS_RECORDED, 12),
        ("not applicable", FLIPPED, 1),
        ("error", UNRECORDED, 1),
    ],
)
def test_one_claim_alone_decides_the_status(outcome, drift, status):
    assert ended(finding(outcome, drift=drift)) == status
    assert failing(finding(outcome, drift=drift)) is (status == 1)


def test_statuses_have_their_precedence():
    refuted, supported, open_ = finding("refuted"), finding("supported"), finding("inconclusive")
    assert ended(refuted, open_, lost=True, missing=True, strict=True) == 1
    assert ended(supported, open_, lost=True, strict=True) == 10
    assert ended(open_, missing=True) == 10
    assert ended(open_, open_) == 11
    assert ended(supported, open_) == 0
    assert ended() == 0


def test_strict_minds_only_what_is_inconclusive_and_not_recorded():
    supported = finding("supported")
    assert ended(supported, finding("inconclusive"), strict=True) == 11
    assert ended(supported, finding("inconclusive", drift=AS_RECORDED), strict=True) == 0
    assert ended(supported, strict=True) == 0


def test_a_refuted_claim_fails_even_where_none_of_its_parts_does():
    """Every part of an "any" claim is refuted: no part fails, the claim does."""
    results = [part(ANY, number, 2, above(100.0)) for number in (4, 5)]
    findings = settled(results)
    assert [mark(r) for r in results] == [Mark.PART, Mark.PART]
    assert exit_status(findings, results, lost=False, missing=False, strict=False) == 1


def test_a_refuted_part_of_a_supported_any_claim_fails_nothing():
    results = [part(ANY, 4, 2, above(-10.0)), part(ANY, 5, 2, above(100.0))]
    assert exit_status(settled(results), results, lost=False, missing=False, strict=True) == 0


def test_a_failing_part_fails_the_run_where_the_claim_was_left_incomplete():
    results = [part(EACH, 4, 2, above(100.0))]
    findings = settled(results)
    assert findings[0].verdict.outcome is Outcome.INCOMPLETE
    assert exit_status(findings, results, lost=False, missing=False, strict=False) == 1


# Results travel as JSON ----------------------------------------------------------------------------------

numbers = st.floats(-1e9, 1e9)
maybe = st.none() | numbers
names = st.text(max_size=6)
claims = st.builds(
    Claim,
    names,
    names,
    names,
    st.sampled_from(Kind),
    st.sampled_from(Scope),
    st.none() | st.sampled_from(Quantifier),
    st.none() | names,
)
rows = st.lists(numbers, max_size=3).map(tuple)
labels = st.lists(names, max_size=3).map(tuple)
clips = st.lists(labels, max_size=3).map(tuple)
texts = st.dictionaries(names, names, max_size=2)
controls = st.builds(
    Control,
    names,
    st.sampled_from(Design),
    st.lists(rows, max_size=2).map(tuple),
    labels,
    clips,
    base=st.lists(rows, max_size=2).map(tuple),
)
expectations = st.one_of(
    st.builds(above, numbers),
    st.builds(below, numbers),
    st.builds(exactly, numbers),
    st.builds(negligible, st.floats(0.1, 1)),
    st.just(between(0.42, 0.61)),
)
seen = st.builds(PositiveControl, names, st.builds(Evidence, names, st.just("ratio"), rows), expectations)
observations = st.builds(
    Evidence,
    name=names,
    unit=st.sampled_from(["fraction", "bool"]),
    values=rows,
    pairs=labels,
    groups=labels,
    clips=clips,
    experiment=texts,
    published=maybe,
    rounding=st.floats(0, 1),
    controls=st.lists(controls, max_size=2).map(tuple),
    margin=st.floats(0.01, 1),
    positive=st.lists(seen, max_size=2).map(tuple),
    jitter=rows,
    figure=st.none() | st.fixed_dictionaries({"kind": names, "values": st.lists(maybe, max_size=3)}),
    flags=labels,
    undefined=texts,
    artifact=st.none() | names,
)
contrasts = st.lists(
    st.fixed_dictionaries({"control": names, "estimate": numbers, "low": maybe, "high": maybe}), max_size=2
).map(tuple)
verdicts = st.builds(
    Verdict,
    outcome=st.sampled_from(Outcome),
    reason=names,
    sentence=names,
    estimate=maybe,
    low=maybe,
    high=maybe,
    level=maybe,
    n=st.integers(0, 99),
    method=names,
    bound=maybe,
    contrasts=contrasts,
    effect=st.dictionaries(names, maybe, max_size=2),
)
comparisons = st.builds(
    Comparison,
    st.sampled_from(Drift),
    names,
    st.none() | st.builds(Entry, st.sampled_from(Outcome), names, maybe, maybe, maybe, names, unit=names),
    st.none() | st.builds(Move, *[numbers] * 6, st.integers(2, 99)),
)
results = st.builds(
    Result,
    st.builds(Planned, claims, names, names, st.integers(1, 12), names),
    verdicts,
    st.none() | observations,
    st.none() | expectations,
    comparisons,
    st.floats(0, 1e5),
)


@settings(max_examples=min(60, settings.default.max_examples))
@given(results)
def test_a_result_crosses_processes_unchanged(made):
    text = json.dumps(to_plain(made), allow_nan=False)
    assert from_plain(json.loads(text)) == made


@pytest.mark.parametrize("expectation", [above(1.0), below(1.0)])
def test_open_ends_are_null_in_json_and_infinite_again_after(expectation):
    made = Result(planned(a_claim()), verdict("supported"), evidence([1.0]), expectation)
    plain = to_plain(made)
    assert None in (plain["expectation"]["low"], plain["expectation"]["high"])
    assert from_plain(json.loads(json.dumps(plain))).expectation == expectation


def test_an_unbounded_interval_is_null_in_json():
    made = Result(
        planned(a_claim()), verdict("inconclusive", low=-float("inf"), high=float("inf"), bound=float("inf"))
    )
    plain = json.loads(json.dumps(to_plain(made), allow_nan=False))
    assert [plain["verdict"][end] for end in ("low", "high", "bound")] == [None] * 3


def test_what_a_worker_planned_comes_back():
    from dataclasses import asdict

    for claim in (EACH, ANY, a_claim()):
        made = planned(claim, "layer=4", 3)
        assert planned_from_plain(json.loads(json.dumps(asdict(made)))) == made


def test_a_control_keeps_its_design():
    made = Result(
        planned(a_claim()),
        verdict("refuted"),
        evidence([1.0], controls=(control([0.0], [1.0], design=Design.SEEDS),)),
        above(0.0),
    )
    assert from_plain(json.loads(json.dumps(to_plain(made)))) == made


# What a record keeps -------------------------------------------------------------------------------------


def test_a_supported_finding_is_recorded_with_its_numbers_and_no_cause():
    made = finding("supported", reason="left over", estimate=0.5, bound=0.42, pairs=FIVE)
    assert list(record_entries([made])) == [
        ("mlp-42/reproduces", "", Entry(Outcome.SUPPORTED, "", 0.5, 0.42, 0.005, unit="fraction"))
    ]


def test_a_refuted_finding_is_recorded_with_its_cause():
    made = finding("refuted", reason="value", estimate=0.5, bound=0.55, pairs=FIVE)
    ((_, _, kept),) = record_entries([made])
    assert kept == Entry(Outcome.REFUTED, "value", 0.5, 0.55, 0.005, unit="fraction")


def test_arithmetic_on_published_tables_is_recorded_by_its_digits():
    """No processor rounds it differently: it is compared to six digits."""
    made = finding("refuted", reason="value", estimate=0.5, bound=0.55, model="")
    ((_, _, kept),) = record_entries([made])
    assert kept == Entry(Outcome.REFUTED, "value", 0.5, 0.55, unit="fraction")


def test_a_calibration_of_a_model_is_recorded_by_its_verdict_alone():
    """Its residue is the processor's rounding, and has other digits on another one."""
    made = finding("supported", claim=a_claim(kind="exact"), estimate=1.038e-6, bound=1.038e-6, pairs=FIVE)
    assert list(record_entries([made])) == [("mlp-42/exact", "", Entry(Outcome.SUPPORTED))]
    assert recorded_values([made]) == {}


def test_the_value_of_each_pair_is_kept_beside_the_entries():
    made = finding("supported", pairs=FIVE)
    assert recorded_values([made]) == {("mlp-42/reproduces", ""): dict(zip(FIVE, ONE_TO_FIVE, strict=True))}
    assert recorded_values([finding("supported"), finding("not applicable", values=None)]) == {}


def test_the_recorded_tolerance_is_in_the_evidences_unit():
    def kept(unit: str, estimate: float) -> Entry:
        said = verdict("supported", estimate=estimate)
        part = Result(planned(a_claim()), said, evidence([1.0], unit, pairs=("one",)), above(0.0))
        ((_, _, entry),) = record_entries([Finding(a_claim(), "organism", said, NO_RECORD, (part,), 1)])
        return entry

    assert kept("ratio", 40.0).tolerance == pytest.approx(0.4)
    assert kept("fraction", 40.0).tolerance == 0.005
    assert kept("count", 40.0).tolerance == 0.0


def test_without_an_estimate_or_a_measurement_there_is_no_tolerance():
    for made in (finding("inconclusive", estimate=None), finding("not applicable", values=None)):
        ((_, _, kept),) = record_entries([made])
        assert kept.tolerance is None
    ((_, _, skipped),) = record_entries([finding("not applicable", values=None, estimate=None)])
    assert skipped == Entry(Outcome.NOT_APPLICABLE)


@pytest.mark.parametrize("quantified", [EACH, ANY])
def test_the_parts_of_a_quantified_claim_are_recorded_after_it(quantified):
    results = [part(quantified, 4, 2), part(quantified, 5, 2, above(100.0))]
    (made,) = settled(results)
    kept = list(record_entries([made]))
    assert [(key, name) for key, name, _ in kept] == [
        ("mlp-42/reproduces", ""),
        ("mlp-42/reproduces", "layer=4"),
        ("mlp-42/reproduces", "layer=5"),
    ]
    assert [entry.verdict for _, _, entry in kept] == [
        made.verdict.outcome,
        Outcome.SUPPORTED,
        Outcome.REFUTED,
    ]
    bound = results[1].verdict.bound
    assert kept[2][2] == Entry(Outcome.REFUTED, "value", 3.0, bound, 0.005, unit="fraction")


# Claims that lack something ------------------------------------------------------------------------------


def test_a_claim_without_parts_is_settled_by_its_only_result():
    results = [Result(planned(a_claim()), verdict("refuted", "value"), evidence([1.0]), above(2.0))]
    assert settled(results)[0].verdict == results[0].verdict


def test_what_was_not_judged_is_named_as_parts():
    assert settle([planned(a_claim())], [], {})[0].verdict.reason == "parts"
    (found,) = settled([part(EACH, 4, 3)], extra=[planned(EACH, "layer=5", 3)])
    assert found.verdict.reason == "parts"


def test_one_part_that_does_not_apply_makes_the_claim_so_beside_a_judged_one():
    results = [part(EACH, 4, 2), result("not applicable", EACH, "layer=5", 2, values=None)]
    assert settled(results)[0].verdict == results[1].verdict


def test_a_lost_part_counts_more_than_one_that_does_not_apply():
    results = [result("not applicable", EACH, "layer=4", 2, values=None)]
    assert settled(results)[0].verdict.outcome is Outcome.INCOMPLETE


def test_a_part_without_its_expectation_is_as_good_as_lost():
    results = [part(EACH, 4, 2), Result(planned(EACH, "layer=5", 2), verdict("supported"), evidence([1.0]))]
    assert settled(results)[0].verdict.outcome is Outcome.INCOMPLETE


def test_the_deciding_bound_is_held_against_the_record():
    """The verdict flipped while estimate and bound stayed within tolerance: borderline, not flipped."""
    made = Result(
        planned(a_claim()), verdict("refuted", "value", 3.0, bound=1.0), evidence([3.0]), above(1.0)
    )
    recorded = {("mlp-42/reproduces", ""): Entry(Outcome.SUPPORTED, "", 3.0, 1.0, 0.01)}
    assert settled([made], {"organism": a_record(recorded)})[0].comparison.drift is BORDERLINE


@pytest.mark.parametrize("drift", [FLIPPED, MOVED])
def test_a_claim_that_drifted_fails_though_none_of_its_parts_does(drift):
    made = Finding(EACH, "organism", verdict("supported"), Comparison(drift), (), 0)
    assert failing(made)
    assert exit_status([made], [], lost=False, missing=False, strict=False) == 1


def test_a_part_that_fails_makes_its_claim_fail_and_the_other_way_round():
    incomplete = settled([part(EACH, 4, 2, above(100.0))])[0]
    assert incomplete.verdict.outcome is Outcome.INCOMPLETE
    assert failing(incomplete)
    assert failing(settled([part(ANY, number, 2, above(100.0)) for number in (4, 5)])[0])


def test_evidence_of_older_reports_has_its_margin_under_another_name():
    """And its controls no base: a report keeps what it was judged by."""
    plain = as_plain(replace(evidence([1.0]), margin=0.3, controls=(control([0.5]),)))
    plain["equivalence"] = plain.pop("margin")
    del plain["controls"][0]["base"]
    again = evidence_from_plain(plain)
    assert (again.margin, again.controls[0].base) == (0.3, ())
