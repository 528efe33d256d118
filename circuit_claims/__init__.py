"""pytest for circuits: findings about a model's internals as tests that a model can pass or fail.

The names below are all that a claim file needs. They are imported when first used, so that
``import circuit_claims``, collection and ``--help`` stay free of torch, numpy and scipy.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from circuit_claims.judge.claim import claim
    from circuit_claims.judge.expectation import above, anything, below, between, exactly, negligible
    from circuit_claims.models.sites import attn_out, mlp_out, resid_mid, resid_post, resid_pre
    from circuit_claims.report.notebook import Report
    from circuit_claims.run.curves import curve
    from circuit_claims.run.notebook import Checked, CheckError, check
    from circuit_claims.types import Kind, Scope

__version__ = "0.1.0"

_HOME = {
    "check": "circuit_claims.run.notebook",
    "Checked": "circuit_claims.run.notebook",
    "CheckError": "circuit_claims.run.notebook",
    "claim": "circuit_claims.judge.claim",
    "Kind": "circuit_claims.types",
    "Scope": "circuit_claims.types",
    "above": "circuit_claims.judge.expectation",
    "anything": "circuit_claims.judge.expectation",
    "below": "circuit_claims.judge.expectation",
    "between": "circuit_claims.judge.expectation",
    "exactly": "circuit_claims.judge.expectation",
    "negligible": "circuit_claims.judge.expectation",
    "curve": "circuit_claims.run.curves",
    "attn_out": "circuit_claims.models.sites",
    "mlp_out": "circuit_claims.models.sites",
    "resid_pre": "circuit_claims.models.sites",
    "resid_mid": "circuit_claims.models.sites",
    "resid_post": "circuit_claims.models.sites",
    "Report": "circuit_claims.report.notebook",
}

__all__ = [
    "CheckError",
    "Checked",
    "Kind",
    "Report",
    "Scope",
    "above",
    "anything",
    "attn_out",
    "below",
    "between",
    "check",
    "claim",
    "curve",
    "exactly",
    "mlp_out",
    "negligible",
    "resid_mid",
    "resid_post",
    "resid_pre",
]


def __getattr__(name: str) -> Any:
    """Import a public name from its room on first use (PEP 562)."""
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'circuit_claims' has no attribute {name!r}; it offers {', '.join(__all__)}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
