"""Claims without Python: a measurement, a comparison and a number, in any `*.claims.toml`.

    [[claim]]
    id = "mlp-recovers-half"
    statement = "Patching a single MLP recovers more than half of the outcome signal."
    source = "our note, section 2"
    kind = "means"                              # exact | reproduces | means | forensic
    measure = "recovery"                        # a question of the `circuit` fixture
    with = { site = "mlp_out {layer}", metric = "projection" }
    each = { layer = [4, 5, 6] }                # or any = { ... }: a part for each value
    above = 0.5                                 # or one of ASSERTED
    published = 0.6                             # optional
    controls = ["noise", "other-clip", "third video", "random weights"]

A file becomes a pytest module of one test for each claim, which is parametrised, judged and recorded like
any other. What is wrong in it is said in one line, with exit status 4, before anything is measured.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from circuit_claims.clips.errors import ManifestError
from circuit_claims.clips.table import Table, read_toml

if TYPE_CHECKING:
    from pathlib import Path

    from circuit_claims.run.session import ClaimSession

SUFFIX = ".claims.toml"
_KEYS = (
    *("id", "statement", "source", "kind", "scope", "measure", "with", "each", "any", "log", "controls"),
    *("within", "published", "rounding"),
)


class TomlClaims:
    """Collects `*.claims.toml`; registered by the plugin."""

    def __init__(self, session: ClaimSession) -> None:
        self._session = session

    def pytest_collect_file(self, file_path: Path, parent: pytest.Collector) -> pytest.Module | None:
        """Make a module of a claims file; its faults are kept for the plugin to say."""
        if not file_path.name.endswith(SUFFIX):
            return None
        try:
            made = as_module(file_path)
        except ManifestError as fault:
            self._session.faults.append(str(fault))
            return None
        module: pytest.Module = pytest.Module.from_parent(parent, path=file_path)
        module.obj = made
        return module


def as_module(path: Path) -> types.ModuleType:
    """The file as a module of test functions that carry claims. Raises ManifestError."""
    top = Table(path, None, read_toml(path, f"a file of claims (NAME{SUFFIX})"))
    top.allow("claim")
    module = types.ModuleType(path.name.removesuffix(SUFFIX).replace("-", "_"))
    module.__file__ = str(path)
    for number, table in enumerate(top.tables("claim"), 1):
        function = _test(Table(path, f"claim {number}", table.values))
        if hasattr(module, function.__name__):
            raise ManifestError(path, f"claim {number}", "has the id and kind of an earlier one; rename it")
        setattr(module, function.__name__, function)
    return module


def _test(table: Table) -> Callable[..., None]:
    """The test function of one claim."""
    from circuit_claims.judge.claim import claim
    from circuit_claims.run.toml_asked import ASSERTED, asked_by

    table = Table(table.path, f'claim "{table.text("id")}"', table.values)
    table.allow(*_KEYS, *ASSERTED)
    asked = asked_by(table)
    kind = table.text("kind")
    try:
        marked = claim(
            table.text("id"),
            table.text("statement"),
            source=table.text("source"),
            kind=kind,
            scope=table.text("scope") if "scope" in table.values else "trained",
            each=asked.over if "each" in table.values else None,
            any=asked.over if "any" in table.values else None,
        )
    except ValueError as fault:
        raise ManifestError(table.path, table.where, f"{fault}; mend it") from None

    def judged(circuit: Any, judge: Any, **part: Any) -> None:
        judge(
            asked.sample(circuit, part),
            asked.expectation,
            published=asked.published,
            rounding=asked.rounding,
            controls=asked.controlled(circuit, part),
        )

    function = _with_parameter(judged, asked.over)
    function.__name__ = "test_" + "".join(c if c.isalnum() else "_" for c in f"{table.text('id')}_{kind}")
    function.__doc__ = table.text("statement")
    if asked.over:
        values = list(asked.values)
        parametrise = pytest.mark.parametrize(asked.over, values, ids=[f"{asked.over}{v}" for v in values])
        function = parametrise(function)
    return marked(function)


def _with_parameter(judged: Callable[..., None], over: str | None) -> Callable[..., None]:
    """The same with the parameter in its signature, which is what pytest parametrises."""

    def function(**arguments: Any) -> None:
        judged(**arguments)

    names = ("circuit", "judge", *([over] if over else []))
    parameters = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in names]
    function.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return function
