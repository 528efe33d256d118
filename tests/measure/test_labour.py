"""Joint patches and the factorial experiment: by hand on the integer toy, by hooks on Hugging Face's model.

The toy (see `integer_toy.py`), both layers, donor (2, 3) into recipient (1, 1). CLS ends (19, 60), D is
(36, 276), <D, D> is 77472; the summary is twice CLS, so norms are twice and dots four times these.

    attention    CLS (1,6), its MLP as the donor's, and so on: (55,336)                d = (36,276)
    MLPs         (1,0) (1,3) +36 (37,3) +9 (46,3) +330: (46,333)                       d = (27,273)
    both         every write the donor's: (55,336)                                     d = (36,276)
    CLS row      (1,6) +36 (37,6) +18 (55,6) +330: (55,336)                            d = (36,276)
    patch rows   attn 0: CLS (1,3), patches (1,6), mlp 0: (10,3) (37,6) (37,6); attn 1 at CLS reads 3+6+6:
                 (25,3) +75: (25,78)                                                   d = (6,18)
    gathered     attn 0 reads u of 1, 2, 3: +6, (1,6) +36 (37,6); attn 1 reads v of 3, 6, 6: +15, (52,6) +312:
                 (52,318)                                                              d = (33,258)
    own          attn 0 reads u of 1, 1, 1: +3, (1,3) (10,3); attn 1 reads v of 6, 3, 3: +12, (22,3) +66:
                 (22,69)                                                               d = (3,9)
    pattern      all ones in both clips: nothing                                       d = (0,0)
    values       as CLS row                                                            d = (36,276)

The factorial experiment; attention writes (0,3) then (9,0) for the recipient, (0,6) then (18,0) for the
donor, and the held MLPs write (9,0) and (0,57):

    run    all (55,336)   attn 0 alone (1,6) (37,6) (46,6) (46,282)   attn 1 alone (1,3) (10,3) (28,3) (28,87)
           <d,D> = 77472, 27*36 + 222*276 = 62244, 9*36 + 27*276 = 7776
    held   all (1,0) + (0,6) + (9,0) + (18,0) + (0,57) = (28,63); attn 0 alone (19,63), attn 1 alone (28,60)
           <d,D> = 9*36 + 3*276 = 1152, 828, 324
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from integer_toy import DONOR, RECIPIENT, clip, integer_toy
from tiny_vivit import build_vivit
from torch import Tensor

from circuit_claims.measure.errors import MeasurementError, NotApplicable
from circuit_claims.measure.labour import ROUTES, _alone, _factors, labour
from circuit_claims.measure.patching import norms_between, patch
from circuit_claims.measure.recovery import distance, projection
from circuit_claims.models.load import ModelSource, load
from circuit_claims.models.pool import EVERY_ROW, Pool
from circuit_claims.models.sites import attn_out, mlp_out
from circuit_claims.organisms.planted import planted_source
from circuit_claims.organisms.planted.scenes import Scene, draw

pytestmark = pytest.mark.machines

CLS_ROW = slice(0, 1)

BY_HAND = {
    "attention": (36, 276),
    "MLPs": (27, 273),
    "both": (36, 276),
    "CLS row": (36, 276),
    "patch rows": (6, 18),
    "gathered": (33, 258),
    "own": (3, 9),
    "pattern": (0, 0),
    "values": (36, 276),
}


def test_joint_patches_of_the_integer_toy() -> None:
    found = labour(integer_toy(), DONOR, RECIPIENT, 0, 1).routes
    assert set(found) == set(ROUTES) == set(BY_HAND)
    for route, (u, v) in BY_HAND.items():
        assert found[route].dot == pytest.approx(4 * (36 * u + 276 * v)), route
        assert found[route].d == pytest.approx(2 * (u * u + v * v) ** 0.5), route
        assert pytest.approx(2 * 77472**0.5) == found[route].D


def test_joint_patches_of_the_last_layer_of_the_integer_toy() -> None:
    """Into (10,3) three times: attn 1 takes v = 18 (gathered 3+6+6, own 6+3+3), mlp 1 takes 330."""
    found = labour(integer_toy(), DONOR, RECIPIENT, 1, 1).routes
    by_hand = {
        "attention": (9, 27),
        "MLPs": (0, 273),
        "both": (9, 273),
        "patch rows": (0, 0),
        "gathered": (6, 18),
        "own": (3, 9),
    }
    for route, (u, v) in by_hand.items():
        assert found[route].dot == pytest.approx(4 * (36 * u + 276 * v)), route


def test_the_factorial_experiment_on_the_integer_toy() -> None:
    found = labour(integer_toy(), DONOR, RECIPIENT, 0, 1)
    assert found.run is not None
    assert found.held is not None
    assert found.run.together == pytest.approx(1.0)
    assert found.run.alone == pytest.approx((62244 / 77472, 7776 / 77472))
    assert found.held.together == pytest.approx(1152 / 77472)
    assert found.held.alone == pytest.approx((828 / 77472, 324 / 77472))


def test_mlps_outside_the_layers_are_not_held() -> None:
    """Held in layer 1 only: all (1,6) (37,6) (55,6) + (0,57): (55,63), <d,D> = 36*36 + 3*276 = 2124."""
    found = labour(integer_toy(), DONOR, RECIPIENT, 1, 1).held
    assert found is not None
    assert found.together == pytest.approx(2124 / 77472)


def test_writes_of_a_third_clip_are_held_against_the_donor() -> None:
    """The recipient's own clip as the source changes nothing, and D stays the donor's."""
    found = labour(integer_toy(), DONOR, RECIPIENT, 0, 1, source_pixels=RECIPIENT)
    assert {norms.d for norms in found.routes.values()} == {0.0}
    assert pytest.approx(2 * 77472**0.5) == found.routes["both"].D
    assert found.run is not None
    assert found.run.together == 0.0


def test_noise_has_the_size_of_the_difference_at_every_token() -> None:
    """In layer 1 attention differs by (9, 0) at CLS, and the MLP's write is held: |d| before it is 9."""
    toy = integer_toy(writes=integer_toy().writes[:3])
    noisy = labour(toy, DONOR, RECIPIENT, 1, 1, routes=["CLS row"], noise=3)
    plain = labour(toy, DONOR, RECIPIENT, 1, 1, routes=["CLS row"])
    assert noisy.routes["CLS row"].d == pytest.approx(plain.routes["CLS row"].d) == pytest.approx(18)
    assert noisy.routes["CLS row"].dot != pytest.approx(plain.routes["CLS row"].dot)
    assert labour(toy, DONOR, RECIPIENT, 1, 1, routes=["CLS row"], noise=3) == noisy


def test_two_clips_that_are_one_leave_nothing_to_share() -> None:
    found = labour(integer_toy(), DONOR, DONOR, 0, 1)
    assert found.run is None
    assert found.held is None
    assert found.routes["both"].D == 0.0


def hooked(hf_model: Any, pixels: Tensor, edits: dict[Any, Any]) -> dict[Any, Tensor]:
    """One forward of Hugging Face's model with writes replaced at some rows: every write, and the summary."""
    seen: dict[Any, Tensor] = {}

    def hook(site: Any) -> Any:
        def fire(_module: Any, _args: Any, out: Any) -> Any:
            own = out[0] if isinstance(out, tuple) else out
            if site in edits:
                rows, value = edits[site]
                own = own.clone()
                own[:, rows] = value
            seen[site] = own
            return (own, *out[1:]) if isinstance(out, tuple) else own

        return fire

    handles = []
    for layer, block in enumerate(hf_model.vivit.layers):
        handles.append(block.attention.register_forward_hook(hook(attn_out(layer))))
        handles.append(block.mlp.register_forward_hook(hook(mlp_out(layer))))
    try:
        with torch.inference_mode():
            out = hf_model.vivit(pixel_values=pixels[None])
    finally:
        for handle in handles:
            handle.remove()
    return {**seen, "summary": out.last_hidden_state[:, 0]}


def loaded(hf_model: Any) -> Any:
    return load(ModelSource(name="tiny", build=lambda: hf_model, build_fingerprint="tiny"))


@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 2**16), layers=st.integers(2, 4), data=st.data())
def test_joint_patches_are_hooked_forwards(seed: int, layers: int, data: Any) -> None:
    first = data.draw(st.integers(0, layers - 1))
    last = data.draw(st.integers(first, layers - 1))
    hf_model = build_vivit(seed, num_hidden_layers=layers)
    model = loaded(hf_model)
    generator = torch.Generator().manual_seed(seed)
    shape = (model.frames, 3, model.image_size, model.image_size)
    donor, recipient = torch.randn(shape, generator=generator), torch.randn(shape, generator=generator)
    theirs, own = hooked(hf_model, donor, {}), hooked(hf_model, recipient, {})
    inside = range(first, last + 1)
    rest = slice(1, None)
    edits = {
        "attention": {attn_out(i): (EVERY_ROW, theirs[attn_out(i)]) for i in inside},
        "MLPs": {mlp_out(i): (EVERY_ROW, theirs[mlp_out(i)]) for i in inside},
        "CLS row": {attn_out(i): (CLS_ROW, theirs[attn_out(i)][:, CLS_ROW]) for i in inside},
        "patch rows": {attn_out(i): (rest, theirs[attn_out(i)][:, rest]) for i in inside},
    }
    edits["both"] = {**edits["attention"], **edits["MLPs"]}
    found = labour(model, donor, recipient, first, last)
    for route, edit in edits.items():
        read = hooked(hf_model, recipient, edit)["summary"]
        expected = norms_between(read, theirs["summary"], own["summary"])
        assert projection(found.routes[route]) == pytest.approx(projection(expected), abs=1e-4), route
        assert found.routes[route].d == pytest.approx(expected.d, rel=1e-3, abs=1e-4), route
    assert found.run is not None
    assert found.run.together == pytest.approx(1.0, abs=1e-4)


def test_one_site_is_the_same_as_a_single_patch(tiny: Any, clips: Any) -> None:
    model = tiny()
    donor, recipient = clips(model)
    found = labour(model, donor, recipient, 1, 1)
    single = patch(model, donor, recipient, [attn_out(1)])
    at_cls = patch(model, donor, recipient, [attn_out(1)], rows=CLS_ROW)
    assert projection(found.routes["attention"]) == pytest.approx(
        projection(single.norms["summary"]), abs=1e-5
    )
    assert projection(found.routes["CLS row"]) == pytest.approx(projection(at_cls.norms["summary"]), abs=1e-5)


def test_pattern_and_values_of_one_clip_are_its_row(tiny: Any, clips: Any) -> None:
    """Where the clips share a stream, both are the CLS row: the recipient's own."""
    model = tiny()
    donor, recipient = clips(model)
    same = labour(model, donor, recipient, 0, 2, source_pixels=recipient).routes
    for route in ("pattern", "values", "gathered", "own"):
        assert same[route].d == pytest.approx(0.0, abs=1e-4 * same[route].D)
    # In layer 0 CLS is the same in both clips: all that differs at its row comes from the patch tokens.
    first = labour(model, donor, recipient, 0, 0).routes
    assert distance(first["gathered"]) == pytest.approx(distance(first["CLS row"]), abs=1e-5)
    assert first["own"].d == pytest.approx(0.0, abs=1e-4 * first["own"].D)


def test_pattern_is_the_donors_attention_over_the_recipients_values(clips: Any) -> None:
    """In the last layer, with Hugging Face's own maps: softmax(q k^T / sqrt(d_head)) v, then the output."""
    hf_model = build_vivit(8)
    model = loaded(hf_model)
    donor, recipient = clips(model)
    attention = hf_model.vivit.layers[2].attention
    norm = hf_model.vivit.layers[2].layernorm_before

    def heads(mapped: Tensor) -> Tensor:
        return mapped.view(*mapped.shape[:2], 2, -1).transpose(1, 2)

    with torch.inference_mode():
        streams = [
            norm(hf_model.vivit(pixel_values=x[None], output_hidden_states=True).hidden_states[2])
            for x in (donor, recipient)
        ]
        queries, keys, values = (
            [heads(part(stream)) for stream in streams]
            for part in (attention.q_proj, attention.k_proj, attention.v_proj)
        )
        patterns = [
            (q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5).softmax(-1)
            for q, k in zip(queries, keys, strict=True)
        ]
        rows = {
            "pattern": attention.o_proj((patterns[0] @ values[1]).transpose(1, 2).flatten(2))[:, :1],
            "values": attention.o_proj((patterns[1] @ values[0]).transpose(1, 2).flatten(2))[:, :1],
        }
    theirs, own = hooked(hf_model, donor, {}), hooked(hf_model, recipient, {})
    found = labour(model, donor, recipient, 2, 2, routes=["pattern", "values"]).routes
    for route, row in rows.items():
        read = hooked(hf_model, recipient, {attn_out(2): (CLS_ROW, row)})["summary"]
        expected = norms_between(read, theirs["summary"], own["summary"])
        assert found[route].d == pytest.approx(expected.d, rel=1e-4)
        assert projection(found[route]) == pytest.approx(projection(expected), abs=1e-5)


def before_the_output(hf_model: Any, pixels: Tensor) -> list[Tensor]:
    """What the output projection of each attention reads, `[1, token, head * d_head]`."""
    seen: list[Tensor] = []
    handles = [
        block.attention.o_proj.register_forward_pre_hook(lambda _module, args: seen.append(args[0]))
        for block in hf_model.vivit.layers
    ]
    with torch.inference_mode():
        hf_model.vivit(pixel_values=pixels[None])
    for handle in handles:
        handle.remove()
    return seen


def test_held_and_run_are_forwards_with_attention_held(clips: Any) -> None:
    """Hugging Face's model with every head's write at CLS replaced, MLPs run or replaced as well."""
    hf_model = build_vivit(5)
    model = loaded(hf_model)
    donor, recipient = clips(model)
    theirs, own = hooked(hf_model, donor, {}), hooked(hf_model, recipient, {})
    found = labour(model, donor, recipient, 1, 2, routes=["both"])

    def brought(attention: int, head: int) -> Tensor:
        """What a head writes to CLS in the donor's run beyond the recipient's, by its part of the output."""
        part = slice(8 * head, 8 * (head + 1))
        output = hf_model.vivit.layers[attention].attention.o_proj.weight[:, part]
        return (mixed[0][attention][:, :1, part] - mixed[1][attention][:, :1, part]) @ output.T

    mixed = [before_the_output(hf_model, pixels) for pixels in (donor, recipient)]
    everything = {(attention, head) for attention in range(3) for head in range(2)}

    def share(chosen: set[tuple[int, int]], held: bool) -> float:
        edits = {}
        for i in range(3):
            write = own[attn_out(i)][:, CLS_ROW].clone()
            for attention, head in chosen:
                if attention == i:
                    write += brought(attention, head)
            edits[attn_out(i)] = (CLS_ROW, write)
        if held:
            edits |= {mlp_out(i): (CLS_ROW, own[mlp_out(i)][:, CLS_ROW]) for i in (1, 2)}
        read = hooked(hf_model, recipient, edits)["summary"]
        return projection(norms_between(read, theirs["summary"], own["summary"]))

    for held, composed in ((False, found.run), (True, found.held)):
        assert composed is not None
        assert composed.together == pytest.approx(share(everything, held), abs=1e-4)
        for one, alone in zip(sorted(everything), composed.alone, strict=True):
            assert alone == pytest.approx(share({one}, held), abs=1e-4)


def test_heads_along_one_line_are_one_factor() -> None:
    """Two halves of one fact, the second of the other sign, and another fact; a head without a difference."""
    first = torch.tensor([[1.0, 0.0], [0.0, 0.0]])
    second = torch.tensor([[-0.5, 0.1], [0.0, 2.0]])
    brought = [first[:, None], second[:, None]]
    factors = _factors(brought)
    assert factors == [[0, None], [0, 1]]
    found = torch.stack([_alone(*one, 2)[:, 0] for one in zip(brought, factors, strict=True)], dim=1)
    assert found.tolist() == [
        [[1.0, 0.0], [-0.5, pytest.approx(0.1)]],
        [[0.0, 0.0], [0.0, 2.0]],
    ]
    assert _factors([torch.zeros(2, 1, 2)]) == [[None, None]]


def test_what_cls_sends_out_and_takes_back_is_not_gathered() -> None:
    """Planted: attention 4 sends the outcome from CLS to the patch tokens, attention 6 brings it back."""
    success = Scene(1, 0, a=True, b=True)
    for name, gathered in (("round-trip", 0.0), ("attn-carries-5", 16 / 16.04)):
        model = load(planted_source(name))
        clips = (model.preprocess(draw(scene)[8:40:2]) for scene in (success, replace(success, b=False)))
        found = labour(model, *clips, 4, 10, routes=["gathered", "CLS row"]).routes
        assert projection(found["gathered"]) == pytest.approx(gathered, abs=0.01), name
        assert projection(found["CLS row"]) > 0.9


def test_a_linear_mlp_combines_nothing(clips: Any) -> None:
    """An MLP that writes nothing (or any linear map) adds up: the sum over attentions is the whole."""
    hf_model = build_vivit(6)
    for block in hf_model.vivit.layers:
        block.mlp.fc2.weight.data.zero_()
    hf_model.vivit.layernorm = torch.nn.Identity()  # a norm is not linear either
    hf_model.vivit.layernorm.eps = 1e-6
    hf_model.vivit.layernorm.weight = torch.ones(16)
    hf_model.vivit.layernorm.bias = torch.zeros(16)
    model = loaded(hf_model)
    found = labour(model, *clips(model), 0, 2, routes=["both"])
    assert found.run is not None
    assert found.held is not None
    assert sum(found.run.alone) == pytest.approx(found.run.together, abs=1e-4)
    assert found.held.together == pytest.approx(found.run.together, abs=1e-5)


def test_it_comes_back_from_json_at_seven_digits(tiny: Any, clips: Any) -> None:
    model = tiny()
    plain = labour(model, *clips(model), 0, 2).as_dict()
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert plain["routes"]["both"]["D"] == float(f"{plain['routes']['both']['D']:.7g}")


def test_bad_input_says_what_is_wrong() -> None:
    toy = integer_toy()
    with pytest.raises(MeasurementError, match="toy has layers 0 to 1, not 1 to 2"):
        labour(toy, DONOR, RECIPIENT, 1, 2)
    with pytest.raises(MeasurementError, match="no joint patch 'nothing'; there are attention, MLPs"):
        labour(toy, DONOR, RECIPIENT, 0, 1, routes=["nothing"])
    with pytest.raises(
        NotApplicable, match="toy reads every token, so there is no other token to gather from"
    ):
        labour(integer_toy(pool=Pool.mean(3)), DONOR, RECIPIENT, 0, 1)
    with pytest.raises(MeasurementError, match="toy, donor, mlp_out 0"):
        labour(toy, clip(1e30, 0), RECIPIENT, 0, 1)
