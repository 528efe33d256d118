"""The published numbers, as fractions where the paper prints per cents. Facts only, by edition.

E1: LessWrong, October 2025. E2: OpenReview vijHjECwMj, November 2025. E3: camera-ready, December 2025,
which is arXiv 2603.11142 (March 2026). NB: the author's notebook, whose outputs E3 rounds.
"""

import pytest

from circuit_claims.types import Sample

LAYERS = range(4, 11)
"""The layers that the paper patched; 0 to 3 and 11 were never run."""
each_layer = pytest.mark.parametrize("layer", LAYERS, ids="layer{}".format)

E1_ATTENTION = dict(zip(LAYERS, (0.5708, 0.5978, 0.4544, 0.4913, 0.4970, 0.5363, 0.6418), strict=True))
"""E1, section 3, figure 2 and its table: recovery by patching one attention block."""
E1_MLP = dict.fromkeys(LAYERS, 1.0188)
"""E1, section 3: recovery by patching "any single MLP", 101.88 % at every layer."""

E3_ATTENTION = dict(
    zip(
        LAYERS,
        (0.54410638, 0.50219765, 0.43617004, 0.40383055, 0.37715879, 0.44438936, 0.47613590),
        strict=True,
    )
)
"""E3, section 4.4, table 3, at the notebook's six digits."""
E3_MLP = dict(
    zip(
        LAYERS,
        (0.60167263, 0.57491618, 0.49109734, 0.42551244, 0.42103006, 0.58659855, 0.43389011),
        strict=True,
    )
)
"""E3, section 4.4, table 3, at the notebook's six digits."""
E3_ROUNDING = 0.00005
"""Half a unit of the last printed digit: E3 prints 54.41 %."""

NB_DELTA = (
    *(75.2657, 68.4624, 69.5781, 68.9352, 75.0200, 100.4468),
    *(121.1980, 133.3447, 145.7053, 171.5556, 202.6537, 270.0284),
)
"""NB: mean over tokens of ||success - failure|| after blocks 0 to 11."""
E3_DELTA_STATED = (75.0, 250.0)
"""E3, section 4.2: "from approx. 75 at layer 5 to over 250 in the final layer"."""

NB_LENS_STRIKE = {8: 0.9, 9: 1.0, 10: 2.0, 11: 17.0}
"""NB: the strike's logit lens after each block, read off the figure (hidden_states 9 to 12), in logits."""
NB_LENS_STEPS = {layer: NB_LENS_STRIKE[layer] - NB_LENS_STRIKE[layer - 1] for layer in (9, 10, 11)}
"""By how much each of these blocks raises it."""
PROBE_LAYERS = range(12)
"""The layers that the paper probed: all of them."""
NB_PROBE = (0.999, 1.0)
"""E1, figure 5, and NB: lowest and highest "test accuracy" of the probe of patch tokens over all layers."""
NB_PROBE_ROUNDING = 0.0005

E1_LOGITS_BEFORE = (16.6881, 8.5500, 6.1969, 6.1204, 6.0944, 5.8890)
"""E1, appendix C.1, table 1: the strike's highest logits, labels 31 (bowling), 357, 84, 45, 227, 101."""
E1_LOGITS_AFTER = (16.8257, 8.4932, 6.1552, 6.1848, 6.0417, 5.9120)
"""The same labels once the critical region is zeroed."""
E1_LOGITS_CHANGE = (0.1376, -0.0569, -0.0417, 0.0645, -0.0527, 0.023)
"""The column "Change in Logits"."""
LOGIT_ROUNDING = 0.00015
"""Half a unit of the last printed digit, for a difference of two printed numbers against a third."""

E3_STRIKE_BEFORE = (16.9954, 9.0371, 6.2185, 5.9146, 5.7508)
"""E3, table 1: bowling, throwing ball, playing cricket, high kick, dancing ballet."""
E3_STRIKE_AFTER = (16.6583, 9.1341, 6.4343, 5.7234, 5.7579)
"""The same once the top 10 % of tokens are ablated."""
E3_STRIKE_CHANGE = (-0.3371, 0.0970, 0.2158, -0.1912, 0.0072)
E3_GUTTER_BEFORE = (16.5200, 6.3758, 4.8109, 4.6217, 4.2289)
"""E3, table 2: bowling, throwing ball, headbutting, playing cricket, throwing baseball."""
E3_GUTTER_AFTER = (16.5044, 6.6308, 5.1653, 4.6968, 4.3045)
E3_GUTTER_CHANGE = (-0.0156, 0.2551, 0.3544, 0.0751, 0.0755)
E1_REGION = (E1_LOGITS_BEFORE, E1_LOGITS_AFTER)
"""The strike's logits before and after its critical region is zeroed."""
E3_TOPK = {"success": (E3_STRIKE_BEFORE, E3_STRIKE_AFTER), "failure": (E3_GUTTER_BEFORE, E3_GUTTER_AFTER)}
"""Each clip's logits before and after its top tokens are ablated."""
E3_STRIKE_STATED = -0.34
"""E3, section 4.3: the change of the strike's bowling logit in words."""
NB_GUTTER_UNSEEDED = 15.8039
"""NB: the gutter ball's bowling logit in a window drawn without the seed."""

TOKENS, TOP_K, TOP_SHARE = 3136, 313, 0.10
"""E3, section 4.3: "the top 10 %" of the patch tokens, of which 313 were ablated."""
TUBELETS = (16, 14, 14)
"""The token grid of ViViT-B 16x2: time, height, width."""
TUBELET_FRAMES = 2
"""Frames of one tubelet."""
NB_HEAT_MAP = (32, 98)
"""NB: the rows and columns that the attribution of the 3136 tokens was drawn in; a row is called a frame."""

E3_TABLE_3 = dict(
    zip(
        (f"{kind}.{layer}" for kind in ("attn", "mlp") for layer in LAYERS),
        (
            *(0.5441, 0.5022, 0.4362, 0.4038, 0.3772, 0.4443, 0.4761),
            *(0.6017, 0.5749, 0.4911, 0.4255, 0.4210, 0.5866, 0.4339),
        ),
        strict=True,
    )
)
"""E3, section 4.4, table 3, as it is printed."""
NB_DELTA_DENOMINATOR = 265.3773
"""NB: the mean delta after block 11 in the seeded window, which recoveries are divided by."""
E_AGREE = 0.02
"""Two editions agree where they differ by no more than two points."""
NB_PROBE_POINTS = (2, 768)
"""NB: the points that the probe was fitted to and scored on, and their dimensions."""


def printed(name: str, values: object, unit: str = "fraction") -> Sample:
    """Published numbers as a measurement."""
    return Sample(name, unit, tuple(values), experiment={"numbers": "as published"})
