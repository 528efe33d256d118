"""Worlds of other models and other parts: seeds of random weights, families of heads, quantified claims."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.random import Generator

from circuit_claims.judge.expectation import above, anything
from circuit_claims.judge.quantify import quantify
from circuit_claims.judge.verdict import decide
from circuit_claims.measure.seeds import FIRST, MOST
from circuit_claims.types import Claim, Control, Design, Outcome
from tools.calibration.contrasts import Draw, specific
from tools.calibration.data import ANY, EACH, MEANS, Array, Noise, evidence, normal, row, tail_down, tail_up
from tools.calibration.study import SD, TRUTHS, Decide, M, Situation

SCORES: dict[str, Noise] = {
    "normal scores": normal,
    "exponential scores, tail upwards": tail_up,
    "exponential scores, tail downwards": tail_down,
}
HEADS = 12
COARSE = (0.0, 1.0, 2.0)
"""Truths where a permutation test takes long."""
PARTS = 7


def seeds() -> Iterator[Situation]:
    """The model is one more seed, lifted by the truth; five seeds, and twenty where these are asked for."""
    rule = "seeds of random weights"
    for name, scores in SCORES.items():
        for spread in (0.02, SD):
            for n in (8, 32, 128):
                words = f"{name}, sd {spread:g} between seeds"
                yield Situation(rule, words, n, _seeds(n, scores, spread), 1, monotone=False)
    for n in (8, 32):
        words = "normal scores, of what a claim has beyond its same-outcome pairs"
        yield Situation(rule, words, n, _seeds(n, normal, 0.02, base=True), 1, monotone=False)


def families() -> Iterator[Situation]:
    """Does this head stand out of all?"""
    for n, truths in ((8, TRUTHS), (32, TRUTHS), (128, COARSE)):
        yield Situation(
            "family", f"one of {HEADS} heads, named before", n, _family(n), 1, truths, monotone=False
        )
        words = f"the best of {HEADS} equal heads, named after a look, margin 0"
        yield Situation("family", words, n, _picked(n), 1, truths=(1.0,))


def mixed() -> Iterator[Situation]:
    """All designs at once, each control at the truth."""
    for n, truths in ((8, TRUTHS), (32, COARSE)):
        words = "paired, two-sample, five seeds, family"
        yield Situation("four designs at once", words, n, _mixed(n), 4, truths, monotone=False)


def quantified() -> Iterator[Situation]:
    """Claims over seven parts, whose values correlate at one half within a pair."""
    for claim in (EACH, ANY):
        for n in (8, 32, 128):
            words = f"{PARTS} parts at the truth"
            yield Situation(f"{claim.quantifier} part", words, n, _parts(claim, n, [0.0] * PARTS))
            far = SD * 10 if claim is EACH else -SD * 10
            words = f"one part at the truth, {PARTS - 1} far {'above' if far > 0 else 'below'}"
            yield Situation(
                f"{claim.quantifier} part", words, n, _parts(claim, n, [0.0, *[far] * (PARTS - 1)])
            )


def _seeds(n: int, scores: Noise, spread: float, base: bool = False) -> Draw:
    def draw(rng: Generator) -> Decide:
        models = spread * scores(rng, (MOST + 1, 1))
        table = models + SD * (rng.normal(size=n) + 0.3 * rng.normal(size=(MOST + 1, n)))
        same = 0.3 * SD * rng.normal(size=(MOST + 1, n)) if base else table[:, :0]

        def judged(truth: float) -> Outcome:
            for count in (FIRST, MOST):
                beside = tuple(row(values) for values in same[: count + 1]) if base else ()
                made = Control("random", Design.SEEDS, tuple(map(row, table[1 : count + 1])), base=beside)
                said = decide(MEANS, evidence(table[0] + truth, [made]), anything())
                if not said.wants_seeds:
                    break
            return said.outcome

        return judged

    return draw


def _heads(rng: Generator, n: int) -> Array:
    """[head, pair]: what a pair has in all heads, and what it has in one."""
    return SD * (rng.normal(size=n) + rng.normal(size=(HEADS, n)))


def _family(n: int) -> Draw:
    def draw(rng: Generator) -> Decide:
        table = _heads(rng, n)

        def judged(truth: float) -> Outcome:
            # The mean of all heads moves with the claim's.
            lifted = table[0] + truth * HEADS / (HEADS - 1)
            made = Control("heads", Design.FAMILY, tuple(map(row, table[1:])))
            return specific(evidence(lifted, [made]))

        return judged

    return draw


def _picked(n: int) -> Draw:
    def draw(rng: Generator) -> Decide:
        table = _heads(rng, n)
        best = int(table.mean(axis=1).argmax())
        others = tuple(map(row, np.delete(table, best, axis=0)))
        made = Control("heads", Design.FAMILY, others)
        return lambda _: specific(evidence(table[best], [made], margin=0.0))

    return draw


def _mixed(n: int) -> Draw:
    def draw(rng: Generator) -> Decide:
        claim = SD * rng.normal(size=n)
        paired, apart = claim + SD * rng.normal(size=n), SD * rng.normal(size=n)
        heads = claim + SD * rng.normal(size=(HEADS, n))
        # Of the seeds' population the trained model is one more, at 0.
        ours, others = 0.02 * rng.normal(), 0.02 * rng.normal(size=(FIRST, 1))
        random = claim - ours + others + 0.3 * SD * rng.normal(size=(FIRST, n))

        def judged(truth: float) -> Outcome:
            family = heads - truth * (HEADS + 1) / HEADS
            made = [
                Control("paired", Design.PAIRED, (row(paired - truth),)),
                Control("apart", Design.UNPAIRED, (row(apart - truth),)),
                Control("random", Design.SEEDS, tuple(map(row, random - truth))),
                Control("heads", Design.FAMILY, tuple(map(row, family))),
            ]
            return specific(evidence(claim, made))

        return judged

    return draw


def _parts(claim: Claim, n: int, beyond: Sequence[float]) -> Callable[[Generator], Decide]:
    asserted = above(M)

    def draw(rng: Generator) -> Decide:
        table = SD * np.sqrt(0.5) * (rng.normal(size=n) + rng.normal(size=(len(beyond), n)))

        def judged(truth: float) -> Outcome:
            found = [evidence(values + truth + more) for values, more in zip(table, beyond, strict=True)]
            parts = [(part, asserted, decide(claim, part, asserted)) for part in found]
            return quantify(claim, parts, len(parts)).outcome

        return judged

    return draw
