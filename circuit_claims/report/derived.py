"""Figures that follow from a report's own claims: recovery by layer beside the paper's tables, metrics.

They are plain data of the kinds in `docs/report-figures.md`, so that one drawer serves them and those that
measurements bring along.
"""

from collections.abc import Mapping
from typing import Any

from circuit_claims.report.wording import Entry

Measured = Mapping[str, Any]
SITES: Mapping[str, str] = {"attn_out": "attention", "mlp_out": "MLP"}
METRICS: Mapping[str, str] = {
    "norm_ratio": "norm ratio (the paper's)",
    "projection": "projection (on what there was to change)",
}


def figures(report: Mapping[str, Any], model: str) -> list[dict[str, Any]]:
    """Every figure that the claims on a model give."""
    return [
        *(figure for metric in METRICS if (figure := recovery_by_layer(report, model, metric))),
        *([side_by_side] if (side_by_side := metrics(report, model)) else []),
    ]


def recovery_by_layer(report: Mapping[str, Any], model: str, metric: str) -> dict[str, Any] | None:
    """Recovery of each single patch by one metric, with what the paper printed and the largest control."""
    metric = metric.replace(" ", "_")
    found = _recoveries(report, model)
    mine = {site: table for (some, site), table in found.items() if some == metric}
    if not any(len(table) > 1 for table in mine.values()):
        return None
    layers = sorted({layer for table in mine.values() for layer in table})
    series = [_series(SITES[site], table, layers) for site, table in mine.items()]
    for site, table in mine.items():
        controls = [_largest_control(table.get(layer)) for layer in layers]
        if any(value is not None for value in controls):
            name = f"{SITES[site]}: largest control"
            series.append({"name": name, "role": "control", "values": controls})
    series += _published(report, model, metric, layers)
    beside = " beside the paper's tables" if any(s["role"] == "published" for s in series) else ""
    return {
        "kind": "layers",
        "title": f"Recovery by layer, {METRICS.get(metric, metric)}{beside}",
        "caption": "Each point is one patch: the write of one attention block or MLP, taken from the success "
        "clip into the failure clip's run. 100 % recovers all of the difference.",
        "x": {"label": "layer", "values": layers},
        "y": {"label": "recovery", "unit": "fraction"},
        "series": series,
    }


def metrics(report: Mapping[str, Any], model: str) -> dict[str, Any] | None:
    """The same patches scored by every metric that the claims use."""
    found = {key: table for key, table in _recoveries(report, model).items() if len(table) > 1}
    if len({metric for metric, _ in found}) < 2:
        return None
    layers = sorted({layer for table in found.values() for layer in table})
    return {
        "kind": "layers",
        "title": "The same patches by two metrics",
        "caption": "The norm ratio counts how far anything moved; the projection counts only what moved "
        "towards the other clip, at the vector that the classifier reads.",
        "x": {"label": "layer", "values": layers},
        "y": {"label": "recovery", "unit": "fraction"},
        "series": [
            _series(f"{SITES[site]}, {metric.replace('_', ' ')}", table, layers)
            for (metric, site), table in found.items()
        ],
    }


def _measured(report: Mapping[str, Any], model: str) -> list[tuple[Entry, Measured]]:
    """Recoveries of single writes, each with its claim."""
    return [
        (entry, measured)
        for entry in report["claims"]
        if entry["model"] == model and entry["kind"] in ("reproduces", "means")
        for measured in entry["measurements"]
        if _write(measured) in SITES
    ]


def _write(measured: Measured) -> str:
    """The kind of write that was patched (`mlp_out`), where it was one alone."""
    return str(measured.get("patched", {}).get("site", "")).partition(" ")[0]


def _recoveries(report: Mapping[str, Any], model: str) -> dict[tuple[str, str], dict[int, Measured]]:
    """By metric and write, what was measured at each layer."""
    tables: dict[tuple[str, str], dict[int, Measured]] = {}
    for _, measured in _measured(report, model):
        patched = measured["patched"]
        table = tables.setdefault((patched["metric"], _write(measured)), {})
        table.setdefault(patched["layer"], measured)
    return tables


def _series(name: str, table: Mapping[int, Measured], layers: list[int]) -> dict[str, Any]:
    def ends(at: int) -> list[float | None]:
        return [((table[n]["ci"] or [None, None])[at] if n in table else None) for n in layers]

    values = [table[n]["value"] if n in table else None for n in layers]
    return {"name": name, "role": "claim", "values": values, "low": ends(0), "high": ends(1)}


def _largest_control(measured: Measured | None) -> float | None:
    values = [c["value"] for c in measured["controls"] if c["value"] is not None] if measured else []
    return max(values, default=None)


def _published(report: Mapping[str, Any], model: str, metric: str, layers: list[int]) -> list[dict[str, Any]]:
    """What each source printed for each site."""
    printed: dict[tuple[str, str], dict[int, float]] = {}
    for entry, measured in _measured(report, model):
        patched = measured["patched"]
        if patched["metric"] == metric and measured["published"] is not None:
            source = _short(entry["source"])
            printed.setdefault((_write(measured), source), {})[patched["layer"]] = measured["published"]
    return [
        {
            "name": f"{SITES[site]}: {source}",
            "role": "published",
            "values": [table.get(layer) for layer in layers],
        }
        for (site, source), table in printed.items()
    ]


def _short(source: str) -> str:
    """``table 3 (E3 section 4.4)``: where a number is printed, of a source that says more."""
    place = source.split(";")[0].split(", which")[0].split(":")[0]
    where, _, table = place.partition(", ")
    return f"{table} ({where})" if table.startswith(("table", "figure")) else where
