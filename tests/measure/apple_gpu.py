"""Tensors as Apple's GPU has them: no float64 there, no NumPy, and no arithmetic with the CPU's tensors.

They compute on the CPU, so that what is measured on them has to be the CPU's numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_flatten, tree_map

from circuit_claims.models.residual import ResidualModel

MOVES = ("cpu", "to")
PLACES = ("__get__", "__setitem__", "__getitem__", "copy_", "size", "dim", "stride", "requires_grad_")
"""May take an index or a value from anywhere, or compute nothing."""
PLACE = "mps"
AS_NUMPY = ("numpy", "__array__")


class OnGpu(torch.Tensor):
    """A tensor that is not on the CPU."""

    @classmethod
    def __torch_function__(
        cls,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = dict(kwargs or {})
        name = func.__name__
        tensors = [one for one in tree_flatten((args, kwargs))[0] if isinstance(one, Tensor)]
        if func == torch.Tensor.device.__get__:
            return torch.device(PLACE)
        if name in AS_NUMPY:
            raise TypeError("can't convert mps device type tensor to numpy")
        if name not in (*MOVES, *PLACES) and any(not isinstance(one, OnGpu) and one.ndim for one in tensors):
            raise RuntimeError(f"{name}: expected all tensors to be on the same device")
        with torch._C.DisableTorchFunctionSubclass():
            found = func(*args, **kwargs)
        if name == "cpu" or (name == "to" and _names_the_cpu(args[1:], kwargs)):
            if isinstance(found, Tensor) and found.dtype is torch.float64:
                raise TypeError("Cannot convert a MPS Tensor to float64 dtype")
            return found.as_subclass(torch.Tensor)
        return tree_map(_on_gpu, found)


class Moving(TorchFunctionMode):
    """Lets `.to("mps")` and `device="mps"` make such tensors, which this torch cannot."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = dict(kwargs or {})
        here = [str(one) for one in (*args, *kwargs.values()) if isinstance(one, str | torch.device)]
        if PLACE in here:
            args = tuple(
                "cpu" if isinstance(one, str | torch.device) and str(one) == PLACE else one for one in args
            )
            kwargs = {key: "cpu" if str(one) == PLACE else one for key, one in kwargs.items()}
            with torch._C.DisableTorchFunctionSubclass():
                return _on_gpu(func(*args, **kwargs))
        if func.__name__ == "to" and len(args) > 1 and type(args[0]) is Tensor and isinstance(args[1], OnGpu):
            return _on_gpu(args[0])
        return func(*args, **kwargs)


def _on_cpu(value: Any) -> Any:
    return "cpu" if isinstance(value, str | torch.device) and str(value) == PLACE else value


def _names_the_cpu(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
    places = [*args, *kwargs.values()]
    return any(str(one) == "cpu" for one in places if isinstance(one, str | torch.device)) or any(
        isinstance(one, Tensor) and not isinstance(one, OnGpu) for one in places
    )


def _on_gpu(value: Any) -> Any:
    if not isinstance(value, Tensor):
        return value
    if value.dtype is torch.float64:
        raise TypeError("Cannot convert a MPS Tensor to float64 dtype as the MPS framework has none")
    return value.as_subclass(OnGpu)


def on_gpu(model: ResidualModel, modules: nn.Module) -> ResidualModel:
    """The model with its weights there, and its clips once `model.device` is where they are."""
    for module in modules.modules():
        for name, parameter in module.named_parameters(recurse=False):
            module._parameters[name] = nn.Parameter(_on_gpu(parameter.data), requires_grad=False)
        for name, buffer in module.named_buffers(recurse=False):
            module._buffers[name] = _on_gpu(buffer)
    return replace(
        model,
        writes=tuple(
            write
            if write.heads is None
            else replace(
                write,
                heads=replace(
                    write.heads, output=_on_gpu(write.heads.output), bias=_on_gpu(write.heads.bias)
                ),
            )
            for write in model.writes
        ),
        device=PLACE,
        classifier=None if model.classifier is None else _on_gpu(model.classifier),
    )
