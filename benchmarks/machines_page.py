"""The page of `make machines`: settings, verdicts and spreads as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import isinf
from typing import TYPE_CHECKING

import spread

if TYPE_CHECKING:
    from machines import Run, Setting

WORDS = {
    "sse4_1": "SSE4.1",
    "sse4_2": "SSE4.2",
    "avx": "AVX",
    "avx2": "AVX2",
    "fma": "FMA",
    "avx_vnni": "AVX-VNNI",
    "avx512f": "AVX-512",
    "avx512_vnni": "AVX512-VNNI",
    "avx512_bf16": "AVX512-BF16",
    "avx512_fp16": "AVX512-FP16",
    "amx_tile": "AMX",
    "amx_bf16": "AMX-BF16",
}
"""The flags of a processor that the three libraries choose by, in words."""

HEAD = """\
# On other machines

ATen, oneDNN, MKL and numpy choose their code by the processor, and sums in another order round
differently. `make machines` holds each of them to older instruction sets, changes threads, processes and
batch plans, and runs the fast tests, the smoke profile and the full claims under every such setting, in
processes and with a store of its own. It fails where a test fails, a verdict is not the native one's, a run
of claims does not end as its record says, or a tolerance has too little room.
"""
SPREADS = """\
## How far numbers lie apart

The spread of a number is its largest reading less its smallest, over all settings of the table
above{but}. Numbers are every estimate of every claim and part, and both ends of its interval, one of which
decides; those of the smoke profile and of all pairs are counted apart. A report keeps six digits, so that a
number of which none differs has a spread of 0. Beside the widest spread of each unit and kind of measurement
stands the number whose tolerance (`circuit_claims/judge/tolerance.py`, with the same weights) has the least
room: it has to be at least {margin:g} times the spread. Numbers of `exact` claims are residues of rounding,
judged against bounds of their own: they are compared by verdict, and have no tolerance.
"""


def in_words(flags: Iterable[str]) -> list[str]:
    """The flags that matter here, as people write them."""
    known = set(flags)
    return [words for flag, words in WORDS.items() if flag in known]


def table(settings: Sequence[Setting], runs: Mapping[str, Mapping[str, Run]]) -> str:
    """A line for each setting."""
    lines = [
        "| setting | how | tests passed, failed | smoke: exit, verdicts that differ, drifts | "
        "full: exit, verdicts that differ, drifts | largest difference of an estimate |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    native = runs.get("native", {})
    for setting in settings:
        parts = runs.get(setting.name, {})
        cells = [f"`{setting.name}`", setting.words, _tests(parts)]
        cells += [_claims(part, native, parts) for part in ("smoke", "full")]
        lines.append(f"| {' | '.join([*cells, _largest(native, parts)])} |")
    return "\n".join(lines)


def _tests(parts: Mapping[str, Run]) -> str:
    told = {"tests": "", "marked": "of those marked "}
    said = [(word, parts[part]) for part, word in told.items() if part in parts]
    return "; ".join(f"{word}{one.passed}, {len(one.failed)}" for word, one in said)


def _claims(part: str, native: Mapping[str, Run], parts: Mapping[str, Run]) -> str:
    if part not in parts:
        return ""
    one = parts[part]
    if part in native:
        found = spread.differing(spread.verdicts(native[part].report), spread.verdicts(one.report))
        differ = ", ".join(told.split(":")[0] for told in found) or "none"
    else:
        differ = "no native run"
    return f"{one.exit_status}, {differ}, {', '.join(spread.drifts(one.report)) or 'none'}"


def _largest(native: Mapping[str, Run], parts: Mapping[str, Run]) -> str:
    """Of an estimate, to the native one; residues of exact claims are none."""
    both = [part for part in ("full", "smoke") if part in native and part in parts]
    found = [
        one
        for part in both
        for one in spread.spreads([native[part].report, parts[part].report])
        if one.reading.which == "estimate" and not one.reading.exact
    ]
    if not found or native is parts:
        return ""
    widest = max(found, key=lambda one: one.apart)
    return f"{widest.apart:.1e} ({widest.reading.unit}, `{widest.reading.name}`)" if widest.apart else "0"


def told(group: spread.Group) -> str:
    """The number with the least room: its spread, its tolerance and how many times that is."""
    one = group.tightest
    room = "any number of" if isinf(one.room) else f"{one.room:.3g}"
    tolerance = f"the tolerance of {one.reading.name}, {one.tolerance:.2g}"
    return f"{tolerance}, is {room} times its spread, {one.apart:.2g}"


def spread_table(groups: Sequence[spread.Group]) -> str:
    """A line for each unit and kind of measurement."""
    lines = [
        "| measurement | unit | numbers | of them moved | widest spread | widest, relative to the number | "
        "least room: tolerance and spread | times |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for one in groups:
        least = one.tightest
        if one.exact:
            room = ("by verdict", "")
        elif least.apart:
            room = (
                f"{least.tolerance:.2g} and {least.apart:.2g} (`{least.reading.name}`)",
                f"{least.room:.3g}" + ("" if one.fits else ", too few"),
            )
        else:
            room = (f"{least.tolerance:.2g} and 0", "")
        cells = (
            f"{one.kind}, exact" if one.exact else one.kind,
            one.unit,
            str(one.numbers),
            str(one.moved),
            _of(one.widest, one.widest.apart),
            _of(one.relatively, one.relatively.relative),
            *room,
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _of(one: spread.Spread, size: float) -> str:
    return f"{size:.1e} (`{one.reading.name}`)" if size else "0"


def page(
    flags: Iterable[str],
    settings: Sequence[Setting],
    left_out: Mapping[str, str],
    runs: Mapping[str, Mapping[str, Run]],
    groups: Sequence[spread.Group],
) -> str:
    """All of it."""
    has = ", ".join(in_words(flags)) or "flags that its system does not tell"
    other = " and ".join(f"`{setting.name}`" for setting in settings if not setting.spreads)
    absent = [f"`{name}` was left out: {why}." for name, why in left_out.items()]
    variables = [f"| `{setting.name}` | {' '.join(_typed(setting)) or 'nothing'} |" for setting in settings]
    return "\n".join(
        [
            HEAD,
            f"The processor of this page has {has}.",
            *absent,
            "",
            "## Tests and verdicts\n",
            table(settings, runs),
            "",
            SPREADS.format(but=f" but {other}" if other else "", margin=spread.MARGIN),
            spread_table(groups),
            "\n## The settings\n",
            "| setting | environment and options |",
            "| --- | --- |",
            *variables,
            "",
        ]
    )


def _typed(setting: Setting) -> list[str]:
    return [f"`{name}={value}`" for name, value in setting.environment.items()] + (
        [f"`{' '.join(setting.options)}`"] if setting.options else []
    )
