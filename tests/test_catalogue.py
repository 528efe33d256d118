"""The catalogue against the claims that are judged: nothing missing, nothing extra, nothing otherwise."""

from __future__ import annotations

import importlib.util
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import redirect_stdout
from io import StringIO
from types import ModuleType
from typing import Any

import pytest

from circuit_claims.organisms.registry import beside

CLAIMS = beside("claims")
FIELDS = ("kind", "scope", "over", "statement", "source", "file")
EDITIONS = {"E1", "E2", "E3", "S1"}
Entry = Mapping[str, Any]


def catalogued() -> dict[str, Entry]:
    """The entries of the catalogue by `id/kind`."""
    with (CLAIMS / "catalogue.toml").open("rb") as file:
        entries = tomllib.load(file)["claim"]
    return {f"{entry['id']}/{entry['kind']}": {"over": "", **entry} for entry in entries}


class Collector:
    """Keeps the claims that pytest collects, and the file of each."""

    def __init__(self) -> None:
        self.claims: dict[str, Entry] = {}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            claim = item.get_closest_marker("circuit_claim").args[0]  # type: ignore[union-attr]
            self.claims[claim.key] = {
                "kind": str(claim.kind),
                "scope": str(claim.scope),
                "over": f"{claim.quantifier} {claim.over}" if claim.quantifier else "",
                "statement": claim.statement,
                "source": claim.source,
                "file": item.path.name,
            }


@pytest.fixture(scope="module")
def collected() -> dict[str, Entry]:
    collector = Collector()
    with redirect_stdout(StringIO()):
        args = [str(CLAIMS), "--collect-only", "-q", "-p", "no:cacheprovider"]
        assert pytest.main(args, plugins=[collector]) == 0
    return collector.claims


def differences(catalogue: Mapping[str, Entry], claims: Mapping[str, Entry]) -> list[str]:
    """Everything in which the two do not agree, a line each."""
    lines = [f"{key} ({claims[key]['file']}): not in the catalogue" for key in claims if key not in catalogue]
    lines += [f"{key}: in the catalogue, and no test judges it" for key in catalogue if key not in claims]
    for key in catalogue.keys() & claims.keys():
        lines += [
            f"{key}: {field} is {said!r} in the catalogue, and {judged!r} in the test"
            for field in FIELDS
            if (said := catalogue[key][field]) != (judged := claims[key][field])
        ]
    return sorted(lines)


def test_the_catalogue_has_the_claims_that_are_judged(collected: dict[str, Entry]) -> None:
    found = differences(catalogued(), collected)
    assert not found, "claims/catalogue.toml and the claims differ:\n" + "\n".join(found)


def test_every_difference_is_named_at_once() -> None:
    one = {"kind": "means", "scope": "trained", "over": "", "statement": "A.", "source": "E1", "file": "f"}
    other = {**one, "scope": "negative", "statement": "B."}
    assert differences({"a/means": one, "b/means": one}, {"a/means": other, "c/means": one}) == [
        "a/means: scope is 'trained' in the catalogue, and 'negative' in the test",
        "a/means: statement is 'A.' in the catalogue, and 'B.' in the test",
        "b/means: in the catalogue, and no test judges it",
        "c/means (f): not in the catalogue",
    ]
    assert differences({"a/means": one}, {"a/means": one}) == []


def test_an_entry_stands_once_and_has_every_field() -> None:
    with (CLAIMS / "catalogue.toml").open("rb") as file:
        entries = tomllib.load(file)["claim"]
    keys = [f"{entry['id']}/{entry['kind']}" for entry in entries]
    assert len(keys) == len(set(keys))
    assert len({entry["id"] for entry in entries}) >= 28
    needed = {"id", "kind", "scope", "statement", "source", "editions", "file"}
    for key, entry in zip(keys, entries, strict=True):
        assert needed <= set(entry) <= needed | {"over", "published"}, key
        assert set(entry["editions"]) <= EDITIONS, key
        assert all(isinstance(number, int | float) for number in entry.get("published", ())), key


def test_what_the_paper_says_names_the_edition_that_says_it() -> None:
    """A claim without an edition is this suite's own, and says so; one that a source names is in the list."""
    for key, entry in catalogued().items():
        source = entry["source"]
        if not entry["editions"]:
            assert source.startswith(("calibration", "this suite")), key
        elif "all editions" not in source:
            assert {edition for edition in EDITIONS if edition in source} <= set(entry["editions"]), key


def test_catalogued_numbers_are_the_published_ones() -> None:
    published = set(numbers(_published()))
    for key, entry in catalogued().items():
        strange = [number for number in entry.get("published", ()) if number not in published]
        assert not strange, f"{key}: {strange} are not in claims/published.py"


def numbers(value: Any) -> Iterator[float]:
    """All numbers in a module's public names, in mappings and in tuples."""
    if isinstance(value, ModuleType):
        value = {name: held for name, held in vars(value).items() if name.isupper()}
    if isinstance(value, Mapping):
        value = tuple(value.values())
    if isinstance(value, tuple | list | range):
        for inner in value:
            yield from numbers(inner)
    elif isinstance(value, int | float):
        yield value


def _published() -> ModuleType:
    spec = importlib.util.spec_from_file_location("published", CLAIMS / "published.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
