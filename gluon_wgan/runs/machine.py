"""Whether a resumed run still computes on the machine that it was trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gluon_wgan.errors import UserError, shell_word
from gluon_wgan.runs.directory import RunDirectory
from gluon_wgan.utils.untrusted import object_or_empty

# What environment.json says of the arithmetic that decides the bits of a result.
_COMPARED = {
    "gpu_model": "GPU model",
    "cudnn": "cuDNN",
    "float32_products": "arithmetic of float32 products",
    "deterministic": "choice of algorithms",
    "precision": "precision",
    "memory_format": "memory format",
    "compiled": "torch.compile",
}
_VARIABLES = "variables"


def latest_environment(run: RunDirectory) -> dict[str, Any]:
    """Return what the run's last session wrote of its machine; empty where nothing can be read."""
    # Sorted, so that of two sessions in one second the later counts.
    found = map(object_or_empty, sorted(run.path.glob("environment_*.json"), reverse=True))
    known = [environment for environment in (*found, object_or_empty(run.environment_file)) if environment]
    return max(known, key=lambda environment: str(environment.get("started")), default={})


def device_class(environment: Mapping[str, Any]) -> str:
    """Return ``CPU``, ``GPU`` or, where the environment does not say, an empty string."""
    devices = environment.get("devices")
    if not isinstance(devices, list) or not devices:
        return ""
    return "CPU" if str(devices[0]).startswith("cpu") else "GPU"


def machine_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return in words how two environments differ in what decides the bits of a result on a GPU."""
    classes = device_class(old), device_class(new)
    if "" in classes:
        return []
    if classes[0] != classes[1]:
        return [f"device {classes[0]} -> {classes[1]}"]
    changes = [
        f"{words} {_text(old[name])} -> {_text(new.get(name))}"
        for name, words in _COMPARED.items()
        if old.get(name) is not None and old[name] != new.get(name)
    ]
    before, after = old.get(_VARIABLES), new.get(_VARIABLES)
    if isinstance(before, dict) and isinstance(after, dict):
        differ = sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
        changes += [f"{name} {_text(before.get(name))} -> {_text(after.get(name))}" for name in differ]
    return changes


def refuse_other_machine(run: RunDirectory, new: Mapping[str, Any], program: str) -> None:
    """Refuse to continue a run on a device that would give it other bits.

    Raises UserError with what has changed, and the command that accepts it.
    """
    changes = machine_changes(latest_environment(run), new)
    if changes:
        raise UserError(
            f"{run.path} was trained on another device ({'; '.join(changes)}), so its results would differ in their "
            "last bits from there on: go back to that device, or accept the difference with "
            f"python {program} --resume {shell_word(run.path)} --accept-other-device."
        )


def _text(value: Any) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(str, value))
    return "unset" if value is None else str(value)
