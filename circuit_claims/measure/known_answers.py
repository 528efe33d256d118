"""Measurements of runs whose answer is known: the roles of clips, signs, heads and colours are under test.

A wrong donor, a dropped sign or another head's slice changes numbers and breaks no identity. So a head of
the model under test is set in a run whose every number is known (`transplant.py`), in the place of the model,
and is measured as claims measure: the same controls on the same clips, the same questions, the same code.
Whose clip is run is told by its pixels, read here straight from the file that the manifest names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary
from zlib import crc32

from circuit_claims.clips.pairs import ClipFile, Pair
from circuit_claims.clips.sampling import SamplingError
from circuit_claims.measure import ablation, heads, labour, per_pair, screening
from circuit_claims.measure.assay import Assay
from circuit_claims.measure.circuit import Circuit
from circuit_claims.measure.code_hash import PACKAGE
from circuit_claims.measure.controls import CONTROLS
from circuit_claims.measure.drawn import levels
from circuit_claims.measure.errors import UndefinedRecovery
from circuit_claims.measure.other_pairs import OTHER_PAIR
from circuit_claims.measure.questions.ablation import change
from circuit_claims.measure.recovery import METRICS, Norms
from circuit_claims.measure.transplant import Transplant, transplant
from circuit_claims.models.sites import attn_out

if TYPE_CHECKING:
    from torch import Tensor

    from circuit_claims.models.residual import ResidualModel

Frames = tuple[int, ...]
"""The hash of every frame of a clip as the model sees it, sorted: the same whatever the order of frames."""
_READ: WeakKeyDictionary[Assay, dict[tuple[str, object], Frames]] = WeakKeyDictionary()
"""By assay, by clip and sampling."""
_DRAWN: WeakKeyDictionary[Assay, dict[str, Any]] = WeakKeyDictionary()
"""By assay, what became of the drawn colours: the same for every pair."""
COPIES = ("re-encoded", "jitter")
"""Controls whose donor is the failure clip once more."""
MEASURING = (ablation, heads, labour, per_pair, screening)
"""Whose measurements are under test: named so that a change of them is measured again."""


class Transplanted(Assay):
    """A pair's clips, and a transplant in the place of the model. Nothing is kept in the store.

    What is measured of the one pair stands for all pairs, so that every question answers.
    """

    def __init__(self, assay: Assay, pair: Pair, known: Transplant) -> None:
        super().__init__(assay.source, assay.pairs, assay.bench)
        self._pixels, self.seen = assay._pixels, assay.seen
        self._pair, self._known = pair, known

    def model(self, precision: str = "") -> ResidualModel:  # noqa: ARG002
        """The transplant, in float32."""
        return self._known.model

    def facts(self) -> dict[str, Any]:
        """The transplant's."""
        model = self._known.model
        return {"n_layers": model.n_layers, "n_heads": model.n_heads, "labels": list(model.labels)}

    def measured(self, what: str, pairs: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """The pair's numbers, by the names of all pairs."""
        module, name = what.split(".")
        made = self._measured.get(f"{what} {sorted(params.items())}")
        if made is None:
            function = import_module(f"{PACKAGE}.measure.{module}").MEASUREMENTS[name]
            made = self._measured[f"{what} {sorted(params.items())}"] = function(self, self._pair, params)
        return {pair.name: made for pair in self.chosen(pairs)}


def _roles(assay: Assay, pair: Pair, params: Mapping[str, Any]) -> dict[str, Any]:
    """Patches of the transplant with the clips of a control: recoveries by metric, for each way to patch.

    `write`, `joint`, `values` (a joint patch of what is read), `patched` (as a head) and `screened` are of
    the transplanted head, `first order` of it by a screen. `other heads` is the largest norm ratio, `other
    first order` the largest recovery, of any other head; None where there is none. A patch that is known to
    move something and is measured to move nothing has recovered 0.
    """
    direction = params["control"]
    try:
        known = _known(assay, pair, direction)
        on = Transplanted(assay, pair, known)
        roles = CONTROLS[direction](on, pair)
    except (UndefinedRecovery, SamplingError) as why:  # a window that is moved may not fit
        return {"undefined": str(why)}
    if direction in COPIES and _hashed(roles.donor) == _hashed(roles.recipient):
        return {"undefined": "the copy shows the model the very frames of the clip"}
    circuit = Circuit(on)
    asked = {
        metric: circuit.recovery(attn_out(0), metric=metric, direction=direction).values for metric in METRICS
    }
    routes = {"control": direction, "first": 0, "last": 0, "routes": ["attention", "values"]}
    joint = on.measured("labour.patches", "outcome", routes)[pair.name]
    found = {
        "layer": known.layer,
        "head": known.head,
        "write": {metric: values[0] if values else 0.0 for metric, values in asked.items()},
        "joint": _by_metric(joint["routes"]["attention"]),
        "values": _by_metric(joint["routes"]["values"]),
    }
    return found | _of_heads(on, pair, direction, known) if params["heads"] else found


def _of_heads(on: Transplanted, pair: Pair, direction: str, known: Transplant) -> dict[str, Any]:
    """Patches of single heads, all of them and the one that a screen chooses."""
    every, own = range(known.model.n_heads), f"0.{known.head}"
    swept = {"control": direction, "heads": [[0, head] for head in every]}
    patched = on.measured("heads.patches", "outcome", swept)[pair.name]
    screened = on.measured("screening.heads", "outcome", {"control": direction, "top": 1})[pair.name]
    first = {name: screened["first order"].get(name, 0.0) for name in patched}
    others = [name for name in patched if name != own]
    return {
        "patched": _by_metric(patched[own]),
        "other heads": max((_by_metric(patched[name])["norm_ratio"] for name in others), default=None),
        "first order": first[own],
        "other first order": max((abs(first[name]) for name in others), default=None),
        "screened": _by_metric(screened["exact"].get(own)),
    }


def _by_metric(norms: Mapping[str, float] | None) -> dict[str, float]:
    """Projection and norm ratio; 0 where nothing was patched, or there was nothing to recover."""
    metrics = ("projection", "norm_ratio")
    try:
        return {name: METRICS[name](Norms(**norms)) if norms else 0.0 for name in metrics}
    except UndefinedRecovery:
        return dict.fromkeys(metrics, 0.0)


def _ablations(assay: Assay, pair: Pair, params: Mapping[str, Any]) -> dict[str, Any]:
    """The margin of the transplant's run of a clip, and how ablations change it, relative to it."""
    try:
        known = _known(assay, pair, params.get("control", ""))
    except UndefinedRecovery as why:
        return {"undefined": str(why)}
    on, how = Transplanted(assay, pair, known), {key: params[key] for key in ("clip", "by")}
    each = on.measured("ablation.each", "outcome", how)[pair.name]
    of_heads = on.measured("ablation.heads", "outcome", {**how, "of": 1})[pair.name]
    alone = {name.rpartition(".")[2]: change(of_heads, name, "margin") for name in of_heads["ablated"]}
    others = [abs(alone[head]) for head in alone if head != str(known.head)]
    return {
        "layer": known.layer,
        "head": known.head,
        "margin": each["margin"],
        "write": change(each, "attn_out.0", "margin"),
        "patched": alone[str(known.head)],
        "other heads": max(others, default=None),
    }


def _known(assay: Assay, pair: Pair, control: str) -> Transplant:
    """The transplant of a pair. Raises UndefinedRecovery where it cannot be told whose clip is run."""
    whose = _whose(assay, pair, control)
    start = crc32(pair.name.encode())
    return transplant(assay.model("float32"), _read(assay, pair, pair.negative), whose, start)


def _whose(assay: Assay, pair: Pair, control: str) -> Callable[[Tensor], str]:
    """Tells whose clip some pixels are, whatever the order of their frames."""
    own = {"success": pair.positive, "failure": pair.negative}
    seen = {_frames(assay, pair, clip): name for name, clip in own.items()}
    if len(seen) < len(own):
        raise UndefinedRecovery("both clips show the model the same frames, so that nothing tells them apart")
    others = [other for other in assay.chosen("outcome") if other.name != pair.name]
    for other in others if control in OTHER_PAIR else ():
        for word, clip in (("success", other.positive), ("failure", other.negative)):
            name = f"another {word}" if other.action == pair.action else f"a {word} of another action"
            if seen.setdefault(_frames(assay, other, clip), name) != name:
                raise UndefinedRecovery(f"{other.name} shares a clip with it, so that no third video is told")

    def whose(pixels: Tensor) -> str:
        return seen.get(_hashed(pixels), "no clip of the set")

    return whose


def _frames(assay: Assay, pair: Pair, clip: ClipFile) -> Frames:
    """What is kept of a clip that was read here."""
    read = _READ.setdefault(assay, {})
    key = (clip.key, assay.pairs.sampling_of(pair, clip))
    if key not in read:
        read[key] = _hashed(_read(assay, pair, clip))
    return read[key]


def _read(assay: Assay, pair: Pair, clip: ClipFile) -> Tensor:
    """The pixels of a clip, by hand: the frames that its sampling names, preprocessed."""
    footage = assay.bench.footage
    chosen = assay.pairs.sampling_of(pair, clip).indices(footage.timeline(clip))
    return assay.model("float32").preprocess(footage.frames(clip, chosen))


def _hashed(pixels: Tensor) -> Frames:
    return tuple(sorted(crc32(frame.contiguous().cpu().numpy().tobytes()) for frame in pixels))


def _colours(assay: Assay, _pair: Pair, _params: Mapping[str, Any]) -> dict[str, Any]:
    """What becomes of drawn colours on their way to the model, by decoder (`drawn.py`)."""
    if assay not in _DRAWN:
        _DRAWN[assay] = levels(assay)
    return _DRAWN[assay]


MEASUREMENTS: Mapping[str, Callable[[Assay, Pair, Mapping[str, Any]], Any]] = {
    "roles": _roles,
    "ablations": _ablations,
    "colours": _colours,
}
"""By the name in the store's key."""
