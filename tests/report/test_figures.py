"""Figures: each kind draws what it was given, for a notebook and for a page."""

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from io import BytesIO

import pytest
from claims_by_hand import ONE_TO_FIVE, evidence
from matplotlib.figure import Figure
from PIL import Image
from reports_by_hand import MODEL, RUN, a_report, fractions, judged, quantified

from circuit_claims import Report
from circuit_claims.judge.expectation import above, below, between
from circuit_claims.report import derived, figures
from circuit_claims.report.drawn import drawn
from circuit_claims.report.schema import build, write

CURVE = {
    "kind": "curve",
    "title": "How far apart",
    "x": {"label": "after block", "values": [0, 1, 2, 3]},
    "y": {"label": "relative delta", "unit": "fraction"},
    "series": [
        {"name": "outcome", "role": "claim", "values": [0.1, 0.2, None, 0.4], "low": [0.05, 0.1, None, 0.3],
         "high": [0.2, 0.3, None, 0.5]},
        {"name": "outcome: paper", "role": "published", "values": [None, 0.2, 0.3, 0.4]},
        {"name": "noise", "role": "control", "values": [0.1, 0.1, 0.1, 0.1]},
    ],
    "marks": [{"x": 2, "label": "onset claimed"}],
}  # fmt: skip
BARS = {
    "kind": "bars",
    "title": "Four metrics",
    "y": {"label": "recovery", "unit": "ratio"},
    "bars": [
        {"name": "norm ratio", "role": "claim", "value": 0.5, "low": 0.4, "high": 0.6},
        {"name": "not there", "role": "control", "value": None},
        {"name": "paper", "role": "published", "value": 0.6},
    ],
}
MAP = {
    "kind": "map",
    "title": "Attention of CLS",
    "pair": "golf-1",
    "clip": "success",
    "y": {"label": "attention", "unit": "fraction"},
    "maps": [
        {"name": f"head {n}", "role": "claim", "signed": n == 1, "values": [[[0.1, -0.2], [None, 0.4]]] * 8}
        for n in (1, 2)
    ],
}


def jpeg(shade):
    out = BytesIO()
    Image.new("RGB", (8, 8), (shade, shade, shade)).save(out, format="JPEG")
    return out.getvalue()


FRAMES = {("golf-1", "success"): [jpeg(16 * n) for n in range(16)]}


def texts(drawn):
    return {element.text for element in ET.fromstring(drawn).iter("{http://www.w3.org/2000/svg}text")}


@pytest.mark.parametrize("figure", [CURVE, {**CURVE, "kind": "layers"}, BARS, MAP], ids=lambda f: f["kind"])
def test_each_kind_is_a_figure_and_an_element_of_a_page(figure):
    made = figures.draw(figure, FRAMES)
    assert isinstance(made, Figure)
    drawn = figures.svg(made, figure["title"])
    assert ET.fromstring(drawn).get("aria-label") == figure["title"]
    assert " style=" not in drawn, "a strict policy would drop it"
    assert "<style" not in drawn
    assert "<metadata" not in drawn
    assert not re.search(r'"#(222831|1f5fd0)"', drawn), "colours are the page's"


def test_a_curve_has_its_series_marks_and_gaps():
    (axes,) = figures.draw(CURVE).axes
    lines = {line.get_label(): list(line.get_ydata()) for line in axes.lines}
    assert lines["noise"] == [0.1] * 4
    assert str(lines["outcome"][2]) == "nan", "null is a gap"
    assert len(axes.collections) == 1, "one band"
    drawn = texts(figures.svg(figures.draw(CURVE), "t"))
    assert {"outcome", "outcome: paper", "noise", "onset claimed", "after block", "relative delta"} <= drawn


def test_a_published_series_has_the_colour_of_what_it_is_about():
    outcome, paper, noise = (line.get_color() for line in figures.draw(CURVE).axes[0].lines[:3])
    assert outcome == paper != noise


def test_bars_stand_for_their_values():
    (axes,) = figures.draw(BARS).axes
    assert [patch.get_height() for patch in axes.patches] == [0.5, 0.0, 0.6]


def test_a_map_is_drawn_over_the_frames_of_its_clip_on_the_models_grid():
    made = figures.draw(MAP, FRAMES)
    tiles = [axes for axes in made.axes if axes.images]
    assert [len(axes.images) for axes in tiles[:16]] == [2] * 16, "a frame and a map, 8 tubelets, 2 maps"
    shades = [axes.images[0].get_array()[0, 0] for axes in tiles[:8]]
    assert shades == sorted(shades), "in the order of time"
    assert tiles[0].images[1].get_array().shape == (2, 2)
    alone = figures.draw(MAP)
    assert len(next(axes for axes in alone.axes if axes.images).images) == 1, "without frames, the map alone"


def test_an_unknown_kind_is_refused_by_name():
    with pytest.raises(
        ValueError, match=r"no figure of kind 'pie' is drawn; there are curve, layers, bars, map"
    ):
        figures.draw({"kind": "pie"})


# What follows from a report's own claims ----------------------------------------------------------------


def recoveries():
    """Norm ratios of both sites at two layers, with the paper's numbers, and projections of one."""
    found = []
    for site, metric, published in (
        ("attn_out", "norm ratio", 0.5),
        ("mlp_out", "norm ratio", 0.6),
        ("mlp_out", "projection", None),
    ):
        samples = [
            replace(
                evidence([0.01 * layer] * 5, published=published),
                site=f"{site} {layer}",
                layer=layer,
                metric=metric.replace(" ", "_"),
            )
            for layer in (4, 5)
        ]
        found.append(quantified(f"{site}-{metric[:4]}", *samples, expectation=between(0.1, 0.6)))
    return build(found, RUN, [MODEL])


def test_recovery_by_layer_stands_beside_the_papers_numbers():
    figure = derived.recovery_by_layer(recoveries(), "organism", "norm ratio")
    assert figure["x"]["values"] == [4, 5]
    series = {some["name"]: some["values"] for some in figure["series"]}
    assert series == {
        "attention": [0.04, 0.05],
        "MLP": [0.04, 0.05],
        "attention: E3 section 4.4": [0.5, 0.5],
        "MLP: E3 section 4.4": [0.6, 0.6],
    }


def test_metrics_stand_side_by_side():
    figure = derived.metrics(recoveries(), "organism")
    assert [some["name"] for some in figure["series"]] == [
        "attention, norm ratio", "MLP, norm ratio", "MLP, projection",
    ]  # fmt: skip


def test_nothing_is_drawn_of_a_report_without_recoveries():
    assert derived.figures(a_report(), "organism") == []


# In a notebook ------------------------------------------------------------------------------------------


def test_a_report_in_a_notebook_shows_itself_and_its_figures(tmp_path):
    write(tmp_path / "latest.json", recoveries())
    report = Report.read(tmp_path / "latest.json")
    assert repr(report) == "<Report: 3 claims: 3 refuted>"
    assert "<table>" in report._repr_html_()
    assert "✗ refuted" in report._repr_html_()
    assert report.page().startswith("<!doctype html>")
    for made in (
        report.recovery_by_layer(),
        report.metrics("organism"),
        report.intervals("mlp_out-norm/reproduces"),
    ):
        assert isinstance(made, Figure)
    assert report.figures("mlp_out-norm/reproduces") == []


@pytest.mark.parametrize(("expectation", "open_side"), [(below(0.95), 0), (above(0.25), 1)])
def test_the_open_side_of_an_asserted_range_reaches_to_the_edge(expectation, open_side):
    """Below 95 % is not from the smallest value to 95 %."""
    made = Report(build([judged("a", fractions(0.6, 0.7, 0.8, 0.65, 0.75), expectation)], RUN, [MODEL]))
    axes = made.intervals("a/reproduces").axes[0]
    (band,) = axes.patches
    ends = (band.get_x(), band.get_x() + band.get_width())
    assert ends[open_side] == pytest.approx(axes.get_xlim()[open_side])
    assert ends[1 - open_side] == pytest.approx((0.95, 0.25)[open_side])
    assert axes.get_xlim()[0] < min(0.25 if open_side else 0.6, 0.6)


def test_figures_that_a_report_does_not_have_are_refused_by_name():
    report = Report(a_report())
    with pytest.raises(ValueError, match="the report has no recoveries in several layers on organism"):
        report.recovery_by_layer()
    with pytest.raises(ValueError, match="the report has no recoveries by cosine on organism"):
        report.recovery_by_layer(metric="cosine")
    with pytest.raises(ValueError, match="the report has no claim 'nothing/means'"):
        report.intervals("nothing/means")


def test_a_claims_own_figures_are_drawn():
    observed = evidence(ONE_TO_FIVE, figure=CURVE)
    report = build([judged("growth", observed, above(1.0))], RUN, [MODEL])
    assert report["claims"][0]["figures"] == [CURVE]
    (made,) = Report(report).figures("growth/reproduces")
    assert made.axes[0].get_ylabel() == "relative delta"


# Kept -----------------------------------------------------------------------------------------------------


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """A folder of kept figures that holds the map, and no means to draw another."""
    first = drawn(MAP, FRAMES, tmp_path)
    assert first == figures.svg(figures.draw(MAP, FRAMES), MAP["title"])

    def unwanted(*_args, **_more):
        raise AssertionError("it was drawn again")

    monkeypatch.setattr(figures, "draw", unwanted)
    assert drawn(MAP, FRAMES, tmp_path) == first
    return tmp_path


@pytest.mark.parametrize(
    ("figure", "frames"),
    [
        ({**MAP, "title": "Another"}, FRAMES),
        ({**MAP, "clip": "failure"}, FRAMES),
        (MAP, {("golf-1", "success"): [jpeg(255)] * 16}),
        (MAP, {}),
    ],
    ids=["title", "clip", "frames", "no frames"],
)
def test_a_figure_of_anything_else_is_drawn(kept, figure, frames):
    with pytest.raises(AssertionError, match="drawn again"):
        drawn(figure, frames, kept)


def test_a_figure_is_drawn_again_where_what_draws_has_changed(kept, monkeypatch):
    monkeypatch.setattr("circuit_claims.report.drawn._drawer", lambda: b"another matplotlib")
    with pytest.raises(AssertionError, match="drawn again"):
        drawn(MAP, FRAMES, kept)


@pytest.mark.parametrize(
    "spoil", [lambda text: text[:-9], lambda text: text.replace("head 1", "head 7")], ids=["cut", "edited"]
)
def test_a_spoilt_figure_is_drawn_again(kept, spoil):
    (file,) = kept.glob("*.svg")
    file.write_text(spoil(file.read_text()))
    with pytest.raises(AssertionError, match="drawn again"):
        drawn(MAP, FRAMES, kept)


def test_a_folder_that_takes_no_figure_stops_nothing(tmp_path):
    (tmp_path / "file").write_text("in the way")
    assert drawn(BARS, {}, tmp_path / "file").startswith("<svg")
