"""Recorded findings of a model: read, checked and written.

A record is a TOML file beside the claims: for each ``id/kind`` and each of its parts the verdict, the
estimate, the end of the interval that decided, their unit, the tolerance for other weights, and, where the
claim is not supported, a reason. The value of each pair lies beside it (`values.py`), and `drift.py` says how
a verdict stands to all this. One mechanism serves three uses: the known findings of a model, CI regression,
and the truth table of models with a known answer.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isclose, isfinite
from pathlib import Path
from typing import Any

from circuit_claims.files import write_whole
from circuit_claims.judge.tolerance import BEFORE_UNITS, declared_tolerance, numeric_tolerance
from circuit_claims.types import Kind, Outcome

SCHEMA = 1
UPDATE = "--circuit-record-update"
SIX_DIGITS = 5e-6
"""Records and reports keep six significant digits: equal to those is equal."""
_NUMBERS = ("estimate", "bound", "tolerance")
_WORDS = ("why", "unit", "reason", "first", "changed")
_ENTRY_KEYS = {"verdict", *_NUMBERS, *_WORDS, "parts"}
_TOP_KEYS = {"schema", "model", "clips", "numbers", "noted", "claims"}


class RecordError(Exception):
    """A record cannot be read; the message names the file, what is wrong and what to do."""


class _FaultError(Exception):
    """What is wrong in a record, and the names that lead to its line: claim, part, key."""

    def __init__(self, message: str, *names: str) -> None:
        super().__init__(message)
        self.names = names


@dataclass(frozen=True)
class Entry:
    """What was recorded of a claim, or of one part of it."""

    verdict: Outcome
    why: str = ""
    """The verdict's own cause: ``value``, ``specificity``, ``straddles``."""
    estimate: float | None = None
    bound: float | None = None
    tolerance: float | None = None
    """How far the estimate may move with other weights, in its unit; with the same, see `tolerance.py`."""
    reason: str = ""
    """A person's words, asked for where the claim is not supported."""
    first: str = ""
    """Of a prediction that was changed: the verdict that was predicted first."""
    changed: str = ""
    """Why it was changed, in a person's words."""
    unit: str = ""
    """Of estimate, bound and tolerance; empty in a record from before units were written."""


@dataclass(frozen=True)
class Record:
    """The findings recorded for one model on one set of clips."""

    path: Path
    model: str
    clips: str
    """Hash of the clips that the findings rest on; empty for claims that need none."""
    noted: Mapping[str, str] = field(default_factory=dict)
    """Sampling, precision, device, versions, weights: compared, never a reason to skip."""
    entries: Mapping[tuple[str, str], Entry] = field(default_factory=dict)
    """By claim key and part (empty for the claim itself)."""
    numbers: str = ""
    """Of predictions, which hold on any clips: hash of those that their numbers were measured on."""

    def on(self, clips: str) -> "Record":
        """What the record says of some clips: of others than its numbers', the verdicts alone."""
        if self.numbers in ("", clips):
            return self
        whole = {name: entry for name, entry in self.entries.items() if not name[1]}
        verdicts = {n: replace(e, estimate=None, bound=None, tolerance=None) for n, e in whole.items()}
        return replace(self, entries=verdicts)


WHOLE = "full"
"""The profile whose record is the model's own: all pairs, all claims."""


def record_path(folder: Path, model: str, profile: str = WHOLE) -> Path:
    """``<folder>/<model>.toml``: ``/`` becomes ``--``; a revision or a folder's path is left out.

    A profile that takes a selection of the pairs has a record of its own, ``<model>.<profile>.toml``: its
    numbers rest on other clips.
    """
    name = model.split("@", 1)[0]
    if name.startswith((".", "/", "~")):
        name = Path(name).name
    stem = name.replace("/", "--").replace(":", "-").replace("#", "-")
    return folder / (f"{stem}.toml" if profile == WHOLE else f"{stem}.{profile}.toml")


def read_record(path: Path) -> Record:
    """Read and check a record.

    Raises:
        RecordError: missing, unreadable, of a newer schema, with keys, kinds of claims or verdicts unknown
            here, or with values that cannot be; file, line and what to do are named.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise RecordError(
            f"{path}: there is no such record; write it with --circuit-record-update, "
            "or judge without one by --circuit-record none"
        ) from None
    except (OSError, UnicodeDecodeError) as fault:
        raise RecordError(f"{path}: cannot be read ({fault}); restore it from version control") from None
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as fault:
        raise RecordError(f"{path}: not TOML: {fault}; mend that line or restore the file") from None
    try:
        return _parse(path, data)
    except _FaultError as fault:
        raise RecordError(f"{path}:{_line(text, fault.names)}: {fault}") from None


def _line(text: str, names: Iterable[str]) -> int:
    """Where the last of some names stands, each looked for from the one before on."""
    lines, here = text.splitlines(), 0
    for name in names:
        it = re.compile(rf'(^\s*\[.*|^\s*"?|[{{,]\s*"?){re.escape(name)}"?\s*(=|\]|\.)')
        here = next((n for n in range(here, len(lines)) if it.search(lines[n])), here)
    return here + 1


def _parse(path: Path, data: dict[str, Any]) -> Record:
    _known("the record", data, _TOP_KEYS)
    schema = data.get("schema")
    if schema != SCHEMA:
        hint = "upgrade circuit-claims" if isinstance(schema, int) and schema > SCHEMA else "write it anew"
        raise _FaultError(f"schema {schema!r}, but this version reads {SCHEMA}; {hint}", "schema")
    for name in ("claims", "noted"):
        if not isinstance(data.get(name, {}), dict):
            raise _FaultError("'claims' and 'noted' have to be tables", name)
    entries: dict[tuple[str, str], Entry] = {}
    for key, table in data.get("claims", {}).items():
        _known_kind(key)
        entries[key, ""] = _entry(key, "", table)
        parts = table.get("parts", {})
        if not isinstance(parts, dict):
            raise _FaultError(
                f"[claims.{key!r}] parts has to be a table of part = {{verdict = ...}}", key, "parts"
            )
        for part, inner in parts.items():
            entries[key, part] = _entry(key, part, inner)
    return Record(
        path=path,
        model=str(data.get("model", "")),
        clips=str(data.get("clips", "")),
        noted={str(k): str(v) for k, v in data.get("noted", {}).items()},
        entries=entries,
        numbers=str(data.get("numbers", "")),
    )


def _known(where: str, table: Mapping[str, Any], known: set[str], *names: str) -> None:
    for key in table:
        if key not in known:
            hint = _near(key, known) or f"known are {', '.join(sorted(known))}"
            raise _FaultError(f"{where} has an unknown key {key!r}; {hint}", *names, key)


def _near(word: str, known: Iterable[str]) -> str:
    import difflib

    near = difflib.get_close_matches(word, list(known), 1)
    return f"did you mean {near[0]!r}?" if near else ""


def _known_kind(key: str) -> None:
    """A claim's key is its id, a slash and its kind. Whether a test judges it, only a whole run knows."""
    identity, _, kind = key.rpartition("/")
    kinds = [str(kind) for kind in Kind]
    if not identity or kind not in kinds:
        hint = _near(kind, kinds) or f"a key is ID/KIND, and the kinds are {', '.join(kinds)}"
        raise _FaultError(f"[claims.{key!r}] is no claim; {hint}", key)


def _entry(key: str, part: str, table: Any) -> Entry:
    name, names = f"{key} {part}".strip(), [word for word in (key, part) if word]
    if not isinstance(table, dict):
        raise _FaultError(f"{name} has to be a table with a verdict", *names)
    _known(name, table, _ENTRY_KEYS - ({"parts"} if part else set()), *names)
    try:
        verdict = Outcome(table.get("verdict", ""))
    except ValueError:
        words = ", ".join(repr(outcome.value) for outcome in Outcome)
        raise _FaultError(
            f"{name} has the verdict {table.get('verdict')!r}; known are {words}",
            *names,
            *(["verdict"] if "verdict" in table else []),
        ) from None
    numbers: dict[str, float | None] = {}
    for which in _NUMBERS:
        value = table.get(which)
        if value is not None and not _is_number(value):
            raise _FaultError(f"{name} has {which} = {value!r}, which is not a number", *names, which)
        numbers[which] = None if value is None else float(value)
    if (numbers["tolerance"] or 0.0) < 0:
        raise _FaultError(
            f"{name} has tolerance = {table['tolerance']!r}; it is a distance, 0 or more", *names, "tolerance"
        )
    _refuse_below_spread(name, str(table.get("unit", "")), numbers, names)
    texts = {word: str(table.get(word, "")) for word in _WORDS}
    said: dict[str, Any] = {**texts, **numbers}
    return Entry(verdict, **said)


def _refuse_below_spread(
    name: str, unit: str, numbers: Mapping[str, float | None], names: Sequence[str]
) -> None:
    """Refuse a tolerance that rounding alone would leave."""
    tolerance, least = numbers["tolerance"], numeric_tolerance(unit, numbers["estimate"])
    if unit and tolerance is not None and tolerance < least * (1 - SIX_DIGITS):
        raise _FaultError(
            f"{name} has tolerance = {tolerance:g}, and the same weights differ by as much between "
            f"processors; give it {least:.2g} {unit} or more, or leave it out",
            *names,
            "tolerance",
        )


def _is_number(value: Any) -> bool:
    """Whether something can be held against: TOML also knows nan and inf, which agree with nothing or all."""
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def write_record(
    path: Path,
    *,
    model: str,
    clips: str,
    noted: Mapping[str, str],
    findings: Iterable[tuple[str, str, Entry]],
    only_new: bool = False,
    profile: str = WHOLE,
) -> int:
    """Write findings into a record, keeping its comments, its order and a person's reasons.

    `findings` are (claim key, part or empty, entry). With `only_new` entries that exist stay as they
    are. Returns the number of entries written. The file is replaced atomically.

    Raises:
        RecordError: the file that is there cannot be read.
    """
    import tomlkit
    from tomlkit.items import Table

    if path.exists():
        read_record(path)
        document = tomlkit.parse(path.read_text(encoding="utf-8"))
    else:
        document = tomlkit.document()
        how = UPDATE if profile == WHOLE else f"{UPDATE} --circuit-profile {profile}"
        document.add(tomlkit.comment(f"What was found of {model}; written by {how}."))
        document.add(tomlkit.comment("Reasons are a person's, and stay when the numbers are updated."))
        document["schema"] = SCHEMA
    document["model"] = model
    document["clips"] = clips
    # In place: tomlkit files a comment under the table before it, so a new table would lose the comment.
    table = document.setdefault("noted", tomlkit.table())
    for key in set(table) - set(noted):
        del table[key]
    for key, value in sorted(noted.items()):
        table[key] = value
    claims = document.setdefault("claims", tomlkit.table(is_super_table=True))
    written = 0
    for key, part, entry in findings:
        home = claims.setdefault(key, tomlkit.table())
        assert isinstance(home, Table)
        if part:
            home = home.setdefault("parts", tomlkit.table())
            new = part not in home
            if only_new and not new:
                continue
            said = home.get(part, {})
            kept = [name for name in ("reason", "first", "changed") if name in said]
            if entry.verdict is Outcome.SUPPORTED and "reason" in kept:
                kept.remove("reason")
            line = tomlkit.inline_table()
            line.update(
                {**entry_fields(entry), **_own_tolerance(said), **{name: said[name] for name in kept}}
            )
            home[part] = line
        else:
            if only_new and "verdict" in home:
                continue
            reason = entry.reason or str(home.get("reason", ""))
            fields = {**entry_fields(entry), **_own_tolerance(home)}
            if entry.verdict is not Outcome.SUPPORTED:
                fields["reason"] = reason
            for name in ("verdict", "why", *_NUMBERS, "unit", "reason"):
                if name in fields:
                    home[name] = fields[name]
                elif name in home:
                    del home[name]
        written += 1
    write_whole(path, tomlkit.dumps(document))
    return written


def entry_fields(entry: Entry) -> dict[str, Any]:
    """What a record's file has of an entry, numbers to six digits; a person's words are left to the file."""
    fields: dict[str, Any] = {"verdict": str(entry.verdict)}
    if entry.why:
        fields["why"] = entry.why
    for name in _NUMBERS:
        value = getattr(entry, name)
        if value is not None:
            fields[name] = float(f"{value:.6g}")
    if entry.unit:
        fields["unit"] = entry.unit
    return fields


def _own_tolerance(said: Mapping[str, Any]) -> dict[str, float]:
    """The tolerance that a person gave an entry: one that no unit's default makes of its estimate."""
    tolerance, estimate = said.get("tolerance"), said.get("estimate")
    if tolerance is None:
        return {}
    if "unit" in said:
        defaults = [declared_tolerance(said["unit"], estimate)]
    else:
        defaults = [
            share * (abs(estimate or 1.0) if unit == "ratio" else 1.0) for unit, share in BEFORE_UNITS.items()
        ]
    return {} if any(isclose(tolerance, one, rel_tol=1e-5) for one in defaults) else {"tolerance": tolerance}
