"""The published numbers, as fractions where the paper prints per cents. Facts only, by edition.

E1: LessWrong, October 2025. E2: OpenReview vijHjECwMj, November 2025. E3: camera-ready, December 2025,
which is arXiv 2603.11142 (March 2026). NB: the author's notebook, whose outputs E3 rounds.
"""

import pytest

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

PROBE_LAYERS = range(12)
"""The layers that the paper probed: all of them."""
NB_PROBE = (0.999, 1.0)
"""E1, figure 5, and NB: lowest and highest "test accuracy" of the probe of patch tokens over all layers."""
NB_PROBE_ROUNDING = 0.0005
