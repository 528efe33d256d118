"""The truth table's page: who supports a claim, who refutes it, and which near misses pass."""

from __future__ import annotations

from circuit_claims.judge.record import Entry
from tools.pages.near_misses import near_misses
from tools.pages.truth import Cell, render, supported_misses

KEY = "rises/means"


def cell(model: str, found: str, predicted: str = "") -> Cell:
    return Cell(
        f"planted:{model}", KEY, Entry(predicted or found, reason="By construction."), found, "It is so."
    )


def test_each_claim_has_its_supporters_refuters_and_near_misses_by_name() -> None:
    table = [
        cell("one", "supported"),
        cell("two", "refuted"),
        cell("near", "refuted"),
        cell("open", "inconclusive"),
    ]
    misses = {KEY: ["planted:near", "planted:open", "planted:not-judged"]}
    page = render(table, misses)
    assert "- supported on 1: one\n" in page
    assert "- refuted on 2: two, near\n" in page
    assert "- near misses: near, open*\n" in page
    assert "Near misses that pass" not in page
    assert supported_misses(table, misses) == []


def test_a_near_miss_that_is_supported_is_set_out() -> None:
    table = [cell("near", "supported", predicted="refuted"), cell("one", "supported")]
    misses = {KEY: ["planted:near"]}
    assert [found.model for found in supported_misses(table, misses)] == ["planted:near"]
    page = render(table, misses)
    assert f"## Near misses that pass\n\n- `planted:near` `{KEY}`: It is so." in page


def test_near_misses_are_declared_with_models_and_claims_that_there_are() -> None:
    found = near_misses()
    assert {"planted:jump-6", "planted:barely-specific"} <= set(found["delta-amplification-5-11/means"])
    assert {"planted:doubles-then-triples", "planted:late-rise"} <= set(found["delta-onset-layer-5/means"])
    for key in ("mlp-primary-driver/means", "attention-gathers/means", "mlp-composes/means"):
        assert len(found[key]) >= 2, key
