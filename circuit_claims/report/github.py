"""What GitHub Actions shows of a run: annotations on the tests that failed, and the step's summary."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from circuit_claims.report import markdown, plain, wording
from circuit_claims.report.text import cleaned

MOST = 10
"""Annotations of one level that GitHub shows for a step."""


def annotations(report: Mapping[str, Any]) -> list[str]:
    """Workflow commands for claims that fail the run, errors first, ten lines at most."""
    report = cleaned(report)
    failing = [entry for entry in report["claims"] if _level(entry) == "error"]
    doubtful = [entry for entry in report["claims"] if _level(entry) == "warning"]
    lines = [_command(_level(entry), entry) for entry in [*failing, *doubtful]]
    if len(lines) > MOST:
        more = len(lines) - MOST + 1
        lines[MOST - 1 :] = [f"::notice title=circuit-claims::{more} more claims are in the step's summary"]
    return lines


def _level(entry: wording.Entry) -> str:
    drift = entry["record"]["drift"]
    if entry["verdict"] == "error" or drift in ("moved", "flipped"):
        return "error"
    if drift == "unrecorded" and entry["verdict"] in ("refuted", "artifact"):
        return "error"
    if entry["verdict"] == "incomplete" or drift == "borderline":
        return "warning"
    return ""


def _command(level: str, entry: wording.Entry) -> str:
    file = entry["nodeids"][0].split("::")[0] if entry["nodeids"] else ""
    on = f" on {entry['model']}" if entry["model"] else ""
    drift = "" if wording.steady(entry) else f" Against the record: {entry['record']['sentence']}."
    title = f"{entry['key']}{on}: {entry['verdict']}"
    where = f"file={_property(file)}," if file else ""
    return f"::{level} {where}title={_property(title)}::{_data(plain.why(entry) + drift)}"


def _data(text: str) -> str:
    """Text as the message of a workflow command."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    """Text as a property of a workflow command."""
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def add_to_summary(path: Path, report: Mapping[str, Any]) -> None:
    """Append the report to a step's summary, within what is left of its size."""
    written = path.stat().st_size if path.exists() else 0
    text = markdown.render(report, max(markdown.LIMIT - written, 0))
    with path.open("a", encoding="utf-8") as summary:
        summary.write(text + "\n")
