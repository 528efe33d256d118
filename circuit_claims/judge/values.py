"""The recorded value of each pair, kept beside a record: what another version of a model is compared with.

``organism.toml`` has ``organism.values.json``. An estimate is a mean over pairs; the difference between two
versions of a model is judged pair by pair, which leaves out what the pairs themselves differ by.
"""

import json
from collections.abc import Iterable, Mapping
from math import isfinite
from pathlib import Path
from typing import Any, TypeAlias

from circuit_claims.files import write_whole
from circuit_claims.judge.record import RecordError

SCHEMA = 1
Values: TypeAlias = Mapping[tuple[str, str], Mapping[str, float]]
"""By claim key and part (empty for a claim without parts): the value of each pair, by the pair's name."""


def values_path(record: Path) -> Path:
    """``organism.values.json`` for ``organism.toml``."""
    return record.with_suffix(".values.json")


def read_values(record: Path, weights: str) -> Values:
    """Read the values beside a record; none where there is no such file.

    `weights` is what the record notes of its weights.

    Raises:
        RecordError: it cannot be read, or was written with other weights than the record.
    """
    path = values_path(record)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as fault:
        raise RecordError(f"{path}: cannot be read ({fault}); {_RESTORE}") from None
    try:
        data = json.loads(text)
        if data["schema"] != SCHEMA:
            raise ValueError(f"schema {data['schema']!r}, but this version reads {SCHEMA}")
        found = {
            (str(key), str(part)): _by_pair(data["pairs"][place], values)
            for key, parts in data["values"].items()
            for part, (place, values) in parts.items()
        }
        written = str(data["weights"])
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError) as fault:
        raise RecordError(f"{path}: is no table of values ({fault}); {_RESTORE}") from None
    if weights and written != weights:
        raise RecordError(
            f"{path}: its values are of other weights ({written}) than {record.name} ({weights}); {_RESTORE}"
        )
    return found


_RESTORE = "restore it from version control, or delete it and write the record again"


def _by_pair(pairs: Any, values: Any) -> dict[str, float]:
    numbers = [float(value) for value in values if not isinstance(value, bool | str)]
    if len(numbers) != len(pairs) or not all(map(isfinite, numbers)):
        raise ValueError(f"{len(pairs)} pairs have {len(numbers)} finite numbers")
    return dict(zip(map(str, pairs), numbers, strict=True))


def write_values(record: Path, weights: str, values: Values, known: Iterable[tuple[str, str]]) -> None:
    """Write the values of a record's entries (`known`: claim key and part), with six significant digits.

    Lists of pairs are the same for most claims, and are written once. The file is replaced atomically, and
    left out where no entry has values.
    """
    path = values_path(record)
    kept = {name: values[name] for name in sorted(known) if values.get(name)}
    if not kept:
        path.unlink(missing_ok=True)
        return
    places: dict[tuple[str, ...], int] = {}
    by_claim: dict[str, list[str]] = {}
    for (key, part), by_pair in kept.items():
        place = places.setdefault(tuple(by_pair), len(places))
        numbers = [float(f"{value:.6g}") for value in by_pair.values()]
        by_claim.setdefault(key, []).append(f"{json.dumps(part)}: {json.dumps([place, numbers])}")
    claims = [f"{json.dumps(key)}: {{\n{_lines(parts)}\n}}" for key, parts in by_claim.items()]
    head = f'"schema": {SCHEMA},\n"weights": {json.dumps(weights)}'
    pairs = _lines(json.dumps(list(pairs)) for pairs in places)
    write_whole(path, f'{{\n{head},\n"pairs": [\n{pairs}\n],\n"values": {{\n{_lines(claims)}\n}}\n}}\n')


def _lines(items: Iterable[str]) -> str:
    """Items a line each, so that a review shows which claims' values changed."""
    return ",\n".join(items)
