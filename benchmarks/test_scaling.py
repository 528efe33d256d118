"""What a sweep costs against sites, layers, tokens and pairs; in short clips, so that it takes minutes.

Each case is timed between two sweeps of the first of its kind, in a process of its own: a shared machine is
not as fast at all times, and a ratio of two times is of the same minute.
"""

import pytest

FRAMES = 2
FIRST = {"sites": {}, "layers": {"layers": 3}, "tokens": {}, "pairs": {}}
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
    first = bench.open("ours-float32", **{"frames": FRAMES, **FIRST[against]})
    worker = bench.open("ours-float32", **{"frames": FRAMES, **more})
    try:

        def sweeps():
            for _ in range(pairs):
                worker.ask("sweep")

        for one in (first, worker):
            one.ask("sweep")  # the first of a process is slower than all others
        before = first.ask("sweep")["seconds"]
        benchmark.pedantic(sweeps, rounds=1, iterations=1)
        after = first.ask("sweep")["seconds"]
        facts = worker.ask("facts")
    finally:
        worker.close()
        first.close()
    seconds = benchmark.stats.stats.max
    bench.scaling.append(
        {
            "against": against,
            "value": value,
            "seconds": seconds,
            "first": (before + after) / 2,
            "peak": facts["peak"],
        }
    )
