"""The generators and critics in PyTorch, layer by layer as the papers and the course note describe them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Optional

from torch import nn

from tools.reference.options import Options

Layers = list[nn.Module]
Block = Callable[[int], Layers]


def build_generator(options: Options) -> nn.Sequential:
    """Latents (N, nz, 1, 1) to images (N, nc, size, size)."""
    size, nz, nc, ngf = options.image_size, options.nz, options.nc, options.ngf
    if options.mlp_g:
        return mlp_generator(size, nz, nc, ngf)
    build = lite_generator if options.arch == "lite" else dcgan_generator
    return build(size, nz, nc, ngf, options.n_extra_layers, not options.no_bn, options.block_order == "conv-act-norm")


def build_critic(options: Options) -> nn.Sequential:
    """Images (N, nc, size, size) to scores, N numbers in all."""
    size, nc, ndf = options.image_size, options.nc, options.ndf
    if options.mlp_d:
        return mlp_critic(size, nc, ndf)
    build = lite_critic if options.arch == "lite" else dcgan_critic
    extra, swap = options.n_extra_layers, options.block_order == "conv-act-norm"
    return build(size, nc, ndf, extra, not options.no_bn_d, swap, options.layer_norm_d, options.leak)


def dcgan_generator(
    size: int, nz: int = 100, nc: int = 3, ngf: int = 64, extra: int = 0, bn: bool = True, swap: bool = False
) -> nn.Sequential:
    """Build 4x4 convolutions without biases: Radford et al. 2016, as the WGAN authors use it."""
    block = _blocks(nn.BatchNorm2d if bn else None, nn.ReLU, swap)
    widths = [ngf * size // 8]
    while len(widths) < size.bit_length() - 3:
        widths.append(widths[-1] // 2)
    layers: Layers = [nn.ConvTranspose2d(nz, widths[0], 4, 1, 0, bias=False), *block(widths[0])]
    for before, after in zip(widths, widths[1:]):
        layers += [nn.ConvTranspose2d(before, after, 4, 2, 1, bias=False), *block(after)]
    layers += _extra(widths[-1], extra, block)
    layers += [nn.ConvTranspose2d(widths[-1], nc, 4, 2, 1, bias=False), nn.Tanh()]
    return nn.Sequential(*layers)


def dcgan_critic(
    size: int,
    nc: int = 3,
    ndf: int = 64,
    extra: int = 0,
    bn: bool = True,
    swap: bool = False,
    layer_norm: bool = False,
    leak: float = 0.2,
) -> nn.Sequential:
    """Build the mirror of the DCGAN generator, without a sigmoid."""
    block = _blocks(_critic_norm(bn, layer_norm), lambda: nn.LeakyReLU(leak), swap)
    width = ndf
    layers: Layers = [nn.Conv2d(nc, width, 4, 2, 1, bias=False), nn.LeakyReLU(leak)]
    layers += _extra(width, extra, block)
    while size > 8:
        layers += [nn.Conv2d(width, 2 * width, 4, 2, 1, bias=False), *block(2 * width)]
        width, size = 2 * width, size // 2
    return nn.Sequential(*layers, nn.Conv2d(width, 1, 4, 1, 0, bias=False))


def lite_generator(
    size: int, nz: int = 128, nc: int = 3, dim: int = 32, extra: int = 0, bn: bool = True, swap: bool = False
) -> nn.Sequential:
    """Build the course note's: a linear layer to 4x4, then 3x3 convolutions of stride 2."""
    block = _blocks(nn.BatchNorm2d if bn else None, nn.ReLU, swap)
    width = size // 4 * dim
    layers: Layers = [nn.Flatten(), nn.Linear(nz, width * 16, bias=False), nn.Unflatten(1, (width, 4, 4))]
    layers += block(width)
    while width > 2 * dim:
        layers += [nn.ConvTranspose2d(width, width // 2, 3, 2, 1, 1, bias=False), *block(width // 2)]
        width //= 2
    layers += _extra(width, extra, block)
    return nn.Sequential(*layers, nn.ConvTranspose2d(width, nc, 3, 2, 1, 1), nn.Tanh())


def lite_critic(
    size: int,
    nc: int = 3,
    dim: int = 32,
    extra: int = 0,
    bn: bool = True,
    swap: bool = False,
    layer_norm: bool = False,
    leak: float = 0.2,
) -> nn.Sequential:
    """Build the course note's: 3x3 convolutions of stride 2 with biases."""
    block = _blocks(_critic_norm(bn, layer_norm), lambda: nn.LeakyReLU(leak), swap)
    width = 2 * dim
    layers: Layers = [nn.Conv2d(nc, width, 3, 2, 1), nn.LeakyReLU(leak), *_extra(width, extra, block)]
    while size > 8:
        layers += [nn.Conv2d(width, 2 * width, 3, 2, 1), *block(2 * width)]
        width, size = 2 * width, size // 2
    return nn.Sequential(*layers, nn.Conv2d(width, 1, 4))


def mlp_generator(size: int, nz: int = 100, nc: int = 3, ngf: int = 512) -> nn.Sequential:
    """Build three hidden layers; the images are not bounded."""
    layers: Layers = [nn.Flatten(), nn.Linear(nz, ngf), nn.ReLU()]
    layers += [nn.Linear(ngf, ngf), nn.ReLU(), nn.Linear(ngf, ngf), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(ngf, nc * size * size), nn.Unflatten(1, (nc, size, size)))


def mlp_critic(size: int, nc: int = 3, ndf: int = 512) -> nn.Sequential:
    """Build three hidden layers."""
    layers: Layers = [nn.Flatten(), nn.Linear(nc * size * size, ndf), nn.ReLU()]
    layers += [nn.Linear(ndf, ndf), nn.ReLU(), nn.Linear(ndf, ndf), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(ndf, 1))


def weights_init(module: nn.Module) -> None:
    """Initialise one layer as the authors do; for ``Module.apply``. What it leaves alone keeps PyTorch's own."""
    if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)


def _blocks(norm: Optional[Callable[[int], nn.Module]], activation: Callable[[], nn.Module], swap: bool) -> Block:
    """Return what makes the layers behind a convolution with so many output channels."""

    def block(channels: int) -> Layers:
        layers = [activation()] if norm is None else [norm(channels), activation()]
        return layers[::-1] if swap else layers

    return block


def _critic_norm(bn: bool, layer_norm: bool) -> Optional[Callable[[int], nn.Module]]:
    # One group: mean and variance over (C, H, W) of each sample, then gamma and beta for each channel.
    return (lambda channels: nn.GroupNorm(1, channels)) if layer_norm else nn.BatchNorm2d if bn else None


def _extra(channels: int, count: int, block: Block) -> Layers:
    layers: Layers = []
    for _ in range(count):
        layers += [nn.Conv2d(channels, channels, 3, 1, 1, bias=False), *block(channels)]
    return layers
