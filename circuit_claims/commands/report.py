"""``circuit-claims report RUN.json``: render a report again, without a model."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from circuit_claims.report.frame import ROWS


def add_parser(commands: Any) -> None:
    """Add the command to the parser's sub-commands."""
    command = commands.add_parser("report", help="render a run's JSON report again: terminal, Markdown, HTML")
    command.add_argument("run", type=Path, metavar="RUN.json", help="what `pytest claims/` wrote")
    command.add_argument(
        "--to", type=Path, metavar="DIR", help="where the files go (default: beside the report)"
    )
    command.add_argument(
        "--circuit-pairs", metavar="FILE", help="take the frames of the clips from this manifest"
    )
    command.add_argument("--csv", type=Path, metavar="FILE", help="also write the numbers as a table")
    command.add_argument(
        "--by", choices=ROWS, default=ROWS[0], help="what a row of the table is (default: %(default)s)"
    )
    command.add_argument("--open", action="store_true", help="open the page in a browser")
    command.add_argument("-v", "--verbose", action="count", default=0, help="show supported claims and parts")


def faults() -> tuple[type[Exception], ...]:
    """Faults of the user's input that explain themselves."""
    from circuit_claims.clips.errors import ManifestError
    from circuit_claims.report.reading import ReportError

    return ReportError, ManifestError


def run(options: argparse.Namespace) -> int:
    """Write the files, and print the table."""
    from circuit_claims.files import write_whole
    from circuit_claims.report.files import write_beside
    from circuit_claims.report.frame import to_csv
    from circuit_claims.report.reading import ReportError, read
    from circuit_claims.report.terminal import header, render

    report = read(options.run)
    frames = frames_at_hand(report, options.circuit_pairs)
    terminal = sys.stdout.isatty()
    print(header(report))
    print(render(report, width=_width(terminal), colour=terminal, verbose=options.verbose), end="")
    target = (options.to / options.run.name if options.to else options.run).with_suffix(".json")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        written = write_beside(target, report, frames)
    except OSError as fault:
        raise ReportError(
            f"{target.parent}: cannot be written to ({fault.strerror}); name a folder with --to"
        ) from None
    if options.csv:
        try:
            write_whole(options.csv, to_csv(report, options.by))
        except OSError as fault:
            raise ReportError(f"{options.csv}: cannot be written ({fault.strerror}); name another") from None
        written.append(options.csv)
    print(f"written: {', '.join(map(str, written))}")
    if options.open:
        import webbrowser

        page = target.with_suffix(".html").resolve()
        if not webbrowser.open(page.as_uri()):
            print(f"no browser opened; the page is {page}")
    return 0


def _width(terminal: bool) -> int:
    import shutil

    from circuit_claims.report.terminal import PIPED

    return shutil.get_terminal_size().columns if terminal else PIPED


def frames_at_hand(report: Mapping[str, Any], manifest: str | None = None) -> dict[str, Any]:
    """Frames of the clips that the report rests on, of models whose clips are at hand."""
    from circuit_claims.clips.errors import ManifestError
    from circuit_claims.clips.pairs import load_pairs
    from circuit_claims.models.source import ModelError
    from circuit_claims.organisms.registry import pairs_of, resolve
    from circuit_claims.run.frames import frames_of

    found: dict[str, Any] = {}
    for model in report["models"]:
        try:
            pairs = load_pairs(manifest or pairs_of(resolve(model["name"])))
        except (ModelError, ManifestError):
            if manifest:
                raise
            continue  # a folder or a manifest of another machine
        if pairs.name == model.get("pair_set", report["run"]["pair_set"]):
            mine = [entry for entry in report["claims"] if entry["model"] == model["name"]]
            found[model["name"]] = frames_of(pairs, [f for e in mine for f in e["figures"]], None)
    return found
