"""The figures of a report, drawn by matplotlib: one drawer for each kind of `docs/report-figures.md`.

Each public function returns a `matplotlib.figure.Figure`, made without pyplot, so that nothing global
changes and a notebook shows it as it is. `svg` turns one into markup that follows a page's own colours.
"""

import re
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from io import BytesIO, StringIO
from math import exp
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from circuit_claims.report import derived, plain, wording
from circuit_claims.report.maps import token_map
from circuit_claims.report.style import CLAIM, CONTROL, FAINT, INK, PAPER, PUBLISHED, Frames, folded, numbers
from circuit_claims.report.text import cleaned, visible

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

VARIABLES = {
    INK: "--ink",
    FAINT: "--faint",
    PAPER: "--paper",
    **{colour: f"--claim-{at + 1}" for at, colour in enumerate(CLAIM)},
    **{colour: f"--control-{at + 1}" for at, colour in enumerate(CONTROL)},
    **{colour: f"--published-{at + 1}" for at, colour in enumerate(PUBLISHED)},
}
"""The page's variable for each colour: a figure turns dark with the page that it stands in."""
MARKERS = ("o", "s", "^", "v", "P", "X", "<", ">")


# What a notebook asks for -------------------------------------------------------------------------------


def recovery_by_layer(report: Mapping[str, Any], model: str, metric: str | None = None) -> "Figure":
    """Recovery of each single patch by layer, beside the paper's tables.

    Without a metric it is the first of `METRICS` that the claims ask for in several layers.

    Raises:
        ValueError: no claim of the report asks for recoveries on this model.
    """
    drawn = (
        derived.recovery_by_layer(report, model, one) for one in ([metric] if metric else derived.METRICS)
    )
    what = f"recoveries by {metric.replace('_', ' ')}" if metric else "recoveries in several layers"
    return draw(_there(next((figure for figure in drawn if figure), None), what, model))


def metrics(report: Mapping[str, Any], model: str) -> "Figure":
    """The same patches scored by every metric.

    Raises:
        ValueError: the report has recoveries on this model by fewer than two metrics.
    """
    return draw(_there(derived.metrics(report, model), "recoveries by two metrics", model))


def intervals(report: Mapping[str, Any], key: str, model: str | None = None) -> "Figure":
    """One claim: estimates with their intervals, pairs, controls and published values on the asserted range.

    Raises:
        ValueError: no such claim on this model.
    """
    found = [e for e in report["claims"] if e["key"] == key and (model is None or e["model"] == model)]
    entry = _there(found[0] if found else None, f"claim {key!r}", model)
    return _intervals(cleaned(entry))


def of_claim(
    report: Mapping[str, Any], key: str, model: str | None = None, frames: Frames | None = None
) -> "list[Figure]":
    """The figures that a claim's measurements brought along: curves, maps and bars."""
    mine = [e for e in report["claims"] if e["key"] == key and (model is None or e["model"] == model)]
    return [draw(figure, frames) for entry in mine for figure in entry["figures"]]


def _there(found: dict[str, Any] | None, what: str, model: str | None) -> dict[str, Any]:
    if found is None:
        raise ValueError(f"the report has no {what}{f' on {model}' if model else ''}")
    return found


# Drawing ------------------------------------------------------------------------------------------------


def draw(figure: Mapping[str, Any], frames: Frames | None = None) -> "Figure":
    """Draw a figure by its kind.

    Raises:
        ValueError: a kind that is not drawn here.
    """
    kinds = {"curve": _curve, "layers": _layers, "bars": _bars}
    figure = cleaned(figure)
    if figure["kind"] == "map":
        return token_map(figure, frames or {})
    if figure["kind"] not in kinds:
        raise ValueError(
            f"no figure of kind {figure['kind']!r} is drawn; there are {', '.join([*kinds, 'map'])}"
        )
    made, axes = _canvas(6.6, 3.4)
    kinds[figure["kind"]](axes, figure)
    axes.set_ylabel(folded(plain.without_log(figure["y"]["label"], figure["y"]["unit"]), 40), color=INK)
    if figure["y"].get("log"):
        _log(axes)
    _units(axes, figure["y"]["unit"])
    return made


def _canvas(width: float, height: float) -> "tuple[Figure, Axes]":
    from matplotlib.figure import Figure

    made = Figure(figsize=(width, height), layout="constrained", facecolor="none")
    axes = made.subplots()
    axes.set_facecolor("none")
    axes.tick_params(colors=INK, labelsize=9)
    for side, spine in axes.spines.items():
        spine.set_color(FAINT)
        spine.set_visible(side in ("left", "bottom"))
    axes.grid(axis="y", color=FAINT, alpha=0.25, linewidth=0.6)
    return made, axes


def _log(axes: "Axes") -> None:
    """A logarithmic axis whose ticks are numbers that people read."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.set_yscale("log")
    low, high = axes.get_ylim()
    digits: tuple[float, ...] = (1.0, 2.0, 5.0) if high < 300 * low else (1.0,)
    if high < 10 * low:
        digits = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0)
    axes.yaxis.set_major_locator(LogLocator(subs=digits))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.4g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def _units(axes: "Axes", unit: str) -> None:
    from matplotlib.ticker import FuncFormatter

    if unit in ("fraction", "bool"):
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.4g} %"))
    elif unit == "log ratio":
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"×{exp(value):.2g}"))


def _looks(series: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """A colour and a marker for each series or bar, by its role.

    A control or published series that is named after one of the model's, as ``MLP: table 3``, has its colour.
    """
    palettes = {"claim": CLAIM, "control": CONTROL, "published": PUBLISHED}
    markers = {"claim": MARKERS, "control": ("x", "+", "1"), "published": ("D", "^", "v", "<")}
    seen: dict[tuple[str, str], int] = {}
    colours: dict[str, str] = {}
    looks = []
    for some in series:
        role, base = some["role"], some["name"].split(":")[0]
        colour = None if role == "claim" else colours.get(base)
        among = "" if colour is None else base
        at = seen.get((role, among), 0)
        seen[role, among] = at + 1
        colour = colour or palettes[role][at % len(palettes[role])]
        if role == "claim":
            colours[base] = colour
        looks.append((colour, markers[role][at % len(markers[role])]))
    return looks


def _curve(axes: "Axes", figure: Mapping[str, Any]) -> None:
    x = figure["x"]["values"]
    for some, (colour, marker) in zip(figure["series"], _looks(figure["series"]), strict=True):
        line = {"claim": "-", "control": "--", "published": ":"}[some["role"]]
        axes.plot(
            x, numbers(some["values"]), line, marker=marker, ms=4, color=colour, label=some["name"], lw=1.6
        )
        if "low" in some and "high" in some:
            axes.fill_between(x, numbers(some["low"]), numbers(some["high"]), color=colour, alpha=0.15, lw=0)
    _marks_and_legend(axes, figure)


def _layers(axes: "Axes", figure: Mapping[str, Any]) -> None:
    x, series = figure["x"]["values"], figure["series"]
    for at, (some, (colour, marker)) in enumerate(zip(series, _looks(series), strict=True)):
        # Side by side within a layer, so that no interval hides another.
        places = [place + 0.5 * ((at + 0.5) / len(series) - 0.5) for place in x]
        values = numbers(some["values"])
        if "low" in some and "high" in some:
            axes.vlines(places, numbers(some["low"]), numbers(some["high"]), color=colour, lw=2.2, alpha=0.8)
        ink: dict[str, Any] = {"color": colour}
        if some["role"] == "published":
            ink = {"edgecolors": colour, "facecolors": "none"}
        axes.scatter(places, values, s=28, marker=marker, label=some["name"], zorder=3, **ink)
    axes.set_xticks(x)
    if figure["y"]["unit"] == "fraction":
        axes.axhline(0, color=FAINT, lw=0.8)
    _marks_and_legend(axes, figure)


def _marks_and_legend(axes: "Axes", figure: Mapping[str, Any]) -> None:
    for mark in figure.get("marks", ()):
        axes.axvline(mark["x"], color=FAINT, lw=1, ls=(0, (2, 2)))
        axes.annotate(
            mark["label"], (mark["x"], 1), (3, -2), xycoords=("data", "axes fraction"),
            textcoords="offset points", va="top", color=INK, fontsize=8,
        )  # fmt: skip
    axes.set_xlabel(figure["x"]["label"], color=INK)
    legend = axes.figure.legend(
        loc="outside lower center", ncols=2, frameon=False, fontsize=8.5, labelcolor=INK, handlelength=2
    )
    legend.set_in_layout(True)


def _bars(axes: "Axes", figure: Mapping[str, Any]) -> None:
    bars = figure["bars"]
    looks = _looks(bars)
    if sum(bar["role"] == "claim" for bar in bars) == len(bars):
        looks = [(CLAIM[0], "")] * len(bars)  # of one kind: their names say what they are
    for at, (bar, (colour, _)) in enumerate(zip(bars, looks, strict=True)):
        hatch = {"claim": None, "control": "///", "published": "..."}[bar["role"]]
        axes.bar(
            at,
            bar["value"] or 0.0,
            color="none" if hatch else colour,
            edgecolor=colour,
            hatch=hatch,
            width=0.6,
        )
        if bar.get("low") is not None and bar.get("high") is not None:
            axes.vlines(at, bar["low"], bar["high"], color=INK, lw=1.6)
    axes.axhline(0, color=FAINT, lw=0.8)
    width = max(64 // max(len(bars), 1), 8)  # letters that have room below a bar
    axes.set_xticks(
        range(len(bars)), [folded(bar["name"], width) for bar in bars], fontsize=9 if width > 10 else 8
    )


def _intervals(entry: wording.Entry) -> "Figure":
    """The rows of a claim: as in the page, for a notebook."""
    from matplotlib.ticker import FuncFormatter

    measured = entry["measurements"]
    rows = max(len(measured), 1)
    made, axes = _canvas(6.6, 0.8 + 0.34 * rows)
    axes.grid(visible=False)
    for at, some in enumerate(measured):
        y = rows - 1 - at
        edges = _edges(some["asserted"])
        axes.scatter([edge for edge in edges if edge is not None], [y] * (2 - edges.count(None)), alpha=0.0)
        pairs = list(some["by_pair"].values())
        axes.scatter(
            pairs,
            [y + 0.25 * ((n * 7) % 17 / 8 - 1) for n in range(len(pairs))],
            s=7,
            color=CLAIM[0],
            alpha=0.3,
            lw=0,
        )
        if some["ci"] and None not in some["ci"]:
            axes.hlines(y, *some["ci"], color=CLAIM[0], lw=2.5)
        if some["value"] is not None:
            axes.scatter([some["value"]], [y], s=36, color=CLAIM[0], zorder=3)
        controls = [control["value"] for control in some["controls"] if control["value"] is not None]
        axes.scatter(controls, [y] * len(controls), s=30, marker="x", color=CONTROL[0], zorder=3)
        if some["published"] is not None:
            axes.scatter(
                [some["published"]], [y], s=34, marker="D", facecolors="none", edgecolors=PUBLISHED[0]
            )
    left, right = axes.get_xlim()
    for at, some in enumerate(measured):
        low, high = _edges(some["asserted"])
        if low is not None or high is not None:  # an open side reaches to the edge of the plot
            low, high = left if low is None else low, right if high is None else high
            axes.barh(rows - 1 - at, high - low, left=low, height=0.9, color=CLAIM[2], alpha=0.15, lw=0)
    axes.set_xlim(left, right)
    axes.set_yticks(
        range(rows), [some["part"].replace("=", " ") or "" for some in reversed(measured)] or [""]
    )
    axes.set_title(
        f"{entry['key']}: {plain.MARKS[entry['verdict']]} {wording.short_verdict(entry)}",
        fontsize=10,
        color=INK,
        loc="left",
    )
    unit = measured[0]["unit"] if measured else ""
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: wording.number(value, unit)))
    return made


def _edges(asserted: Mapping[str, Any] | None) -> tuple[float | None, float | None]:
    """The ends of the asserted range, None where it is open."""
    return (asserted["low"], asserted["high"]) if asserted else (None, None)


# Into a page --------------------------------------------------------------------------------------------

_PICTURE = re.compile(r"data:image/png;base64,([A-Za-z0-9+/=\s]+)")
_STYLE = re.compile(r' style="([^"]*)"')
_FONT = re.compile(r"(?:(?P<weight>bold|\d{3}) )?(?P<size>[\d.]+)px .*")


def svg(figure: "Figure", title: str) -> str:
    """A figure as an SVG element that can stand in a page under a strict content policy.

    Styles become attributes (a page without inline styles would drop them), text stays text, and colours
    become the page's variables. Names within it begin with a hash of what it shows.
    """
    from hashlib import sha256

    from matplotlib import rc_context

    out = StringIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": sha256(title.encode()).hexdigest()[:8]}):
        figure.savefig(
            out, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None}
        )
    text = out.getvalue()
    text = text[text.index("<svg") :].strip()
    text = re.sub(r"<metadata>.*?</metadata>|<defs>\s*<style.*?</style>\s*</defs>", "", text, flags=re.DOTALL)
    salt = sha256(text.encode()).hexdigest()[:8]
    text = re.sub(r'( id="|url\(#|href="#)', rf"\g<1>f{salt}-", text)
    text = _PICTURE.sub(_as_jpeg, text)
    text = _STYLE.sub(lambda match: _attributes(match[1]), text)
    for colour, variable in VARIABLES.items():
        text = text.replace(f'"{colour}"', f'"var({variable})"')
    label = f'<svg role="img" aria-label="{escape(visible(title), {chr(34): "&quot;"})}" class="figure"'
    text = re.sub(r' (?:width|height)="[\d.]+pt"', "", text, count=2)
    return text.replace("<svg", label, 1)


def _as_jpeg(found: re.Match[str]) -> str:
    """An opaque picture in a figure, a frame of a clip, in fewer bytes: a page has hundreds of them."""
    from PIL import Image

    out = BytesIO()
    with Image.open(BytesIO(b64decode(found[1]))) as picture:
        if "A" in picture.getbands() and picture.getchannel("A").getextrema() != (255, 255):
            return found[0]  # the page's own colour shows through
        picture.convert("RGB").save(out, "JPEG", quality=85, subsampling=0)
    return f"data:image/jpeg;base64,{b64encode(out.getvalue()).decode()}"


def _attributes(style: str) -> str:
    """``fill: #222831; font: 9px serif`` as attributes of SVG, which mean the same."""
    made = []
    for declaration in style.split(";"):
        name, _, value = (word.strip() for word in declaration.partition(":"))
        if name == "font":
            matched = _FONT.fullmatch(value)
            if matched:
                made.append(("font-size", matched["size"]))
                made += [("font-weight", matched["weight"])] if matched["weight"] else []
        elif name:
            made.append((name, value))
    return "".join(f' {name}="{value}"' for name, value in made)
