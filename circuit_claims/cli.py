"""The command ``circuit-claims``: what there is to test, without running it."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from circuit_claims.commands import compare, init, pair, report, store
from circuit_claims.commands import list as list_command

COMMANDS = {
    "list": list_command,
    "compare": compare,
    "init": init,
    "pair": pair,
    "report": report,
    "store": store,
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


class _Version(argparse.Action):
    """Print the installed version; read when it is asked for, and not at every start."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        print(f"circuit-claims {version('circuit-claims')}")
        parser.exit()


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    parser = _Parser(
        prog="circuit-claims",
        description="Findings about circuits inside a model, as tests. Run them with `pytest claims/`.",
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version, and end")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in COMMANDS.values():
        command.add_parser(commands)
    options = parser.parse_args(argv)
    command = COMMANDS[options.command]
    return _refusing(command.run, command.faults(), options)


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


if __name__ == "__main__":
    sys.exit(main())
