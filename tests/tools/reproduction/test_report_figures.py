"""The confirmation's figures, from numbers whose images are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tools.reproduction.drawing import ENLARGED, label_lines, new_figure, save_panels
from tools.reproduction.report import epsilon_figures as figures
from tools.reproduction.results import Results, Row


def test_step_ratios_are_those_of_the_same_layer_width_and_seed():
    rows = [
        Row(f"eps-{rule}-nf8", seed, 25, f"{kind}/{layer}", value * (1 + seed))
        for seed in (3, 4)
        for rule, kind, layer, value in (
            ("tuned", "step", "critic/main.0.weight", 0.8),
            ("1e-8", "step", "critic/main.0.weight", 0.2),
            ("tuned", "gradient", "critic/main.0.weight", 3e-5),
            ("1e-8", "gradient", "critic/main.0.weight", 7e-5),
        )
    ]
    found = figures.step_ratios(Results(rows), "-nf8", 3)
    assert [layer for layer, *_ in found] == ["critic/main.0.weight"]
    assert found[0][1:] == pytest.approx((1.2e-4, 0.25))
    assert figures.step_ratios(Results(rows), "-nf16", 3) == []


@pytest.mark.slow
def test_figures_are_drawn_alike_each_time(tmp_path: Path):
    rng = np.random.default_rng(0)
    curves = {rule: [np.exp(-np.arange(300) / 100) + rng.uniform(0, 0.01, 300)] * 2 for rule in figures.RULES}
    ratios = {(size, width): [("a", 1e-5 * width, 0.5)] for size in (32, 64) for width in (8, 16)}
    contents = []
    for folder in ("one", "two"):
        figures.draw_long_curves(curves, tmp_path / folder / "a.svg")
        figures.draw_step_ratios(ratios, tmp_path / folder / "b.svg")
        contents.append([(tmp_path / folder / name).read_bytes() for name in ("a.svg", "b.svg")])
    assert contents[0] == contents[1] and all(b"<svg" in content for content in contents[0])


def test_labels_keep_apart_and_inside():
    _, (axis,) = new_figure()
    for y in (1.0, 1.0, 0.999):
        axis.plot([0, 1], [0, y])
    label_lines(axis, [("first", "red", 1.0), ("second\nof two lines", "blue", 1.0), ("third", "black", 0.999)])
    places = sorted(note.xy[1] for note in axis.texts)
    assert len(places) == 3 and places[-1] <= 1 and min(np.diff(places)) > 0.05
    _, (axis,) = new_figure()
    axis.plot([0, 1], [0, 10])
    axis.set_ylim(0, 10)
    label_lines(axis, [("middle", "red", 5.0)])
    assert axis.texts[0].xy[1] == pytest.approx(0.5)


def test_samples_are_enlarged_squares_and_no_caption_is_cut_off(tmp_path: Path):
    images = np.random.default_rng(0).integers(0, 2, (4, 3, 8, 8), dtype=np.uint8) * 255  # eight colors
    save_panels(tmp_path / "a.png", [("short", images), ("longer than the panel is", images)], columns=4)
    sheet = np.asarray(Image.open(tmp_path / "a.png").convert("RGB"))
    wide, high = 4 * (8 + 2) + 2, (8 + 2) + 2
    top = sheet.shape[0] - ENLARGED * high
    first = sheet[top + 2 * ENLARGED : top + 10 * ENLARGED, 2 * ENLARGED : 10 * ENLARGED]
    np.testing.assert_array_equal(first, images[0].transpose(1, 2, 0).repeat(ENLARGED, 0).repeat(ENLARGED, 1))
    # The right panel's caption has white to its right, up to the sheet's edge and beyond its last letter.
    caption = sheet[:top, -ENLARGED * wide :].min(axis=(0, 2))
    assert (caption < 128).any() and (caption[-1:] > 128).all()
