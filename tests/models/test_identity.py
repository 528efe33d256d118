"""Every site is what its name says, and one that is not is named. The mutations are bugs seen in the wild."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from circuit_claims.models.identity import IdentityReport, check_identities
from circuit_claims.models.load import ModelError, ModelSource, load
from circuit_claims.models.residual import HookPoint, ResidualModel
from circuit_claims.models.sites import Site, attn_out, mlp_out, resid_post

pytestmark = pytest.mark.machines

Clips = Callable[..., tuple[torch.Tensor, torch.Tensor]]


@pytest.fixture
def hf_model(vivit: Callable[..., Any]) -> Any:
    return vivit()


@pytest.fixture
def model(hf_model: Any) -> ResidualModel:
    return load(ModelSource(name="tiny", build=lambda: hf_model, build_fingerprint="tiny"))


def with_hook(model: ResidualModel, site: Site, point: HookPoint) -> ResidualModel:
    assert model.reference is not None
    points = {**model.reference.points, site: point}
    return replace(model, reference=replace(model.reference, points=points))


def with_write(model: ResidualModel, index: int, **changes: Any) -> ResidualModel:
    writes = list(model.writes)
    writes[index] = replace(writes[index], **changes)
    return replace(model, writes=tuple(writes))


def test_a_sound_model_passes_at_every_site_of_every_layer(model: ResidualModel, clips: Clips) -> None:
    report = check_identities(model, *clips(model))
    assert report.passed
    assert report.failures == ()
    assert report.inert == ()
    assert report.worst_closure <= 1e-6
    assert len(report.sites) == 13
    for check in report.sites:
        assert check.fires == 1
        assert check.loop == 0.0
        if not check.site.startswith("resid_mid"):
            assert check.null_effect == 0.0
            assert check.reads_back is True
            assert check.effect is not None
            assert check.effect > 0.0


def test_ends_asks_the_causal_questions_of_three_layers(vivit: Callable[..., Any], clips: Clips) -> None:
    source = ModelSource("five", build=lambda: vivit(num_hidden_layers=5), build_fingerprint="five")
    model = load(source)
    report = check_identities(model, *clips(model), layers="ends")
    asked = {check.site.rpartition(".")[2] for check in report.sites if check.effect is not None}
    assert asked == {"0", "2", "4"}
    assert all(check.closure is not None for check in report.sites if "_out" in check.site)


def test_a_write_that_includes_the_residual_does_not_close(
    model: ResidualModel, hf_model: Any, clips: Clips
) -> None:
    # `layer[i].output` of transformers 4.x: the site behind 101.88 % at every layer.
    mutant = with_hook(model, mlp_out(1), HookPoint(hf_model.vivit.layers[1], "output"))
    report = check_identities(mutant, *clips(model))
    assert not report.passed
    assert any(sentence.startswith("mlp_out.1 does not close") for sentence in report.failures)
    assert report.worst_closure > 0.1


def test_a_module_that_is_shared_by_two_writes_fires_twice(
    model: ResidualModel, hf_model: Any, clips: Clips
) -> None:
    mutant = with_hook(model, attn_out(2), HookPoint(hf_model.vivit.layers[2].dropout, "output"))
    report = check_identities(mutant, *clips(model))
    assert report.failures == ("attn_out.2 fires 2 times in a forward, not once",)


def test_a_hook_on_a_module_that_is_never_called_is_found(model: ResidualModel, clips: Clips) -> None:
    mutant = with_hook(model, attn_out(0), HookPoint(nn.Identity(), "output"))
    report = check_identities(mutant, *clips(model))
    assert report.failures == ("attn_out.0 fires 0 times in a forward, not once",)


def test_a_hook_whose_replacement_is_ignored_does_not_read_back(
    model: ResidualModel, hf_model: Any, clips: Clips
) -> None:
    class Deaf(nn.Module):
        """Calls the module that is hooked and goes on with a result of its own."""

        def __init__(self, inner: nn.Module) -> None:
            super().__init__()
            self.inner = inner

        def forward(self, value: torch.Tensor) -> torch.Tensor:
            self.inner(value)
            return self.inner.forward(value)

    inner = hf_model.vivit.layers[1].mlp
    hf_model.vivit.layers[1].mlp = Deaf(inner)
    report = check_identities(with_hook(model, mlp_out(1), HookPoint(inner, "output")), *clips(model))
    assert any("mlp_out.1 does not read back as the donor's" in sentence for sentence in report.failures)


def test_a_loop_that_computes_another_write_is_found(model: ResidualModel, clips: Clips) -> None:
    mutant = with_write(model, 3, function=lambda resid, own=model.writes[3].function: 1.001 * own(resid))
    report = check_identities(mutant, *clips(model))
    assert not report.passed
    assert any(sentence.startswith("mlp_out.1 is another tensor in the loop") for sentence in report.failures)
    assert "loop's logits are not Hugging Face's" in report.failures[0]


def test_an_attention_that_is_wrong_only_at_the_tokens_read_is_found(
    model: ResidualModel, clips: Clips
) -> None:
    mutant = with_write(model, 4, at_rows=lambda resid, rows: resid[:, rows])
    report = check_identities(mutant, *clips(model))
    assert len(report.failures) == 1
    assert "last attention or readout differs at the tokens read" in report.failures[0]


def test_a_model_that_does_not_use_a_site_is_inert_there_and_not_broken(
    model: ResidualModel, hf_model: Any, clips: Clips
) -> None:
    # Without attention nothing that differs between two clips reaches CLS.
    with torch.no_grad():
        for layer in hf_model.vivit.layers:
            layer.attention.o_proj.weight.zero_()
            layer.attention.o_proj.bias.zero_()
    report = check_identities(model, *clips(model))
    assert report.passed
    assert {mlp_out(0).key, resid_post(2).key} <= set(report.inert)


def test_the_report_is_plain_data_and_a_model_without_a_reference_is_refused(
    model: ResidualModel, clips: Clips
) -> None:
    import json

    report: IdentityReport = check_identities(model, *clips(model), layers="ends")
    data = json.loads(json.dumps(report.as_dict(), allow_nan=False))
    assert data["passed"] is True
    assert data["failures"] == []
    with pytest.raises(ModelError, match="no Hugging Face model"):
        check_identities(replace(model, reference=None), *clips(model))
