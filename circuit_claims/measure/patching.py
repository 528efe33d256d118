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

import math
from collections.abc import Collection, Iterator, Sequence

import torch
from torch import Tensor

from circuit_claims.measure.errors import MeasurementError
from circuit_claims.measure.recovery import Norms
from circuit_claims.measure.results import Patch, Place, Reading, Sweep
from circuit_claims.models.residual import EVERY_ROW, Edit, Readout, ResidualModel, Write, canonical, walk
from circuit_claims.models.sites import Site

STATE_TOKENS = {"cpu": 512}
"""Tokens of all states of one batch, at most. On a CPU a batch that leaves the cache is slower than none."""
STATE_TOKENS_ELSEWHERE = 65_536
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

    Returns:
        A `Sweep`. Raises MeasurementError for clips of the wrong shape, unknown sites, and NaN or Inf.
    """
    wanted = {write.site for write in model.writes} if sites is None else {canonical(site) for site in sites}
    _require_sites(model, wanted, started_by_a_write=True)
    max_states = max_states or _batch_plan(model)
    narrow_at = None if tokens or model.reads == EVERY_ROW else _last_mixing(model)
    with torch.inference_mode():
        donor = model.embed(one_clip(model, donor_pixels, "donor"))
        recipient = model.embed(one_clip(model, recipient_pixels, "recipient"))
        source = None if source_pixels is None else model.embed(one_clip(model, source_pixels, "source"))
        generator = None if noise is None else torch.Generator().manual_seed(noise)
        started = recipient.new_empty((len(wanted), *recipient.shape[1:]))
        names: list[Site] = []
        for index, write in enumerate(model.writes):
            rows = model.reads if index == narrow_at else EVERY_ROW
            donor_write, recipient_write = write.at(donor, rows), write.at(recipient, rows)
            started = _go_on(write, started, len(names), rows, max_states)
            taken = donor_write
            if source is not None:
                taken = write.at(source, rows)
                source = source[:, rows] + taken
            if generator is not None:
                taken = recipient_write + _noise_like(taken - recipient_write, generator)
            donor, recipient = donor[:, rows] + donor_write, recipient[:, rows]
            for site, state in ((write.site, recipient + taken), (write.after, donor)):
                if site in wanted:
                    started[len(names)] = state[0]
                    names.append(site)
            recipient = recipient + recipient_write
            require_finite(model, "donor", write.after, donor)
            require_finite(model, "recipient", write.after, recipient)
            if not _all_finite(started[: len(names)]):
                for site, state in zip(names, started, strict=False):
                    require_finite(model, f"recipient with the donor's {site}", write.after, state)
        labels = _labels(model, donor, recipient, labels)
        return Sweep(
            labels=tuple(labels),
            donor=read_clip(model, donor, labels),
            recipient=read_clip(model, recipient, labels),
            patches={
                site.key: read_patch(model, state[None], donor, recipient, labels, tokens)
                for site, state in zip(names, started, strict=True)
            },
            max_states=max_states,
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
    """Patch several sites of one run together, unbatched, at all tokens or at `rows` only (`CLS_ROW`).

    The donor's tensors are those of its own clean run. Other arguments and errors as in `sweep`; the
    embedding (`resid_pre 0`) is a site here too. Read at every place.
    """
    wanted = {canonical(site) for site in sites}
    _require_sites(model, wanted)
    with torch.inference_mode():
        donor_clip = one_clip(model, donor_pixels, "donor")
        recipient_clip = one_clip(model, recipient_pixels, "recipient")
        edits: dict[Site, Edit] = {}
        for site, donor in checked(model, "donor", walk(model, donor_clip)):
            if site in wanted:
                edits[site] = _taking(donor, rows)
        recipient = last_stream(checked(model, "recipient", walk(model, recipient_clip)))
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
) -> Patch:
    """Hold a patched last stream against the donor's and the recipient's, each `[1, token, d_model]`."""
    runs = (patched, donor, recipient)
    says = [model.readout(resid) for resid in runs]
    norms: dict[Place, Norms] = {
        "summary": norms_between(*(readout.summary for readout in says)),
        "cls": norms_between(*(model.cls(resid) for resid in runs)),
    }
    if tokens:
        norms["tokens"] = norms_between(*(resid[0] for resid in runs))
    return Patch(norms, _logits(says[0], labels))


def norms_between(patched: Tensor, donor: Tensor, recipient: Tensor) -> Norms:
    """The norms of d = patched - recipient and D = donor - recipient, each `[token, d_model]`, in float64."""
    p, u, r = (value.to("cpu", torch.float64) for value in (patched, donor, recipient))
    d, D = p - r, u - r
    return Norms(
        d=float(d.norm()),
        D=float(D.norm()),
        dot=float((d * D).sum()),
        rest=float((u - p).norm()),
        mean_d=float(d.norm(dim=-1).mean()),
        mean_D=float(D.norm(dim=-1).mean()),
    )


def one_clip(model: ResidualModel, pixels: Tensor, role: str) -> Tensor:
    """A clip `[frame, 3, h, w]` (or a batch of one) as `[1, frame, 3, h, w]` on the model's device."""
    batch = pixels[None] if pixels.ndim == 4 else pixels
    expected = [model.frames, 3, model.image_size, model.image_size]
    if list(batch.shape) != [1, *expected]:
        raise MeasurementError(
            f"{model.name}, {role}: pixels are {list(pixels.shape)}, and the model reads one clip {expected} "
            "(frame, channel, h, w); make it with model.preprocess(frames)"
        )
    if not _all_finite(batch):
        raise MeasurementError(f"{model.name}, {role}: there are NaN or Inf among the pixels")
    return batch.to(model.device)


def checked(
    model: ResidualModel, role: str, run: Iterator[tuple[Site, Tensor]]
) -> Iterator[tuple[Site, Tensor]]:
    """A run, stopped with MeasurementError at the first site that has NaN or Inf."""
    for site, value in run:
        require_finite(model, role, site, value)
        yield site, value


def last_stream(run: Iterator[tuple[Site, Tensor]]) -> Tensor:
    """The stream that a run ends with, `[batch, token, d_model]`."""
    resid = torch.empty(0)
    for _, resid in run:  # noqa: B007 - the last is meant
        pass
    return resid


def require_finite(model: ResidualModel, role: str, site: Site, value: Tensor) -> None:
    """Raise MeasurementError, naming model, role and site, unless every number is finite."""
    if not _all_finite(value):
        count = int((~torch.isfinite(value)).sum())
        raise MeasurementError(
            f"{model.name}, {role}, {site}: {count} of {value.numel()} numbers are NaN or Inf; "
            "check the weights and the range of the pixels"
        )


def _all_finite(value: Tensor) -> bool:
    """Whether every number is finite: one NaN or Inf makes the sum one too, and a sum is cheap."""
    return math.isfinite(float(value.sum())) or bool(torch.isfinite(value).all())


def _batch_plan(model: ResidualModel) -> int:
    """States in one batch: fixed by the model and its kind of device, never by what happens to be free."""
    device = model.device.partition(":")[0]
    return max(1, STATE_TOKENS.get(device, STATE_TOKENS_ELSEWHERE) // model.n_tokens)


def _go_on(write: Write, started: Tensor, count: int, rows: slice, max_states: int) -> Tensor:
    """The first `count` states through one write, in batches of `max_states`; in place unless narrowed."""
    after = started if rows == EVERY_ROW else started[:, rows].clone()
    for first in range(0, count, max_states):
        batch = slice(first, min(first + max_states, count))
        after[batch] += write.at(started[batch], rows)
    return after


def _noise_like(difference: Tensor, generator: torch.Generator) -> Tensor:
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


def _last_mixing(model: ResidualModel) -> int:
    return max(index for index, write in enumerate(model.writes) if write.mixes_tokens)


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
