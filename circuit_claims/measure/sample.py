"""One number for each pair, and how it was measured: what the measurements hand to the judge."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import log
from typing import Any


@dataclass(frozen=True)
class Sample:
    """A measurement over pairs. Differences and ratios of samples are taken pair by pair."""

    name: str
    unit: str
    """``fraction`` (1.0 is 100 %), ``ratio``, ``count`` or ``bool``."""
    values: tuple[float, ...]
    pairs: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    """The action of each pair."""
    clips: tuple[tuple[str, ...], ...] = ()
    """The hashes of each pair's clips."""
    experiment: dict[str, str] = field(default_factory=dict)
    """Site, readout, metric, donor and recipient, in words."""
    flags: tuple[str, ...] = ()
    undefined: dict[str, str] = field(default_factory=dict)
    """Pairs for which the number does not exist, with the reason."""
    artifact: str | None = None
    """Why the number follows from the method, where the measurement itself shows that it does."""
    figure: Mapping[str, Any] | None = None
    """What a person would rather look at, as plain data (docs/report-figures.md); judges nothing."""

    def __sub__(self, other: "Sample") -> "Sample":
        """The difference, pair by pair."""
        return combine(f"{self.name} minus {other.name}", [self, other], lambda v: v[0] - v[1])

    def log(self) -> "Sample":
        """The natural logarithm, pair by pair: differences of logs are ratios. Zero has none."""
        undefined = {p: "log 0" for p, v in zip(self.pairs, self.values, strict=True) if v <= 0}
        there = replace(self, undefined={**self.undefined, **undefined})
        return combine(f"log {self.name}", [there], lambda v: log(v[0]), unit="log ratio")

    def distance_from(self, value: float) -> "Sample":
        """``|x - value|``, pair by pair."""
        return combine(f"distance of {self.name} from {value:g}", [self], lambda v: abs(v[0] - value))

    def by_action(self) -> "Sample":
        """The mean of each action's pairs: the action is the unit now, its population is other actions."""
        actions = list(dict.fromkeys(self.groups))
        of = [[i for i, group in enumerate(self.groups) if group == action] for action in actions]
        values = tuple(sum(self.values[i] for i in chosen) / len(chosen) for chosen in of)
        return replace(
            self,
            name=f"{self.name}, by action",
            values=values,
            pairs=tuple(actions),
            groups=(),
            clips=tuple(tuple(clip for i in chosen for clip in self.clips[i]) for chosen in of),
            experiment={**self.experiment, "unit": "the action: the mean over its pairs"},
            figure={
                "kind": "bars",
                "title": f"{self.name}, by action",
                "y": {"label": self.name, "unit": self.unit},
                "bars": [
                    {"name": action, "role": "claim", "value": value}
                    for action, value in zip(actions, values, strict=True)
                ],
            },
        )


def average(name: str, samples: Sequence[Sample]) -> Sample:
    """The mean of several measurements (layers, say), pair by pair."""
    return combine(name, samples, lambda values: sum(values) / len(values))


def combine(
    name: str,
    samples: Sequence[Sample],
    function: Callable[[Sequence[float]], float],
    unit: str | None = None,
) -> Sample:
    """A sample computed pair by pair from others; a pair undefined in one is undefined in the result."""
    first = samples[0]
    undefined = {pair: why for sample in samples for pair, why in sample.undefined.items()}
    by_pair = [dict(zip(sample.pairs, sample.values, strict=True)) for sample in samples]
    kept = [i for i, pair in enumerate(first.pairs) if pair not in undefined]
    names = [first.pairs[i] for i in kept]
    return replace(
        first,
        name=name,
        unit=unit or first.unit,
        values=tuple(function([values[pair] for values in by_pair]) for pair in names),
        pairs=tuple(names),
        groups=tuple(first.groups[i] for i in kept),
        clips=tuple(first.clips[i] for i in kept),
        flags=tuple(sorted({flag for sample in samples for flag in sample.flags})),
        undefined=undefined,
    )
