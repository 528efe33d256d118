"""`circuit_claims.check`: the claims of a folder, or of a notebook's cells, judged as pytest judges them.

The run is pytest's own, in this process, so that verdicts, report and exit status are the same.
"""

from __future__ import annotations

import sys
import tempfile
import types
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from circuit_claims.report.notebook import Report

CELLS: dict[str, Mapping[str, object]] = {}
"""What the module of a check of functions holds, by the module's name, while it runs."""
_MODULE = "from circuit_claims.run.notebook import CELLS\nglobals().update(CELLS[__name__])\n"


class CheckError(Exception):
    """What was asked cannot be judged: pytest's own words (a bad manifest, model or option)."""


@dataclass(frozen=True)
class Checked:
    """What a check found."""

    report: Mapping[str, Any]
    """The report, as in `reports/latest.json`."""
    status: int
    """The exit status that `pytest` would have had."""
    text: str = field(repr=False)
    """What `pytest` would have printed."""

    @property
    def verdicts(self) -> dict[str, str]:
        """Every claim's verdict, by ``id/kind``; with several models, by ``model: id/kind``."""
        models = {entry["model"] for entry in self.report["claims"] if entry["model"]}
        return {
            f"{entry['model']}: {entry['key']}" if len(models) > 1 else _key(entry): entry["verdict"]
            for entry in self.report["claims"]
        }

    def __getitem__(self, key: str) -> Mapping[str, Any]:
        """The entry of a claim in the report, by its id or ``id/kind``.

        Raises:
            KeyError: none or several go by it.
        """
        found = [e for e in self.report["claims"] if key in (e["claim"], _key(e))]
        if len(found) != 1:
            known = ", ".join(self.verdicts)
            raise KeyError(f"{len(found)} claims are called {key!r}; there are {known}")
        entry: Mapping[str, Any] = found[0]
        return entry

    def __str__(self) -> str:
        return self.text

    @property
    def shown(self) -> Report:
        """The report as a notebook shows it: a table of verdicts, and figures as functions."""
        from circuit_claims.report.notebook import Report

        return Report(self.report)

    def _repr_html_(self) -> str:
        return self.shown._repr_html_()


def _key(entry: Mapping[str, Any]) -> str:
    return f"{entry['claim']}/{entry['kind']}"


def check(
    model: str | Path | Sequence[str | Path],
    pairs: str | Path | None,
    claims: str | Path | Callable[..., object] | Sequence[str | Path | Callable[..., object]],
    **options: Any,
) -> Checked:
    """Judge claims on a model and its pairs: what `pytest` would say, in a notebook.

    Args:
        model: a name as `--circuit-model` takes it, or several.
        pairs: a manifest; None for the one beside the claims, or the model's own.
        claims: files, folders, or functions that carry `@claim` (a notebook's cells).
        options: those of the command line without `circuit_`: ``check(..., pair="bowling-*", seed=3)``.

    Raises:
        CheckError: a bad manifest, model, claim or option.
    """
    given = [claims] if isinstance(claims, str | Path) or callable(claims) else list(claims)
    models = [model] if isinstance(model, str | Path) else list(model)
    words = [f"--circuit-model={name}" for name in models]
    if pairs is not None:
        words.append(f"--circuit-pairs={pairs}")
    words += [word for name, value in options.items() for word in _words(name, value)]
    functions = [one for one in given if callable(one)]
    with tempfile.TemporaryDirectory(prefix="circuit-claims-") as folder:
        if "report_dir" not in options:
            words.append(f"--circuit-report-dir={folder}/reports")
        with _forgotten_imports(), _cells(functions, Path(folder)) as cells:
            paths = [str(one) for one in given if not callable(one)]
            if cells:
                words += [str(cells)]
                words += [] if paths else [f"--rootdir={Path.cwd()}"]
            return _run([*paths, *words])


def _words(name: str, value: Any) -> Iterator[str]:
    option = f"--circuit-{name.replace('_', '-')}"
    if value is True:
        yield option
    elif value is not False and value is not None:
        for one in value if isinstance(value, list | tuple) else [value]:
            yield f"{option}={one}"


def _run(words: list[str]) -> Checked:
    """Run pytest quietly and take the report from the session."""
    import pytest

    from circuit_claims.run.stash import SESSION

    held: dict[str, Any] = {}

    class Hold:
        def pytest_unconfigure(self, config: pytest.Config) -> None:
            held["report"] = config.stash[SESSION].report if SESSION in config.stash else None

    # The package is imported already, which pytest would warn of, and a strict project would fail on.
    quiet = ["-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning"]
    out = StringIO()
    with redirect_stdout(out), redirect_stderr(out):
        status = int(pytest.main([*words, *quiet], plugins=[Hold()]))
    if not held.get("report"):
        lines = [line for line in out.getvalue().splitlines() if line.startswith(("ERROR", "E "))]
        raise CheckError("\n".join(lines) or out.getvalue().strip())
    return Checked(held["report"], status, out.getvalue())


@contextmanager
def _cells(functions: Sequence[Callable[..., object]], folder: Path) -> Iterator[Path | None]:
    """A test module that holds the functions, while they are judged."""
    if not functions:
        yield None
        return
    names = [f.__name__ if f.__name__.startswith("test") else f"test_{f.__name__}" for f in functions]
    name = f"test_cells_{uuid.uuid4().hex[:12]}"
    module = folder / f"{name}.py"
    module.write_text(_MODULE, encoding="utf-8")
    CELLS[name] = dict(zip(names, functions, strict=True))
    try:
        yield module
    finally:
        del CELLS[name]


@contextmanager
def _forgotten_imports() -> Iterator[None]:
    """Forget the test modules that a run imports: a claim that was edited is read again by the next."""
    before = set(sys.modules)
    path = list(sys.path)
    try:
        yield
    finally:
        sys.path[:] = path
        for name, module in list(sys.modules.items()):
            if name not in before and _is_test(module):
                del sys.modules[name]


def _is_test(module: types.ModuleType | None) -> bool:
    """Whether a module came from a folder of claims: pytest's loader rewrites its assertions."""
    loader = getattr(getattr(module, "__spec__", None), "loader", None)
    return type(loader).__name__ == "AssertionRewritingHook"
