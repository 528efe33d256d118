"""The files of a report: JSON, and what people read, rendered from it and written beside it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from circuit_claims.report import html, markdown
from circuit_claims.report.style import Frames


def write_beside(
    path: Path,
    report: Mapping[str, Any],
    frames: Mapping[str, Frames] | None = None,
    kept: Path | None = None,
) -> list[Path]:
    """Write `latest.md` and `latest.html` beside `latest.json`; returns what was written.

    `kept` is a folder of figures that were drawn before.
    """
    page = path.with_suffix(".html")
    markdown.write(path.with_suffix(".md"), report, whole=page.name)
    html.write(page, report, frames, kept)
    return [path.with_suffix(".md"), page]
