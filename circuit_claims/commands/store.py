"""``circuit-claims store show|verify|prune``: what was measured and is kept, and how to be rid of some of it.

Exit status: 0; 1 where `verify` finds an entry that is spoilt (the next run that needs it measures it again);
4 where there is no store, or it cannot be read or written.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from circuit_claims.judge.counted import counted

if TYPE_CHECKING:
    from circuit_claims.measure.inventory import Entry

DAY = 86_400.0
UNITS = {"h": 3_600.0, "d": DAY, "w": 7 * DAY}
SIZES = {"k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


def add_parser(commands: Any) -> None:
    """Add the command to the parser's sub-commands."""
    parser = commands.add_parser("store", help="show, verify or prune what is measured", description=__doc__)
    actions = parser.add_subparsers(dest="action", required=True, metavar="show|verify|prune")
    show = actions.add_parser("show", help="entries by model and measurement, with their size and age")
    verify = actions.add_parser("verify", help="find entries that are damaged or were never finished")
    prune = actions.add_parser(
        "prune",
        help="remove damaged and unfinished entries, and those that the options name",
        description="Removes what is damaged or was never finished, and what the options name. "
        "An entry that a running process holds stays.",
    )
    for action in (show, verify, prune):
        action.add_argument(
            "--circuit-cache",
            type=Path,
            default=Path(".circuit-cache"),
            metavar="DIR",
            help="the store's folder (default: %(default)s)",
        )
    prune.add_argument("--older-than", type=_age, metavar="AGE", help="such as 12h, 30d or 8w")
    prune.add_argument(
        "--unused", action="store_true", help="measured by other code or other libraries than are here now"
    )
    prune.add_argument(
        "--to-size", type=_size, metavar="SIZE", help="the oldest, until no more than this stays: 500M, 2G"
    )
    prune.add_argument("--dry-run", action="store_true", help="say what would go, and remove nothing")


def faults() -> tuple[type[Exception], ...]:
    """Faults of the user's input that explain themselves."""
    from circuit_claims.measure.inventory import StoreError

    return (StoreError,)


def run(options: argparse.Namespace) -> int:
    """Show, verify or prune."""
    actions: dict[str, Callable[[argparse.Namespace], int]] = {
        "show": _show,
        "verify": _verify,
        "prune": _prune,
    }
    return actions[options.action](options)


def _show(options: argparse.Namespace) -> int:
    from circuit_claims.commands.tables import print_table
    from circuit_claims.measure.inventory import by_kind, entries

    found = entries(options.circuit_cache)
    rows = [
        (
            model,
            measurement,
            str(len(mine)),
            size_told(sum(entry.size for entry in mine)),
            _ages(mine),
            str(sum(not entry.current for entry in mine) or ""),
        )
        for model, measurement, mine in by_kind(found, _model_names())
    ]
    print_table(("model", "measurement", "entries", "size", "age", "unused"), rows)
    print(f"{options.circuit_cache}: {_counted(found)}")
    if any(row[-1] for row in rows):
        print("unused: by other code or libraries than are here now; `circuit-claims store prune --unused`")
    return 0


def _verify(options: argparse.Namespace) -> int:
    from circuit_claims.measure.inventory import entries, spoilt

    found = entries(options.circuit_cache, whole=True)
    bad = [entry for entry in found if spoilt(entry)]
    for entry in bad:
        print(f"{entry.path}: {entry.wrong or 'a process ended while it wrote this'}", file=sys.stderr)
    print(f"{options.circuit_cache}: {_counted(found)}, {len(bad)} spoilt")
    if bad:
        print("the next run measures them again; `circuit-claims store prune` removes them")
    return 1 if bad else 0


def _prune(options: argparse.Namespace) -> int:
    from circuit_claims.measure.inventory import entries, older_than, remove, spoilt, surplus

    found = entries(options.circuit_cache, whole=True)
    old = older_than(options.older_than) if options.older_than is not None else lambda _entry: False
    chosen = [
        entry for entry in found if spoilt(entry) or old(entry) or (options.unused and not entry.current)
    ]
    if options.to_size is not None:
        rest = set(map(id, chosen))
        chosen += surplus([entry for entry in found if id(entry) not in rest], options.to_size)
    if options.dry_run:
        print(f"{options.circuit_cache}: {_counted(chosen)} of {_counted(found)} would go")
        return 0
    gone, left = remove(chosen)
    print(f"{options.circuit_cache}: {_counted(gone)} removed, {len(found) - len(gone)} kept")
    if left:
        print(f"{len(left)} left alone: a running process holds them, or has written them since")
    return 0


def _model_names() -> Callable[[str], str]:
    """A name for a fingerprint: of the models that come with the package and their random controls."""
    from dataclasses import replace

    from circuit_claims.measure.seeds import SEEDS
    from circuit_claims.models.checkpoint import fingerprint
    from circuit_claims.organisms.registry import EMBEDDED, resolve

    known: dict[str, str] = {}
    for name in EMBEDDED:
        source = resolve(name)
        known[fingerprint(source)] = name
        for kind in ("random", "shuffled"):
            for seed in SEEDS:
                reinit = replace(source, reinit=(kind, seed))
                known.setdefault(fingerprint(reinit), f"{kind}:{name}#{seed}")
    return lambda weights: known.get(weights, f"weights {weights[:12]}")


def _ages(found: Sequence[Entry]) -> str:
    import time

    ages = [max(0.0, time.time() - entry.written) for entry in found]
    told = [age_told(min(ages)), age_told(max(ages))]
    return " to ".join(dict.fromkeys(told))


def _counted(found: Sequence[Entry]) -> str:
    return f"{counted(len(found), 'entry', 'entries')}, {size_told(sum(entry.size for entry in found))}"


def age_told(seconds: float) -> str:
    """An age in the largest unit that leaves a whole number."""
    for unit, length in (("d", DAY), ("h", 3_600.0), ("min", 60.0)):
        if seconds >= length:
            return f"{int(seconds // length)} {unit}"
    return f"{int(seconds)} s"


def size_told(size: float) -> str:
    """Bytes, in thousands."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            return f"{size:.0f} {unit}" if size >= 100 or unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    raise AssertionError("no unit is larger")


def _age(text: str) -> float:
    matched = re.fullmatch(r"(\d+(?:\.\d+)?)([hdw])", text)
    if not matched:
        raise argparse.ArgumentTypeError(f"{text!r} is no age: a number with h, d or w, such as 30d")
    return float(matched[1]) * UNITS[matched[2]]


def _size(text: str) -> int:
    matched = re.fullmatch(r"(\d+(?:\.\d+)?)([kMGT])B?", text)
    if not matched:
        raise argparse.ArgumentTypeError(f"{text!r} is no size: a number with k, M, G or T, such as 2G")
    return int(float(matched[1]) * SIZES[matched[2]])
