"""The same model in bfloat16: its matrix products are, and the stream that they are added to stays float32.

Worth it where a processor multiplies bfloat16 faster than float32. What it costs in agreement is measured on
the first pair before anything else is (`measure/precision.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from circuit_claims.models.processor import CPUINFO, flags

if TYPE_CHECKING:
    from circuit_claims.models.residual import ResidualModel, Write

AGREEMENT = 0.002
"""Largest difference of a recovery (a fraction) that bfloat16 may make: 0.2 percentage points."""
UNITS = {"amx_bf16": "AMX", "avx512_bf16": "AVX512-BF16"}
"""Flags of a CPU that multiplies bfloat16 in hardware, the fastest first."""


def bfloat16_unit(device: str, cpuinfo: Path = CPUINFO) -> str:
    """What of a device multiplies bfloat16 in hardware: `CUDA`, `AMX`, `AVX512-BF16`, or nothing ("").

    Where the kernel keeps no list of a CPU's features (other systems), nothing is known of it, and nothing
    is said.
    """
    if device.partition(":")[0] == "cuda":
        return "CUDA"
    if device != "cpu":
        return ""
    known = flags(cpuinfo)
    return next((unit for flag, unit in UNITS.items() if flag in known), "")


def in_bfloat16(model: ResidualModel) -> ResidualModel:
    """The model with every write computed in bfloat16 (autocast) and added in float32.

    Embedding, norms, readout, and heads taken apart stay float32.
    """
    return replace(model, writes=tuple(_reduced(write, model.device) for write in model.writes))


def _reduced(write: Write, device: str) -> Write:
    at_rows = None if write.at_rows is None else _autocast(write.at_rows, device)
    return replace(write, function=_autocast(write.function, device), at_rows=at_rows)


def _autocast(function: Callable[..., Any], device: str) -> Callable[..., Any]:
    def reduced(*args: Any) -> Any:
        import torch

        with torch.autocast(device.partition(":")[0], dtype=torch.bfloat16):
            return function(*args).float()

    return reduced
