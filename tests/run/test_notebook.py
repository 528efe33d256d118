"""`circuit_claims.check`: in a notebook the same verdicts, report and status as pytest's."""

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from circuit_claims import CheckError, check
from circuit_claims.run.notebook import CELLS, _words

CLAIMS = """
import pytest
from circuit_claims import above, attn_out, claim, mlp_out

@claim("some", "A statement.", source="by hand", kind="reproduces", each="layer")
@pytest.mark.parametrize("layer", [0, 1])
def test_some(circuit, judge, layer):
    judge(circuit.recovery(mlp_out(layer)), above(-3.0))

@claim("none", "Another.", source="by hand", kind="reproduces")
def test_none(circuit, judge):
    judge(circuit.recovery(attn_out(0)), above(3.0))
"""
MADE = ("cache", "reports", "test_mine.py", ".benchmarks")
"""What the runs, and a plugin beside ours, leave in the folder."""
CHECK = """
import json, sys
from circuit_claims import check
{cells}
found = check({model!r}, {pairs!r}, {claims}, cache={cache!r})
print(json.dumps([found.report, found.status]))
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A tiny model and its pairs, in words of the command line."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "plugin"))
    try:
        from tiny_world import save_clips, save_model
    finally:
        sys.path.pop(0)
    folder = tmp_path_factory.mktemp("world")
    return str(save_model(folder / "tiny", 1)), str(save_clips(folder / "clips"))


def python(code: str, cwd: Path) -> str:
    done = subprocess.run([sys.executable, "-c", code], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_check_is_what_pytest_says(world: tuple[str, str], tmp_path: Path) -> None:
    model, pairs = world
    (tmp_path / "test_mine.py").write_text(CLAIMS)
    cache = str(tmp_path / "cache")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "test_mine.py", f"--circuit-model={model}"),
            *(f"--circuit-pairs={pairs}", f"--circuit-cache={cache}", "-p", "no:cacheprovider"),
        ],
        cwd=tmp_path,
        capture_output=True,
    )
    theirs = json.loads((tmp_path / "reports" / "latest.json").read_text())

    def same(report: dict, *, but: tuple[str, ...] = ()) -> list[dict]:
        return [{key: value for key, value in entry.items() if key not in but} for entry in report["claims"]]

    said = python(
        CHECK.format(cells="", model=model, pairs=pairs, cache=cache, claims="'test_mine.py'"), tmp_path
    )
    report, status = json.loads(said.splitlines()[-1])
    assert status == done.returncode == 1
    assert same(report) == same(theirs)

    # The same functions, defined in a cell.
    code = CHECK.format(cells=CLAIMS, model=model, pairs=pairs, cache=cache, claims="[test_some, test_none]")
    report, status = json.loads(python(code, tmp_path).splitlines()[-1])
    assert status == 1
    # Only the file is another: a cell is no file.
    where = ("nodeids", "parts", "again", "rerun")
    assert same(report, but=where) == same(theirs, but=where)
    assert [p.name for p in tmp_path.iterdir() if p.name not in MADE] == []


def test_an_edited_claim_is_read_again(world: tuple[str, str], tmp_path: Path) -> None:
    model, pairs = world
    (tmp_path / "test_mine.py").write_text(CLAIMS)
    code = textwrap.dedent(f"""
        from pathlib import Path
        from circuit_claims import check
        def verdicts():
            return check({model!r}, {pairs!r}, "test_mine.py", cache={str(tmp_path / "cache")!r}).verdicts
        print(verdicts())
        path = Path("test_mine.py")
        path.write_text(path.read_text().replace("above(3.0)", "above(-3.0)"))
        print(verdicts())
    """)
    first, second = python(code, tmp_path).splitlines()
    assert first == "{'some/reproduces': 'supported', 'none/reproduces': 'refuted'}"
    assert second == "{'some/reproduces': 'supported', 'none/reproduces': 'supported'}"


def test_what_cannot_be_judged_is_an_error_in_pytests_words(tmp_path: Path) -> None:
    code = textwrap.dedent("""
        from circuit_claims import CheckError, above, check, claim
        @claim("x", "X.", source="s", kind="reproduces")
        def test_x(circuit, judge):
            judge(circuit.distance(), above(0))
        for model, pairs, claims, options in (
            ("organizm", None, test_x, {}),
            ("organism", "gone.toml", test_x, {}),
            ("organism", None, "gone/", {}),
            ("organism", None, test_x, {"threads": 0}),
        ):
            try:
                check(model, pairs, claims, **options)
            except CheckError as error:
                print(str(error).splitlines()[0])
            else:
                print("no error")
    """)
    lines = python(code, tmp_path).splitlines()
    assert "organizm: no model of this name" in lines[0]
    assert "gone.toml: does not exist" in lines[1]
    assert "gone/" in lines[2]
    assert "is not a number of threads" in lines[3] or "usage" in lines[3]
    assert len(lines) == 4


def test_options_are_those_of_the_command_line() -> None:
    assert list(_words("pair", ["a*", "b"])) == ["--circuit-pair=a*", "--circuit-pair=b"]
    assert list(_words("report_dir", "x")) == ["--circuit-report-dir=x"]
    assert list(_words("strict", True)) == ["--circuit-strict"]
    assert list(_words("strict", False)) == list(_words("record", None)) == []


def test_the_names_are_public_and_nothing_is_left_behind() -> None:
    assert callable(check)
    assert issubclass(CheckError, Exception)
    assert CELLS == {}
