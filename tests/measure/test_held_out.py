"""The outcome's direction, made from other pairs: by hand in the plane, and what holds of any pairs."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from circuit_claims.measure.held_out import directions, read_along
from circuit_claims.measure.recovery import UndefinedRecovery

pytestmark = pytest.mark.machines


def pairs(*actions: str, clips: Sequence[tuple[str, str]] = ()) -> list[Any]:
    """A pair of each action named, in order, `0`, `1`, ..., each with clips of its own unless given."""
    return [
        SimpleNamespace(
            name=str(at),
            action=action,
            positive=SimpleNamespace(key=clips[at][0] if clips else f"{at}+"),
            negative=SimpleNamespace(key=clips[at][1] if clips else f"{at}-"),
        )
        for at, action in enumerate(actions)
    ]


APART = {"0": (2.0, 0.0), "1": (4.0, 0.0), "2": (3.0, 4.0)}
"""u of 0 is the unit vector of (1, 0) + (.6, .8), of 1 the same, of 2 (1, 0)."""


def test_a_pair_is_read_along_the_mean_unit_difference_of_the_others() -> None:
    u = directions(pairs("a", "a", "a"), APART)
    slanted = (1.6 / 3.2**0.5, 0.8 / 3.2**0.5)
    assert u["0"] == pytest.approx(slanted)
    assert u["1"] == pytest.approx(slanted)
    assert u["2"] == pytest.approx((1.0, 0.0))


def test_what_takes_the_difference_away_reads_as_one_and_what_lies_across_as_nothing() -> None:
    straight = {"0": (2.0, 0.0), "1": (4.0, 0.0), "2": (3.0, 0.0)}
    three = pairs("a", "a", "a")
    # S is the mean of 2, 4 and 3: a pair with twice the difference loses twice as much of it.
    assert read_along(three, straight, straight) == pytest.approx({"0": 2 / 3, "1": 4 / 3, "2": 1.0})
    assert read_along(three, straight, dict.fromkeys(straight, (0.0, 5.0))) == {"0": 0, "1": 0, "2": 0}
    half = {name: (0.5 * u, 7.0) for name, (u, _) in straight.items()}
    assert sum(read_along(three, straight, half).values()) / 3 == pytest.approx(0.5)


def test_other_actions_and_pairs_that_share_a_clip_say_nothing_of_a_pair() -> None:
    assert set(directions(pairs("a", "a", "b"), APART)) == {"0", "1"}
    shared = pairs("a", "a", "a", clips=[("s", "f"), ("s", "g"), ("t", "h")])
    u = directions(shared, APART)
    assert u["0"] == pytest.approx((0.6, 0.8))  # of pair 2 alone
    assert u["2"] == pytest.approx((1.0, 0.0))


@pytest.mark.parametrize(
    ("actions", "apart", "why"),
    [
        (("a", "b"), {"0": (1.0, 0.0), "1": (1.0, 0.0)}, "another pair of its action"),
        (("a", "a"), {"0": (1.0, 0.0), "1": (-1.0, 0.0)}, "not shown to lie along"),
        (("a", "a"), {"0": (1.0, 0.0), "1": (0.0, 1.0)}, "not shown to lie along"),
        # Along the others by 3, 3 and -2: a mean of 4/3, and a standard error of 5/3.
        (
            ("a",) * 4 + ("b",) * 2,
            {**dict.fromkeys("0123", (3.0, 0.0)), "4": (9.0, 0.0), "5": (-9.0, 0.0)},
            "not",
        ),
    ],
)
def test_without_a_direction_that_carries_over_nothing_is_read(actions: Any, apart: Any, why: str) -> None:
    with pytest.raises(UndefinedRecovery, match=why):
        read_along(pairs(*actions), apart, apart)


coordinates = st.floats(-3, 3, allow_nan=False).map(lambda x: round(x, 3))
vectors = st.lists(st.tuples(coordinates, coordinates), min_size=3, max_size=6)


@given(vectors, st.data())
def test_swapping_the_clips_of_every_pair_and_the_direction_changes_nothing(noise: Any, data: Any) -> None:
    """D and d are then both read the other way round; and so does a change of scale of the stream."""
    there = pairs(*["a"] * len(noise))
    apart = {pair.name: (10 + a, b) for pair, (a, b) in zip(there, noise, strict=True)}
    changes = {name: data.draw(st.tuples(coordinates, coordinates)) for name in apart}
    read = read_along(there, apart, changes)
    for by in (-1.0, 3.0):
        turned = ({n: tuple(by * x for x in v) for n, v in of.items()} for of in (apart, changes))
        assert read_along(there, *turned) == pytest.approx(read, abs=1e-9)
    whole = read_along(there, apart, apart)
    assert sum(whole.values()) / len(whole) == pytest.approx(1.0)


@given(vectors)
def test_a_reading_is_linear_in_the_change(noise: Any) -> None:
    there = pairs(*["a"] * len(noise))
    apart = {pair.name: (10 + a, b) for pair, (a, b) in zip(there, noise, strict=True)}
    changes = {pair.name: change for pair, change in zip(there, noise, strict=True)}
    assume(any(any(change) for change in noise))
    both = {name: tuple(a + b for a, b in zip(apart[name], changes[name], strict=True)) for name in apart}
    parts = [read_along(there, apart, one) for one in (apart, changes)]
    assert read_along(there, apart, both) == pytest.approx(
        {name: parts[0][name] + parts[1][name] for name in apart}, abs=1e-9
    )
