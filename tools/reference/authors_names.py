"""Names of tensors in the authors' classes.

Source: ``models/dcgan.py`` and ``models/mlp.py`` of github.com/martinarjovsky/WassersteinGAN. Told here by walking
through the layers of a network, so that nothing is shared with :mod:`gluon_wgan.interop.authors_names`.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any


def authors_state(net: Any, first_release: bool = False) -> OrderedDict[str, Any]:
    """Return a reference network's ``state_dict`` under the authors' names."""
    layers = [(index, layer, type(layer).__name__) for index, layer in enumerate(net)]
    convolutions = [index for index, _, kind in layers if kind.startswith("Conv")]
    names: dict[int, str] = {}
    block, extra, behind = "", 0, 0
    for index, layer, kind in layers:
        if kind == "Linear":
            names[index] = str(2 * sum(other == "Linear" for _, _, other in layers[:index]))
        elif kind.startswith("Conv"):
            channels = f"{layer.in_channels}-{layer.out_channels}"
            kernel, behind = layer.kernel_size[0], layer.out_channels
            block = {convolutions[0]: "initial", convolutions[-1]: "final"}.get(index, "pyramid")
            if kernel == 3:
                block, extra, channels = f"extra-layers-{extra}", extra + 1, str(behind)
            names[index] = f"{block}:{channels}:{'convt' if 'Transpose' in kind else 'conv'}"
        elif kind == "BatchNorm2d":
            names[index] = f"{block}:{behind}:batchnorm"
    renamed = OrderedDict()
    for name, tensor in net.state_dict().items():
        index, tensor_name = name.split(".")
        full = f"main.{names[int(index)]}.{tensor_name}"
        renamed[_of_first_release(full) if first_release else full] = tensor
    return renamed


def _of_first_release(name: str) -> str:
    if name.startswith("main.initial:") and name.endswith(":conv.weight"):
        return f"main.initial.conv.{name.split(':')[1]}.weight"
    return name.replace(":", ".")
