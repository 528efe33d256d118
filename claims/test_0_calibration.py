"""Before any claim: does the instrument read what it says? Each answer is known beforehand.

These hold on any weights. Where one fails, no other number of the run means anything.
"""

import pytest

from circuit_claims import above, below, claim, exactly, resid_post

EXACT = 1e-4
"""Recoveries in float32 are equal to the known answer within a hundredth of a per cent."""
COLOUR = 0.04
"""Ten levels of 255: what 8 bits, another colour space and a codec make of one colour, and no more."""
SIZES = {
    "write, success -> failure": 2.0,
    "write, failure -> success": 0.5,
    "write, noise write": 2.0,
    "write, noise into success": 0.5,
    "write, shuffled frames": 2.0,
    "write, reversed frames": 2.0,
    "joint, success -> failure": 2.0,
    "joint, failure -> success": 0.5,
    "joint, noise write": 2.0,
    "values, success -> failure": 2.0,
    "values, failure -> success": 0.5,
    "patched, success -> failure": 2.0,
    "patched, failure -> success": 0.5,
    "screened, success -> failure": 2.0,
    "screened, failure -> success": 0.5,
}
"""What a patch of a head moves whose write, and what comes after it, differ in success and failure by known
factors; worked out by hand in `measure/transplant.py`, by the way it is patched and whose clips are taken."""
COPIES = {"re-encoded": 8.0, "jitter": 8.0}
OF_ANOTHER = {"write": 6.0, "joint": 6.0, "write into success": 2.5}
"""A third video shows the recipient's outcome: another failure, or another success the other way round."""
MARGINS = {"success": 4.0, "failure": 8.0}
"""The margin of the same run, in either clip."""
RESAMPLED = {"success": 1.5, "failure": 4.0}
"""And how it changes when the head writes what it writes in a success of another action."""
SIGNS = (
    *("write by projection", "write by cosine", "write by distance", "joint by projection"),
    *("values by projection", "patched by projection", "screened by projection"),
    "first order by projection",
)
HEADS = {"patched": 1.0, "other heads": 0.0, "first order": 1.0, "other first order": 0.0}
LOST = {"patched": -1.0, "other heads": 0.0}
LEVELS = {"red": 192 / 255, "green": 128 / 255, "blue": 64 / 255, "black": 0.0, "white": 1.0}
LAYERS_0_TO_10 = pytest.mark.parametrize("layer", range(11), ids="layer{}".format)


@claim(
    "sites-are-what-they-say",
    "At every site the stream plus the write is the next stream.",
    source="calibration: resid_pre + attn_out = resid_mid, resid_mid + mlp_out = resid_post",
    kind="exact",
    scope="exact",
)
def test_every_write_added_to_its_stream_is_the_next_stream(circuit, judge):
    judge(circuit.closure(), below(1e-5))


@claim(
    "null-patch",
    "Patching a clip's own writes into itself changes nothing.",
    source="calibration",
    kind="exact",
    scope="exact",
)
def test_patching_a_clip_into_itself_changes_nothing(circuit, judge):
    # Exact on every processor: one state at a time goes through the kernels of the clip's own run.
    judge(circuit.calibration("null patch"), exactly(0.0))


@claim(
    "identity-patch",
    "Patching the whole embedding recovers all of the difference.",
    source="calibration",
    kind="exact",
    scope="exact",
)
def test_patching_the_whole_stream_recovers_everything(circuit, judge):
    judge(circuit.calibration("identity patch"), exactly(1.0, within=EXACT))


@claim(
    "block-output-is-identity",
    "Patching a block's output, the residual included, recovers everything at every layer.",
    source="calibration: the site that transformers 4.x calls layer[i].output",
    kind="exact",
    scope="exact",
    each="layer",
)
@LAYERS_0_TO_10
def test_patching_a_block_output_recovers_everything(circuit, judge, layer):
    circuit.needs_layers(layer)
    judge(circuit.recovery(resid_post(layer)), exactly(1.0, within=EXACT))


@claim(
    "attention-makes-the-cls-delta",
    "All attention writes at the CLS position together recover all of the CLS token's difference.",
    source="calibration: the CLS embedding is the same for every clip",
    kind="exact",
    scope="exact",
)
def test_all_attention_at_cls_recovers_the_cls_token(circuit, judge):
    judge(circuit.calibration("attention at CLS"), exactly(1.0, within=EXACT))


@claim(
    "final-patch-tokens-are-inert",
    "The patch tokens of the last block reach no logit.",
    source="calibration: the classifier reads the CLS token only",
    kind="exact",
    scope="exact",
)
def test_final_patch_tokens_reach_no_logit(circuit, judge):
    # Exact on every processor: the norm and the classifier take each token by itself, in the same place.
    judge(circuit.calibration("final patch tokens"), exactly(0.0))


@claim(
    "direct-shares-sum",
    "The direct shares of all writes in the CLS token's difference sum to all of it.",
    source="calibration: the stream is the sum of its writes",
    kind="exact",
    scope="exact",
)
def test_direct_shares_of_all_writes_sum_to_one(circuit, judge):
    judge(circuit.calibration("direct shares"), exactly(1.0, within=EXACT))


@claim(
    "clips-differ-at-the-readout",
    "The two clips of a pair differ where recovery is read.",
    source="calibration: without a difference there is nothing to recover",
    kind="exact",
    scope="exact",
)
def test_the_two_clips_differ_at_the_readout(circuit, judge):
    judge(circuit.distance(), above(0.0))


@claim(
    "donor-is-the-donor",
    "What is called the donor is the clip that writes are taken from, and recovery is measured towards it.",
    source="calibration: a head whose patch is known to move four times as far in one direction",
    kind="exact",
    scope="exact",
    each="patch",
)
@pytest.mark.parametrize("patch", SIZES)
def test_the_donor_is_the_donor(circuit, judge, patch):
    of, direction = patch.split(", ")
    judge(circuit.known_size(of, direction=direction), exactly(SIZES[patch], within=EXACT * SIZES[patch]))


@claim(
    "copies-are-of-the-failure",
    "Controls that hold a clip against a copy of itself take a copy of the failure clip, as the donor.",
    source="calibration: a head whose patch is known for a donor that is no clip of the set",
    kind="exact",
    scope="exact",
    each="control",
)
@pytest.mark.parametrize("control", COPIES)
def test_copies_are_of_the_failure_clip(circuit, judge, control):
    known = COPIES[control]
    judge(circuit.known_size("write", direction=control), exactly(known, within=EXACT * known))


@claim(
    "third-video-is-a-failure",
    "The third video shows the recipient's outcome in the same action, and recovery is measured towards the "
    "donor.",
    source="calibration: a head whose write is known in every clip of the set",
    kind="exact",
    scope="exact",
    each="patch",
)
@pytest.mark.parametrize("patch", OF_ANOTHER)
def test_the_third_video_shows_the_recipients_outcome(circuit, judge, patch):
    known, (way, *into) = OF_ANOTHER[patch], patch.split(maxsplit=1)
    direction = "third into success" if into else "third video"
    judge(circuit.known_size(way, direction=direction), exactly(known, within=EXACT * known))


@claim(
    "other-class-is-another-action",
    "The donor of another class is a success of another action.",
    source="calibration: a head whose write is known in every clip of the set",
    kind="exact",
    scope="exact",
)
def test_the_other_class_is_another_action(circuit, judge):
    judge(circuit.known_size("write", direction="other class"), exactly(16.0, within=EXACT * 16))


@claim(
    "ablated-clip-is-the-clip",
    "An ablation is of the clip that is named.",
    source="calibration: a head whose write is known in either clip",
    kind="exact",
    scope="exact",
    each="clip",
)
@pytest.mark.parametrize("clip", MARGINS)
def test_the_ablated_clip_is_the_clip(circuit, judge, clip):
    known = MARGINS[clip]
    judge(circuit.known_ablation("margin", clip=clip), exactly(known, within=EXACT * known))


@claim(
    "resampled-from-another-action",
    "What is resampled comes from a clip of another action.",
    source="calibration: a head whose write is known in every clip of the set",
    kind="exact",
    scope="exact",
    each="clip",
)
@pytest.mark.parametrize("clip", RESAMPLED)
def test_resampling_takes_a_clip_of_another_action(circuit, judge, clip):
    known = RESAMPLED[clip]
    judge(circuit.known_ablation("write", clip=clip, by="resample"), exactly(known, within=EXACT * known))


@claim(
    "sign-is-kept",
    "A patch that moves away from the donor recovers less than nothing.",
    source="calibration: a head whose patch is known to move away, in either direction",
    kind="exact",
    scope="exact",
    each="read",
)
@pytest.mark.parametrize("read", SIGNS)
def test_the_sign_is_kept(circuit, judge, read):
    judge(circuit.known_sign(*read.split(" by ")), exactly(-1.0))


@claim(
    "head-is-the-head",
    "Patched alone, the one head that differs recovers all of its attention's part, and any other nothing.",
    source="calibration: one head writes, and the others are silent",
    kind="exact",
    scope="exact",
    each="head",
)
@pytest.mark.parametrize("head", HEADS)
def test_the_head_is_the_head(circuit, judge, head):
    judge(circuit.known_head(head), exactly(HEADS[head], within=EXACT))


@claim(
    "ablated-head-is-the-head",
    "Ablated alone, the one head that writes costs all of the margin, and any other nothing.",
    source="calibration: one head writes, and the others are silent",
    kind="exact",
    scope="exact",
    each="head",
)
@pytest.mark.parametrize("head", LOST)
def test_the_ablated_head_is_the_head(circuit, judge, head):
    judge(circuit.known_ablation(head), exactly(LOST[head], within=EXACT))


@claim(
    "colours-are-in-order",
    "The model sees red where red was drawn, green where green was, and blue where blue was.",
    source="calibration: clips of one known colour, read and preprocessed as all others are",
    kind="exact",
    scope="exact",
    each="level",
)
@pytest.mark.parametrize("level", LEVELS)
def test_colours_are_in_order(circuit, judge, level):
    judge(circuit.colours(level), exactly(LEVELS[level], within=COLOUR))
