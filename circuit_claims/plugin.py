"""The pytest plugin: options, fixtures and hooks. It opens the doors of the rooms and holds no logic.

Nothing heavy is imported here: pytest imports this module at every start, in every project where the
package is installed. A session that collects no claim notices nothing of it.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from circuit_claims.run.stash import CALLING, PLANNED, RESULT, SESSION

if TYPE_CHECKING:
    from circuit_claims.judge.ledger import Planned
    from circuit_claims.measure.circuit import Circuit
    from circuit_claims.types import Claim, Verdict

PROPERTY = "circuit_claim"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the ``--circuit-*`` options; their values are plain data, which xdist ships to workers."""
    from circuit_claims.run.options import add_options

    add_options(parser.getgroup("circuit", "circuit-claims: findings about circuits as tests"))


def pytest_configure(config: pytest.Config) -> None:
    """Register the claim marker and the session's book."""
    config.addinivalue_line("markers", "circuit_claim(claim): the claim that a test judges (set by @claim)")
    from circuit_claims.run.modes import open_session
    from circuit_claims.run.options import Options
    from circuit_claims.run.root import require_own_root
    from circuit_claims.run.toml_claims import TomlClaims

    require_own_root(config)
    session = open_session(Options.of(config), worker=hasattr(config, "workerinput"))
    config.stash[SESSION] = session
    config.pluginmanager.register(TomlClaims(session), "circuit_claims_toml")
    if config.pluginmanager.hasplugin("xdist") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Workers(config), "circuit_claims_workers")


@pytest.hookimpl(optionalhook=True, tryfirst=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """``-n auto``: no workers where there is nothing for them to measure, else what xdist makes of it."""
    from circuit_claims.run.options import Options
    from circuit_claims.run.workers import is_warm

    return 0 if is_warm(Options.of(config), _asked(config)) else None


def _asked(config: pytest.Config) -> list[str]:
    """The words that select tests; those of ``--circuit-*`` are in the options."""
    option = config.option
    deselected = getattr(option, "deselect", None) or []
    return [*config.args, f"-k {option.keyword}", f"-m {option.markexpr}", *deselected]


@pytest.hookimpl(tryfirst=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """The model is the outermost parameter, so that one model at a time is in memory."""
    if "circuit" in metafunc.fixturenames and metafunc.definition.get_closest_marker("circuit_claim"):
        models = list(metafunc.config.stash[SESSION].options.models)
        metafunc.parametrize("circuit", models, indirect=True, scope="session", ids=models)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Plan every claim that was collected, and check models, pairs and records before any weights load."""
    session = config.stash[SESSION]
    claims = [
        (item, marker.args[0]) for item in items if (marker := item.get_closest_marker("circuit_claim"))
    ]
    if not claims and not session.faults:
        return
    refusals: tuple[type[Exception], ...] = (*session.refusals(), pytest.UsageError)
    try:
        if session.faults:
            raise pytest.UsageError("\nERROR: ".join(session.faults))
        for item, claim in claims:
            item.stash[PLANNED] = _plan(item, claim)
        session.open([item.stash[PLANNED] for item, _ in claims], _is_full(config))
    except refusals as fault:
        if not session.worker:
            raise pytest.UsageError(str(fault)) from None
        session.refused = str(fault)  # xdist breaks on a worker that raises: the controller says it
        items.clear()
        return
    unwanted = [item for item, claim in claims if not session.options.wants(claim.id, claim.key)]
    if unwanted:
        config.hook.pytest_deselected(items=unwanted)
        items[:] = [item for item in items if item not in set(unwanted)]


def _plan(item: pytest.Item, claim: Claim) -> Planned:
    from circuit_claims.judge.ledger import Planned

    callspec = getattr(item, "callspec", None)
    params = dict(callspec.params) if callspec else {}
    model = str(params.pop("circuit", ""))
    if claim.over is None:
        return Planned(claim, model, "", 1, item.nodeid)
    if claim.over not in params:
        raise pytest.UsageError(
            f"{item.nodeid}: claim {claim.id!r} is over {claim.over!r}, which the test does not parametrise"
        )
    part = f"{claim.over}={params[claim.over]}"
    return Planned(claim, model, part, _count_of_parts(item, claim.over), item.nodeid)


def _count_of_parts(item: pytest.Item, over: str) -> int:
    """How many values the claim's parameter has, whether or not all of them were selected."""
    for marker in item.iter_markers("parametrize"):
        named = {**dict(zip(("argnames", "argvalues"), marker.args, strict=False)), **marker.kwargs}
        names = named["argnames"]
        words = names.split(",") if isinstance(names, str) else names
        if over in [word.strip() for word in words]:
            return len(list(named["argvalues"]))
    return 1


def pytest_report_collectionfinish(config: pytest.Config) -> list[str]:
    """One header line, and only where claims were collected."""
    session = config.stash[SESSION]
    return [session.header()] if session.planned and not config.option.collectonly else []


@pytest.fixture(scope="session")
def circuit(request: pytest.FixtureRequest) -> Iterator[Circuit]:
    """The model under test with its pairs and its store: ask it for recoveries, traces, calibrations."""
    session = request.config.stash[SESSION]
    name = getattr(request, "param", session.options.models[0])
    capture = request.config.pluginmanager.getplugin("capturemanager")
    reporter = request.config.pluginmanager.getplugin("terminalreporter")
    with session.circuit(name, capture, reporter) as opened:
        yield opened


@pytest.fixture
def judge(request: pytest.FixtureRequest) -> Callable[..., Verdict]:
    """``judge(measured, expectation, published=...)``: turn numbers into this claim's verdict, once."""
    planned = request.node.stash.get(PLANNED, None)
    if planned is None:
        raise pytest.UsageError(f"{request.node.nodeid} uses `judge`, but carries no @claim")
    session = request.config.stash[SESSION]
    return session.judge(planned, partial(request.node.stash.__setitem__, RESULT))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Forget what an earlier try of the same test left: other plugins run tests again."""
    if RESULT in item.stash:
        del item.stash[RESULT]
    item.user_properties[:] = [(name, value) for name, value in item.user_properties if name != PROPERTY]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """Know when a test is still running: a subtest's report is made then, and is no verdict."""
    item.stash[CALLING] = True
    planned = item.stash.get(PLANNED, None)
    try:
        with item.config.stash[SESSION].asking(planned) if planned else nullcontext():
            return (yield)
    finally:
        item.stash[CALLING] = False


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a verdict, beside its record, into what pytest shows."""
    report = yield
    planned = item.stash.get(PLANNED, None)
    failed_setup = call.when == "setup" and report.failed
    ended = call.when == "call" and not item.stash.get(CALLING, False)
    if planned is None or not (ended or failed_setup):
        return report
    session = item.config.stash[SESSION]
    result = session.result_of(planned, item.stash.get(RESULT, None), call.excinfo, call.duration)
    if result is None:
        return report
    from circuit_claims.judge.ledger import Mark, mark
    from circuit_claims.judge.plain import to_plain
    from circuit_claims.report.failure import failure
    from circuit_claims.report.junit import said

    plain = to_plain(result)
    report.user_properties.append((PROPERTY, json.dumps(plain, allow_nan=False)))
    # JUnit takes its properties from the report of the teardown.
    item.user_properties.append((PROPERTY, said(plain, session.options.root)))
    shown = mark(result)
    report.__dict__["circuit_mark"] = str(shown)  # crosses to xdist's controller with the report
    file = item.nodeid.split("::")[0]  # no place of the machine: JUnit prints it
    where = (file, item.reportinfo()[1] or 0, f"{shown}: {result.verdict.sentence}")
    if shown is Mark.FAILED:
        report.outcome = "failed"
        if result.evidence is not None or session.teaches(call.excinfo):
            report.longrepr = failure(result, session.options.rerun(planned))
    elif shown is Mark.PASSED:
        report.outcome = "passed"
    else:
        report.outcome = "skipped"
        report.longrepr = where
        if shown is Mark.XFAILED:
            report.wasxfail = result.comparison.sentence
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_report_teststatus(report: pytest.TestReport) -> Any:
    """Give *inconclusive*, and a refuted part of an "any" claim, words and letters of their own."""
    shown = getattr(report, "circuit_mark", None)
    if shown == "inconclusive":
        return "inconclusive", "?", ("INCONCLUSIVE", {"yellow": True})
    if shown == "part":
        return "refuted part", "r", ("REFUTED PART", {"yellow": True})
    if shown == "xfailed":
        return "xfailed", "x", ("REFUTED, AS RECORDED", {"yellow": True})
    return None


def pytest_sessionstart(session: pytest.Session) -> None:
    """Keep the book on the controller, or in the only process."""
    if not hasattr(session.config, "workerinput"):
        session.config.pluginmanager.register(_Book(session.config), "circuit_claims_book")


class _Book:
    """Collects results as they land, and closes the session: report, record, exit status."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._session = config.stash[SESSION]
        self._started = time.monotonic()
        self._ran: set[str] = set()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if isinstance(report, pytest.SubtestReport):
            return
        if report.when not in ("setup", "call", "teardown"):
            self._session.lost_worker(str(report.longrepr))
        if report.when == "teardown":
            return
        self._ran.add(report.nodeid)
        for name, value in getattr(report, "user_properties", ()):
            if name == PROPERTY:
                self._session.take(json.loads(str(value)))

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        if self._session.refused:
            session.exitstatus = pytest.ExitCode.USAGE_ERROR
        if self._config.option.collectonly or not self._session.planned:
            return
        if exitstatus not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            if not self._session.results:
                return  # refused, or interrupted before anything was judged: the last report stays
            self._session.interrupted = True
        status = self._session.close(_is_full(self._config), time.monotonic() - self._started)
        if exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED) and status:
            worse = exitstatus == pytest.ExitCode.TESTS_FAILED and status != 1
            session.exitstatus = exitstatus if worse else status
        judged = {planned.nodeid for planned in self._session.planned}
        if self._session.report and self._session.report["run"]["complete"] and self._ran == judged:
            from circuit_claims.run.workers import note

            note(self._session.options, _asked(self._config), judged)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._session.refused:
            terminalreporter.write_line(f"ERROR: {self._session.refused}", red=True)
        if self._session.report is None:
            for line in self._session.closing_lines():
                terminalreporter.write_line(line)
            return
        from circuit_claims.report.terminal import PIPED, render

        writer = self._config.get_terminal_writer()
        terminalreporter.write_sep("=", "circuit claims")
        terminalreporter.write(
            render(
                self._session.report,
                width=writer.fullwidth if writer.hasmarkup else PIPED,
                colour=writer.hasmarkup,
                verbose=self._config.get_verbosity(),
            )
        )
        for line in self._session.closing_lines():
            terminalreporter.write_line(line)
        if os.environ.get("GITHUB_ACTIONS") == "true":
            from circuit_claims.report.github import annotations

            for line in annotations(self._session.report):
                terminalreporter.write_line(line)


def _is_full(config: pytest.Config) -> bool:
    """Whether nothing was left out on purpose: no ``-k -m -x --lf ::``, no single file, no claim glob."""
    option = config.option
    chosen = option.keyword or option.markexpr or option.maxfail or getattr(option, "lf", False)
    chosen = chosen or getattr(option, "deselect", None) or getattr(option, "circuit_claim", None)
    return not chosen and not any("::" in arg or arg.endswith((".py", ".toml")) for arg in config.args)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker hands its plan to the controller, which collects nothing itself."""
    config = session.config
    output = getattr(config, "workeroutput", None)
    if output is not None:
        from dataclasses import asdict

        book = config.stash[SESSION]
        output["circuit_refused"] = book.refused
        output["circuit_planned"] = json.dumps([asdict(planned) for planned in book.planned])
        output["circuit_models"] = json.dumps(book.setting.facts)
        output["circuit_problems"] = list(book.store_problems)


class _Workers:
    """Merges what xdist's workers planned; a worker that says nothing makes the run incomplete."""

    def __init__(self, config: pytest.Config) -> None:
        self._session = config.stash[SESSION]

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        output = getattr(node, "workeroutput", {})
        if "circuit_planned" not in output:
            self._session.lost_worker(str(error or "a worker ended without handing over its plan"))
            return
        self._session.refused = self._session.refused or output["circuit_refused"]
        self._session.take_plan(
            json.loads(output["circuit_planned"]),
            json.loads(output["circuit_models"]),
            output["circuit_problems"],
        )
