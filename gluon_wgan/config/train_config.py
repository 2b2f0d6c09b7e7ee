"""Every option of a training run, its default, its range and its help, each written once.

The command line, the presets, ``config.json`` in a run directory, the checkpoint and the
table in docs/configuration.md are all made from :class:`TrainConfig`.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Optional, Union

from gluon_wgan.config.checks import check_preset, check_range, check_together
from gluon_wgan.config.crops import NAMED_CROPS, parse_crop
from gluon_wgan.config.presets import PRESETS
from gluon_wgan.config.resize_names import canonical_name
from gluon_wgan.errors import UserError
from gluon_wgan.utils.untrusted import read_json_object

# How a field may change when a run is resumed. MATHS decides every number of the run; PIXELS decides the
# data, which the checkpoint identifies by the hash of its bytes; the others change no result.
MATHS, PIXELS, LENGTH, CADENCE, MACHINE = "maths", "pixels", "length", "cadence", "machine"

DRAWN_FACES = "(faces drawn by code)"
"""The ``data_root`` of runs from before there were built-in portraits, if they had none: only their stores are left."""

DATA, MODEL, ALGORITHM = "data", "model", "algorithm"
LENGTH_GROUP, RUN, DEVICES = "how long", "run directory", "machine"


def _option(
    default: Any,
    help: str,
    *,
    group: str,
    kind: str,
    low: Optional[float] = None,
    high: Optional[float] = None,
    above: Optional[float] = None,
    choices: Sequence[str] = (),
    metavar: Optional[str] = None,
) -> Any:
    """Return a dataclass field that carries what the command line and the checks need to know of it."""
    limits = {"low": low, "high": high, "above": above, "choices": tuple(choices)}
    metadata = {"help": help, "group": group, "kind": kind, **limits, "metavar": metavar}
    return dataclasses.field(default=default, metadata=metadata)


# By group, with the kind that most of its options have.
_data = partial(_option, group=DATA, kind=PIXELS)
_model = partial(_option, group=MODEL, kind=MATHS)
_algorithm = partial(_option, group=ALGORITHM, kind=MATHS)
_length = partial(_option, group=LENGTH_GROUP, kind=LENGTH)
_run = partial(_option, group=RUN, kind=CADENCE)
_machine = partial(_option, group=DEVICES, kind=MACHINE)


@dataclass(frozen=True)
class TrainConfig:
    """All options of a training run; immutable and checked when it is made.

    The defaults are the preset ``gluon``: the 2018 Gluon port's optimiser and schedule with Pillow's
    resize. See :data:`gluon_wgan.config.presets.PRESETS` for the others.

    Raises
    ------
    UserError
        When a value is out of range or two values contradict each other.
    """

    preset: str = _run("gluon", "a named set of options; any flag beside it overrides one of them", kind=MATHS)

    dataset: str = _data(
        "auto",
        "what --data-root is. auto: recognise it, and without --data-root take the built-in portraits; built-in: 512 "
        "painted portraits that come with the package; folder: every image below it; csv: the images that a list "
        "names, relative to the list's own folder; lsun: an LMDB; celeba, lfw, cifar10, mnist (any idx3-ubyte file): "
        "as distributed, packed or not; zip, tar (compressed or not), rec (RecordIO), parquet: files of images",
        choices=(
            *("auto", "built-in", "folder", "csv", "lsun", "celeba", "lfw", "cifar10", "mnist", "zip", "tar"),
            *("rec", "parquet"),
        ),
    )
    data_root: Optional[Union[str, tuple[str, ...]]] = _data(
        None,
        "where the images are: a folder, a list, an archive, a database, a folder of shards or a pattern such as "
        "'train-*.tar'; given several times, all of them",
        metavar="PATH",
    )
    data: Optional[str] = _data(
        None,
        "a store that tools/prepare_data.py has made, in place of all that says which images and how to prepare them",
        metavar="STORE",
    )
    exclude: tuple[str, ...] = _data(
        (),
        "leave out files and folders of this name or path, with the wildcards * ? [abc]; may be given several times",
        metavar="PATTERN",
    )
    limit: Optional[int] = _data(None, "use only so many of the images, drawn at random by --subset-seed", low=1)
    fraction: Optional[float] = _data(None, "use only this share of the images, above 0 up to 1", above=0, high=1)
    subset_seed: int = _data(0, "which images --limit and --fraction draw", low=0)
    crop: Optional[tuple[int, int, int, int]] = _data(
        None,
        f"pixels to cut out before resizing: LEFT,TOP,RIGHT,BOTTOM, or a usual one: {', '.join(NAMED_CROPS)}",
        metavar="BOX",
    )
    max_pixels: Optional[int] = _data(
        None, "skip images of more pixels than this (default: Pillow's limit, 178,956,970)", low=1, high=178_956_970
    )
    bit_depth: Optional[int] = _data(
        None,
        "how many bits the values of 16-bit images have, such as a camera's 12: the largest such value becomes white "
        "(default: as many as the file says)",
        low=8,
        high=16,
    )
    resize: str = _data(
        "pil-bilinear",
        "library and filter that resize the images, such as pil-bicubic, cv2-area, mxnet-lanczos; pil is short for "
        "pil-bilinear, cv2 for cv2-bicubic",
        metavar="NAME",
    )
    fit: str = _data(
        "crop",
        "how an image that is no square becomes one. crop: the short side is resized and the centre cut out; pad: "
        "the long side is resized and the rest is black; stretch: both sides are resized",
        choices=("crop", "pad", "stretch"),
    )
    center_crop: str = _data(
        "round",
        "where the central square starts when the margin is odd: round, to the nearest even pixel as torchvision does, "
        "or floor, as MXNet's CenterCrop does",
        choices=("round", "floor"),
    )
    strict: bool = _data(
        False, "stop at the first broken image or unreadable folder instead of leaving it out", kind=MACHINE
    )
    cache_dir: Optional[str] = _data(
        None,
        "where prepared data is kept for later runs (default: gluon_wgan in the user's cache folder)",
        kind=MACHINE,
        metavar="DIR",
    )

    image_size: int = _model(64, "height and width of the images: 16 * 2^k", low=16, high=1024)
    nc: int = _model(3, "colour channels: 1 (gray) or 3", low=1, high=3)
    nz: int = _model(100, "length of the latent vector", low=1, high=65536)
    arch: str = _model(
        "dcgan",
        "dcgan: the authors' 4x4 convolutions; lite: a course note's smaller 3x3 convolutions with biases "
        "(--mlp-g and --mlp-d come before it)",
        choices=("dcgan", "lite"),
    )
    block_order: str = _model(
        "conv-norm-act",
        "order within a block; conv-act-norm is that of a fastai variant",
        choices=("conv-norm-act", "conv-act-norm"),
    )
    ngf: int = _model(64, "width of the generator", low=2, high=4096)
    ndf: int = _model(64, "width of the critic", low=1, high=4096)
    n_extra_layers: int = _model(0, "extra 3x3 layers in generator and critic at half the image size", low=0, high=32)
    no_bn: bool = _model(False, "no batch norm in the generator (the reference's flag never reached its critic)")
    no_bn_d: bool = _model(False, "no batch norm in the critic")
    layer_norm_d: bool = _model(False, "layer norm in the critic in place of batch norm (with --no-bn-d)")
    mlp_g: bool = _model(False, "use a multilayer perceptron as generator")
    mlp_d: bool = _model(False, "use a multilayer perceptron as critic")
    net_g: Optional[str] = _model(
        None,
        "start from these generator weights: a run, a checkpoint, or a .params, .pth or .safetensors file",
        metavar="PATH",
    )
    net_d: Optional[str] = _model(
        None,
        "start from these critic weights: a run, a checkpoint, or a .params, .pth or .safetensors file",
        metavar="PATH",
    )
    init: str = _model(
        "reference",
        "initial weights. reference: convolutions N(0, 0.02), batch-norm gamma N(1, 0.02), all else as PyTorch "
        "does it; port2018: the same, with Xavier of magnitude 0.01 for dense layers; pytorch: its defaults; "
        "mxnet: its default, U(-0.07, 0.07)",
        choices=("reference", "port2018", "pytorch", "mxnet"),
    )
    dtype: str = _model(
        "float32",
        "precision of weights and arithmetic; float64 is slow and meant for comparisons",
        choices=("float32", "float64"),
    )

    objective: str = _algorithm(
        "wgan",
        "wgan: Wasserstein distance with a clipped critic; wgan-gp: with a gradient penalty instead of the clip; "
        "dcgan: sigmoid cross-entropy, the baseline",
        choices=("wgan", "wgan-gp", "dcgan"),
    )
    gp_lambda: float = _algorithm(10.0, "weight of the gradient penalty", low=0)
    gp_alpha: str = _algorithm(
        "per-sample",
        "between real and fake, the penalty is taken at a uniform random point for each sample; per-batch (one "
        "for all) and normal (normally distributed) are mistakes seen elsewhere, for comparison",
        choices=("per-sample", "per-batch", "normal"),
    )
    gp_norm: str = _algorithm(
        "all",
        "the penalty's norm goes over channels, height and width; channels (one norm for each pixel) is a "
        "mistake seen elsewhere, for comparison",
        choices=("all", "channels"),
    )
    batch_size: int = _algorithm(64, "images in a batch", low=1, high=65536)
    optimizer: str = _algorithm("rmsprop", "how weights are updated", choices=("rmsprop", "adam"))
    lr_d: float = _algorithm(5e-5, "learning rate of the critic", above=0)
    lr_g: float = _algorithm(5e-5, "learning rate of the generator", above=0)
    gamma1: float = _algorithm(0.99, "RMSProp's decay of the squared gradient (PyTorch's alpha)", low=0, high=1)
    eps_rule: str = _algorithm(
        "mxnet",
        "where epsilon stands. mxnet: RMSProp's inside the root, Adam's beside the uncorrected root; torch: "
        "RMSProp's outside the root, Adam's beside the corrected one",
        choices=("mxnet", "torch"),
    )
    eps_d: float = _algorithm(1e-12, "RMSProp's epsilon for the critic", low=0)
    eps_g: float = _algorithm(1e-14, "RMSProp's epsilon for the generator", low=0)
    beta1: float = _algorithm(0.5, "Adam's decay of the gradient", low=0, high=1)
    beta2: float = _algorithm(0.999, "Adam's decay of the squared gradient", low=0, high=1)
    eps_adam: float = _algorithm(1e-8, "Adam's epsilon", low=0)
    clip: float = _algorithm(0.01, "every critic parameter is clipped to [-clip, clip]", above=0)
    clip_when: str = _algorithm(
        "before",
        "clip before each critic step, as the reference does, so that the generator sees an unclipped "
        "critic; or after each update, as Algorithm 1 in the paper does",
        choices=("before", "after"),
    )
    clip_running_stats: bool = _algorithm(
        False, "clip the critic's batch-norm running statistics too, as the 2018 port did"
    )
    clip_bn: bool = _algorithm(True, "clip batch norm's gamma and beta too, as the reference's parameters() does")
    critic_batches: str = _algorithm(
        "apart",
        "reals and fakes pass through the critic apart, each with its own batch-norm statistics, or joined",
        choices=("apart", "joined"),
    )
    latent: str = _algorithm(
        "normal", "distribution of the latents: N(0, 1), or uniform in [-1, 1]", choices=("normal", "uniform")
    )
    short_noise: bool = _algorithm(
        False, "make only as many fakes as a short last batch has reals (the reference always makes a full batch)"
    )
    running_var: str = _algorithm(
        "population",
        "variance that batch norm's running statistics gather: population, as MXNet, or unbiased, as PyTorch",
        choices=("population", "unbiased"),
    )
    n_critic: int = _algorithm(5, "critic steps for each generator step", low=1, high=100_000)
    warmup_iters: int = _algorithm(25, "generator iterations at the start that get --warmup-critic critic steps", low=0)
    warmup_critic: int = _algorithm(
        100, "critic steps for a warm-up or boosted generator iteration", low=1, high=1_000_000
    )
    boost_every: int = _algorithm(
        500, "every so many generator iterations get --warmup-critic critic steps (0: none)", low=0
    )
    stop_at_epoch_end: bool = _algorithm(
        False,
        "end a generator iteration's critic steps with the epoch's data, as the reference does "
        "(on a small data set this cuts the warm-up short)",
    )
    drop_last: bool = _algorithm(False, "drop the short last batch of an epoch")
    flip: bool = _algorithm(False, "mirror half of the images left to right, others in each epoch, by --seed alone")
    ema: Optional[float] = _algorithm(
        None,
        "also keep a generator whose weights are averaged exponentially over the generator steps, with this decay, "
        "such as 0.999; samples are drawn from both, and --ema of generate and evaluate takes it",
        above=0,
        high=0.9999999,
    )
    seed: int = _algorithm(0, "seed of the initial weights, the noise and the data order", low=0, high=2**63 - 1)

    gen_iters: Optional[int] = _length(
        30_000, "stop after so many generator iterations (30,000: where the 2018 write-up evaluated its samples)", low=1
    )
    epochs: Optional[int] = _length(None, "stop after so many passes over the data instead", low=1)

    out: Optional[str] = _run(
        None,
        "the run directory itself, which must not exist yet (default: a new numbered one under runs/)",
        kind=MACHINE,
        metavar="RUN_DIR",
    )
    branch: Optional[str] = _run(
        None,
        "start a new run from another run's newest checkpoint, or from one of its checkpoints, with that run's options "
        "but for those given beside it",
        kind=MACHINE,
        metavar="RUN_OR_CHECKPOINT",
    )
    sample_every: int = _run(100, "draw samples and curves every so many generator iterations", low=1)
    curve_filter: int = _run(101, "width of the median filter over the drawn curve (1: none)", low=1, high=99_999)
    sample_bn: str = _run(
        "batch",
        "batch-norm statistics used for the sample images: of the batch, as the reference does, or running",
        choices=("batch", "running"),
    )
    sample_rounding: str = _run(
        "nearest",
        "how sample images in the run directory become bytes: nearest level, or down (the fraction is cut off, as "
        "the 2018 port does)",
        choices=("nearest", "down"),
    )
    checkpoint_every: int = _run(500, "save a checkpoint every so many generator iterations", low=1)
    keep_checkpoints: int = _run(0, "keep only so many of this run's newest checkpoints (0: all)", low=0)
    tensorboard: bool = _run(False, "write the metrics and the grids of samples as TensorBoard events too")

    gpus: tuple[int, ...] = _machine(
        (), "GPUs to train on: 0, or 0,1; '' is the CPU (a resumed run needs as many devices as before)", metavar="LIST"
    )
    require_gpu: bool = _machine(False, "stop, instead of using the CPU, when there is no GPU")
    tf32: bool = _machine(
        False,
        "on a GPU of compute capability 8.x: round the factors of float32 products to TF32's 10 bits, as MXNet and "
        "PyTorch do there by default; off, float32 is float32",
        kind=MATHS,
    )
    fast: bool = _machine(
        False,
        "on a GPU: let cuDNN take the algorithms that it times as fastest, and fuse pointwise operators; two runs then "
        "differ in their last bits",
    )
    accept_other_device: bool = _machine(
        False,
        "with --resume: go on although the device class, the GPU model, cuDNN or the arithmetic (--tf32, --fast) is "
        "another than the run's, so that it is no longer bit for bit what it would have been; it has to be given anew "
        "each time, and environment_*.json records the change",
    )
    kvstore: Optional[str] = _machine(
        None,
        "train on several machines over MXNet's KVStore: dist_sync, as one of the processes that tools/launch.py "
        "starts (docs/several_machines.md); --batch-size is that of all workers together. none: in this process alone",
        choices=("dist_sync", "none"),
    )
    worker_timeout: int = _machine(
        10,
        "with --kvstore: seconds without a sign of life after which a process counts as lost, and the others save and "
        "end; noticing may take twice that",
        low=2,
        high=3600,
    )
    start_timeout: int = _machine(
        300, "with --kvstore: seconds in which all processes of the run must have started", low=5, high=86400
    )
    threads: Optional[int] = _machine(
        None,
        "CPU threads (default: OMP_NUM_THREADS, else 1 or 2 for a small network, else the cores it may use)",
        low=1,
        high=4096,
    )
    jobs: Optional[int] = _machine(
        None, "processes that prepare the data (default: the cores that this process may use)", low=1, high=4096
    )

    def __post_init__(self) -> None:
        # JSON and callers hand over lists where the field is a tuple, and callers a crop's name.
        for name in ("crop", "gpus", "data_root", "exclude"):
            value = getattr(self, name)
            if isinstance(value, list):
                object.__setattr__(self, name, tuple(value))
        if isinstance(self.crop, str):
            object.__setattr__(self, "crop", parse_crop(self.crop))
        if isinstance(self.data_root, tuple) and len(self.data_root) == 1:
            object.__setattr__(self, "data_root", self.data_root[0])
        for field in dataclasses.fields(self):
            check_range(field, getattr(self, field.name))
        object.__setattr__(self, "resize", canonical_name(self.resize))
        if self.kvstore == "none":
            object.__setattr__(self, "kvstore", None)
        check_together(self)

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
        values = dict(values)
        # Earlier versions wrote these two into every file; where no images were named, they said which faces to draw.
        drew = [values.pop(name) for name in ("num_faces", "faces_seed") if name in values]
        if drew and not values.get("data_root") and not values.get("data"):
            values |= {"dataset": "auto", "data_root": DRAWN_FACES}
        unknown = sorted(set(values) - {field.name for field in dataclasses.fields(cls)})
        if unknown:
            raise UserError(
                f"The configuration names {', '.join(unknown)}, which this version of gluon_wgan does not "
                "know: use the version that wrote it."
            )
        return cls(**values)

    @property
    def data_roots(self) -> tuple[str, ...]:
        """Every path of ``data_root``."""
        roots = self.data_root
        return () if roots is None else roots if isinstance(roots, tuple) else (roots,)

    def replace(self, **changes: Any) -> TrainConfig:
        """Return a copy with some options changed, checked again."""
        return dataclasses.replace(self, **changes)


def preset_config(name: str, **overrides: Any) -> TrainConfig:
    """Return a preset's configuration with some options overridden; one end (of two) given replaces the preset's.

    Raises
    ------
    UserError
        When there is no such preset, or a value is out of range.
    """
    check_preset(name)
    return TrainConfig(**{**PRESETS[name], "preset": name, **one_end(overrides)})


def one_end(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options in which an end that is given, iterations or epochs, replaces the other.

    Raises UserError when both are given.
    """
    ends = [name for name in ("gen_iters", "epochs") if options.get(name) is not None]
    if len(ends) == 2:
        raise UserError("--gen-iters and --epochs both say when to stop: give one of them.")
    other = {"gen_iters": "epochs", "epochs": "gen_iters"}
    return {**options, **{other[name]: None for name in ends}}


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


def read_config(path: Path) -> TrainConfig:
    """Read a ``config.json``.

    Raises
    ------
    UserError
        When the file is missing, is not JSON, or holds options that this version does not know.
    """
    try:
        values = read_json_object(path)
    except (OSError, ValueError) as error:
        raise UserError(f"Cannot read the configuration {path} ({error}): name a run directory.") from None
    return TrainConfig.from_json(values)
