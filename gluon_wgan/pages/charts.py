"""Which curves a page shows, as the JSON that ``charts.js`` draws from."""

from __future__ import annotations

from typing import Any, Optional

import numpy as np

from gluon_wgan.pages.curves import Bins, RunningMedian, axis, series

CHARTS: tuple[tuple[str, str, tuple[tuple[str, str], ...]], ...] = (
    (
        "Wasserstein estimate",
        "\N{MINUS SIGN}Loss_D: mean D(fake) \N{MINUS SIGN} mean D(real), over the critic steps of an iteration",
        (("w_estimate", "estimate"),),
    ),
    ("Critic's loss", "what the critic minimises, over the critic steps of an iteration", (("loss_d", "loss_d"),)),
    ("Generator's loss", "what the generator minimises in its step", (("loss_g", "loss_g"),)),
    ("Critic's scores", "mean over each batch", (("d_real", "D(real)"), ("d_fake", "D(fake)"))),
    ("Gradient penalty", "mean (norm of the gradient \N{MINUS SIGN} 1)², before its weight", (("penalty", "penalty"),)),
    ("Speed", "real images a second that the critic saw", (("images_per_second", "images/s"),)),
)
"""Title, explanation, and columns of ``metrics.csv`` with what a legend calls them."""


class Curves:
    """A run's curves, kept so that a longer ``metrics.csv`` costs only its new rows.

    Parameters
    ----------
    width
        Width of the median filter in iterations, odd; 1 for none.
    """

    def __init__(self, width: int) -> None:
        self.width = width
        self._medians: dict[str, RunningMedian] = {}

    def filtered(self, name: str, values: np.ndarray) -> Optional[np.ndarray]:
        """Return a column median-filtered, or None without a filter."""
        if self.width <= 1:
            return None
        return self._medians.setdefault(name, RunningMedian(self.width)).update(values)

    def chart_data(self, metrics: dict[str, np.ndarray]) -> dict[str, Any]:
        """Return the charts of one run, JSON-able.

        Parameters
        ----------
        metrics
            The columns of ``metrics.csv``, each float64 (rows,).
        """
        bins = Bins(len(metrics["gen_iter"]))
        charts = []
        for title, note, columns in CHARTS:
            if not _worth_showing(title, metrics):
                continue
            curves = [
                {
                    "label": label,
                    "name": name,
                    "axis": 0,
                    "colour": place,
                    **series(metrics[name], self.filtered(name, metrics[name]), bins),
                }
                for place, (name, label) in enumerate(columns)
            ]
            charts.append({"title": title, "note": note, "series": curves})
        return {"filter": self.width, "axes": [axis(metrics, bins)], "charts": charts}


def _worth_showing(title: str, metrics: dict[str, np.ndarray]) -> bool:
    estimated = bool(np.isfinite(metrics["w_estimate"]).any())
    if title == "Wasserstein estimate":
        return estimated
    if title == "Critic's loss":  # elsewhere the estimate upside down
        return not estimated
    return title != "Gradient penalty" or bool(np.any(metrics["penalty"]))
