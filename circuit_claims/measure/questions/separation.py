"""Questions about the outcome and the label: does a model hold them apart?"""

from __future__ import annotations

from circuit_claims.clips.pairs import Pair
from circuit_claims.measure.questions.base import Questions, absent_control_is_undefined
from circuit_claims.measure.recovery import UndefinedRecovery
from circuit_claims.types import Sample


class SeparationQuestions(Questions):
    """Where the outcome's difference lies, and what is left of it without what the label rests on."""

    @absent_control_is_undefined
    def outcome_in_label_space(self, *, pairs: str = "outcome") -> Sample:
        """Share of the CLS difference in the space of label differences, minus a random direction's."""
        measured = self._assay.measured("separation.direction", pairs, {})

        def excess(pair: Pair) -> float:
            one = measured[pair.name]
            if one["share"] is None:
                raise UndefinedRecovery("the CLS token does not differ between the two clips (0/0)")
            return float(one["share"] - one["expected"])

        return self._sample(
            "share of the difference in the label space beyond a random direction's",
            "fraction",
            pairs,
            excess,
            {"readout": "CLS token before the final norm", "pairs": pairs},
        )

    @absent_control_is_undefined
    def outcome_in_margin(self, *, pairs: str = "outcome") -> Sample:
        """Margin of the first clip minus that of the second, relative to their mean."""
        measured = self._assay.measured("separation.direction", pairs, {})

        def difference(pair: Pair) -> float:
            success, failure = measured[pair.name]["success"], measured[pair.name]["failure"]
            if success + failure <= 0:
                raise UndefinedRecovery("the two clips have no margin of one label to compare")
            return float(2 * (success - failure) / (success + failure))

        return self._sample(
            "difference of the two clips' margins",
            "fraction",
            pairs,
            difference,
            {"readout": "margin of the success clip's label", "pairs": pairs},
        )

    def outcome_without(self, tokens: str, *, share: float, of: str = "outcome") -> Sample:
        """How the outcome signal (or the `margin`) changes without the label's `top` tokens, or `random`.

        The same tokens are painted over in both clips. The signal is the projection of what is then left of
        the difference at the summary onto the whole difference; -1 loses all of it.
        """
        measured = self._assay.measured("separation.ablation", "outcome", {"share": share})

        def change(pair: Pair) -> float:
            one = measured[pair.name]
            if of == "margin":
                if one["margin"] <= 0:
                    raise UndefinedRecovery("the two clips have no margin of one label")
                return float(one[tokens]["margin"] / one["margin"] - 1)
            if one[tokens]["kept"] is None:
                raise UndefinedRecovery("the summary does not differ between the two clips (0/0)")
            return float(one[tokens]["kept"] - 1)

        return self._sample(
            f"change of the {of} without {share:.0%} of the tokens ({tokens})",
            "fraction",
            "outcome",
            change,
            {"ablated": f"{tokens} {share:.0%} of the tokens, both clips", "readout": "summary"},
        )
