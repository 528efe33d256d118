"""Numbers of things and lengths of time, in words."""

import pytest

from circuit_claims.judge.counted import counted, told


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.25, "0.25 s"), (89, "89 s"), (90, "1.5 min"), (5399, "90 min"), (5400, "1.5 h"), (36000, "10 h")],
)
def test_a_time_is_told_in_a_unit_that_fits(seconds, words):
    assert told(seconds) == words


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 pairs"), (1, "1 pair"), (2, "2 pairs"), (1000, "1000 pairs")]
)
def test_one_is_singular(count, words):
    assert counted(count, "pair") == words
    assert counted(count, "entry", "entries").endswith("entry" if count == 1 else "entries")
