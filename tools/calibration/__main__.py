"""Run the study and write its table (docs/calibration.csv), its page and its picture.

    python -m tools.calibration [--runs 2000] [--seed 0] [--folder docs] [--page-only]

Situations that were measured before with the same rules are not measured again (build/calibration.jsonl).
The exit status is 1 where a rule errs too often in a world in which it could do better.
"""

import argparse
import hashlib
import json
import time
from collections.abc import Sequence
from pathlib import Path

import circuit_claims.judge
from tools.calibration import contrasts, models, page, regions
from tools.calibration.study import Rate, Situation, measure

KEPT = Path("build/calibration.jsonl")


def situations() -> tuple[Situation, ...]:
    """All of them, in the order of the page."""
    return (
        *regions.situations(),
        *regions.sizes(),
        *regions.shares(),
        *contrasts.paired(),
        *contrasts.two_sample(),
        *contrasts.shares(),
        *models.seeds(),
        *models.families(),
        *models.mixed(),
        *models.quantified(),
        *regions.few(),
    )


DECIDING = (
    *("verdict", "gate", "intervals", "contrasts", "seeds", "shares", "family", "permutation"),
    *("units", "quantify", "expectation", "distributions"),
)
"""Modules of the judge from which an outcome comes."""


def rules(situation: Situation) -> str:
    """Which rules, and which world: a digest of the code of both."""
    judge, here = Path(circuit_claims.judge.__file__).parent, Path(__file__).parent
    world = situation.draw.__module__.rpartition(".")[2]
    read = [judge / f"{name}.py" for name in DECIDING]
    read += [here / f"{name}.py" for name in ("study", "data", world)]
    return hashlib.sha256(b"".join(path.read_bytes() for path in read)).hexdigest()[:16]


def study(runs: int, seed: int, kept: Path) -> list[Rate]:
    """Every rate, measured or as it was measured before; the small situations are measured first."""
    known: dict[str, list[list[float]]] = {}
    if kept.exists():
        known = dict(json.loads(line) for line in kept.read_text(encoding="utf-8").splitlines())
    kept.parent.mkdir(parents=True, exist_ok=True)
    asked = {f"{rules(situation)} {runs} {seed} {situation.name}": situation for situation in situations()}
    found: dict[str, list[Rate]] = {}
    for key, situation in sorted(asked.items(), key=lambda item: item[1].n * max(1, item[1].controls)):
        if key in known:
            found[key] = [Rate(situation, t, int(s), int(r), runs) for t, s, r in known[key]]
            continue
        started = time.process_time()
        rates = found[key] = measure(situation, runs, seed)
        with kept.open("a", encoding="utf-8") as file:
            counts = [(rate.truth, rate.supported, rate.refuted) for rate in rates]
            file.write(json.dumps([key, counts]) + "\n")
        worst = max(rates, key=lambda rate: rate.wrong)
        took = time.process_time() - started
        print(f"{took:6.1f} s  {worst.wrong / runs:6.1%} {worst.reading:12} {situation.name}", flush=True)
    return [rate for key in asked for rate in found[key]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the study; 1 when a rule errs too often where nothing excuses it."""
    parser = argparse.ArgumentParser(prog="python -m tools.calibration", description=__doc__)
    parser.add_argument("--runs", type=int, default=2_000, help="data sets a situation (default 2000)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=Path("docs"), help="where the page goes")
    parser.add_argument("--kept", type=Path, default=KEPT, help="what was measured before")
    parser.add_argument("--page-only", action="store_true", help="write the page of the table that is there")
    options = parser.parse_args(arguments)
    table = options.folder / "calibration.csv"
    if options.page_only:
        rates = page.read(table.read_text(encoding="utf-8"), situations())
    else:
        rates = study(options.runs, options.seed, options.kept)
        table.write_text(page.table(rates), encoding="utf-8")
    (options.folder / "calibration.md").write_text(page.markdown(rates), encoding="utf-8")
    wrong = [rate for rate in rates if rate.errs_too_often]
    for rate in wrong:
        print(f"too often: {rate.situation.name} at {rate.truth:g} m: {rate.wrong / rate.runs:.1%}")
    return int(any(not page.excused(rate) for rate in wrong))


if __name__ == "__main__":
    raise SystemExit(main())
