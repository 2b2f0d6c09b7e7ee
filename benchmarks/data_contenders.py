"""The contenders of `data_pipeline`, each to be run in a process of its own, which prints what it took.

    python benchmarks/data_contenders.py NAME FOLDER ROUND [LIMIT]

FOLDER holds folders of images, as ImageFolderDataset wants them; for batches it is a store.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
import warnings
from functools import partial
from pathlib import Path
from typing import Callable, Optional

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

SIZE, BATCH_SIZE, WORKERS, BATCHED_IMAGES = 64, 64, 2, 200_000

# What is ready to be timed; it returns how many images went by.
Ready = Callable[[], int]


def plain_loop(folder: Path) -> Ready:
    """Return a loop as one would first write it: Pillow opens, converts and resizes, and nothing is kept."""

    def run() -> int:
        paths = images_in(folder)
        for path in paths:
            square(path)
        return len(paths)

    return run


def bare_calls(folder: Path) -> Ready:
    """Return what no preparation with these libraries can do without: the fastest decoder, and Pillow's resize."""
    import simplejpeg

    def run() -> int:
        paths = images_in(folder)
        for path in paths:
            pixels = simplejpeg.decode_jpeg(path.read_bytes())
            image = Image.frombuffer("RGB", pixels.shape[1::-1], pixels, "raw", "RGB", 0, 1)
            image.resize((SIZE, SIZE), Image.Resampling.BILINEAR)
        return len(paths)

    return run


def images_in(folder: Path) -> list[Path]:
    """Return the images in the folders of a folder."""
    return sorted(path for path in folder.glob("*/*") if path.suffix in (".jpg", ".png"))


def square(path: Path) -> np.ndarray:
    """Return the middle of one image, its short side resized to 64 pixels, as uint8 (64, 64, 3)."""
    image = Image.open(path).convert("RGB")
    short = min(image.size)
    image = image.resize([SIZE * side // short for side in image.size], Image.Resampling.BILINEAR)
    left, top = ((side - SIZE) // 2 for side in image.size)
    return np.asarray(image.crop((left, top, left + SIZE, top + SIZE)))


def prepare(folder: Path, backend: str, jobs: int, limit: Optional[int] = None) -> Ready:
    """Return what lists, decodes, crops, resizes, stores and hashes the images, and flushes them to disk."""
    import numpy as np

    from gluon_wgan.data.preparation import Preparation, prepare
    from gluon_wgan.data.resize import resize
    from gluon_wgan.data.sources import FolderSource, Source, sample

    resize(np.zeros((2, 2, 3), np.uint8), (1, 1), backend)  # loads its library
    how = Preparation(SIZE, backend, crop=None, nc=3, strict=True, jobs=jobs, progress=False)

    def run() -> int:
        source: Source = FolderSource(folder)
        if limit is not None:
            source = sample(source, limit, seed=0)
        with tempfile.TemporaryDirectory() as cache:
            return len(prepare(source, how, cache))

    return run


def batches(store: Path) -> Ready:
    """Return what takes shuffled batches from a store that is in memory already."""
    from gluon_wgan.data.batches import BatchStream
    from gluon_wgan.data.store import open_store

    opened = open_store(store)

    def run() -> int:
        taken = 0
        with BatchStream(opened, BATCH_SIZE, 0, True, {"epoch": 0, "position": 0}) as stream:
            while taken < BATCHED_IMAGES:
                taken += len(next(stream))
        return taken

    run()  # so that every page of the store has been seen
    return run


def gluon_loader(folder: Path, threads: Optional[int] = None) -> Ready:
    """Return Gluon's DataLoader over an ImageFolderDataset, with the transforms that it brings."""
    if threads is not None:
        os.environ["OMP_NUM_THREADS"] = str(threads)
    from gluon_wgan import compat

    compat.prepare()  # MXNet does not load beside NumPy 1.24 without it
    from mxnet.gluon.data import DataLoader
    from mxnet.gluon.data.vision import ImageFolderDataset, transforms

    warnings.simplefilter("ignore")  # it names each file that is no image

    def run() -> int:
        shaped = transforms.Compose([transforms.Resize(SIZE, keep_ratio=True), transforms.CenterCrop(SIZE)])
        data = ImageFolderDataset(str(folder)).transform_first(shaped)
        loader = DataLoader(data, BATCH_SIZE, shuffle=True, last_batch="keep", num_workers=WORKERS)
        return sum(len(images.asnumpy()) for images, _ in loader)

    return run


def torch_loader(folder: Path) -> Ready:
    """Return torch's DataLoader over the plain loop's work."""
    import torch
    from torch.utils.data import DataLoader, Dataset

    class Images(Dataset):
        def __init__(self) -> None:
            self.paths = images_in(folder)

        def __len__(self) -> int:
            return len(self.paths)

        def __getitem__(self, index: int) -> torch.Tensor:
            return torch.from_numpy(square(self.paths[index]).transpose(2, 0, 1).copy())

    def run() -> int:
        return sum(len(images) for images in DataLoader(Images(), BATCH_SIZE, shuffle=True, num_workers=WORKERS))

    return run


def ready(name: str, folder: Path, limit: Optional[int]) -> Ready:
    """Return the contender of a name, which is one of those below or ``BACKEND:JOBS``."""
    others: dict[str, Callable[[Path], Ready]] = {
        "plain": plain_loop,
        "bare": bare_calls,
        "gluon": gluon_loader,
        "gluon-1": partial(gluon_loader, threads=1),
        "torch": torch_loader,
        "batches": batches,
    }
    if name in others:
        return others[name](folder)
    backend, jobs = name.split(":")
    return prepare(folder, backend, int(jobs), limit)


def cpu_seconds() -> float:
    """Return the time that this process and those it has ended have been computing."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


def main() -> None:
    """Run one contender once."""
    name, folder, turn, limit = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), [*sys.argv[4:], None][0]
    # Where a process's memory happens to lie decides whether Pillow decodes a 224x224 JPEG in 0.18 or 0.29 ms,
    # for all of its life. Each round has another start, so that luck evens out.
    shift = [bytes(100_000 + 16 * turn), bytes(1_000 + 16 * turn)]
    contender = ready(name, folder, None if limit is None else int(limit))
    before, start = cpu_seconds(), time.perf_counter()
    images = contender()
    took = {"images": images, "seconds": time.perf_counter() - start, "cpu": cpu_seconds() - before}
    took["peak_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    took["helper_peak_mib"] = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    del shift
    print(json.dumps(took))


if __name__ == "__main__":
    main()
