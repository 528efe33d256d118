"""A model that averages its tokens goes through every measurement, and gives the right numbers."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

sys.path += [str(Path(__file__).parents[1] / folder) for folder in ("plugin", "models")]

from asked import ASKED, ends_well
from pooled_toy import D_MODEL, GRID, LAYERS, module, pooled_toy
from tiny_world import save_clips

from circuit_claims.clips.decode import Decoder
from circuit_claims.clips.pairs import load_pairs
from circuit_claims.measure.assay import Assay, Bench
from circuit_claims.measure.circuit import Circuit
from circuit_claims.measure.store import Store
from circuit_claims.models.identity import check_identities
from circuit_claims.models.pool import Pool
from circuit_claims.models.residual import run
from circuit_claims.models.sites import attn_out, mlp_out
from circuit_claims.models.source import ModelSource

pytestmark = pytest.mark.machines

LABELS = ("LABEL_0", "LABEL_1", "LABEL_2")


@pytest.fixture(scope="module")
def circuit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Circuit]:
    folder = tmp_path_factory.mktemp("pooled")
    pairs = load_pairs(save_clips(folder / "clips"))
    source = ModelSource(name="pooled", build=lambda: None, build_fingerprint="pooled", preprocessor={})
    with Decoder() as decoder:
        assay = Assay(source, pairs, Bench(Store(folder / "store"), decoder))
        assay._model = pooled_toy(LABELS)
        yield Circuit(assay)


def test_the_loop_is_the_module(circuit: Circuit) -> None:
    assay = circuit._assay
    pair = assay.chosen("outcome")[0]
    found = check_identities(assay.model(), assay.success(pair), assay.failure(pair))
    assert found.failures == ()
    pixels = assay.success(pair)[None]
    theirs = module(len(LABELS))(pixels)
    assert torch.allclose(run(assay.model(), pixels).logits, theirs, atol=1e-5)


@pytest.mark.parametrize("site", [attn_out(0), mlp_out(2), attn_out(LAYERS - 1)], ids=str)
def test_a_recovery_is_that_of_a_patched_forward(circuit: Circuit, site: object) -> None:
    """A hook puts the write of one clip into the module's forward of the other."""
    own, assay = module(len(LABELS)), circuit._assay
    block = own.blocks[site.layer]
    written = block.attn if site.kind == "attn_out" else block.mlp

    def summary(pixels: torch.Tensor, put: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        seen: list[torch.Tensor] = []

        def hook(_module: object, _inputs: object, out: torch.Tensor) -> torch.Tensor | None:
            seen.append(out)
            return put

        read: list[torch.Tensor] = []
        handles = [
            written.register_forward_hook(hook),
            own.classifier.register_forward_pre_hook(lambda _module, inputs: read.append(inputs[0])),
        ]
        own(pixels[None])
        for handle in handles:
            handle.remove()
        return read[0][0].double(), seen[0]

    measured = circuit.recovery(site)
    for pair, value in zip(measured.pairs, measured.values, strict=True):
        chosen = next(one for one in assay.chosen("outcome") if one.name == pair)
        donor, write = summary(assay.success(chosen))
        recipient, _ = summary(assay.failure(chosen))
        patched, _ = summary(assay.failure(chosen), write)
        D, d = donor - recipient, patched - recipient
        assert value == pytest.approx(float(d @ D / (D @ D)), abs=1e-4)


def test_the_attribution_sums_to_the_logit(circuit: Circuit) -> None:
    assert max(map(abs, circuit.attribution_gap().values)) < 1e-4


def test_no_token_is_inert_and_the_claims_of_inert_tokens_do_not_apply(circuit: Circuit) -> None:
    assert not circuit.facts.inert
    assert circuit.recovery(mlp_out(2), readout="tokens").flags == ()


@pytest.mark.parametrize("name", list(ASKED))
def test_every_question_ends_in_numbers_or_a_sentence(circuit: Circuit, name: str) -> None:
    ends_well(circuit, name)


@given(
    weights=st.lists(st.floats(0.01, 1.0), min_size=1, max_size=12),
    before=st.integers(0, 3),
    after=st.integers(0, 3),
)
def test_a_pool_is_the_weighted_mean_of_what_it_reads(weights: list[float], before: int, after: int) -> None:
    total = math.fsum(weights)
    shares = [*[0.0] * before, *(one / total for one in weights), *[0.0] * after]
    pool = Pool(torch.tensor(shares, dtype=torch.float64))
    generator = torch.Generator().manual_seed(0)
    stream = torch.randn(2, pool.n_tokens, 5, generator=generator, dtype=torch.float64)
    expected = torch.einsum("t,btd->bd", pool.weights, stream)
    assert torch.allclose(pool(stream), expected)
    assert torch.allclose(pool(pool.read(stream)), expected), "narrowed to the tokens that are read"
    assert pool.n_read == len(weights)
    assert pool.others == [*range(before), *range(before + len(weights), pool.n_tokens)]


def test_the_grid_is_not_square(circuit: Circuit) -> None:
    assert circuit._assay.model().token_grid == GRID == (4, 2, 4)
    assert circuit._assay.model().d_model == D_MODEL
