"""``-n auto``: workers where there is something to measure, none where the same command left nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from circuit_claims.run import workers as warm
from circuit_claims.run.options import Options

AUTO = ("-n", "auto", "--maxprocesses=1")


def workers(result: pytest.RunResult) -> bool:
    return any("1 worker" in line for line in result.outlines)


def test_the_second_run_of_a_command_starts_no_workers(claims: Any) -> None:
    claims.each_ends_in("supported")
    (claims.pytester.path / ".circuit-cache").mkdir()
    first, second = claims.spawn(*AUTO), claims.spawn(*AUTO)
    assert [workers(first), workers(second)] == [True, False]
    assert [result.parseoutcomes()["passed"] for result in (first, second)] == [1, 1]
    assert workers(claims.spawn(*AUTO, "--circuit-seed=1")), "another command"


def test_a_run_that_is_not_of_claims_alone_is_not_noted(claims: Any) -> None:
    claims.each_ends_in("supported")
    (claims.folder / "test_other.py").write_text("def test_it():\n    pass\n")
    (claims.pytester.path / ".circuit-cache").mkdir()
    claims.spawn(*AUTO)
    assert not (claims.pytester.path / ".circuit-cache" / warm.NOTE).exists()


@pytest.fixture
def noted(tmp_path: Path) -> tuple[Options, list[str]]:
    """Options of a project whose one file of claims was run, and the words of that run."""
    claims: Any = SimpleNamespace(cache=tmp_path / "cache", root=tmp_path, rejudge=None, words=())
    (tmp_path / "cache").mkdir()
    (tmp_path / "test_a.py").write_text("first")
    warm.note(claims, ["claims"], ["test_a.py::test_1", "test_a.py::test_2"])
    return claims, ["claims"]


def test_a_noted_run_is_warm_with_its_own_words_alone(noted: tuple[Options, list[str]]) -> None:
    options, words = noted
    assert warm.is_warm(options, words)
    assert not warm.is_warm(options, [*words, "--circuit-model=organism-outcome"])


def changed_claims(options: Options, _monkeypatch: pytest.MonkeyPatch) -> None:
    (options.root / "test_a.py").write_text("second")


def lost_claims(options: Options, _monkeypatch: pytest.MonkeyPatch) -> None:
    (options.root / "test_a.py").unlink()


def spoilt_note(options: Options, _monkeypatch: pytest.MonkeyPatch) -> None:
    assert options.cache is not None
    (options.cache / warm.NOTE).write_text("[1]")


def lost_store(options: Options, _monkeypatch: pytest.MonkeyPatch) -> None:
    assert options.cache is not None
    options.cache.rename(options.root / "elsewhere")


def other_code(_options: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("circuit_claims.measure.code_hash.code_hash", lambda module: f"other {module}")


def other_versions(_options: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("circuit_claims.measure.store.versions", lambda: {"torch": "1.0"})


@pytest.mark.parametrize(
    "change", [changed_claims, lost_claims, spoilt_note, lost_store, other_code, other_versions]
)
def test_what_changed_since_starts_workers(
    noted: tuple[Options, list[str]],
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[Options, pytest.MonkeyPatch], None],
) -> None:
    change(noted[0], monkeypatch)
    assert not warm.is_warm(*noted)
