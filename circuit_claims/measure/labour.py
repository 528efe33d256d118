"""Division of labour: what attention gathers and what MLPs make of it, the paper's title (untested in it).

Joint patches. Several writes of layers `first` to `last` are taken from the source (the donor, unless a
control says otherwise) into the recipient's run, and the run goes on:

    attention, MLPs, both     the whole writes, at all tokens
    CLS row, patch rows       what attention writes to the tokens that are read only, or to all others only
    gathered                  CLS row: what it would write if the *other tokens* alone were the source's, and
                              had never read its CLS token: what CLS sent out is no evidence
    own                       CLS row: what it would write if the *CLS token* alone were the source's
    pattern                   CLS row: queries and keys of the source (where it looks), the recipient's values
    values                    CLS row: values of the source (what is read), the recipient's queries and keys

The names are ViViT's, which reads its CLS token and no other. Of a model that pools more tokens, "CLS" stands
for all those with weight. Where no other token is left nothing tells them apart, and the routes of `APART`
are not there.

Composition. The tokens that are read get nothing but what they begin with, what attention heads write and
what MLPs make of their own streams. Hold each head's write at one of its two clips' values, and let the MLPs
of `first` to `last` run, or hold them at the recipient's writes: a factorial experiment on these tokens
alone. What they begin with is a factor of its own where it differs (a CLS token begins the same in every
clip). Heads that write along one line are one factor: two halves of one fact are no two facts. With v(S) the
projection when the factors S are the source's, and v'(S) the same with those MLPs held,

    mediated = v(all) - v'(all)                                 what reaches the readout through these MLPs
    combined = v(all) - sum_a v(a) - (v'(all) - sum_a v'(a))    what they make of the parts together only

`combined` is 0 for a linear MLP, positive for a conjunction, negative for an "any of them". v(all) is 1 of a
donor by construction: the stream that is read is then the donor's. The design's other term, the effect of the
donor's *stored* MLP write with attention patched minus without, does not ask this: where an MLP composes,
patched attention makes it write the donor's write already, so the stored one adds nothing and the term is
-P(MLP).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import repeat
from math import ceil
from typing import TYPE_CHECKING, Any, TypeAlias

import torch
from torch import Tensor

from circuit_claims.clips.pairs import Pair
from circuit_claims.measure.controls import CONTROLS
from circuit_claims.measure.digits import digits
from circuit_claims.measure.errors import MeasurementError, NotApplicable
from circuit_claims.measure.patching import noise_like, norms_between
from circuit_claims.measure.recovery import Norms
from circuit_claims.measure.runs import batch_plan, clean_run, go_on, narrow_at, require_finite
from circuit_claims.models.device import float64
from circuit_claims.models.residual import EVERY_ROW, ResidualModel, Write

if TYPE_CHECKING:
    from circuit_claims.measure.assay import Assay

ALIKE = 0.9
"""Cosine, of either sign, from which what two heads bring is one thing brought twice."""
ROUTES = (
    *("attention", "MLPs", "both"),
    *("CLS row", "patch rows", "gathered", "own", "pattern", "values"),
)
"""The joint patches, by the names of the module's docstring."""
APART = ("CLS row", "patch rows", "gathered", "own")
"""Those that tell the tokens that are read from the others."""
Rows: TypeAlias = slice | list[int]


@dataclass(frozen=True)
class Composition:
    """Projections at the summary with what every head writes at the tokens read held at one clip's values."""

    together: float
    """v(all): every head's write is the source's."""
    alone: tuple[float, ...]
    """v(a): only this factor's are, in the order in which the run meets them: the embedding, then heads. What
    does not differ is no factor."""


@dataclass(frozen=True)
class Labour:
    """What joint patches recover, and what the MLPs' part in it is."""

    routes: Mapping[str, Norms]
    """By the name of the joint patch, read at the summary."""
    run: Composition | None
    """The MLPs of the layers run; None where the two clips do not differ at the summary (0/0)."""
    held: Composition | None
    """They are held at the recipient's writes."""
    moved: Mapping[str, Sequence[float]] | None = None
    """By the name of the joint patch, d at the summary, `[d_model]`; only where vectors were asked for."""
    apart: Sequence[float] | None = None
    """D at the summary, `[d_model]`: donor less recipient; likewise."""

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for the store, at seven significant digits."""
        rounded: dict[str, Any] = digits(asdict(self))
        vectors = () if self.moved is None else ("moved", "apart")
        return {key: rounded[key] for key in ("routes", "run", "held", *vectors)}


def labour(
    model: ResidualModel,
    donor_pixels: Tensor,
    recipient_pixels: Tensor,
    first: int,
    last: int,
    *,
    routes: Sequence[str] = ROUTES,
    source_pixels: Tensor | None = None,
    noise: int | None = None,
    vectors: bool = False,
) -> Labour:
    """Make the joint patches of layers `first` to `last`, both included, and the factorial experiment.

    Args:
        model: the model.
        donor_pixels: the clip that recovery is measured towards, `[frame, 3, h, w]`.
        recipient_pixels: the clip whose run is patched, of the same shape.
        first: the first layer whose writes are taken.
        last: the last one.
        routes: which of `ROUTES` to make.
        source_pixels: the clip whose writes are taken, where it is not the donor.
        noise: take the recipient's own write plus noise of the size of the source's difference from it,
            token by token; of this seed.
        vectors: keep what each joint patch changed of the summary, to be read along other pairs' direction.

    Raises:
        NotApplicable: a route tells the tokens that are read from others, and there are no others.
        MeasurementError: clips of the wrong shape, layers that the model lacks, NaN or Inf, or no
            room for the experiment (`--circuit-memory`).
    """
    if not model.pool.others and set(routes) & set(APART):
        raise NotApplicable(every_token_read(model))
    _require_room(model)
    if not 0 <= first <= last < model.n_layers:
        raise MeasurementError(f"{model.name} has layers 0 to {model.n_layers - 1}, not {first} to {last}")
    generator = None if noise is None else torch.Generator().manual_seed(noise)

    def taken(theirs: Tensor, own: Tensor) -> Tensor:
        """What takes the place of `own`: the source's, or noise of that size."""
        if generator is None:
            return theirs
        return own + noise_like(theirs - own, generator)

    with torch.inference_mode():
        donors, recipients = (
            clean_run(model, pixels, role)
            for role, pixels in (("donor", donor_pixels), ("recipient", recipient_pixels))
        )
        sources = repeat(None) if source_pixels is None else clean_run(model, source_pixels, "source")
        donor = recipient = start = apart = torch.empty(0)
        read = model.reads
        at_reads: list[tuple[Tensor, Tensor]] = []
        brought: list[Tensor] = []
        states: Tensor | None = None
        narrow = narrow_at(model)
        for index, (step, donated, other) in enumerate(zip(recipients, donors, sources, strict=False)):
            write, recipient, own, _ = step
            _, source, theirs, _ = donated if other is None else other
            if not at_reads:
                start = recipient[:, read]
                # The embedding is no write: noise leaves it as it is.
                brought.append((source if noise is None else recipient)[:, read] - start)
            apart = _joined(model, recipient, apart if at_reads else source)
            at_reads.append((own[:, read], taken(theirs[:, read], own[:, read])))
            if write.mixes_tokens:
                whole = at_reads[-1][1] - own[:, read]  # noise has a size, and no heads
                by_head = noise is None and write.heads is not None
                brought.append(_by_head(write, source, recipient, read) if by_head else whole)
            if write.layer >= first:
                states = recipient.repeat(len(routes), 1, 1) if states is None else states
                if write.layer > last:  # nothing is taken any more, and in the end not all tokens are read
                    rows = read if index == narrow else EVERY_ROW
                    states = go_on(write, states, len(states), rows, batch_plan(model))
                else:
                    clips = (source, recipient, apart, theirs)
                    patches = [_patched(model, route, write, *clips) for route in routes]
                    settled = [None if p is None else (p[0], taken(p[1], own[:, p[0]])) for p in patches]
                    states = _go_on(model, write, states, settled)
            donor, recipient = donated.after, step.after
            apart = apart + write(apart) if write.layer <= last else apart
            if states is not None:
                require_finite(model, "patched recipient", write.after, states)
        assert states is not None
        ends = [model.readout(stream).summary for stream in (donor, recipient)]
        says = model.readout(states).summary
        inside = range(first, last + 1)
        clean = (model, start, at_reads, brought)
        run, held = (_compose(*clean, layers, *ends) for layers in (range(0), inside))
        norms = {route: norms_between(says[i : i + 1], *ends) for i, route in enumerate(routes)}
        if not vectors:
            return Labour(norms, run, held)
        towards, back, patched = (float64(summary) for summary in (*ends, says))
        moved = dict(zip(routes, digits(patched - back), strict=True))
        return Labour(norms, run, held, moved, digits((towards - back).flatten()))


Patched: TypeAlias = tuple[Rows, Tensor]
"""The rows of a write that are taken, and what is taken there."""


def every_token_read(model: ResidualModel) -> str:
    """Why the routes of `APART` are not there."""
    return f"{model.name} reads every token, so there is no other token to gather from"


def _patched(
    model: ResidualModel,
    route: str,
    write: Write,
    source: Tensor,
    recipient: Tensor,
    apart: Tensor,
    theirs: Tensor,
) -> Patched | None:
    """What a joint patch takes of one write; None where it leaves the write alone.

    `apart` is the recipient's tokens that are read among the source's others, which never read another.
    """
    if not write.mixes_tokens:
        return (EVERY_ROW, theirs) if route in ("MLPs", "both") else None
    read = model.reads
    match route:
        case "attention" | "both":
            return EVERY_ROW, theirs
        case "CLS row":
            return read, theirs[:, read]
        case "patch rows":
            return model.pool.others, theirs[:, model.pool.others]
        case "gathered":
            return read, write.at(apart, read)
        case "own":
            return read, write.at(_joined(model, source, recipient), read)
        case "pattern":
            return read, _mixed(write, source, recipient, read)
        case "values":
            return read, _mixed(write, recipient, source, read)
        case "MLPs":
            return None
    raise MeasurementError(f"there is no joint patch {route!r}; there are {', '.join(ROUTES)}")


def _joined(model: ResidualModel, read: Tensor, others: Tensor) -> Tensor:
    """A stream whose tokens with weight in the pool are one stream's, and all others another's."""
    joined = others.clone()
    joined[:, model.reads] = read[:, model.reads]
    return joined


def _mixed(write: Write, reading: Tensor, read: Tensor, rows: slice) -> Tensor:
    """An attention's write at `rows` with the queries and keys of one stream and the values of another."""
    if write.heads is None:
        raise NotApplicable(f"{write.site} has no heads to tell its pattern from its values")
    heads = write.heads
    written: Tensor = heads.writes(heads.mix(reading, read, rows)).sum(dim=1) + heads.bias
    return written


def _go_on(model: ResidualModel, write: Write, states: Tensor, patches: Sequence[Patched | None]) -> Tensor:
    """Every state `[state, token, d_model]` through one write: its own, the one taken, or some of each."""
    at_once = batch_plan(model)
    after = states.clone()
    free = [i for i, p in enumerate(patches) if p is None or p[0] != EVERY_ROW]
    for begin in range(0, len(free), at_once):
        batch = free[begin : begin + at_once]
        after[batch] += write(states[batch])
    for i, patched in enumerate(patches):
        if patched is not None:
            rows, value = patched
            after[i, rows] = states[i, rows] + value[0]
    return after


def _by_head(write: Write, source: Tensor, recipient: Tensor, rows: slice) -> Tensor:
    """What each head writes at `rows` in the source's run beyond the recipient's, `[head, row, d_model]`."""
    heads = write.heads
    assert heads is not None
    theirs, own = (heads.writes(heads.mix(stream, stream, rows))[0] for stream in (source, recipient))
    return theirs - own


def _factors(brought: Sequence[Tensor]) -> list[list[int | None]]:
    """Of what the embedding and each attention's heads bring, `[head, row, d_model]`, each head's factor.

    None for a head that brings nothing. A head joins the first factor to whose first head it is parallel.
    """
    written = torch.cat([heads.flatten(1) for heads in brought])
    sizes = written.norm(dim=-1, keepdim=True)
    lines = torch.where(sizes > 0, written / sizes, 0.0)
    alike = ((lines @ lines.T).abs() >= ALIKE).tolist()
    firsts: list[int] = []
    found: list[int | None] = []
    for head, size in enumerate(sizes.flatten().tolist()):
        factor = None
        if size:
            factor = next((i for i, first in enumerate(firsts) if alike[head][first]), len(firsts))
            if factor == len(firsts):
                firsts.append(head)
        found.append(factor)
    numbers = iter(found)
    return [[next(numbers) for _ in heads] for heads in brought]


def _alone(heads: Tensor, factors: Sequence[int | None], n_factors: int) -> Tensor:
    """What each factor alone brings of one attention's `[head, row, d_model]`: `[factor, row, d_model]`."""
    sums = heads.new_zeros(n_factors, *heads.shape[1:])
    for head, factor in zip(heads, factors, strict=True):
        if factor is not None:
            sums[factor] += head
    return sums


def _compose(
    model: ResidualModel,
    start: Tensor,
    at_reads: Sequence[tuple[Tensor, Tensor]],
    brought: Sequence[Tensor],
    held: range,
    towards: Tensor,
    back: Tensor,
) -> Composition | None:
    """The factorial experiment on the tokens read alone, MLPs of the layers `held` at the recipient's.

    `start` is the recipient's embedding there, `[1, row, d_model]`; `at_reads` has each write there, the
    recipient's and what is taken; `brought` what the embedding and then each attention's heads bring. One
    state for all factors taken, and one for each alone.
    """
    factors = _factors(brought)
    n_factors = 1 + max((of for some in factors for of in some if of is not None), default=-1)
    changes = zip(brought, factors, strict=True)
    states = start.repeat(1 + n_factors, 1, 1)
    states += torch.cat([brought[0], _alone(*next(changes), n_factors)]).to(states)
    # As many tokens at once as in a batch of whole streams.
    plan = max(1, batch_plan(model) * model.n_tokens // model.pool.n_read)
    for write, (own, taken) in zip(model.writes, at_reads, strict=True):
        if write.mixes_tokens:
            out = own.repeat(len(states), 1, 1)
            out[0] = taken[0]
            out[1:] += _alone(*next(changes), n_factors).to(out)
        elif write.layer in held:
            out = own
        else:
            out = torch.cat([write(states[i : i + plan]) for i in range(0, len(states), plan)])
        states = states + out
    require_finite(model, "recipient with what heads write held", model.writes[-1].after, states)
    patched, donor, recipient = (float64(of) for of in (model.readout(states).summary, towards, back))
    whole = (donor - recipient)[0]
    size = float(whole.norm())
    if size == 0.0:
        return None
    # Two divisions, as for every projection: the square of a small norm underflows before its ratio does.
    together, *alone = ((patched - recipient) @ (whole / size) / size).tolist()
    return Composition(together, tuple(alone))


def _require_room(model: ResidualModel) -> None:
    """Raise MeasurementError where what heads write at the tokens read, and the states, do not fit."""
    heads = 1 + sum(len(write.heads.output) if write.heads else 1 for write in model.writes)
    needed = 4 * heads * 4 * model.pool.n_read * model.d_model
    if needed > model.memory:
        raise MeasurementError(
            f"{model.name}: {model.memory / 2**20:.4g} MiB has no room for what each head writes at the "
            f"{model.pool.n_read} tokens read; --circuit-memory {ceil(needed / 2**20)}MiB is the least that "
            "would do"
        )


def _patches(assay: Assay, pair: Pair, params: Mapping[str, Any]) -> dict[str, Any]:
    """The joint patches and the factorial experiment of one pair; why a route is `absent`, where one is."""
    model, roles = assay.model(), CONTROLS[params["control"]](assay, pair)
    absent = [] if model.pool.others else [route for route in params["routes"] if route in APART]
    found = labour(
        model,
        roles.donor,
        roles.recipient,
        params["first"],
        params["last"],
        routes=[route for route in params["routes"] if route not in absent],
        source_pixels=roles.source,
        noise=roles.noise,
        vectors=params.get("vectors", False),
    ).as_dict()
    return {**found, "absent": dict.fromkeys(absent, every_token_read(model))} if absent else found


MEASUREMENTS: Mapping[str, Callable[[Assay, Pair, Mapping[str, Any]], Any]] = {"patches": _patches}
"""By the name in the store's key."""
