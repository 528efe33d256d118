"""What the numbers of the study say, in words that take their numbers from it.

`<rule; world; controls; n>` stands for the rate of wrong decisions at the margin, with `; supported` or
`; refuted` behind it for the rate of that decision alone, and with `; 2` behind that for its rate at 2 m.
"""

import re
from collections.abc import Iterator, Sequence

from tools.calibration.study import Rate

WORDS = """
**Skew.** Of 8 values with a long tail (exponential), <above; long tail upwards (exponential); 0; 8> of runs
are decided wrongly at the edge where the tail points upwards, and <above; long tail downwards
(exponential); 0; 8> where it points downwards; of 16 values, <above; long tail upwards (exponential); 0;
16> and <above; long tail downwards (exponential); 0; 16>. So the 5 % of both sides together hold, but
nearly all of it falls on one side: values under a ceiling are called above the edge in <above; long tail
downwards (exponential); 0; 8; supported> of runs, where 2.5 % are meant. By how much the sample's skewness
is taken larger (`SKEW`) was measured with such worlds and not derived: a longer tail than an exponential's
will exceed it. Ratios have such tails, so judge their logarithms.

**No rule holds everywhere.** Where one pair in fifty carries everything, <above; one pair in fifty carries
everything; 0; 8> of samples of 8 and <above; one pair in fifty carries everything; 0; 64> of 64 are decided
wrongly. They do not hold that pair and look as if they had no spread, and no interval for a mean can know
better (Bahadur & Savage 1956). The report shows every pair.

**Shared clips.** With 6 success clips in 5 pairs each, a mean is decided wrongly in <above; 6 success clips
in 5 pairs each; 0; 30>, and a share of yes in <share of yes; 6 success clips in 5 pairs each, which say the
same; 0; 30>, where an exact interval that ignores the clips decides 39 %. The share's interval takes the
pairs of a clip to say the same; where half of them do, it is conservative (<share of yes; 6 success clips
in 5 pairs each, half of which say the same; 0; 30>).

**Clips on both sides.** Where claim and control share every clip, a two-sample contrast of 8 pairs is wrong
in <two-sample contrast; each clip on both sides, correlation -0.6; 1; 8> at a correlation of -0.6 (9 %
where the sharing is ignored), <two-sample contrast; each clip on both sides, correlation 0; 1; 8> at 0 and
<two-sample contrast; each clip on both sides, correlation 0.9; 1; 8> at 0.9.

**Four controls.** With all of them at the margin, <paired contrast; normal; 4; 32> of runs of 32 pairs are
decided: *supported* needs all four exceeded at once, and *refuted* goes by Holm's level. With one at the
margin and three exceeded beyond doubt, where *supported* errs most, it is <paired contrast; one control at
the truth, three exceeded beyond doubt; 4; 32>. The price is power: see the pairs that it takes.

**Random weights.** Five seeds, and twenty where these are asked for, are wrong in <seeds of random weights;
normal scores, sd 0.02 between seeds; 1; 32> where their scores are normal, in <seeds of random weights;
exponential scores, tail upwards, sd 0.1 between seeds; 1; 32> where they have a long tail upwards and in
<seeds of random weights; exponential scores, tail downwards, sd 0.1 between seeds; 1; 32> downwards (32
pairs). The price is power, and it is high: where seeds spread by 0.02, a model at 2 m, which is 2.5 of
their standard deviations beyond the margin, is supported in <seeds of random weights; normal scores, sd
0.02 between seeds; 1; 32; supported; 2> of runs, and one at 0 is refuted in <seeds of random weights;
normal scores, sd 0.02 between seeds; 1; 32; refuted; 0>. Where they spread by twice the margin, hardly any
are.

**Families.** The best of 12 equal heads, named after a look at the same 32 pairs, is found to stand out in
<family; the best of 12 equal heads, named after a look, margin 0; 1; 32; supported> of runs.

**Few pairs.** A reproduction on one pair is decided in <few pairs; a reproduction, above m; 0; 1> of runs
at the edge, and on four in <few pairs; a reproduction, above m; 0; 4>. It promises no error, and its
verdict is flagged. A `means` claim on four pairs is decided in <few pairs; a `means` claim, above m; 0; 4>.
"""


def taken(rates: Sequence[Rate]) -> Iterator[str]:
    """Each of the points with its numbers; none that speaks of a cell that was not measured."""
    cells = {_place(rate): rate for rate in rates}
    for words in WORDS.strip().split("\n\n"):
        point = " ".join(words.split())
        for cell in re.findall(r"<([^>]+)>", point):
            rule, world, controls, n, *rest = [part.strip() for part in cell.split(";")]
            outcome, truth = rest + ["wrong", "1"][len(rest) :]
            rate = cells.get((rule, world, controls, n, truth))
            if rate is None:
                break
            point = re.sub(r"<[^>]+>", f"{getattr(rate, outcome) / rate.runs:.1%}", point, count=1)
        else:
            yield point


def _place(rate: Rate) -> tuple[str, str, str, str, str]:
    one = rate.situation
    return one.rule, one.world, str(one.controls), str(one.n), f"{rate.truth:g}"
