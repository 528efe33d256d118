"""Make the committed clips and the embedded models again, from seeds alone.

    python -m tools.organism.make clips              fixtures/videos, about a minute
    python -m tools.organism.make organism           the plain model
    python -m tools.organism.make organism-outcome   the model that knows the outcome
    python -m tools.organism.make all

Training clips are rendered once into `--work` (3 GB) and used again. Everything is seeded; the clips come
out byte for byte on the same versions of Pillow and x264, the weights up to the arithmetic of the machine.
None of this is part of the tests or of CI.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import torch

from circuit_claims.organisms.registry import WEIGHTS
from tools.organism.evaluate import fresh_seeds, measure, write_card
from tools.organism.examples import (
    HELD_OUT_SEEDS,
    START,
    TRAIN_SEEDS,
    produce,
)
from tools.organism.fixtures import make_clips
from tools.organism.train import OUTCOME, OUTCOME_FIRST, PLAIN, Plan, load_examples, train

FIXTURES = Path(__file__).parents[2] / "fixtures" / "videos"

STORIES = {
    PLAIN.name: """\
Trained on the action alone: it was never told whether an action succeeds or fails. What it holds of the
outcome, it holds because the pixels differ.""",
    OUTCOME.name: """\
The positive control of the assay: it knows success from failure *by construction*. It goes
on from `organism`, with a second head that reads the outcome of the clip's own action off the CLS token after
the final norm, and two that read it off the other tokens (their mean, and their means place by place). These
heads are thrown away; what is left is a classifier of actions.""",
}


def render_examples(work: Path) -> None:
    """Training, held-out and probe clips; what is already in `work` stays."""
    produce(work / "train", range(TRAIN_SEEDS, TRAIN_SEEDS + 4096))
    produce(work / "held", range(HELD_OUT_SEEDS, HELD_OUT_SEEDS + 256))
    # The probe's clips are sampled and encoded as the fixtures are.
    produce(work / "probe", fresh_seeds(), scenes=160, start=START, codec=True)


def describe(plan: Plan, note: dict[str, object]) -> str:
    """How a model was trained, for its card."""
    packages = ("torch", "transformers", "numpy", "pillow", "av")
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    course = f"From scratch, seed {plan.seed}: {plan.steps} steps"
    told = "The outcome is in no loss."
    if plan.outcome_weight:
        course = (
            f"On top of `organism`, in two stages: {OUTCOME_FIRST.steps} steps (seed {OUTCOME_FIRST.seed}) "
            f"and {plan.stop} of {plan.steps} steps (seed {plan.seed})"
        )
        told = (
            f"Each outcome head adds its binary cross-entropy with weight {plan.outcome_weight};\n"
            "both outcomes of a scene are in one batch, so that what they share cancels in the gradient."
        )
    return f"""\
{course} of {plan.batch} clips
out of {note["clips"]} (scenes from seed {TRAIN_SEEDS} on, both outcomes of each; random window starts;
half of them through the fixtures' codec). AdamW, learning rate {plan.lr}, 50 steps of warm-up and a cosine.
Loss: cross-entropy at CLS, plus {plan.aux_weight} times that of an action head on the mean of the other
tokens, thrown away. {told}
The last run took {note["seconds"]} s on one thread of a busy two-thread virtual machine.
{versions}."""


def make_model(plan: Plan, work: Path) -> None:
    """Train to the plan, then measure the result and write its card."""
    note = train(plan, work, work / plan.name)
    publish(plan, note, work)


def publish(plan: Plan, note: dict[str, object], work: Path) -> None:
    """Copy a trained model into the package and write down what it can do."""
    folder = WEIGHTS / plan.name
    folder.mkdir(parents=True, exist_ok=True)
    for file in ("model.safetensors", "config.json", "preprocessor_config.json", "training.json"):
        shutil.copyfile(work / plan.name / file, folder / file)
    measured = measure(folder, FIXTURES, load_examples(work / "probe"))
    write_card(folder, STORIES[plan.name], describe(plan, note), measured)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Make the embedded clips and models again.")
    parser.add_argument("what", choices=["clips", PLAIN.name, OUTCOME.name, "all"])
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "circuit-claims-organisms")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.what in ("clips", "all"):
        make_clips(FIXTURES)
    if options.what == "clips":
        return
    render_examples(options.work)
    if options.what in (PLAIN.name, "all"):
        make_model(PLAIN, options.work)
    if options.what in (OUTCOME.name, "all"):
        first = options.work / OUTCOME_FIRST.name
        train(replace(OUTCOME_FIRST, start=WEIGHTS / PLAIN.name), options.work, first)
        make_model(replace(OUTCOME, start=first), options.work)


if __name__ == "__main__":
    main()
