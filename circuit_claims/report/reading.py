"""Reading a report back: what is not one is refused, and older versions are carried over to this one's.

python -c "from circuit_claims.report.reading import read; read('reports/latest.json')"
"""

import json
import re
from collections.abc import Callable, Mapping
from importlib.resources import files
from math import isfinite
from pathlib import Path
from typing import Any, NoReturn

from circuit_claims.report.schema import NAME, VERSION
from circuit_claims.types import Outcome

_LONGEST = 120
"""Characters of a faulty value that a message quotes."""


class ReportError(Exception):
    """A report cannot be read; the message names the file, what is wrong and what to do."""


class _NoNumberError(Exception):
    """What stands where a number has to be: `NaN`, `-Infinity`, `1e999`."""


def read(path: Path) -> dict[str, Any]:
    """Read a report and check that it is one; it comes back in the current version.

    Raises:
        ReportError: missing, cut short, another schema, a newer version, or not as the schema has it.
    """
    try:
        text = path.read_text(encoding="utf-8")
        report = json.loads(text, parse_float=_finite, parse_constant=_no_number)
    except FileNotFoundError:
        raise ReportError(f"{path}: there is no such report; `pytest claims/` writes one") from None
    except (OSError, UnicodeDecodeError) as fault:
        raise ReportError(f"{path}: cannot be read ({fault})") from None
    except json.JSONDecodeError as fault:
        raise ReportError(
            f"{path}:{fault.lineno}: not JSON ({fault.msg}): it may be cut short; run `pytest claims/` again"
        ) from None
    except _NoNumberError as fault:
        found = re.search(rf"[:,\[]\s*{re.escape(str(fault))}", text)
        line = text.count("\n", 0, found.end()) + 1 if found else 1
        raise ReportError(f"{path}:{line}: {fault} is no number; run `pytest claims/` again") from None
    except RecursionError:
        raise ReportError(f"{path}: nested too deeply to be a report") from None
    if not isinstance(report, dict) or report.get("schema") != NAME:
        raise ReportError(f"{path}: not a {NAME}; give a JSON file that `pytest claims/` wrote")
    version = report.get("version")
    if not isinstance(version, int) or isinstance(version, bool) or not 1 <= version <= VERSION:
        raise ReportError(
            f"{path}: version {version!r}, but this circuit-claims reads versions 1 to {VERSION}; upgrade it"
        )
    _refuse_unknown_verdicts(path, report)
    try:
        for older in range(version, VERSION):
            report = MIGRATIONS[older](report)
    except (KeyError, TypeError, AttributeError) as fault:
        raise ReportError(
            f"{path}: not a whole report of version {version} ({fault!r}); run `pytest claims/` again"
        ) from None
    _refuse_what_the_schema_does(path, report)
    _name_what_was_patched(report)
    whole: dict[str, Any] = report
    return whole


def _finite(written: str) -> float:
    number = float(written)
    return number if isfinite(number) else _no_number(written)


def _no_number(written: str) -> NoReturn:
    raise _NoNumberError(written)


def _refuse_unknown_verdicts(path: Path, report: Mapping[str, Any]) -> None:
    claims = report.get("claims")
    if not isinstance(claims, list) or not all(isinstance(entry, dict) for entry in claims):
        raise ReportError(f"{path}: 'claims' has to be a list of tables; run `pytest claims/` again")
    known = {str(outcome) for outcome in Outcome}
    for entry in claims:
        if entry.get("verdict") not in known:
            raise ReportError(
                f"{path}: {entry.get('key')!r} has the unknown verdict {entry.get('verdict')!r}"
            )


def _refuse_what_the_schema_does(path: Path, report: Mapping[str, Any]) -> None:
    from jsonschema import Draft202012Validator

    fault = next(Draft202012Validator(schema()).iter_errors(report), None)
    if fault is not None:
        message = fault.message if len(fault.message) <= _LONGEST else f"{fault.message[:_LONGEST]}…"
        raise ReportError(f"{path}: at {fault.json_path}: {message}; run `pytest claims/` again")
    for place, entry in enumerate(report["claims"]):
        if entry["key"] != (own := f"{entry['claim']}/{entry['kind']}"):
            raise ReportError(
                f"{path}: at $.claims[{place}].key: {entry['key']!r}, but it is {own!r} by its claim and "
                "kind; run `pytest claims/` again"
            )


_RECOVERY = re.compile(r"([a-z ]+) of ((?:attn_out|mlp_out|resid_post) (\d+))")
"""How a recovery is named."""


def _name_what_was_patched(report: Mapping[str, Any]) -> None:
    """Reports before 0.14 name a patched site in the measurement's name only."""
    for entry in report["claims"]:
        for measured in entry["measurements"]:
            if "patched" not in measured and (found := _RECOVERY.fullmatch(measured["name"])):
                metric, site, layer = found.groups()
                measured["patched"] = {
                    "site": site,
                    "layer": int(layer),
                    "metric": metric.replace(" ", "_"),
                    "readout": "",
                }


def schema() -> dict[str, Any]:
    """The JSON Schema of a report, as it is shipped."""
    text = files("circuit_claims.report").joinpath("schema.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def _from_1(report: dict[str, Any]) -> dict[str, Any]:
    """Version 2 added the values of controls, effect sizes, figures, and each part's recorded estimate."""
    measurement: dict[str, Any] = {"controls": [], "effect": None}
    claims = [
        {
            **entry,
            "figures": [],
            "measurements": [{**measured, **measurement} for measured in entry["measurements"]],
            "parts": [{**part, "record": {**part["record"], "estimate": None}} for part in entry["parts"]],
        }
        for entry in report["claims"]
    ]
    run = {**report["run"], "started": None, "options": ""}
    return {**report, "version": 2, "run": run, "claims": claims}


MIGRATIONS: Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]] = {1: _from_1}
"""From each older version to the next."""
