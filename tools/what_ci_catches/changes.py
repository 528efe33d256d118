"""Changes of the embedded model, from gross to none, each a folder as `save_pretrained` writes one.

Which of them CI catches is measured by `benchmarks/what_ci_catches.py`.
"""

from __future__ import annotations

import json
import re
import shutil
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from circuit_claims.models.checkpoint import CONFIG, PREPROCESSOR, read_json
from circuit_claims.organisms.edits import silence_from
from circuit_claims.organisms.registry import WEIGHTS, beside

if TYPE_CHECKING:
    from torch import Tensor

    from circuit_claims.clips.pairs import PairSet
    from circuit_claims.models.residual import ResidualModel

BASE = "organism"
Weights = Callable[[Any], None]


@dataclass(frozen=True)
class Change:
    """A change of the embedded model, or of how it is read."""

    name: str
    words: str
    weights: Weights | None = None
    """Changes the Hugging Face model in place."""
    config: Mapping[str, Any] | None = None
    preprocessor: Mapping[str, Any] | None = None
    stride: int | None = None
    """Of the manifest's sampling, in place of its own."""
    shard: str = "5GB"


def record_of_base() -> Path:
    """The record that every change is held against."""
    return beside("claims") / "recorded" / f"{BASE}.toml"


def best_mlp() -> int:
    """The layer whose MLP recovers most, as recorded."""
    recorded = tomllib.loads(record_of_base().read_text(encoding="utf-8"))
    parts = recorded["claims"]["mlp-sufficient-100/means"]["parts"]
    recovered = {int(part.removeprefix("layer=")): entry["estimate"] for part, entry in parts.items()}
    return max(recovered, key=lambda layer: recovered[layer])


def scale_mlp(hf_model: Any, by: float, layers: Sequence[int] | None = None) -> None:
    """Let the MLPs (of some layers) write so many times what they wrote."""
    for layer in range(len(hf_model.vivit.layers)) if layers is None else layers:
        last = hf_model.vivit.layers[layer].mlp.fc2
        last.weight.data.mul_(by)
        last.bias.data.mul_(by)


def halve_best_mlp(hf_model: Any) -> None:
    """Halve what the MLP of highest recovery writes."""
    scale_mlp(hf_model, 0.5, [best_mlp()])


def swap(hf_model: Any, first: int, second: int) -> None:
    """Two blocks change places."""
    layers = hf_model.vivit.layers
    layers[first], layers[second] = layers[second], layers[first]


def shuffle_positions(hf_model: Any) -> None:
    """The patch tokens' position embeddings in another order."""
    import torch

    embedded = hf_model.vivit.embeddings.position_embeddings
    order = torch.randperm(embedded.shape[1] - 1, generator=torch.Generator().manual_seed(0))
    embedded.data[:, 1:] = embedded.data[:, 1:][:, order].clone()


def add_noise(hf_model: Any, share: float) -> None:
    """Gaussian noise on every weight, of so large a share of its tensor's spread."""
    import torch

    generator = torch.Generator().manual_seed(0)
    for parameter in hf_model.parameters():
        spread = parameter.data.std() if parameter.numel() > 1 else parameter.data.abs().mean()
        parameter.data.add_(torch.randn(parameter.shape, generator=generator) * spread * share)


def silence_head(hf_model: Any, layer: int, head: int) -> None:
    """One head writes nothing."""
    attention = hf_model.vivit.layers[layer].attention
    width = attention.o_proj.weight.shape[1] // hf_model.config.num_attention_heads
    attention.o_proj.weight.data[:, head * width : (head + 1) * width] = 0.0


def quantise(hf_model: Any, bits: int) -> None:
    """Matrices rounded to so many bits, symmetrically, with one scale for each output."""
    steps = 2 ** (bits - 1) - 1
    for name, parameter in hf_model.named_parameters():
        if parameter.ndim == 2 and "position" not in name:
            scale = parameter.data.abs().amax(dim=1, keepdim=True).clamp(min=1e-12) / steps
            parameter.data = (parameter.data / scale).round().clamp(-steps, steps) * scale


def store_in(hf_model: Any, kind: str) -> None:
    """Weights as they come back from another floating-point format."""
    import torch

    for parameter in hf_model.parameters():
        parameter.data = parameter.data.to(getattr(torch, kind)).float()


def labelled(model: ResidualModel, pairs: PairSet) -> Iterator[tuple[Tensor, int]]:
    """The pixels of each clip of the outcome pairs, and its label's index."""
    from circuit_claims.clips.decode import Decoder
    from circuit_claims.clips.pairs import PairKind

    with Decoder() as decoder:
        for pair in pairs.of(PairKind.OUTCOME):
            for clip in (pair.positive, pair.negative):
                window = pairs.sampling_of(pair, clip).indices(decoder.timeline(clip.path))
                yield (
                    model.preprocess(decoder.decode(clip.path, window).frames),
                    model.labels.index(pair.label),
                )


def fine_tune(hf_model: Any, steps: int = 50) -> None:
    """Some steps of AdamW on the labels of the fixtures' own clips."""
    import torch

    from circuit_claims.clips.pairs import load_pairs
    from circuit_claims.models.load import load
    from circuit_claims.organisms.registry import pairs_of, resolve

    source = resolve(BASE)
    pixels, labels = zip(*labelled(load(source), load_pairs(pairs_of(source))), strict=True)
    optimizer = torch.optim.AdamW(hf_model.parameters(), lr=1e-4)
    generator = torch.Generator().manual_seed(0)
    hf_model.requires_grad_(True)
    for _ in range(steps):
        drawn = torch.randint(len(pixels), (8,), generator=generator).tolist()
        batch = torch.stack([pixels[i] for i in drawn])
        target = torch.tensor([labels[i] for i in drawn])
        loss = torch.nn.functional.cross_entropy(hf_model(pixel_values=batch).logits, target)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    hf_model.requires_grad_(False)


GROSS: tuple[Change, ...] = (
    Change("attn-zero-from-4", "attention writes nothing from layer 4", lambda m: silence_from(m, None, 4, attn=True)),  # type: ignore[arg-type]  # noqa: E501
    Change("mlp-zero-from-4", "MLPs write nothing from layer 4", lambda m: silence_from(m, None, 4, mlp=True)),  # type: ignore[arg-type]  # noqa: E501
    Change("best-mlp-halved", "the MLP of highest recovery halved", halve_best_mlp),
    Change("layers-swapped", "blocks 1 and 9 change places", partial(swap, first=1, second=9)),
    Change("wrong-normalisation", "pixels from 0 to 1 in place of -1 to 1",
           preprocessor={"rescale_factor": 1 / 255, "offset": False}),
    Change("other-stride", "every frame in place of every second", stride=1),
    Change("positions-shuffled", "position embeddings shuffled", shuffle_positions),
    Change("noise-10", "10 % noise on all weights", partial(add_noise, share=0.1)),
)  # fmt: skip
"""Each must be caught."""

FINE: tuple[Change, ...] = (
    *(
        Change(f"head-{layer}-{head}-zero", f"head {head} of layer {layer} writes nothing",
               partial(silence_head, layer=layer, head=head))
        for layer, head in ((0, 0), (3, 5), (9, 8), (10, 8))
    ),
    *(
        Change(f"mlp-times-{round(100 * by)}", f"all MLPs times {by}", partial(scale_mlp, by=by))
        for by in (0.9, 0.95, 0.98, 0.99)
    ),
    Change("int8", "matrices rounded to 8 bits", partial(quantise, bits=8)),
    Change("int4", "matrices rounded to 4 bits", partial(quantise, bits=4)),
    Change("fine-tuned", "50 steps of fine-tuning on the labels", fine_tune),
    Change("exact-gelu", "exact in place of tanh GELU", config={"hidden_act": "gelu"}),
    Change("float16", "stored in float16, as it is", partial(store_in, kind="float16")),
    Change("bfloat16", "stored in bfloat16", partial(store_in, kind="bfloat16")),
    *(
        Change(f"noise-{str(share).replace('.', '-')}", f"{share:g} % noise on all weights",
               partial(add_noise, share=share / 100))
        for share in (3, 1, 0.3, 0.1)
    ),
)  # fmt: skip
"""Each is measured, and may be caught or not."""

AGAIN = Change("saved-again", "the same weights saved again, in shards", shard="200KB")
"""No change: the same numbers in other files."""


def write(change: Change, folder: Path) -> Path:
    """The changed model as a folder that `--circuit-model` takes."""
    import torch
    from transformers import AutoConfig, VivitForVideoClassification

    torch.set_num_threads(1)
    base = WEIGHTS / BASE
    config = AutoConfig.from_pretrained(base, **(change.config or {}))
    model = VivitForVideoClassification.from_pretrained(
        base, config=config, dtype=torch.float32, local_files_only=True
    )
    model.eval()  # type: ignore[no-untyped-call]
    if change.weights is not None:
        change.weights(model)
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder, max_shard_size=change.shard)
    settings = {**(read_json(BASE, base / PREPROCESSOR) or {}), **(change.preprocessor or {})}
    (folder / PREPROCESSOR).write_text(json.dumps(settings, indent=2), encoding="utf-8")
    assert (folder / CONFIG).exists()
    return folder


def manifest(change: Change, folder: Path) -> Path | None:
    """A manifest of the same clips, sampled otherwise; None where sampling is not changed."""
    if change.stride is None:
        return None
    clips = beside("fixtures") / "videos"
    folder.mkdir(parents=True, exist_ok=True)
    for file in clips.iterdir():
        link = folder / file.name
        if file.name != "pairs.toml" and not link.exists():
            link.symlink_to(file)
    text = (clips / "pairs.toml").read_text(encoding="utf-8")
    changed = re.sub(r"(?m)^stride = \d+$", f"stride = {change.stride}", text, count=1)
    assert changed != text
    (folder / "pairs.toml").write_text(changed, encoding="utf-8")
    return folder / "pairs.toml"
