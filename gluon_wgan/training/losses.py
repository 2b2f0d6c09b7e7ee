"""What critic and generator minimise, as a function of the critic's scores.

One sign everywhere for the Wasserstein objectives: the critic minimises ``loss_d = mean D(real) - mean
D(fake)`` and the generator ``loss_g = mean D(G(z))``, as the reference does. The gradient penalty of
``wgan-gp`` is added by :mod:`gluon_wgan.training.gradient_penalty`.
"""

from __future__ import annotations

from mxnet import nd

from gluon_wgan.config.train_config import TrainConfig


class Wasserstein:
    """Arjovsky et al. 2017, Algorithm 1: scores are real numbers, and the losses are their means."""

    @staticmethod
    def real(scores: nd.NDArray) -> nd.NDArray:
        """Return the critic's loss (n,) for the scores (n,) of real images."""
        return scores

    @staticmethod
    def fake(scores: nd.NDArray) -> nd.NDArray:
        """Return the critic's loss (n,) for the scores (n,) of fakes."""
        return -scores

    @staticmethod
    def generator(scores: nd.NDArray) -> nd.NDArray:
        """Return the generator's loss (n,) for the scores (n,) of its images."""
        return scores


class CrossEntropy:
    """Sigmoid cross-entropy from logits, high for real (Radford et al. 2016; Goodfellow et al. 2014).

    The generator minimises -log D(G(z)), the form that does not saturate.
    """

    @staticmethod
    def real(scores: nd.NDArray) -> nd.NDArray:
        """Return the critic's loss -log sigmoid(score) (n,) for real images."""
        return nd.Activation(-scores, act_type="softrelu")

    @staticmethod
    def fake(scores: nd.NDArray) -> nd.NDArray:
        """Return the critic's loss -log(1 - sigmoid(score)) (n,) for fakes."""
        return nd.Activation(scores, act_type="softrelu")

    @staticmethod
    def generator(scores: nd.NDArray) -> nd.NDArray:
        """Return the generator's loss -log sigmoid(score) (n,)."""
        return nd.Activation(-scores, act_type="softrelu")


def build_objective(config: TrainConfig) -> type[Wasserstein] | type[CrossEntropy]:
    """Return the losses that a configuration names."""
    return CrossEntropy if config.objective == "dcgan" else Wasserstein
