"""Which change of the source code makes a number another one: of what makes it, and of nothing else."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from circuit_claims.measure import code_hash as module
from circuit_claims.measure.code_hash import code_hash

ROOMS = {
    "measure/patching.py": "from circuit_claims.models.residual import walk\n",
    "measure/ablation.py": "from circuit_claims.measure import patching\n",
    "measure/probing.py": "import numpy\n",
    "measure/assay.py": "def late():\n    from circuit_claims.clips.decode import Decoder\n"
    "from circuit_claims.measure.store import (\n    Store,\n)\n",
    "measure/store.py": "x = 1\n",
    "models/load.py": "import circuit_claims.models.residual\n",
    "models/residual.py": "x = 1\n",
    "clips/decode.py": "x = 1\n",
    "judge/verdict.py": "x = 1\n",
}


@pytest.fixture
def package(tmp_path: Path) -> Path:
    for name, text in ROOMS.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return tmp_path


def hashes(package: Path) -> dict[str, str]:
    code_hash.cache_clear()
    module._imported.cache_clear()
    return {name: code_hash(f"measure.{name}", package) for name in ("patching", "ablation", "probing")}


@pytest.mark.parametrize(
    ("changed", "of"),
    [
        ("measure/patching.py", {"patching", "ablation"}),
        ("measure/ablation.py", {"ablation"}),
        ("measure/probing.py", {"probing"}),
        ("models/residual.py", {"patching", "ablation", "probing"}),
        ("clips/decode.py", {"patching", "ablation", "probing"}),
        ("judge/verdict.py", set()),
        ("measure/store.py", set()),
    ],
)
def test_a_change_reaches_what_imports_it_and_nothing_else(package: Path, changed: str, of: set[str]) -> None:
    before = hashes(package)
    (package / changed).write_text(ROOMS[changed] + "y = 2\n")
    after = hashes(package)
    assert {name for name in before if before[name] != after[name]} == of


def test_the_same_code_under_another_name_is_another_code(package: Path) -> None:
    before = hashes(package)
    (package / "models" / "residual.py").rename(package / "models" / "stream.py")
    assert hashes(package)["patching"] != before["patching"]


def test_a_measurement_that_no_module_makes_is_said_so(package: Path) -> None:
    with pytest.raises(FileNotFoundError):
        code_hash("measure.nothing", package)


@pytest.mark.parametrize(
    "written",
    [
        "from circuit_claims.clips import decode",
        "from circuit_claims.clips import (\n    strip,\n    decode as d,\n)",
        "from circuit_claims.clips import strip, \\\n    decode",
        "if True: from circuit_claims.clips.decode import x",
        "x = 1; import os, circuit_claims.clips.decode as d",
        "def f():\n\tfrom circuit_claims.clips.decode import x  # late",
    ],
)
def test_an_import_is_found_however_it_is_written(package: Path, written: str) -> None:
    before = hashes(package)
    (package / "measure/probing.py").write_text(written)
    with_import = hashes(package)["probing"]
    (package / "clips/decode.py").write_text("x = 2")
    assert len({before["probing"], with_import, hashes(package)["probing"]}) == 3


def test_every_import_that_python_sees_is_found() -> None:
    """Held against the parser, on all of the package's own modules."""
    root = Path(module.__file__).parents[1]
    for path in sorted(root.rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        seen = set()
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Import):
                seen |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                assert not node.level, f"{path}: a relative import is not followed"
                seen |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        files = {module._file_of(root, name) for name in seen}
        assert files <= {None, *(module._file_of(root, name) for name in module._names(source))}, path


def test_the_real_measurements_reach_the_model_the_clips_and_no_verdict() -> None:
    root = Path(module.__file__).parents[1]
    reached = {
        path.relative_to(root).as_posix()
        for path in module._reached(root, ("measure.per_pair", *module.EVERY_MEASUREMENT))
    }
    for needed in ("models/vivit.py", "models/load.py", "clips/decode.py", "measure/patching.py"):
        assert needed in reached
    assert not {path for path in reached if path.startswith(("judge/", "report/", "organisms/"))}


def test_a_hash_imports_nothing_of_what_it_hashes() -> None:
    code = (
        "import sys; from circuit_claims.measure.code_hash import code_hash; code_hash('measure.per_pair'); "
        "sys.exit(any(name in sys.modules for name in ('torch', 'circuit_claims.measure.per_pair')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
