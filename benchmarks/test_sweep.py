"""One pair swept in five ways, side by side in one run (pytest-benchmark; `make bench`)."""

import pytest
from worker import METHODS


def swept(benchmark, worker):
    """A timed sweep between two timings of the hardware: a shared machine is not as fast at all times."""
    rates = [worker.ask("matmul")]
    benchmark.pedantic(worker.ask, args=("sweep",), rounds=1, iterations=1)
    rates.append(worker.ask("matmul"))
    return {
        **worker.ask("facts"),
        "matmul": max(rate["best"] for rate in rates),
        "sustained": max(rate["sustained"] for rate in rates),
    }


@pytest.mark.parametrize("method", METHODS)
def test_sweep_of_one_pair(benchmark, bench, method):
    plain = not method.startswith("ours-")
    worker = bench.open(method, count=bench.plain_sites if plain else 0)
    try:
        if not worker.ready["ready"]:
            bench.skipped[method] = worker.ready["why"]
            pytest.skip(worker.ready["why"])
        bench.sweeps[method] = swept(benchmark, worker)
        benchmark.extra_info.update({k: v for k, v in bench.sweeps[method].items() if k != "recoveries"})
    finally:
        worker.close()
    assert_near(bench, method, 0.05 if method == "ours-bfloat16" else 1e-4)


def test_sweep_read_at_every_token(benchmark, bench):
    """The paper's readout, which costs the whole last block."""
    worker = bench.open("ours-float32", tokens=True)
    try:
        bench.sweeps["ours-float32, all tokens"] = swept(benchmark, worker)
    finally:
        worker.close()
    assert_near(bench, "ours-float32, all tokens", 1e-4)


def assert_near(bench, method, within):
    """The recoveries of plain hooks, where these were run: a ratio of times of other numbers is none."""
    plain = bench.sweeps.get("hooks-eager", {}).get("recoveries", {})
    found = bench.sweeps[method]["recoveries"]
    assert all(abs(found[site] - value) <= within for site, value in plain.items())
