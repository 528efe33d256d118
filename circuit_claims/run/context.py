"""What a run rests on: its models and pairs, their records, and what is noted of both.

Found before any weights load; what a model turns out to be is added when it has been measured. Reports,
records and the terminal's header say it in the same words.
"""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from circuit_claims.judge.counted import counted
from circuit_claims.judge.drift import Guard, Held, Standing, Weights
from circuit_claims.judge.record import UPDATE, WHOLE, Record, read_record, record_path
from circuit_claims.judge.tolerance import elsewhere_tolerance
from circuit_claims.judge.values import read_values
from circuit_claims.models.device import device_taken, require_device
from circuit_claims.models.processor import instruction_set
from circuit_claims.run.records import (
    elsewhere,
    refuse_if_nothing_is_compared,
    refuse_mixing_clips,
    refuse_what_cannot_be_recorded,
)
from circuit_claims.run.subject import UnderTest, under_test

if TYPE_CHECKING:
    from circuit_claims.judge.ledger import Planned
    from circuit_claims.report.style import Frames
    from circuit_claims.run.options import Options

PAPER = "paper"
"""The record's name for claims that need no model: arithmetic on the published tables."""
NOTED = ("torch", "transformers", "decord2", "av", "numpy")
"""Packages that a record notes: numbers come from them."""
SHORT_HASH = 16
"""Digits of a hash that a record notes."""


class Setting:
    """The models of one run, with their pairs, records and facts, by the name on the command line.

    The empty name stands for claims that need no model.
    """

    def __init__(self, options: Options) -> None:
        self.options = options
        self.planned: Sequence[Planned] = ()
        self.tested: dict[str, UnderTest] = {}
        self.held: dict[str, Held] = {}
        """The records that the run is held against."""
        self.facts: dict[str, dict[str, Any]] = {}
        """What was found of a model when it was opened."""
        self.notes: list[str] = []

    # Before any weights load ---------------------------------------------------------------------

    def find(self, planned: Sequence[Planned], full: bool) -> None:
        """Find what is under test, and each model's record; `full` is a run that leaves nothing out.

        Raises:
            ManifestError, ClipError, SamplingError, ModelError, DeviceError, RecordError: what is wrong and
                what to do.
        """
        self.planned = planned
        self._find_models()
        self._find_records(full)

    def _find_models(self) -> None:
        """What is under test, by model name; runs in the controller too, for its header and report."""
        if any(item.model for item in self.planned):
            require_device(self.options.compute.device)
            for name in self.options.models:
                self.tested[name] = under_test(name, self.options, self._record_folder().parent)

    def _find_records(self, full: bool) -> None:
        judged = [
            name for name in ["", *self.model_names()] if any(item.model == name for item in self.planned)
        ]
        paths = {name: self.record_path(name) for name in judged}
        refuse_what_cannot_be_recorded(self.options, paths, full)
        if self.options.record == "none":
            return
        for name, path in paths.items():
            named = bool(self.options.record and name)
            writes = self.options.update or self.options.add
            if not path.exists() and (writes or not named):
                if writes or self.record_profile(name) == WHOLE:
                    continue
                # A profile that leaves no pair out is held against the model's own record.
                own = record_path(path.parent, self.record_name(name))
                if not own.exists() or read_record(own).clips != self.clips(name):
                    self.notes.append(self._how_to_record(name, path))
                    continue
                path = own
            record = read_record(path)
            values = read_values(path, record.noted.get("weights", ""))
            if self.options.update:  # read all the same: one that cannot be is refused before measuring
                if not full:
                    refuse_mixing_clips(record, self.clips(name))
                continue
            if named and not writes:
                mine = [item for item in self.planned if item.model == name]
                refuse_if_nothing_is_compared(record, self.clips(name), mine)
            if record.clips and record.clips != self.clips(name):
                self.notes.append(
                    f"{record.path.name} rests on other clips than these: {name} is judged without its record"
                )
                continue
            self.held[name] = Held(record.on(self.clips(name)), self._standing(name, record), values)

    def _standing(self, model: str, record: Record) -> Standing:
        """How this run stands to a record: with its weights or others, and in its place or elsewhere."""
        recorded = record.noted.get("weights", "")
        weights = Weights.UNKNOWN
        if model and recorded:
            weights = Weights.SAME if self.weights(model) == recorded else Weights.OTHER
        return Standing(
            weights, bool(elsewhere(record, self.place())), Guard(self.options.drift), arithmetic=not model
        )

    def weights(self, model: str) -> str:
        """The beginning of the hash of a model's weights, as records note it."""
        from circuit_claims.models.checkpoint import fingerprint

        return fingerprint(self.tested[model].source)[:SHORT_HASH]

    def record_path(self, model: str) -> Path:
        """The record that was named, or the model's own beside the claims."""
        if self.options.record and model:
            return Path(self.options.record)
        return record_path(self._record_folder(), self.record_name(model), self.record_profile(model))

    def record_profile(self, model: str) -> str:
        """The profile whose record a model has: claims that need no model are the same in all."""
        return self.options.profile if model else WHOLE

    def _how_to_record(self, model: str, path: Path) -> str:
        how = f"{UPDATE} --circuit-profile {self.options.profile}"
        return (
            f"{model} has no record for --circuit-profile {self.options.profile} ({path.name}), so what it "
            f"refutes fails; write one with {how}, and review it"
        )

    def _record_folder(self) -> Path:
        from circuit_claims.organisms.registry import beside

        root = self.options.root
        files = [Path(item.nodeid.split("::")[0]) for item in self.planned]
        here = sorted({file.parent for file in files if (root / file).is_file()})
        for folder in here:
            if (root / folder / "recorded").is_dir():
                return root / folder / "recorded"
        return (root / here[0] if here else beside("claims")) / "recorded"

    def model_names(self) -> list[str]:
        """The models that this run judges."""
        return list(self.tested)

    def record_name(self, model: str) -> str:
        """What a model's record is called."""
        return self.tested[model].source.record_name if model else PAPER

    def clips(self, model: str) -> str:
        """A hash of the clips that a model is judged on; empty where there are none."""
        return self.tested[model].clips if model else ""

    def thresholds(self, planned: Planned) -> dict[str, float]:
        """What the manifest's pairs assert of a claim in place of its own number, by the pair's name."""
        if not planned.model:
            return {}
        pairs = self.tested[planned.model].pairs.pairs
        key = planned.claim.key
        return {pair.name: pair.thresholds[key] for pair in pairs if key in pair.thresholds}

    # What is noted -------------------------------------------------------------------------------

    def place(self) -> dict[str, str]:
        """Where numbers come from; what `auto` took is known once a model has been measured."""
        from circuit_claims.models.precision import bfloat16_unit

        device, precision = device_taken(self.options.compute.device), self.options.compute.precision
        if precision == "auto" and not bfloat16_unit(device):
            precision = "float32"
        took = {facts["precision"] for facts in self.facts.values() if "precision" in facts}
        return {"device": device, "precision": took.pop() if len(took) == 1 else precision}

    def noted(self, model: str) -> dict[str, str]:
        """What a record notes of a model beside its findings: compared, never a reason to skip."""
        noted = {name: _version(name) for name in NOTED} if model else {}
        if model:
            noted |= {
                "weights": str(self.facts.get(model, {}).get("fingerprint", ""))[:SHORT_HASH],
                **self.place(),
                "instruction_set": instruction_set(),
                "sampling": json.dumps(self.tested[model].pairs.sampled(), sort_keys=True),
            }
        return noted

    def run(self, seconds: float) -> dict[str, Any]:
        """What a report says of the run as a whole."""
        sets = [tested.pairs for tested in self.tested.values()]
        return {
            "circuit_claims": version("circuit-claims"),
            "seconds": seconds,
            **self.place(),
            "instruction_set": instruction_set(),
            "threads": self.options.compute.threads,
            "seed": self.options.seed,
            "profile": self.options.profile,
            "pair_set": sets[0].name if sets else None,
            "pairs": len(sets[0].pairs) if sets else 0,
            "paper": self._paper(),
            "packages": {name: _version(name) for name in (*NOTED, "huggingface_hub")},
            "python": ".".join(map(str, sys.version_info[:3])),
            "started": (datetime.now(UTC) - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "options": self.options_again(),
        }

    def options_again(self) -> str:
        """The options that a run of the same claims has to be given, quoted for a shell."""
        return shlex.join(self.options.again())

    def _paper(self) -> dict[str, Any] | None:
        """What the claims are from: `paper.toml` beside them, where there is one."""
        import tomllib

        file = self._record_folder().parent / "paper.toml"
        try:
            said = tomllib.loads(file.read_text(encoding="utf-8"))
            headline = [str(key) for key in said.get("headline", ())]
            return {
                "title": str(said["title"]),
                "identifier": str(said.get("identifier", "")),
                **({"headline": headline} if headline else {}),
            }
        except (OSError, KeyError, ValueError, TypeError):
            return None

    def models(self, counts: Mapping[str, Mapping[str, int]]) -> list[dict[str, Any]]:
        """What a report says of each model; `counts` is how much of its record the run was held against."""
        from circuit_claims.measure.footage import decoders
        from circuit_claims.organisms.registry import about

        known = {name: dict(facts) for name, facts in self.facts.items()}
        for facts in known.values():
            if read_by := facts.pop("read_by", None):
                facts["decoders"] = decoders(read_by)
        return [
            {
                "name": name,
                "about": about(name),
                "revision": tested.source.revision,
                "clips": self.clips(name),
                **self.against(name, counts),
                "noted": self.noted(name),
                "recorded_as": self.record_name(name),
                "pair_set": tested.pairs.name,
                "pairs": len(tested.pairs.pairs),
                **known.get(name, {}),
            }
            for name, tested in self.tested.items()
        ]

    def against(self, name: str, counts: Mapping[str, Mapping[str, int]]) -> dict[str, Any]:
        """What a model was held against, and how much of it."""
        return {
            "record": self.held[name].record.path.name if name in self.held else None,
            "changed": self.changed(name),
            **({"compared": counts[name]} if name in counts else {}),
        }

    def changed(self, model: str) -> list[str]:
        """What was noted with a model's record and is otherwise now: the first place to look for a drift."""
        if model not in self.held:
            return []
        record, now = self.held[model].record, self.noted(model)
        changes = [
            f"{record.path.name} was written with other {key.replace('_', ' ')}: {was}, now {now[key]}"
            for key, was in record.noted.items()
            if now.get(key) and now[key] != was
        ]
        if elsewhere(record, now):
            points = 100 * elsewhere_tolerance("fraction", None)
            changes.append(f"{record.path.name}: here estimates may lie {points:g} points away from it")
        return changes

    def frames(self, report: Mapping[str, Any]) -> dict[str, Frames]:
        """Frames of the clips that the figures of each model show."""
        from circuit_claims.run.frames import frames_of

        frames: dict[str, Frames] = {}
        for model, tested in zip(report["models"], self.tested.values(), strict=True):
            mine = [entry for entry in report["claims"] if entry["model"] == model["name"]]
            figures = [figure for entry in mine for figure in entry["figures"]]
            if any(entry["measurements"] for entry in mine):
                frames[model["name"]] = frames_of(tested.pairs, figures, self.options.cache)
        return frames

    def learn(self, facts: Mapping[str, Mapping[str, Any]]) -> None:
        """Note what was found of models that were opened; each of several processes has read some clips."""
        for name, found in facts.items():
            if found:
                read_by = self.facts.get(name, {}).get("read_by", {}) | dict(found.get("read_by", {}))
                self.facts[name] = {**found, "read_by": read_by}

    # What a reader should know -------------------------------------------------------------------

    def header(self) -> str:
        """The line that says what is under test."""
        from circuit_claims.report.terminal import header

        line = header({"run": self.run(0.0), "models": self.models({})})
        return "\n".join([line, *(f"note: {note}" for note in self.notes)])

    def remarks(self) -> Iterator[str]:
        """What the end of a run says of its setting."""
        yield from self.notes
        yield from self._unusual_pixels()
        yield from self._precisions()
        yield from self._batches()
        yield from dict.fromkeys(self._unused_thresholds())
        for name in self.held:
            yield from self.changed(name)

    def _unusual_pixels(self) -> Iterator[str]:
        """Models whose own preprocessing ends in another range than ViViT's usual one."""
        from circuit_claims.models.pixels import USUAL

        for name, facts in self.facts.items():
            low, high = facts.get("pixel_range", USUAL)
            if (low, high) != USUAL:
                yield (
                    f"{name}: black is {low:g} and white {high:g} by its own preprocessor_config.json "
                    "(-1 and 1 is usual); numbers compare with others only where theirs was the same"
                )

    def _precisions(self) -> Iterator[str]:
        """What each model was computed in, and why, where that was asked for."""
        for name, facts in self.facts.items():
            if self.options.compute.precision != "float32" and "precision" in facts:
                yield f"{name}: computed in {facts['precision']}: {facts['precision_why']}"

    def _batches(self) -> Iterator[str]:
        """What was measured in smaller batches than planned: numbers differ by rounding at most."""
        for facts in self.facts.values():
            for model, states in facts.get("batches", {}).items():
                told = f"{counted(states, 'state')} in a batch, fewer than planned"
                yield f"{model}: {self.place()['device']} ran out of memory, so some was measured with {told}"

    def _unused_thresholds(self) -> Iterator[str]:
        """Thresholds of pairs for claims that nobody judged: misspelt, or deselected."""
        judged = {item.claim.key for item in self.planned}
        for tested in self.tested.values():
            stated = {key for pair in tested.pairs.pairs for key in pair.thresholds}
            for key in sorted(stated - judged):
                yield f"{tested.pairs.path.name} states thresholds for {key}, which no claim of this run is"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
