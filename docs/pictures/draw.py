"""The pictures of the pages on verdicts, metrics, controls and calibration, drawn from synthetic numbers.

    python docs/pictures/draw.py [FOLDER]       (`make pictures` draws into docs/pictures/)

No picture states what the package does not do: a verdict is the judge's own on the numbers that are shown,
with the judge's own sentence under it, a metric's value is computed by the metric, and the rates are those of
docs/calibration.csv.
"""

import csv
import math
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import fill
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Arc, Circle, Polygon, Rectangle

from circuit_claims.judge.artifacts import identity_patch
from circuit_claims.judge.expectation import above
from circuit_claims.judge.gate import EXCEEDED, NOT_EXCEEDED, UNDECIDED, contrasts
from circuit_claims.judge.verdict import decide
from circuit_claims.measure.recovery import METRICS, Norms
from circuit_claims.report.plain import MARKS
from circuit_claims.types import Claim, Control, Design, Evidence, Kind, Outcome, Scope, Verdict

INK, FAINT, PAPER = "#222831", "#8a929e", "#fefdfb"
CLAIM, OTHER, ASSERTED = "#1f5fd0", "#c2410c", "#0f766e"
BOUND = 0.5
SPREAD = (-0.12, -0.07, -0.04, -0.01, 0.02, 0.05, 0.07, 0.10)
"""Of eight pairs around their mean, which is 0."""


# Verdicts -----------------------------------------------------------------------------------------------


def _eight(mean: float, width: float = 1.0) -> tuple[float, ...]:
    return tuple(mean + width * apart for apart in SPREAD)


def _control(mean: float) -> Control:
    return Control("the same outcome", Design.PAIRED, (tuple(mean - apart / 4 for apart in SPREAD),))


def _evidence(values: tuple[float, ...], *controls: Control, artifact: str | None = None) -> Evidence:
    return Evidence("recovery", "fraction", values, controls=controls, artifact=artifact)


MEASURED: dict[tuple[Outcome, str], Evidence] = {
    (Outcome.SUPPORTED, ""): _evidence(_eight(0.75), _control(0.2)),
    (Outcome.REFUTED, "value"): _evidence(_eight(0.28), _control(0.2)),
    (Outcome.REFUTED, "specificity"): _evidence(
        _eight(0.75),
        Control("the same outcome", Design.PAIRED, (tuple(0.75 + apart * 8 / 9 for apart in SPREAD),)),
    ),
    (Outcome.INCONCLUSIVE, "straddles"): _evidence(_eight(0.53, 2.0), _control(0.2)),
    (Outcome.INCONCLUSIVE, "too few pairs"): _evidence(
        (0.78,), Control("the same outcome", Design.PAIRED, ((0.2,),))
    ),
    (Outcome.INCONCLUSIVE, "few pairs"): _evidence((0.78, 0.62, 0.41)),
    (Outcome.ARTIFACT, "method"): _evidence((1.0,) * 8, artifact=identity_patch([1.0, 1.0, 1.0])),
}
"""What is shown for each verdict and reason; `decide` has to say the same."""

WITHOUT_A_NUMBER = {
    Outcome.NOT_APPLICABLE: (("layer 7", "the model has 6 layers: nothing is measured"),),
    Outcome.INCOMPLETE: (("layer 4", 0.78), ("layer 7", 0.71), ("layer 10", "lost: its worker died")),
    Outcome.ERROR: (("layer 7", "out of memory: nothing was measured"),),
}
"""Rows of a claim of which something was not measured."""


def judged(evidence: Evidence, kind: Kind = Kind.MEANS) -> Verdict:
    """What the judge says of a claim that more than half is recovered."""
    asked = Claim("mlp-recovers-half", "", "", kind, Scope.TRAINED)
    return decide(asked, evidence, above(BOUND))


def _verdict(outcome: Outcome, reason: str, evidence: Evidence) -> Figure:
    few = reason == "few pairs"  # of a published number only
    said = judged(evidence, Kind.REPRODUCES if few else Kind.MEANS)
    if (said.outcome, said.reason) != (outcome, reason):
        raise AssertionError(f"the picture of {outcome} ({reason}) shows {said.outcome} ({said.reason})")
    names = ["control", "claim"] if evidence.controls else ["claim"]
    made, axes = _rows(1.7 + 0.3 * len(names), names)
    top = len(evidence.controls)
    _dots(axes, evidence.values, top, CLAIM, "o")
    if said.low is not None and said.high is not None and not few:
        axes.hlines(top, said.low, said.high, color=CLAIM, lw=5, alpha=0.45)
    axes.scatter([said.estimate], [top], s=60, color=CLAIM, zorder=4)
    for control in evidence.controls:
        _dots(axes, control.rows[0], 0, OTHER, "x")
    _say(made, outcome, reason, said.sentence)
    return made


def _without(outcome: Outcome) -> Figure:
    rows = WITHOUT_A_NUMBER[outcome]
    made, axes = _rows(1.3 + 0.3 * len(rows), [name for name, _ in reversed(rows)])
    for at, (_, value) in enumerate(reversed(rows)):
        if isinstance(value, str):
            axes.text(0.02, at, value, color=INK, fontsize=9, va="center")
        else:
            axes.scatter([value], [at], s=60, color=CLAIM)
            axes.hlines(at, value - 0.06, value + 0.06, color=CLAIM, lw=5, alpha=0.45)
    _say(made, outcome, "", "")
    return made


def _rows(height: float, names: list[str]) -> tuple[Figure, Axes]:
    made = Figure(figsize=(6.4, height), layout="constrained", facecolor=PAPER)
    axes = made.subplots()
    axes.set_facecolor(PAPER)
    axes.set_xlim(0, 1.1)
    axes.set_ylim(-0.6, len(names) - 0.4)
    axes.axvspan(BOUND, 1.1, color=ASSERTED, alpha=0.13, lw=0)
    axes.text(1.09, len(names) - 0.5, "asserted", color=ASSERTED, fontsize=8, ha="right", va="top")
    axes.set_yticks(range(len(names)), names)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1.0], ["0 %", "25 %", "50 %", "75 %", "100 %"])
    axes.tick_params(colors=INK, labelsize=9, length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return made, axes


def _dots(axes: Axes, values: tuple[float, ...], row: int, colour: str, marker: str) -> None:
    spread = [row + 0.18 * ((3 * n) % 5 - 2) / 2 for n in range(len(values))]
    axes.scatter(values, spread, s=16, color=colour, marker=marker, alpha=0.75, linewidths=1)


def _say(made: Figure, outcome: Outcome, reason: str, sentence: str) -> None:
    title = f"{MARKS[outcome]} {outcome}{f' ({reason})' if reason else ''}"
    made.suptitle(title, x=0.01, ha="left", color=INK, fontsize=11)
    if sentence:
        made.supxlabel(fill(sentence, 100), x=0.01, ha="left", color=INK, fontsize=8)


# The rule -----------------------------------------------------------------------------------------------

MARGIN = 0.05
RULE: tuple[tuple[float, float, str], ...] = (
    (0.12, 0.6, EXCEEDED),
    (0.08, 0.25, EXCEEDED),
    (0.08, 1.0, UNDECIDED),
    (0.02, 1.0, UNDECIDED),
    (0.02, 0.25, NOT_EXCEEDED),
    (-0.06, 0.6, NOT_EXCEEDED),
)
"""By row: the mean difference from the control, its spread, and what the judge has to say."""
WORDS = {
    EXCEEDED: ("exceeds", ASSERTED),
    NOT_EXCEEDED: ("no more", OTHER),
    UNDECIDED: ("undecided", FAINT),
}


def _rule() -> Figure:
    """Differences from a control, against the margin."""
    made = Figure(figsize=(6.4, 2.9), layout="constrained", facecolor=PAPER)
    axes = made.subplots()
    axes.set_facecolor(PAPER)
    axes.set_xlim(-0.2, 0.25)
    axes.set_ylim(-0.7, len(RULE) - 0.1)
    axes.axvspan(MARGIN, 0.25, color=ASSERTED, alpha=0.1, lw=0)
    axes.axvspan(-0.2, MARGIN, color=OTHER, alpha=0.07, lw=0)
    axes.axvline(MARGIN, color=INK, lw=1.2)
    axes.axvline(0, color=FAINT, lw=0.8, ls=":")
    axes.text(MARGIN, len(RULE) - 0.35, " margin m", color=INK, fontsize=9, va="center")
    for row, (mean, spread, expected) in enumerate(reversed(RULE)):
        claim = tuple(mean + spread * apart for apart in SPREAD)
        seen = contrasts(
            _evidence(claim, Control("c", Design.PAIRED, ((0.0,) * len(claim),))), "above", 0.95
        )[0]
        if seen.standing != expected or seen.found is None:
            raise AssertionError(f"the picture of {expected} shows {seen.words}, {seen.standing}")
        word, colour = WORDS[seen.standing]
        axes.hlines(row, seen.found.low, seen.found.high, color=colour, lw=5, alpha=0.6)
        axes.scatter([seen.found.estimate], [row], s=45, color=colour, zorder=4)
        axes.text(0.245, row, word, color=INK, fontsize=9, ha="right", va="center")
    axes.set_yticks([])
    axes.set_xticks([-0.1, 0, MARGIN, 0.1, 0.2], ["-10", "0", "5", "10", "20"])
    axes.set_xlabel("claim minus control, in points, with its 95 % interval", color=INK, fontsize=9)
    axes.tick_params(colors=INK, labelsize=9, length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return made


# Calibration --------------------------------------------------------------------------------------------

RATES = Path(__file__).parents[1] / "calibration.csv"
SHOWN = {"0.4": "true difference 0.02", "1": "exactly the margin, 0.05", "1.6": "true difference 0.08"}


def _rates() -> Figure:
    """What the judge says as pairs are added, for three truths, with one control and with four."""
    with RATES.open(encoding="utf-8") as file:
        cells = [cell for cell in csv.DictReader(file) if cell["rule"] == "paired contrast"]
    made = Figure(figsize=(6.4, 3.9), layout="constrained", facecolor=PAPER)
    grid = made.subplots(2, 3, sharex=True, sharey=True)
    for line, controls in zip(grid, ("1", "4"), strict=True):
        for axes, (truth, title) in zip(line, SHOWN.items(), strict=True):
            row = [
                cell
                for cell in cells
                if (cell["world"], cell["controls"], cell["truth"]) == ("normal", controls, truth)
            ]
            pairs = [int(cell["n"]) for cell in row]
            parts = [
                [int(cell[outcome]) / int(cell["runs"]) for cell in row]
                for outcome in ("supported", "undecided", "refuted")
            ]
            axes.set_facecolor(PAPER)
            axes.stackplot(pairs, parts, colors=(CLAIM, "#dedad2", OTHER), alpha=0.85, lw=0)
            axes.axhline(0.05, color=INK, lw=0.8, ls="--")
            axes.set_xscale("log", base=2)
            axes.set(xlim=(pairs[0], pairs[-1]), ylim=(0, 1))
            axes.set_xticks(pairs, [str(n) for n in pairs])
            axes.set_yticks([0, 0.5, 1], ["0 %", "50 %", "100 %"])
            axes.tick_params(colors=INK, labelsize=7, length=2)
            axes.minorticks_off()
            for spine in axes.spines.values():
                spine.set_visible(False)
            if controls == "1":
                axes.set_title(title, fontsize=9, color=INK)
            else:
                axes.set_xlabel("pairs", fontsize=8, color=INK)
        _named(line[0], "5 %", 0.06, 0.1, INK)
        line[0].set_ylabel("one control" if controls == "1" else "four controls", fontsize=9, color=INK)
        _named(line[0], "refuted", 0.62, 0.7, PAPER)
        _named(line[1], "undecided", 0.5, 0.5, INK)
        _named(line[2], "supported", 0.77, 0.3, PAPER)
    return made


def _named(axes: Axes, word: str, x: float, y: float, colour: str) -> None:
    axes.text(x, y, word, transform=axes.transAxes, color=colour, fontsize=8, ha="center", va="center")


# Metrics ------------------------------------------------------------------------------------------------

TARGET, CHANGED = (1.0, 0.0), (0.6, 0.45)
"""D, what there was to change, and d, what the patch changed: two numbers each, to be drawn."""


def norms() -> Norms:
    """Of the two vectors."""
    (x, y), (a, b) = CHANGED, TARGET
    size, whole = math.hypot(x, y), math.hypot(a, b)
    return Norms(size, whole, x * a + y * b, math.hypot(a - x, b - y), size, whole)


def _metric(name: str) -> Figure:
    made = Figure(figsize=(4.6, 2.7), layout="constrained", facecolor=PAPER)
    axes = made.subplots()
    axes.set(xlim=(-0.15, 1.25), ylim=(-0.25, 0.8), aspect="equal")
    axes.axis("off")
    (x, y), (a, b) = CHANGED, TARGET
    if name == "norm_ratio":
        axes.add_patch(Arc((0, 0), 2 * math.hypot(x, y), 2 * math.hypot(x, y), theta1=-15, theta2=100,
                           color=OTHER, ls="--", lw=1.3))  # fmt: skip
        axes.text(0.5, 0.7, "any d of this length\ncounts the same", color=OTHER, fontsize=8, va="center")
    if name == "projection":
        axes.plot([x, x], [y, 0], color=OTHER, ls="--", lw=1.3)
        axes.plot([0, x], [-0.05, -0.05], color=OTHER, lw=3)
    if name == "cosine":
        axes.add_patch(Arc((0, 0), 0.5, 0.5, theta2=math.degrees(math.atan2(y, x)), color=OTHER, lw=2))
    if name == "distance":
        axes.plot([x, a], [y, b], color=OTHER, lw=2)
        axes.text((x + a) / 2 + 0.03, (y + b) / 2, "D − d", color=OTHER, fontsize=9)
    for (to_x, to_y), label, colour in ((TARGET, "D", INK), (CHANGED, "d", CLAIM)):
        axes.annotate("", (to_x, to_y), (0, 0), arrowprops={"arrowstyle": "->", "color": colour, "lw": 2})
        axes.text(to_x + 0.03, to_y, label, color=colour, fontsize=11, va="center")
    axes.text(-0.02, -0.06, "recipient", color=INK, fontsize=8, ha="center", va="top")
    axes.text(a, -0.06, "donor", color=INK, fontsize=8, ha="center", va="top")
    value = METRICS[name](norms())
    axes.text(-0.13, -0.22, f"{name.replace('_', ' ')} = {100 * value:.4g} %", color=OTHER, fontsize=11)
    return made


# Controls -----------------------------------------------------------------------------------------------

N = 6
TURN = 3
"""The frame in which the outcome shows."""


def _path(turn: int, start: float = 0.5, shift: int = 0) -> list[tuple[float, float]]:
    """A ball that falls, and rolls to one side from the turn on."""
    frames = range(shift, N + shift)
    return [(start + 0.12 * turn * max(i - TURN + 1, 0), 0.85 - 0.12 * i) for i in frames]


SUCCESS, FAILURE = _path(1), _path(-1)
OTHER_SUCCESS, OTHER_FAILURE = _path(1, 0.3), _path(-1, 0.7)
ANOTHER_ACTION = [(0.2 + 0.1 * i, 0.3 + 0.25 * math.sin(i)) for i in range(N)]
ORDER = (3, 0, 5, 1, 4, 2)

Lane = tuple[str, list[tuple[float, float]], str]
LANES: dict[str, tuple[Lane, ...]] = {
    "success -> failure": (("donor: success", SUCCESS, "ball"), ("recipient: failure", FAILURE, "ball")),
    "failure -> success": (("donor: failure", FAILURE, "ball"), ("recipient: success", SUCCESS, "ball")),
    "noise write": (
        ("donor: success", SUCCESS, "ball"),
        ("recipient: failure", FAILURE, "ball"),
        ("writes: noise of that size", FAILURE, "noise"),
    ),
    "third video": (
        ("donor: success", SUCCESS, "ball"),
        ("recipient: failure", FAILURE, "ball"),
        ("writes: another failure", OTHER_FAILURE, "ball"),
    ),
    "noise into success": (
        ("donor: failure", FAILURE, "ball"),
        ("recipient: success", SUCCESS, "ball"),
        ("writes: noise of that size", SUCCESS, "noise"),
    ),
    "third into success": (
        ("donor: failure", FAILURE, "ball"),
        ("recipient: success", SUCCESS, "ball"),
        ("writes: another success", OTHER_SUCCESS, "ball"),
    ),
    "other class": (
        ("donor: another action", ANOTHER_ACTION, "kite"),
        ("recipient: failure", FAILURE, "ball"),
    ),
    "shuffled frames": (
        ("donor: success, shuffled", [SUCCESS[i] for i in ORDER], "ball"),
        ("recipient: failure, same order", [FAILURE[i] for i in ORDER], "ball"),
    ),
    "reversed frames": (
        ("donor: success, backwards", SUCCESS[::-1], "ball"),
        ("recipient: failure, backwards", FAILURE[::-1], "ball"),
    ),
    "re-encoded": (
        ("donor: failure, encoded again", FAILURE, "blocks"),
        ("recipient: failure", FAILURE, "ball"),
    ),
    "jitter": (
        ("donor: failure, a frame later", _path(-1, shift=1), "ball"),
        ("recipient: failure", FAILURE, "ball"),
    ),
    "noise": (("donor: success", SUCCESS, "ball"), ("recipient: success, made again", SUCCESS, "grain")),
    "other-clip": (
        ("donor: success", SUCCESS, "ball"),
        ("recipient: another success", OTHER_SUCCESS, "ball"),
    ),
}
"""By control: what is shown to the model, and whose writes are patched where they are not the donor's."""


def _lanes(name: str) -> Figure:
    lanes = LANES[name]
    made = Figure(figsize=(6.4, 0.75 * len(lanes)), facecolor=PAPER)
    axes = made.add_axes((0, 0, 1, 1))
    axes.set(xlim=(-3.6, N + 0.1), ylim=(-0.1, 1.12 * len(lanes)), aspect="equal")
    axes.axis("off")
    for row, (label, frames, look) in enumerate(reversed(lanes)):
        axes.text(-0.15, 1.12 * row + 0.5, label, ha="right", va="center", color=INK, fontsize=9)
        for at, where in enumerate(frames):
            _frame(axes, at, 1.12 * row, where, look)
    return made


def _frame(axes: Axes, x: float, y: float, where: tuple[float, float], look: str) -> None:
    axes.add_patch(Rectangle((x, y), 0.94, 0.94, facecolor="#ece9e2", edgecolor=FAINT, lw=0.6))
    centre = (x + 0.94 * min(max(where[0], 0.1), 0.9), y + 0.94 * min(max(where[1], 0.1), 0.9))
    draws = random.Random(f"{look} {x} {y}")
    if look in ("noise", "grain"):
        n, size = (14, 22.0) if look == "noise" else (10, 3.0)
        across, up = ([start + draws.uniform(0.05, 0.89) for _ in range(n)] for start in (x, y))
        axes.scatter(across, up, s=size, color=OTHER if look == "noise" else FAINT, linewidths=0)
        if look == "noise":
            return
    if look == "kite":
        tip, side = 0.16, 0.12
        corners = [(0, tip), (side, 0), (0, -tip), (-side, 0)]
        axes.add_patch(Polygon([(centre[0] + a, centre[1] + b) for a, b in corners], color=OTHER))
    elif look == "blocks":
        axes.add_patch(Rectangle((centre[0] - 0.11, centre[1] - 0.11), 0.22, 0.22, color=CLAIM, alpha=0.85))
    else:
        axes.add_patch(Circle(centre, 0.1, color=CLAIM))


WEIGHTS = ("random weights", "shuffled weights")
SIDE = 8


def _weights(name: str) -> Figure:
    """Trained weights beside what stands in for them."""
    trained = [math.sin(0.9 * row) * math.cos(0.7 * column) for row in range(SIDE) for column in range(SIDE)]
    draws, fresh = random.Random(name), name == "random weights"
    other = [draws.gauss(0, 0.4) for _ in trained] if fresh else draws.sample(trained, SIDE**2)
    made = Figure(figsize=(6.4, 1.7), layout="constrained", facecolor=PAPER)
    titles = ("trained", "random" if fresh else "shuffled")
    for axes, values, title in zip(made.subplots(1, 2), (trained, other), titles, strict=True):
        axes.set(xlim=(0, SIDE), ylim=(0, SIDE), aspect="equal")
        axes.axis("off")
        axes.set_title(title, fontsize=9, color=INK)
        for at, value in enumerate(values):
            colour, strength = (CLAIM if value > 0 else OTHER), min(abs(value), 1.0)
            axes.add_patch(Rectangle((at % SIDE, at // SIDE), 0.95, 0.95, color=colour, alpha=strength, lw=0))
    return made


def _family() -> Figure:
    """One head beside all the others, pair by pair."""
    made = Figure(figsize=(6.4, 1.8), layout="constrained", facecolor=PAPER)
    axes = made.subplots()
    axes.set_facecolor(PAPER)
    draws = random.Random("family")
    for head in range(12):
        mine = head == 7
        values = [(0.8 if mine else 0.25) + draws.gauss(0, 0.08) for _ in SPREAD]
        colour, marker = (CLAIM, "o") if mine else (OTHER, "x")
        axes.scatter([head] * len(values), values, s=14, color=colour, marker=marker)
    axes.set_xticks(range(12))
    axes.set_yticks([])
    axes.set_xlabel("head", color=INK, fontsize=9)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return made


# All of them --------------------------------------------------------------------------------------------


def word(*parts: str) -> str:
    """The name of a picture: words in lower case, with dashes between them."""
    text = " ".join(part for part in parts if part).replace("->", "to")
    return "-".join(text.replace("_", " ").replace("-", " ").split())


def pictures() -> Iterator[tuple[str, Figure]]:
    """Every picture with its name."""
    for (outcome, reason), evidence in MEASURED.items():
        yield word("verdict", outcome, reason), _verdict(outcome, reason, evidence)
    for outcome in WITHOUT_A_NUMBER:
        yield word("verdict", outcome), _without(outcome)
    yield word("verdict", "rule"), _rule()
    yield word("calibration", "margin"), _rates()
    for metric in METRICS:
        yield word("metric", metric), _metric(metric)
    for control in LANES:
        yield word("control", control), _lanes(control)
    for control in WEIGHTS:
        yield word("control", control), _weights(control)
    yield word("control", "family"), _family()


def draw(folder: Path) -> list[Path]:
    """Write them all; the same numbers give the same bytes."""
    written = []
    settings: dict[str, Any] = {"svg.fonttype": "none", "svg.hashsalt": "circuit-claims"}
    with rc_context(settings):
        for name, figure in pictures():
            path = folder / f"{name}.svg"
            figure.savefig(path, format="svg", facecolor=PAPER, metadata={"Date": None, "Creator": None})
            written.append(path)
    return written


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    print(f"{len(draw(target))} pictures in {target}")
