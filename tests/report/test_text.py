"""Text from outside: nothing of it is obeyed, and none of it names a place of the machine."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuit_claims.report.text import cleaned, visible, without_places

ROOT = Path("/srv/some/project")


@given(st.text())
def test_visible_text_is_printable_and_on_one_line(text):
    shown = visible(text)
    assert all(c.isprintable() or c in "\u00a0\u202f" for c in shown)


@given(st.text(st.characters(exclude_categories=("C", "Z"))))
def test_printable_text_is_left_as_it_is(text):
    assert visible(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[31mb", "a\\x1b[31mb"),
        ("a\nb\tc", "a b c"),
        ("right\u202eleft", "right\\u202eleft"),
        ("\udcff", "\\udcff"),
        ("\x9b2J", "\\x9b2J"),
    ],
)
def test_what_a_terminal_would_obey_is_spelt_out(text, shown):
    assert visible(text) == shown


def test_keys_are_cleaned_as_values_are():
    assert cleaned({"a\x07": ["b\x07", 1, None, {"c\x07": 2.5}]}) == {
        "a\\x07": ["b\\x07", 1, None, {"c\\x07": 2.5}]
    }


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("/srv/some/project/clips/a.mp4: is empty", "clips/a.mp4: is empty"),
        ("/home/alice/models/mine", "…/mine"),
        ("ClipError: /tmp/pytest-of-alice/b.mp4: cannot be read", "ClipError: …/b.mp4: cannot be read"),
        ("'/home/alice/a b/c.mp4'", "'…/a b/c.mp4'"),
        ("file:///home/alice/c.mp4", "…/c.mp4"),
        ("../../alice/models/mine", "…/mine"),
        (r"C:\Users\alice\clip.mp4", "…/clip.mp4"),
        ("--circuit-pairs=/home/alice/pairs.toml", "--circuit-pairs=…/pairs.toml"),
        ("./my-finetune", "./my-finetune"),
        ("my/pairs.toml", "my/pairs.toml"),
        ("google/vivit-b-16x2-kinetics400", "google/vivit-b-16x2-kinetics400"),
        ("https://arxiv.org/abs/2603.11142", "https://arxiv.org/abs/2603.11142"),
        ("hf://datasets/owner/name/clip.mp4", "hf://datasets/owner/name/clip.mp4"),
        ("undefined (0/0), or x/0; and/or", "undefined (0/0), or x/0; and/or"),
        ("mlp-42-60/reproduces", "mlp-42-60/reproduces"),
        ("claims/test_3.py::test_x[layer4]", "claims/test_3.py::test_x[layer4]"),
    ],
)
def test_places_of_the_machine_are_left_out(text, left):
    assert without_places(text, ROOT) == left


def test_the_home_folder_is_left_out_too(monkeypatch):
    monkeypatch.setattr(Path, "home", lambda: Path("/root"))
    assert without_places(["no permission for /root", "/rooted"]) == ["no permission for ~", "/rooted"]
