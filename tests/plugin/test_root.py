"""Paths among the options never move pytest's root, and a printed command runs where the user stands."""

import pytest


@pytest.fixture
def beside(claims, monkeypatch):
    """A project with a pytest.ini, in which the user stands, and a folder beside it."""
    claims.write('@says("refuted")\ndef test_refuted(judge):\n    judge(sample(0.1), above(0.5))\n')
    (claims.pytester.path / "pytest.ini").write_text("[pytest]\n")
    outside = claims.pytester.path.parent / f"{claims.pytester.path.name}-twelve"
    outside.mkdir()
    return f"../{outside.name}"


@pytest.mark.parametrize("option", ["--circuit-cache", "--circuit-report-dir"])
def test_a_path_after_a_space_that_would_move_the_root_is_refused(claims, beside, option):
    result = claims.pytester.runpytest_inprocess(option, beside)
    assert result.ret == 4
    (line,) = [line for line in result.errlines if line.strip()]
    assert line.startswith(f"ERROR: {option} {beside}: after a space pytest takes the path for a folder")
    assert line.endswith(f"not {claims.pytester.path}; write {option}={beside}")
    assert claims.pytester.runpytest_inprocess(f"{option}={beside}").ret == 1


def test_a_path_that_moves_nothing_may_stand_after_a_space(claims, beside):
    (claims.pytester.path / "kept").mkdir()
    inside, told = ["--circuit-cache", "kept"], ["--rootdir=.", "--circuit-cache", beside]
    for words in (inside, told):
        assert claims.pytester.runpytest_inprocess("claims", *words).ret == 1


def test_a_refuted_claim_is_run_again_from_where_the_user_stands(claims, beside, monkeypatch):
    monkeypatch.chdir(claims.folder)
    result = claims.pytester.runpytest_inprocess(".")
    result.stdout.fnmatch_lines(["  again: pytest test_claims.py::test_refuted"])
    again = claims.pytester.runpytest_inprocess("test_claims.py::test_refuted")
    assert again.parseoutcomes() == {"failed": 1}
