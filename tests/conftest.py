"""For every test: one thread, and `claims_by_hand` importable from all folders (this one is on the path)."""

import os

from hypothesis import settings

os.environ.setdefault("OMP_NUM_THREADS", "1")

# Few examples, the same every time: mutation testing runs the tests once for each mutant.
settings.register_profile("mutation", max_examples=10, derandomize=True, deadline=None, database=None)
