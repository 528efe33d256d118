"""Small claim files for pytester. Most need no model: a claim judges numbers that its test writes down."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from tiny_world import CLAIMS, save_clips, save_model

HEAD = """\
import pytest
from circuit_claims import above, below, between, claim, exactly
from circuit_claims.types import Sample

def sample(*values, **more):
    return Sample("recovery", "fraction", values, **more)

def says(id, *, kind="reproduces", **more):
    return claim(id, f"The statement of {id}.", source="written by hand", kind=kind, **more)

SUPPORTED, REFUTED, OPEN = (1, 2, 3, 4, 5), (-1, -2, -3, -4, -5), (-2, -1, 0, 1, 3)
"""
ONE = {
    "supported": "judge(sample(*SUPPORTED), above(0))",
    "refuted": "judge(sample(*REFUTED), above(0))",
    "inconclusive": "judge(sample(*OPEN), above(0))",
    "not applicable": "raise NotApplicable('the model has 2 layers')",
    "error": "raise MemoryError('12 GB')",
}
"""The body of a test that ends in a verdict."""

HEAVY = (
    "circuit_claims.run.finish",
    "circuit_claims.judge.contrasts",
    "circuit_claims.judge.effects",
    "circuit_claims.judge.verdict",
    "circuit_claims.report.failure",
    "circuit_claims.report.files",
    "circuit_claims.report.github",
    "circuit_claims.report.terminal",
    "jinja2.ext",
    "jinja2.loaders",
    "numpy",
    "PIL.Image",
    "PIL.JpegImagePlugin",
    "rich.console",
    "rich.padding",
    "rich.table",
    "scipy.stats",
    "tomlkit",
)
MEASURING = (
    "circuit_claims.clips.decode",
    "circuit_claims.run.frames",
    "circuit_claims.measure.assay",
    "circuit_claims.measure.circuit",
    "circuit_claims.measure.per_pair",
    "circuit_claims.measure.store",
    "circuit_claims.models.load",
    "circuit_claims.organisms.registry",
    "circuit_claims.run.session",
    "circuit_claims.run.context",
)
ALONE = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest", "-p", "no:benchmark", "-p", "no:anyio")
"""Without plugins that a claim has no use for: hypothesis alone takes seconds to import, in every run."""


class Claims:
    """A folder `claims/` in pytester's, runs of it, and what they left behind."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self.pytester = pytester
        self.folder = pytester.path / "claims"
        self.reports = pytester.path / "reports"
        (self.folder / "recorded").mkdir(parents=True)

    def write(self, body: str, name: str = "test_claims.py") -> Path:
        """A claim file; `sample`, `says` and the assertions are imported."""
        path = self.folder / name
        path.write_text(HEAD + body)
        return path

    def each_ends_in(self, *outcomes: str) -> None:
        """A claim for each verdict, its id the verdict's words joined by dashes."""
        body = "from circuit_claims.measure.errors import NotApplicable\n"
        for outcome in outcomes:
            id = outcome.replace(" ", "-")
            body += f"@says({id!r})\ndef test_{id.replace('-', '_')}(judge):\n    {ONE[outcome]}\n"
        self.write(body)

    def record(self, text: str, model: str = "paper") -> Path:
        path = self.folder / "recorded" / f"{model}.toml"
        path.write_text(f'schema = 1\nmodel = "{model}"\n{text}')
        return path

    def run(self, *args: str) -> pytest.RunResult:
        """In this process, which is fast."""
        return self.pytester.runpytest_inprocess("claims", *ALONE, *args)

    def spawn(self, *args: str) -> pytest.RunResult:
        """In a process of its own."""
        return self.pytester.runpytest_subprocess("claims", *ALONE, *args)

    @property
    def report(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.reports / "latest.json").read_text())
        return found

    def entry(self, id: str, model: str | None = None) -> dict[str, Any]:
        (found,) = [e for e in self.report["claims"] if e["claim"] == id and model in (None, e["model"])]
        return found


@pytest.fixture(scope="session")
def preloaded() -> None:
    """Pytester forgets what a run in this process imported, and numpy cannot be imported twice."""
    for name in HEAVY:
        import_module(name)


@pytest.fixture
def claims(preloaded: None, pytester: pytest.Pytester) -> Claims:
    return Claims(pytester)


@dataclass(frozen=True)
class World:
    """Two models and a manifest of their clips; read only."""

    model: Path
    other: Path
    pairs: Path


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    for name in MEASURING:
        import_module(name)
    folder = tmp_path_factory.mktemp("world")
    return World(
        save_model(folder / "tiny", 1), save_model(folder / "other", 2), save_clips(folder / "clips")
    )


class OnModels(Claims):
    """Claims that ask a model, with a store in pytester's folder unless another is named."""

    def __init__(self, pytester: pytest.Pytester, world: World) -> None:
        super().__init__(pytester)
        self.world = world
        self.write(CLAIMS)

    def options(self, *models: Path) -> list[str]:
        words = [f"--circuit-model={model}" for model in models or (self.world.model,)]
        return [*words, f"--circuit-pairs={self.world.pairs}"]

    def measured(self) -> Counter[str]:
        """How many entries the store holds, by measurement; when clips show their frames is none."""
        entries = [
            json.loads(path.read_text())["fields"]
            for path in (self.pytester.path / ".circuit-cache").glob("[0-9a-f][0-9a-f]/*.json")
        ]
        names = (fields["measurement"].rpartition(".")[2] for fields in entries)
        return Counter(name for name in names if name != "timeline")


@pytest.fixture
def on_models(preloaded: None, pytester: pytest.Pytester, world: World) -> OnModels:
    return OnModels(pytester, world)


@pytest.fixture
def last_line() -> Callable[[pytest.RunResult], str]:
    """Pytest's final line of counts, without its rule and the time."""
    return lambda result: result.outlines[-1].strip("= ").split(" in ")[0]
