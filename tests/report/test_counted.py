"""One thing is no plural, wherever a number of things is told."""

import re

import pytest
from reports_by_hand import MODEL, RUN, fractions, quantified

from circuit_claims.judge.counted import counted, told
from circuit_claims.judge.expectation import above
from circuit_claims.report import html, markdown, terminal
from circuit_claims.report.schema import build

NOUNS = ("claims", "pairs", "parts", "layers", "heads", "tokens", "controls", "models", "frames", "clips")


@pytest.mark.parametrize(
    ("count", "said"), [(0, "0 claims"), (1, "1 claim"), (2, "2 claims"), (101, "101 claims")]
)
def test_a_noun_agrees_with_its_number(count, said):
    assert counted(count, "claim") == said


def test_a_plural_of_its_own_is_given():
    assert [counted(n, "entry", "entries") for n in (0, 1, 2)] == ["0 entries", "1 entry", "2 entries"]


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.031, "0.031 s"), (60, "60 s"), (90, "1.5 min"), (9000, "2.5 h")]
)
def test_a_time_has_two_digits_and_a_unit_that_fits(seconds, said):
    assert told(seconds) == said


@pytest.fixture(scope="module")
def report():
    """One claim, with one part, on one pair, of a model with one of everything."""
    model = {**MODEL, "n_layers": 1, "n_heads": 1, "n_tokens": 1, "pairs": 1, "pair_set": "one"}
    return build([quantified("only", fractions(-0.5), expectation=above(0.5))], {**RUN, "pairs": 1}, [model])


@pytest.mark.parametrize(
    "render",
    [
        terminal.header,
        lambda report: terminal.render(report, width=200, colour=False, verbose=2),
        markdown.render,
        html.render,
    ],
    ids=["header", "terminal", "markdown", "html"],
)
def test_of_one_thing_nothing_is_told_in_the_plural(report, render):
    text = re.sub(r"<(style|script)\b.*?</\1>", "", render(report), flags=re.DOTALL)
    assert re.findall(rf"(?<![\d.,])\b1 (?:\w+ )?(?:{'|'.join(NOUNS)})\b", text) == []
    assert re.search(r"\b1 (claim|pair|part|layer)\b", text)
