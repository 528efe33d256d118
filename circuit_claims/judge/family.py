"""The members of a family: is this head, this layer, the one that stands out of all?"""

from collections.abc import Sequence

from circuit_claims.judge.permutation import max_t
from circuit_claims.judge.units import Labels


def typical(members: Sequence[Sequence[float]]) -> list[float]:
    """The mean over all members, pair by pair. `members` are [member, pair]."""
    return [sum(column) / len(column) for column in zip(*members, strict=True)]


def family_p(
    members: Sequence[Sequence[float]], margin: float, clusters: Labels = None, seed: int = 0
) -> float:
    """How far the first member stands out: the max-T p-value of its deviation from the family's mean.

    H0: no member lies further above the mean of all of them than the margin, pair by pair. The first has to
    stand out as much as the most extreme of all would by chance, so picking it after a look costs nothing.

    Args:
        members: [member, pair], the claim's first.
        margin: the smallest deviation that matters, in the values' unit.
        clusters: the clips of each pair.
        seed: of the sign flips, where there are too many to count.
    """
    deviations = [
        [value - sum(pair) / len(pair) - margin for value in pair] for pair in zip(*members, strict=True)
    ]
    return max_t(deviations, "greater", clusters, seed)[0]
