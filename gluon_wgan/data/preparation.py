"""Decode, crop and resize every image once, with a named backend, into a store that later runs reuse.

A store in the cache has a name that ends in a hash of everything that decides its pixels, so a
store of the right name has the right pixels. A store elsewhere has the name that its user gives it.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
from math import prod
from os import PathLike
from pathlib import Path
from typing import Optional, Union

import numpy as np

from gluon_wgan.data.preprocessing_spec import differences, spec_key, store_spec
from gluon_wgan.data.sources import Source
from gluon_wgan.data.sources.base import left_out_rows, set_bit_depth
from gluon_wgan.data.sources.composed import Part
from gluon_wgan.data.store import META, PART, SKIPPED, Store, open_store
from gluon_wgan.data.store_writer import StoreWriter, is_store_file, read_journal, was_begun
from gluon_wgan.data.workers import Findings, Preparation, prepare_images
from gluon_wgan.errors import UserError, remedy
from gluon_wgan.utils.atomic_folders import completing, locked, partial_of, refuse_strangers, remove_stale_partials
from gluon_wgan.utils.folders import named_as, remove_ours
from gluon_wgan.utils.progress_bars import progress_bar

log = logging.getLogger("gluon_wgan.data")

SHARD_BYTES = 1 << 30
MAX_SHARDS = 256
"""Each shard that is in use costs a mapping and an open file."""
_NAMED_IN_LOG = 5
_is_cached_store = named_as(r".+-\d+px-[a-z0-9-]+-[0-9a-f]{16}")


def prepare(source: Source, how: Preparation, cache_dir: Union[str, PathLike[str]]) -> Store:
    """Return the store of a source's prepared images in the cache, building it if it is not there yet.

    What a killed process leaves is continued. The cache folder is made if it is missing.

    Raises
    ------
    UserError
        If an option is out of range, no image can be used, one cannot and `how` is strict, or
        the cache folder cannot be written.
    """
    work = _Work(source, how)
    label = re.sub(r"[^\w.-]+", "-", source.label).strip("-.")[:40] or "images"
    final = Path(cache_dir) / f"{label}-{how.size}px-{work.made_from['resize']}-{spec_key(work.made_from)[:16]}"
    try:
        store = _usable_store(final)
        if store is None:
            final.parent.mkdir(parents=True, exist_ok=True)
            remove_stale_partials(final.parent, _is_cached_store, is_store_file)
            with locked(final):
                store = _usable_store(final)  # the process that had the lock may have made it
                if store is None:
                    _remove_unusable(final)
                    store = work.build(final, images_per_shard(len(source), how.row))
    except OSError as error:
        raise UserError(
            f"Cannot keep prepared images in {cache_dir} ({error.strerror or error}): "
            f"{remedy(error, 'name another folder with --cache-dir')}; then run the same again."
        ) from error
    _report(store, how.strict)
    store.left_out = left_out_rows(source)
    return store


def prepare_at(
    final: Path,
    source: Source,
    how: Preparation,
    *,
    shards: Optional[int],
    resume: bool,
    warning: Optional[str] = None,
    part: Optional[Part] = None,
) -> Store:
    """Return the store of a source's prepared images at a place of the user's choice.

    Parameters
    ----------
    final
        The store's folder. A store that is there already is returned if it was made from the same
        images in the same way.
    shards
        Into how many files to cut the pixels, 1 to 256; None for files of 1 GiB.
    warning
        What is to be kept in the store for who trains on it, as of a backend that aliases on these images.
    part
        Which part of the images to prepare; None for all.

    Raises
    ------
    UserError
        As for `prepare`; if something else is at `final`, or if an earlier process left something and
        `resume` is not set, or what it left was begun otherwise.
    """
    work = _Work(source, how, warning, part)
    per_shard = images_per_shard(len(work.source), how.row, shards)
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        with locked(final):
            if final.exists():
                store = work.check_same(final)
            else:
                begun = work.check_partial(partial_of(final), resume, None if shards is None else per_shard)
                store = work.build(final, begun or per_shard)
    except OSError as error:
        raise UserError(
            f"Cannot write {final} ({error.strerror or error}): {remedy(error, 'check that folder')}; then add "
            "--resume to go on."
        ) from error
    _report(store, how.strict)
    return store


class _Work:
    """What is to be prepared, and how."""

    def __init__(
        self, source: Source, how: Preparation, warning: Optional[str] = None, part: Optional[Part] = None
    ) -> None:
        if how.jobs < 1:
            raise UserError(f"{how.jobs} processes cannot prepare images: use 1 or more.")
        self.how, self.warning = how, warning
        set_bit_depth(source, how.bit_depth)
        self.made_from = store_spec(source, how)
        if part is not None:
            self.made_from[PART], source = str(part), part.take(source)
        self.source = source

    def check_same(self, final: Path) -> Store:
        """Return the store at `final`, or refuse anything else there."""
        if not (final / "store.json").exists():
            raise UserError(f"{final} exists and is no image store: choose another --out.")
        store = open_store(final, part=True)
        other = differences(store.made_from, self.made_from)
        if other:
            raise UserError(f"{final} holds another store ({'; '.join(other)}): choose another --out.")
        log.info("%s is complete already.", final)
        return store

    def check_partial(self, partial: Path, resume: bool, per_shard: Optional[int]) -> Optional[int]:
        """Return how many images a shard has in what was begun, or None; refuse to touch it unasked."""
        if not os.path.lexists(partial):
            return None
        refuse_strangers(partial, is_store_file)
        if not was_begun(partial):
            raise UserError(f"{partial} was not begun by this tool: move it away, or choose another --out.")
        journal = read_journal(partial)
        done = 0 if journal is None else journal["kept"] + journal["skipped"]
        if not resume:
            whole = (partial / META).exists()
            held = "a finished store" if whole else f"{done} images that an earlier process has prepared"
            raise UserError(f"{partial} holds {held}: add --resume to go on, or delete it.")
        if journal is None:
            return None
        other = differences(journal["made_from"], self.made_from)
        if per_shard not in (None, journal["per_shard"]):
            other.append(f"{journal['per_shard']} images to a shard, not {per_shard}")
        if other:
            raise UserError(f"{partial} was begun otherwise ({'; '.join(other)}): give the same options, or delete it.")
        return journal["per_shard"]

    def build(self, final: Path, per_shard: int) -> Store:
        """Prepare the images, from where an earlier process stopped, into a store at `final`."""
        refuse_strangers(partial_of(final), is_store_file)
        with completing(final) as partial:
            if not self._is_whole(partial):
                self._write(partial, per_shard)
        return open_store(final, part=True)

    def _is_whole(self, partial: Path) -> bool:
        """Say whether only the renaming of the finished store is left to do."""
        try:
            store = open_store(partial, part=True)
            store.verify()
        except UserError:
            return False
        return store.made_from == self.made_from

    def _write(self, partial: Path, per_shard: int) -> None:
        writer = StoreWriter(partial, self.made_from, self.how.row, per_shard, self.warning)
        try:
            self._fill(writer)
        except BaseException:
            writer.close()
            journal = read_journal(partial)
            if journal is None or not journal["kept"] + journal["skipped"]:  # nothing to go on with
                remove_ours(partial, is_store_file)
            raise

    def _fill(self, writer: StoreWriter) -> None:
        source, names = self.source, self.source.names
        refuse_small_disk(writer.folder, (len(source) - writer.consumed) * prod(self.how.row))
        if writer.consumed:
            log.info("Going on after %d of %d images.", writer.consumed, len(source))
        first: list[tuple[str, str]] = []

        def deliver(chunk: range, rows: np.ndarray, findings: Findings) -> None:
            skipped = [(names[index], reason) for index, reason in findings.failures]
            if self.how.strict and skipped:
                writer.discard()
                raise _refusal(skipped)
            first.extend(skipped[: 1 - len(first)])
            bad = {index for index, _ in findings.failures}
            if bad:
                rows = rows[[index not in bad for index in chunk]]
            dark = [(names[index], peak) for index, peak in findings.dark]
            writer.append(rows, (names[index] for index in chunk if index not in bad), skipped, dark)
            bar.update(len(chunk))

        what = f"Preparing {source.label} at {self.how.size} px with {self.made_from['resize']}"
        shown = self.how.progress
        with progress_bar(what, len(source), shown=shown, initial=writer.consumed, dynamic_ncols=True) as bar:
            prepare_images(source, self.how, writer.consumed, deliver)
        if not writer.kept and PART not in self.made_from:
            writer.discard()
            name, reason = first[0]
            raise UserError(f"No image can be used, {name} because: {reason}; check the data.")
        writer.finish(left_out_rows(source))


def images_per_shard(count: int, row: tuple[int, int, int], shards: Optional[int] = None) -> int:
    """Return how many images of a shape go into each of so many files (1 to 256, or UserError), or into a usual one."""
    if shards is None:
        return max(1, SHARD_BYTES // prod(row), -(-count // MAX_SHARDS))
    if not 1 <= shards <= MAX_SHARDS:
        raise UserError(f"Cannot cut a store into {shards} shards: use 1 to {MAX_SHARDS}.")
    return -(-count // shards)


def refuse_small_disk(folder: Path, needed: int) -> None:
    """Refuse to begin what cannot end: on a large store the disk would fill up hours later."""
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise UserError(
            f"The store needs {needed / 1e9:.1f} GB more and {folder.parent} has {free / 1e9:.1f} GB left: make room, "
            "or prepare fewer or smaller images."
        )


def _remove_unusable(final: Path) -> None:
    """Make way for a store in the cache: delete what is left of an unusable one, and nothing else."""
    if not remove_ours(final, is_store_file):
        raise UserError(f"{final} holds files that belong to no store: move them away, or choose another --cache-dir.")


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


def _report(store: Store, strict: bool) -> None:
    skipped = store.skipped
    if strict and skipped:
        raise _refusal(skipped)
    for name, reason in skipped[:_NAMED_IN_LOG]:
        log.warning("Skipped %s: %s.", name, reason)
    if len(skipped) > _NAMED_IN_LOG:
        log.warning("Skipped %d images in all, listed in %s.", len(skipped), store.path / SKIPPED)
    if store.dark_warning is not None:
        log.warning("%s", store.dark_warning)


def _refusal(skipped: list[tuple[str, str]]) -> UserError:
    name, reason = skipped[0]
    return UserError(f"{name} cannot be used ({reason}): fix it, remove it, or let bad images be skipped.")
