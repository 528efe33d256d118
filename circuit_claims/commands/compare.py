"""``circuit-claims compare A B``: what changed between two runs, or differs between two models.

A and B are reports, or models: two models are judged by the same claims first, on the measurements that the
store has of them. Every number is compared pair by pair, over the pairs that both have.

Exit status: 0 nothing that ``--fail-on`` names, 1 something that it names, 4 a report that cannot be read,
models that cannot be judged, or two sides that have no claim in common.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

GRADES = {
    "none": (),
    "flips": ("flipped", "gone"),
    "moves": ("flipped", "gone", "moved"),
    "any": ("flipped", "gone", "moved", "new"),
}


FORWARDED = (
    ("--circuit-claim", "GLOB", "only the claims of these ids"),
    ("--circuit-pairs", "FILE", "the manifest of pairs"),
    ("--circuit-pair", "GLOB", "only the pairs of these names"),
    ("--circuit-profile", "full|smoke", "smoke: one pair an action"),
    ("--circuit-cache", "DIR|off", "where measurements are kept"),
    ("--circuit-device", "NAME", "where to compute"),
    ("--circuit-precision", "NAME", "what to compute in"),
    ("--circuit-threads", "N", "torch's threads"),
)
"""Options of the run that judges two models, as `pytest --help` explains them."""
REPORTS = Path("reports") / "compared"
"""Where that run writes its report."""


class CompareError(Exception):
    """Two sides that cannot be compared; the message says what is wrong and what to do."""


def add_parser(commands: Any) -> None:
    """Add the command to the parser's sub-commands."""
    parser = commands.add_parser(
        "compare", help="compare two reports, two models of one report, or two models", description=__doc__
    )
    parser.add_argument("first", metavar="A", help="the report before (A.json), or a model's name")
    parser.add_argument(
        "second", nargs="?", metavar="B", help="the report after, or a model (default: A.json itself)"
    )
    parser.add_argument(
        "--models", nargs=2, metavar=("A", "B"), help="compare model A of the first with B of the second"
    )
    parser.add_argument(
        "--fail-on",
        choices=GRADES,
        default="flips",
        help="flips: a verdict flipped, or a claim is gone; moves: also a number that moved; any: also new "
        "claims (default: %(default)s)",
    )
    parser.add_argument("--all", action="store_true", help="also show what does not differ")
    parser.add_argument("--format", choices=("terminal", "markdown", "json"), default="terminal")
    models = parser.add_argument_group("two models", "how they are judged first")
    models.add_argument(
        "--claims",
        metavar="PATH",
        help="the claims (default: claims/, those here, or the paper's)",
    )
    for option, metavar, words in FORWARDED:
        models.add_argument(option, action="append", metavar=metavar, help=words)


def faults() -> tuple[type[Exception], ...]:
    """What is wrong with the input, and explains itself."""
    from circuit_claims.report.compare import NothingToCompare
    from circuit_claims.report.reading import ReportError

    return ReportError, NothingToCompare, CompareError


def run(options: argparse.Namespace) -> int:
    """Compare, print, and say by the exit status whether it matters."""
    from circuit_claims.report.compare import Change, NothingToCompare, as_plain, compare, models_of
    from circuit_claims.report.compare_text import markdown, terminal
    from circuit_claims.report.reading import read

    first, second, models = _sides(options)
    report = read(first)
    other = report if second is None else read(second)
    if second is None and models is None:
        there = models_of(report)
        if len(there) != 2:
            raise NothingToCompare(
                f"{first} is of {', '.join(there) or 'no model'}: give a second report, "
                "or name two of its models with --models"
            )
        models = (there[0], there[1])
    found = compare(report, other, models)
    if options.format == "json":
        print(json.dumps(as_plain(found), indent=1, ensure_ascii=False))
    elif options.format == "markdown":
        print(markdown(found, whole=options.all), end="")
    else:
        from shutil import get_terminal_size

        tty = sys.stdout.isatty()
        width = get_terminal_size().columns if tty else 120
        print(terminal(found, width=width, colour=tty, whole=options.all), end="")
    return 1 if found.fails([Change(word) for word in GRADES[options.fail_on]]) else 0


def _sides(options: argparse.Namespace) -> tuple[Path, Path | None, tuple[str, str] | None]:
    """The reports to read, and which of their models to compare; two models are judged first."""
    models = (options.models[0], options.models[1]) if options.models else None
    sides = [side for side in (options.first, options.second) if side is not None]
    named = [side for side in sides if not _is_report(side)]
    forwarded = [option for option, _, _ in FORWARDED if _value(options, option)]
    if not named:
        if options.claims or forwarded:
            said = ", ".join(["--claims"] * bool(options.claims) + forwarded)
            raise CompareError(f"{said}: a report is judged already; name two models, or leave that away")
        return Path(options.first), Path(options.second) if options.second else None, models
    if len(named) != 2 or models:
        raise CompareError(
            f"{named[0]}: is no report (FILE.json); name two reports, or two models "
            "(`circuit-claims list models`) without --models"
        )
    if named[0] == named[1]:
        raise CompareError(f"{named[0]}: is named twice; name another model to compare it with")
    return _judged(named, options), None, _shown(named)


def _is_report(side: str) -> bool:
    return side.endswith(".json") or Path(side).is_file()


def _shown(models: list[str]) -> tuple[str, str]:
    """Two models by the names that their report has for them."""
    from circuit_claims.report.schema import shown_names

    first, second = shown_names(models, Path.cwd()).values()
    return first, second


def _value(options: argparse.Namespace, option: str) -> list[str]:
    return getattr(options, option.removeprefix("--").replace("-", "_")) or []


def _judged(models: list[str], options: argparse.Namespace) -> Path:
    """The report of both models, judged by the same claims without a record.

    Raises:
        CompareError: pytest judged nothing; its own words are shown.
    """
    report = REPORTS / "latest.json"
    report.unlink(missing_ok=True)
    words = [f"{option}={value}" for option, _, _ in FORWARDED for value in _value(options, option)]
    command = [sys.executable, "-m", "pytest", _claims(options.claims), "-q", "--tb=no"]
    command += [f"--circuit-model={model}" for model in models]
    command += ["--circuit-record=none", f"--circuit-report-dir={REPORTS}", *words]
    print(f"judging {' and '.join(models)}: a first time takes minutes", file=sys.stderr, flush=True)
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=_alone())
    if not report.is_file():
        said = (done.stderr.strip() or done.stdout.strip()).removeprefix("ERROR: ")
        raise CompareError(said or f"pytest ended with {done.returncode} and no report")
    return report


def _alone() -> dict[str, str]:
    """The environment without what another pytest around this one left there."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}


def _claims(named: str | None) -> str:
    """The claims that were named, those that are here, or the paper's."""
    from circuit_claims.organisms.registry import beside

    if named:
        return named
    if Path("claims").is_dir():
        return "claims"
    here = [*Path.cwd().glob("test_*.py"), *Path.cwd().glob("*.claims.toml")]
    return "." if here else str(beside("claims"))
