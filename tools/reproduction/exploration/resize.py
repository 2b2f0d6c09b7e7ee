"""Section on resizing: the data, and the samples of networks trained on it."""

from __future__ import annotations

import numpy as np

from gluon_wgan.data.store import open_store
from tools.reproduction.drawing import COLOURS, new_figure, save_panels, save_svg
from tools.reproduction.effects import rank_correlation, words
from tools.reproduction.evaluation import draw_samples
from tools.reproduction.exploration.material import BASE, Material
from tools.reproduction.markdown import image, table

OTHERS = ("pil-bicubic", "cv2-area", "cv2-bilinear", "cv2-bicubic")
DISTANCES, SAMPLES = "resize-distances.svg", "resize-samples.png"
_SHOWN = 16


def tables(material: Material) -> dict[str, str]:
    """Return the tables of this section, and its figures' places."""
    runs = material.runs([BASE, *OTHERS])
    if len(runs) < 2:
        return {}
    distances = (
        "Left: distance of samples, and of real training images, to held-out images resized with Pillow bilinear. "
        "Right: detail of the samples over detail of the images they were learned from"
    )
    samples = f"Real images and samples after {material.end:,} generator iterations, seed 0, from the same noise"
    details = [
        (material.results.value(f"data-{run.resize}", "detail", 0), material.mean(run.name, "detail").value)
        for run in runs
    ]
    return {
        "resize-table": _table(material),
        "resize-own": _own(material),
        "resize-distances": image(DISTANCES, material.address, distances),
        "resize-samples": image(SAMPLES, material.address, samples),
        "resize-detail": (
            f"Rank correlation of the data's detail with the samples', over these {len(runs)} backends: "
            f"{rank_correlation(*zip(*details)):.2f}."
        ),
    }


def draw(material: Material) -> None:
    """Draw the figures of this section."""
    if len(material.runs([BASE, *OTHERS])) > 1:
        _draw_distances(material)
        _draw_samples(material)


def _table(material: Material) -> str:
    head = [
        "trained on",
        "SWD, real images",
        "SWD, samples",
        "difference from pil-bilinear",
        "Frechet, real",
        "Frechet, samples",
        "difference from pil-bilinear",
    ]
    rows = []
    for run in material.runs([BASE, *OTHERS]):
        cells: list[str] = [run.resize]
        for quantity in ("swd", "frechet"):
            apart = "" if run.name == BASE else words(material.against_base(run.name, quantity), 3, sign=True)
            real = material.results.value(f"data-{run.resize}", quantity, 0)
            cells += [f"{real:.3g}", words(material.mean(run.name, quantity)), apart]
        rows.append(cells)
    return table(head, rows)


def _own(material: Material) -> str:
    head = [
        "trained on",
        "SWD to its own kind",
        "Frechet to its own kind",
        "detail of the data",
        "detail of the samples",
    ]
    rows = []
    for run in material.runs([BASE, *OTHERS]):
        suffix = "" if run.name == BASE else "_own"
        own = [words(material.mean(run.name, f"{quantity}{suffix}")) for quantity in ("swd", "frechet")]
        data = material.results.value(f"data-{run.resize}", "detail", 0)
        rows.append([run.resize, *own, f"{data:.1f}", words(material.mean(run.name, "detail"))])
    return table(head, rows)


def _draw_distances(material: Material) -> None:
    figure, (left, right) = new_figure(2)
    runs = material.runs([BASE, *OTHERS])
    places = np.arange(len(runs))
    means = [material.mean(run.name, "swd") for run in runs]
    left.bar(places - 0.2, [mean.value for mean in means], 0.4, color=COLOURS[0], label="samples")
    for place, run in zip(places, runs):
        values = list(material.results.by_seed(run.name, "swd", material.end).values())
        left.plot([place - 0.2] * len(values), values, ".", color="black", label="one seed" if place == 0 else None)
    real = [material.results.value(f"data-{run.resize}", "swd", 0) for run in runs]
    left.bar(places + 0.2, real, 0.4, color=COLOURS[4], label="real images")
    left.set_xticks(places, [run.resize for run in runs], rotation=20)
    left.set_ylabel("SWD to held-out pil-bilinear")
    left.margins(y=0.3)
    left.legend(frameon=False, fontsize=8, loc="upper left")
    for run, colour in zip(runs, COLOURS):
        data = material.results.value(f"data-{run.resize}", "detail", 0)
        values = list(material.results.by_seed(run.name, "detail", material.end).values())
        right.plot([data] * len(values), values, "o", color=colour, label=run.resize)
    right.axline((25, 25), slope=1, color="gray", linewidth=1, linestyle=":")
    right.set_xlabel("detail of the training images (mean |Laplacian|, levels)")
    right.set_ylabel("detail of the samples")
    right.legend(frameon=False, fontsize=8)
    save_svg(figure, material.folder / DISTANCES)


def _draw_samples(material: Material) -> None:
    panels = []
    for run in material.runs([BASE, "cv2-area", "cv2-bilinear", "cv2-bicubic"]):
        task = material.task(run.name)
        images = open_store(task.store).images
        real = np.asarray(images.take(np.arange(min(_SHOWN, len(images))), 0))
        panels.append((f"real, {run.resize}", real))
        panels.append((f"samples, trained on {run.resize}", draw_samples(task, material.end, _SHOWN)))
    save_panels(material.folder / SAMPLES, panels)
