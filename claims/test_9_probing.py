"""E1 appendix C.2, E3 section 4.1.4: a linear probe tells the two clips apart, "perfect but misleading".

Two points are separated by any probe, and tokens of one clip know each other, so the published accuracy is
reproduced by any two files on any weights. What a probe knows of the *outcome* shows in a pair that it was
not fitted to. Ridge regression stands in for logistic regression where labels are exchanged a hundred times;
the token split is fitted by logistic regression, as in the paper.
"""

from dataclasses import replace

import pytest

from circuit_claims import above, below, claim, negligible
from circuit_claims.judge.artifacts import tautological_probe

from .published import NB_PROBE, NB_PROBE_ROUNDING, PROBE_LAYERS

NEARLY_ALL = 0.95
SURVIVES = 0.75
"""Half of what perfect accuracy is above chance: a probe that keeps less in a new pair has misled."""
LATE = (8, 9, 10, 11)
each_block = pytest.mark.parametrize("layer", PROBE_LAYERS, ids="layer{}".format)


@claim(
    "probe-perfect",
    "A linear probe tells the success clip from the failure clip with 100 % accuracy from layer 0 onwards.",
    source="E1 appendix C.2; E3 section 4.1.4: fitted to one CLS token of each clip and scored on these two",
    kind="reproduces",
    scope="negative",
    each="layer",
)
@each_block
def test_a_probe_fitted_to_two_clips_tells_them_apart(circuit, judge, layer):
    circuit.needs_layers(layer)
    judge(circuit.two_point_probe(layer), above(NEARLY_ALL), published=1.0)


@claim(
    "probe-perfect",
    "The CLS token holds the outcome from layer 0 onwards, since a probe reads it with 100 % accuracy.",
    source="E1 appendix C.2 calls the result misleading; E3 section 4.1.4",
    kind="means",
    scope="negative",
    each="layer",
)
@each_block
def test_the_accuracy_on_two_clips_is_about_the_outcome(circuit, judge, layer):
    circuit.needs_layers(layer)
    accuracy, artifact = circuit.two_point_probe(layer), tautological_probe(2, circuit.d_model)
    judge(replace(accuracy, artifact=artifact), above(NEARLY_ALL), published=1.0)


@claim(
    "probe-tautology",
    "A probe fitted to any two clips tells them apart: of one outcome, and on random weights.",
    source="E1 appendix C.2: two points in 768 dimensions are separated whatever they are",
    kind="forensic",
    scope="exact",
    each="points",
)
@pytest.mark.parametrize("points", ["one outcome", "random weights"])
def test_any_two_clips_are_told_apart(circuit, judge, points):
    if points == "one outcome":
        accuracy = circuit.two_point_probe(0, pairs="other-clip")
    else:
        accuracy = circuit.random()[0].two_point_probe(0)
    judge(accuracy, above(NEARLY_ALL))


@claim(
    "probe-token-split",
    "The probe's test accuracy is 99.9 % and more at every layer.",
    source="E1 figure 5; NB: patch tokens of both clips, split at random",
    kind="reproduces",
    scope="negative",
    each="layer",
)
@each_block
def test_a_probe_of_patch_tokens_tells_the_clips_apart(circuit, judge, layer):
    circuit.needs_layers(layer)
    judge(
        circuit.token_split_probe(layer, layers=PROBE_LAYERS),
        above(min(NB_PROBE) - NB_PROBE_ROUNDING),
        published=min(NB_PROBE),
    )


@claim(
    "probe-token-leakage",
    "Split by tokens, a probe tells two clips of one outcome apart: it knows the file.",
    source="E1 figure 5; NB: the same clip is in the fit and in the test",
    kind="forensic",
    scope="exact",
    each="weights",
)
@pytest.mark.parametrize("weights", ["under test", "random"])
def test_tokens_of_two_clips_of_one_outcome_are_told_apart(circuit, judge, weights):
    probed = circuit if weights == "under test" else circuit.random()[0]
    judge(probed.token_split_probe(0, layers=[0], pairs="other-clip"), above(NEARLY_ALL))


@claim(
    "probe-misleading",
    "The probe scans fingerprints: it reads random labels as well, and not the outcome of a new pair.",
    source="E1 section 2 and appendix C.2; E3 section 4.1.4",
    kind="means",
    scope="negative",
    each="reading",
)
@pytest.mark.parametrize("reading", ["videos in the fit", "a new pair"])
def test_the_probe_reads_the_file_and_not_the_outcome(circuit, judge, reading):
    if reading == "videos in the fit":
        seen = (circuit.same_videos_probe(0), above(NEARLY_ALL))
        judge(circuit.selectivity(0), negligible(0.05), positive={"accuracy on the videos in the fit": seen})
    else:
        judge(circuit.held_out_probe(0), below(SURVIVES))


@claim(
    "probe-later-layers",
    "A new pair's outcome is read off the last layers, better than off layer 0 or the raw pixels.",
    source="all editions, abstract: low-level differences from layer 0, a semantic representation later",
    kind="means",
    scope="trained",
)
def test_the_outcome_is_read_off_later_layers(circuit, judge):
    """Where a picture, or one fact, tells the outcome, pixels are read as well as any layer: refuted, however
    much later layers know. `planted:xor-composes-3` has an outcome that neither tells, and supports it.
    """
    circuit.needs_layers(*LATE)
    judge(
        circuit.held_out_probe(*LATE),
        above(0.5),
        controls={
            "layer 0": circuit.held_out_probe(0),
            "raw pixels": circuit.held_out_pixels(),
            "labels at random within pairs": circuit.control_task(*LATE),
            "random weights": circuit.over_seeds(lambda of: of.held_out_probe(*LATE)),
        },
    )
