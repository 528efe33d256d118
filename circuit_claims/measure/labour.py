"""Division of labour: what attention gathers and what MLPs make of it, the paper's title (untested in it).

Joint patches. Several writes of layers `first` to `last` are taken from the source (the donor, unless a
control says otherwise) into the recipient's run, and the run goes on:

    attention, MLPs, both     the whole writes, at all tokens
    CLS row, patch rows       what attention writes to the CLS token only, or to all other tokens only
    gathered                  CLS row: what it would write if the *patch tokens* alone were the source's, and
                              had never read its CLS token: what CLS sent out is no evidence
    own                       CLS row: what it would write if the *CLS token* alone were the source's
    pattern                   CLS row: queries and keys of the source (where it looks), the recipient's values
    values                    CLS row: values of the source (what is read), the recipient's queries and keys

Composition. CLS gets nothing but what attention heads write and what MLPs make of its own stream. Hold each
head's write at one of its two clips' values, and let the MLPs of `first` to `last` run, or hold them at the
recipient's writes: a factorial experiment on the CLS token alone. Heads that write along one line are one
factor: two halves of one fact are no two facts. With v(S) the projection when the factors S are the source's,
and v'(S) the same with those MLPs held,

    mediated = v(all) - v'(all)                                 what reaches the readout through these MLPs
    combined = v(all) - sum_a v(a) - (v'(all) - sum_a v'(a))    what they make of the parts together only

`combined` is 0 for a linear MLP, positive for a conjunction, negative for an "any of them". v(all) is 1 of a
donor by construction: its CLS stream is then the donor's. The design's other term, the effect of the donor's
*stored* MLP write with attention patched minus without, does not ask this: where an MLP composes, patched
attention makes it write the donor's write already, so the stored one adds nothing and the term is -P(MLP).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import count, repeat
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
from circuit_claims.models.residual import CLS_ROW, EVERY_ROW, ResidualModel, Write

if TYPE_CHECKING:
    from circuit_claims.measure.assay import Assay

PATCH_ROWS = slice(1, None)
ALIKE = 0.9
"""Cosine, of either sign, from which what two heads bring is one thing brought twice."""
ROUTES = (
    *("attention", "MLPs", "both"),
    *("CLS row", "patch rows", "gathered", "own", "pattern", "values"),
)
"""The joint patches, by the names of the module's docstring."""


@dataclass(frozen=True)
class Composition:
    """Projections at the summary with every head's write held at one of two clips' values, at CLS."""

    together: float
    """v(all): every head's write is the source's."""
    alone: tuple[float, ...]
    """v(a): only this factor's heads' are, in the order in which the run meets them. A head whose write does
    not differ is no factor."""


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
        model: a model whose readout reads the CLS token.
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
        NotApplicable: the readout does not read the CLS token (alone).
        MeasurementError: clips of the wrong shape, layers that the model lacks, NaN or Inf.
    """
    if model.reads != CLS_ROW:
        raise NotApplicable(f"{model.name} is not read at a CLS token, so nothing is gathered there")
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
        at_cls: list[tuple[Tensor, Tensor]] = []
        brought: list[Tensor] = []
        states: Tensor | None = None
        narrow = narrow_at(model)
        for index, (step, donated, other) in enumerate(zip(recipients, donors, sources, strict=False)):
            write, recipient, own, _ = step
            _, source, theirs, _ = donated if other is None else other
            start = start if at_cls else recipient[:, CLS_ROW]
            apart = _joined(recipient, apart if at_cls else source)
            at_cls.append((own[:, CLS_ROW], taken(theirs[:, CLS_ROW], own[:, CLS_ROW])))
            if write.mixes_tokens:
                whole = at_cls[-1][1] - own[:, CLS_ROW]  # noise has a size, and no heads
                brought.append(whole[0] if noise is not None else _by_head(write, source, recipient, whole))
            if write.layer >= first:
                states = recipient.repeat(len(routes), 1, 1) if states is None else states
                if write.layer > last:  # nothing is taken any more, and in the end CLS alone is read
                    rows = model.reads if index == narrow else EVERY_ROW
                    states = go_on(write, states, len(states), rows, batch_plan(model))
                else:
                    patches = [_patched(route, write, source, recipient, apart, theirs) for route in routes]
                    settled = [None if p is None else (p[0], taken(p[1], own[:, p[0]])) for p in patches]
                    states = _go_on(model, write, states, settled)
            donor, recipient = donated.after, step.after
            apart = apart + write(apart) if write.layer <= last else apart
            if states is not None:
                require_finite(model, "patched recipient", write.after, states)
        assert states is not None
        ends = [model.readout(stream).summary for stream in (donor, recipient)]
        read = model.readout(states).summary
        inside = range(first, last + 1)
        factors = _factors(brought)
        run, held = (_compose(model, start, at_cls, factors, layers, *ends) for layers in (range(0), inside))
        norms = {route: norms_between(read[i : i + 1], *ends) for i, route in enumerate(routes)}
        if not vectors:
            return Labour(norms, run, held)
        towards, back, patched = (float64(summary) for summary in (*ends, read))
        moved = dict(zip(routes, digits(patched - back), strict=True))
        return Labour(norms, run, held, moved, digits((towards - back).flatten()))


Patched: TypeAlias = tuple[slice, Tensor]
"""The rows of a write that are taken, and what is taken there."""


def _patched(
    route: str, write: Write, source: Tensor, recipient: Tensor, apart: Tensor, theirs: Tensor
) -> Patched | None:
    """What a joint patch takes of one write; None where it leaves the write alone.

    `apart` is the recipient's CLS token among the source's patch tokens, which never read another.
    """
    if not write.mixes_tokens:
        return (EVERY_ROW, theirs) if route in ("MLPs", "both") else None
    match route:
        case "attention" | "both":
            return EVERY_ROW, theirs
        case "CLS row":
            return CLS_ROW, theirs[:, CLS_ROW]
        case "patch rows":
            return PATCH_ROWS, theirs[:, PATCH_ROWS]
        case "gathered":
            return CLS_ROW, write.at(apart, CLS_ROW)
        case "own":
            return CLS_ROW, write.at(_joined(source, recipient), CLS_ROW)
        case "pattern":
            return CLS_ROW, _mixed(write, source, recipient)
        case "values":
            return CLS_ROW, _mixed(write, recipient, source)
        case "MLPs":
            return None
    raise MeasurementError(f"there is no joint patch {route!r}; there are {', '.join(ROUTES)}")


def _joined(cls: Tensor, patches: Tensor) -> Tensor:
    """A stream with the CLS token of one and the patch tokens of another."""
    return torch.cat([cls[:, CLS_ROW], patches[:, PATCH_ROWS]], dim=1)


def _mixed(write: Write, reading: Tensor, read: Tensor) -> Tensor:
    """An attention's write at CLS with the queries and keys of one stream and the values of another."""
    if write.heads is None:
        raise NotApplicable(f"{write.site} has no heads to tell its pattern from its values")
    heads = write.heads
    written: Tensor = heads.writes(heads.mix(reading, read, CLS_ROW)).sum(dim=1) + heads.bias
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


def _by_head(write: Write, source: Tensor, recipient: Tensor, whole: Tensor) -> Tensor:
    """What each head writes to CLS in the source's run beyond the recipient's, `[head, d_model]`."""
    if write.heads is None:
        return whole[0]
    heads = write.heads
    theirs, own = (
        heads.writes(heads.mix(stream, stream, CLS_ROW))[0, :, 0] for stream in (source, recipient)
    )
    return theirs - own


def _factors(brought: Sequence[Tensor]) -> Tensor:
    """What heads bring, `[head, d_model]` by attention -> the sum over the heads of each factor.

    `[factor, attention, d_model]`. A head joins the first factor to whose first head it is parallel.
    """
    written = torch.cat(list(brought))
    attention = [index for index, heads in enumerate(brought) for _ in heads]
    sizes = written.norm(dim=-1, keepdim=True)
    lines = torch.where(sizes > 0, written / sizes, 0.0)
    alike = ((lines @ lines.T).abs() >= ALIKE).tolist()
    firsts: list[int] = []
    joined: list[tuple[int, int]] = []
    for head, size in enumerate(sizes.flatten().tolist()):
        if size:
            factor = next((i for i, first in enumerate(firsts) if alike[head][first]), len(firsts))
            if factor == len(firsts):
                firsts.append(head)
            joined.append((factor, head))
    sums = written.new_zeros(len(firsts), len(brought), written.shape[-1])
    for factor, head in joined:
        sums[factor, attention[head]] += written[head]
    return sums


def _compose(
    model: ResidualModel,
    start: Tensor,
    at_cls: Sequence[tuple[Tensor, Tensor]],
    factors: Tensor,
    held: range,
    towards: Tensor,
    back: Tensor,
) -> Composition | None:
    """The factorial experiment on CLS `[1, 1, d_model]` alone, MLPs of the layers `held` at the recipient's.

    `at_cls` has each write at CLS, the recipient's and what is taken; one state for all factors taken, and
    one for each of `factors` alone.
    """
    states = start.repeat(1 + len(factors), 1, 1)
    attentions = count()
    for write, (own, taken) in zip(model.writes, at_cls, strict=True):
        if write.mixes_tokens:
            out = own.repeat(len(states), 1, 1)
            out[0] = taken[0]
            out[1:] += factors[:, next(attentions), None].to(out)
        else:
            out = own if write.layer in held else write(states)
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


def _patches(assay: Assay, pair: Pair, params: Mapping[str, Any]) -> dict[str, Any]:
    """The joint patches and the factorial experiment of one pair."""
    roles = CONTROLS[params["control"]](assay, pair)
    return labour(
        assay.model(),
        roles.donor,
        roles.recipient,
        params["first"],
        params["last"],
        routes=params["routes"],
        source_pixels=roles.source,
        noise=roles.noise,
        vectors=params.get("vectors", False),
    ).as_dict()


MEASUREMENTS: Mapping[str, Callable[[Assay, Pair, Mapping[str, Any]], Any]] = {"patches": _patches}
"""By the name in the store's key."""
