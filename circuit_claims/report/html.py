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

from circuit_claims.files import write_whole
from circuit_claims.judge.counted import counted
from circuit_claims.report import derived, front, identities, plain, rows, summary, wording
from circuit_claims.report.drawn import drawn
from circuit_claims.report.moves import HEADINGS, moves, sentence
from circuit_claims.report.style import Frames
from circuit_claims.report.text import cleaned

Anchors = dict[tuple[str, str | None], str]
"""The name on the page of a claim (`id/kind`) on a model."""
Drawings = dict[tuple[str, str | None], list[tuple[Mapping[str, Any], str, bool]]]
"""Figures of a claim on a model: what to draw, its name on the page, and whether this is its first place."""


def write(
    path: Path,
    report: Mapping[str, Any],
    frames: Mapping[str, Frames] | None = None,
    kept: Path | None = None,
) -> None:
    """Write the page atomically; `frames` are those of each model's clips, where they are at hand."""
    write_whole(path, render(report, frames, kept))


def render(
    report: Mapping[str, Any], frames: Mapping[str, Frames] | None = None, kept: Path | None = None
) -> str:
    """The page of a report in the current version; `kept` is a folder of figures that were drawn before."""
    style = files("circuit_claims.report").joinpath("style.css").read_text(encoding="utf-8")
    digest = b64encode(sha256(style.encode()).digest()).decode()
    return _filled("template.html", report, frames or {}, kept, style=style, style_hash=digest)


def fragment(report: Mapping[str, Any]) -> str:
    """The verdicts at a glance, to stand in another page: what a notebook shows."""
    return _filled("fragment.html", report, {})


def _filled(
    template: str,
    report: Mapping[str, Any],
    frames: Mapping[str, Frames],
    kept: Path | None = None,
    **more: str,
) -> str:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("circuit_claims.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["counted"] = counted
    environment.filters["times"] = _times
    environment.filters["sentence"] = _sentence
    environment.filters["base64"] = lambda jpeg: b64encode(jpeg).decode()
    return environment.get_template(template).render(
        **_page(cleaned(report), frames),
        drawn=_drawn(frames, kept),
        **more,
        groups=plain.groups(report),
        move_headings=HEADINGS,
        moves_told=sentence,
        verdicts=plain.VERDICTS,
        marks=plain.MARKS,
    )


def _times(text: str) -> str:
    """Factors with a sign of multiplication, and a number and its unit on one line, as on paper."""
    return re.sub(r"(?<![\w\\])x(?=\d)", "×", text).replace(" %", "\u00a0%")


def _sentence(text: str) -> str:
    """With a capital and a full stop."""
    text = text.strip()
    return text and f"{text[0].upper()}{text[1:]}{'' if text[-1] in '.?!' else '.'}"


def _page(report: Mapping[str, Any], frames: Mapping[str, Frames]) -> dict[str, Any]:
    claims = report["claims"]
    anchors = _anchors(claims)
    drawings = _drawings(claims, anchors)
    models = [
        {
            **model,
            "drawings": _titles(drawings, model["name"]),
            "told": plain.about(model),
            "taken_over": plain.taken_over(model),
            "figures": derived.figures(report, model["name"]),
            "identities": identities.rows(model),
            "moves": moves(report, model["name"]),
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
            [entry for entry in claims if plain.group_of(entry).name == group.name],
            anchors,
            drawings,
            report["run"]["options"],
        )
        for group in plain.groups(report)
    }
    return {
        "run": report["run"],
        "models": models,
        "strips": {model["name"]: model["strips"] for model in models},
        "paragraph": summary.paragraph(report),
        "by_group": by_group,
        "count_line": wording.count_line(report),
        "present": [word for word in plain.VERDICTS if any(entry["verdict"] == word for entry in claims)],
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
            here.append(
                ({**figure, "title": plain.without_log(figure["title"], figure["y"]["unit"])}, name, first)
            )
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
        scales = rows.scales(mine)
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
                    entry["model"]: _result(entry, own, anchors, drawings, options)
                    for entry, own in zip(mine, scales, strict=True)
                },
            }
        )
    return claims


def _result(
    entry: wording.Entry, scales: rows.Scales, anchors: Anchors, drawings: Drawings, options: str
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
        "change": wording.change(entry).replace(wording.FIXED, ""),
        "observed": wording.observed(entry),
        "asserted": wording.asserted(entry),
        "rows": rows.rows(entry, scales),
        "contrasts": rows.contrasts(entry),
        "effects": [(m["part"], plain.effect(m)) for m in entry["measurements"] if m["effect"]],
        "undefined": _left_out(entry),
        "rerun": wording.rerun(entry, options),
        "figures": drawings[entry["key"], entry["model"]],
    }


def _left_out(entry: wording.Entry) -> list[str]:
    """Why some pairs, or some of a control's, have no number."""
    own = {why for m in entry["measurements"] for why in m["undefined"].values()}
    controls = {
        f"of control “{c['name']}”: {c['undefined']}"
        for m in entry["measurements"]
        for c in m["controls"]
        if c["undefined"] and c["value"] is not None
    }
    return sorted(own) + sorted(controls)


# Figures ------------------------------------------------------------------------------------------------


def _drawn(frames: Mapping[str, Frames], kept: Path | None) -> Any:
    """A function for the template that gives a figure as SVG; drawing the first imports matplotlib."""
    from markupsafe import Markup

    def as_svg(figure: Mapping[str, Any], model: str | None = None) -> Markup:
        return Markup(drawn(figure, frames.get(model or "", {}), kept))

    return as_svg
