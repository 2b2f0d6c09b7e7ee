"""Joining the parts of a store, which different machines have prepared."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from math import prod
from pathlib import Path
from typing import Any, Optional

import numpy as np

from gluon_wgan.data.preparation import images_per_shard, refuse_small_disk
from gluon_wgan.data.preprocessing_spec import differences
from gluon_wgan.data.sources.composed import Part
from gluon_wgan.data.store import DARK, PART, Store, open_store, shard_name
from gluon_wgan.data.store_writer import StoreWriter
from gluon_wgan.errors import UserError
from gluon_wgan.utils.new_folder import new_folder

_BLOCK_BYTES = 1 << 22


def join_parts(parts: Sequence[Path], out: Path, *, shards: Optional[int] = None, progress: bool = False) -> Store:
    """Join all parts into the store that one preparation of all images would have made, to the bit.

    Parameters
    ----------
    parts
        The folders of all parts, in any order.
    out
        The store's folder, which must not exist yet.
    shards
        Into how many files to cut the pixels, 1 to 256; None for files of 1 GiB.

    Raises
    ------
    UserError
        If a part is missing, damaged, or prepared otherwise than the others, no image can be used, or `out` is taken
        or cannot be written.
    """
    stores = _in_order(parts)
    whole = _refuse_others(stores)
    row: tuple[int, int, int] = tuple(stores[0].meta["shape"][1:])
    skipped = [image for store in stores for image in store.skipped]
    kept = sum(len(store) for store in stores)
    per_shard = images_per_shard(kept + len(skipped), row, shards)
    if not kept:
        raise UserError(f"No image can be used, {skipped[0][0]} because: {skipped[0][1]}; check the data.")
    with new_folder(out) as folder:
        refuse_small_disk(folder, kept * prod(row))
        writer = StoreWriter(folder, whole, row, per_shard, stores[0].resize_warning)
        try:
            for store in stores:
                store.verify(progress=progress)
                _append(writer, store, row)
            writer.finish(stores[0].left_out)
        except BaseException:
            writer.close()
            raise
    return open_store(out)


def _in_order(paths: Sequence[Path]) -> list[Store]:
    """Return the parts by their numbers, or refuse them if any is missing or there twice."""
    found: dict[int, Store] = {}
    of = 0
    for path in paths:
        store = open_store(path, part=True)
        if PART not in store.made_from:
            raise UserError(f"{path} is a whole store: give --join only what was prepared with --part.")
        part = Part.parse(str(store.made_from[PART]))
        of = of or part.of
        if part.of != of:
            raise UserError(
                f"{path} is one of {part.of} parts, and {paths[0]} one of {of}: give the parts of one store."
            )
        if part.number in found:
            raise UserError(f"{found[part.number].path} and {path} are both part {part}: give each part once.")
        found[part.number] = store
    missing = [f"{number}/{of}" for number in range(1, of + 1) if number not in found][:3]
    if missing:
        raise UserError(
            f"{of - len(found)} of {of} parts are missing, the first with --part {missing[0]}: give them to --join too."
        )
    return [found[number] for number in sorted(found)]


def _refuse_others(stores: Sequence[Store]) -> dict[str, Any]:
    """Return what the joined store was made from, or refuse parts that were prepared otherwise than the first."""
    first, *others = [{k: v for k, v in store.made_from.items() if k != PART} for store in stores]
    for store, other in zip(stores[1:], others):
        if other != first:
            raise UserError(
                f"{store.path} was prepared otherwise than {stores[0].path} ({'; '.join(differences(other, first))}): "
                "prepare all parts from the same files with the same options and versions."
            )
    return first


def _append(writer: StoreWriter, store: Store, row: tuple[int, int, int]) -> None:
    names = iter(store.names)
    for number in range(len(store.meta["shards"])):
        with (store.path / shard_name(number)).open("rb") as file:
            # Read in order, which the memory map is told not to expect.
            while len(block := np.fromfile(file, np.uint8, max(1, _BLOCK_BYTES // prod(row)) * prod(row))):
                rows = block.reshape(-1, *row)
                writer.append(rows, islice(names, len(rows)), ())
    dark = store.meta.get(DARK)
    peaks = [(dark["first"], dark["peak"])] * dark["images"] if dark else []
    writer.append(np.empty((0, *row), np.uint8), (), store.skipped, peaks)
