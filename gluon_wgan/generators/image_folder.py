"""What ``tools/generate.py`` puts into a folder: images, and ``generate.json``, which says how they were made."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

import numpy as np

from gluon_wgan.data.prepared_data import prepare_data
from gluon_wgan.data.store import Store, open_store
from gluon_wgan.errors import UserError
from gluon_wgan.generators import image_files
from gluon_wgan.generators.latents import BATCH, closed_walk, draw_groups
from gluon_wgan.generators.load import LoadedGenerator
from gluon_wgan.generators.nearest_neighbours import baseline_distances, nearest, root_mean_square
from gluon_wgan.generators.sampler import Sampler
from gluon_wgan.models.generator_spec import generator_spec
from gluon_wgan.runs.checkpoints import STATE
from gluon_wgan.runs.directory import RunDirectory
from gluon_wgan.runs.environment import installed_versions
from gluon_wgan.runs.figures import grid_image
from gluon_wgan.utils import atomic_files
from gluon_wgan.utils.progress_bars import progress_bar
from gluon_wgan.utils.text import csv_name
from gluon_wgan.utils.untrusted import read_json_object

RECORD, IMAGES = "generate.json", "images"
# Rows of the neighbours' image.
SHOWN = 8


@dataclass
class ImageFolder:
    """The files that one generator and one seed give.

    Attributes
    ----------
    record
        What ``generate.json`` will hold; every method adds what it made.
    """

    trained: LoadedGenerator
    sampler: Sampler
    seed: int
    truncate: Optional[float]
    folder: Path
    record: dict[str, Any] = field(default_factory=dict)

    def latent_groups(self) -> Any:
        """Return the seed's latents from the first on."""
        config = self.trained.config
        return draw_groups(self.seed, config.nz, config.latent, self.truncate)

    def first(self, count: int) -> np.ndarray:
        """Return the first images of the seed: uint8 (count, nc, size, size)."""
        return np.concatenate(list(self.sampler.draw_first(self.latent_groups(), count)))

    def write_images(self, count: int) -> None:
        """Write ``images/000000.png`` and so on."""
        (self.folder / IMAGES).mkdir()
        number = 0
        with progress_bar("Images", count, unit="it", leave=False) as bar:
            for images in self.sampler.draw_first(self.latent_groups(), count):
                for image in images:
                    image_files.save_png(self.folder / IMAGES / f"{number:06d}.png", image_files.as_image(image))
                    number += 1
                bar.update(len(images))
        self.record["images"] = count

    def write_grid(self, count: int, columns: int, name: str = "grid.png") -> None:
        """Write the first images of the seed as one image."""
        image_files.save_png(self.folder / name, grid_image(self.first(count), columns))
        self.record["grid"] = {"file": name, "images": count, "columns": columns}

    def write_interpolation(self, keyframes: int, steps: int) -> None:
        """Write a closed walk through the first latents of the seed as a strip, a GIF and, if it works, an MP4."""
        others, kind = next(self.latent_groups()), self.trained.config.latent
        walk = closed_walk(others[:keyframes], steps, kind)
        drawn = self.sampler.draw_each(walk, others)
        frames = np.stack(list(progress_bar("Interpolation", len(walk), unit="it", iterable=drawn, leave=False)))
        image_files.save_strip(self.folder / "interpolation.png", frames, steps)
        image_files.save_gif(self.folder / "interpolation.gif", frames)
        videos = ["interpolation.gif"]
        if image_files.save_mp4(self.folder / "interpolation.mp4", frames):
            videos.append("interpolation.mp4")
        way = "great circles (slerp)" if kind == "normal" else "straight lines"
        self.record["interpolation"] = {
            "files": ["interpolation.png", *videos],
            "latents": f"the first {keyframes} of the seed, and back to the first",
            "steps": steps,
            "along": way,
        }

    def write_neighbours(self, count: int, samples: int, store: Store) -> str:
        """Write ``neighbours.csv`` and ``neighbours.png``, and return in a sentence what they say."""
        images = self.first(samples)
        if images.shape[1:] != store.images.shape[1:]:
            raise UserError(
                f"{store.path} holds images of shape {tuple(store.images.shape[1:])} and the generator makes "
                f"{images.shape[1:]}: give the run's own store with --data."
            )
        numbers, squared = nearest(images, store.images, count, progress=True)
        values = images[0].size
        levels = root_mean_square(squared, values)
        self._write_table(numbers, squared, levels, store)
        closest = np.argsort(squared[:, 0], kind="stable")[:SHOWN]
        found = [[np.asarray(store.images[n : n + 1])[0] for n in numbers[row].tolist()] for row in closest]
        captions = [[f"#{row}", *(f"{level:.1f}" for level in levels[row])] for row in closest.tolist()]
        image_files.save_neighbours(self.folder / "neighbours.png", images[closest], np.array(found), captions)
        baseline = np.median(
            root_mean_square(baseline_distances(store.images, samples, self.seed, progress=True), values)
        )
        middle = np.median(levels[:, 0])
        self.record["neighbours"] = {
            "files": ["neighbours.csv", "neighbours.png"],
            "samples": samples,
            "of_each": count,
            "store_sha256": store.content_sha256,
            "training_images": len(store),
            "median_rms_sample_to_training": float(middle),
            "median_rms_training_to_other_training": float(baseline),
        }
        return (
            f"Half of {samples} samples differ from their nearest training image by less than {middle:.1f} levels a "
            f"value (root mean square), the closest by {levels.min():.1f}; training images differ from their nearest "
            f"other one by {baseline:.1f}. Far smaller numbers for samples would mean copies."
        )

    def _write_table(self, numbers: np.ndarray, squared: np.ndarray, levels: np.ndarray, store: Store) -> None:
        with open(self.folder / "neighbours.csv", "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
            table = csv.writer(file, lineterminator="\n")
            table.writerow(["sample", "rank", "training_number", "training_name", "distance", "rms_levels"])
            for sample, row in enumerate(numbers.tolist()):
                for rank, number in enumerate(row):
                    distance = f"{np.sqrt(squared[sample, rank]):.6f}"
                    level = f"{levels[sample, rank]:.6f}"
                    table.writerow([sample, rank + 1, number, csv_name(store.names[number]), distance, level])

    def write_record(self, name: str = RECORD) -> None:
        """Write ``generate.json``; it holds no time of day, so that the same command gives the same bytes."""
        trained = self.trained
        head = {
            "weights": str(trained.weights),
            "weights_sha256": trained.sha256,
            "generator": generator_spec(trained.config),
            "latents": trained.config.latent,
            "seed": self.seed,
            "truncate": self.truncate,
            "batch_norm": self.sampler.batch_norm,
            "group": BATCH,
            "libraries": installed_versions(),
        }
        atomic_files.write_json(self.folder / name, {**head, **self.record})


def training_images(trained: LoadedGenerator, given: Optional[Path]) -> Store:
    """Open the store that a run was trained on, checked by its hash, or prepare it again.

    Raises UserError when there is none, or it holds other pixels than the run's.
    """
    if given is not None:
        return open_store(given)
    if trained.run is None or trained.folder is None:
        raise UserError(f"{trained.weights} lies in no run directory: name its training images with --data STORE.")
    try:
        wanted = read_json_object(trained.folder / STATE, non_finite=True)["store_sha256"]
        where = str(read_json_object(RunDirectory(trained.run).data_file)["store"])
    except (OSError, ValueError, KeyError):
        raise UserError(f"{trained.run} does not say what it was trained on: give --data STORE.") from None
    try:
        store = open_store(where)
    except UserError:
        store = prepare_data(trained.config, progress=True)
    if store.content_sha256 != wanted:
        raise UserError(f"{store.path} holds other pixels than {trained.run} was trained on: give --data STORE.")
    return store
