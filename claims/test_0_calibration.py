"""Before any claim: does the instrument read what it says? Each answer is known beforehand.

These hold on any weights. Where one fails, no other number of the run means anything.
"""

import pytest

from circuit_claims import above, below, claim, exactly, resid_post

EXACT = 1e-4
"""Recoveries in float32 are equal to the known answer within a hundredth of a per cent."""
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
