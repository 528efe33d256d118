"""``circuit-claims list``: the models, claims, pairs or questions there are, without running anything."""

from __future__ import annotations

import argparse
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

from circuit_claims.commands.pair import manifest_here, rows
from circuit_claims.commands.tables import print_table


class NoClaims(Exception):  # noqa: N818 - what is wrong is in its words
    """A folder has no claims, or they cannot be collected."""


def add_parser(commands: Any) -> None:
    """Add the command and its options."""
    parser = commands.add_parser("list", help="name the models, claims, pairs or questions there are")
    parser.add_argument("what", choices=("models", "claims", "pairs", "questions"))
    parser.add_argument("--circuit-pairs", metavar="FILE", help="the manifest to list pairs of")
    parser.add_argument(
        "folder", nargs="?", type=Path, help="where claims are (default: those that are here)"
    )
    parser.add_argument(
        "--builtin", action="store_true", help="the package's own claims or pairs, where others are here too"
    )


def faults() -> tuple[type[Exception], ...]:
    """What is wrong with the user's input, and explains itself."""
    from circuit_claims.clips.errors import ManifestError

    return ManifestError, NoClaims


def run(options: argparse.Namespace) -> int:
    """List what is asked for."""
    listers = {"models": _models, "claims": _claims, "pairs": _pairs, "questions": _questions}
    return listers[options.what](options)


def _questions(_options: argparse.Namespace) -> int:
    from circuit_claims.measure.circuit import Circuit
    from circuit_claims.measure.questions.registry import questions

    rows = [
        (one.name, ", ".join(one.parameters), one.says.replace("`", ""))
        for one in questions(Circuit).values()
    ]
    print_table(("question", "parameters", "what it asks"), rows)
    return 0


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

    from circuit_claims.organisms.registry import beside, pairs_of, resolve

    here = None if options.builtin else _claims_here()
    folder = options.folder or here or beside("claims")
    _say_whose("claims", options.folder or here, options)
    collector = _Collector()
    # The package is imported already, which pytest would warn of, and a strict project would fail on.
    quiet = ["-q", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning"]
    # Claims can be named before there is a pair to judge them on.
    pairs = f"--circuit-pairs={pairs_of(resolve('organism'))}"
    with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
        status = pytest.main([str(folder), "--collect-only", pairs, *quiet], plugins=[collector])
    if status not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED) or not collector.claims:
        raise NoClaims(f"{folder}: no claims could be collected; `pytest --collect-only {folder}` says why")
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
    from circuit_claims.clips.pairs import load_pairs
    from circuit_claims.clips.paper import paper_manifest
    from circuit_claims.organisms.registry import pairs_of, resolve
    from circuit_claims.run.subject import PAPER

    named = options.circuit_pairs
    if named == PAPER:
        named = paper_manifest(Path(".circuit-cache"))
    here = manifest_here(None)
    if not named and here.exists() and not options.builtin:
        named = here
    _say_whose("pairs", named, options)
    rows(load_pairs(named or pairs_of(resolve("organism"))))
    return 0


def _claims_here() -> Path | None:
    """Where the user stands, if there are files of claims; their `claims/`, if that has some."""
    for folder in (Path(), Path("claims")):
        if any(folder.glob("*.claims.toml")) or any(
            "@claim" in _text(file) for file in folder.glob("test_*.py")
        ):
            return folder
    return None


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace")


def _say_whose(what: str, found: object, options: argparse.Namespace) -> None:
    """Say that these are the package's own, where nobody asked for them."""
    if not found and not options.builtin:
        print(f"The package's own {what}: none are here.")
