"""`@claim`: what makes a test function judge a claim.

Each parameter value of a quantified claim ("each layer from 4 to 10") is a *part*, and a pytest item.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import TypeVar

from circuit_claims.types import Claim, Kind, Quantifier, Scope

MARKER = "circuit_claim"

Function = TypeVar("Function", bound=Callable[..., object])


def claim(
    id: str,
    statement: str,
    *,
    source: str,
    kind: str,
    scope: str = "trained",
    each: str | None = None,
    any: str | None = None,
) -> Callable[[Function], Function]:
    """Make a test function judge a claim.

    `each` or `any` names the parametrised argument over which the claim is quantified. The test
    calls the `judge` fixture exactly once.

    Raises:
        ValueError: unknown kind or scope, or both quantifiers at once.
    """
    if each and any:
        raise ValueError(f"claim {id!r}: give `each` or `any`, not both")
    if "/" in id or not id.strip():
        raise ValueError(f"claim {id!r}: an id is a word without '/', such as 'mlp-42-60'")
    made = Claim(
        id=id,
        statement=statement,
        source=source,
        kind=_member(Kind, kind, id),
        scope=_member(Scope, scope, id),
        quantifier=Quantifier.EACH if each else Quantifier.ANY if any else None,
        over=each or any,
    )

    def mark(function: Function) -> Function:
        import pytest

        marked: Function = getattr(pytest.mark, MARKER)(made)(function)
        return marked

    return mark


Member = TypeVar("Member", bound=StrEnum)


def _member(enum: type[Member], word: str, claim_id: str) -> Member:
    try:
        return enum(word)
    except ValueError:
        known = ", ".join(member.value for member in enum)
        raise ValueError(f"claim {claim_id!r}: {enum.__name__.lower()} {word!r} is none of {known}") from None
