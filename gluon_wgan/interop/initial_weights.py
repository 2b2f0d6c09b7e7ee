"""Weights to start a run from: a run, a checkpoint, a ``.params`` file, or the authors' ``.pth`` file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Optional

import numpy as np
from mxnet import nd
from mxnet.gluon import HybridBlock

from gluon_wgan.config.checks import flag_of
from gluon_wgan.config.train_config import TrainConfig, read_config
from gluon_wgan.errors import UserError, last_line
from gluon_wgan.interop.authors_names import CRITIC, GENERATOR, LETTERS
from gluon_wgan.interop.network_weights import config_of, network_from_state, role_of
from gluon_wgan.interop.safetensors_files import SUFFIX, read_safetensors
from gluon_wgan.interop.torch_files import read_state_dict
from gluon_wgan.models.generator_spec import NETWORK, read_generator_spec, spec_config
from gluon_wgan.runs.checkpoints import resolve_checkpoint, run_of
from gluon_wgan.utils.params_file import read_params
from gluon_wgan.utils.untrusted import open_regular

FLAGS = {GENERATOR: "--net-g", CRITIC: "--net-d"}
_PARAMS_MAGIC = (0x112).to_bytes(8, "little")
# Options that decide what a network looks like.
_FIELDS = {
    GENERATOR: NETWORK,
    CRITIC: (
        *("image_size", "nc", "ndf", "arch", "block_order", "n_extra_layers", "no_bn_d", "layer_norm_d", "mlp_d"),
    ),
}


def load_initial_weights(net: HybridBlock, role: str, given: str, config: TrainConfig) -> None:
    """Put weights that a user names into an initialised network, cast to its type.

    Raises UserError when nothing is there, it is damaged, or it belongs to another network; it names the options that
    would fit.

    Parameters
    ----------
    net, role
        The network, and which it is: ``"generator"`` or ``"critic"``.
    given
        A run directory (its newest whole checkpoint is taken), a checkpoint, a folder that a conversion made, a folder
        of the authors' ``.pth`` files (the newest epoch), or one file.
    """
    file = _file_of(role, given)
    arrays, found = _read(role, file)
    parameters = net._collect_params_with_prefix()
    differing = [n for n in _FIELDS[role] if found is not None and getattr(found, n) != getattr(config, n)]
    fits = {name: array.shape for name, array in arrays.items()} == {n: p.shape for n, p in parameters.items()}
    if differing or not fits:
        raise UserError(f"{file} holds the weights of another {role}: {_remedy(role, found, differing)}.")
    for name, array in arrays.items():
        parameters[name].set_data(nd.array(array, dtype=parameters[name].dtype))


def _file_of(role: str, given: str) -> Path:
    """Return the file of one network that a path means."""
    path, flag = Path(given), FLAGS[role]
    if not path.exists():
        raise UserError(
            f"There is no {path}: {flag} takes a run directory, a checkpoint, or a .params, .pth or .safetensors file."
        )
    if not path.is_dir():
        return path
    folder = resolve_checkpoint(path)
    if (folder / f"{role}.params").is_file():
        return folder / f"{role}.params"
    pattern = re.compile(rf"net{LETTERS[role]}_epoch_(\d+)\.pth")
    epochs = {int(match[1]): entry for entry in folder.iterdir() if (match := pattern.fullmatch(entry.name))}
    if not epochs:
        raise UserError(f"There is no {role} in {folder}: give {flag} a run, a checkpoint, or a .params or .pth file.")
    return epochs[max(epochs)]


def _read(role: str, file: Path) -> tuple[dict[str, np.ndarray], Optional[TrainConfig]]:
    """Return a file's arrays under this package's names, and what network they make, or None if that is unknown."""
    try:
        with open_regular(file) as opened:
            of_mxnet = opened.read(8) == _PARAMS_MAGIC
        if of_mxnet or file.suffix == ".params":
            arrays = read_params(file)
            _refuse_other_role(role, file, _role_of_params(arrays))
            return arrays, _described(role, file, arrays)
    except (OSError, ValueError) as error:
        raise UserError(f"Cannot read the weights {file} ({last_line(error)}): give {FLAGS[role]} another.") from None
    if file.suffix == SUFFIX:
        arrays, spec = read_safetensors(file)
        _refuse_other_role(role, file, _role_of_params(arrays))
        return arrays, _described(role, file, arrays) if spec is None else spec_config(spec, str(file))
    state = read_state_dict(file)
    _refuse_other_role(role, file, role_of(state))
    network = network_from_state(role, state, None, str(file))
    return network.weights, network.config


def _role_of_params(arrays: dict[str, np.ndarray]) -> Optional[str]:
    """Return which network arrays under this package's names are: a critic ends in one number."""
    weights = [array for name, array in arrays.items() if name.startswith("main.") and name.endswith(".weight")]
    if not weights:
        return None
    return CRITIC if len(weights[-1]) == 1 else GENERATOR


def _refuse_other_role(role: str, file: Path, found: Optional[str]) -> None:
    if found is None:
        raise UserError(f"{file} holds no {role} of this package or of the authors: give {FLAGS[role]} another.")
    if found != role:
        raise UserError(f"{file} holds a {found}: give it with {FLAGS[found]}, and {FLAGS[role]} a {role}.")


def _described(role: str, file: Path, arrays: dict[str, np.ndarray]) -> Optional[TrainConfig]:
    """Return what network a ``.params`` file belongs to, as the files beside it or the shapes say."""
    try:
        run = run_of(file.parent)
        if run is not None:
            return read_config(run / "config.json")
        if role == GENERATOR and (file.parent / "generator.json").is_file():
            return read_generator_spec(file.parent / "generator.json")
        return config_of(role, arrays, str(file))
    except (OSError, ValueError, KeyError, TypeError, RecursionError, UserError):
        return None  # the shapes decide


def _remedy(role: str, found: Optional[TrainConfig], differing: list[str]) -> str:
    """Return which options would build the network that was found."""
    if found is None or not differing:
        return f"give {FLAGS[role]} weights that these options have trained"
    # A flag that begins with --no- has no opposite.
    absent = [flag_of(name) for name in differing if name.startswith("no_") and not getattr(found, name)]
    given = [_setting(name, getattr(found, name)) for name in differing if flag_of(name) not in absent]
    trained = [f"{word} {', '.join(flags)}" for word, flags in (("with", given), ("without", absent)) if flags]
    remedies = ["give the same here"] * bool(given) + [f"leave out {', '.join(absent)}"] * bool(absent)
    return f"it was trained {' and '.join(trained)}, so {' and '.join(remedies)}"


def _setting(name: str, value: object) -> str:
    if isinstance(value, bool):
        return flag_of(name) if value else flag_of(f"no_{name}")
    return f"{flag_of(name)} {value}"
