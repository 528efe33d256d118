"""The report as Markdown, for the summary of a CI step: verdicts first, then each claim with its numbers.

GitHub refuses a summary of more than a megabyte. A report that would be longer is cut between two claims,
never within one, and says so with a link.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from circuit_claims.files import write_whole
from circuit_claims.report import plain, summary, wording
from circuit_claims.report.front import headline
from circuit_claims.report.moves import HEADINGS, moves, sentence
from circuit_claims.report.text import cleaned

LIMIT = 900_000
"""Bytes."""
_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+!|~$-])")


def write(path: Path, report: Mapping[str, Any], whole: str = "latest.html") -> None:
    """Write the page atomically."""
    write_whole(path, render(report, whole=whole))


def render(report: Mapping[str, Any], limit: int = LIMIT, whole: str = "latest.html") -> str:
    """The page, of at most `limit` bytes; `whole` is where the rest can be read."""
    report = cleaned(report)
    blocks = [_head(report), *_glance(report), *_moves(report), *_details(report)]
    return _cut(blocks, limit, whole)


def escaped(text: str) -> str:
    """Text that Markdown and HTML show as it is, on one line, within a table too."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("@", "&#64;")
    return _SPECIAL.sub(r"\\\1", text)


def _cut(blocks: list[str], limit: int, whole: str) -> str:
    kept: list[str] = []
    size = 0
    for at, block in enumerate(blocks):
        left = len(blocks) - at
        what = "1 more section is" if left == 1 else f"{left} more sections are"
        tail = f"*Cut here: {what} in [{whole}]({whole}), written by the same run.*\n"
        size += len(block.encode()) + 2
        rest = len(tail.encode()) if left > 1 else 0
        if size + rest > limit:
            return "\n".join([*kept, tail])
        kept.append(block)
    return "\n".join(kept)


def _head(report: Mapping[str, Any]) -> str:
    paper = report["run"].get("paper")
    lines = [f"# Claims of {escaped(paper['title'])}" if paper else "# Claims, judged", ""]
    lines += [f"{escaped(wording.count_line(report))}.", ""]
    lines += [escaped(" ".join(summary.paragraph(report))), ""]
    for model in report["models"]:
        if plain.about(model):
            lines += [f"*{escaped(model['name'])}*: {escaped(plain.about(model))}.", ""]
        if plain.taken_over(model):
            lines += [f"Clips of {escaped(model['name'])}: {escaped(plain.taken_over(model))}.", ""]
    if not report["run"]["complete"]:
        lines += ["**This run is incomplete**: it was interrupted, or a worker was lost.", ""]
    return "\n".join(lines)


def _glance(report: Mapping[str, Any]) -> Iterator[str]:
    """A table for each kind of claim, claims by models; the paper's main findings stand first."""
    main = headline(report)
    for group in plain.groups(report):
        mine = [entry for entry in report["claims"] if plain.group_of(entry).name == group.name]
        first = [
            entry
            for key in main
            for entry in mine
            if entry["key"] == key and group.name == plain.FINDINGS.name
        ]
        rest = [entry for entry in mine if entry not in first]
        if first:
            yield _table(group, "The main findings", first)
        if rest:
            yield _table(group, f"The other {group.name}" if first else group.heading, rest)


def _table(group: plain.Group, heading: str, mine: Sequence[wording.Entry]) -> str:
    models = list(dict.fromkeys(entry["model"] for entry in mine))
    rows = [
        f"## {heading}",
        "",
        f"{escaped(group.told)}",
        "",
        f"| {group.column} | {' | '.join(escaped(model or 'in its own tables') for model in models)} |",
        f"|---|{'---|' * len(models)}",
    ]
    for key in dict.fromkeys(entry["key"] for entry in mine):
        found = {entry["model"]: entry for entry in mine if entry["key"] == key}
        statement = next(iter(found.values()))["statement"]
        cells = [_cell(found[model]) if model in found else "not judged" for model in models]
        rows.append(f"| {escaped(statement)} | {' | '.join(cells)} |")
    return "\n".join([*rows, ""])


def _cell(entry: wording.Entry) -> str:
    mark = f"{plain.MARKS[entry['verdict']]} **{entry['verdict']}**"
    drift = "" if wording.steady(entry) else f"<br>{escaped(entry['record']['sentence'])}"
    return f"{mark}<br>{escaped(plain.brief(entry))}{drift}"


def _moves(report: Mapping[str, Any]) -> Iterator[str]:
    """With other weights than the record's: what moved, pair by pair."""
    for model in report["models"]:
        found, compared = moves(report, model["name"])
        if not compared:
            continue
        lines = [f"## Moves of {escaped(model['name'])}", "", f"{escaped(sentence(found, compared))}.", ""]
        if found:
            lines += [f"| {' | '.join(HEADINGS)} |", f"|{'---|' * len(HEADINGS)}"]
            lines += [f"| {' | '.join(escaped(cell) for cell in one.cells)} |" for one in found]
        yield "\n".join([*lines, ""])


def _details(report: Mapping[str, Any]) -> Iterator[str]:
    """What is not as one would wish, claim by claim: everything that is neither supported nor steady."""
    told = [e for e in report["claims"] if e["verdict"] != "supported" or not wording.steady(e)]
    if told:
        yield "## Why\n"
    for entry in told:
        where = f" on {escaped(entry['model'])}" if entry["model"] else ""
        lines = [
            f"### {plain.MARKS[entry['verdict']]} {escaped(entry['key'])}{where}",
            "",
            f"> {escaped(entry['statement'])}",
            "",
            f"{escaped(plain.why(entry))} ({escaped(entry['source'])})",
        ]
        if entry["record"].get("reason"):
            lines += ["", f"Reason on record: {escaped(entry['record']['reason'])}"]
        if not wording.steady(entry):
            lines += ["", f"Against the record: {escaped(entry['record']['sentence'])}"]
        lines += [f"\nFlag: {escaped(flag)}" for flag in entry["flags"]]
        if entry["parts"]:
            lines += ["", *_part_rows(entry)]
        elif entry["controls"]:
            unit = entry["measurements"][0]["unit"]
            lines += ["", "| control | claim minus control |", "|---|---|"]
            lines += [
                f"| {escaped(c['control'])} | {escaped(wording.contrast(c, unit))} |"
                for c in entry["controls"]
            ]
        yield "\n".join([*lines, ""])


def _part_rows(entry: wording.Entry) -> Iterator[str]:
    yield "| part | observed | published | verdict |"
    yield "|---|---|---|---|"
    for part, measured in wording.parts(entry):
        seen = wording.numbers(measured) if measured else ""
        printed = wording.number(measured["published"], measured["unit"]) if measured else ""
        cells = [part["part"], seen, printed, part["verdict"]]
        yield f"| {' | '.join(escaped(cell) for cell in cells)} |"
