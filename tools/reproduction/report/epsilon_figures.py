"""The report's figures of epsilon: -Loss_D to 1,000 generator iterations, and steps by the size of gradients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.ticker import NullLocator

from gluon_wgan.runs.curves import median_filtered
from gluon_wgan.runs.metrics_csv import read_metrics
from tools.reproduction.drawing import COLOURS, label_lines, new_figure, save_svg
from tools.reproduction.results import Results

RULES = {
    "eps-outside": "1e-8 outside\n(PyTorch)",
    "eps-tuned": "1e-12 and 1e-14\ninside",
    "eps-1e-8": "1e-8 inside",
}
FILTER = 101
LONG_CURVES, STEP_RATIOS = "epsilon-curves.svg", "epsilon-steps.svg"
_MARKERS = ("o", "s", "^", "D")
_TICKS = (0.1, 0.2, 0.5, 1)


def long_curves(folder: Path, seeds: Sequence[int]) -> dict[str, list[np.ndarray]]:
    """Return -Loss_D per generator iteration of the runs to 1,000 iterations, from their metrics.csv, by rule.

    Parameters
    ----------
    folder
        What tools/reproduce.py was given as ``--out``.
    seeds
        Those that are shown; a seed without a run is left out.
    """
    files = {rule: [folder / "runs" / f"{rule}-1000-seed{seed}" / "metrics.csv" for seed in seeds] for rule in RULES}
    return {
        rule: [np.array(read_metrics(path)["w_estimate"]) for path in paths if path.is_file()]
        for rule, paths in files.items()
    }


def draw_long_curves(curves: Mapping[str, Sequence[np.ndarray]], path: Path) -> None:
    """Draw -Loss_D of each rule over the generator iterations: raw, and under the paper's median filter.

    Parameters
    ----------
    curves
        By rule, one float (iterations,) for each seed.
    """
    figure, (raw, filtered) = new_figure(2)
    # The wide pale line lies under the thin dashed one, which it would hide where both rules give the same curve.
    styles: tuple[dict[str, Any], ...] = ({"linewidth": 4, "alpha": 0.4}, {"linewidth": 1.2, "linestyle": "--"}, {})
    ends = []
    for (rule, label), color, style in zip(RULES.items(), COLOURS, styles):
        for number, curve in enumerate(curves.get(rule, ())):
            iterations = np.arange(1, len(curve) + 1)
            if number == 0:
                raw.plot(iterations, curve, color=color, **{"linewidth": 0.7, **style})
            smooth = median_filtered(curve, FILTER)
            filtered.plot(iterations, smooth, color=color, **style)
            if number == 0:
                ends.append((label, color, float(smooth[-1])))
    for axis, title in ((raw, "raw, first seed"), (filtered, f"median of {FILTER}, every seed")):
        axis.set_xlabel("generator iterations")
        axis.set_title(title)
        axis.set_yscale("log")
    raw.set_ylabel("-Loss_D, log scale")
    label_lines(filtered, ends)
    save_svg(figure, path)


def step_ratios(results: Results, suffix: str, seed: int) -> list[tuple[str, float, float]]:
    """Return for each layer its name, its median gradient, and its mean step with epsilon 1e-8 over the tuned one.

    Parameters
    ----------
    results
        Rows of watched starts of one image size.
    suffix
        Of the starts' names: ``-nf8``, or nothing for width 32 at 32x32.
    """
    tuned, inside = f"eps-tuned{suffix}", f"eps-1e-8{suffix}"
    found = []
    for row in results.rows:
        if (row.run, row.seed) == (tuned, seed) and row.quantity.startswith("step/"):
            layer = row.quantity[len("step/") :]
            gradient = results.value(tuned, f"gradient/{layer}", row.gen_iter, seed)
            found.append((layer, gradient, results.value(inside, row.quantity, row.gen_iter, seed) / row.value))
    return found


def draw_step_ratios(ratios: Mapping[tuple[int, int], Sequence[tuple[str, float, float]]], path: Path) -> None:
    """Draw how far epsilon 1e-8 shortens the steps of every layer, against the size of its gradients.

    Parameters
    ----------
    ratios
        By (image size in pixels, width), what `step_ratios` returns.
    """
    sizes, widths = (sorted({key[place] for key in ratios}) for place in (0, 1))
    figure, axes = new_figure(len(sizes), height=4.5)
    for axis, size in zip(axes, sizes):
        for width, color, marker in zip(widths, COLOURS, _MARKERS):
            points = [(gradient, ratio) for _, gradient, ratio in ratios.get((size, width), ())]
            if points:
                axis.plot(*zip(*sorted(points)), marker, color=color, alpha=0.8, label=f"width {width}")
        axis.axhline(1, color="black", linewidth=0.8)
        axis.axvline(1e-4, color="black", linewidth=0.8, linestyle=":", label="1e-4, the root of 1e-8")
        axis.set_xscale("log")
        axis.set_yscale("log")
        axis.set_yticks(_TICKS, [f"{tick:g}" for tick in _TICKS])
        axis.yaxis.set_minor_locator(NullLocator())
        axis.set_title(f"{size}x{size}")
        axis.set_xlabel("median |gradient| of the layer")
        axis.legend(frameon=False, fontsize=8, loc="lower right")
    axes[0].set_ylabel("mean step with epsilon 1e-8 inside\nover that with 1e-12 and 1e-14")
    save_svg(figure, path)
