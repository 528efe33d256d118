"""Activation patching: a write of the *donor*'s run is taken into the *recipient*'s run.

Donor success and recipient failure is the paper's direction (sufficiency); the other way round asks for
necessity (Heimersheim & Nanda 2024, arXiv 2404.15255).

The sweep is a wavefront. Patching n sites one after another costs n whole runs. Here the recipient's run is
walked once: at every write one more state starts, the stream so far plus the donor's write, and all states
started so far go through the remaining writes as one batch. No prefix is computed twice.

    started = started + write(started)             every earlier patch goes on
    started += [recipient + write(donor)]          one more begins

From the last attention on only the tokens that the readout reads are needed, unless the tokens are measured.
With `max_states=1` and `tokens=True` a patched run is bit for bit the run of the Hugging Face model with that
one write replaced; otherwise it agrees within float32's rounding of the stream.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import repeat

import torch
from torch import Tensor

from circuit_claims.measure.digits import digits
from circuit_claims.measure.errors import MeasurementError
from circuit_claims.measure.recovery import Norms
from circuit_claims.measure.results import Patch, Place, Reading, Sweep
from circuit_claims.measure.runs import (
    Step,
    all_finite,
    batch_plan,
    checked,
    clean_run,
    clean_walk,
    go_on,
    in_chunks,
    last_stream,
    narrow_at,
    one_clip,
    require_finite,
)
from circuit_claims.models.device import float64
from circuit_claims.models.residual import EVERY_ROW, Edit, Readout, ResidualModel, canonical, walk
from circuit_claims.models.sites import Site

TOP = 5
"""Labels that a `Reading` keeps."""


def sweep(
    model: ResidualModel,
    donor_pixels: Tensor,
    recipient_pixels: Tensor,
    sites: Collection[Site] | None = None,
    *,
    tokens: bool = True,
    labels: Sequence[int] | None = None,
    max_states: int | None = None,
    source_pixels: Tensor | None = None,
    noise: int | None = None,
    vectors: bool = False,
) -> Sweep:
    """Patch each site alone, at all token positions, and read what came back.

    Args:
        model: the model.
        donor_pixels: the clip whose writes are taken, `[frame, 3, h, w]` as `model.preprocess` gives it.
        recipient_pixels: the clip into whose run they are taken, of the same shape.
        sites: writes, and streams after a write (`resid_mid`, `resid_post`: an identity patch); by default
            every write of the model.
        tokens: measure every token of the last stream too (the paper's place; costs the whole last block).
        labels: whose logits to keep; by default the top label of each clip.
        max_states: patched states in one batch; fixed by the model unless given.
        source_pixels: take the writes of this clip instead; recovery is still measured towards the donor.
        noise: take the recipient's own write plus Gaussian noise that has, token by token, the norm of the
            donor's difference from it; of this seed. Both are controls, and patch writes only.
        vectors: keep d and D themselves at the summary, to be read along a direction of other pairs.

    Returns:
        A `Sweep`. Raises MeasurementError for clips of the wrong shape, unknown sites, and NaN or Inf.
    """
    wanted = {write.site for write in model.writes} if sites is None else {canonical(site) for site in sites}
    _require_sites(model, wanted, started_by_a_write=True)
    max_states = max_states or batch_plan(model)
    ordered = [site for site in model.sites if site in wanted]
    narrow = None if tokens else narrow_at(model)

    def clean(pixels: Tensor, role: str) -> Iterator[Step]:
        return clean_run(model, pixels, role, narrow)

    parts = []
    with torch.inference_mode():
        for some in in_chunks(model, ordered, max_states):
            donors, recipients = clean(donor_pixels, "donor"), clean(recipient_pixels, "recipient")
            sources = None if source_pixels is None else clean(source_pixels, "source")
            parts.append(
                sweep_along(
                    *(model, donors, recipients, some, tokens, labels, max_states),
                    sources=sources,
                    noise=noise,
                    vectors=vectors,
                )
            )
    return replace(parts[0], patches={key: one for part in parts for key, one in part.patches.items()})


def sweep_along(
    model: ResidualModel,
    donors: Iterable[Step],
    recipients: Iterable[Step],
    wanted: Collection[Site],
    tokens: bool,
    labels: Sequence[int] | None,
    max_states: int,
    *,
    sources: Iterable[Step] | None = None,
    noise: int | None = None,
    vectors: bool = False,
) -> Sweep:
    """The wavefront of `sweep` along the clips' own runs; all states are in memory at once.

    Without `tokens` the runs have, from the last attention on, only the rows that are read (`clean_run`).
    Call it under `torch.inference_mode()`.
    """
    narrow = None if tokens else narrow_at(model)
    generator = None if noise is None else torch.Generator().manual_seed(noise)
    donor = recipient = started = torch.empty(0)
    names: list[Site] = []
    for index, (own, theirs, other) in enumerate(
        zip(recipients, donors, repeat(None) if sources is None else sources, strict=False)
    ):
        write, rows = own.write, model.reads if index == narrow else EVERY_ROW
        if index == 0:
            started = own.before.new_empty((len(wanted), *own.before.shape[1:]))
        started = go_on(write, started, len(names), rows, max_states)
        taken = theirs.out if other is None else other.out
        if generator is not None:
            taken = own.out + noise_like(taken - own.out, generator)
        donor, recipient = theirs.after, own.after
        for site, state in ((write.site, own.before[:, rows] + taken), (write.after, donor)):
            if site in wanted:
                started[len(names)] = state[0]
                names.append(site)
        if not all_finite(started[: len(names)]):
            for site, state in zip(names, started, strict=False):
                require_finite(model, f"recipient with the donor's {site}", write.after, state)
    labels = _labels(model, donor, recipient, labels)
    return Sweep(
        labels=tuple(labels),
        donor=read_clip(model, donor, labels),
        recipient=read_clip(model, recipient, labels),
        patches={
            site.key: read_patch(model, state[None], donor, recipient, labels, tokens, vectors)
            for site, state in zip(names, started, strict=True)
        },
        max_states=max_states,
        apart=summary_less(model, donor, recipient) if vectors else None,
    )


def patch(
    model: ResidualModel,
    donor_pixels: Tensor,
    recipient_pixels: Tensor,
    sites: Collection[Site],
    *,
    rows: slice = EVERY_ROW,
    labels: Sequence[int] | None = None,
) -> Patch:
    """Patch several sites of one run together, unbatched, at all tokens or at `rows` only (`model.reads`).

    The donor's tensors are those of its own clean run. Other arguments and errors as in `sweep`; the
    embedding (`resid_pre 0`) is a site here too. Read at every place.
    """
    wanted = {canonical(site) for site in sites}
    _require_sites(model, wanted)
    with torch.inference_mode():
        recipient_clip = one_clip(model, recipient_pixels, "recipient")
        edits: dict[Site, Edit] = {}
        for site, donor in clean_walk(model, donor_pixels, "donor"):
            if site in wanted:
                edits[site] = _taking(donor, rows)
        recipient = last_stream(clean_walk(model, recipient_pixels, "recipient"))
        patched = last_stream(checked(model, "patched recipient", walk(model, recipient_clip, edits)))
        labels = _labels(model, donor, recipient, labels)
        return read_patch(model, patched, donor, recipient, labels, tokens=True)


def read_clip(model: ResidualModel, resid: Tensor, labels: Sequence[int]) -> Reading:
    """What the model says from a last stream `[1, token, d_model]`."""
    says = model.readout(resid)
    values, indices = says.logits[0].topk(min(TOP, says.logits.shape[-1]))
    top = tuple((int(label), float(value)) for label, value in zip(indices, values, strict=True))
    return Reading(_logits(says, labels), top)


def read_patch(
    model: ResidualModel,
    patched: Tensor,
    donor: Tensor,
    recipient: Tensor,
    labels: Sequence[int],
    tokens: bool,
    vectors: bool = False,
) -> Patch:
    """Hold a patched last stream against the donor's and the recipient's, each `[1, token, d_model]`."""
    runs = (patched, donor, recipient)
    says = [model.readout(resid) for resid in runs]
    norms: dict[Place, Norms] = {
        "summary": norms_between(*(readout.summary for readout in says)),
        "cls": norms_between(*(model.pool(resid) for resid in runs)),
    }
    if tokens:
        norms["tokens"] = norms_between(*(resid[0] for resid in runs))
    moved = summary_less(model, patched, recipient) if vectors else None
    return Patch(norms, _logits(says[0], labels), moved)


def summary_less(model: ResidualModel, stream: Tensor, other: Tensor) -> tuple[float, ...]:
    """The summary of one last stream `[1, token, d_model]` less another's, `[d_model]`, for the store."""
    ours, theirs = (float64(model.readout(resid).summary) for resid in (stream, other))
    return tuple(digits((ours - theirs).flatten()))


def norms_between(patched: Tensor, donor: Tensor, recipient: Tensor) -> Norms:
    """The norms of d = patched - recipient and D = donor - recipient, each `[token, d_model]`, in float64."""
    p, u, r = (float64(value) for value in (patched, donor, recipient))
    d, D = p - r, u - r
    return Norms(
        d=float(d.norm()),
        D=float(D.norm()),
        dot=float((d * D).sum()),
        rest=float((u - p).norm()),
        mean_d=float(d.norm(dim=-1).mean()),
        mean_D=float(D.norm(dim=-1).mean()),
    )


def noise_like(difference: Tensor, generator: torch.Generator) -> Tensor:
    """Gaussian noise with the norm of `difference` `[batch, token, d_model]` at every token."""
    drawn = torch.randn(difference.shape, generator=generator).to(difference)
    size: Tensor = difference.norm(dim=-1, keepdim=True) / drawn.norm(dim=-1, keepdim=True)
    return drawn * size


def _taking(value: Tensor, rows: slice) -> Edit:
    """An edit that puts the donor's tensor in the recipient's place, at `rows`."""

    def taken(own: Tensor) -> Tensor:
        if rows == EVERY_ROW:
            return value
        patched = own.clone()
        patched[:, rows] = value[:, rows]
        return patched

    return taken


def _logits(says: Readout, labels: Sequence[int]) -> tuple[float, ...]:
    return tuple(float(says.logits[0, label]) for label in labels)


def _labels(
    model: ResidualModel, donor: Tensor, recipient: Tensor, labels: Sequence[int] | None
) -> Sequence[int]:
    """The labels to keep, by default the top label of each clip."""
    tops = [int(model.readout(resid).logits[0].argmax()) for resid in (donor, recipient)]
    chosen = sorted(set(tops)) if labels is None else labels
    outside = [label for label in chosen if not 0 <= label < len(model.labels)]
    if outside:
        raise MeasurementError(
            f"{model.name}: there is no label {outside[0]}; its labels are 0 to {len(model.labels) - 1}"
        )
    return chosen


def _require_sites(model: ResidualModel, sites: Collection[Site], started_by_a_write: bool = False) -> None:
    known = model.sites[1:] if started_by_a_write else model.sites
    unknown = sorted(set(sites) - set(known))
    if unknown:
        raise MeasurementError(
            f"{model.name} has no {unknown[0]} to patch here; its sites run from {known[0]} to {known[-1]}"
        )
