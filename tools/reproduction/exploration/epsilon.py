"""Section on epsilon: the first critic steps, and the size of weight updates."""

from __future__ import annotations

from typing import Any

import numpy as np

from gluon_wgan.runs.curves import median_filtered
from tools.reproduction.drawing import COLOURS, label_lines, new_figure, save_svg
from tools.reproduction.effects import words
from tools.reproduction.exploration.material import Material
from tools.reproduction.markdown import image, table

TUNED, INSIDE, OUTSIDE = "eps-tuned", "eps-1e-8", "eps-outside"
FILTER = 101
_SHORT = {TUNED: "1e-12 and 1e-14\ninside", INSIDE: "1e-8 inside", OUTSIDE: "1e-8 outside\n(PyTorch)"}
CURVES, STEPS = "epsilon-curves.svg", "epsilon-steps.svg"


def tables(material: Material) -> dict[str, str]:
    """Return the tables of this section, and its figures' places."""
    if not _has_all(material):
        return {}
    seeds = len(material.plan.starts[TUNED].seeds)
    curves = f"-Loss_D of the first critic steps, seed 0: raw and under a median filter of {FILTER}"
    steps = f"Median gradient of each layer, and mean step of a weight in learning rates; means over {seeds} seeds"
    return {
        "epsilon-curves": image(CURVES, material.address, curves),
        "epsilon-instability": _instability(material),
        "epsilon-steps": image(STEPS, material.address, steps),
        "epsilon-layers": _layers(material),
    }


def draw(material: Material) -> None:
    """Draw the figures of this section."""
    if _has_all(material):
        _draw_curves(material)
        _draw_steps(material)


def _has_all(material: Material) -> bool:
    return {TUNED, INSIDE, OUTSIDE} <= material.plan.starts.keys()


def layers(material: Material, net: str) -> list[str]:
    """Return the names of a network's layers, in their order."""
    prefix = f"step/{net}/"
    found = {row.quantity[len(prefix) :] for row in material.results.rows if row.quantity.startswith(prefix)}
    return sorted(found, key=lambda name: (int(name.split(".")[1]), name.split(".")[2] != "gamma", name))


def _instability(material: Material) -> str:
    head = [
        "",
        "distance of the curve from PyTorch's rule",
        "slope's sign changes per 100 steps",
        "total variation / range",
        "noise",
    ]
    rows = []
    for name in (OUTSIDE, TUNED, INSIDE):
        apart = "" if name == OUTSIDE else words(material.mean(name, f"curve_from/{OUTSIDE}"))
        instability = (words(material.mean(name, f"loss_{what}")) for what in ("sign_changes", "travel", "noise"))
        rows.append([material.plan.starts[name].what, apart, *instability])
    return table(head, rows)


def _layers(material: Material) -> str:
    head = ["network", "layer", "median gradient", *(f"step, {name}" for name in (OUTSIDE, TUNED, INSIDE))]
    rows = []
    for net in ("critic", "generator"):
        for layer in layers(material, net):
            gradient = material.mean(TUNED, f"gradient/{net}/{layer}").value
            steps = (f"{material.mean(name, f'step/{net}/{layer}').value:.2f}" for name in (OUTSIDE, TUNED, INSIDE))
            rows.append([net, f"`{layer}`", f"{gradient:.1e}", *steps])
    return table(head, rows)


def _draw_curves(material: Material) -> None:
    figure, (raw, filtered) = new_figure(2)
    # The wide pale line lies under the thin dashed one, which it would hide where both rules give the same curve.
    styles: tuple[dict[str, Any], ...] = ({"linewidth": 4, "alpha": 0.4}, {"linewidth": 1.2, "linestyle": "--"}, {})
    ends = []
    for name, colour, style in zip((OUTSIDE, TUNED, INSIDE), COLOURS, styles):
        curve = np.array(material.starts[f"{name}-seed0"])
        smooth = median_filtered(curve, FILTER)
        # Every fifth step is as much as the width of a page can show.
        raw.plot(range(0, len(curve), 5), curve[::5], color=colour, **{"linewidth": 0.7, **style})
        filtered.plot(range(0, len(curve), 5), smooth[::5], color=colour, **style)
        ends.append((_SHORT[name], colour, float(smooth[-1])))
    for axis, title in ((raw, "raw"), (filtered, f"median of {FILTER}")):
        axis.set_xlabel("critic steps")
        axis.set_title(title)
    raw.set_ylabel("-Loss_D")
    label_lines(filtered, ends)
    save_svg(figure, material.folder / CURVES)


def _draw_steps(material: Material) -> None:
    figure, (axis,) = new_figure(1, height=4.5)
    for name, colour in zip((OUTSIDE, TUNED, INSIDE), COLOURS):
        for net, marker in (("critic", "o"), ("generator", "^")):
            points = [
                (
                    material.mean(TUNED, f"gradient/{net}/{layer}").value,
                    material.mean(name, f"step/{net}/{layer}").value,
                )
                for layer in layers(material, net)
            ]
            label = f"{net}: {material.plan.starts[name].what}"
            # PyTorch's rule as rings, since the tuned epsilons give points inside them.
            ring: dict[str, Any] = {"fillstyle": "none", "markersize": 10} if name == OUTSIDE else {"alpha": 0.8}
            axis.plot(*zip(*points), marker, color=colour, label=label, **ring)
    axis.set_xscale("log")
    axis.set_xlabel("median |gradient| of the layer (with epsilon 1e-12 and 1e-14)")
    axis.set_ylabel("mean |step| of a weight, in learning rates")
    axis.set_ylim(bottom=0)
    axis.legend(frameon=False, fontsize=8, loc="lower right")
    save_svg(figure, material.folder / STEPS)
