"""A source becomes a `ResidualModel`: Hugging Face's own modules, float32, eval mode, nothing random left.

`random:` weights are what Hugging Face initialises for the same configuration (normal, std 0.02; CLS token,
position embeddings and biases zero), drawn under a fixed seed. `shuffled:` weights are the trained ones,
permuted within each tensor: the same values, in no order.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from circuit_claims.models.architectures import KNOWN, check_architecture
from circuit_claims.models.checkpoint import CONFIG, PREPROCESSOR, fingerprint, locate, read_json
from circuit_claims.models.kernels import use_fast_kernels
from circuit_claims.models.residual import ResidualModel
from circuit_claims.models.source import ModelError, ModelSource, ReinitKind, parse_source
from circuit_claims.models.vivit import NEWER_NAMES, vivit_residual

if TYPE_CHECKING:
    import numpy as np

__all__ = [
    "ARCHITECTURES",
    "Architecture",
    "ModelError",
    "ModelSource",
    "fingerprint",
    "load",
    "parse_source",
]


@dataclass(frozen=True)
class Architecture:
    """What it takes to load one: class names in transformers, and the table of its writes."""

    model: str
    processor: str
    residual: Callable[..., ResidualModel]
    newer_names: Mapping[str, str]
    """Patterns of the names that weights have in later versions, and what they are in older ones."""


ARCHITECTURES: Mapping[str, Architecture] = {
    "vivit": Architecture(KNOWN["vivit"].model, "VivitImageProcessor", vivit_residual, NEWER_NAMES),
}
"""By `model_type` in config.json; `architectures.KNOWN` has the same ones."""


def load(source: ModelSource, device: str = "cpu", threads: int = 1) -> ResidualModel:
    """Load a model onto a device, on so many CPU threads. Raises ModelError."""
    torch.set_num_threads(threads)
    with _quiet():
        if source.build is not None:
            hf_model, preprocessor = source.build(), source.preprocessor
            architecture = _architecture(source.name, {"model_type": hf_model.config.model_type})
        else:
            folder = locate(source)
            architecture = _architecture(source.name, read_json(source.name, folder / CONFIG))
            drawn = source.reinit is not None and source.reinit[0] == "random"
            hf_model = (_untrained if drawn else _trained)(source, folder, architecture)
            preprocessor = read_json(source.name, folder / PREPROCESSOR)
        if source.reinit is not None:
            hf_model = _reinitialised(hf_model, *source.reinit)
        hf_model = hf_model.to(device=device, dtype=torch.float32).eval().requires_grad_(False)
        _leave_the_file(hf_model)
        _refuse_non_finite(source.name, hf_model)
        use_fast_kernels(hf_model)
        preprocess = _preprocess(source.name, architecture, hf_model.config, preprocessor)
        return architecture.residual(hf_model, source.name, preprocess, fingerprint=fingerprint(source))


def _architecture(name: str, config: Mapping[str, Any]) -> Architecture:
    check_architecture(name, config)
    return ARCHITECTURES[config["model_type"]]


def _trained(source: ModelSource, folder: Path, architecture: Architecture) -> Any:
    """Hugging Face's `from_pretrained`, which renames the weights of older versions but not of newer."""
    import transformers

    read = partial(
        getattr(transformers, architecture.model).from_pretrained,
        str(folder),
        use_safetensors=True,
        local_files_only=True,
        dtype=torch.float32,
        attn_implementation="sdpa",
        output_loading_info=True,
    )
    try:
        model, info = read()
        if info["missing_keys"]:
            renamed, found = read(key_mapping=dict(architecture.newer_names))
            model, info = (model, info) if found["missing_keys"] else (renamed, found)
    except Exception as error:  # a truncated file, a wrong shape, a configuration that it rejects
        raise _does_not_load(source, folder, error) from error
    lacking = sorted(info["missing_keys"]) + sorted(str(entry[0]) for entry in info["mismatched_keys"])
    if lacking:
        shown = ", ".join(lacking[:3]) + (f" and {len(lacking) - 3} more" if len(lacking) > 3 else "")
        raise ModelError(
            source.name,
            f"{folder} lacks the weights of {shown}, which would be random numbers",
            "pass a checkpoint that was fine-tuned to classify videos",
        )
    return model


def _untrained(source: ModelSource, folder: Path, architecture: Architecture) -> Any:
    """A model of the folder's configuration without weights: they are drawn under a seed next."""
    import transformers

    model = getattr(transformers, architecture.model)
    try:
        config = model.config_class.from_pretrained(str(folder), attn_implementation="sdpa")
        with torch.device("meta"):
            return model(config)
    except Exception as error:  # a configuration that it rejects
        raise _does_not_load(source, folder, error) from error


def _does_not_load(source: ModelSource, folder: Path, error: Exception) -> ModelError:
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return ModelError(source.name, f"{folder} does not load ({reason})", "save or download it again")


def _reinitialised(hf_model: Any, kind: ReinitKind, seed: int) -> Any:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return {"random": _fresh, "shuffled": _shuffled}[kind](hf_model)


def _fresh(hf_model: Any) -> Any:
    return type(hf_model)(hf_model.config)


@torch.no_grad()
def _shuffled(hf_model: Any) -> Any:
    for parameter in hf_model.parameters():
        order = torch.randperm(parameter.numel())
        parameter.copy_(parameter.flatten()[order].view_as(parameter))
    return hf_model


def _leave_the_file(hf_model: Any) -> None:
    """Copy the weights into memory of their own, aligned.

    safetensors maps the file: the same weights at an odd address round differently (1e-7 here), and a file
    that is cut short during a run would take the process with it.
    """
    for parameter in hf_model.parameters():
        parameter.data = parameter.data.clone()


def _refuse_non_finite(name: str, hf_model: Any) -> None:
    for tensor_name, tensor in hf_model.state_dict().items():
        if not torch.isfinite(tensor).all():
            count = int((~torch.isfinite(tensor)).sum())
            raise ModelError(
                name,
                f"{count} of {tensor.numel()} weights in {tensor_name} are NaN or infinite",
                "download it again, or save it in float32 (float16 overflows above 65504)",
            )


def _preprocess(
    name: str, architecture: Architecture, config: Any, preprocessor: Mapping[str, Any] | None
) -> Callable[[np.ndarray], Tensor]:
    """The image processor of the checkpoint, checked against the model's frames and size."""
    import transformers

    settings = dict(preprocessor) if preprocessor is not None else _plain_settings(config)
    declared = settings.get("image_processor_type") or settings.get("feature_extractor_type")
    if (
        declared is not None
        and declared.replace("FeatureExtractor", "ImageProcessor") != architecture.processor
    ):
        raise ModelError(
            name,
            f"its {PREPROCESSOR} is of a {declared}, and {architecture.model} reads pixels of "
            f"{architecture.processor}",
            f"save the model's own {PREPROCESSOR} beside its weights",
        )
    processor = getattr(transformers, architecture.processor).from_dict(settings)
    size = config.image_size if isinstance(config.image_size, int) else config.image_size[0]
    expected = (config.num_frames, config.num_channels, size, size)

    def preprocess(frames: np.ndarray) -> Tensor:
        if frames.dtype.name != "uint8" or frames.ndim != 4 or frames.shape[-1] != 3:
            found = f"{frames.dtype} {list(frames.shape)}"
            raise ModelError(name, f"frames must be uint8 [frame, h, w, 3], and these are {found}")
        pixels: Tensor = processor(list(frames), return_tensors="pt", input_data_format="channels_last")[
            "pixel_values"
        ][0].float()
        if tuple(pixels.shape) != expected:
            raise ModelError(
                name,
                f"the clip has become {list(pixels.shape)} (frame, channel, h, w), and the model reads "
                f"{list(expected)}",
                f"sample {expected[0]} frames; the size comes from {PREPROCESSOR}",
            )
        return pixels

    return preprocess


def _plain_settings(config: Any) -> dict[str, Any]:
    """Frames scaled to the model's size, pixels to [-1, 1]: what a model that was built here is read with."""
    size = config.image_size if isinstance(config.image_size, int) else config.image_size[0]
    return {
        "size": {"height": size, "width": size},
        "do_center_crop": False,
        "rescale_factor": 1 / 127.5,
        "offset": True,
        "do_normalize": False,
    }


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """No progress bars and no library warnings: what matters of them is checked and said by this module."""
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity(50)  # critical only
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]
