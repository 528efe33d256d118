"""E1 section 1, E3 section 3.1: the puzzle. Both outcomes get one label, so the outcome is hidden.

The label precondition is a claim of its own: it gates no other claim. A random model gives every clip
one label, so that the same label alone says nothing: the scientific reading asks for the right one, in
windows moved about the clips.
"""

from circuit_claims import above, claim

MOST = 0.8
"""The paper has one pair and says "robustly"; over pairs we ask for more than four in five."""


@claim(
    "same-label",
    "Both clips of a pair, success and failure, get the same label.",
    source="E1 section 1; E3 section 3.1: a strike and a gutter ball are both 'bowling'",
    kind="reproduces",
    scope="negative",
)
def test_success_and_failure_get_the_same_label(circuit, judge):
    judge(circuit.labels(), above(MOST), published=1.0)


@claim(
    "same-label",
    "The label is robust: both clips keep the right one wherever the window lies.",
    source="E1 section 1; E3 section 3.1: 'robustly'",
    kind="means",
    scope="trained",
)
def test_both_clips_keep_the_right_label_in_every_window(circuit, judge):
    judge(
        circuit.label_kept(),
        above(0.9),
        controls={"random weights": circuit.over_seeds(lambda of: of.labels(right=True))},
    )


@claim(
    "right-label",
    "Both clips of a pair, success and failure, get the right label.",
    source="E1 section 1; E3 section 3.1: 'robustly classifies both as bowling'",
    kind="reproduces",
    scope="trained",
)
def test_success_and_failure_get_the_right_label(circuit, judge):
    judge(circuit.labels(right=True), above(MOST), published=1.0)
