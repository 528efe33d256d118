"""``circuit-claims compare A.json B.json``: what changed between two runs, and whether that is a failure.

Exit status: 0 nothing that ``--fail-on`` names, 1 something that it names, 4 a report that cannot be read,
or two that have no claim in common.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

GRADES = {
    "none": (),
    "flips": ("flipped", "gone"),
    "moves": ("flipped", "gone", "moved"),
    "any": ("flipped", "gone", "moved", "new"),
}


def add_parser(commands: Any) -> None:
    """Add the command to the parser's sub-commands."""
    parser = commands.add_parser(
        "compare", help="compare two reports, or two models of one", description=__doc__
    )
    parser.add_argument("first", type=Path, metavar="A.json", help="the report before")
    parser.add_argument(
        "second", type=Path, nargs="?", metavar="B.json", help="the report after (default: A.json too)"
    )
    parser.add_argument(
        "--models", nargs=2, metavar=("A", "B"), help="compare model A of the first with B of the second"
    )
    parser.add_argument(
        "--fail-on",
        choices=GRADES,
        default="flips",
        help="flips: a verdict flipped, or a claim is gone; moves: also a number that left its interval; "
        "any: also new claims (default: %(default)s)",
    )
    parser.add_argument("--format", choices=("terminal", "markdown", "json"), default="terminal")


def faults() -> tuple[type[Exception], ...]:
    """What is wrong with the input, and explains itself."""
    from circuit_claims.report.compare import NothingToCompare
    from circuit_claims.report.reading import ReportError

    return ReportError, NothingToCompare


def run(options: argparse.Namespace) -> int:
    """Compare, print, and say by the exit status whether it matters."""
    from circuit_claims.report.compare import Change, NothingToCompare, as_plain, compare, models_of
    from circuit_claims.report.compare_text import markdown, terminal
    from circuit_claims.report.reading import read

    first = read(options.first)
    second = first if options.second is None else read(options.second)
    models = tuple(options.models) if options.models else None
    if options.second is None and models is None:
        models = tuple(models_of(first))
        if len(models) != 2:
            raise NothingToCompare(
                f"{options.first} is of {', '.join(models) or 'no model'}: give a second report, "
                "or name two of its models with --models"
            )
    found = compare(first, second, models)
    if options.format == "json":
        print(json.dumps(as_plain(found), indent=1, ensure_ascii=False))
    elif options.format == "markdown":
        print(markdown(found), end="")
    else:
        from shutil import get_terminal_size

        tty = sys.stdout.isatty()
        width = get_terminal_size().columns if tty else 120
        print(terminal(found, width=width, colour=tty), end="")
    return 1 if found.fails([Change(word) for word in GRADES[options.fail_on]]) else 0
