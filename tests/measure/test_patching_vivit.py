"""The wavefront is the plain way: Hugging Face's forward once for every site, with one hook."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_vivit import build_vivit
from torch import Tensor

from circuit_claims.measure.patching import norms_between, patch, sweep
from circuit_claims.measure.recovery import METRICS, Norms
from circuit_claims.models import vivit
from circuit_claims.models.load import ModelSource, load
from circuit_claims.models.precision import in_bfloat16
from circuit_claims.models.sites import Site, attn_out, mlp_out, resid_post

pytestmark = pytest.mark.machines

CONFIGS = st.fixed_dictionaries(
    {
        "num_hidden_layers": st.integers(1, 4),
        "num_attention_heads": st.sampled_from([1, 2, 4]),
        "hidden_size": st.sampled_from([16, 24]),
        "image_size": st.sampled_from([8, 16]),
        "num_frames": st.sampled_from([2, 4]),
    }
)


def plainly(hf_model: Any, pixels: Tensor, site: Site | None = None, value: Tensor | None = None) -> Any:
    """One forward with hooks only: (logits, last stream, all writes), one write replaced if asked."""
    seen: dict[Site, Tensor] = {}
    last: list[Tensor] = []

    def hook(here: Site) -> Callable[..., Any]:
        def fire(_module: Any, _args: Any, out: Any) -> Any:
            own = out[0] if isinstance(out, tuple) else out
            new = value if here == site else own
            seen[here] = new
            return (new, *out[1:]) if isinstance(out, tuple) else new

        return fire

    handles = [hf_model.vivit.layernorm.register_forward_pre_hook(lambda _module, args: last.append(args[0]))]
    for layer, block in enumerate(hf_model.vivit.layers):
        handles.append(block.attention.register_forward_hook(hook(attn_out(layer))))
        handles.append(block.mlp.register_forward_hook(hook(mlp_out(layer))))
        handles.append(block.register_forward_hook(hook(resid_post(layer))))
    try:
        with torch.inference_mode():
            logits = hf_model(pixel_values=pixels[None]).logits
    finally:
        for handle in handles:
            handle.remove()
    return logits, last[0], seen


def assert_near(found: Norms, expected: Norms, stream: float) -> None:
    """Within 1e-5 of what is measured, or of a hundredth of the stream that it is read from."""
    size = max(expected.d, expected.D, 1e-2 * stream)
    for name, value in asdict(found).items():
        unit = size * size if name == "dot" else size
        assert abs(value - asdict(expected)[name]) <= 1e-5 * unit, name


@settings(deadline=None, max_examples=20)
@given(config=CONFIGS, seed=st.integers(0, 2**16), max_states=st.integers(2, 9))
def test_a_sweep_is_one_hooked_forward_for_every_site(config: Any, seed: int, max_states: int) -> None:
    hf_model = build_vivit(seed, **config)
    model = load(ModelSource(name="tiny", build=lambda: hf_model, build_fingerprint="tiny"))
    generator = torch.Generator().manual_seed(seed)
    shape = (model.frames, 3, model.image_size, model.image_size)
    donor, recipient = torch.randn(shape, generator=generator), torch.randn(shape, generator=generator)
    sites = [make(layer) for layer in range(model.n_layers) for make in (attn_out, mlp_out, resid_post)]
    labels = range(len(model.labels))

    exact = sweep(model, donor, recipient, sites, labels=labels, max_states=1)
    batched = sweep(model, donor, recipient, sites, labels=labels, max_states=max_states)
    narrow = sweep(model, donor, recipient, sites, labels=labels, tokens=False)

    donor_logits, donor_last, writes = plainly(hf_model, donor)
    own_logits, own_last, _ = plainly(hf_model, recipient)
    assert exact.donor.logits == tuple(donor_logits[0].tolist())
    assert exact.recipient.logits == tuple(own_logits[0].tolist())
    for site in sites:
        logits, last, _ = plainly(hf_model, recipient, site, writes[site])
        tokens = norms_between(last[0], donor_last[0], own_last[0])
        cls = norms_between(last[:, 0], donor_last[:, 0], own_last[:, 0])
        assert exact.patches[site.key].logits == tuple(logits[0].tolist())
        assert exact[site]["tokens"] == tokens
        assert exact[site]["cls"] == cls
        assert_near(batched[site]["tokens"], tokens, float(own_last.norm()))
        for found in (batched, narrow):
            assert_near(found[site]["cls"], cls, float(own_last[:, 0].norm()))
            assert_near(found[site]["summary"], exact[site]["summary"], float(model.d_model**0.5))
            assert torch.allclose(
                torch.tensor(found.patches[site.key].logits), logits[0], rtol=1e-4, atol=1e-5
            )
        assert "tokens" not in narrow[site]


@settings(deadline=None, max_examples=10)
@given(config=CONFIGS, seed=st.integers(0, 2**16), rows=st.integers(1, 20))
def test_a_long_clip_goes_through_an_mlp_in_parts(config: Any, seed: int, rows: int) -> None:
    hf_model = build_vivit(seed, **config)
    model = load(ModelSource(name="tiny", build=lambda: hf_model, build_fingerprint="tiny"))
    resid = torch.randn(2, model.n_tokens, model.d_model, generator=torch.Generator().manual_seed(seed))
    for write in model.writes:
        if not write.mixes_tokens:
            with torch.inference_mode():
                whole = write(resid)
                with pytest.MonkeyPatch.context() as patched:
                    patched.setattr(vivit, "MLP_ROWS", rows)
                    parts = write(resid)
            assert parts.shape == whole.shape
            assert torch.allclose(parts, whole, rtol=1e-5, atol=1e-5)


@settings(deadline=None, max_examples=10)
@given(config=CONFIGS, seed=st.integers(0, 2**16), swapped=st.booleans())
def test_bfloat16_is_near_the_plain_way_in_both_directions(config: Any, seed: int, swapped: bool) -> None:
    """Near: eight bits of each write are kept, so that a stream is out by a hundredth of itself at most."""
    hf_model = build_vivit(seed, **config)
    model = load(ModelSource(name="tiny", build=lambda: hf_model, build_fingerprint="tiny"))
    shape = (2, model.frames, 3, model.image_size, model.image_size)
    both = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    donor, recipient = both.flip(0) if swapped else both
    reduced = sweep(in_bfloat16(model), donor, recipient, tokens=False)
    _, donor_last, writes = plainly(hf_model, donor)
    _, own_last, _ = plainly(hf_model, recipient)
    for write in model.writes:
        _, last, _ = plainly(hf_model, recipient, write.site, writes[write.site])
        exact = norms_between(last[:, 0], donor_last[:, 0], own_last[:, 0])
        off = 0.02 * float(own_last[:, 0].norm() + donor_last[:, 0].norm())
        assert abs(reduced[write.site]["cls"].d - exact.d) <= off
        assert abs(reduced[write.site]["cls"].D - exact.D) <= off


def test_a_patch_at_cls_is_one_hooked_forward(clips: Any) -> None:
    hf_model = build_vivit(4)
    model = load(ModelSource(name="tiny", build=lambda: hf_model, build_fingerprint="tiny"))
    donor, recipient = clips(model)
    _, donor_last, writes = plainly(hf_model, donor)
    _, own_last, own = plainly(hf_model, recipient)
    joint = patch(model, donor, recipient, [mlp_out(0)], rows=model.reads)
    mixed = own[mlp_out(0)].clone()
    mixed[:, 0] = writes[mlp_out(0)][:, 0]
    _, last, _ = plainly(hf_model, recipient, mlp_out(0), mixed)
    assert joint.norms["tokens"] == norms_between(last[0], donor_last[0], own_last[0])


def test_patching_all_writes_together_from_the_embedding_on_is_the_donor(tiny: Any, clips: Any) -> None:
    model = tiny()
    writes = [write.site for write in model.writes]
    joint = patch(model, *clips(model), writes)
    # The CLS embedding is the same in both clips, so all of CLS comes back; the patch embeddings are not.
    assert METRICS["projection"](joint.norms["cls"]) == pytest.approx(1.0, abs=1e-6)
    assert METRICS["distance"](joint.norms["tokens"]) < 0.999


def test_a_sweep_leaves_no_trace_in_the_model(tiny: Any, clips: Any) -> None:
    model = tiny()
    donor, recipient = clips(model)
    first = sweep(model, donor, recipient)
    sweep(model, recipient, donor, tokens=False)
    assert sweep(model, donor, recipient) == first


def test_a_batch_of_one_clip_is_that_clip(tiny: Any, clips: Any) -> None:
    model = tiny()
    donor, recipient = clips(model)
    assert sweep(model, donor[None], recipient[None]) == sweep(model, donor, recipient)
