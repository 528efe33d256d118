"""The pages say what happens: every command block is run, and its output is the one that is printed there.

In a block of `console`, lines after `$` are commands; what follows is their output, in which `*` stands for
anything, and a line of `*` alone for any number of lines.
"""

import importlib.util
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
import types
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from circuit_claims import cli
from circuit_claims.measure.controls import CONTROLS
from circuit_claims.measure.recovery import METRICS
from circuit_claims.organisms.registry import beside
from circuit_claims.types import Outcome

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(path for path in DOCS.rglob("*.md"))
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CLIPS = {
    "success": "bowling-1-success",
    "failure": "bowling-1-failure",
    "another-success": "bowling-2-success",
}


def named(page: Path) -> str:
    """A page as its tests are called."""
    return page.relative_to(DOCS).as_posix()


def blocks(page: Path, language: str) -> list[str]:
    return [body for kind, body in FENCE.findall(page.read_text(encoding="utf-8")) if kind == language]


def commands(page: Path) -> list[tuple[str, list[str]]]:
    """Each command of a page's console blocks, with the lines that it is said to print."""
    found: list[tuple[str, list[str]]] = []
    for block in blocks(page, "console"):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            else:
                found[-1][1].append(line)
    return found


def prints(said: list[str], lines: list[str]) -> bool:
    """Whether lines are as a page says."""
    if not said:
        return not lines
    if said[0] == "*":
        return any(prints(said[1:], lines[skipped:]) for skipped in range(len(lines) + 1))
    here = re.sub(r"([\[\]?])", r"[\1]", said[0])  # only * is a pattern
    return bool(lines) and fnmatchcase(lines[0].rstrip(), here) and prints(said[1:], lines[1:])


def run(command: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    """A command of a page, with this environment's programs."""
    program, *words = shlex.split(command)
    module = {"circuit-claims": "circuit_claims.cli", "pytest": "pytest"}[program]
    quiet = ["-p", "no:cacheprovider", "-p", "no:hypothesispytest", "-p", "no:benchmark"]
    words = [sys.executable, "-m", module, *words, *(quiet if program == "pytest" else [])]
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, env={**os.environ, "CI": ""})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder but for clips under the names of the pages: three, and two at other frame rates."""
    from circuit_claims.organisms.encode import decode, encode

    for name, clip in CLIPS.items():
        shutil.copy(beside("fixtures") / "videos" / f"{clip}.mp4", tmp_path / f"{name}.mp4")
    for name, fps in (("success", 25), ("failure", 30)):
        frames = decode(tmp_path / f"{name}.mp4")  # two seconds at 24 a second
        encode(tmp_path / f"at-{fps}-fps.mp4", frames[[i * 24 // fps for i in range(2 * fps)]], fps)
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("page", [p for p in PAGES if commands(p)], ids=named)
def test_every_command_prints_what_its_page_says(page: Path, folder: Path) -> None:
    for command, said in commands(page):
        done = run(command, folder)
        assert done.returncode in (0, 11), done.stdout + done.stderr
        assert prints(said, done.stdout.splitlines()), f"$ {command}\n{done.stdout}"


@pytest.mark.slow
def test_the_claims_of_the_pages_are_judged(folder: Path) -> None:
    """The claim in Python, its TOML twin, the one that is screened, places, and the cell of a notebook."""
    page = DOCS / "how-to" / "claims.md"
    python, screened, places, cell = blocks(page, "python")
    toml, place = blocks(page, "toml")
    assert run("circuit-claims init mine --example", folder).returncode == 0
    mine = folder / "mine"
    (mine / "test_claims.py").write_text(python)
    script = f"{cell}\nprint(found.verdicts)\n"
    done = subprocess.run([sys.executable, "-c", script], cwd=mine, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    verdicts = done.stdout.splitlines()[-1]
    assert verdicts.startswith("{'mlp-recovers-half/reproduces': ")
    (mine / "test_claims.py").unlink()
    (mine / "same.claims.toml").write_text(toml)
    done = subprocess.run(
        [sys.executable, "-c", script.replace("test_claims.py", "same.claims.toml")],
        cwd=mine,
        capture_output=True,
        text=True,
    )
    assert done.stdout.splitlines()[-1] == verdicts
    (mine / "test_heads.py").write_text(screened)
    assert run("pytest test_heads.py", mine).returncode == 11, "one pair decides nothing"
    (entry,) = json.loads((mine / "reports" / "latest.json").read_text())["claims"]
    assert "first order is off by" in entry["measurements"][0]["experiment"]["screen"]
    (mine / "test_heads.py").unlink()
    (mine / "same.claims.toml").write_text(place)
    (mine / "test_places.py").write_text(
        "from circuit_claims import anything, attn_out, claim\n"
        + "".join(
            f"@claim('place-{at}', 'A place.', source='the page', kind='reproduces')\n"
            f"def test_{at}(circuit, judge):\n    judge({asked}, anything())\n"
            for at, asked in enumerate(places.splitlines())
        )
    )
    run("pytest test_places.py same.claims.toml", mine)
    entries = json.loads((mine / "reports" / "latest.json").read_text())["claims"]
    assert [entry["verdict"] for entry in entries if entry["claim"] == "layer-4-looks-late"] == [
        "inconclusive"
    ]
    assert not [entry["sentence"] for entry in entries if entry["verdict"] == "error"]
    assert len(entries) == 4


@pytest.mark.slow
def test_the_controls_of_the_page_are_measured(folder: Path) -> None:
    """One pair decides nothing, and every control of the page has a value on it."""
    (python,) = blocks(DOCS / "how-to" / "controls.md", "python")
    assert run("circuit-claims init mine --example", folder).returncode == 0
    (folder / "mine" / "test_claims.py").write_text(python)
    done = run("pytest mine --circuit-report-dir reports", folder)
    assert done.returncode == 11, done.stdout
    (entry,) = json.loads((folder / "reports" / "latest.json").read_text())["claims"]
    (measured,) = entry["measurements"]
    assert entry["verdict"] == "inconclusive"
    controls = {control["name"]: control["value"] for control in measured["controls"]}
    assert set(controls) == {"same outcome", "noise of its size", "random weights", "the other layers"}
    assert None not in controls.values()


@pytest.mark.slow
def test_an_architecture_is_checked_as_its_page_says(tmp_path: Path) -> None:
    loop, *script = blocks(DOCS / "how-to" / "architecture.md", "python")
    assert "for write in model.writes" in loop
    (said,) = blocks(DOCS / "how-to" / "architecture.md", "text")
    words = [sys.executable, "-c", "\n".join(script)]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert prints(said.splitlines(), done.stdout.splitlines()), done.stdout


def shell(block: str, folder: Path, **env: str) -> "subprocess.CompletedProcess[str]":
    """A block of a page as a script, with this environment's programs found first."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-eu", "-c", block],
        cwd=folder,
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": path, "CI": "", **env},
    )


INSTALL = DOCS / "tutorial.md"


@pytest.mark.slow
def test_the_tutorial_installs_the_wheel(tmp_path: Path) -> None:
    """As written, but for the index: the wheel of this checkout, without the gigabytes that it depends on."""
    words = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(tmp_path / "dist"), str(ROOT)]
    subprocess.run(words, check=True, capture_output=True)
    (block,) = blocks(INSTALL, "sh")
    done = shell(block, tmp_path, PIP_NO_INDEX="1", PIP_NO_DEPS="1", PIP_FIND_LINKS=str(tmp_path / "dist"))
    assert done.returncode == 0, done.stderr
    program, python = (tmp_path / ".venv" / "bin" / name for name in ("circuit-claims", "python"))
    helped = subprocess.run([program, "--help"], capture_output=True, text=True, env={"PATH": os.defpath})
    assert helped.returncode == 0, helped.stderr
    where = "import circuit_claims.organisms.registry as r; print(r.beside('claims'), r.beside('fixtures'))"
    found = subprocess.run([python, "-I", "-c", where], capture_output=True, text=True, cwd=tmp_path)
    for place in found.stdout.split():
        assert Path(place).is_relative_to(tmp_path / ".venv")
        assert Path(place).is_dir()
    assert len(found.stdout.split()) == 2, found.stderr


@pytest.mark.slow
@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p, "sh") and p != INSTALL], ids=named)
def test_every_script_runs(page: Path, folder: Path) -> None:
    """In a folder that has a pair."""
    assert run("circuit-claims init mine --example", folder).returncode == 0
    shutil.copytree(ROOT / "ci", folder / "mine" / "ci")
    for block in blocks(page, "sh"):
        done = shell(block, folder / "mine")
        assert done.returncode in (0, 11), done.stdout + done.stderr


def test_no_block_hides_from_these_tests() -> None:
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        assert text.count("```") == 2 * len(FENCE.findall(text)), named(page)
        assert "~~~" not in text


def test_blocks_are_of_a_kind_that_is_checked() -> None:
    kinds = {kind for page in PAGES for kind, _ in FENCE.findall(page.read_text(encoding="utf-8"))}
    assert kinds <= {"console", "python", "toml", "sh", "text", "json", "yaml"}


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_what_is_not_run_can_be_read(page: Path) -> None:
    for block in blocks(page, "python"):
        compile(block, str(page), "exec")
    for block in blocks(page, "toml"):
        tomllib.loads(block)
    for block in blocks(page, "sh"):
        subprocess.run(["bash", "-n"], input=block, text=True, check=True)


def test_the_readme_names_commands_and_options_that_there_are() -> None:
    """They are too slow to run here; the pages' own commands are run above."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for command in set(re.findall(r"^    circuit-claims (\w+)", text, re.MULTILINE)):
        with pytest.raises(SystemExit) as ended:
            cli.main([command, "--help"])
        assert ended.value.code == 0, command
    helped = subprocess.run(
        [sys.executable, "-m", "pytest", "--help", str(ROOT / "claims")],
        capture_output=True,
        text=True,
        cwd=ROOT,
    ).stdout
    for option in set(re.findall(r"--circuit-[a-z-]+", text)):
        assert f"{option}=" in helped or f"{option} " in helped or f"{option}\n" in helped, option
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"(?:^    |`|\$ )make ([a-z-]+)", text, re.MULTILINE)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    for link in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (ROOT / link).exists(), link
    for code in re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        compile(code, "README.md", "exec")


def test_the_pages_are_read_as_they_are_meant() -> None:
    assert prints(["a *", "*", "d"], ["a b", "c", "c", "d"])
    assert prints(["*"], [])
    assert not prints(["a"], ["a", "b"])
    assert prints(["[x] ?"], ["[x] ?"])
    assert not prints(["[x]"], ["x"])


# Pictures -------------------------------------------------------------------------------------------------

PICTURES = DOCS / "pictures"
SHOWN = re.compile(r"!\[([^\]]+)\]\(pictures/([\w-]+)\.svg\)")


@pytest.fixture(scope="module")
def drawing() -> types.ModuleType:
    spec = importlib.util.spec_from_file_location("draw", PICTURES / "draw.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_pictures_are_those_that_are_drawn(drawing: types.ModuleType, tmp_path: Path) -> None:
    """`make pictures` changes nothing; a verdict that the judge would not give is not drawn at all."""
    drawn = {path.name: path.read_bytes() for path in drawing.draw(tmp_path)}
    committed = {path.name: path.read_bytes() for path in PICTURES.glob("*.svg")}
    assert sorted(drawn) == sorted(committed)
    assert [name for name in drawn if drawn[name] != committed[name]] == []
    assert sum(map(len, committed.values())) < 500_000


def test_a_picture_of_another_verdict_is_refused(drawing: types.ModuleType) -> None:
    evidence = drawing.MEASURED[Outcome.REFUTED, "value"]
    with pytest.raises(AssertionError, match=r"shows refuted \(value\)"):
        drawing._verdict(Outcome.SUPPORTED, "", evidence)


def test_every_verdict_metric_and_control_has_its_picture(drawing: types.ModuleType) -> None:
    pages = {kind: (DOCS / f"{kind}s.md").read_text() for kind in ("verdict", "metric", "control")}
    pages["calibration"] = (DOCS / "calibration.md").read_text()
    shown = {kind: [name for _, name in SHOWN.findall(text)] for kind, text in pages.items()}
    assert sorted(name for names in shown.values() for name in names) == sorted(
        path.stem for path in PICTURES.glob("*.svg")
    )
    for outcome in Outcome:
        assert any(name.startswith(drawing.word("verdict", outcome)) for name in shown["verdict"])
        assert f"\n## {outcome.capitalize()}\n" in pages["verdict"]
    for metric in METRICS:
        assert drawing.word("metric", metric) in shown["metric"]
        assert f"\n## {metric.replace('_', ' ').capitalize()}\n" in pages["metric"]
    for control in (*CONTROLS, "noise", "other-clip", *drawing.WEIGHTS, "family"):
        assert drawing.word("control", control) in shown["control"]
    for control in CONTROLS:
        assert control in pages["control"]


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("mkdocs") is None, reason="mkdocs is not installed")
def test_the_pages_build_strictly(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "mkdocs", "build", "--strict", "-q", "-d", str(tmp_path / "site")]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Judge a measurement" in (tmp_path / "site" / "reference" / "claims" / "index.html").read_text()
