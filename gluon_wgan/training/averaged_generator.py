"""A generator whose weights are averaged exponentially over the generator steps."""

from __future__ import annotations

from collections.abc import Mapping

from mxnet import Context, init, nd
from mxnet.gluon import HybridBlock

from gluon_wgan.config.train_config import TrainConfig
from gluon_wgan.models import build_generator


class AveragedGenerator:
    """The average of a generator's weights: after each step ``average = decay * average + (1 - decay) * weights``.

    Running statistics are not averaged but copied, since they are averages over the steps already.

    Parameters
    ----------
    config
        Says what the network is, and the decay (``ema``).
    generator
        What is averaged, from its present weights on.

    Attributes
    ----------
    network : HybridBlock
        A generator with the averaged weights.
    """

    def __init__(self, config: TrainConfig, generator: HybridBlock, context: Context) -> None:
        assert config.ema is not None
        self._decay = config.ema
        self.network = build_generator(config)
        self.network.cast(config.dtype)
        self.network.initialize(init.Zero(), ctx=context)
        own, theirs = self.network._collect_params_with_prefix(), generator._collect_params_with_prefix()
        self._statistics = {name: p.data(context) for name, p in own.items() if p.grad_req == "null"}
        self._pairs = [
            (own[name].data(context), theirs[name].data(context)) for name in own if name not in self._statistics
        ]
        self.start_again()

    def start_again(self) -> None:
        """Take over the generator's present weights."""
        for average, weights in self._pairs:
            weights.copyto(average)

    def update(self) -> None:
        """Average in the weights after a generator step."""
        for average, weights in self._pairs:
            average *= self._decay
            average += (1.0 - self._decay) * weights

    def copy_statistics(self, statistics: Mapping[str, nd.NDArray]) -> None:
        """Take over the generator's running statistics, by name."""
        for name, own in self._statistics.items():
            statistics[name].copyto(own)
