"""The report as a terminal shows it: a table of claims, and one last line of counts.

Numbers are never cut off: where the terminal is narrow a claim takes two lines instead.
"""

from collections.abc import Mapping, Sequence
from io import StringIO
from itertools import zip_longest
from typing import Any

from circuit_claims.judge.counted import counted
from circuit_claims.report import wording
from circuit_claims.report.text import cleaned

_COLOURS = {
    "supported": "green",
    "refuted": "red",
    "artifact": "magenta",
    "inconclusive": "yellow",
    "not applicable": "dim",
    "incomplete": "yellow",
    "error": "red bold",
}
COLUMNS = ("claim", "observed [95 % interval]", "asserted", "published", "change", "verdict")
NAME, OBSERVED, ASSERTED, VERDICT, STYLE, NOTE = 0, 1, 2, 5, 6, 7
GAP = 2
PIPED = 140
"""Columns where nobody says how many there are: a file, or the log of a CI step."""

Line = tuple[str, str, str, str, str, str, str, str]
"""Name, observed, asserted, published, change, verdict, the verdict's style, and what the record says."""


def header(report: Mapping[str, Any]) -> str:
    """One line: what was under test, on what, against which record."""
    report = cleaned(report)
    run = report["run"]
    models = ", ".join(_at_revision(model) for model in report["models"]) or "no model"
    record = ", ".join(model["record"] for model in report["models"] if model.get("record")) or "none"
    pairs = f"{counted(run['pairs'], 'pair')} of {run['pair_set']}" if run.get("pair_set") else "no pairs"
    return (
        f"circuit-claims: {models} · {run['device']} {run['precision']} · {pairs} · "
        f"seed {run['seed']} · record {record}"
    )


def _at_revision(model: Mapping[str, Any]) -> str:
    name, revision = model["name"], model["revision"]
    return name if revision is None or name.endswith(f"@{revision}") else f"{name}@{revision}"


def render(report: Mapping[str, Any], *, width: int, colour: bool, verbose: int = 0) -> str:
    """The table and the line of counts.

    Supported claims are folded into the counts unless `verbose` is at least 1; so are parts unless it
    is at least 2, or the part stands out from its claim. `verbose` 1 adds the contrasts with controls.
    """
    from rich.console import Console

    report = cleaned(report)
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
    unrun = [entry for entry in claims if entry["verdict"] == "incomplete" and not entry["measurements"]]
    shown = [e for e in claims if verbose >= 1 or not (_quiet(e) or e in unrun)]
    for model in dict.fromkeys(entry["model"] for entry in claims):
        rows = [entry for entry in shown if entry["model"] == model]
        if rows:
            _table(console, model, rows, width, verbose)
    if unrun and not verbose:
        what = "claim was not run" if len(unrun) == 1 else "claims were not run"
        console.print(f"{len(unrun)} {what} (deselected or lost).", style="dim")
    hidden = sum(map(_quiet, claims))
    if hidden and not verbose:
        rest = "claim is not shown (-v shows it)" if hidden == 1 else "claims are not shown (-v shows them)"
        console.print(f"{hidden} supported {rest}.", style="dim")
    console.print(wording.count_line(report), markup=False)
    return "".join(f"{line.rstrip()}\n" for line in out.getvalue().splitlines())


def _quiet(entry: wording.Entry) -> bool:
    return entry["verdict"] == "supported" and wording.steady(entry)


def _table(console: Any, model: str | None, rows: Sequence[wording.Entry], width: int, verbose: int) -> None:
    """A line for each claim where the terminal is wide enough for all of its numbers, two where it is not."""
    from rich.text import Text

    same = all(entry["record"]["drift"] == "as recorded" for entry in rows)
    title = f"claims on {model}" if model else "claims about the published tables (no model)"
    console.print(Text(f"{title}, each as recorded" if same else title, style="italic"))
    lines = [line for entry in rows for line in _lines(entry, verbose, same)]
    # A column that says nothing (nothing published, nothing changed) is left out.
    kept = [
        at
        for at in range(len(COLUMNS))
        if at in (NAME, OBSERVED, VERDICT)
        or any(line[at] not in ("", "new", wording.FIXED) for line in lines)
    ]
    widths = {
        at: max(map(len, [COLUMNS[at], *(part for line in lines for part in _folded(line, at))]))
        for at in kept
    }
    if sum(widths.values()) + GAP * (len(kept) - 1) <= width:
        console.print(Text(_row(COLUMNS, widths), style="bold"))
        for line in lines:
            verdict = Text(line[VERDICT], style=line[STYLE])
            for cells in zip_longest(*(_folded(line, at) for at in range(VERDICT)), fillvalue=""):
                console.print(Text(_row((*cells, ""), widths)).append(verdict))
                verdict = Text()
            _note(console, line[NOTE])
    else:
        _stacked(console, lines)
    console.print()


def _folded(line: Line, at: int) -> list[str]:
    """The lines of a cell: what differs in kind among a claim's parts takes a line for each."""
    if at == OBSERVED:
        return line[at].replace(" and ", "\nand ").split("\n")
    return line[at].split("; ") if at == ASSERTED else [line[at]]


def _row(cells: Sequence[str], widths: Mapping[int, int]) -> str:
    return (
        "".join(cells[at].ljust(wide + GAP) for at, wide in widths.items() if at != VERDICT) + cells[VERDICT]
    )


def _stacked(console: Any, lines: Sequence[Line]) -> None:
    from rich.padding import Padding
    from rich.text import Text

    for name, observed, asserted, published, change, verdict, style, note in lines:
        console.print(Text(f"{name}: " if verdict else name).append(verdict, style=style))
        told = [
            observed,
            asserted and f"asserted {asserted}",
            published and f"published {published}",
            change not in ("", "new", wording.FIXED) and f"change {change}",
        ]
        numbers = "; ".join(part for part in told if part)
        if numbers:
            console.print(Padding(Text(numbers), (0, 0, 0, 4), expand=False))
        _note(console, note)


def _note(console: Any, note: str) -> None:
    from rich.padding import Padding
    from rich.text import Text

    if note:
        console.print(Padding(Text(note), (0, 0, 0, 4), expand=False))


def _lines(entry: wording.Entry, verbose: int, same: bool) -> list[Line]:
    """The line of a claim, of the parts that stand out (or all), and of its controls when asked."""
    told = wording.short_verdict(entry)
    if entry["record"]["drift"] == "as recorded" and not same and entry["verdict"] != "supported":
        told += ", as recorded"
    cells = (
        wording.observed(entry),
        wording.asserted(entry).replace("more than its controls", "> its controls"),
        wording.published(entry),
        wording.change(entry),
    )
    note = "" if wording.steady(entry) else str(entry["record"]["sentence"])
    lines: list[Line] = [(entry["key"], *cells, told, _COLOURS.get(entry["verdict"], ""), note)]
    lines += _parts(entry) if verbose >= 2 else _parts_that_stand_out(entry)
    if verbose >= 1 and not entry["parts"] and entry["measurements"]:
        lines += _contrasts(entry["controls"], entry["measurements"][0]["unit"], "  ")
    return lines


def _parts(entry: wording.Entry) -> list[Line]:
    lines: list[Line] = []
    for part, measured in wording.parts(entry):
        observed = wording.numbers(measured) if measured else ""
        published = wording.number(measured["published"], measured["unit"]) if measured else ""
        style = _COLOURS.get(part["verdict"], "")
        lines.append((f"  {part['part']}", observed, "", published, "", part["verdict"], style, ""))
        lines += _contrasts(part["controls"], measured["unit"], "    ") if measured else []
    return lines


def _parts_that_stand_out(entry: wording.Entry) -> list[Line]:
    """A line for the parts of each verdict that is not the claim's."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for part, measured in wording.parts(entry):
        if part["verdict"] != entry["verdict"] and measured:
            found.setdefault(part["verdict"], []).append(measured)
    return [
        (
            f"  {len(some)} of {counted(len(entry['parts']), 'part')}",
            wording.observed({"measurements": some}),
            "",
            "",
            "",
            word,
            _COLOURS.get(word, ""),
            "",
        )
        for word, some in found.items()
    ]


def _contrasts(controls: Sequence[Mapping[str, Any]], unit: str, indent: str) -> list[Line]:
    return [
        (f"{indent}over {control['control']}", wording.contrast(control, unit), "", "", "", "", "", "")
        for control in controls
    ]
