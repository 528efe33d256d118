"""The wiring of a run where no pytest is needed: controls, options as typed, and the journal."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from claims_by_hand import ONE_TO_FIVE, a_claim, planned, result

from circuit_claims.judge.expectation import above
from circuit_claims.judge.ledger import Result
from circuit_claims.judge.plain import to_plain
from circuit_claims.judge.record import RecordError
from circuit_claims.measure.errors import MeasurementError, NotApplicable
from circuit_claims.models.compute import Compute
from circuit_claims.models.source import ModelError
from circuit_claims.run.judge_fixture import Judge
from circuit_claims.run.options import Options
from circuit_claims.run.session import ClaimSession
from circuit_claims.types import Design, Outcome, Sample, Verdict


@pytest.fixture
def options(tmp_path: Path) -> Options:
    return Options(
        models=("organism",),
        models_named=False,
        pairs=None,
        pair_globs=(),
        claim_globs=(),
        profile="full",
        report_dir=tmp_path / "reports",
        record=None,
        drift="estimate",
        update=False,
        add=False,
        force=False,
        rejudge=None,
        plan=False,
        strict=False,
        seed=0,
        compute=Compute(memory=2**30),
        cache=None,
        progress="off",
        root=tmp_path,
        invoked=tmp_path,
        words=("--circuit-seed=3",),
    )


@pytest.fixture
def session(options: Options) -> ClaimSession:
    return ClaimSession(options, worker=False)


def sample(values=ONE_TO_FIVE, *, pairs=("a", "b", "c", "d", "e"), **more) -> Sample:
    return Sample("recovery", "fraction", tuple(map(float, values)), pairs=pairs, **more)


# Judging ------------------------------------------------------------------------------------------------


@pytest.fixture
def judged(session):
    """The result of one judgement of a `means` claim."""

    def judge(measured, expectation, **how) -> Result:
        kept: list[Result] = []
        Judge(planned(a_claim(kind="means")), 0, kept.append)(measured, expectation, **how)
        (found,) = kept
        return found

    return judge


def test_judge_hands_on_everything_that_was_measured(judged):
    measured = sample(groups=("x",) * 5, flags=("inert readout",), experiment={"patch": "mlp_out 4"})
    found = judged(measured, above(0.0), published=0.5, rounding=0.005)
    assert found.evidence.values == ONE_TO_FIVE
    assert found.evidence.pairs == ("a", "b", "c", "d", "e")
    assert found.evidence.groups == ("x",) * 5
    assert (found.evidence.published, found.evidence.rounding) == (0.5, 0.005)
    assert (found.evidence.flags, found.evidence.experiment) == (("inert readout",), {"patch": "mlp_out 4"})


@pytest.mark.parametrize(
    ("control", "design"),
    [
        (sample([0] * 5), Design.PAIRED),
        (sample([0] * 5, pairs=("v", "w", "x", "y", "z")), Design.UNPAIRED),
        ([sample([i / 10] * 5) for i in range(5)], Design.SEEDS),
    ],
    ids=["same pairs", "pairs of its own", "seeds"],
)
def test_a_control_is_contrasted_as_it_was_measured(judged, control, design):
    found = judged(sample(), above(0.5), controls={"noise": control})
    assert found.evidence.controls[0].design is design
    assert found.verdict.outcome is Outcome.SUPPORTED


def test_a_control_that_is_undefined_says_why(judged):
    absent = sample((), pairs=(), undefined={"a": "the pair set has no noise pairs"})
    found = judged(sample(), above(0.5), controls={"noise": absent})
    assert (found.verdict.outcome, found.verdict.reason) == (Outcome.INCONCLUSIVE, "contrast")
    assert "noise (the pair set has no noise pairs)" in found.verdict.sentence


def test_a_second_judgement_is_refused(session):
    judge = Judge(planned(a_claim()), 0, lambda _: None)
    judge(sample(), above(0.0))
    with pytest.raises(RuntimeError, match="judges twice; give the second judgement its own test"):
        judge(sample(), above(0.0))


# What became of an item ---------------------------------------------------------------------------------


def raised(error: BaseException) -> SimpleNamespace:
    return SimpleNamespace(value=error, typename=type(error).__name__)


@pytest.mark.parametrize(
    ("error", "outcome", "sentence", "teaches"),
    [
        (NotApplicable("it has 2 layers"), Outcome.NOT_APPLICABLE, "it has 2 layers", False),
        (MeasurementError("tiny: broken"), Outcome.ERROR, "tiny: broken", True),
        (ModelError("tiny", "gone", "look"), Outcome.ERROR, "tiny: gone; look", True),
        (RecordError("x.toml: bad"), Outcome.ERROR, "x.toml: bad", True),
        (MemoryError("12 GB"), Outcome.ERROR, "MemoryError: 12 GB", False),
        (ZeroDivisionError(), Outcome.ERROR, "ZeroDivisionError: ", False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_exception_is_an_error_in_its_own_words(session, error, outcome, sentence, teaches):
    found = session.result_of(planned(a_claim()), None, raised(error), 0.1)
    assert (found.verdict.outcome, found.verdict.sentence) == (outcome, sentence)
    assert session.teaches(raised(error)) is teaches


def test_an_exception_after_the_judgement_is_an_error_all_the_same(session):
    found = session.result_of(planned(a_claim()), result("supported"), raised(AssertionError("no")), 0.1)
    assert found.verdict.outcome is Outcome.ERROR
    assert found.evidence is None


def test_a_skip_from_outside_is_no_result(session):
    assert (
        session.result_of(planned(a_claim()), None, SimpleNamespace(value=None, typename="Skipped"), 0)
        is None
    )


# Options and journal ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("globs", "wanted"),
    [
        ((), True),
        (("mlp*",), True),
        (("mlp-42/means",), True),
        (("*/exact",), False),
        (("attn*", "mlp-4?"), True),
    ],
    ids=str,
)
def test_claims_are_wanted_by_id_or_key(options, globs, wanted):
    assert replace(options, claim_globs=globs).wants("mlp-42", "mlp-42/means") is wanted


def test_the_command_that_runs_an_item_again_is_quoted(options):
    item = replace(planned(a_claim()), nodeid="claims/test_1.py::test_it[./my model-4]")
    assert options.rerun(item) == "pytest 'claims/test_1.py::test_it[./my model-4]' --circuit-seed=3"


def test_the_journal_holds_every_result_of_this_run_and_none_of_the_last(options):
    journal = options.report_dir / ".journal.jsonl"
    for run in (["supported", "refuted"], ["inconclusive"]):
        session = ClaimSession(options, worker=False)
        for outcome in run:
            session.take(json.loads(json.dumps(to_plain(result(outcome)))))
        lines = [json.loads(line) for line in journal.read_text().splitlines()]
        assert [line["verdict"]["outcome"] for line in lines] == run


def test_a_lost_worker_makes_the_run_incomplete(session, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    session.planned = [planned(a_claim(), model="")]
    session.take(to_plain(result("supported", model="")))
    session.lost_worker("worker 'gw0' crashed while running 'x'\n")
    assert session.close(full=True, seconds=0.0) == 10
    assert session.report["run"]["complete"] is False
    assert session.closing_lines()[0] == "lost: worker 'gw0' crashed while running 'x'"


def test_an_error_outlives_a_lost_worker(session, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    session.planned = [planned(a_claim(), model="")]
    broken = Result(planned(a_claim(), model=""), Verdict(Outcome.ERROR, "MemoryError", "12 GB"))
    session.take(to_plain(broken))
    session.lost_worker("")
    assert session.close(full=True, seconds=0.0) == 1
