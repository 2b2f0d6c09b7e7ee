"""The command line's flags, made from the fields of :class:`gluon_wgan.config.train_config.TrainConfig`."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from typing import Any, get_type_hints

from gluon_wgan.cli.runner import SentenceParser
from gluon_wgan.commands import program
from gluon_wgan.config.checks import flag_of
from gluon_wgan.config.presets import PRESETS
from gluon_wgan.config.train_config import RUN, TrainConfig
from gluon_wgan.devices import parse_gpus
from gluon_wgan.errors import UserError

# Spellings of the reference's main.py, so that published commands paste over: spelling -> field.
REFERENCE_VALUES = {
    "--dataroot": "data_root",
    "--workers": "jobs",
    "--batchSize": "batch_size",
    "--imageSize": "image_size",
    "--niter": "epochs",
    "--lrD": "lr_d",
    "--lrG": "lr_g",
    "--Diters": "n_critic",
    "--n_extra_layers": "n_extra_layers",
    "--experiment": "out",
    "--netG": "net_g",
    "--netD": "net_d",
}
REFERENCE_SWITCHES: dict[str, tuple[str, Any]] = {
    "--noBN": ("no_bn", True),
    "--mlp_G": ("mlp_g", True),
    "--mlp_D": ("mlp_d", True),
    "--adam": ("optimizer", "adam"),
    "--cuda": ("gpus", (0,)),
}
EXAMPLES = """examples:
  python train_wgan.py --gpus 0 --resize pil                  built-in portraits, on GPU 0 if there is one
  python train_wgan.py --preset demo                          faces within minutes on two CPU cores
  python train_wgan.py --data-root IMAGES                   your own images
  python train_wgan.py --resume runs/0001                        go on where a run stopped

exit status: 0 done; 1 a loss is not finite; 2 bad input; 3 a GPU fails; 130 Ctrl-C; 143 SIGTERM;
129 a closed terminal
"""


def build_parser(version: str) -> argparse.ArgumentParser:
    """Return the parser: one flag for each option, and the reference's spellings, hidden.

    An option that is not given stays out of the namespace, so that presets and resumed runs can tell.
    """
    parser = SentenceParser(
        prog=program("train"),
        description="Train a Wasserstein GAN in MXNet Gluon.",
        epilog=EXAMPLES,
        argument_default=argparse.SUPPRESS,
        add_help=False,
    )
    groups: dict[str, Any] = {}
    types = get_type_hints(TrainConfig)
    for field in dataclasses.fields(TrainConfig):
        name = field.metadata["group"]
        if name not in groups:
            groups[name] = parser.add_argument_group(name)
        add_flag(groups[name], field, types[field.name])
    parser.set_defaults(resume=None, dry_run=False, verbose=False)
    resume = "continue this run, bit for bit; how long to train and how often to save may change"
    groups[RUN].add_argument("--resume", metavar="RUN_DIR", help=resume)
    other = parser.add_argument_group("other")
    other.add_argument(
        "--dry-run",
        action="store_true",
        help="print what differs from the preset, the networks' sizes, the data found, and the memory, disk and time "
        "that it would take, and stop",
    )
    other.add_argument("--verbose", action="store_true", help="with --dry-run: print all options too")
    other.add_argument("--version", action="version", version=version, help="print the version and stop")
    other.add_argument("-h", "--help", action="help", help="print this and stop")
    _add_reference_spellings(parser)
    return parser


def add_flags(group: Any, names: Iterable[str]) -> None:
    """Add the flags of some options of a training run to another tool's parser."""
    types = get_type_hints(TrainConfig)
    fields = {field.name: field for field in dataclasses.fields(TrainConfig)}
    for name in names:
        add_flag(group, fields[name], types[name])


def add_flag(group: Any, field: dataclasses.Field[Any], of_type: Any) -> None:
    """Add the flag of one option of a training run to a parser or a group of one."""
    flag, metadata = flag_of(field.name), field.metadata
    help_text = metadata["help"].replace("%", "%%")
    if field.name == "preset":
        help_text += f": {', '.join(PRESETS)} (default: {field.default})"
        group.add_argument(flag, metavar="NAME", help=help_text)
    elif isinstance(field.default, bool):
        # A double negation (--no-no-bn) helps nobody.
        action: Any = "store_true" if field.name.startswith("no_") else argparse.BooleanOptionalAction
        group.add_argument(flag, action=action, help=help_text)
    else:
        if field.default not in (None, ()):
            help_text += f" (default: {field.default})"
        group.add_argument(
            flag,
            action="append" if field.name in ("data_root", "exclude") else "store",
            type=_converter(field.name, of_type),
            choices=metadata["choices"] or None,
            metavar=metadata["metavar"] or (None if metadata["choices"] else _metavar(of_type)),
            help=help_text,
        )


def _converter(name: str, of_type: Any) -> Any:
    if name in ("gpus", "crop"):
        return str  # parsed later, where one sentence can say what is wrong
    if name == "dataset":
        return _dataset
    kinds = (of_type, *getattr(of_type, "__args__", ()))
    return whole_number if int in kinds else float if float in kinds else str


def whole_number(text: str) -> int:
    """Return the whole number that a word of the command line stands for; ``1e4`` is one."""
    try:
        return int(text)
    except ValueError:
        pass
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("NaN")
    # The bound keeps 1e999999999 from filling the memory; no option reaches it.
    if value.is_finite() and abs(value.adjusted()) < 30 and value == value.to_integral_value():
        return int(value)
    raise argparse.ArgumentTypeError(f"{text!r} is not a whole number")


def _dataset(word: str) -> str:
    return "folder" if word == "imagenet" else word  # the authors' name for a folder


def _metavar(of_type: Any) -> str:
    return {whole_number: "N", float: "X"}.get(_converter("", of_type), "TEXT")


def _add_reference_spellings(parser: argparse.ArgumentParser) -> None:
    types: dict[str, Any] = {action.dest: action.type for action in parser._actions}
    for spelling, name in REFERENCE_VALUES.items():
        if spelling != flag_of(name):
            action = "append" if name == "data_root" else "store"
            parser.add_argument(spelling, action=action, dest=name, type=types[name], help=argparse.SUPPRESS)
    for spelling, (name, value) in REFERENCE_SWITCHES.items():
        parser.add_argument(spelling, dest=name, action="store_const", const=value, help=argparse.SUPPRESS)
    parser.add_argument("--ngpu", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--clamp_lower", type=float, help=argparse.SUPPRESS)
    parser.add_argument("--clamp_upper", type=float, help=argparse.SUPPRESS)


def chosen_options(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the options that the command line gave, by field name.

    Raises UserError when a value is malformed, or the reference's clamp bounds are not symmetric.
    """
    names = {field.name for field in dataclasses.fields(TrainConfig)}
    given = vars(arguments)
    options = {name: value for name, value in given.items() if name in names}
    if isinstance(options.get("gpus"), str):
        options["gpus"] = parse_gpus(options["gpus"])
    if "ngpu" in given and options.get("gpus"):
        options["gpus"] = tuple(range(given["ngpu"]))
    lower, upper = given.get("clamp_lower"), given.get("clamp_upper")
    if lower is not None or upper is not None:
        default = options.get("clip", TrainConfig.clip)
        upper = default if upper is None else upper
        lower = -default if lower is None else lower
        if lower != -upper:
            raise UserError(
                f"--clamp_lower {lower:g} and --clamp_upper {upper:g} are not symmetric: use --clip for both."
            )
        options["clip"] = upper
    return options
