"""The report as a terminal shows it: a table of claims, and one last line of counts.

Numbers are never cut off: where the terminal is narrow a claim takes two lines instead.
"""

from collections.abc import Mapping, Sequence
from io import StringIO
from math import exp
from typing import Any

_COLOURS = {
    "supported": "green",
    "refuted": "red",
    "artifact": "magenta",
    "inconclusive": "yellow",
    "not applicable": "dim",
    "incomplete": "yellow",
    "error": "red bold",
}
COLUMNS = ("claim", "observed [95 % interval]", "asserted", "published")
VERDICT_WIDTH = 16
"""The verdict wraps at words, so it needs room for one; the other columns are never wrapped."""


def header(report: Mapping[str, Any]) -> str:
    """One line: what was under test, on what, against which record."""
    run = report["run"]
    models = ", ".join(model["name"] for model in report["models"]) or "no model"
    record = ", ".join(model["record"] for model in report["models"] if model.get("record")) or "none"
    pairs = f"{run['pairs']} pairs of {run['pair_set']}" if run.get("pair_set") else "no pairs"
    return (
        f"circuit-claims: {models} · {run['device']} {run['precision']} · {pairs} · "
        f"seed {run['seed']} · record {record}"
    )


def render(report: Mapping[str, Any], *, width: int, colour: bool, verbose: int = 0) -> str:
    """The table and the line of counts.

    Supported claims are folded into the counts unless `verbose` is at least 1; so are parts unless it
    is at least 2, or the part stands out from its claim.
    """
    from rich.console import Console

    out = StringIO()
    console = Console(
        file=out,
        width=max(width, 60),
        force_terminal=colour,
        no_color=not colour,
        highlight=False,
        legacy_windows=False,
    )
    claims = list(report["claims"])
    shown = [entry for entry in claims if verbose >= 1 or not _quiet(entry)]
    for model in dict.fromkeys(entry["model"] for entry in claims):
        rows = [entry for entry in shown if entry["model"] == model]
        if rows:
            _table(console, model, rows, width, verbose)
    hidden = len(claims) - len(shown)
    if hidden:
        console.print(f"{hidden} supported claims are not shown (-v shows them).", style="dim")
    console.print(count_line(report))
    return out.getvalue()


def count_line(report: Mapping[str, Any]) -> str:
    """``24 claims: 12 supported, 8 refuted (8 as recorded), 4 inconclusive``."""
    claims = report["claims"]
    told = []
    for verdict, number in report["summary"].items():
        same = [e for e in claims if e["verdict"] == verdict and e["record"]["drift"] == "as recorded"]
        note = f" ({len(same)} as recorded)" if same and verdict not in ("supported",) else ""
        told.append(f"{number} {verdict}{note}")
    drifted = [e for e in claims if e["record"]["drift"] in ("flipped", "moved")]
    tail = f"; {len(drifted)} differ from the record" if drifted else ""
    return f"{len(claims)} claims: {', '.join(told)}{tail}" if claims else "no claims were judged"


def _quiet(entry: Mapping[str, Any]) -> bool:
    steady = entry["record"]["drift"] in ("as recorded", "unrecorded")
    return entry["verdict"] == "supported" and steady


def _table(
    console: Any, model: str | None, rows: Sequence[Mapping[str, Any]], width: int, verbose: int
) -> None:
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    title = f"claims on {model}" if model else "claims about the published tables (no model)"
    lines = [line for entry in rows for line in _lines(entry, verbose)]
    widths = [max(map(len, column)) for column in zip(COLUMNS, *(line[:4] for line in lines), strict=True)]
    console.print(Text(title, style="italic"))
    if sum(widths) + 2 * len(widths) + VERDICT_WIDTH <= width:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_edge=False)
        for column in COLUMNS:
            table.add_column(column, no_wrap=True)
        table.add_column("verdict", overflow="fold", min_width=VERDICT_WIDTH)
        for *cells, verdict, style in lines:
            table.add_row(*map(Text, cells), Text(verdict, style=style))
        console.print(table)
    else:
        for name, observed, asserted, published, verdict, style in lines:
            console.print(Text(f"{name}: ").append(verdict, style=style))
            told = [observed, asserted and f"asserted {asserted}", published and f"published {published}"]
            numbers = Text("; ".join(part for part in told if part))
            console.print(Padding(numbers, (0, 0, 0, 4), expand=False))
    console.print()


def _lines(entry: Mapping[str, Any], verbose: int) -> list[tuple[str, str, str, str, str, str]]:
    """Name, observed, asserted, published, verdict and its style: of a claim, and of its parts when asked."""
    style = _COLOURS.get(entry["verdict"], "")
    lines = [(_name(entry), _observed(entry), _asserted(entry), _published(entry), _verdict(entry), style)]
    for part, measured in _parts(entry) if verbose >= 2 else ():
        observed = _numbers(measured) if measured else ""
        published = _percent(measured["published"], measured["unit"]) if measured else ""
        style = _COLOURS.get(part["verdict"], "")
        lines.append((f"  {part['part']}", observed, "", published, part["verdict"], style))
    return lines


def _name(entry: Mapping[str, Any]) -> str:
    return f"{entry['key']}"


def _verdict(entry: Mapping[str, Any]) -> str:
    word = entry["verdict"]
    if entry["reason"] and entry["verdict"] in ("refuted", "inconclusive"):
        word += f" ({entry['reason']})"
    drift = entry["record"]["drift"]
    if drift == "as recorded":
        return f"{word}, as recorded" if entry["verdict"] != "supported" else word
    return word if drift == "unrecorded" else f"{word}: {entry['record']['sentence']}"


def _parts(entry: Mapping[str, Any]) -> list[tuple[Mapping[str, Any], Mapping[str, Any] | None]]:
    measured = {m["part"]: m for m in entry["measurements"]}
    return [(part, measured.get(part["part"])) for part in entry["parts"]]


def _observed(entry: Mapping[str, Any]) -> str:
    measured = [m for m in entry["measurements"] if m["value"] is not None]
    if not measured:
        return "-"
    if len(measured) == 1:
        return _numbers(measured[0])
    low = min(measured, key=lambda m: m["value"])
    high = max(measured, key=lambda m: m["value"])
    unit = low["unit"]
    values = f"{_percent(low['value'], unit)} to {_percent(high['value'], unit)}"
    return f"{values}, {len(measured)} parts, n={low['n']}"


def _numbers(measured: Mapping[str, Any]) -> str:
    unit = measured["unit"]
    if measured["value"] is None:
        return "undefined"
    text = _percent(measured["value"], unit)
    if measured["ci"] and measured["ci"][0] is not None:
        low, high = measured["ci"]
        text += f" [{_percent(low, unit)}, {_percent(high, unit)}]"
    return f"{text} n={measured['n']}" if measured["n"] else text


def _asserted(entry: Mapping[str, Any]) -> str:
    words = dict.fromkeys(_range(m["asserted"], m["unit"]) for m in entry["measurements"] if m["asserted"])
    return "; ".join(words)


def _range(asserted: Mapping[str, Any], unit: str) -> str:
    """What is asserted, in the unit that the observation is shown in."""
    low, high = _percent(asserted["low"], unit), _percent(asserted["high"], unit)
    if asserted["kind"] == "above":
        return f"> {low}"
    if asserted["kind"] == "below":
        return f"< {high}"
    if asserted["kind"] == "negligible":
        return f"between {low} and {high}"
    if asserted["kind"] == "anything":
        return str(asserted["words"])
    if asserted["kind"] == "exactly":
        return f"= {low}" if low == high else f"= {low} to {high}"
    return f"{low} to < {high}"


def _published(entry: Mapping[str, Any]) -> str:
    measured = [m for m in entry["measurements"] if m["published"] is not None]
    if not measured:
        return ""
    values, unit = [m["published"] for m in measured], measured[0]["unit"]
    if min(values) == max(values):
        return _percent(values[0], unit)
    return f"{_percent(min(values), unit)} to {_percent(max(values), unit)}"


def _percent(value: float | None, unit: str) -> str:
    """A number as a person reads it: fractions in per cent, logs of ratios as factors."""
    if value is None:
        return ""
    if unit in ("fraction", "bool"):
        return f"{100 * value:.3g} %" if abs(value) < 1 else f"{100 * value:.4g} %"
    if unit == "log ratio":
        return f"x{exp(value):.3g}" if value < 700 else f"e^{value:.4g}"
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.4g}"
