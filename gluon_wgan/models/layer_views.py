"""Other graphs over a network's layers: what is not simply its output."""

from __future__ import annotations

import warnings
from typing import Any

from mxnet.gluon import HybridBlock


class View(HybridBlock):
    """A graph over the layers of a network, whose parameters it shares and need not all use.

    Parameters
    ----------
    net
        A network of this package, whose layers are in ``net.main``.
    """

    def __init__(self, net: HybridBlock) -> None:
        super().__init__()
        self.net = net

    def layers(self) -> list[HybridBlock]:
        """Return the network's layers in the order in which data passes them."""
        return list(self.net.main._children.values())

    def _build_cache(self, *args: Any) -> None:
        with warnings.catch_warnings():
            # Gluon supposes that a parameter left out is left out by mistake.
            warnings.filterwarnings("ignore", message="Parameter .* is not used by any computation")
            super()._build_cache(*args)
