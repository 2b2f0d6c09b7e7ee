"""Write the portraits as a folder of JPEGs, resumably, and compare such a folder with the list."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from tqdm import tqdm

from gluon_wgan.errors import UserError, remedy
from gluon_wgan.utils.atomic_folders import completing, locked, partial_of
from gluon_wgan.utils.progress_bars import redraw_seconds
from tools.portraits.listing import PortraitList
from tools.portraits.source import PortraitsSource


def write_folder(source: PortraitsSource, folder: Path, *, progress: bool) -> None:
    """Write the JPEGs, their manifest and their licence into a new folder, which appears when it is complete.

    What an earlier process left in ``FOLDER.partial`` is checked and used.

    Parameters
    ----------
    source
        The portraits.
    folder
        Where to; nothing may be there.
    progress
        Whether to show a progress bar on stderr.

    Raises
    ------
    UserError
        If something is there, something else lies in ``FOLDER.partial``, the disk is full, or an image is not as
        listed.
    """
    final = Path(os.path.abspath(folder))
    try:
        _refuse_existing(final)
        final.parent.mkdir(parents=True, exist_ok=True)
        with locked(final):
            _refuse_existing(final)  # another process may have written it meanwhile
            _refuse_strangers(partial_of(final), source.list)
            with completing(final) as partial:
                _fill(partial, source, progress)
    except OSError as error:
        raise UserError(
            f"Cannot write {final} ({error.strerror or error}): {remedy(error, 'check that folder')}; then run the "
            "same again to go on."
        ) from error


def verify_folder(folder: Path, portraits: PortraitList) -> None:
    """Compare a folder with the list: every JPEG and text byte for byte, and nothing besides but hidden files.

    Raises
    ------
    UserError
        If it is anything else; the message names the first file that differs.
    """
    wanted = {one.file: one.sha256 for one in portraits.portraits}
    wanted.update({name: _sha256(content) for name, content in _texts(portraits).items()})
    try:
        found = {name for name in os.listdir(folder) if not name.startswith(".")}
        for name in sorted(found | set(wanted)):
            fault = _fault(folder / name, wanted.get(name))
            if fault:
                raise UserError(f"{folder / name} {fault}: write the folder again, elsewhere.")
    except OSError as error:
        raise UserError(f"Cannot read {folder} ({error.strerror or error}): check the path.") from error


def _fault(path: Path, sha256: object) -> str:
    if sha256 is None:
        return "is not on the list"
    if not path.is_file():
        return "is missing"
    return "" if _sha256(path.read_bytes()) == sha256 else "is not as listed"


def _fill(folder: Path, source: PortraitsSource, progress: bool) -> None:
    numbers = tqdm(
        range(len(source)),
        desc="Writing portraits",
        unit=" images",
        disable=not progress,
        dynamic_ncols=True,
        mininterval=redraw_seconds(),
    )
    for number, portrait in zip(numbers, source.list.portraits):
        if _fault(folder / portrait.file, portrait.sha256):
            _write_or_complete(folder / portrait.file, source.encoded(number))
    for name, content in _texts(source.list).items():
        _write_or_complete(folder / name, content)


def _write_or_complete(path: Path, content: bytes) -> None:
    """Write a file, over nothing but what a killed process has written of it."""
    if path.exists() and not content.startswith(path.read_bytes()):
        raise UserError(f"{path} is in the way of an unfinished folder: move {path.parent} away.")
    path.write_bytes(content)


def _texts(portraits: PortraitList) -> dict[str, bytes]:
    """Return what lies beside the JPEGs."""
    here = Path(__file__).parent
    licence = {name: (here / name).read_bytes() for name in ("ATTRIBUTION.txt", "LICENSE.txt")}
    return {"manifest.csv": portraits.manifest.encode(), **licence}


def _refuse_existing(final: Path) -> None:
    if os.path.lexists(final):
        raise UserError(f"{final} exists already: choose another folder, or compare it with --verify {final}.")


def _refuse_strangers(partial: Path, portraits: PortraitList) -> None:
    """Refuse a partial folder with anything in it that we would not have written."""
    if not os.path.lexists(partial):
        return
    ours = {one.file for one in portraits.portraits} | set(_texts(portraits))
    for entry in sorted(os.scandir(partial), key=lambda entry: entry.name):
        if entry.name not in ours or not entry.is_file(follow_symlinks=False):
            raise UserError(f"{entry.path} is in the way of an unfinished folder: move {partial} away.")


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
