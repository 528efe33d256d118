"""A transplant: one head of the model under test in a run whose every number is known, whatever the weights.

What one head of the model's first attention writes in one clip (w, at every token) is taken out of it and set
in a run of two blocks. It is turned up by a factor that tells whose clip is run; all other heads are silent:

    embed     x, the stream that the head reads in the model under test, and one more token, which says whose
              clip the pixels are: it reads a row of `CLIPS`
    attn 0    a w       by that head alone; a is the clip's
    mlp 0     a w       what there is beyond x, once more
    attn 1    g (2a w)  g times what there is beyond x; g is the clip's
    mlp 1     nothing
    readout   what the model under test pools, without a norm; logits (T, 0), with x + T w what is pooled

so that T = 2a (1 + g). A success clip has a = 2 and g = 0, a failure clip a = 1 and g = 3: T is 4 and 8. With
D = -4 from failure to success, worked out by hand:

    success -> failure     attn 0: (2 - 1) 2 (1 + 3) / -4 = -2        failure -> success   -1/2
                           mlp 0:  (2 - 1) (1 + 3) / -4 = -1                               -1/4
                           attn 1: (0 - 6) / -4 = 3/2                                       3/2

The patch of the head moves away from the donor in both directions, and four times as far in one of them: a
dropped sign and a swapped pair of clips show apart. Patched alone, or ablated alone, that head has all of it,
and every other head exactly nothing.

Rounding: w is scaled so that both are as long where they are pooled. Of a model that reads one token (CLS) no
sum is then smaller than a sixteenth of its terms; the mean of many tokens can be shorter than they are. A sum
of float32 is off by its terms' length times 6e-8, a recovery by less than 1e-5.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from circuit_claims.measure.errors import UndefinedRecovery
from circuit_claims.measure.runs import clean_run
from circuit_claims.models.device import float64
from circuit_claims.models.pool import Pool
from circuit_claims.models.residual import EVERY_ROW, Frozen, Heads, Readout, ResidualModel, Write
from circuit_claims.models.sites import attn_out, mlp_out, resid_mid, resid_post

CLIPS = {
    "success": (2.0, 0.0),
    "failure": (1.0, 3.0),
    "another success": (7.0, 0.0),
    "another failure": (4.0, 3.0),
    "a success of another action": (5.0, 0.0),
    "a failure of another action": (6.0, 3.0),
    "no clip of the set": (3.0, 0.0),
}
"""Whose clip it is, as seen from the pair that is measured: its a and its g."""
KNOWN = tuple(CLIPS)
FAINT = 1e-6
"""A head that writes less than this share of the loudest one's write is not taken: dead, or rounding."""
Whose = Callable[[Tensor], str]
"""Pixels `[frame, 3, h, w]` -> one of `CLIPS`."""


@dataclass(frozen=True)
class Transplant:
    """The run of two blocks, and which head of which layer of the model under test speaks in it."""

    model: ResidualModel
    layer: int
    head: int


class Voice(NamedTuple):
    """A head of the model under test in one clip."""

    stream: Tensor
    """What it reads, `[1, token, d_model]`."""
    mixed: Tensor
    """What it mixes before its output, `[token, d_head]`."""
    heads: Heads
    layer: int
    head: int


def transplant(model: ResidualModel, pixels: Tensor, whose: Whose, start: int) -> Transplant:
    """Take a head out of a clip's run, and set it in a run whose numbers are known.

    Args:
        model: the model under test, in float32.
        pixels: the clip in whose run the head is listened to, `[frame, 3, h, w]`.
        whose: tells whose clip some pixels are.
        start: which of the heads that write something: another one for another number.

    Raises:
        UndefinedRecovery: no head of the model writes anything that is pooled.
        MeasurementError: a clip of the wrong shape, NaN or Inf.
    """
    with torch.no_grad():
        voice = _voice(model, pixels, start)
        built = _built(model, voice, whose)
    return Transplant(built, voice.layer, voice.head)


def _voice(model: ResidualModel, pixels: Tensor, start: int) -> Voice:
    """A head of the first attention of which some head writes something that is pooled."""
    for step in clean_run(model, pixels, "clip"):
        heads = step.write.heads
        if heads is None:
            continue
        mixed = heads.mix(step.before, step.before, EVERY_ROW)[0]
        sizes = float64(torch.einsum("hk,hkd->hd", model.pool(mixed), heads.output)).norm(dim=-1)
        loud = [head for head, size in enumerate(sizes) if size > FAINT * sizes.max()]
        if loud:
            head = loud[start % len(loud)]
            # Copies: what a run keeps may be a tensor that no gradient goes through.
            return Voice(step.before.clone(), mixed[head].clone(), heads, step.write.layer, head)
    raise UndefinedRecovery(f"no head of {model.name} writes anything that is pooled of this clip")


def _built(model: ResidualModel, voice: Voice, whose: Whose) -> ResidualModel:
    """The run of the module's docstring."""
    stream, n_heads = voice.stream, len(voice.heads.output)
    written = voice.mixed @ voice.heads.output[voice.head]
    length = float64(model.pool(stream)).norm() or 1.0
    loudness = float(length / float64(model.pool(written[None])).norm())
    pool = Pool(torch.cat([model.pool.weights, model.pool.weights.new_zeros(1)]))
    row = stream.new_zeros(1, 1, stream.shape[-1])
    base = torch.cat([stream, row], dim=1)
    w = torch.cat([loudness * written[None], row], dim=1)
    mixed = stream.new_zeros(1, n_heads, base.shape[1], voice.mixed.shape[-1])
    mixed[0, voice.head, :-1] = loudness * voice.mixed
    inside = torch.ones_like(base[..., :1])
    inside[:, -1] = 0.0  # nothing is written to the token that tells whose clip it is
    factors = stream.new_tensor([CLIPS[name] for name in KNOWN])
    start, voiced = (float64(pool(of)[0]) for of in (base, w))
    along = voiced / voiced.square().sum()

    def embed(batch: Tensor) -> Tensor:
        runs = base.repeat(len(batch), 1, 1)
        for run, clip in zip(runs, batch, strict=True):
            run[-1, 0] = KNOWN.index(whose(clip))
        return runs

    def factor(resid: Tensor, which: int) -> Tensor:
        """a (0) or g (1) of whole streams: `[batch, 1, 1]`."""
        told = resid[:, -1:, :1]
        # A gradient asks where a number comes from: here from the stream, with a slope of nothing.
        return factors[told.detach().long(), which] + 0.0 * told

    def beyond(resid: Tensor) -> Tensor:
        """What there is beyond x, of all tokens or of those that are read."""
        rows = EVERY_ROW if resid.shape[1] == pool.n_tokens else pool.rows
        return (resid - base[:, rows]) * inside[:, rows]

    def mix(_reading: Tensor, read: Tensor, rows: slice) -> Tensor:
        return factor(read, 0)[..., None] * mixed[:, :, rows]

    def readout(resid: Tensor) -> Readout:
        summary = pool(resid)
        size = (summary - pool(base)) @ along.to(summary)
        return Readout(torch.stack([size, torch.zeros_like(size)], dim=-1), summary)

    def frozen_readout(_resid: Tensor) -> Frozen:
        linear, constant = torch.stack([along, 0.0 * along]), -start @ along
        return Frozen(linear, torch.stack([constant, 0.0 * constant]), pool.weights[pool.rows])

    heads = Heads(
        pattern=lambda resid, rows: stream.new_full(
            (len(resid), n_heads, base.shape[1], base.shape[1]), 1.0 / base.shape[1]
        )[:, :, rows],
        values=lambda resid: mix(resid, resid, EVERY_ROW),
        mix=mix,
        output=voice.heads.output,
        bias=torch.zeros_like(voice.heads.bias),
    )
    writes = (
        Write(0, "attn", attn_out(0), resid_mid(0), lambda resid: factor(resid, 0) * w, heads=heads),
        Write(0, "mlp", mlp_out(0), resid_post(0), beyond),
        Write(1, "attn", attn_out(1), resid_mid(1), lambda resid: factor(resid, 1) * beyond(resid)),
        Write(1, "mlp", mlp_out(1), resid_post(1), lambda resid: 0.0 * resid),
    )
    return ResidualModel(
        name=f"{model.name}, a head transplanted",
        embed=embed,
        writes=writes,
        readout=readout,
        n_heads=n_heads,
        d_model=model.d_model,
        token_grid=(base.shape[1], 1, 1),
        pool=pool,
        patch_rows=EVERY_ROW,
        labels=("the head", "nothing"),
        frames=model.frames,
        image_size=model.image_size,
        preprocess=model.preprocess,
        frozen_readout=frozen_readout,
        fingerprint=model.fingerprint,
        device=model.device,
        memory=model.memory,
    )
