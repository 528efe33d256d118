"""The report as one HTML file: read without JavaScript, under a strict content policy, printed, or spoken.

`template.html` says what stands where and `style.css` how it looks; here a report becomes what they need.
The plots are rows of a table: the numbers that a plot shows stand beside it.
"""

import json
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any

from circuit_claims.judge.record import write_whole
from circuit_claims.report import derived, front, identities, plain, summary, wording
from circuit_claims.report.scale import Scale
from circuit_claims.report.text import cleaned

Frames = Mapping[tuple[str, str], Sequence[bytes]]
"""JPEG frames of some clips, by pair and clip (``success``, ``failure``), evenly over the model's window."""

Anchors = dict[tuple[str, str | None], str]
"""The name on the page of a claim (`id/kind`) on a model."""
Drawings = dict[tuple[str, str | None], list[tuple[Mapping[str, Any], str, bool]]]
"""Figures of a claim on a model: what to draw, its name on the page, and whether this is its first place."""


def write(path: Path, report: Mapping[str, Any], frames: Mapping[str, Frames] | None = None) -> None:
    """Write the page atomically; `frames` are those of each model's clips, where they are at hand."""
    write_whole(path, render(report, frames))


def render(report: Mapping[str, Any], frames: Mapping[str, Frames] | None = None) -> str:
    """The page of a report in the current version."""
    style = files("circuit_claims.report").joinpath("style.css").read_text(encoding="utf-8")
    digest = b64encode(sha256(style.encode()).digest()).decode()
    return _filled("template.html", report, frames or {}, style=style, style_hash=digest)


def fragment(report: Mapping[str, Any]) -> str:
    """The verdicts at a glance, to stand in another page: what a notebook shows."""
    return _filled("fragment.html", report, {})


def _filled(template: str, report: Mapping[str, Any], frames: Mapping[str, Frames], **more: str) -> str:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("circuit_claims.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["times"] = _times
    environment.filters["base64"] = lambda jpeg: b64encode(jpeg).decode()
    return environment.get_template(template).render(
        **_page(cleaned(report), frames),
        **more,
        groups=plain.GROUPS,
        verdicts=plain.VERDICTS,
        marks=plain.MARKS,
    )


def _times(text: str) -> str:
    """Factors with a sign of multiplication, and a number and its unit on one line, as on paper."""
    return re.sub(r"(?<![\w\\])x(?=\d)", "×", text).replace(" %", "\u00a0%")


def _page(report: Mapping[str, Any], frames: Mapping[str, Frames]) -> dict[str, Any]:
    claims = report["claims"]
    anchors = _anchors(claims)
    drawings = _drawings(claims, anchors)
    models = [
        {
            **model,
            "drawings": _titles(drawings, model["name"]),
            "told": plain.about(model),
            "figures": derived.figures(report, model["name"]),
            "identities": identities.rows(model),
            "frames": frames.get(model["name"], {}),
            "strips": {
                pair: f"clips-{at}-{number}"
                for number, pair in enumerate(
                    dict.fromkeys(pair for pair, _ in frames.get(model["name"], {}))
                )
            },
        }
        for at, model in enumerate(report["models"])
    ]
    by_group = {
        group.name: _by_claim(
            [entry for entry in claims if plain.group_of(entry) is group],
            anchors,
            drawings,
            report["run"]["options"],
        )
        for group in plain.GROUPS
    }
    return {
        "run": report["run"],
        "models": models,
        "strips": {model["name"]: model["strips"] for model in models},
        "paragraph": summary.paragraph(report),
        "by_group": by_group,
        "count_line": wording.count_line(report),
        "present": [word for word in plain.VERDICTS if any(entry["verdict"] == word for entry in claims)],
        "drawn": _drawn(frames),
        "told_value": _told_value,
        "glance_columns": lambda some: list(
            dict.fromkeys(name for claim in some for name in claim["results"])
        ),
        "identity_columns": identities.COLUMNS,
        "columns": {
            name: list(dict.fromkeys(model for claim in group for model in claim["results"]))
            for name, group in by_group.items()
        },
        "told_of": {model["name"]: model["told"] for model in models if model["told"]},
        "title": front.title(report),
        "lead": front.lead(report),
        "glances": front.glances(report, by_group),
    }


def _told_value(figure: Mapping[str, Any], series: Mapping[str, Any], at: int) -> str:
    unit = figure["y"]["unit"]
    told = wording.number(series["values"][at], unit)
    if told and "low" in series and None not in (series["low"][at], series["high"][at]):
        told += f" [{wording.number(series['low'][at], unit)}, {wording.number(series['high'][at], unit)}]"
    return told


def _anchors(claims: Sequence[wording.Entry]) -> Anchors:
    """A fragment for each claim and model: letters and digits only, and no two alike."""
    made: dict[tuple[str, str | None], str] = {}
    for at, entry in enumerate(claims):
        slug = re.sub(r"[^a-z0-9]+", "-", f"{entry['key']} {entry['model'] or 'paper'}".lower()).strip("-")[
            :80
        ]
        made[entry["key"], entry["model"]] = f"{slug}-{at}" if slug in made.values() else slug
    return made


def _drawings(claims: Sequence[wording.Entry], anchors: Anchors) -> Drawings:
    """Each claim's figures, with the name of each on the page, and whether it is drawn here or above."""
    made: Drawings = {}
    names: dict[tuple[str | None, str], str] = {}
    for entry in claims:
        here = made.setdefault((entry["key"], entry["model"]), [])
        for at, figure in enumerate(entry["figures"]):
            same = entry["model"], json.dumps(figure, sort_keys=True)
            first = same not in names
            name = names.setdefault(same, f"figure-{anchors[entry['key'], entry['model']]}-{at}")
            here.append((figure, name, first))
    return made


def _titles(drawings: Drawings, model: str) -> dict[str, str]:
    """Titles of a model's figures, with the name on the page of the first one of each."""
    titles: dict[str, str] = {}
    for (_, name), some in drawings.items():
        for data, anchor, first in some:
            if name == model and first:
                titles.setdefault(data["title"], anchor)
    return titles


def _by_claim(
    entries: Sequence[wording.Entry], anchors: Anchors, drawings: Drawings, options: str
) -> list[dict[str, Any]]:
    """Each claim once, with its result on every model that it was judged on."""
    claims = []
    for key in dict.fromkeys(entry["key"] for entry in entries):
        mine = [entry for entry in entries if entry["key"] == key]
        first = mine[0]
        scales = _scales(mine)
        claims.append(
            {
                "key": key,
                "statement": first["statement"],
                "source": first["source"],
                "section": plain.section(first),
                "anchor": f"claim-{anchors[key, first['model']]}",
                "flags": [plain.flag(flag) for flag in dict.fromkeys(f for e in mine for f in e["flags"])],
                "experiment": plain.experiment(first),
                "published": any(m["published"] is not None for entry in mine for m in entry["measurements"]),
                "results": {
                    entry["model"]: _result(entry, scale, anchors, drawings, options)
                    for entry, scale in zip(mine, scales, strict=True)
                },
            }
        )
    return claims


def _result(
    entry: wording.Entry, scale: Scale, anchors: Anchors, drawings: Drawings, options: str
) -> dict[str, Any]:
    return {
        "model": entry["model"],
        "anchor": anchors[entry["key"], entry["model"]],
        "verdict": entry["verdict"],
        "css": entry["verdict"].replace(" ", "-"),
        "brief": plain.brief(entry),
        "named": plain.brief(entry, named=True),
        "why": plain.why(entry),
        "sentence": entry["sentence"],
        "drift": entry["record"]["drift"],
        "record": entry["record"]["sentence"],
        "reason": entry["record"].get("reason", ""),
        "change": wording.change(entry),
        "observed": wording.observed(entry),
        "asserted": wording.asserted(entry),
        "rows": _rows(entry, scale),
        "ticks": scale.ticks(),
        "contrasts": _contrasts(entry),
        "effects": [(m["part"], m["effect"]) for m in entry["measurements"] if m["effect"]],
        "undefined": sorted({why for m in entry["measurements"] for why in m["undefined"].values()}),
        "rerun": wording.rerun(entry, options),
        "figures": drawings[entry["key"], entry["model"]],
    }


# Plots --------------------------------------------------------------------------------------------------


def _scales(entries: Sequence[wording.Entry]) -> list[Scale]:
    """One axis for a claim on all models, to compare them; one each, where that would flatten some."""
    shown = [_shown(entry) for entry in entries]
    unit = next((m["unit"] for entry in entries for m in entry["measurements"]), "fraction")
    together = Scale.over([value for values in shown for value in values], unit)
    alone = [Scale.over(values, unit) for values in shown]
    if all(scale.high - scale.low >= 0.25 * (together.high - together.low) for scale in alone):
        return [together] * len(entries)
    return alone


def _shown(entry: wording.Entry) -> list[float | None]:
    """The numbers that an axis has to reach."""
    shown: list[float | None] = []
    for measured in entry["measurements"]:
        ends = measured["asserted"] or {"low": None, "high": None}
        shown += [measured["value"], measured["published"], ends["low"], ends["high"]]
        shown += measured["ci"] or []
        shown += [control["value"] for control in measured["controls"]]
        shown += _middle(list(measured["by_pair"].values()))
        if not entry["parts"]:  # controls have rows of their own, with their pairs
            shown += [value for control in measured["controls"] for value in _middle(control["values"])]
    return shown


def _middle(values: list[float]) -> list[float]:
    """The values but for the two outermost at each end, which alone would set the axis."""
    return sorted(values)[2:-2]


def _rows(entry: wording.Entry, scale: Scale) -> list[dict[str, Any]]:
    """A row for each part; for a claim without parts, one for each control below it."""
    verdicts = {part["part"]: part["verdict"] for part in entry["parts"]}
    rows = []
    for measured in entry["measurements"]:
        rows.append(_row(measured, scale, str(verdicts.get(measured["part"], entry["verdict"]))))
        if not entry["parts"]:
            rows += [_control_row(control, measured["unit"], scale) for control in measured["controls"]]
    return rows


def _row(measured: Mapping[str, Any], scale: Scale, verdict: str) -> dict[str, Any]:
    unit, value = measured["unit"], measured["value"]
    ends = measured["ci"] if measured["ci"] and None not in measured["ci"] else None
    outside = [v for v in measured["by_pair"].values() if not scale.shows(v)]
    return {
        "kind": "claim",
        "label": measured["part"].replace("=", " ") or plain.measured_name(measured),
        "told": wording.numbers(measured),
        "published": wording.number(measured["published"], unit),
        "verdict": verdict,
        "mark": plain.MARKS[verdict],
        "asserted": _band(measured["asserted"], scale),
        "points": [
            (scale.at(v), _jitter(at), f"{pair}: {wording.number(v, unit)}")
            for at, (pair, v) in enumerate(measured["by_pair"].items())
            if scale.shows(v)
        ],
        "outside": len(outside),
        "interval": None if ends is None else (scale.at(ends[0]), scale.at(ends[1])),
        "estimate": None if value is None else scale.at(value),
        "paper": None if measured["published"] is None else scale.at(measured["published"]),
        "controls": [
            (scale.at(c["value"]), f"{c['name']}: {wording.number(c['value'], unit)}")
            for c in measured["controls"]
            if c["value"] is not None
        ]
        if measured["part"]
        else [],
    }


def _control_row(control: Mapping[str, Any], unit: str, scale: Scale) -> dict[str, Any]:
    seeds = control["design"] == "seeds"
    outside = [value for value in control["values"] if not scale.shows(value)]
    count = f", {len(control['values'])} {'seeds' if seeds else 'pairs'}"
    told = control["undefined"] or wording.number(control["value"], unit) + count
    return {
        "kind": "control",
        "label": f"control: {control['name']}",
        "told": told,
        "published": "",
        "verdict": "",
        "mark": "",
        "asserted": None,
        "points": [
            (scale.at(v), _jitter(at), f"{'seed' if seeds else 'pair'} {at + 1}: {wording.number(v, unit)}")
            for at, v in enumerate(control["values"])
            if scale.shows(v)
        ],
        "outside": len(outside),
        "interval": None,
        "estimate": None,
        "paper": None,
        "controls": [] if control["value"] is None else [(scale.at(control["value"]), told)],
    }


def _band(asserted: Mapping[str, Any] | None, scale: Scale) -> tuple[float, float] | None:
    """Where the asserted range begins, and how wide it is."""
    if asserted is None or asserted["low"] is asserted["high"] is None:
        return None
    start = 0.0 if asserted["low"] is None else scale.at(asserted["low"])
    end = 100.0 if asserted["high"] is None else scale.at(asserted["high"])
    return start, max(round(end - start, 2), 0.3)


def _jitter(at: int) -> int:
    """The height of a point in its row, so that equal values do not hide each other."""
    return 6 + (at * 7) % 17


def _contrasts(entry: wording.Entry) -> list[tuple[str, str, str]]:
    """Part, control, and how far the claim's number is above it."""
    units = {measured["part"]: measured["unit"] for measured in entry["measurements"]}
    if not entry["parts"]:
        unit = next(iter(units.values()), "fraction")
        return [("", c["control"], wording.contrast(c, unit)) for c in entry["controls"]]
    return [
        (part["part"].replace("=", " "), control["control"], wording.contrast(control, units[part["part"]]))
        for part in entry["parts"]
        for control in part["controls"]
        if part["part"] in units
    ]


# Figures ------------------------------------------------------------------------------------------------


def _drawn(frames: Mapping[str, Frames]) -> Any:
    """A function for the template that draws a figure as SVG; its first use imports matplotlib."""
    from markupsafe import Markup

    def drawn(figure: Mapping[str, Any], model: str | None = None) -> Markup:
        from circuit_claims.report import figures

        return Markup(figures.svg(figures.draw(figure, frames.get(model or "", {})), figure["title"]))

    return drawn
