"""How a change of a pair's difference is read along the outcome direction of other pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from circuit_claims.clips.pairs import Pair
from circuit_claims.measure.held_out import read_along
from circuit_claims.measure.questions.base import Questions
from circuit_claims.measure.recovery import UndefinedRecovery
from circuit_claims.types import Sample

HELD_OUT = "summary, along the outcome direction of the action's other pairs"


class HeldOutQuestions(Questions):
    """What ablations do to the outcome, rather than to the label."""

    def _along_others(
        self,
        name: str,
        apart: Mapping[str, Sequence[float]],
        changes: Mapping[str, Sequence[float]],
        experiment: Mapping[str, str],
    ) -> Sample:
        """What `changes` does to each pair's difference `apart`, read along the other pairs': -1 loses all.

        Both in the sense of one direction: a change that *is* the difference takes all of it away.
        """
        pairs = self._assay.chosen("outcome")
        try:
            read, why = read_along(pairs, apart, changes), ""
        except UndefinedRecovery as undefined:
            read, why = {}, str(undefined)

        def change(pair: Pair) -> float:
            if pair.name not in read:
                raise UndefinedRecovery(why or "the set has no other pair of its action to read it by")
            return -read[pair.name]

        return self._sample(name, "fraction", "outcome", change, {**experiment, "readout": HELD_OUT})
