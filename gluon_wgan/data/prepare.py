"""Decode, crop and resize every image once, with a named backend, into a store that later runs reuse.

A store's name ends in a hash of everything that decides its pixels, so a store of the right
name has the right pixels.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from os import PathLike
from pathlib import Path
from typing import Any, Optional, Union

from tqdm import tqdm

from gluon_wgan.data.atomic import flush_to_disk, locked, remove_litter, replacing
from gluon_wgan.data.decode import COLOUR_HANDLING
from gluon_wgan.data.geometry import Box
from gluon_wgan.data.resize import BACKENDS, canonical_name, library_versions
from gluon_wgan.data.sources import Source
from gluon_wgan.data.store import FORMAT_VERSION, PIXELS, SKIPPED, Store, open_store, write_descriptions
from gluon_wgan.data.workers import Task, run_task
from gluon_wgan.errors import UserError
from gluon_wgan.progress import redraw_seconds

log = logging.getLogger("gluon_wgan.data")

_NAMED_IN_LOG = 5


def prepare(
    source: Source,
    *,
    size: int,
    resize: str,
    crop: Optional[Box],
    nc: int,
    strict: bool,
    cache_dir: Union[str, PathLike[str]],
    jobs: int,
    progress: bool,
) -> Store:
    """Return the store of a source's prepared images, building it if it is not there yet.

    The pixels are the same for any number of jobs.

    Parameters
    ----------
    source
        The images.
    size
        Height and width of the prepared images, in pixels.
    resize
        Name of the resize backend.
    crop
        Box (left, top, right, bottom) to cut out before resizing, in pixels, or None.
    nc
        Channels: 1 (grey) or 3 (RGB).
    strict
        Whether one unusable image is an error; otherwise it is skipped and listed in the store.
    cache_dir
        The folder that holds stores; made if missing.
    jobs
        How many processes may work at once, this one included.
    progress
        Whether to show a progress bar on stderr.

    Raises
    ------
    UserError
        If an option is out of range, no image can be used, one cannot and `strict` is set, or
        the cache folder cannot be written.
    """
    if jobs < 1:
        raise UserError(f"{jobs} processes cannot prepare images: use 1 or more.")
    made_from = recipe(source, size=size, resize=resize, crop=crop, nc=nc)
    key = recipe_key(made_from)
    backend = made_from["resize"]
    label = re.sub(r"[^\w.-]+", "-", source.label).strip("-.")[:40] or "images"
    final = Path(cache_dir) / f"{label}-{size}px-{backend}-{key[:16]}"
    try:
        store = _usable_store(final)
        if store is None:
            final.parent.mkdir(parents=True, exist_ok=True)
            remove_litter(final.parent)
            with locked(final):
                store = _usable_store(final)  # the process that had the lock may have made it
                if store is None:
                    with replacing(final) as partial:
                        task = Task(source, size, crop, nc, backend, partial / PIXELS)
                        _write_store(task, {"key": key, "made_from": made_from}, strict, jobs, progress)
                    store = open_store(final)
    except OSError as error:
        raise UserError(
            f"Cannot keep prepared images in {cache_dir} ({error.strerror or error}): "
            "free space there or choose another cache folder."
        ) from error
    _report(store.skipped, store.path, strict)
    return store


def recipe(source: Source, *, size: int, resize: str, crop: Optional[Box], nc: int) -> dict[str, Any]:
    """Return everything that decides the pixels of a store, JSON-able; for the options see `prepare`."""
    if size < 1:
        raise UserError(f"Images cannot be {size} pixels wide: use a size of 1 or more.")
    if nc not in (1, 3):
        raise UserError(f"Images cannot have {nc} channels: use 1 (grey) or 3 (colour).")
    if crop is not None and not (0 <= crop[0] < crop[2] and 0 <= crop[1] < crop[3]):
        raise UserError(f"The crop box {crop} is empty or negative: give left, top, right, bottom in pixels.")
    backend = BACKENDS[canonical_name(resize)]
    return {
        "format_version": FORMAT_VERSION,
        "source": source.identity(),
        "resize": backend.name,
        "filter": backend.filter,
        "libraries": library_versions(backend.name),
        "size": size,
        "crop": None if crop is None else list(crop),
        "nc": nc,
        "colour": COLOUR_HANDLING,
    }


def recipe_key(made_from: dict[str, Any]) -> str:
    """Return the SHA-256 of a recipe in canonical JSON."""
    canonical = json.dumps(made_from, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _usable_store(path: Path) -> Optional[Store]:
    if not path.exists():
        return None
    try:
        store = open_store(path)
    except UserError as error:
        log.warning("%s This is now done.", error)
        return None
    log.info("Using the images prepared in %s.", path)
    return store


def _write_store(task: Task, meta: dict[str, Any], strict: bool, jobs: int, progress: bool) -> None:
    """Write all files of a store into the folder of the task's pixels."""
    count, names = len(task.source), task.source.names
    row = task.nc * task.size * task.size
    with task.pixels.open("wb") as file:
        file.truncate(count * row)
    doing = f"Preparing {task.source.label} at {task.size} px with {task.backend}"
    with tqdm(
        total=count,
        desc=doing,
        unit=" images",
        disable=not progress,
        dynamic_ncols=True,
        mininterval=redraw_seconds(),
    ) as bar:
        failures = run_task(task, jobs, strict, bar.update)
    skipped = [(names[index], reason) for index, reason in failures]
    if strict and skipped:
        raise _refusal(skipped)
    if len(skipped) == count:
        raise UserError(f"No image can be used, {skipped[0][0]} because: {skipped[0][1]}; check the data.")
    failed = {index for index, _ in failures}
    kept = [index for index in range(count) if index not in failed]
    _close_gaps(task.pixels, kept, row)
    meta = {"shape": [len(kept), task.nc, task.size, task.size], **meta}
    with ThreadPoolExecutor(1) as thread:
        flushed = thread.submit(flush_to_disk, task.pixels)  # waits for the disk while pixels are hashed here
        write_descriptions(task.pixels.parent, meta, [names[index] for index in kept], skipped)
        flushed.result()


def _close_gaps(pixels: Path, kept: Sequence[int], row: int) -> None:
    """Move the kept rows of a file up to its beginning and cut off the rest."""
    with pixels.open("r+b") as file:
        for place, index in enumerate(kept):
            if place != index:
                file.seek(index * row)
                image = file.read(row)
                file.seek(place * row)
                file.write(image)
        file.truncate(len(kept) * row)


def _report(skipped: Sequence[tuple[str, str]], store: Path, strict: bool) -> None:
    if strict and skipped:
        raise _refusal(skipped)
    for name, reason in skipped[:_NAMED_IN_LOG]:
        log.warning("Skipped %s: %s.", name, reason)
    if len(skipped) > _NAMED_IN_LOG:
        log.warning("Skipped %d images in all, listed in %s.", len(skipped), store / SKIPPED)


def _refusal(skipped: Sequence[tuple[str, str]]) -> UserError:
    name, reason = skipped[0]
    return UserError(f"{name} cannot be used ({reason}): mend it, remove it, or let bad images be skipped.")
