"""Worlds of a claim beside its controls, on the same pairs and on others."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.random import Generator

from circuit_claims.judge.expectation import anything
from circuit_claims.judge.verdict import decide
from circuit_claims.types import Control, Design, Evidence, Outcome
from tools.calibration.data import MEANS, NOISES, Array, Noise, actions, evidence, normal, row, shared
from tools.calibration.study import NS, SD, TRUTHS, Decide, M, Situation

FAR = 10 * M
"""A control that is exceeded beyond doubt."""
TAILED = (8, 32, 128)
"""Numbers of pairs of the worlds with tails that take longest."""
PICTURED = tuple(sorted({*TRUTHS, 0.4, 1.6}))
Draw = Callable[[Generator], Decide]


def paired() -> Iterator[Situation]:
    """The controls' values are of the claim's pairs."""
    rule = "paired contrast"
    for controls in (1, 4):
        for name, noise in NOISES.items():
            truths = PICTURED if noise is normal else TRUTHS
            for n in NS if controls == 1 or noise is normal else TAILED:
                yield Situation(rule, name, n, _paired(n, [0.0] * controls, noise), controls, truths)
        drawn = _paired(32, [0.0] * controls, normal, groups=actions(8, 4))
        yield Situation(rule, "8 actions of 4 pairs, which differ by action", 32, drawn, controls)
        drawn = _paired(30, [0.0] * controls, normal, clips=shared(6, 5))
        yield Situation(rule, "6 success clips in 5 pairs each", 30, drawn, controls)
    for n in (8, 32, 128, 512):
        words = "one control at the truth, three exceeded beyond doubt"
        yield Situation(rule, words, n, _paired(n, [0.0, FAR, FAR, FAR], normal), 4)


def two_sample() -> Iterator[Situation]:
    """The controls have pairs of their own."""
    rule = "two-sample contrast"
    for controls in (1, 4):
        for name, noise in NOISES.items():
            for n in NS if noise is normal else TAILED:
                yield Situation(rule, name, n, _apart([n] * controls, n, noise), controls)
        drawn = _apart([32] * controls, 32, normal, groups=actions(8, 4))
        yield Situation(
            rule, "8 actions of 4 pairs on each side, which differ by action", 32, drawn, controls
        )
        for n in (16, 64):
            drawn = _apart([n // 2] * controls, n, normal, spread=3.0)
            yield Situation(rule, "controls of half as many pairs, three times as spread", n, drawn, controls)
    for correlation in (-0.6, 0.0, 0.6, 0.9):
        for n in (8, 32, 128):
            words = f"each clip on both sides, correlation {correlation:g}"
            yield Situation(rule, words, n, _sharing(n, 1, correlation), 1)
        words = f"6 success clips in 5 pairs on each side, correlation {correlation:g}"
        yield Situation(rule, words, 30, _sharing(6, 5, correlation), 1)


def shares() -> Iterator[Situation]:
    """Of yes-or-no values."""
    for n in NS:
        for controls in (1, 4):
            yield Situation(
                "contrast of shares", "same pairs", n, _shares(n, controls, Design.PAIRED), controls
            )
            drawn = _shares(n, controls, Design.UNPAIRED)
            yield Situation("contrast of shares", "pairs of its own", n, drawn, controls)
    for design, words in ((Design.PAIRED, "same pairs"), (Design.UNPAIRED, "pairs of its own")):
        world = f"{words}, 6 success clips in 5 pairs each, which say the same"
        yield Situation("contrast of shares", world, 30, _shares(6, 1, design, 5), 1)


def specific(observed: Evidence) -> Outcome:
    """What the judge says where only the contrasts decide."""
    return decide(MEANS, observed, anything()).outcome


def _paired(
    n: int,
    beyond: Sequence[float],
    noise: Noise,
    groups: tuple[str, ...] = (),
    clips: tuple[tuple[str, ...], ...] = (),
) -> Draw:
    """Differences of standard deviation `SD` that correlate at one half between controls."""

    def draw(rng: Generator) -> Decide:
        pair = SD * np.sqrt(0.5) * noise(rng, (n,))
        controls = [-SD * np.sqrt(0.5) * noise(rng, (n,)) for _ in beyond]
        common = np.zeros(n)
        if groups:
            common = np.repeat(rng.normal(0, 2 * SD, len(set(groups))), n // len(set(groups)))
        if clips:
            count = len({success for success, *_ in clips})
            pair = pair + np.repeat(SD * rng.normal(size=count), n // count)

        def judged(truth: float) -> Outcome:
            made = [
                Control(f"control {at}", Design.PAIRED, (row(common + values - truth - more),))
                for at, (values, more) in enumerate(zip(controls, beyond, strict=True))
            ]
            return specific(evidence(common + pair, made, groups=groups, clips=clips))

        return judged

    return draw


def _apart(
    pairs: Sequence[int], n: int, noise: Noise, groups: tuple[str, ...] = (), spread: float = 1.0
) -> Draw:
    """Controls whose tails lie the other way, so that the difference is as skewed as it can be."""

    def draw(rng: Generator) -> Decide:
        levels = np.repeat(rng.normal(0, 2 * SD, len(set(groups))), n // len(set(groups))) if groups else 0.0
        claim = levels + SD * noise(rng, (n,))
        controls = [levels - SD * spread * noise(rng, (m,)) for m in pairs]

        def judged(truth: float) -> Outcome:
            made = [
                Control(f"control {at}", Design.UNPAIRED, (row(values - truth),), groups=groups)
                for at, values in enumerate(controls)
            ]
            return specific(evidence(claim, made, groups=groups))

        return judged

    return draw


def _sharing(count: int, each: int, correlation: float) -> Draw:
    """Claim and control share every success clip, and their values correlate by it."""
    ours = shared(count, each)
    theirs = tuple((success, f"other {failure}") for success, failure in ours)
    root = np.linalg.cholesky(np.array([[1.0, correlation], [correlation, 1.0]]))

    def draw(rng: Generator) -> Decide:
        both: Array = root @ rng.normal(size=(2, count))
        claim, control = np.repeat(SD * both, each, axis=1)
        if each > 1:
            claim, control = (
                claim + 0.03 * rng.normal(size=claim.shape),
                control + 0.03 * rng.normal(size=control.shape),
            )

        def judged(truth: float) -> Outcome:
            made = Control("control", Design.UNPAIRED, (row(control - truth),), clips=theirs)
            return specific(evidence(claim, [made], clips=ours))

        return judged

    return draw


def _shares(count: int, controls: int, design: Design, each: int = 1) -> Draw:
    """Claims say yes in 60 %; on the same pairs half of the values are what the pair says to all."""
    clips = shared(count, each) if each > 1 else ()
    theirs = tuple((f"other {success}", f"other {failure}") for success, failure in clips)

    def draw(rng: Generator) -> Decide:
        latent = rng.random((controls + 1, count))
        if design is Design.PAIRED:
            latent = np.where(rng.random(latent.shape) < 0.5, rng.random(count), latent)
        latent = np.repeat(latent, each, axis=1)

        def judged(truth: float) -> Outcome:
            made = [
                Control(
                    f"control {at}",
                    design,
                    (row((values < 0.6 - truth).astype(np.float64)),),
                    clips=theirs if design is Design.UNPAIRED else (),
                )
                for at, values in enumerate(latent[1:])
            ]
            claim = (latent[0] < 0.6).astype(np.float64)
            return specific(evidence(claim, made, unit="bool", clips=clips))

        return judged

    return draw
