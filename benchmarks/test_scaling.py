"""What a sweep costs against sites, layers, tokens and pairs; in short clips, so that it takes minutes."""

import pytest

FRAMES = 2
ROUNDS = 2
"""The faster one counts: a machine is never faster than it is."""
CASES = [
    ("sites", "24 (all writes)", {}, 1),
    ("sites", "168 (and all heads)", {"sites": "heads"}, 1),
    ("sites", "24, heads screened, the top 5 exact", {"sites": "screened"}, 1),
    ("layers", "3", {"layers": 3}, 1),
    ("layers", "6", {"layers": 6}, 1),
    ("layers", "12", {"layers": 12}, 1),
    ("tokens", "2 frames", {"frames": 2}, 1),
    ("tokens", "4 frames", {"frames": 4}, 1),
    ("tokens", "8 frames", {"frames": 8}, 1),
    ("pairs", "1", {}, 1),
    ("pairs", "2", {}, 2),
    ("pairs", "4", {}, 4),
]


@pytest.mark.parametrize(
    ("against", "value", "more", "pairs"), CASES, ids=[f"{against} {value}" for against, value, *_ in CASES]
)
def test_cost(benchmark, bench, against, value, more, pairs):
    worker = bench.open("ours-float32", **{"frames": FRAMES, **more})
    try:

        def sweeps():
            for _ in range(pairs):
                worker.ask("sweep")

        benchmark.pedantic(sweeps, rounds=ROUNDS, iterations=1)
        facts = worker.ask("facts")
    finally:
        worker.close()
    seconds = benchmark.stats.stats.min
    bench.scaling.append({"against": against, "value": value, "seconds": seconds, "peak": facts["peak"]})
