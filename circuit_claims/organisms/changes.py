"""What CI has to catch, and what it must not cry about: changes of the embedded model, from gross to none.

    python -m circuit_claims.organisms.changes build/changes docs/what-ci-catches.md

Each change is a folder as `save_pretrained` writes one, judged on the core claims with all pairs against the
record of `organism`. A run that is there is not repeated. The page says which claims notice, and by how much.
Exit status 1 where a change that must be caught is not, or a harmless one raises an alarm.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from circuit_claims.models.checkpoint import CONFIG, PREPROCESSOR, read_json
from circuit_claims.organisms.edits import silence_from
from circuit_claims.organisms.registry import beside

BASE = "organism"
Group = Literal["must be caught", "measured", "harmless"]
CORE = ("claims/test_0_calibration.py", "claims/test_1_setting.py", "claims/test_2_amplification.py",
        "claims/test_3_division_of_labour.py")  # fmt: skip
AND_ATTENTION = (*CORE, "claims/test_7_attention.py")
"""The embedded model hardly heeds positions: recoveries and growth stay as they are without them."""
Weights = Callable[[Any], None]


@dataclass(frozen=True)
class Change:
    """A change of the embedded model, of how it is read, or of how it is judged."""

    name: str
    group: Group
    words: str
    weights: Weights | None = None
    """Changes the Hugging Face model in place."""
    config: Mapping[str, Any] | None = None
    preprocessor: Mapping[str, Any] | None = None
    stride: int | None = None
    """Of the manifest's sampling, in place of its own."""
    options: tuple[str, ...] = ()
    files: Sequence[str] = CORE
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


def fine_tune(hf_model: Any, steps: int = 50) -> None:
    """Some steps of AdamW on the labels of the fixtures' own clips."""
    import torch

    from circuit_claims.clips.decode import Decoder
    from circuit_claims.clips.pairs import PairKind, load_pairs
    from circuit_claims.models.load import load
    from circuit_claims.organisms.registry import pairs_of, resolve

    source = resolve(BASE)
    model, pairs = load(source), load_pairs(pairs_of(source))
    pixels, labels = [], []
    with Decoder() as decoder:
        for pair in pairs.of(PairKind.OUTCOME):
            for clip in (pair.positive, pair.negative):
                frames = decoder.decode(clip.path).frames
                pixels.append(model.preprocess(frames[list(pairs.sampling.indices(len(frames)))]))
                labels.append(model.labels.index(pair.label))
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


def _unchanged(_: Any) -> None:
    """The same weights, saved again."""


MUST: Group = "must be caught"
CHANGES: tuple[Change, ...] = (
    Change("attn-zero-from-4", MUST, "attention writes nothing from layer 4", lambda m: silence_from(m, None, 4, attn=True)),  # type: ignore[arg-type]  # noqa: E501
    Change("mlp-zero-from-4", MUST, "MLPs write nothing from layer 4", lambda m: silence_from(m, None, 4, mlp=True)),  # type: ignore[arg-type]  # noqa: E501
    Change("best-mlp-halved", MUST, "the MLP of highest recovery halved", halve_best_mlp),
    Change("layers-swapped", MUST, "blocks 1 and 9 change places", partial(swap, first=1, second=9)),
    Change("wrong-normalisation", MUST, "pixels from 0 to 1 in place of -1 to 1",
           preprocessor={"rescale_factor": 1 / 255, "offset": False}),
    Change("other-stride", MUST, "every frame in place of every second", stride=1),
    Change("positions-shuffled", MUST, "position embeddings shuffled", shuffle_positions,
           files=AND_ATTENTION),
    Change("noise-10", MUST, "10 % noise on all weights", partial(add_noise, share=0.1),
           files=AND_ATTENTION),
    *(
        Change(f"head-{layer}-{head}-zero", "measured", f"head {head} of layer {layer} writes nothing",
               partial(silence_head, layer=layer, head=head))
        for layer, head in ((0, 0), (3, 5), (9, 8), (10, 8))
    ),
    *(
        Change(f"mlp-times-{round(100 * by)}", "measured", f"all MLPs times {by}", partial(scale_mlp, by=by))
        for by in (0.9, 0.95, 0.98, 0.99)
    ),
    Change("int8", "measured", "matrices rounded to 8 bits", partial(quantise, bits=8)),
    Change("int4", "measured", "matrices rounded to 4 bits", partial(quantise, bits=4)),
    Change("fine-tuned", "measured", "50 steps of fine-tuning on the labels", fine_tune),
    Change("exact-gelu", "measured", "exact in place of tanh GELU", config={"hidden_act": "gelu"}),
    Change("float16", "measured", "stored in float16, as it is", partial(store_in, kind="float16")),
    Change("bfloat16", "measured", "stored in bfloat16", partial(store_in, kind="bfloat16")),
    *(
        Change(f"noise-{str(share).replace('.', '-')}", "measured", f"{share:g} % noise on all weights",
               partial(add_noise, share=share / 100))
        for share in (3, 1, 0.3, 0.1)
    ),
    Change("saved-again", "harmless", "the same weights saved again, in shards", _unchanged, shard="200KB"),
    Change("two-threads", "harmless", "two threads", _unchanged, options=("--circuit-threads", "2")),
    Change("other-order", "harmless", "the tests in another order", _unchanged, files=CORE[::-1]),
)  # fmt: skip


def write(change: Change, folder: Path) -> Path:
    """The changed model as a folder that `--circuit-model` takes."""
    import torch
    from transformers import AutoConfig, VivitForVideoClassification

    torch.set_num_threads(1)
    base = Path(__file__).parent / "weights" / BASE
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


def manifest(change: Change, folder: Path) -> list[str]:
    """The option for a manifest of the same clips, sampled otherwise; empty where sampling is not changed."""
    if change.stride is None:
        return []
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
    return ["--circuit-pairs", str(folder / "pairs.toml")]


def judge(change: Change, folder: Path, *words: str, record: Path | None = None) -> dict[str, Any]:
    """The report of a change held against the record; measured unless it is there."""
    here = (folder / change.name).resolve()
    report = here / "reports" / "latest.json"
    if not report.exists():
        model = write(change, here / BASE)
        command = [
            *(sys.executable, "-m", "pytest", *change.files, "-q", "--tb=no", "-p", "no:cacheprovider"),
            *("--circuit-model", str(model), "--circuit-record", str(record or record_of_base())),
            *("--circuit-cache", str(here.parent / "store"), "--circuit-report-dir", str(report.parent)),
            *(*manifest(change, here / "clips"), *change.options, *words),
        ]
        done = subprocess.run(
            command, cwd=beside("claims").parent, check=False, capture_output=True, text=True
        )
        if not report.exists():
            raise RuntimeError(f"{change.name}: {done.stderr.strip() or done.stdout.strip()}"[-2000:])
    loaded: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    return loaded


@dataclass(frozen=True)
class Alarm:
    """A claim that is not as recorded."""

    key: str
    drift: str
    sentence: str


def alarms(report: Mapping[str, Any]) -> Iterator[Alarm]:
    """The claims on the model that fail a run: flipped first, then moved, parts with their claim."""
    for drift in ("flipped", "moved"):
        for entry in report["claims"]:
            said = [entry["record"], *(part["record"] for part in entry["parts"])]
            drifts = [one["drift"] for one in said]
            worst = "flipped" if "flipped" in drifts else "moved" if "moved" in drifts else ""
            if entry["model"] and worst == drift:
                one = next(one for one in said if one["drift"] == drift)
                yield Alarm(entry["key"], drift, one["sentence"])


def page(found: Sequence[tuple[Change, Sequence[Alarm], int]]) -> str:
    """The table of changes, and the smallest change that each claim noticed."""
    lines = [
        "# What CI catches\n",
        "Changes of the embedded model, judged on the core claims (`claims/test_0` to `3`) with all pairs "
        "against `claims/recorded/organism.toml`, by `make what-ci-catches`. An alarm is a verdict that "
        "flipped or an estimate that left its tolerance: either fails the run.\n",
        "| change | group | alarms | flipped | one of them |",
        "| --- | --- | --- | --- | --- |",
    ]
    for change, seen, judged in found:
        flipped = sum(alarm.drift == "flipped" for alarm in seen)
        first = f"`{seen[0].key}`: {seen[0].sentence}" if seen else "none"
        lines.append(f"| {change.words} | {change.group} | {len(seen)} of {judged} | {flipped} | {first} |")
    noticed: dict[str, list[str]] = {}
    for change, seen, _ in found:
        for alarm in seen:
            noticed.setdefault(alarm.key, []).append(change.words)
    lines += ["\n## By claim\n", "| claim | changes noticed |", "| --- | --- |"]
    lines += [f"| `{key}` | {len(which)}: {'; '.join(which)} |" for key, which in sorted(noticed.items())]
    return "\n".join(lines) + "\n"


def main(words: Sequence[str]) -> int:
    """Judge every change and write the page."""
    folder, target, *names = words
    found = []
    for change in CHANGES:
        if names and change.name not in names:
            continue
        report = judge(change, Path(folder))
        on_model = [entry for entry in report["claims"] if entry["model"]]
        seen = list(alarms(report))
        print(
            f"{change.name}: {len(seen)} of {len(on_model)}", *(alarm.key for alarm in seen[:3]), flush=True
        )
        found.append((change, seen, len(on_model)))
    Path(target).write_text(page(found), encoding="utf-8")
    wrong = [change.name for change, seen, _ in found if (change.group == MUST) > bool(seen)]
    wrong += [change.name for change, seen, _ in found if change.group == "harmless" and seen]
    for name in wrong:
        print(f"{name}: not as it has to be")
    return 1 if wrong else 0


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.exit(main(sys.argv[1:]))
