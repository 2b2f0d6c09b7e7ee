"""Conversion between the authors' PyTorch files and this package's checkpoints, bit for bit."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from gluon_wgan.errors import UserError, remedy
from gluon_wgan.interop import gluon_checkpoints, torch_files
from gluon_wgan.interop.authors_names import CRITIC, GENERATOR, LETTERS
from gluon_wgan.interop.generator_config import FILE, generator_config, read_generator_config
from gluon_wgan.interop.network_weights import Network, network_from_state, role_of, state_of
from gluon_wgan.interop.torch_files import read_state_dict
from gluon_wgan.runs.checkpoints import MANIFEST, check_checkpoint, newest_whole_checkpoint
from gluon_wgan.utils import atomic_files
from gluon_wgan.utils.new_folder import new_folder, refuse_taken

_NAME = re.compile(r"net([GD])_epoch_(\d+)\.pth")


@dataclass(frozen=True)
class Conversion:
    """What a conversion read and wrote."""

    read: list[Path]
    written: list[Path]


def convert(source: Path, out: Path, config: Optional[Path] = None, *, generator_only: bool = False) -> Conversion:
    """Convert in the direction that the source asks for.

    Parameters
    ----------
    source
        A ``netG_epoch_N.pth`` or ``netD_epoch_N.pth`` of the authors' code, or a folder of them (the newest
        epoch is taken), or a run directory or checkpoint of the reference; or a run directory (its newest whole
        checkpoint is taken), a checkpoint, or a folder that a conversion made.
    out
        The folder to make: for the authors' files one that :func:`gluon_wgan.load_generator` opens, with
        ``critic.params`` where there was a critic; else one of ``.pth`` files with ``generator_config.json``.
    config
        The authors' ``generator_config.json``; by default the one beside the source, and where there is none
        the generator's shape is read off its tensors.
    generator_only
        Leave the critic out.

    Returns
    -------
    Conversion
        Tensors are equal bit for bit, and .pth to Gluon to .pth gives the same state dict with the same order
        of names, in the spelling of the authors' present classes.

    Raises
    ------
    UserError
        When the source is damaged, foreign, or carries code; when the other side cannot hold it; or when
        ``out`` exists or cannot be written.
    """
    refuse_taken(out)
    try:
        return _convert(source, out, config, (GENERATOR,) if generator_only else (GENERATOR, CRITIC))
    except OSError as error:
        raise UserError(f"{source} cannot be read ({error.strerror}): {remedy(error, 'name another')}.") from None


def _convert(source: Path, out: Path, config: Optional[Path], roles: tuple[str, ...]) -> Conversion:
    if not source.exists():
        raise UserError(f"There is no {source}: name .pth files of the authors' code, or a run directory.")
    source = _checkpoint_of_the_reference(source)
    if source.is_dir() and gluon_checkpoints.is_gluon_folder(source):
        if config is not None:
            raise UserError(f"--config {config} belongs to .pth files, and {source} holds none: leave it out.")
        return _to_torch(source, out, roles)
    if source.suffix == ".params":
        raise UserError(f"{source} does not say what network it is: name the checkpoint that it lies in.")
    return _to_gluon(source, out, config, roles)


def _checkpoint_of_the_reference(source: Path) -> Path:
    """Return the newest checkpoint of a run of ``tools/train_reference.py``, and anything else as it is."""
    checkpoint: Optional[Path] = source
    if (source / "checkpoints").is_dir():
        checkpoint = newest_whole_checkpoint(source / "checkpoints")
    if checkpoint is None or not any(checkpoint.glob("net[GD]_epoch_*.pth")):
        return source
    if (checkpoint / MANIFEST).exists():
        check_checkpoint(checkpoint)
    return checkpoint


def _to_gluon(source: Path, out: Path, config: Optional[Path], roles: tuple[str, ...]) -> Conversion:
    found, epoch = _authors_files(source)
    beside = (source if source.is_dir() else source.parent) / FILE
    networks, files, ngpu = [], [], 1
    for path, expected in found:
        state = read_state_dict(path)
        role = role_of(state)
        if role is None or role != (expected or role):
            raise UserError(
                f"{path} holds no {expected or 'generator or critic'} of the authors' classes: convert a "
                "netG_epoch_N.pth or netD_epoch_N.pth of their main.py."
            )
        if role not in roles:
            continue
        options = None
        described = role == GENERATOR and (config is not None or beside.exists())
        if described:
            options, ngpu = read_generator_config(config or beside)
        networks.append(network_from_state(role, state, options, str(path)))
        files.append(path)
    if not networks:
        raise UserError(f"{source} holds only a critic: leave --generator-only out.")
    if config is not None and networks[0].role != GENERATOR:
        raise UserError(f"--config {config} describes a generator, and {source} holds none: leave it out.")
    _refuse_strangers(networks)
    hashes = {path.name: atomic_files.sha256_of(path) for path in files}
    counts = {network.role: network.counts for network in networks}
    with new_folder(out) as folder:
        gluon_checkpoints.write_folder(folder, networks, gluon_checkpoints.Origin(epoch, ngpu, hashes, counts))
    return Conversion(files, sorted(out.iterdir()))


def _authors_files(source: Path) -> tuple[list[tuple[Path, Optional[str]]], int]:
    """Return the files to read, with the network that each must hold, and their epoch."""
    if not source.is_dir():
        match = _NAME.fullmatch(source.name)
        return [(source, None)], int(match[2]) if match else 0
    named = [(path, match) for path in sorted(source.iterdir()) if (match := _NAME.fullmatch(path.name))]
    if not named:
        raise UserError(
            f"{source} holds neither netG_epoch_N.pth nor netD_epoch_N.pth, and is no run directory: name the "
            "folder that training wrote to."
        )
    newest = max(int(match[2]) for _, match in named)
    files = {match[1]: path for path, match in named if int(match[2]) == newest}
    return [(files[letter], role) for role, letter in LETTERS.items() if letter in files], newest


def _refuse_strangers(networks: list[Network]) -> None:
    """Refuse a generator and a critic of different images."""
    sizes = {(network.config.image_size, network.config.nc) for network in networks}
    if len(sizes) > 1:
        (made, channels), (taken, seen) = [(n.config.image_size, n.config.nc) for n in networks]
        raise UserError(
            f"The generator makes images of {made} pixels and {channels} channels, but the critic takes images of "
            f"{taken} pixels and {seen} channels: convert the files of one training, or one file at a time."
        )


def _to_torch(source: Path, out: Path, roles: tuple[str, ...]) -> Conversion:
    torch_files.import_torch()
    read, networks, origin = gluon_checkpoints.read_folder(source, roles)
    with new_folder(out) as folder:
        for network in networks:
            name = f"net{LETTERS[network.role]}_epoch_{origin.epoch}.pth"
            torch_files.write_state_dict(folder / name, state_of(network))
            if network.role == GENERATOR:
                atomic_files.write_json(folder / FILE, generator_config(network.config, origin.ngpu))
    return Conversion([read], sorted(out.iterdir()))
