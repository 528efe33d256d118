"""Numbers beside predictions, so that a model with a known answer is noticed when it moves.

A prediction is a verdict and its reason, written by hand before the model was run. It stays as it is; where
it came true, the estimate goes beside it, of the claim or of each of its parts.

    python -m tools.pages.predictions reports/truth/latest.json claims/recorded
"""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from circuit_claims.files import write_whole
from circuit_claims.judge.record import Entry, entry_fields, read_record, record_path
from circuit_claims.judge.tolerance import declared_tolerance
from circuit_claims.types import Kind, Outcome


def write_numbers(path: Path, clips: str, claims: Iterable[Mapping[str, Any]]) -> int:
    """Write the estimates of a run's claims (as its report has them) beside the predictions that came true.

    A number that was written before and that no claim has now is taken out. Returns how many were written.

    Raises:
        RecordError: the record cannot be read.
    """
    import tomlkit

    read_record(path)
    document = tomlkit.parse(path.read_text(encoding="utf-8"))
    document["numbers"] = clips
    measured = {entry["key"]: entry for entry in claims if entry["kind"] != Kind.EXACT}
    written = 0
    for key, home in document["claims"].items():
        for name in ("estimate", "unit", "tolerance", "parts"):
            home.pop(name, None)
        entry = measured.get(key)
        if entry is None or entry["verdict"] != home["verdict"]:
            continue
        said = {part["part"]: part["verdict"] for part in entry["parts"]}
        parts = tomlkit.table()
        for one in entry["measurements"]:
            verdict = said.get(one["part"]) if said else entry["verdict"]
            if one["value"] is None or verdict in (None, Outcome.ERROR, Outcome.INCOMPLETE):
                continue
            fields = _fields(verdict, one)
            if not said:
                home.update(fields)
            else:
                line = tomlkit.inline_table()
                line.update(fields)
                parts[one["part"]] = line
            written += 1
        if parts:
            home["parts"] = parts
    write_whole(path, tomlkit.dumps(document))
    return written


def _fields(verdict: str, measurement: Mapping[str, Any]) -> dict[str, Any]:
    value, unit = measurement["value"], measurement["unit"]
    tolerance = declared_tolerance(unit, value)
    return entry_fields(Entry(Outcome(verdict), estimate=value, tolerance=tolerance, unit=unit))


def main(arguments: Sequence[str]) -> int:
    """Write the numbers of every model of a report that has a record; 1 where none has."""
    report, folder = json.loads(Path(arguments[0]).read_text(encoding="utf-8")), Path(arguments[1])
    written = 0
    for model in report["models"]:
        path = record_path(folder, model["name"])
        if path.exists():
            claims = [entry for entry in report["claims"] if entry["model"] == model["name"]]
            written += write_numbers(path, model["clips"], claims)
    print(f"{folder}: {written} numbers written")
    return 0 if written else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
