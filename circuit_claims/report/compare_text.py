"""A comparison of two reports, for a terminal and as Markdown."""

from __future__ import annotations

from io import StringIO

from circuit_claims.report.compare import Change, Compared, Difference, summary

COLOURS = {
    Change.FLIPPED: "red",
    Change.GONE: "red",
    Change.MOVED: "yellow",
    Change.NEW: "green",
    Change.ALIKE: "dim",
}
MOST_ROWS = 500
"""Rows of a Markdown table: a step summary has a limit of one megabyte."""


def terminal(compared: Compared, *, width: int, colour: bool, whole: bool = False) -> str:
    """Differences first, then the environment, then one line of counts; no number is cut off.

    With `whole`, what is not shown to differ stands after what is.
    """
    from rich.console import Console
    from rich.text import Text

    out = StringIO()
    console = Console(
        file=out, width=max(width, 60), force_terminal=colour, no_color=not colour, highlight=False
    )
    console.print(Text(f"{compared.first} -> {compared.second}", style="italic"))
    for found in (*compared.differences, *(compared.alike if whole else ())):
        name = Text(f"{found.key} {found.part}".rstrip())
        console.print(name.append(f": {found.change}", style=COLOURS[found.change]))
        console.print(Text(f"    was {_side(found.was, found.numbers_were)}"))
        console.print(Text(f"    now {_side(found.now, found.numbers_are)}"))
        if found.by_pair:
            console.print(Text(f"    by pair {found.by_pair}"))
    for what, was, now in compared.environment:
        console.print(Text(f"other {what}: {was} -> {now}", style="dim"))
    console.print(Text(summary(compared)))
    return out.getvalue()


def markdown(compared: Compared, *, whole: bool = False) -> str:
    """A table of differences (with `whole`, of all that was compared) and one of the environment."""
    lines = [f"### {_cell(compared.first)} → {_cell(compared.second)}", "", f"{summary(compared)}."]
    rows = [*compared.differences, *(compared.alike if whole else ())]
    if rows:
        lines += ["", "| claim | change | was | now | by pair |", "| --- | --- | --- | --- | --- |"]
        lines += [_row(found) for found in rows[:MOST_ROWS]]
        hidden = len(rows) - MOST_ROWS
        if hidden > 0:
            lines += ["", f"{hidden} more differences are in the JSON output."]
    if compared.environment:
        lines += ["", "| otherwise | was | now |", "| --- | --- | --- |"]
        lines += [
            f"| {_cell(what)} | {_cell(was)} | {_cell(now)} |" for what, was, now in compared.environment
        ]
    return "\n".join(lines) + "\n"


def _row(found: Difference) -> str:
    name = f"{found.key} {found.part}".rstrip()
    was, now = _side(found.was, found.numbers_were), _side(found.now, found.numbers_are)
    return f"| {_cell(name)} | {found.change} | {_cell(was)} | {_cell(now)} | {_cell(found.by_pair)} |"


def _side(verdict: str, numbers: str) -> str:
    return f"{verdict}, {numbers}" if numbers and numbers != "-" else verdict or "not judged"


def _cell(text: str) -> str:
    """Text that stays text inside a Markdown table."""
    from html import escape

    shown = escape(text, quote=False)
    for character in "\\`*_[]|~":
        shown = shown.replace(character, f"\\{character}")
    return shown
