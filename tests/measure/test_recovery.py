"""The metrics: what they are of known vectors, how they hang together, and where they are undefined."""

from __future__ import annotations

from dataclasses import replace
from math import inf, nan, sqrt

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from circuit_claims.measure.errors import UndefinedRecovery
from circuit_claims.measure.patching import norms_between
from circuit_claims.measure.recovery import METRICS, Norms, cosine, distance, norm_ratio, projection

pytestmark = pytest.mark.machines

VECTORS = st.lists(st.floats(-1e3, 1e3, width=32), min_size=3, max_size=3).map(lambda x: torch.tensor([x]))


def norms(d: torch.Tensor, D: torch.Tensor) -> Norms:
    return norms_between(d, D, torch.zeros_like(D))


def test_of_a_vector_that_points_the_wrong_way() -> None:
    # d = (-3, 4), D = (5, 0): R is 1, and nothing came back.
    known = norms(torch.tensor([[-3.0, 4.0]]), torch.tensor([[5.0, 0.0]]))
    assert norm_ratio(known) == 1.0
    assert projection(known) == pytest.approx(-0.6)
    assert cosine(known) == pytest.approx(-0.6)
    assert distance(known) == pytest.approx(1 - sqrt(80) / 5)


def test_of_a_patch_that_overshoots() -> None:
    known = norms(torch.tensor([[10.0, 0.0]]), torch.tensor([[5.0, 0.0]]))
    assert (norm_ratio(known), projection(known), cosine(known), distance(known)) == (2.0, 2.0, 1.0, 0.0)


def test_a_mean_over_tokens_of_norms_is_not_the_norm_of_all_tokens() -> None:
    known = norms(torch.tensor([[3.0, 4.0], [0.0, 0.0]]), torch.tensor([[3.0, 4.0], [0.0, 12.0]]))
    assert (known.d, known.D) == (5.0, 13.0)
    assert norm_ratio(known) == 2.5 / 8.5
    assert projection(known) == pytest.approx(25 / 169)


@given(d=VECTORS, D=VECTORS)
def test_the_identities_of_one_vector(d: torch.Tensor, D: torch.Tensor) -> None:
    known = norms(d, D)
    assume(known.d > 1e-3 and known.D > 1e-3 and known.d < 1e3 * known.D)
    R, P, c, Q = (METRICS[name](known) for name in ("norm_ratio", "projection", "cosine", "distance"))
    assert pytest.approx(R * c, abs=1e-9, rel=1e-9) == P
    assert pytest.approx(sqrt(max(0.0, 1 - 2 * P + R * R)), abs=1e-6, rel=1e-6) == 1 - Q
    assert abs(P) <= R * (1 + 1e-9)
    assert 1 - abs(1 - R) + 1e-9 >= Q


@given(a=VECTORS, b=VECTORS, D=VECTORS)
def test_projection_adds_up(a: torch.Tensor, b: torch.Tensor, D: torch.Tensor) -> None:
    a, b, D = a.double(), b.double(), D.double()
    assume(float(D.norm()) > 1)
    parts = projection(norms(a, D)) + projection(norms(b, D))
    assert projection(norms(a + b, D)) == pytest.approx(parts, abs=1e-6)


@given(D=VECTORS)
def test_all_of_it_is_one_and_none_of_it_is_zero(D: torch.Tensor) -> None:
    assume(float(D.norm()) > 1e-3)
    whole, none = norms(D, D), norms(torch.zeros_like(D), D)
    for metric in METRICS.values():
        assert metric(whole) == pytest.approx(1.0, abs=1e-12)
    assert (norm_ratio(none), projection(none), distance(none)) == (0.0, 0.0, 0.0)
    with pytest.raises(UndefinedRecovery, match="no direction"):
        cosine(none)


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_nothing_to_recover_is_undefined_and_not_zero(metric: object) -> None:
    same = torch.ones(2, 3)
    with pytest.raises(UndefinedRecovery, match="do not differ"):
        metric(norms_between(same + 1, same, same))  # type: ignore[operator]


@pytest.mark.parametrize("bad", [nan, inf])
@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_what_is_not_a_number_is_undefined(metric: object, bad: float) -> None:
    known = norms(torch.tensor([[1.0, 2.0]]), torch.tensor([[2.0, 1.0]]))
    with pytest.raises(UndefinedRecovery, match="d is"):
        metric(replace(known, d=bad))  # type: ignore[operator]


def test_small_differences_do_not_underflow() -> None:
    tiny = Norms(d=1e-170, D=1e-170, dot=1e-340 or 0.0, rest=0.0, mean_d=1e-170, mean_D=1e-170)
    assert norm_ratio(tiny) == 1.0
    assert projection(replace(tiny, dot=0.0)) == 0.0
