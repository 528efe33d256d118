"""The paper's claims as a catalogue: every claim is named once, sourced, and fixed before any run."""

import re
from collections import Counter
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import pytest

from circuit_claims.judge.record import read_record
from circuit_claims.organisms.registry import beside
from circuit_claims.types import Claim, Kind, Quantifier, Scope
from tools.pages.near_misses import near_misses

CLAIMS = beside("claims")
RECORDS = sorted((CLAIMS / "recorded").glob("*.toml"))


class Collector:
    """Keeps what pytest collects."""

    def __init__(self) -> None:
        self.items: list[tuple[str, Claim | None]] = []

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            mark = item.get_closest_marker("circuit_claim")
            self.items.append((item.nodeid, mark.args[0] if mark else None))


@pytest.fixture(scope="module")
def items() -> list[tuple[str, Claim | None]]:
    collector = Collector()
    args = [str(CLAIMS), "--collect-only", "-q", "-p", "no:cacheprovider"]
    with redirect_stdout(StringIO()):
        assert pytest.main(args, plugins=[collector]) == 0
    return collector.items


@pytest.fixture(scope="module")
def claims(items) -> dict[str, Claim]:
    return {claim.key: claim for _, claim in items if claim}


def test_every_test_of_the_folder_judges_a_claim(items):
    assert [nodeid for nodeid, claim in items if claim is None] == []


def test_the_core_claims_are_there(claims):
    """Ids are names that records and papers refer to: a renamed one is a broken reference."""
    assert len(claims) >= 26
    assert {
        "sites-are-what-they-say/exact",
        "block-output-is-identity/exact",
        "same-label/reproduces",
        "delta-growth-300/reproduces",
        "attn-partial-45-65/reproduces",
        "mlp-sufficient-100/reproduces",
        "mlp-42-60/reproduces",
        "mlp-primary-driver/means",
        "table-growth-300/exact",
        "recovery-identical/forensic",
    } <= set(claims)


def test_a_claim_has_one_function(items):
    functions = {}
    for nodeid, claim in items:
        functions.setdefault(claim.key, set()).add(nodeid.split("[")[0])
    assert {key: found for key, found in functions.items() if len(found) > 1} == {}


def test_parts_are_collected_once_each(items):
    parts = Counter(claim.key for _, claim in items)
    assert [
        key for key, claim in {c.key: c for _, c in items}.items() if not claim.quantifier and parts[key] > 1
    ] == []
    assert parts["mlp-sufficient-100/reproduces"] == 7, "the paper patched layers 4 to 10"
    assert parts["block-output-is-identity/exact"] == 11


def test_statements_are_sentences_and_sources_are_named(claims):
    for claim in claims.values():
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", claim.id), claim.id
        assert re.fullmatch(r"[A-Z].*\.", claim.statement), claim.statement
        assert claim.source.strip(), claim.id


def test_scopes_are_those_that_a_kind_can_have(claims):
    """What holds on any weights is exact or forensic, and nothing else is."""
    for claim in claims.values():
        if claim.kind is Kind.EXACT:
            assert claim.scope is Scope.EXACT, claim.key
        if claim.scope is Scope.EXACT:
            assert claim.kind in (Kind.EXACT, Kind.FORENSIC), claim.key
        assert (claim.quantifier is None) == (claim.over is None)
        assert claim.quantifier in (None, *Quantifier)


def test_claim_files_hold_no_torch_and_no_statistics():
    for path in sorted(CLAIMS.glob("*.py")):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"^\s*(import|from) (torch|numpy|scipy|transformers)\b", text, re.M), path.name


def test_near_misses_name_claims_that_there_are(claims):
    assert set(near_misses()) <= set(claims)


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_each_record_can_be_read_and_speaks_of_claims_that_there_are(path: Path, claims):
    record = read_record(path)
    assert record.entries
    unknown = sorted({key for key, _ in record.entries} - set(claims))
    assert unknown == [], f"{path.name} records claims that nobody judges"
