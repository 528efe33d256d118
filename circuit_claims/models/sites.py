"""Names of places in a residual stream, as the field writes them (`attn_out 4`, `resid_post 11`).

The stream is what is read between writes; a write is what a block adds to it:

    resid_pre l  --(+ attn_out l)-->  resid_mid l  --(+ mlp_out l)-->  resid_post l == resid_pre l+1

What ViViT's first published patching called "MLP" (`layer[i].output` of transformers 4.x, the residual
included) is `resid_post`, and has that name only.
"""

from __future__ import annotations

from dataclasses import dataclass

WRITES = ("attn_out", "temporal_attn_out", "mlp_out")
STREAMS = ("resid_pre", "resid_mid", "resid_post")
KINDS = WRITES + STREAMS


@dataclass(frozen=True, order=True)
class Site:
    """One tensor `[batch, token, d_model]` of a run: a write, or the stream between writes."""

    kind: str
    """One of `KINDS`."""
    layer: int
    """The block, counted from 0."""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"no kind of site is called {self.kind!r}; the kinds are {', '.join(KINDS)}")
        if self.layer < 0:
            raise ValueError(f"layers are counted from 0, so {self.kind} {self.layer} does not exist")

    def __str__(self) -> str:
        return f"{self.kind} {self.layer}"

    @property
    def key(self) -> str:
        """The name in stored measurements and reports: `attn_out.4`."""
        return f"{self.kind}.{self.layer}"

    @property
    def is_write(self) -> bool:
        """True for what a block adds to the stream, False for the stream itself."""
        return self.kind in WRITES


def attn_out(layer: int) -> Site:
    """What the attention of block `layer` adds to the stream."""
    return Site("attn_out", layer)


def mlp_out(layer: int) -> Site:
    """What the MLP of block `layer` adds to the stream (without the residual)."""
    return Site("mlp_out", layer)


def resid_pre(layer: int) -> Site:
    """The stream that block `layer` reads; `resid_pre 0` is the embedding."""
    return Site("resid_pre", layer)


def resid_mid(layer: int) -> Site:
    """The stream between the attention and the MLP of block `layer`."""
    return Site("resid_mid", layer)


def resid_post(layer: int) -> Site:
    """The stream that block `layer` leaves behind."""
    return Site("resid_post", layer)


def parse_site(text: str) -> Site:
    """Read a site from `attn_out.4` or `attn_out 4`. Raises ValueError that says which form is meant."""
    kind, _, layer = text.strip().replace(" ", ".").partition(".")
    if not layer.isdecimal():
        raise ValueError(f"{text!r} is not a site; write a kind and a layer, as in 'mlp_out.4'")
    return Site(kind, int(layer))
