"""How the workers of a run exchange gradients; here the exchange of one that trains alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Callable, Optional, Protocol

import numpy as np

# Arrays of one device, in the order of the network's parameters.
Row = list[Any]


class PartnerLost(Exception):
    """Another process of the run no longer answers; the message names what is known of it."""


class StopRequest(Protocol):
    """Says whether training shall stop, and by which signal."""

    @property
    def signum(self) -> Optional[int]:
        """The signal, None while there is none."""


class Exchange:
    """All devices are in this process: nothing travels.

    Attributes
    ----------
    rank, workers
        Which worker this is, and how many there are; worker 0 writes the run directory.
    devices
        How many devices all workers have.
    own
        Which of them are this worker's.
    about
        What ``environment.json`` says of the exchange.
    """

    rank, workers = 0, 1

    def __init__(self, devices: int = 1) -> None:
        self.devices, self.own = devices, slice(0, devices)
        self.about: dict[str, Any] = {}
        self.lost = False  # then an operation is pending that never ends, and waiting for all would not either

    def collect(
        self, name: str, own: list[Row], report: Callable[[], np.ndarray]
    ) -> tuple[list[Row], Optional[np.ndarray]]:
        """Return rows to be added in order, whose sum is that over all devices, and the reports of all devices.

        Raises PartnerLost when another process no longer answers. Nothing has been changed then.

        Parameters
        ----------
        report
            Returns a float32 (own devices, n) that travels with them.
        """
        return own, None

    def shared(self, watch: StopRequest) -> StopRequest:
        """Return a stop request on which all workers agree, from this worker's own."""
        return watch

    def agree(self, facts: Mapping[str, Any]) -> None:
        """Refuse to train unless these facts are the same for all workers."""

    def leave(self) -> None:
        """Part from the other workers when all have come to their end."""
