"""What a JUnit file holds of a claim: one property, a JSON string, for tools that read such files."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from circuit_claims.report.text import without_places

NAME = "circuit-claims/result"
VERSION = 1
_LEFT_OUT = ("clips", "figure")
"""Of the evidence: what is long and decides nothing that a reader of JUnit could check."""


def said(result: Mapping[str, Any], root: Path) -> str:
    """The JSON string of a result (as `ledger.to_plain` gives it), with no place of the machine in it."""
    evidence = result["evidence"]
    if evidence is not None:
        evidence = {name: value for name, value in evidence.items() if name not in _LEFT_OUT}
        evidence["controls"] = [
            {name: value for name, value in control.items() if name not in _LEFT_OUT}
            for control in evidence["controls"]
        ]
    whole = {"schema": NAME, "version": VERSION, **result, "evidence": evidence}
    return json.dumps(without_places(whole, root), allow_nan=False)
