"""For every test: one thread, and `claims_by_hand` importable from all folders (this one is on the path)."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
