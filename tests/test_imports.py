"""What may not be imported, and when: pytest imports the plugin at every start, in every project."""

import ast
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import circuit_claims

ROOT = Path(__file__).parents[1]
HEAVY = ("torch", "transformers", "numpy", "scipy", "rich", "decord", "av", "matplotlib", "jinja2", "tomlkit")
TELL = f"""
import sys
def heavy():
    print("imported:", *sorted(set({HEAVY!r}) & set(sys.modules)), file=sys.stderr)
"""
RUN_PYTEST = """
import pytest
class Last:
    def pytest_unconfigure(self):
        heavy()
sys.exit(pytest.main(sys.argv[1:], plugins=[Last()]))
"""
ALONE = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest", "-p", "no:benchmark", "-p", "no:anyio")


def imported(code: str, *args: str) -> tuple[set[str], str]:
    ran = subprocess.run([sys.executable, "-c", TELL + code, *args], capture_output=True, text=True, cwd=ROOT)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    line = next(line for line in ran.stderr.splitlines() if line.startswith("imported:"))
    return set(line.split()[1:]), ran.stdout


def test_the_package_and_all_its_names_are_light():
    names = "; ".join(f"circuit_claims.{name}" for name in circuit_claims.__all__)
    found, _ = imported(f"import circuit_claims; {names}; heavy()")
    assert found == set()


@pytest.mark.parametrize(
    "module", ["plugin", "cli", "run.options", "run.session", "run.finish", "organisms.registry"]
)
def test_what_opens_the_doors_is_light(module):
    found, _ = imported(f"import circuit_claims.{module}; heavy()")
    assert found == set()


@pytest.mark.parametrize(
    ("args", "shown"),
    [
        (["--help"], "--circuit-model=NAME"),
        (["claims", "--collect-only", "-q"], "claims/test_0_calibration.py::"),
        (["claims/test_4_published_tables.py", "--collect-only", "-q"], "tests collected"),
    ],
    ids=["help", "collect claims", "collect tables"],
)
def test_help_and_collection_are_light(args, shown):
    found, out = imported(RUN_PYTEST, *args, *ALONE)
    assert found == set()
    assert shown in out


def test_arithmetic_on_published_tables_needs_no_torch(tmp_path):
    code = RUN_PYTEST.replace("sys.exit(pytest.main", "assert 1 == (pytest.main")
    where = f"--circuit-report-dir={tmp_path}"
    found, _ = imported(
        code, "claims/test_4_published_tables.py", "-q", "--circuit-record=none", where, *ALONE
    )
    assert found == {"jinja2", "rich"}


def test_every_public_name_is_there_and_an_unknown_one_is_told_the_others():
    for name in circuit_claims.__all__:
        assert getattr(circuit_claims, name) is not None
    assert set(dir(circuit_claims)) == {*circuit_claims.__all__, "__version__"}
    with pytest.raises(AttributeError, match=r"no attribute 'clam'; it offers CheckError, .*, Scope, above"):
        circuit_claims.clam  # noqa: B018


ROOMS = {
    "clips": {"clips"},
    "models": {"clips", "models"},
    "measure": {"clips", "models", "measure"},
    "judge": {"judge"},
    "report": {"judge", "report"},
    "organisms": {"clips", "models", "organisms"},
    "run": {"clips", "models", "measure", "judge", "report", "organisms", "run"},
    "commands": {"clips", "models", "measure", "judge", "report", "organisms", "run", "commands"},
}
"""Data walks through the rooms once, in one direction."""
EVERYWHERE = {"files", "types"}
"""What any room may use."""


def imports(path):
    """The modules that a file imports, anywhere in it: also inside functions, and for type checking."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


@pytest.mark.parametrize("room", ROOMS)
def test_rooms_import_only_what_comes_before_them(room):
    package = ROOT / "circuit_claims"
    for path in sorted((package / room).rglob("*.py")):
        used = {name.split(".")[1] for name in imports(path) if name.startswith("circuit_claims.")}
        # Names such as `from circuit_claims import claim` are those that the package offers.
        used &= {child.stem for child in package.iterdir()} - EVERYWHERE
        assert used <= ROOMS[room], f"{path.relative_to(ROOT)} imports {used - ROOMS[room]}"


def test_there_are_no_import_circles():
    package = ROOT / "circuit_claims"
    modules = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in package.rglob("*.py")}
    after = {name: set(imports(path)) & modules.keys() - {name} for name, path in modules.items()}
    try:
        tuple(TopologicalSorter(after).static_order())
    except CycleError as circle:
        pytest.fail(f"modules import each other: {' <- '.join(circle.args[1])}")


def test_a_warm_run_imports_no_torch(tmp_path):
    """What was measured once is judged from the store: no torch, no model, no decoder, no clip decoded."""
    code = """
import sys
from types import SimpleNamespace
from circuit_claims.clips.pairs import load_pairs
from circuit_claims.measure.store import Store
from circuit_claims.clips.timeline import Timeline
from circuit_claims.organisms.registry import pairs_of, resolve
import circuit_claims.measure.assay as assay
source = resolve("organism")
pairs = load_pairs(pairs_of(source))
store = Store(sys.argv[1])
walked = SimpleNamespace(timeline=lambda _path: Timeline((0.0,), 1, 1, 0.0, "by hand"))
cold = assay.Assay(source, pairs, assay.Bench(store, walked))
for pair in cold.chosen("outcome"):
    store.put(cold._key("jitter.says", {}, pair), {"success": {"label": 1}, "failure": {"label": 1}})
bench = assay.Bench(store, SimpleNamespace())
found = assay.Assay(source, pairs, bench).measured("jitter.says", "outcome", {})
assert len(found) == 32, len(found)
heavy()
"""
    found, _ = imported(code, str(tmp_path))
    assert found == set()
