"""TOML that a person wrote, asked for by name and type; an error says file, place, fault and remedy."""

import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from math import isfinite
from pathlib import Path, PurePosixPath
from typing import Any

from circuit_claims.clips.errors import ManifestError
from circuit_claims.clips.seconds import seconds


def read_toml(path: Path, what: str = "a pairs.toml") -> dict[str, Any]:
    """Return a file's content. Raises ManifestError, with the line where the syntax breaks."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ManifestError(path, None, f"does not exist; name {what}") from None
    except OSError as error:
        raise ManifestError(path, None, f"cannot be read ({error.strerror}); name {what}") from None
    except UnicodeDecodeError as error:
        raise ManifestError(path, None, f"is not UTF-8 (byte {error.start}); save it as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        line = re.search(r" \(at line (\d+), column \d+\)", str(error))
        problem = str(error).replace(line[0], "") if line else str(error)
        where = f"line {line[1]}" if line else "its end"
        raise ManifestError(path, where, f"is not TOML: {problem}; mend the syntax") from None


@dataclass(frozen=True)
class Table:
    """A TOML table whose values are asked for by name and type; its errors say where it stands."""

    path: Path
    """The file."""
    where: str | None
    """The place in it, such as ``pair "bowling-1"``; None for the top."""
    values: dict[str, Any]

    def error(self, key: str, problem: str) -> ManifestError:
        """Say that something is wrong with a key of this table."""
        return ManifestError(self.path, key if self.where is None else f"{self.where}: {key}", problem)

    def allow(self, *keys: str) -> None:
        """Refuse any other key, naming the nearest."""
        for key in self.values:
            if key not in keys:
                raise self.error(key, f"is no key here; {nearest(key, keys)}")

    def text(self, key: str) -> str:
        """Return a text that is not empty."""
        value = self._value(key, str, "a text")
        if not value.strip():
            raise self.error(key, "is empty; write a text")
        return str(value)

    def flag(self, key: str) -> bool:
        """Return true or false; false where nothing is said."""
        value = self.values.get(key, False)
        if not isinstance(value, bool):
            raise self.error(key, f"is {value!r:.60}; it has to be true or false")
        return value

    def number(self, key: str) -> float:
        """Return a finite number, whole or not."""
        value = float(self._value(key, (int, float), "a number"))
        if not isfinite(value):
            raise self.error(key, f"is {value}; it has to be a finite number")
        return value

    def numbers(self) -> dict[str, float]:
        """Return all values of the table, each a number."""
        return {key: self.number(key) for key in self.values}

    def integer(self, key: str, default: int | None = None) -> int:
        """Return a whole number."""
        if default is not None and key not in self.values:
            return default
        return int(self._value(key, int, "a whole number"))

    def time(self, key: str, default: str | None = None) -> Decimal:
        """Return a time in seconds, written with its unit: ``0.08 s`` or ``80 ms``."""
        if default is not None and key not in self.values:
            return seconds(default)
        value = self.values.get(key)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            value = str(value)  # a number without its unit, of which `seconds` says so
        elif not isinstance(value, str):
            value = self._value(key, str, 'a time, such as "0.08 s"')
        try:
            return seconds(value)
        except ValueError as error:
            raise self.error(key, str(error)) from None

    def choice(self, key: str, choices: Sequence[str]) -> str:
        """Return one of the texts that are allowed."""
        value = self.text(key)
        if value not in choices:
            raise self.error(key, f'is "{value}"; {nearest(value, choices)}')
        return value

    def table(self, key: str) -> "Table":
        """Return the table under a key."""
        where = key if self.where is None else f"{self.where}: {key}"
        return Table(self.path, where, self._value(key, dict, "a table"))

    def tables(self, key: str) -> list["Table"]:
        """Return the tables ``[[key]]``, at least one."""
        values = self._value(key, list, f"a list of [[{key}]] tables")
        if not values or not all(isinstance(value, dict) for value in values):
            raise self.error(key, f"has no [[{key}]] tables; write at least one")
        return [Table(self.path, key, value) for value in values]

    def file(self, key: str, *, outside: bool = False) -> Path:
        """Return the path of a file that is there, by a name that stays in the manifest's folder or below.

        With ``outside`` it may leave the folder. Links are followed: datasets are often folders of links into
        a store.
        """
        name = self.text(key)
        folder = self.path.parent
        leaves = PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts
        if leaves and not outside:
            raise self.error(
                key,
                f'"{name}" leaves the manifest\'s folder; put the file there, and name it so '
                "(or allow it: outside = true at the manifest's top)",
            )
        try:
            there = (folder / name).is_file()
        except (OSError, ValueError):  # a name that is too long, or holds a NUL
            there = False
        if not there:
            if leaves:
                raise self.error(key, f'there is no file "{name}"; mend the name, or put the file there')
            beside = nearest(name, (file.name for file in folder.iterdir()))
            raise self.error(key, f'there is no file "{name}" in the manifest\'s folder; {beside}')
        return folder / name

    def _value(self, key: str, kind: type | tuple[type, ...], words: str) -> Any:
        if key not in self.values:
            raise self.error(key, f"is missing; give it {words}")
        value = self.values[key]
        if not isinstance(value, kind) or isinstance(value, bool):
            raise self.error(key, f"is {value!r:.60}; it has to be {words}")
        return value


def nearest(name: str, known: Iterable[str]) -> str:
    """Suggest the known name that looks most like the given one, or list them where none does."""
    known = sorted(known)
    nearest = get_close_matches(name, known, 1)
    if nearest:
        return f'did you mean "{nearest[0]}"?'
    return f"known are {', '.join(known[:12])}" if known else "nothing else is there"
