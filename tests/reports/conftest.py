"""Run directories without training, and the browser to look at their pages with."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gluon_wgan.config.train_config import preset_config
from gluon_wgan.runs.metrics_csv import COLUMNS
from tests.browser import ask, browse

__all__ = ["ask", "browse"]


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a run directory as training leaves it; keywords are options of the run."""

    def make(
        name: str = "run",
        rows: int = 230,
        preset: str = "demo",
        samples: tuple[int, ...] = (0, 100, 200),
        **options: Any,
    ) -> Path:
        path = tmp_path / name
        (path / "samples").mkdir(parents=True)
        (path / "checkpoints").mkdir()
        config = preset_config(preset, image_size=16, **options)
        (path / "config.json").write_text(json.dumps(config.to_json()))
        (path / "environment.json").write_text(json.dumps({"python": "3.11.7", "command": ["train_wgan.py", "--a<b>"]}))
        made = {"resize": "cv2-bicubic", "size": 16, "nc": 3, "libraries": {"opencv-python": "4.11"}}
        data = {"store": "/nowhere", "images": 1234, "skipped": 5, "content_sha256": "ab" * 32, "made_from": made}
        (path / "data.json").write_text(json.dumps({**data, "resize_warning": "--resize cv2 aliases <here>"}))
        write_metrics(path / "metrics.csv", rows)
        rng = np.random.default_rng(0)
        for stem in ("real", *(f"fake_{one:06d}" for one in samples)):
            pixels = rng.integers(256, size=(8 * 18 + 2, 8 * 18 + 2, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(path / "samples" / f"{stem}.png")
        return path

    return make


def write_metrics(path: Path, rows: int, seed: int = 0) -> None:
    """Write a metrics.csv of noisy curves, values as repr gives them."""
    rng = np.random.default_rng(seed)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for row in range(1, rows + 1):
            values = dict(zip(COLUMNS[3:], rng.normal(size=9).tolist()))
            values.update(seconds=abs(values["seconds"]), penalty=0.0, w_estimate=-values["loss_d"])
            writer.writerow({"gen_iter": row, "epoch": row // 50, "critic_steps": 5, **values})


def read_csv(path: Path) -> dict[str, list[float]]:
    """Read a metrics.csv with the standard library alone."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return {name: [float(row[name]) for row in rows] for name in rows[0]}
