"""The problems that every contender solves, and how much arithmetic they are."""

from __future__ import annotations

from dataclasses import dataclass

BATCH, NZ, NC = 64, 100, 3
N_CRITIC = 5


@dataclass(frozen=True)
class Problem:
    """A DCGAN pair for colour images of ``size`` pixels, with ``width`` channels in its widest images."""

    size: int
    width: int

    def critic_layers(self) -> list[tuple[int, int, int]]:
        """Return (input channels, output channels, output size) of the critic's 4x4 convolutions.

        The generator's transposed convolutions are the same ones backwards, its first one with NZ inputs for the
        critic's single output.
        """
        layers = [(NC, self.width, self.size // 2)]
        while layers[-1][2] > 4:
            _, channels, size = layers[-1]
            layers.append((channels, 2 * channels, size // 2))
        return [*layers, (layers[-1][1], 1, 1)]

    def step_gflop(self) -> tuple[float, float]:
        """Return the least convolution work of a critic step and of a generator step, in GFLOP.

        A critic step needs the generator's forward pass, and the critic's forward pass and the gradients of all
        weights and all inputs but the image's, twice. A generator step needs the generator's forward pass and
        all gradients but the latent's, and the critic's forward pass and input gradients.
        """
        layers = self.critic_layers()
        critic = sum(layer_gflop(*layer) for layer in layers)
        first = layer_gflop(*layers[0])
        latent = layer_gflop(NZ, layers[-1][0], 4)
        generator = critic - layer_gflop(*layers[-1]) + latent
        return generator + 2 * (3 * critic - first), 3 * generator - latent + 2 * critic


PROBLEMS = {"full": Problem(64, 64), "small": Problem(32, 16)}


def layer_gflop(inputs: int, outputs: int, size: int) -> float:
    """Return the multiplications and additions of one 4x4 convolution over a batch, in GFLOP."""
    return 2e-9 * BATCH * inputs * outputs * 16 * size * size
