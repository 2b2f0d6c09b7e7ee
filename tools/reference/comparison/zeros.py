"""Parameters whose gradient is zero in exact arithmetic, so that only rounding is left of it."""

from __future__ import annotations

from torch import nn

from tools.reference.wgan import ReferenceWGAN


def zero_gradients(wgan: ReferenceWGAN) -> set[str]:
    """Return the names of such parameters, as ``critic.3.bias``.

    Batch norm takes away the mean of each channel, and with it a bias just before it. A constant added to all
    scores leaves ``mean D(real) - mean D(fake)`` as it is: the last bias, and the shift of a normalisation just
    before the last layer.
    """
    found = set()
    for prefix in ("generator", "critic"):
        layers = list(getattr(wgan, prefix))
        for index, (layer, following) in enumerate(zip(layers, layers[1:])):
            if isinstance(following, nn.BatchNorm2d) and getattr(layer, "bias", None) is not None:
                found.add(f"{prefix}.{index}.bias")
    if wgan.options.objective != "dcgan":
        last = len(wgan.critic) - 1
        shifts = [last, last - 1] if isinstance(wgan.critic[-2], (nn.BatchNorm2d, nn.GroupNorm)) else [last]
        found |= {f"critic.{index}.bias" for index in shifts if wgan.critic[index].bias is not None}
    return found
