"""What the judge needs of a measurement, in the report: enough to judge it again where no model is.

Pairs, actions and clips are the same for many measurements: each list is kept once, under `shared`, and
named by its place there.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from math import inf, isinf
from typing import Any

from circuit_claims.judge.expectation import Expectation
from circuit_claims.judge.plain import as_plain, evidence_from_plain
from circuit_claims.types import Evidence

LISTS = ("pairs", "groups", "clips")


@dataclass
class Shared:
    """The lists that measurements share, by their place."""

    lists: list[list[Any]] = field(default_factory=list)
    _places: dict[tuple[Any, ...], int] = field(default_factory=dict)

    def place(self, items: tuple[Any, ...]) -> int:
        """Where a list is kept."""
        if items not in self._places:
            self._places[items] = len(self.lists)
            self.lists.append([list(item) if isinstance(item, tuple) else item for item in items])
        return self._places[items]


def kept(evidence: Evidence, shared: Shared) -> dict[str, Any]:
    """Evidence as plain data, without its figure."""
    apart: dict[str, Any] = dict.fromkeys(LISTS, ())  # so that no copy is made of them
    plain: dict[str, Any] = as_plain(replace(evidence, figure=None, controls=(), positive=(), **apart))
    plain |= {name: shared.place(getattr(evidence, name)) for name in LISTS}
    del apart["pairs"]
    plain["controls"] = [
        {
            **as_plain(replace(control, **apart)),
            **{name: shared.place(getattr(control, name)) for name in LISTS[1:]},
        }
        for control in evidence.controls
    ]
    plain["positive"] = [
        {
            "name": seen.name,
            "evidence": kept(seen.evidence, shared),
            "expectation": _bounds(seen.expectation),
        }
        for seen in evidence.positive
    ]
    return plain


def _bounds(expectation: Expectation) -> dict[str, Any]:
    return {name: None if value in (inf, -inf) else value for name, value in asdict(expectation).items()}


def restored(plain: Mapping[str, Any], shared: list[list[Any]]) -> Evidence:
    """The inverse of `kept`.

    Raises:
        KeyError, IndexError, TypeError, ValueError: it is not what `kept` writes.
    """
    return evidence_from_plain(_whole(plain, shared))


def _whole(plain: Mapping[str, Any], shared: list[list[Any]]) -> dict[str, Any]:
    def listed(table: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
        if any(isinstance(table[name], bool) or table[name] < 0 for name in names):
            raise IndexError("a list is named by its place, from 0")
        return {name: shared[table[name]] for name in names}

    for value in plain["values"]:
        if isinstance(value, bool) or not isinstance(value, int | float) or isinf(value):
            raise TypeError(f"{value!r} is not a number")
    return {
        **plain,
        **listed(plain, LISTS),
        "controls": [{**control, **listed(control, LISTS[1:])} for control in plain["controls"]],
        "positive": [{**seen, "evidence": _whole(seen["evidence"], shared)} for seen in plain["positive"]],
    }
