"""DCGAN and MLP networks in PyTorch, layer by layer as the paper's experiments describe them."""

from __future__ import annotations

from torch import nn


def dcgan_generator(
    size: int, nz: int = 100, nc: int = 3, ngf: int = 64, extra: int = 0, bn: bool = True
) -> nn.Sequential:
    """Latents (N, nz, 1, 1) to images (N, nc, size, size) in [-1, 1]."""
    widths = [ngf * size // 8]
    while len(widths) < size.bit_length() - 3:
        widths.append(widths[-1] // 2)
    layers: list[nn.Module] = [nn.ConvTranspose2d(nz, widths[0], 4, 1, 0, bias=False)]
    layers += [*_norm(widths[0], bn), nn.ReLU()]
    for before, after in zip(widths, widths[1:]):
        layers.append(nn.ConvTranspose2d(before, after, 4, 2, 1, bias=False))
        layers += [*_norm(after, bn), nn.ReLU()]
    for _ in range(extra):
        layers.append(nn.Conv2d(widths[-1], widths[-1], 3, 1, 1, bias=False))
        layers += [*_norm(widths[-1], bn), nn.ReLU()]
    layers += [nn.ConvTranspose2d(widths[-1], nc, 4, 2, 1, bias=False), nn.Tanh()]
    return nn.Sequential(*layers)


def dcgan_critic(size: int, nc: int = 3, ndf: int = 64, extra: int = 0, bn: bool = True) -> nn.Sequential:
    """Images (N, nc, size, size) to scores (N, 1, 1, 1)."""
    width = ndf
    layers: list[nn.Module] = [nn.Conv2d(nc, width, 4, 2, 1, bias=False), nn.LeakyReLU(0.2)]
    for _ in range(extra):
        layers.append(nn.Conv2d(width, width, 3, 1, 1, bias=False))
        layers += [*_norm(width, bn), nn.LeakyReLU(0.2)]
    while size > 8:
        layers.append(nn.Conv2d(width, 2 * width, 4, 2, 1, bias=False))
        layers += [*_norm(2 * width, bn), nn.LeakyReLU(0.2)]
        width, size = 2 * width, size // 2
    return nn.Sequential(*layers, nn.Conv2d(width, 1, 4, 1, 0, bias=False))


def mlp_generator(size: int, nz: int = 100, nc: int = 3, ngf: int = 512) -> nn.Sequential:
    """Latents (N, nz, 1, 1) to unbounded images (N, nc, size, size)."""
    layers: list[nn.Module] = [nn.Flatten(), nn.Linear(nz, ngf), nn.ReLU()]
    layers += [nn.Linear(ngf, ngf), nn.ReLU(), nn.Linear(ngf, ngf), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(ngf, nc * size * size), nn.Unflatten(1, (nc, size, size)))


def mlp_critic(size: int, nc: int = 3, ndf: int = 512) -> nn.Sequential:
    """Images (N, nc, size, size) to scores (N, 1)."""
    layers: list[nn.Module] = [nn.Flatten(), nn.Linear(nc * size * size, ndf), nn.ReLU()]
    layers += [nn.Linear(ndf, ndf), nn.ReLU(), nn.Linear(ndf, ndf), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(ndf, 1))


def _norm(channels: int, wanted: bool) -> list[nn.Module]:
    return [nn.BatchNorm2d(channels)] if wanted else []
