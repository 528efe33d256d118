"""For every test: one thread, and `claims_by_hand` importable from all folders (this one is on the path)."""

import os

from hypothesis import Phase, settings

os.environ.setdefault("OMP_NUM_THREADS", "1")
# Where CI runs these tests, the runs within them are not its own to tell of.
for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"):
    os.environ.pop(name, None)

# Timings are noise on a busy machine: no example fails for taking long.
settings.register_profile("default-without-deadline", deadline=None)
settings.load_profile("default-without-deadline")
# For mutation testing: few examples, the same every time, and no failing one made smaller.
settings.register_profile(
    "mutation",
    max_examples=10,
    derandomize=True,
    deadline=None,
    database=None,
    phases=(Phase.explicit, Phase.generate),
)
