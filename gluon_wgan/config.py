"""Every option of a training run, its default, its range and its help, each written once.

The command line, the presets, ``config.json`` in a run directory, the checkpoint and the
table in docs/configuration.md are all made from :class:`TrainConfig`.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from gluon_wgan.errors import UserError

# How a field may change when a run is resumed. MATHS decides every number of the run; PIXELS decides the
# data, which the checkpoint identifies by the hash of its bytes; the others change no result.
MATHS, PIXELS, LENGTH, CADENCE, MACHINE = "maths", "pixels", "length", "cadence", "machine"


def _option(
    default: Any,
    help: str,
    group: str,
    *,
    kind: str = MATHS,
    low: Optional[float] = None,
    high: Optional[float] = None,
    above: Optional[float] = None,
    choices: Sequence[str] = (),
    metavar: Optional[str] = None,
) -> Any:
    """Return a dataclass field that carries what the command line and the checks need to know of it."""
    metadata = {
        "help": help,
        "group": group,
        "kind": kind,
        "low": low,
        "high": high,
        "above": above,
        "choices": tuple(choices),
        "metavar": metavar,
    }
    return dataclasses.field(default=default, metadata=metadata)


DATA, MODEL, ALGORITHM, LENGTH_GROUP, RUN, DEVICES = (
    "data",
    "model",
    "algorithm",
    "how long",
    "run directory",
    "machine",
)


@dataclass(frozen=True)
class TrainConfig:
    """All options of a training run; immutable and checked when it is made.

    The defaults are the preset ``gluon``: the 2018 Gluon port's optimiser and schedule with Pillow's
    resize. See :data:`PRESETS` for the others.

    Raises
    ------
    UserError
        When a value is out of range or two values contradict each other.
    """

    preset: str = _option("gluon", "a named set of options; any flag beside it overrides one of them", RUN)

    dataset: str = _option(
        "drawn-faces",
        "drawn-faces: faces drawn by this project's own code; folder: every image below --data-root; "
        "csv: the images that a list names, relative to the list's own folder",
        DATA,
        kind=PIXELS,
        choices=("drawn-faces", "folder", "csv"),
    )
    data_root: Optional[str] = _option(
        None, "the folder of images, or the CSV file", DATA, kind=PIXELS, metavar="PATH"
    )
    num_faces: int = _option(
        2048, "how many faces drawn-faces draws", DATA, kind=PIXELS, low=2, high=10_000_000
    )
    faces_seed: int = _option(0, "which faces drawn-faces draws", DATA, kind=PIXELS, low=0)
    crop: Optional[tuple[int, int, int, int]] = _option(
        None, "pixels to cut out before resizing", DATA, kind=PIXELS, metavar="LEFT,TOP,RIGHT,BOTTOM"
    )
    resize: str = _option(
        "pil",
        "who resizes the pictures, and how: pil (Pillow bilinear), cv2 (OpenCV bicubic), or a full name "
        "such as pil-bicubic, cv2-area, mxnet-lanczos",
        DATA,
        kind=PIXELS,
        metavar="NAME",
    )
    strict: bool = _option(False, "stop at the first broken image instead of skipping it", DATA, kind=MACHINE)
    cache_dir: Optional[str] = _option(
        None,
        "where prepared data is kept for later runs (default: gluon_wgan in the user's cache folder)",
        DATA,
        kind=MACHINE,
        metavar="DIR",
    )

    image_size: int = _option(64, "height and width of the images: 16 * 2^k", MODEL, low=16, high=1024)
    nc: int = _option(3, "colour channels: 1 (grey) or 3", MODEL, low=1, high=3)
    nz: int = _option(100, "length of the latent vector", MODEL, low=1, high=65536)
    ngf: int = _option(64, "width of the generator", MODEL, low=2, high=4096)
    ndf: int = _option(64, "width of the critic", MODEL, low=1, high=4096)
    n_extra_layers: int = _option(
        0, "extra 3x3 layers in generator and critic at half the image size", MODEL, low=0, high=32
    )
    no_bn: bool = _option(
        False, "no batch norm in the generator (the reference's flag never reached its critic)", MODEL
    )
    no_bn_d: bool = _option(False, "no batch norm in the critic", MODEL)
    mlp_g: bool = _option(False, "use a multilayer perceptron as generator", MODEL)
    mlp_d: bool = _option(False, "use a multilayer perceptron as critic", MODEL)
    net_g: Optional[str] = _option(
        None, "start from these generator weights (a .params file)", MODEL, metavar="FILE"
    )
    net_d: Optional[str] = _option(
        None, "start from these critic weights (a .params file)", MODEL, metavar="FILE"
    )

    batch_size: int = _option(64, "images in a batch", ALGORITHM, low=1, high=65536)
    optimizer: str = _option("rmsprop", "how weights are updated", ALGORITHM, choices=("rmsprop", "adam"))
    lr_d: float = _option(5e-5, "learning rate of the critic", ALGORITHM, above=0)
    lr_g: float = _option(5e-5, "learning rate of the generator", ALGORITHM, above=0)
    gamma1: float = _option(
        0.99, "RMSProp's decay of the squared gradient (PyTorch's alpha)", ALGORITHM, low=0, high=1
    )
    eps_d: float = _option(1e-12, "RMSProp's epsilon, inside the root, for the critic", ALGORITHM, low=0)
    eps_g: float = _option(1e-14, "RMSProp's epsilon, inside the root, for the generator", ALGORITHM, low=0)
    beta1: float = _option(0.5, "Adam's decay of the gradient", ALGORITHM, low=0, high=1)
    beta2: float = _option(0.999, "Adam's decay of the squared gradient", ALGORITHM, low=0, high=1)
    eps_adam: float = _option(1e-8, "Adam's epsilon", ALGORITHM, low=0)
    clip: float = _option(0.01, "every critic parameter is clipped to [-clip, clip]", ALGORITHM, above=0)
    clip_when: str = _option(
        "before",
        "clip before each critic step, as the reference does, so that the generator sees an unclipped "
        "critic; or after each update, as Algorithm 1 in the paper does",
        ALGORITHM,
        choices=("before", "after"),
    )
    clip_running_stats: bool = _option(
        False, "clip the critic's batch-norm running statistics too, as the 2018 port did", ALGORITHM
    )
    n_critic: int = _option(5, "critic steps for each generator step", ALGORITHM, low=1, high=100_000)
    warmup_iters: int = _option(
        25, "generator iterations at the start that get --warmup-critic critic steps", ALGORITHM, low=0
    )
    warmup_critic: int = _option(
        100, "critic steps for a warm-up or boosted generator iteration", ALGORITHM, low=1, high=1_000_000
    )
    boost_every: int = _option(
        500, "every so many generator iterations get --warmup-critic critic steps (0: none)", ALGORITHM, low=0
    )
    stop_at_epoch_end: bool = _option(
        False,
        "end a generator iteration's critic steps with the epoch's data, as the reference does "
        "(on a small data set this cuts the warm-up short)",
        ALGORITHM,
    )
    drop_last: bool = _option(False, "drop the short last batch of an epoch", ALGORITHM)
    seed: int = _option(
        0, "seed of the initial weights, the noise and the data order", ALGORITHM, low=0, high=2**63 - 1
    )

    gen_iters: Optional[int] = _option(
        30_000,
        "stop after so many generator iterations (30,000: where the 2018 write-up judged its samples)",
        LENGTH_GROUP,
        kind=LENGTH,
        low=1,
    )
    epochs: Optional[int] = _option(
        None, "stop after so many passes over the data instead", LENGTH_GROUP, kind=LENGTH, low=1
    )

    out: Optional[str] = _option(
        None,
        "the run directory itself, which must not exist yet (default: a new numbered one under runs/)",
        RUN,
        kind=MACHINE,
        metavar="RUN_DIR",
    )
    sample_every: int = _option(
        100, "draw samples and curves every so many generator iterations", RUN, kind=CADENCE, low=1
    )
    sample_bn: str = _option(
        "batch",
        "batch-norm statistics used for the pictures: of the batch, as the reference does, or running",
        RUN,
        choices=("batch", "running"),
    )
    checkpoint_every: int = _option(
        500, "save a checkpoint every so many generator iterations", RUN, kind=CADENCE, low=1
    )
    keep_checkpoints: int = _option(
        0, "keep only so many of this run's newest checkpoints (0: all)", RUN, kind=CADENCE, low=0
    )
    tensorboard: bool = _option(False, "write TensorBoard events to the run directory too", RUN, kind=CADENCE)

    gpus: tuple[int, ...] = _option((), "GPUs to train on: 0, or 0,1; '' is the CPU", DEVICES, metavar="LIST")
    require_gpu: bool = _option(
        False, "stop, instead of using the CPU, when there is no GPU", DEVICES, kind=MACHINE
    )
    threads: Optional[int] = _option(
        None,
        "CPU threads (default: OMP_NUM_THREADS, or the cores that this process may use)",
        DEVICES,
        kind=MACHINE,
        low=1,
        high=4096,
    )
    jobs: Optional[int] = _option(
        None,
        "processes that prepare the data (default: the cores that this process may use)",
        DEVICES,
        kind=MACHINE,
        low=1,
        high=4096,
    )

    def __post_init__(self) -> None:
        # JSON and callers hand over lists where the field is a tuple.
        for name in ("crop", "gpus"):
            value = getattr(self, name)
            if isinstance(value, list):
                object.__setattr__(self, name, tuple(value))
        for field in dataclasses.fields(self):
            _check_range(field, getattr(self, field.name))
        _check_together(self)

    def to_json(self) -> dict[str, Any]:
        """Return the options as a JSON-able dict, in the order in which they are declared."""
        return json.loads(json.dumps(dataclasses.asdict(self)))

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> TrainConfig:
        """Make a configuration from a dict such as ``config.json`` holds.

        Raises
        ------
        UserError
            When a name is unknown (a file written by another version) or a value is out of range.
        """
        unknown = sorted(set(values) - {field.name for field in dataclasses.fields(cls)})
        if unknown:
            raise UserError(
                f"The configuration names {', '.join(unknown)}, which this version of gluon_wgan does not "
                "know: use the version that wrote it."
            )
        return cls(**values)

    def replace(self, **changes: Any) -> TrainConfig:
        """Return a copy with some options changed, checked again."""
        return dataclasses.replace(self, **changes)


PRESETS: dict[str, dict[str, Any]] = {
    # The project's own choice: every default above.
    "gluon": {},
    # Algorithm 1 of the paper: clip after each update, five critic steps always. It names no epsilon;
    # PyTorch's 1e-8 outside the root is nearest to 1e-16 inside it.
    "paper": {
        "clip_when": "after",
        "warmup_iters": 0,
        "boost_every": 0,
        "eps_d": 1e-16,
        "eps_g": 1e-16,
    },
    # The 2018 port as published: its "bicubic" was INTER_AREA, its clip took in the running statistics, and
    # its pictures used them.
    "port2018": {
        "resize": "mxnet-area",
        "clip_running_stats": True,
        "sample_bn": "running",
        "stop_at_epoch_end": True,
    },
    # Faces within minutes on two CPU cores: small nets, small pictures, steps as large as stay stable.
    "demo": {
        "image_size": 32,
        "ngf": 32,
        "ndf": 32,
        "lr_d": 2e-4,
        "lr_g": 2e-4,
        "warmup_iters": 5,
        "warmup_critic": 25,
        "gen_iters": 400,
        "sample_every": 50,
        "checkpoint_every": 200,
    },
}


def preset_config(name: str, **overrides: Any) -> TrainConfig:
    """Return a preset's configuration with some options overridden.

    Raises
    ------
    UserError
        When there is no such preset, or a value is out of range.
    """
    if name not in PRESETS:
        raise UserError(f"There is no preset '{name}': choose one of {', '.join(PRESETS)}.")
    return TrainConfig(**{**PRESETS[name], "preset": name, **overrides})


def changed_fields(old: TrainConfig, new: TrainConfig, kinds: Sequence[str]) -> list[str]:
    """Return the names of the options of the given kinds in which two configurations differ."""
    return [
        field.name
        for field in dataclasses.fields(TrainConfig)
        if field.metadata["kind"] in kinds and getattr(old, field.name) != getattr(new, field.name)
    ]


def overridden_fields(config: TrainConfig) -> list[str]:
    """Return the names of the options in which a configuration differs from its own preset.

    The machine's options, which change no result, are left out.
    """
    return changed_fields(preset_config(config.preset), config, [MATHS, PIXELS, LENGTH, CADENCE])


def flag_of(name: str) -> str:
    """Return the command-line spelling of an option: ``image_size`` -> ``--image-size``."""
    return "--" + name.replace("_", "-")


def read_config(path: Path) -> TrainConfig:
    """Read a ``config.json``.

    Raises
    ------
    UserError
        When the file is missing, is not JSON, or holds options that this version does not know.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"Cannot read the configuration {path} ({error}): name a run directory.") from None
    if not isinstance(values, dict):
        raise UserError(f"The configuration {path} does not hold an object: name a run directory.")
    return TrainConfig.from_json(values)


def _check_range(field: dataclasses.Field[Any], value: Any) -> None:
    """Refuse a value of the wrong type or outside the range that its field declares."""
    flag, limits = flag_of(field.name), field.metadata
    if value is None:
        if field.default is not None and field.name != "gen_iters":
            raise UserError(f"{flag} needs a value.")
        return
    if limits["choices"] and value not in limits["choices"]:
        raise UserError(f"{flag} {value!r} is unknown: choose one of {', '.join(limits['choices'])}.")
    if isinstance(value, bool) != isinstance(field.default, bool):
        raise UserError(f"{flag} {value!r} is of the wrong type.")
    number = limits["low"] is not None or limits["above"] is not None
    if not number:
        return
    whole = "int" in str(field.type)
    if not isinstance(value, int if whole else (int, float)):
        raise UserError(f"{flag} {value!r} is not a {'whole ' if whole else ''}number.")
    low, high, above = limits["low"], limits["high"], limits["above"]
    # Written so that NaN, which compares false with everything, is refused too.
    inside = (low is None or value >= low) and (high is None or value <= high)
    inside = inside and (above is None or value > above) and abs(value) != float("inf")
    if not inside:
        bounds = [f"above {above:g}" if above is not None else f"at least {low:,}"]
        if high is not None:
            bounds.append(f"at most {high:,}")
        raise UserError(f"{flag} {value} is out of range: it must be {' and '.join(bounds)}.")


def _check_together(config: TrainConfig) -> None:
    """Refuse values that are sound one by one but not together."""
    if config.preset not in PRESETS:
        raise UserError(f"There is no preset '{config.preset}': choose one of {', '.join(PRESETS)}.")
    size = config.image_size
    if size % 16 or (size // 16) & (size // 16 - 1):
        raise UserError(
            f"--image-size {size} is not 16 * 2^k: the networks halve and double, so choose 16, 32, 64, 128, "
            "256, 512 or 1024."
        )
    if config.nc not in (1, 3):
        raise UserError(f"--nc {config.nc} is neither 1 (grey) nor 3 (colour).")
    if config.gen_iters is None and config.epochs is None:
        raise UserError("Nothing says when to stop: give --gen-iters or --epochs.")
    if config.gen_iters is not None and config.epochs is not None:
        raise UserError("--gen-iters and --epochs both say when to stop: give one of them.")
    if config.dataset == "drawn-faces" and config.data_root is not None:
        raise UserError(
            f"--data-root {config.data_root} is given, but --dataset drawn-faces reads no files: add "
            "--dataset folder or --dataset csv."
        )
    if config.dataset != "drawn-faces" and config.data_root is None:
        raise UserError(f"--dataset {config.dataset} needs --data-root: say where the images are.")
    if config.crop is not None:
        left, top, right, bottom = config.crop
        if left < 0 or top < 0 or right <= left or bottom <= top:
            raise UserError(f"--crop {left},{top},{right},{bottom} is empty: give LEFT,TOP,RIGHT,BOTTOM.")
