"""Time the data pipeline: preparing images against a plain loop, and taking batches from a warm store.

    python benchmarks/data_pipeline.py --images FOLDER

The plain loop is what one would write first: Pillow opens, converts and resizes one image
after the other, and nothing is kept. Preparing also lists, crops, stores and flushes to disk,
from a cold start, helper processes included. Rounds alternate between the contestants, so
that a machine that slows down slows them all; medians and spreads are over rounds.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from functools import partial
from pathlib import Path
from statistics import median
from typing import Callable, Optional

import numpy as np
from PIL import Image

from gluon_wgan.data.batches import BatchStream
from gluon_wgan.data.prepare import prepare
from gluon_wgan.data.sources import DrawnFacesSource, FolderSource, Source
from gluon_wgan.data.store import Store

SIZE, BATCH_SIZE, DRAWN_FACES, BATCHED_IMAGES = 64, 64, 2000, 200_000


def main() -> None:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=Path, metavar="FOLDER", help="images to prepare (default: drawn faces)")
    parser.add_argument("--rounds", type=int, default=5, help="how often everything is timed (default: 5)")
    options = parser.parse_args()
    source: Source = DrawnFacesSource(DRAWN_FACES, 0) if options.images is None else FolderSource(options.images)
    plain = partial(plain_loop, options.images, source)
    contestants: dict[str, Callable[[], object]] = {
        "plain loop, 1 process": plain,
        "prepare, 1 process": partial(prepare_afresh, source, 1),
        "prepare, 2 processes": partial(prepare_afresh, source, 2),
    }
    plain()  # so that every round finds the files in memory
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(options.rounds):
        for name, contestant in contestants.items():
            times[name].append(seconds(contestant))
    print(f"{len(source)} images of {source.label} to {SIZE}x{SIZE} with pil-bilinear, {options.rounds} rounds")
    baseline = median(times["plain loop, 1 process"])
    for name, taken in times.items():
        print(f"  {name:22} {describe(taken, len(source))}  {baseline / median(taken):5.2f}x the plain loop")
    with tempfile.TemporaryDirectory() as cache:
        store = prepare_into(source, 2, cache)
        rounds = [seconds(partial(take_batches, store)) for _ in range(options.rounds + 1)][1:]
    print(f"batches of {BATCH_SIZE} from a warm store")
    print(f"  {'batch stream':22} {describe(rounds, BATCHED_IMAGES)}")


def plain_loop(folder: Optional[Path], source: Source) -> None:
    """Decode (or draw) and resize every image, one after the other."""
    for index, name in enumerate(source.names):
        image = Image.fromarray(source.read(index, 3)) if folder is None else Image.open(folder / name)
        width, height = image.size
        shape = (SIZE, SIZE * height // width) if width < height else (SIZE * width // height, SIZE)
        np.asarray(image.convert("RGB").resize(shape, Image.Resampling.BILINEAR))


def prepare_afresh(source: Source, jobs: int) -> None:
    """Prepare into an empty cache."""
    with tempfile.TemporaryDirectory() as cache:
        prepare_into(source, jobs, cache)


def prepare_into(source: Source, jobs: int, cache: str) -> Store:
    """Prepare every image at the benchmark's size."""
    return prepare(
        source,
        size=SIZE,
        resize="pil-bilinear",
        crop=None,
        nc=3,
        strict=False,
        cache_dir=cache,
        jobs=jobs,
        progress=False,
    )


def take_batches(store: Store) -> None:
    """Take batches until enough images have gone by."""
    start = {"epoch": 0, "position": 0}
    with BatchStream(store, BATCH_SIZE, seed=0, keep_last=True, state=start) as stream:
        taken = 0
        while taken < BATCHED_IMAGES:
            taken += len(next(stream))


def seconds(action: Callable[[], object]) -> float:
    """Return how long a call takes."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def describe(taken: list[float], images: int) -> str:
    """Return the median of some times, their range, and the images a second at the median."""
    middle = median(taken)
    return f"{middle:7.3f} s  ({min(taken):.3f} to {max(taken):.3f})  {images / middle:9,.0f} images/s"


if __name__ == "__main__":
    main()
