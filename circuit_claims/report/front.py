"""The first screen of a page: what was asked, of which model, and the verdicts at a glance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mode
from typing import Any

from circuit_claims.judge.counted import counted
from circuit_claims.report import plain, wording

Claims = Sequence[Mapping[str, Any]]
"""Claims as the page has them: each once, with its result on every model."""


@dataclass(frozen=True)
class Glance:
    """One table of verdicts."""

    name: str
    heading: str
    told: str
    column: str
    claims: Claims


def title(report: Mapping[str, Any]) -> str:
    """The question that the page answers."""
    paper = report["run"].get("paper")
    whose = f"the claims of “{paper['title']}”" if paper else "these claims"
    names = [model["name"] for model in report["models"]]
    return f"Which of {whose} hold{f' on {wording.listed(names)}' if len(names) == 1 else ''}?"


def lead(report: Mapping[str, Any]) -> str:
    """How it was asked, in two or three sentences."""
    claims = report["claims"]
    counts = [m["n"] for e in claims if e["model"] and e["kind"] != "exact" for m in e["measurements"]]
    n = mode(counts) if counts else 0
    pairs = f" on {counted(n, 'pair')} of video clips (a success and a failure of one action)" if n else ""
    paper = report["run"].get("paper")
    where = f" ({paper['identifier']})" if paper and paper.get("identifier") else ""
    whose = f" of the paper{where}" if paper else ""
    made = counted(len({entry["key"] for entry in claims}), "claim")
    each = ", each made into a test and" if paper else ","
    told = [f"{made}{whose}{each} judged{pairs}, with 95 % intervals."]
    names = [model for model in report["models"] if plain.about(model)]
    if len(report["models"]) == 1 and names:
        told.append(f"The model {names[0]['name']} is {plain.about(names[0])}.")
    told.append("A verdict is about the model that it was found on, and no other.")
    return " ".join(told)


def glances(report: Mapping[str, Any], by_group: Mapping[str, Claims]) -> list[Glance]:
    """A table for each kind of claim; the paper's main findings stand first."""
    found = []
    for group in plain.groups(report):
        claims = by_group[group.name]
        if group.name == plain.CHECKS.name or not claims:
            continue
        main = [claim for key in headline(report) for claim in claims if claim["key"] == key]
        if main:
            found.append(Glance("main", "The main findings", group.told, group.column, main))
            claims = [claim for claim in claims if claim not in main]
        if claims:
            heading = f"The other {group.name}" if main else group.heading
            found.append(Glance(group.name, heading, "" if main else group.told, group.column, claims))
    return found


def headline(report: Mapping[str, Any]) -> list[str]:
    """The keys of the claims that the paper is known for, as its `paper.toml` names them."""
    paper = report["run"].get("paper") or {}
    return list(paper.get("headline", ()))
