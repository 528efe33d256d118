"""The paragraph at the head of a report, which a person can quote."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from circuit_claims.judge.counted import counted
from circuit_claims.report import wording
from circuit_claims.report.plain import CHECKS, FINDINGS, NUMBERS, VERDICTS, brief, group_of
from circuit_claims.report.wording import Entry

NOUNS = ("artifact", "error")
ABSENT = "not applicable"
FEW = 2
"""Statements that a paragraph can name."""


def paragraph(report: Mapping[str, Any]) -> list[str]:
    """Its sentences: each model's, those that need no model, and whether the instrument can be trusted."""
    claims = report["claims"]
    models = [model["name"] for model in report["models"] if any(e["model"] == model["name"] for e in claims)]
    paper = report["run"].get("paper")
    told = [
        _model(name, [e for e in claims if e["model"] == name], paper, first=at == 0, alone=len(models) == 1)
        for at, name in enumerate(models)
    ]
    return [*told, *_tables([e for e in claims if e["model"] is None], paper), *_checks(claims)]


def _model(
    name: str, mine: Sequence[Entry], paper: Mapping[str, Any] | None, *, first: bool, alone: bool
) -> str:
    applicable = [entry for entry in mine if entry["verdict"] != ABSENT]
    findings = [entry for entry in applicable if group_of(entry) is FINDINGS]
    headline = (paper or {}).get("headline", ())
    main = [entry for key in headline for entry in findings if entry["key"] == key]
    numbers = [entry for entry in applicable if group_of(entry) is NUMBERS]
    whose = "the paper’s " if first and paper else ""
    told = []
    if main:
        what = f"{whose}{_count(main, 'main finding')}"
        said = f"{_of(main, what)}{_named(main, alone)}{_rest(main, causes=False)}"
        told.append(f"{said}{_example(main) if alone else ''}")
        told += (
            [_of(findings, f"{'all ' if len(findings) > 1 else ''}{_count(findings, 'finding')}")]
            if alone
            else []
        )
    elif findings:
        what = f"{whose}{_count(findings, 'finding')}"
        told.append(f"{_of(findings, what)}{_rest(findings, causes=alone)}")
    if numbers and paper:
        held = len(_supported(numbers))
        what = f"{'its ' if first and findings else ''}{_count(numbers, 'published number')}"
        if len(numbers) == 1:
            told.append(f"{what} {'is' if held else 'is not'} reproduced")
        else:
            told.append(f"{held or 'none'} of {what} {_are(held)} reproduced")
    elif numbers:
        told.append(f"{_of(numbers, _count(numbers, 'number'))}{_rest(numbers, causes=alone)}")
    if not told:
        counts = {word: sum(entry["verdict"] == word for entry in applicable) for word in VERDICTS}
        said = wording.listed(f"{count} {word}" for word, count in counts.items() if count)
        told += [f"of {_count(applicable, 'claim')}: {said}"] if said else []
    absent = len(mine) - len(applicable)
    if absent:
        told.append(f"{counted(absent, 'claim')} {'does' if absent == 1 else 'do'} not apply")
    return f"On {name}, {'; '.join(told)}."


def _example(entries: Sequence[Entry]) -> str:
    """Why one of them is refuted."""
    refuted = [entry for entry in entries if entry["verdict"] == "refuted"]
    if not refuted:
        return ""
    return f"; “{refuted[0]['statement'].rstrip('.')}”, for one, is refuted ({brief(refuted[0], named=True)})"


def _of(entries: Sequence[Entry], what: str) -> str:
    """``3 of the paper’s 9 main findings hold``, ``the paper’s 1 main finding does not hold``."""
    held = len(_supported(entries))
    if len(entries) == 1:
        is_open = entries[0]["verdict"] == "inconclusive"
        return f"{what} {'holds' if held else 'is left open' if is_open else 'does not hold'}"
    return f"{held or 'none'} of {what} {_hold(held)}"


def _named(entries: Sequence[Entry], alone: bool) -> str:
    """Those that hold, where they are few and there is room."""
    held = [f"“{entry['statement'].rstrip('.')}”" for entry in _supported(entries)]
    return f" ({wording.listed(held)})" if alone and 0 < len(held) <= FEW else ""


def _count(entries: Sequence[Entry], noun: str) -> str:
    return counted(len(entries), noun)


def _rest(entries: Sequence[Entry], *, causes: bool) -> str:
    """``, 6 are refuted (4 because the number lies elsewhere, 2 because a control shows it as well)``."""
    told = []
    for word in VERDICTS:
        mine = [entry for entry in entries if entry["verdict"] == word]
        if not mine or word == "supported":
            continue
        what = word
        if word in NOUNS:
            what = f"an {word}" if len(mine) == 1 else f"{word}s"
        told.append(f"{len(mine)} {_are(len(mine))} {what}")
        if word == "refuted" and causes:
            shared = sum(entry["reason"] == "specificity" for entry in mine)
            said = [f"{len(mine) - shared} because the number lies elsewhere"] if shared < len(mine) else []
            said += [f"{shared} because controls show it as well"] if shared else []
            told[-1] += f" ({', '.join(said)})"
    return f", {wording.listed(told)}" if told else ""


def _tables(tables: Sequence[Entry], paper: object) -> Iterator[str]:
    held = len(_supported(tables))
    if tables and paper:
        yield f"The paper's text agrees with its own tables in {held} of {_count(tables, 'statement')}."
    elif tables:
        yield f"{_of(tables, _count(tables, 'statement'))}, without a model.".capitalize()


def _checks(claims: Sequence[Entry]) -> Iterator[str]:
    """Whether the instrument reads what it says: on every model, or on which it does not."""
    every = [entry for entry in claims if group_of(entry) is CHECKS]
    checks = [entry for entry in every if entry["verdict"] != ABSENT]
    failing = [entry for entry in checks if entry["verdict"] != "supported"]
    if checks and not failing:
        which = (
            "All checks of the instrument" if checks == every else "The checks of the instrument that apply"
        )
        yield f"{which} hold."
    for model in dict.fromkeys(entry["model"] for entry in failing):
        lost = sum(entry["model"] == model for entry in failing)
        total = sum(entry["model"] == model for entry in checks)
        yield (
            f"On {model}, {lost} of {counted(total, 'check')} of the instrument "
            f"{'does' if lost == 1 else 'do'} not hold: no other number of it counts."
        )


def _supported(entries: Sequence[Entry]) -> list[Entry]:
    return [entry for entry in entries if entry["verdict"] == "supported"]


def _hold(count: int) -> str:
    return "holds" if count == 1 else "hold"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"
