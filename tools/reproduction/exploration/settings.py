"""Section on schedule, clip, batch norm and initialisation, one change at a time."""

from __future__ import annotations

import numpy as np

from tools.reproduction.drawing import COLOURS, new_figure, save_panels, save_svg
from tools.reproduction.effects import words
from tools.reproduction.evaluation import draw_samples
from tools.reproduction.exploration.material import BASE, Material
from tools.reproduction.markdown import image, table
from tools.reproduction.weights import BINS

SCHEDULE = ("no-warmup",)
CLIP = ("clip-0005", "clip-002", "clip-after", "bn-unclipped")
INITIALISATION = ("init-mxnet",)
HISTOGRAM, SAMPLES = "clip-weights.svg", "settings-samples.png"
_SAMPLED = (BASE, *SCHEDULE, *CLIP, *INITIALISATION)
_SHOWN = 16


def tables(material: Material) -> dict[str, str]:
    """Return the tables of these sections, and their figures' places."""
    changes = {"schedule-table": SCHEDULE, "clip-table": CLIP, "initialisation-table": INITIALISATION}
    found = {block: _table(material, names) for block, names in changes.items() if material.runs(names)}
    if material.runs(CLIP):
        caption = (
            "Where the critic's convolution weights lie after its last update, in units of the bound; means over seeds"
        )
        found["clip-weights"] = image(HISTOGRAM, material.address, caption)
    if len(material.runs(_SAMPLED)) > 1:
        caption = f"Samples after {material.end:,} generator iterations, seed 0, from the same noise"
        found["settings-samples"] = image(SAMPLES, material.address, caption)
    return found


def draw(material: Material) -> None:
    """Draw the figures of these sections."""
    if material.runs(CLIP):
        _draw_histogram(material)
    others = material.runs(_SAMPLED)
    if len(others) > 1:
        panels = [
            (run.what, draw_samples(material.task(run.name), _iteration(material, run.name), _SHOWN)) for run in others
        ]
        save_panels(material.folder / SAMPLES, panels)


def _iteration(material: Material, name: str) -> int:
    """Return the iteration of a run at which it has as many generator iterations as the others."""
    moments = material.plan.runs[name].moments
    return material.end if material.end in moments else moments[-1]


def _table(material: Material, names: tuple[str, ...]) -> str:
    head = ["", "generator iterations", "SWD", "difference", "Frechet", "difference", "weights at the bound"]
    rows = []
    for run in material.runs([BASE, *names]):
        for iteration in (iteration for iteration in run.moments if iteration >= material.end):
            cells = [run.what, f"{iteration:,}"]
            for quantity in ("swd", "frechet"):
                apart = (
                    ""
                    if run.name == BASE
                    else words(material.against_base(run.name, quantity, iteration), 3, sign=True)
                )
                cells += [words(material.mean(run.name, quantity, iteration)), apart]
            rows.append([*cells, f"{100 * material.mean(run.name, 'at_bound', iteration).value:.0f} %"])
    return table(head, rows)


def _draw_histogram(material: Material) -> None:
    figure, (axis,) = new_figure(1, height=3.8)
    places = np.linspace(-1, 1, BINS)
    for run, colour in zip(material.runs([BASE, *CLIP]), COLOURS):
        shares = [material.mean(run.name, f"weights_{number:02d}").value for number in range(BINS)]
        axis.step(places, [100 * share for share in shares], where="mid", color=colour, label=run.what)
    axis.set_xlabel("weight / bound")
    axis.set_ylabel("% of the weights")
    axis.legend(frameon=False, fontsize=8)
    save_svg(figure, material.folder / HISTOGRAM)
