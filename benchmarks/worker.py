"""One way to sweep, in a process of its own: so that its peak memory is its own, and its threads too.

    python benchmarks/worker.py METHOD SETTINGS

reads commands from stdin, one a line, and answers each with a line of JSON: `sweep` (all sites once), `facts`
(what was done), `matmul` (the best matrix product at the MLP's shape) and `peak` (bytes of memory so far).
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")

METHODS = {
    "hooks-eager": "plain hooks, one full forward a site, eager attention (the paper's notebook)",
    "hooks-sdpa": "the same with sdpa attention",
    "nnsight": "the same in nnsight, sdpa attention",
    "ours-float32": "the wavefront, float32",
    "ours-bfloat16": "the wavefront, bfloat16",
}
TOP = 5
"""Heads that are patched exactly after a screen."""


class Settings(dict[str, Any]):
    """Frames, layers, width, heads, image size, threads; `sites`: "writes", also all "heads", or "screened"
    ones; `count` of writes (0: all); `tokens`: whether every token is read, or the summary alone."""

    def __getattr__(self, name: str) -> Any:
        return self[name]


def build(settings: Settings, attention: str) -> Any:
    """A ViViT of these sizes as Hugging Face makes it, with random weights of one seed."""
    import torch
    from transformers import VivitConfig, VivitForVideoClassification

    torch.set_num_threads(settings.threads)
    config = VivitConfig(
        num_frames=settings.frames,
        num_hidden_layers=settings.layers,
        hidden_size=settings.width,
        num_attention_heads=settings.heads,
        intermediate_size=4 * settings.width,
        image_size=settings.image,
        num_labels=400,
        attn_implementation=attention,
    )
    torch.manual_seed(1)
    made = VivitForVideoClassification(config).eval()
    with torch.no_grad():  # with Hugging Face's 0.02 alone hardly anything of a patch arrives
        for name, parameter in made.named_parameters():
            if name.endswith("weight") and parameter.ndim == 2:
                parameter.mul_(2.0)
    return made


def clips(settings: Settings) -> Any:
    """Two clips of noise `[2, frame, 3, h, w]`, donor and recipient, the same in every process."""
    import torch

    generator = torch.Generator().manual_seed(2)
    shape = (settings.frames, 3, settings.image, settings.image)
    donor = torch.randn(shape, generator=generator)
    return torch.stack([donor, donor + 0.5 * torch.randn(shape, generator=generator)])


def chosen(settings: Settings) -> list[tuple[str, int]]:
    """The writes to patch, spread over the depth where not all are asked for."""
    every = [(kind, layer) for layer in range(settings.layers) for kind in ("attn", "mlp")]
    count = min(settings.count or len(every), len(every))
    return [every[round(at * (len(every) - 1) / max(count - 1, 1))] for at in range(count)]


def projection(patched: Any, donor: Any, recipient: Any) -> float:
    """The projection of what a patch changed onto what there was to change."""
    d, D = (patched - recipient).double(), (donor - recipient).double()
    return float((d * D).sum() / (D * D).sum())


# One full forward a site --------------------------------------------------------------------------------


def by_hooks(settings: Settings, attention: str) -> Callable[[], dict[str, float]]:
    """Forward hooks on the Hugging Face model: one forward keeps the donor's writes, one patches each."""
    import torch

    model = build(settings, attention)
    donor_clip, recipient_clip = clips(settings)
    module = {
        (kind, layer): block.attention if kind == "attn" else block.mlp
        for layer, block in enumerate(model.vivit.layers)
        for kind in ("attn", "mlp")
    }

    def forward(clip: Any, hooks: dict[Any, Callable[..., Any]]) -> Any:
        """The summary `[d_model]`: what the classifier multiplies."""
        handles = [module[site].register_forward_hook(hook) for site, hook in hooks.items()]
        read: list[Any] = []
        handles.append(
            model.vivit.layernorm.register_forward_hook(lambda _module, _args, out: read.append(out[0, 0]))
        )
        try:
            with torch.inference_mode():
                model(pixel_values=clip[None])
        finally:
            for handle in handles:
                handle.remove()
        return read[0]

    def sweep() -> dict[str, float]:
        kept: dict[Any, Any] = {}

        def keep(site: Any) -> Callable[..., None]:
            return lambda _module, _args, out: kept.update({site: out[0] if isinstance(out, tuple) else out})

        def put(site: Any) -> Callable[..., Any]:
            return lambda _module, _args, out: (
                (kept[site], *out[1:]) if isinstance(out, tuple) else kept[site]
            )

        donor = forward(donor_clip, {site: keep(site) for site in chosen(settings)})
        recipient = forward(recipient_clip, {})
        return {
            _named(site): projection(forward(recipient_clip, {site: put(site)}), donor, recipient)
            for site in chosen(settings)
        }

    return sweep


def by_nnsight(settings: Settings) -> Callable[[], dict[str, float]]:
    """The same forwards, traced by nnsight."""
    import torch
    from nnsight import NNsight

    inner = build(settings, "sdpa")
    donor_clip, recipient_clip = clips(settings)
    with torch.inference_mode():  # is an attention's output a tuple in this version of transformers?
        seen: list[bool] = []
        handle = inner.vivit.layers[0].attention.register_forward_hook(
            lambda _module, _args, out: seen.append(isinstance(out, tuple))
        )
        inner(pixel_values=donor_clip[None])
        handle.remove()
    as_tuple = seen[0]
    model = NNsight(inner)

    def site_of(site: tuple[str, int]) -> Any:
        block = model.vivit.layers[site[1]]
        return block.attention if site[0] == "attn" else block.mlp

    def sweep() -> dict[str, float]:
        with torch.inference_mode():
            donors = {}
            for_all = chosen(settings)
            with model.trace(pixel_values=donor_clip[None]):
                donors = {}.save()
                for site in for_all:
                    out = site_of(site).output
                    donors[site] = out[0] if as_tuple and site[0] == "attn" else out
                donor = model.vivit.layernorm.output[0, 0].save()
            with model.trace(pixel_values=recipient_clip[None]):
                recipient = model.vivit.layernorm.output[0, 0].save()
            found = {}
            for site in for_all:
                value = donors[site]
                with model.trace(pixel_values=recipient_clip[None]):
                    if as_tuple and site[0] == "attn":
                        site_of(site).output = (value, *site_of(site).output[1:])
                    else:
                        site_of(site).output = value
                    patched = model.vivit.layernorm.output[0, 0].save()
                found[_named(site)] = projection(patched, donor, recipient)
        return found

    return sweep


# The wavefront ------------------------------------------------------------------------------------------


class Counter:
    """Floating-point operations of the writes that were evaluated: two for each multiply-add."""

    def __init__(self, settings: Settings) -> None:
        self.flops = 0
        self.width, self.tokens = settings.width, 0

    def write(self, kind: str, batch: int, tokens: int, rows: int) -> None:
        """One evaluation at `rows` of `tokens` tokens."""
        d = self.width
        if kind == "mlp":
            self.flops += batch * 2 * 2 * rows * d * 4 * d
        else:  # keys and values of every token; queries, pattern, mixing and output of the rows
            self.flops += batch * (2 * 2 * tokens * d * d + 2 * 2 * rows * d * d + 2 * 2 * rows * tokens * d)


def counting(model: Any, counter: Counter) -> Any:
    """The model with every evaluation of a write counted."""

    def counted(write: Any) -> Any:
        def function(resid: Any) -> Any:
            counter.write(write.kind, resid.shape[0], resid.shape[1], resid.shape[1])
            return write.function(resid)

        def at_rows(resid: Any, rows: slice) -> Any:
            read = len(range(*rows.indices(resid.shape[1])))
            counter.write(write.kind, resid.shape[0], resid.shape[1], read)
            return write.at_rows(resid, rows)

        return replace(write, function=function, at_rows=at_rows if write.at_rows else None)

    return replace(model, writes=tuple(counted(write) for write in model.writes))


def by_wavefront(settings: Settings, precision: str) -> tuple[Callable[[], dict[str, float]], Counter]:
    """This project's sweep, readout at the summary unless all tokens are asked for."""
    from circuit_claims.measure.heads import sweep_heads
    from circuit_claims.measure.patching import sweep as wavefront
    from circuit_claims.measure.recovery import METRICS
    from circuit_claims.measure.screening import screened_heads
    from circuit_claims.models.load import load
    from circuit_claims.models.precision import in_bfloat16
    from circuit_claims.models.sites import attn_out, mlp_out
    from circuit_claims.models.source import ModelSource

    source = ModelSource(name="bench", build=lambda: build(settings, "sdpa"), build_fingerprint="bench")
    loaded = load(source, threads=settings.threads)
    if precision == "bfloat16":
        loaded = in_bfloat16(loaded)
    counter = Counter(settings)
    model = counting(loaded, counter)
    donor, recipient = clips(settings)
    make = {"attn": attn_out, "mlp": mlp_out}
    sites = {make[kind](layer): _named((kind, layer)) for kind, layer in chosen(settings)}
    every_head = [(layer, head) for layer in range(settings.layers) for head in range(settings.heads)]

    def sweep() -> dict[str, float]:
        counter.flops = 0
        heads: dict[tuple[int, int], Any] = {}
        if settings.sites == "screened":
            screened = screened_heads(model, donor, recipient, top=TOP, writes=True)
            found, heads = screened.writes, screened.exact
        else:
            found = wavefront(model, donor, recipient, list(sites), tokens=settings.tokens, labels=[0])
            if settings.sites == "heads":
                heads = sweep_heads(model, donor, recipient, every_head)
        formula = METRICS["projection"]
        made = {name: formula(found.patches[site.key].norms["summary"]) for site, name in sites.items()}
        made |= {f"head {layer}.{head}": formula(norms) for (layer, head), norms in heads.items()}
        return made

    return sweep, counter


# The hardware -------------------------------------------------------------------------------------------


def matmul(settings: Settings) -> dict[str, float]:
    """Operations a second of a float32 matrix product at the MLP's shape with these threads: of the best one,
    and the median at the shape of the best, which is what a machine that others use as well sustains."""
    import torch

    torch.set_num_threads(settings.threads)
    width, best, sustained = settings.width, 0.0, 0.0
    for rows in (512, 1024, 3137, 6274):
        x, w = torch.randn(rows, width), torch.randn(4 * width, width)
        for a, b in ((x, w), (torch.randn(rows, 4 * width), w.T.contiguous())):
            rates = []
            for _ in range(8):
                began = time.perf_counter()
                torch.nn.functional.linear(a, b)
                rates.append(2 * rows * width * 4 * width / (time.perf_counter() - began))
            if max(rates) > best:
                best, sustained = max(rates), statistics.median(rates)
    return {"best": best, "sustained": sustained}


@contextmanager
def _quiet() -> Iterator[Any]:
    """Keep what libraries print off the answers."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    yield answers


def _no_use(precision: str) -> str:
    """Why a precision is not the best one here; nothing where it is."""
    from circuit_claims.models.precision import bfloat16_unit

    if precision == "bfloat16" and not bfloat16_unit("cpu"):
        return "this CPU multiplies no bfloat16 in hardware, so float32 is its best precision"
    return ""


def _named(site: tuple[str, int]) -> str:
    return f"{site[0]} {site[1]}"


def serve(method: str, settings: Settings) -> None:
    """Answer commands until stdin ends."""
    with _quiet() as answers:
        counter = None
        try:
            if method == "nnsight":
                sweep = by_nnsight(settings)
            elif method.startswith("hooks-"):
                sweep = by_hooks(settings, method.removeprefix("hooks-"))
            else:
                precision = method.removeprefix("ours-")
                if why := _no_use(precision):
                    print(json.dumps({"ready": False, "why": why}), file=answers, flush=True)
                    return
                sweep, counter = by_wavefront(settings, precision)
            print(json.dumps({"ready": True}), file=answers, flush=True)
        except ImportError as why:
            print(json.dumps({"ready": False, "why": str(why)}), file=answers, flush=True)
            return
        recoveries: dict[str, float] = {}
        seconds = 0.0
        for line in sys.stdin:
            answer: dict[str, Any] = {}
            if line.strip() == "sweep":
                began = time.perf_counter()
                recoveries = sweep()
                seconds = time.perf_counter() - began
                answer = {"seconds": seconds}
            elif line.strip() == "facts":
                peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
                flops = counter.flops if counter else None
                answer = {"recoveries": recoveries, "seconds": seconds, "peak": peak, "flops": flops}
            elif line.strip() == "matmul":
                answer = dict(matmul(settings))
            print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    serve(sys.argv[1], Settings(json.loads(sys.argv[2])))
