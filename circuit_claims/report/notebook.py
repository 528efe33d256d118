"""A report in a notebook: it shows itself, and its figures are functions.

from circuit_claims import Report
report = Report.read("reports/latest.json")
report                                     # a table of verdicts
report.recovery_by_layer("organism")       # a matplotlib figure
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from circuit_claims.report import wording

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

    from circuit_claims.report.frame import By
    from circuit_claims.report.style import Frames


class Report:
    """A report as `schema.build` made it or `reading.read` read it."""

    def __init__(self, plain: Mapping[str, Any]) -> None:
        self.plain = plain
        """The JSON document."""

    @classmethod
    def read(cls, path: str | Path) -> "Report":
        """Read a JSON report.

        Raises:
            ReportError: it is no report; the message says what is wrong and what to do.
        """
        from circuit_claims.report.reading import read

        return cls(read(Path(path)))

    @property
    def models(self) -> list[str]:
        """The names of the models that were judged."""
        return [model["name"] for model in self.plain["models"]]

    def __repr__(self) -> str:
        return f"<Report: {wording.count_line(self.plain)}>"

    def _repr_html_(self) -> str:
        from circuit_claims.report.html import fragment

        return fragment(self.plain)

    def page(self, frames: "Mapping[str, Frames] | None" = None) -> str:
        """The whole HTML page."""
        from circuit_claims.report.html import render

        return render(self.plain, frames)

    def to_frame(self, by: "By" = "measurement") -> "DataFrame":
        """The report as a pandas frame: a row for each measurement, or with `by="pair"` for each pair.

        Raises:
            ImportError: pandas is not installed (`circuit-claims[frame]`).
        """
        from circuit_claims.report.frame import to_frame

        return to_frame(self.plain, by)

    def recovery_by_layer(self, model: str | None = None, metric: str | None = None) -> "Figure":
        """Recovery by layer beside the paper's tables, of the first model and by the claims' metric."""
        from circuit_claims.report import figures

        return figures.recovery_by_layer(self.plain, self._model(model), metric)

    def metrics(self, model: str | None = None) -> "Figure":
        """The same patches by every metric; of the first model where none is named."""
        from circuit_claims.report import figures

        return figures.metrics(self.plain, self._model(model))

    def intervals(self, key: str, model: str | None = None) -> "Figure":
        """One claim's estimates on the asserted range, by its ``id/kind``."""
        from circuit_claims.report import figures

        return figures.intervals(self.plain, key, model)

    def figures(self, key: str, model: str | None = None, frames: "Frames | None" = None) -> "list[Figure]":
        """What a claim's measurements brought along: curves, bars and maps."""
        from circuit_claims.report import figures

        return figures.of_claim(self.plain, key, model, frames)

    def _model(self, name: str | None) -> str:
        if name is None and not self.models:
            raise ValueError("the report has no model")
        return self.models[0] if name is None else name
