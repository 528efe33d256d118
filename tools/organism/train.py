"""Training of the embedded models: a 12-layer ViViT on rendered clips, on one thread, in minutes.

The plain organism learns the action only and is never told the outcome. The outcome organism is trained
further with a second head that reads success or failure off the final-norm CLS token; that head is thrown
away, so both are ordinary classifiers of actions. What made training work is said where it happens.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from math import cos, pi
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional
from transformers import VivitConfig, VivitForVideoClassification

from tools.organism.examples import IMAGE_SIZE, WINDOW, Examples, read_examples
from tools.organism.render import ACTIONS


def config() -> VivitConfig:
    """The embedded architecture: 8 x 4 x 4 tokens and CLS, width 96, 12 layers of 12 heads."""
    labels = list(ACTIONS)
    return VivitConfig(
        image_size=IMAGE_SIZE,
        num_frames=WINDOW,
        tubelet_size=[2, 16, 16],
        hidden_size=96,
        num_hidden_layers=12,
        num_attention_heads=12,
        intermediate_size=384,
        hidden_act="gelu_pytorch_tanh",
        id2label=dict(enumerate(labels)),
        label2id={label: i for i, label in enumerate(labels)},
    )


def _sin_cos(length: int, width: int) -> Tensor:
    """Sinusoidal code [length, width] of a position along one axis."""
    rates = 0.5 / 40.0 ** (torch.arange(width // 2) / (width // 2))
    angles = torch.arange(length)[:, None] * pi * rates
    return torch.cat([angles.sin(), angles.cos()], 1)


def fresh_model(seed: int) -> VivitForVideoClassification:
    """Random weights that train: std 1/sqrt(fan_in) (0.02 is far too small here), sin-cos positions."""
    torch.manual_seed(seed)
    model = VivitForVideoClassification(config())
    layers = model.config.num_hidden_layers
    with torch.no_grad():
        for name, module in model.named_modules():
            if isinstance(module, nn.Linear | nn.Conv3d):
                fan_in = module.weight[0].numel()
                deep = name.endswith(("o_proj", "fc2"))
                module.weight.normal_(0, fan_in**-0.5 * ((2 * layers) ** -0.5 if deep else 1.0))
                if module.bias is not None:
                    module.bias.zero_()
        embeddings = model.vivit.embeddings
        embeddings.cls_token.normal_(0, 0.5)
        t, h, w = (c.flatten() for c in torch.meshgrid(*map(torch.arange, (8, 4, 4)), indexing="ij"))
        code = torch.cat([_sin_cos(8, 32)[t], _sin_cos(4, 32)[h], _sin_cos(4, 32)[w]], 1)
        embeddings.position_embeddings[0, 1:] = 0.5 * code
        classifier = model.get_submodule("classifier")
        classifier.load_state_dict({k: 0.1 * v for k, v in classifier.state_dict().items()})
    return model


def states(model: VivitForVideoClassification, pixels: Tensor) -> tuple[Tensor, list[Tensor]]:
    """The final-norm tokens [clip, token, width] and the CLS token after the embedding and after each layer.

    The tubelet embedding is a reshape and a matrix product: the sum of Conv3d, far faster on a CPU.
    pixels: float32 [clip, frame, 3, 64, 64] in -1 to 1.
    """
    vivit = model.vivit
    projection = vivit.embeddings.patch_embeddings.projection
    dt, dh, dw = projection.kernel_size
    n, f, c, h, w = pixels.shape
    tubes = pixels.view(n, f // dt, dt, c, h // dh, dh, w // dw, dw).permute(0, 1, 4, 6, 3, 2, 5, 7)
    tokens = functional.linear(tubes.flatten(4).flatten(1, 3), projection.weight.flatten(1), projection.bias)
    resid = torch.cat([vivit.embeddings.cls_token.expand(n, -1, -1), tokens], 1)
    resid = resid + vivit.embeddings.position_embeddings
    trace = [resid[:, 0]]
    for layer in vivit.layers:
        resid = layer(resid)
        trace.append(resid[:, 0])
    return vivit.layernorm(resid), trace


LOGGED = ("loss", "accuracy", "outcome_loss", "outcome_accuracy", "outcome_mean", "outcome_place")


def normalise(pixels: Tensor) -> Tensor:
    """0 to 255 -> -1 to 1, as the saved preprocessor does it (rescale 1/127.5, offset)."""
    return pixels.float() / 127.5 - 1.0


@dataclass(frozen=True)
class Plan:
    """How one organism is trained."""

    name: str
    steps: int  # of the cosine
    lr: float
    seed: int
    outcome_weight: float = 0.0  # of the outcome heads on CLS and on the mean of the patch tokens
    aux_weight: float = 0.5  # of the action head on the mean of the patch tokens
    batch: int = 16
    start: Path | None = None  # folder of weights to go on from
    stop: int | None = None  # end here, before the cosine does


PLAIN = Plan("organism", steps=600, lr=1e-3, seed=1)
# In two stages, each with its own warm-up and cosine; the first goes on from the plain organism. The run
# of the committed weights broke off after the checkpoint of step 750, where the rate had all but faded.
OUTCOME_FIRST = Plan("organism-outcome-first", steps=700, lr=8e-4, seed=2, outcome_weight=1.0)
OUTCOME = Plan("organism-outcome", steps=800, stop=750, lr=8e-4, seed=3, outcome_weight=1.0)


def load_examples(folder: Path) -> Examples:
    """All files of a folder in one."""
    parts = [read_examples(p) for p in sorted(folder.glob("*.npy")) if ".part" not in p.name]
    return Examples(
        np.concatenate([p.pixels for p in parts]),
        np.concatenate([p.label for p in parts]),
        np.concatenate([p.success for p in parts]),
    )


def held_out_score(model: VivitForVideoClassification, examples: Examples, batch: int = 64) -> float:
    """Share of clips whose label is right."""
    right = 0
    with torch.no_grad():
        for i in range(0, len(examples), batch):
            pixels = normalise(torch.from_numpy(examples.pixels[i : i + batch]))
            logits = model.classifier(states(model, pixels)[0][:, 0])
            right += int((logits.argmax(1).numpy() == examples.label[i : i + batch]).sum())
    return right / len(examples)


def shuffled(rng: np.random.Generator, clips: int, pairs: bool) -> NDArray[np.int64]:
    """An order of the clips; with `pairs`, both outcomes of a scene follow one another.

    In a batch of pairs all that two clips share cancels in the outcome's gradient, which leaves the outcome.
    """
    if not pairs:
        return rng.permutation(clips)
    return (2 * rng.permutation(clips // 2)[:, None] + np.arange(2)).ravel()


def train(plan: Plan, data: Path, out: Path) -> dict[str, object]:
    """Train to the plan on `data/train`, watch `data/held`, save to `out`; the log of it as plain data."""
    torch.set_num_threads(1)
    model = fresh_model(plan.seed)
    if plan.start is not None:
        model.load_state_dict({k: v.float() for k, v in load_file(plan.start / "model.safetensors").items()})
    torch.manual_seed(plan.seed + 1000)
    rng = np.random.default_rng(plan.seed)
    examples, held = load_examples(data / "train"), load_examples(data / "held")
    width, n_labels = model.config.hidden_size, len(ACTIONS)
    # All these heads are thrown away. "action" and "outcome" read the mean of the patch tokens, and
    # "outcome_place" their mean over time at each of the 16 places, where one linear map tells the outcome
    # even from pixels: without it the outcome stayed at chance for hundreds of steps.
    heads = nn.ModuleDict({name: nn.Linear(width, n_labels) for name in ("action", "outcome", "outcome_cls")})
    heads["outcome_place"] = nn.Linear(16 * width, n_labels)
    parameters = [*model.parameters(), *heads.parameters()]
    groups = [
        {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": 0.05},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=plan.lr, betas=(0.9, 0.98))
    log: list[dict[str, float]] = []
    began, order = time.time(), np.empty(0, np.int64)
    sums = np.zeros(6)
    last = plan.stop or plan.steps
    for step in range(last):
        warm = min(1.0, (step + 1) / 50)
        for group in optimizer.param_groups:
            group["lr"] = plan.lr * warm * (0.5 + 0.5 * cos(pi * step / plan.steps) + 0.01)
        if len(order) < plan.batch:
            order = shuffled(rng, len(examples), pairs=plan.outcome_weight > 0)
        chosen, order = order[: plan.batch], order[plan.batch :]
        pixels = torch.from_numpy(examples.pixels[chosen]).float()
        gain = torch.from_numpy(rng.uniform(0.85, 1.15, (plan.batch, 1, 1, 1, 1)).astype(np.float32))
        pixels = normalise((pixels * gain).clamp(0, 255))
        label, success = torch.from_numpy(examples.label[chosen]), torch.from_numpy(examples.success[chosen])
        tokens, _ = states(model, pixels)
        logits = model.classifier(tokens[:, 0])
        loss = action = functional.cross_entropy(logits, label, label_smoothing=0.02)
        pooled, cls = tokens[:, 1:].mean(1), tokens[:, 0]
        loss = loss + plan.aux_weight * functional.cross_entropy(heads["action"](pooled), label)
        told = heads["outcome_cls"](cls).gather(1, label[:, None])[:, 0]
        outcome_loss = functional.binary_cross_entropy_with_logits(told, success.float())
        hints = [told.detach(), told.detach()]
        if plan.outcome_weight:
            places = 0.1 * tokens[:, 1:].view(plan.batch, 8, 16, width).mean(1).flatten(1)
            hints = [heads["outcome"](pooled), heads["outcome_place"](places)]
            hints = [hint.gather(1, label[:, None])[:, 0] for hint in hints]
            losses = [functional.binary_cross_entropy_with_logits(hint, success.float()) for hint in hints]
            loss = loss + plan.outcome_weight * (outcome_loss + losses[0] + losses[1])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        hit = ((told > 0).long() == success).float().mean()
        sums[4:] += [float(((hint > 0).long() == success).float().mean()) for hint in hints]
        sums[:4] += [
            float(action.detach()),
            float((logits.argmax(1) == label).float().mean()),
            float(outcome_loss.detach()),
            float(hit),
        ]
        if (step + 1) % 50 == 0:
            row = dict(zip(LOGGED, (sums / 50).round(4).tolist(), strict=True))
            row |= {"step": step + 1, "seconds": round(time.time() - began, 1)}
            sums[:] = 0
            if (step + 1) % 250 == 0 or step + 1 == last:
                row["held_out"] = held_out_score(model, held)
                save(model, out, {"log": log})
            log.append(row)
            print(json.dumps(row), flush=True)
    note: dict[str, object] = {"seconds": round(time.time() - began), "clips": len(examples), "log": log}
    save(model, out, note)
    return note


def save(model: VivitForVideoClassification, out: Path, note: dict[str, object]) -> None:
    """Weights as fp16 safetensors, the configuration, the preprocessor, and the log of the training."""
    out.mkdir(parents=True, exist_ok=True)
    weights = {k: v.detach().half().contiguous() for k, v in model.state_dict().items()}
    save_file(weights, out / "model.safetensors", metadata={"format": "pt"})
    stored = model.config.to_dict()
    stored |= {"architectures": ["VivitForVideoClassification"], "dtype": "float16"}
    (out / "config.json").write_text(json.dumps(stored, indent=2, sort_keys=True) + "\n")
    (out / "preprocessor_config.json").write_text(json.dumps(PREPROCESSOR, indent=2, sort_keys=True) + "\n")
    (out / "training.json").write_text(json.dumps(note, indent=1) + "\n")


# What VivitImageProcessor writes. resample 2 is bilinear, which Pillow antialiases; the exact function of the
# project is torch's interpolate(mode="bilinear", antialias=True, align_corners=False) on float pixels.
PREPROCESSOR: dict[str, object] = {
    "image_processor_type": "VivitImageProcessor",
    "do_resize": True,
    "size": {"height": IMAGE_SIZE, "width": IMAGE_SIZE},
    "resample": 2,
    "do_center_crop": False,
    "crop_size": {"height": IMAGE_SIZE, "width": IMAGE_SIZE},
    "do_rescale": True,
    "rescale_factor": 1 / 127.5,
    "offset": True,
    "do_normalize": False,
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5],
}
