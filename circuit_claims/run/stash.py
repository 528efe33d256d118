"""What the plugin keeps with pytest's own objects: the session, and each item's plan and result."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from circuit_claims.judge.ledger import Planned, Result
    from circuit_claims.run.session import ClaimSession

SESSION: pytest.StashKey[ClaimSession] = pytest.StashKey()
PLANNED: pytest.StashKey[Planned] = pytest.StashKey()
RESULT: pytest.StashKey[Result] = pytest.StashKey()
CALLING: pytest.StashKey[bool] = pytest.StashKey()
