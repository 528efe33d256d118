"""The command ``circuit-claims``: what there is to test, without running it."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any, NoReturn

from circuit_claims import compare_command, pair_command, report_command, starting, store_command

COMMANDS = {
    "compare": compare_command,
    "init": starting,
    "pair": pair_command,
    "report": report_command,
    "store": store_command,
}
"""Each has `add_parser`, `run`, and `faults`: what is wrong with the user's input, and explains itself."""
USAGE = 4
"""Exit status for bad input, as pytest's."""


class _Parser(argparse.ArgumentParser):
    """Words that mean nothing end with 4, as all bad input does (argparse's 2 is an interrupt here)."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        dashed = [word for word in sys.argv[1:] if word.startswith("-") and os.path.lexists(word)]
        hint = f"; write ./{dashed[0]} for the file of that name" if dashed else ""
        self.exit(USAGE, f"{self.prog}: error: {message}{hint}\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    parser = _Parser(
        prog="circuit-claims",
        description="Findings about circuits inside a model, as tests. Run them with `pytest claims/`.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    listing = commands.add_parser("list", help="name the models, claims or pairs there are")
    listing.add_argument("what", choices=("models", "claims", "pairs"))
    listing.add_argument("--circuit-pairs", metavar="FILE", help="the manifest to list pairs of")
    listing.add_argument("folder", nargs="?", type=Path, help="where claims are (default: claims/)")
    for command in COMMANDS.values():
        command.add_parser(commands)
    options = parser.parse_args(argv)
    if options.command in COMMANDS:
        command = COMMANDS[options.command]
        return _refusing(command.run, command.faults(), options)
    listers = {"models": _models, "claims": _claims, "pairs": _pairs}
    return listers[options.what](options)


def _models(_options: argparse.Namespace) -> int:
    from circuit_claims.organisms.registry import names

    rows = list(names().items())
    rows += [
        ("random:NAME#SEED", "the same architecture with fresh weights"),
        ("shuffled:NAME#SEED", "the trained weights, permuted within each tensor"),
        ("OWNER/NAME[@REVISION]", "a ViViT on the Hugging Face hub, such as google/vivit-b-16x2-kinetics400"),
        ("./FOLDER", "a folder that save_pretrained wrote"),
    ]
    print_table(("name", "what it is"), rows)
    return 0


def _claims(options: argparse.Namespace) -> int:
    import pytest

    from circuit_claims.organisms.registry import beside

    folder = options.folder or beside("claims")
    collector = _Collector()
    # The package is imported already, which pytest would warn of, and a strict project would fail on.
    quiet = ["-q", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning"]
    with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
        status = pytest.main([str(folder), "--collect-only", *quiet], plugins=[collector])
    if status not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED) or not collector.claims:
        print(
            f"{folder}: no claims could be collected there; `pytest --collect-only {folder}` says why",
            file=sys.stderr,
        )
        return USAGE
    print_table(("claim", "scope", "statement", "source"), list(collector.claims.values()))
    return 0


class _Collector:
    """A pytest plugin that keeps what `@claim` put on the tests."""

    def __init__(self) -> None:
        self.claims: dict[str, tuple[str, ...]] = {}

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        for item in items:
            marker = item.get_closest_marker("circuit_claim")
            if marker:
                claim = marker.args[0]
                self.claims.setdefault(
                    claim.key, (claim.key, str(claim.scope), claim.statement, claim.source)
                )


def _pairs(options: argparse.Namespace) -> int:
    from circuit_claims.clips.errors import ManifestError
    from circuit_claims.clips.pairs import load_pairs
    from circuit_claims.clips.paper import paper_manifest
    from circuit_claims.organisms.registry import pairs_of, resolve
    from circuit_claims.under_test import PAPER

    try:
        named = options.circuit_pairs
        if named == PAPER:
            named = paper_manifest(Path(".circuit-cache"))
        pairs = load_pairs(named or pairs_of(resolve("organism")))
    except ManifestError as fault:
        print(fault, file=sys.stderr)
        return USAGE
    pair_command.rows(pairs)
    return 0


def _refusing(
    run: Callable[[argparse.Namespace], int],
    faults: tuple[type[Exception], ...],
    options: argparse.Namespace,
) -> int:
    """Run a command; a fault of the user's input is a line, not a traceback."""
    try:
        status = run(options)
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # `| head` has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except faults as fault:
        print(fault, file=sys.stderr)
        return USAGE


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows of text under their columns' names."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    terminal = sys.stdout.isatty()
    Console(width=None if terminal else 160, highlight=False).print(table)


if __name__ == "__main__":
    sys.exit(main())
