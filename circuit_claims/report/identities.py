"""What every site of a model was asked before anything was measured on it, as rows of a table."""

from collections.abc import Mapping, Sequence
from typing import Any

COLUMNS = (
    "site",
    "how many",
    "stream plus write is the next stream, to within",
    "replaced by itself, the readout moves by",
    "replaced by another clip’s, it moves by at least",
    "reads back as the donor’s",
)
NAMES: Mapping[str, str] = {
    "resid_pre": "stream before a block",
    "attn_out": "attention’s write",
    "temporal_attn_out": "temporal attention’s write",
    "resid_mid": "stream between its writes",
    "mlp_out": "MLP’s write",
    "resid_post": "stream after a block",
}


def rows(model: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """A row for each kind of site, with its worst figure; none where the model was never asked."""
    sites = (model.get("identity") or {}).get("sites", ())
    kinds: dict[str, list[Mapping[str, Any]]] = {}
    for site in sites:
        kinds.setdefault(site["site"].split(".")[0], []).append(site)
    return [
        (
            f"{NAMES.get(kind, kind)} ({kind})",
            str(len(some)),
            _worst(some, "closure", max),
            _worst(some, "null_effect", max),
            _worst(some, "effect", min),
            _all(some, "reads_back"),
        )
        for kind, some in kinds.items()
    ]


def _worst(sites: Sequence[Mapping[str, Any]], name: str, worst: Any) -> str:
    values = [site[name] for site in sites if site.get(name) is not None]
    return f"{worst(values):.2g}" if values else "–"


def _all(sites: Sequence[Mapping[str, Any]], name: str) -> str:
    answers = [site[name] for site in sites if site.get(name) is not None]
    if not answers:
        return "–"
    return f"all {len(answers)}" if all(answers) else f"{sum(answers)} of {len(answers)}"
