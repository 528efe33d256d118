"""What a run does: it measures and judges, only plans to, or judges an earlier run again."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from circuit_claims.run.options import Options
    from circuit_claims.run.session import ClaimSession


def open_session(options: Options, *, worker: bool) -> ClaimSession:
    """The book of a run that measures, that only plans to, or that judges an earlier run again."""
    if options.plan:
        from circuit_claims.run.plan import PlanningSession

        return PlanningSession(options, worker=worker)
    if options.rejudge is None:
        from circuit_claims.run.session import ClaimSession

        return ClaimSession(options, worker=worker)
    import pytest

    from circuit_claims.report.reading import ReportError
    from circuit_claims.run.rejudge import RejudgingSession

    try:
        return RejudgingSession(options, worker=worker)
    except ReportError as fault:
        raise pytest.UsageError(str(fault)) from None
