"""A table of parts becomes the weights of a `VivitForVideoClassification`. Nothing is trained or drawn.

The model is Hugging Face's own, 12 layers of 12 heads; every weight that no part asks for is 0. Building it
takes a fraction of a second, so nothing is kept on disk.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from circuit_claims.organisms.planted.parts import (
    CELLS,
    FEATURES,
    SCALE,
    TIMES,
    TOKEN_GRID,
    Gate,
    Head,
    Linear,
    Part,
)

LAYERS, HEADS, D_MODEL, NEURONS = 12, 12, 96, 16
CONST = 100.0
"""Size of the feature `const`: LN(x) = x CONST / |x|, which is x within 0.1 %."""
SHARP = 32.0
"""Steepness of a gate's two neurons, per unit of z."""
LOOK = 30.0
"""Attention logit of `rest`; a tag has twice as much, so the softmax puts e^-30 elsewhere."""
LABEL_GAIN = 40.0
"""Of the classifier, per unit of a lamp."""


def build(parts: Iterable[Part], start: Mapping[str, float], labels: tuple[str, ...]) -> Any:
    """Write the parts into a new model, in eval mode and float32.

    `start` is what the CLS token holds before the first layer. The labels are the four states of the lamps
    `l0` and `l1`: neither, the second, the first, both. Raises ValueError when a layer has no room left.
    """
    from transformers import VivitConfig, VivitForVideoClassification

    config = VivitConfig(
        image_size=64,
        num_frames=16,
        tubelet_size=[2, 16, 16],
        hidden_size=D_MODEL,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        intermediate_size=NEURONS,
        hidden_act="gelu_pytorch_tanh",
        layer_norm_eps=1e-6,
        qkv_bias=True,
        id2label=dict(enumerate(labels)),
        label2id={label: index for index, label in enumerate(labels)},
    )
    with torch.random.fork_rng(devices=[]):
        model: Any = VivitForVideoClassification(config)
    for parameter in model.parameters():
        torch.nn.init.zeros_(parameter)
    with torch.no_grad():
        _embeddings(model.vivit.embeddings, start)
        for layer, block in enumerate(model.vivit.layers):
            here = [part for part in parts if part.layer == layer]
            block.layernorm_before.weight.fill_(CONST / math.sqrt(D_MODEL))
            block.layernorm_after.weight.fill_(CONST / math.sqrt(D_MODEL))
            _attention(layer, block.attention, [part for part in here if isinstance(part, Head)])
            _mlp(layer, block.mlp, [part for part in here if not isinstance(part, Head)])
        model.vivit.layernorm.weight.fill_(CONST / math.sqrt(D_MODEL))
        for row, (first, second) in enumerate(((-1, -1), (-1, 1), (1, -1), (1, 1))):
            model.classifier.weight[row] = LABEL_GAIN * (first * _u("l0") + second * _u("l1"))
    return model.eval()


def _u(feature: str) -> Tensor:
    """The direction of a feature, `[d_model]`, of norm 1 and mean 0."""
    index = FEATURES.index(feature)
    direction = torch.zeros(D_MODEL, dtype=torch.float64)
    direction[2 * index], direction[2 * index + 1] = math.sqrt(0.5), -math.sqrt(0.5)
    return direction


def _embeddings(embeddings: Any, start: Mapping[str, float]) -> None:
    """Brightness and colour of each tubelet, its tags, and what the CLS token starts with."""
    frames, height, width = 2, 16, 16
    pixels = frames * height * width
    kernel = embeddings.patch_embeddings.projection.weight  # [d_model, rgb, frame, height, width]
    for feature, rgb in (("lum", (1 / 3, 1 / 3, 1 / 3)), ("chrom", (0.5, 0.0, -0.5))):
        for channel, weight in enumerate(rgb):
            kernel[:, channel] += (SCALE * weight / pixels * _u(feature))[:, None, None, None]
    places = embeddings.position_embeddings[0]  # [token, d_model]
    places += CONST * _u("const")
    places[0] += _u("cls") + sum((value * _u(feature) for feature, value in start.items()), torch.zeros(()))
    _, rows, columns = TOKEN_GRID
    for tag, cells in CELLS.items():
        for t in TIMES[tag]:
            for row, column in cells:
                places[1 + (t * rows + row) * columns + column] += _u(tag)


def _attention(layer: int, attention: Any, heads: list[Head]) -> None:
    """Head by head: q k^T / sqrt(d_head) is 2 LOOK from CLS to `at`, LOOK from every token to `rest`."""
    if len(heads) > HEADS:
        raise ValueError(f"attention {layer} has {HEADS} heads, and the circuit asks for {len(heads)}")
    d_head = D_MODEL // HEADS
    by_tag = math.sqrt(2 * LOOK * math.sqrt(d_head))
    by_rest = math.sqrt(LOOK * math.sqrt(d_head))
    free = iter(sorted(set(range(HEADS)) - {head.index for head in heads}))
    for head in heads:
        first = d_head * (next(free) if head.index is None else head.index)
        attention.q_proj.weight[first] = by_tag * _u("cls")
        attention.k_proj.weight[first] = head.glance * by_tag * _u(head.at)
        attention.q_proj.bias[first + 1] = by_rest
        attention.k_proj.weight[first + 1] = by_rest * _u(head.rest)
        attention.v_proj.weight[first] = _u(head.source)
        attention.o_proj.weight[:, first] = head.gain * _u(head.target)


def _mlp(layer: int, mlp: Any, parts: list[Linear | Gate]) -> None:
    neurons = [neuron for part in parts for neuron in _neurons(part)]
    if len(neurons) > NEURONS:
        raise ValueError(f"MLP {layer} has {NEURONS} neurons, and the circuit asks for {len(neurons)}")
    for index, (reads, bias, writes) in enumerate(neurons):
        mlp.fc1.weight[index] = reads
        mlp.fc1.bias[index] = bias
        mlp.fc2.weight[:, index] = writes


def _neurons(part: Linear | Gate) -> list[tuple[Tensor, float, Tensor]]:
    """What each neuron reads `[d_model]`, its bias, and what it writes `[d_model]`."""
    if isinstance(part, Linear):
        return [(sign * _u(part.source), 0.0, sign * part.gain * _u(part.target)) for sign in (1.0, -1.0)]
    reads = SHARP * sum((c * _u(feature) for feature, c in part.inputs), torch.zeros(D_MODEL))
    writes = part.height / (2 * part.half_width * SHARP) * _u(part.target)
    return [
        (reads, SHARP * (-part.threshold + sign * part.half_width), sign * writes) for sign in (1.0, -1.0)
    ]
