"""The tables and the plot of `make bench`."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from worker import METHODS

if TYPE_CHECKING:
    from conftest import Bench

SWEEP = (
    "",
    "sites",
    "seconds",
    "s a site",
    "x (a)",
    "x (b)",
    "largest difference",
    "peak memory",
    "utilisation",
    "of the median",
)
SCALING = ("against", "", "seconds", "x the first", "peak memory")


def lines(bench: Bench) -> Iterator[str]:
    """What is printed."""
    yield machine(bench)
    yield from _aligned(SWEEP, sweep_rows(bench))
    for method, why in bench.skipped.items():
        yield f"{METHODS[method]}: left out ({why})"
    if bench.scaling:
        yield ""
        yield from _aligned(SCALING, scaling_rows(bench))


def machine(bench: Bench) -> str:
    """Where and at which sizes."""
    s = bench.settings
    best = max((facts["matmul"] for facts in bench.sweeps.values()), default=0.0)
    versions = ", ".join(f"{name} {_version(name)}" for name in ("torch", "transformers", "nnsight"))
    return (
        f"{_cpu()}, {os.cpu_count()} cores, {s['threads']} thread{'s' * (s['threads'] != 1)}; {versions}; "
        f"random weights: {s['layers']} layers of width {s['width']}, {s['frames']} frames of {s['image']} "
        f"pixels ({tokens(s)} tokens)"
        + (f"; best matrix product at the MLP's shape {best / 1e9:.1f} GFLOP/s" if best else "")
    )


def tokens(settings: Mapping[str, Any]) -> int:
    """Tokens of a clip: tubelets of 2 frames by 16 by 16 pixels, and CLS."""
    return settings["frames"] // 2 * (settings["image"] // 16) ** 2 + 1


def sweep_rows(bench: Bench) -> Iterator[tuple[str, ...]]:
    """A row for each method.

    A plain method that patched only some of the sites is compared by what a whole sweep of its forwards
    would cost (one a site and two base runs), all of which are alike.
    """
    whole = 2 * bench.settings["layers"]
    cost = {}
    for name, facts in bench.sweeps.items():
        count = len(facts["recoveries"])
        cost[name] = facts["seconds"] * (whole + 2) / (count + 2) / whole
    eager = bench.sweeps.get("hooks-eager", {}).get("recoveries", {})
    for name, facts in bench.sweeps.items():
        found = facts["recoveries"]
        apart = [abs(found[site] - value) for site, value in eager.items() if site in found]
        rate = facts["flops"] / facts["seconds"] if facts["flops"] else None
        yield (
            f"({'abcde'[list(METHODS).index(name)]}) {METHODS[name]}"
            if name in METHODS
            else "(d) read at all tokens",
            str(len(found)) if len(found) == whole else f"{len(found)} of {whole}",
            f"{facts['seconds']:.1f}",
            f"{cost[name]:.2f}",
            *(
                f"{cost[plain] / cost[name]:.2f}" if plain in cost else ""
                for plain in ("hooks-eager", "hooks-sdpa")
            ),
            f"{max(apart):.1e}" if apart and name != "hooks-eager" else "",
            f"{facts['peak'] / 2**30:.2f} GiB",
            *("" if rate is None else f"{100 * rate / facts[of]:.0f} %" for of in ("matmul", "sustained")),
        )


def scaling_rows(bench: Bench) -> Iterator[tuple[str, ...]]:
    """A row for each case, held against the first of its kind, timed just before and after it."""
    for case in bench.scaling:
        yield (
            case["against"],
            case["value"],
            f"{case['seconds']:.2f}",
            f"{case['seconds'] / case['first']:.2f}",
            f"{case['peak'] / 2**30:.2f} GiB",
        )


def write(bench: Bench, target: Path) -> None:
    """The tables as Markdown, and the plot of the costs beside it."""
    text = [
        f"# What a sweep costs: {bench.settings['frames']} frames",
        "",
        f"Written by `make bench`. {machine(bench)}.",
        "",
    ]
    text += ["One pair, every attention and MLP write patched alone, read at the summary:", ""]
    text += _markdown(SWEEP, sweep_rows(bench))
    text += [""] + [f"{METHODS[method]}: left out ({why})." for method, why in bench.skipped.items()]
    text += [
        "`x (a)` and `x (b)`: how many times less a site costs than by plain hooks with eager attention, and",
        "with sdpa. Where a plain method patched only some sites, its other forwards (one a site and two for",
        "the base runs, all alike) are counted at the cost of those. The largest difference is of",
        "recoveries (projections, fractions) from (a)'s. Peak memory is that of a",
        "process that did nothing else. Utilisation: the floating-point operations of the writes evaluated,",
        "over the seconds, over the best matrix product at the MLP's shape with the same threads, timed in",
        "the same process just before and after the sweep; and over the median one, which is what a machine",
        "sustains that others use as well.",
    ]
    if bench.scaling:
        text += [
            "",
            "What a sweep costs, in float32, 2 frames where nothing else is said. Each is timed between",
        ]
        text += ["two sweeps of the first of its kind, and held against their mean:", ""]
        text += [*_markdown(SCALING, scaling_rows(bench)), "", f"![The same as a plot]({target.stem}.svg)"]
        _plot(bench.scaling, target.with_suffix(".svg"))
    target.write_text("\n".join(text) + "\n", encoding="utf-8")


def _plot(cases: Sequence[Mapping[str, Any]], target: Path) -> None:
    from matplotlib.figure import Figure

    kinds = list(dict.fromkeys(case["against"] for case in cases))
    figure = Figure(figsize=(10, 3), layout="constrained")
    for axes, kind in zip(figure.subplots(1, len(kinds), squeeze=False)[0], kinds, strict=True):
        mine = [case for case in cases if case["against"] == kind]
        axes.bar(range(len(mine)), [case["seconds"] for case in mine], color="#1f5fd0")
        axes.set_xticks(range(len(mine)), [case["value"].split(" (")[0].split(",")[-1] for case in mine])
        axes.tick_params(axis="x", labelsize=7)
        axes.set_title(kind, fontsize=10)
        axes.set_ylabel("seconds" if axes is figure.axes[0] else "")
    figure.savefig(target, metadata={"Date": None})


def _aligned(columns: Sequence[str], rows: Iterator[tuple[str, ...]]) -> Iterator[str]:
    table = [tuple(columns), *rows]
    widths = [max(len(row[at]) for row in table) for at in range(len(columns))]
    for row in table:
        yield "  ".join(
            cell.ljust(width) if at < 1 else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()


def _markdown(columns: Sequence[str], rows: Iterator[tuple[str, ...]]) -> list[str]:
    return [
        f"| {' | '.join(columns)} |",
        f"|{' --- |' * len(columns)}",
        *(f"| {' | '.join(row)} |" for row in rows),
    ]


def _cpu() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
        return next(line.split(":")[1].strip() for line in text.splitlines() if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "absent"
