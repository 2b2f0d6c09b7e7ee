"""The full-size problem that every contender solves, and how much arithmetic it is."""

from __future__ import annotations

BATCH, SIZE, NZ, NC, WIDTH = 64, 64, 100, 3, 64
N_CRITIC = 5

# (input channels, output channels, output size) of the critic's 4x4 convolutions; the generator's transposed
# convolutions are the same ones backwards, its first one with NZ inputs for the critic's single output.
CRITIC_LAYERS = [(NC, 64, 32), (64, 128, 16), (128, 256, 8), (256, 512, 4), (512, 1, 1)]


def layer_gflop(inputs: int, outputs: int, size: int) -> float:
    """Return the multiplications and additions of one 4x4 convolution over a batch, in GFLOP."""
    return 2e-9 * BATCH * inputs * outputs * 16 * size * size


def step_gflop() -> tuple[float, float]:
    """Return the least convolution work of a critic step and of a generator step, in GFLOP.

    A critic step needs the generator's forward pass, and the critic's forward pass and the gradients of all
    weights and all inputs but the image's, twice. A generator step needs the generator's forward pass and
    all gradients but the latent's, and the critic's forward pass and input gradients.
    """
    critic = sum(layer_gflop(*layer) for layer in CRITIC_LAYERS)
    first = layer_gflop(*CRITIC_LAYERS[0])
    latent = layer_gflop(NZ, 512, 4)
    generator = critic - layer_gflop(*CRITIC_LAYERS[-1]) + latent
    return generator + 2 * (3 * critic - first), 3 * generator - latent + 2 * critic
