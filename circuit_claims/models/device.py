"""Where a run computes: which device `auto` stands for, and what every device can do.

torch is imported only where another device than the CPU is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

AUTO = ("cuda", "mps", "cpu")
"""What `auto` takes: the first that is there."""
NEEDS = {
    "cuda": "an NVIDIA GPU, its driver, and a torch that is built for CUDA",
    "mps": "an Apple GPU, macOS, and a torch that is built for it",
}


class DeviceError(Exception):
    """A device that was asked for is not there; the message says what it needs and what to do."""


def device_taken(asked: str) -> str:
    """The device that was asked for, or the one that `auto` stands for here."""
    return next(device for device in AUTO if is_there(device)) if asked == "auto" else asked


def is_there(device: str) -> bool:
    """Whether torch can compute on it here."""
    if device == "cpu":
        return True
    import torch

    return torch.cuda.is_available() if device == "cuda" else torch.backends.mps.is_available()


def require_device(asked: str) -> None:
    """Refuse a device that is not there before anything is loaded for it.

    Raises:
        DeviceError: it is not there.
    """
    if asked != "auto" and not is_there(asked):
        raise DeviceError(
            f"--circuit-device {asked}: torch finds none here (it takes {NEEDS[asked]}); take "
            "--circuit-device auto or cpu, or judge what another machine measured with --circuit-rejudge"
        )


def float64(value: Tensor) -> Tensor:
    """A tensor on the CPU in float64: a GPU need not have that precision (Apple's has not)."""
    return value.cpu().double()
