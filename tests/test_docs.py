"""The pages say what happens: every command block is run, and its output is the one that is printed there.

In a block of `console`, lines after `$` are commands; what follows is their output, in which `*` stands for
anything, and a line of `*` alone for any number of lines.
"""

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from circuit_claims import cli
from circuit_claims.organisms.registry import beside

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
    """An empty folder but for three clips under the names of the pages."""
    for name, clip in CLIPS.items():
        shutil.copy(beside("fixtures") / "videos" / f"{clip}.mp4", tmp_path / f"{name}.mp4")
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
    """The Python of the page of claims, its TOML twin, and the notebook's cell."""
    page = DOCS / "how-to" / "claims.md"
    python, cell = blocks(page, "python")
    (toml,) = blocks(page, "toml")
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


def test_blocks_are_of_a_kind_that_is_checked() -> None:
    kinds = {kind for page in PAGES for kind, _ in FENCE.findall(page.read_text(encoding="utf-8"))}
    assert kinds <= {"console", "python", "toml", "sh", "text", "json"}


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


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("mkdocs") is None, reason="mkdocs is not installed")
def test_the_pages_build_strictly(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "mkdocs", "build", "--strict", "-q", "-d", str(tmp_path / "site")]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Judge a measurement" in (tmp_path / "site" / "reference" / "claims" / "index.html").read_text()
