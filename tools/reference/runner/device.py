"""Device and arithmetic of the reference runner."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from gluon_wgan.config.train_config import TrainConfig
from gluon_wgan.errors import UserError
from tools.reference.wgan import ReferenceWGAN

# cuBLAS is reproducible only with a workspace of its own for each stream (CUDA Toolkit, cuBLAS, "Results
# reproducibility").
_WORKSPACE = ("CUBLAS_WORKSPACE_CONFIG", ":4096:8")


@dataclass(frozen=True)
class Arithmetic:
    """How the networks compute; the networks themselves stay as they are.

    Attributes
    ----------
    precision
        ``float32``; ``tf32``, products on a GPU with factors rounded to 10 bits; ``bf16``, convolutions and products
        of a training step in bfloat16 (``torch.autocast``), with weights, losses, optimizers and samples in float32.
    channels_last
        Keep images and the weights of convolutions in PyTorch's channels_last memory format.
    compiled
        Compile both networks with ``torch.compile``.
    """

    precision: str
    channels_last: bool
    compiled: bool

    @classmethod
    def chosen(cls, given: Mapping[str, Any], recorded: Mapping[str, Any], *, tf32: bool) -> Arithmetic:
        """Return what the command line says, and where it says nothing what a resumed run has recorded.

        Parameters
        ----------
        given
            ``precision``, ``channels_last`` and ``compile``; None where nothing was given.
        recorded
            The run's environment, as :meth:`about` wrote it; empty for a new run.
        tf32
            Whether the configuration has ``--tf32``.
        """
        asked = given["precision"] or ("tf32" if tf32 else recorded.get("precision", "float32"))
        channels_last, compiled = given["channels_last"], given["compile"]
        if channels_last is None:
            channels_last = recorded.get("memory_format") == "channels_last"
        return cls(asked, channels_last, bool(recorded.get("compiled")) if compiled is None else compiled)

    def about(self) -> dict[str, Any]:
        """Return what ``environment.json`` says of it."""
        memory_format = "channels_last" if self.channels_last else "contiguous"
        return {"precision": self.precision, "memory_format": memory_format, "compiled": self.compiled}

    def refuse_impossible(self, config: TrainConfig, device: torch.device) -> None:
        """Refuse what this device or this objective cannot do.

        Raises
        ------
        UserError
            Naming the option.
        """
        if self.precision == "tf32" and device.type != "cuda":
            raise UserError("--precision tf32 (--tf32) is arithmetic of a GPU: give --device cuda, or leave it out.")
        if self.precision == "bf16" and config.dtype != "float32":
            raise UserError(f"--precision bf16 cannot be combined with --dtype {config.dtype}: leave one of them out.")
        if self.compiled and config.objective == "wgan-gp":
            raise UserError(
                "--compile cannot be combined with --objective wgan-gp: torch.compile does not differentiate twice, as "
                "the gradient penalty does. Leave --compile out."
            )
        if self.compiled and device.type == "cpu" and not any(map(shutil.which, ("g++", "clang++"))):
            raise UserError("--compile needs a C++ compiler on the CPU, and neither g++ nor clang++ is on the PATH.")

    def apply(self, wgan: ReferenceWGAN) -> None:
        """Prepare both networks, before their first step."""
        if self.channels_last:
            wgan.to(memory_format=torch.channels_last)
        for net in (wgan.generator, wgan.critic):
            if self.precision == "bf16":
                # The loss is a difference of means: in bfloat16 it would have two digits.
                net.register_forward_hook(_to_float32)
            if self.compiled:
                net.compile()

    def autocast(self, device: torch.device) -> torch.autocast:
        """Return the context of a training step."""
        return torch.autocast(device.type, torch.bfloat16, enabled=self.precision == "bf16")


def _to_float32(net: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
    return output.float()


def choose_device(name: str) -> torch.device:
    """Return ``cpu`` or the GPU that PyTorch takes by default.

    Raises
    ------
    UserError
        When PyTorch sees no GPU.
    """
    if name == "cuda" and not torch.cuda.is_available():
        why = "is built without CUDA" if torch.version.cuda is None else "sees no GPU"
        raise UserError(
            f"--device cuda is given, but the installed PyTorch {torch.__version__} {why}: check nvidia-smi and "
            "CUDA_VISIBLE_DEVICES, install PyTorch for your CUDA, or give --device cpu."
        )
    return torch.device(name)


def set_arithmetic(device: torch.device, *, fast: bool, tf32: bool) -> dict[str, Any]:
    """Set how a GPU computes, for the whole process, and return what ``environment.json`` shall say of it.

    Parameters
    ----------
    device
        Where training will run; on the CPU nothing is set, since nothing of this concerns it.
    fast
        Let cuDNN time its algorithms and take the fastest, reproducible or not (``cudnn.benchmark``).
    tf32
        Round the factors of products to 10 bits of mantissa, as PyTorch's own default for convolutions does.
    """
    if device.type != "cuda":
        return {}
    os.environ.setdefault(*_WORKSPACE)
    torch.use_deterministic_algorithms(not fast)
    # Only meant to find reads of memory that was never written, and not free.
    torch.utils.deterministic.fill_uninitialized_memory = False
    torch.backends.cudnn.benchmark = fast
    precision = "tf32" if tf32 else "ieee"
    torch.backends.cudnn.conv.fp32_precision = precision
    torch.backends.cuda.matmul.fp32_precision = precision
    return {
        "gpu_model": [torch.cuda.get_device_name(device)],
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),
        "float32_products": precision,
        "deterministic": not fast,
    }


def name_of(device: torch.device) -> str:
    """Return a device as people know it: ``cpu``, or ``cuda (NVIDIA ...)``."""
    return f"cuda ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else "cpu"
