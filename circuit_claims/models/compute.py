"""How a run computes: on which device, with how many threads, in what precision, and in how much memory."""

from __future__ import annotations

from dataclasses import dataclass

MEMORY = 4 * 2**30
"""Bytes for the patched states of one sweep, unless a run is given other ones."""


@dataclass(frozen=True)
class Compute:
    """What a run asks of the machine. A field here and its option are all that a new one takes."""

    device: str = "cpu"
    threads: int = 1
    """torch's, in each process."""
    precision: str = "float32"
    """`float32`, `bfloat16`, or `auto`: bfloat16 where the hardware has it and the numbers agree."""
    memory: int = MEMORY
    """Bytes that the patched states of one sweep may take."""
