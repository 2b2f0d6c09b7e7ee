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
    resize. See :data:`gluon_wgan.config.presets.PRESETS` for the others.

    Raises
    ------
    UserError
        When a value is out of range or two values contradict each other.
    """

    preset: str = _option("gluon", "a named set of options; any flag beside it overrides one of them", RUN)

    dataset: str = _option(
        "auto",
        "what --data-root is. auto: recognise it, and without --data-root take the built-in portraits; built-in: 512 "
        "painted portraits that come with the package; folder: every image below it; csv: the images that a list "
        "names, relative to the list's own folder; lsun: an LMDB; celeba, lfw, cifar10, mnist (any idx3-ubyte file): "
        "as distributed, packed or not; zip, tar (compressed or not), rec (RecordIO), parquet: files of images",
        DATA,
        kind=PIXELS,
        choices=(
            *("auto", "built-in", "folder", "csv", "lsun", "celeba", "lfw", "cifar10", "mnist", "zip", "tar"),
            *("rec", "parquet"),
        ),
    )
    data_root: Optional[Union[str, tuple[str, ...]]] = _option(
        None,
        "where the images are: a folder, a list, an archive, a database, a folder of shards or a pattern such as "
        "'train-*.tar'; given several times, all of them",
        DATA,
        kind=PIXELS,
        metavar="PATH",
    )
    data: Optional[str] = _option(
        None,
        "a store that tools/prepare_data.py has made, in place of all that says which images and how to prepare them",
        DATA,
        kind=PIXELS,
        metavar="STORE",
    )
    exclude: tuple[str, ...] = _option(
        (),
        "leave out files and folders of this name or path, with the wildcards * ? [abc]; may be given several times",
        DATA,
        kind=PIXELS,
        metavar="PATTERN",
    )
    limit: Optional[int] = _option(
        None, "use only so many of the images, drawn at random by --subset-seed", DATA, kind=PIXELS, low=1
    )
    fraction: Optional[float] = _option(
        None, "use only this share of the images, above 0 up to 1", DATA, kind=PIXELS, above=0, high=1
    )
    subset_seed: int = _option(0, "which images --limit and --fraction draw", DATA, kind=PIXELS, low=0)
    crop: Optional[tuple[int, int, int, int]] = _option(
        None,
        f"pixels to cut out before resizing: LEFT,TOP,RIGHT,BOTTOM, or a usual one: {', '.join(NAMED_CROPS)}",
        DATA,
        kind=PIXELS,
        metavar="BOX",
    )
    max_pixels: Optional[int] = _option(
        None,
        "skip images of more pixels than this (default: Pillow's limit, 178,956,970)",
        DATA,
        kind=PIXELS,
        low=1,
        high=178_956_970,
    )
    bit_depth: Optional[int] = _option(
        None,
        "how many bits the values of 16-bit images have, such as a camera's 12: the largest such value becomes white "
        "(default: as many as the file says)",
        DATA,
        kind=PIXELS,
        low=8,
        high=16,
    )
    resize: str = _option(
        "pil-bilinear",
        "library and filter that resize the images, such as pil-bicubic, cv2-area, mxnet-lanczos; pil is short for "
        "pil-bilinear, cv2 for cv2-bicubic",
        DATA,
        kind=PIXELS,
        metavar="NAME",
    )
    fit: str = _option(
        "crop",
        "how an image that is no square becomes one. crop: the short side is resized and the centre cut out; pad: "
        "the long side is resized and the rest is black; stretch: both sides are resized",
        DATA,
        kind=PIXELS,
        choices=("crop", "pad", "stretch"),
    )
    center_crop: str = _option(
        "round",
        "where the central square starts when the margin is odd: round, to the nearest even pixel as torchvision does, "
        "or floor, as MXNet's CenterCrop does",
        DATA,
        kind=PIXELS,
        choices=("round", "floor"),
    )
    strict: bool = _option(
        False, "stop at the first broken image or unreadable folder instead of leaving it out", DATA, kind=MACHINE
    )
    cache_dir: Optional[str] = _option(
        None,
        "where prepared data is kept for later runs (default: gluon_wgan in the user's cache folder)",
        DATA,
        kind=MACHINE,
        metavar="DIR",
    )

    image_size: int = _option(64, "height and width of the images: 16 * 2^k", MODEL, low=16, high=1024)
    nc: int = _option(3, "colour channels: 1 (gray) or 3", MODEL, low=1, high=3)
    nz: int = _option(100, "length of the latent vector", MODEL, low=1, high=65536)
    arch: str = _option(
        "dcgan",
        "dcgan: the authors' 4x4 convolutions; lite: a course note's smaller 3x3 convolutions with biases "
        "(--mlp-g and --mlp-d come before it)",
        MODEL,
        choices=("dcgan", "lite"),
    )
    block_order: str = _option(
        "conv-norm-act",
        "order within a block; conv-act-norm is that of a fastai variant",
        MODEL,
        choices=("conv-norm-act", "conv-act-norm"),
    )
    ngf: int = _option(64, "width of the generator", MODEL, low=2, high=4096)
    ndf: int = _option(64, "width of the critic", MODEL, low=1, high=4096)
    n_extra_layers: int = _option(
        0, "extra 3x3 layers in generator and critic at half the image size", MODEL, low=0, high=32
    )
    no_bn: bool = _option(
        False, "no batch norm in the generator (the reference's flag never reached its critic)", MODEL
    )
    no_bn_d: bool = _option(False, "no batch norm in the critic", MODEL)
    layer_norm_d: bool = _option(False, "layer norm in the critic in place of batch norm (with --no-bn-d)", MODEL)
    mlp_g: bool = _option(False, "use a multilayer perceptron as generator", MODEL)
    mlp_d: bool = _option(False, "use a multilayer perceptron as critic", MODEL)
    net_g: Optional[str] = _option(
        None,
        "start from these generator weights: a run, a checkpoint, or a .params, .pth or .safetensors file",
        MODEL,
        metavar="PATH",
    )
    net_d: Optional[str] = _option(
        None,
        "start from these critic weights: a run, a checkpoint, or a .params, .pth or .safetensors file",
        MODEL,
        metavar="PATH",
    )
    init: str = _option(
        "reference",
        "initial weights. reference: convolutions N(0, 0.02), batch-norm gamma N(1, 0.02), all else as PyTorch "
        "does it; port2018: the same, with Xavier of magnitude 0.01 for dense layers; pytorch: its defaults; "
        "mxnet: its default, U(-0.07, 0.07)",
        MODEL,
        choices=("reference", "port2018", "pytorch", "mxnet"),
    )
    dtype: str = _option(
        "float32",
        "precision of weights and arithmetic; float64 is slow and meant for comparisons",
        MODEL,
        choices=("float32", "float64"),
    )

    objective: str = _option(
        "wgan",
        "wgan: Wasserstein distance with a clipped critic; wgan-gp: with a gradient penalty instead of the clip; "
        "dcgan: sigmoid cross-entropy, the baseline",
        ALGORITHM,
        choices=("wgan", "wgan-gp", "dcgan"),
    )
    gp_lambda: float = _option(10.0, "weight of the gradient penalty", ALGORITHM, low=0)
    gp_alpha: str = _option(
        "per-sample",
        "between real and fake, the penalty is taken at a uniform random point for each sample; per-batch (one "
        "for all) and normal (normally distributed) are mistakes seen elsewhere, for comparison",
        ALGORITHM,
        choices=("per-sample", "per-batch", "normal"),
    )
    gp_norm: str = _option(
        "all",
        "the penalty's norm goes over channels, height and width; channels (one norm for each pixel) is a "
        "mistake seen elsewhere, for comparison",
        ALGORITHM,
        choices=("all", "channels"),
    )
    batch_size: int = _option(64, "images in a batch", ALGORITHM, low=1, high=65536)
    optimizer: str = _option("rmsprop", "how weights are updated", ALGORITHM, choices=("rmsprop", "adam"))
    lr_d: float = _option(5e-5, "learning rate of the critic", ALGORITHM, above=0)
    lr_g: float = _option(5e-5, "learning rate of the generator", ALGORITHM, above=0)
    gamma1: float = _option(0.99, "RMSProp's decay of the squared gradient (PyTorch's alpha)", ALGORITHM, low=0, high=1)
    eps_rule: str = _option(
        "mxnet",
        "where epsilon stands. mxnet: RMSProp's inside the root, Adam's beside the uncorrected root; torch: "
        "RMSProp's outside the root, Adam's beside the corrected one",
        ALGORITHM,
        choices=("mxnet", "torch"),
    )
    eps_d: float = _option(1e-12, "RMSProp's epsilon for the critic", ALGORITHM, low=0)
    eps_g: float = _option(1e-14, "RMSProp's epsilon for the generator", ALGORITHM, low=0)
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
    clip_bn: bool = _option(
        True, "clip batch norm's gamma and beta too, as the reference's parameters() does", ALGORITHM
    )
    critic_batches: str = _option(
        "apart",
        "reals and fakes pass through the critic apart, each with its own batch-norm statistics, or joined",
        ALGORITHM,
        choices=("apart", "joined"),
    )
    latent: str = _option(
        "normal",
        "distribution of the latents: N(0, 1), or uniform in [-1, 1]",
        ALGORITHM,
        choices=("normal", "uniform"),
    )
    short_noise: bool = _option(
        False,
        "make only as many fakes as a short last batch has reals (the reference always makes a full batch)",
        ALGORITHM,
    )
    running_var: str = _option(
        "population",
        "variance that batch norm's running statistics gather: population, as MXNet, or unbiased, as PyTorch",
        ALGORITHM,
        choices=("population", "unbiased"),
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
    flip: bool = _option(
        False, "mirror half of the images left to right, others in each epoch, by --seed alone", ALGORITHM
    )
    ema: Optional[float] = _option(
        None,
        "also keep a generator whose weights are averaged exponentially over the generator steps, with this decay, "
        "such as 0.999; samples are drawn from both, and --ema of generate and evaluate takes it",
        ALGORITHM,
        above=0,
        high=0.9999999,
    )
    seed: int = _option(
        0, "seed of the initial weights, the noise and the data order", ALGORITHM, low=0, high=2**63 - 1
    )

    gen_iters: Optional[int] = _option(
        30_000,
        "stop after so many generator iterations (30,000: where the 2018 write-up evaluated its samples)",
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
    branch: Optional[str] = _option(
        None,
        "start a new run from another run's newest checkpoint, or from one of its checkpoints, with that run's options "
        "but for those given beside it",
        RUN,
        kind=MACHINE,
        metavar="RUN_OR_CHECKPOINT",
    )
    sample_every: int = _option(
        100, "draw samples and curves every so many generator iterations", RUN, kind=CADENCE, low=1
    )
    curve_filter: int = _option(
        101, "width of the median filter over the drawn curve (1: none)", RUN, kind=CADENCE, low=1, high=99_999
    )
    sample_bn: str = _option(
        "batch",
        "batch-norm statistics used for the sample images: of the batch, as the reference does, or running",
        RUN,
        kind=CADENCE,
        choices=("batch", "running"),
    )
    sample_rounding: str = _option(
        "nearest",
        "how sample images in the run directory become bytes: nearest level, or down (the fraction is cut off, as "
        "the 2018 port does)",
        RUN,
        kind=CADENCE,
        choices=("nearest", "down"),
    )
    checkpoint_every: int = _option(
        500, "save a checkpoint every so many generator iterations", RUN, kind=CADENCE, low=1
    )
    keep_checkpoints: int = _option(
        0, "keep only so many of this run's newest checkpoints (0: all)", RUN, kind=CADENCE, low=0
    )
    tensorboard: bool = _option(
        False, "write the metrics and the grids of samples as TensorBoard events too", RUN, kind=CADENCE
    )

    gpus: tuple[int, ...] = _option(
        (),
        "GPUs to train on: 0, or 0,1; '' is the CPU (a resumed run needs as many devices as before)",
        DEVICES,
        kind=MACHINE,
        metavar="LIST",
    )
    require_gpu: bool = _option(False, "stop, instead of using the CPU, when there is no GPU", DEVICES, kind=MACHINE)
    tf32: bool = _option(
        False,
        "on a GPU of compute capability 8.x: round the factors of float32 products to TF32's 10 bits, as MXNet and "
        "PyTorch do there by default; off, float32 is float32",
        DEVICES,
    )
    fast: bool = _option(
        False,
        "on a GPU: let cuDNN take the algorithms that it times as fastest, and fuse pointwise operators; two runs then "
        "differ in their last bits",
        DEVICES,
        kind=MACHINE,
    )
    accept_other_device: bool = _option(
        False,
        "with --resume: go on although the device class, the GPU model, cuDNN or the arithmetic (--tf32, --fast) is "
        "another than the run's, so that it is no longer bit for bit what it would have been; it has to be given anew "
        "each time, and environment_*.json records the change",
        DEVICES,
        kind=MACHINE,
    )
    kvstore: Optional[str] = _option(
        None,
        "train on several machines over MXNet's KVStore: dist_sync, as one of the processes that tools/launch.py "
        "starts (docs/several_machines.md); --batch-size is that of all workers together. none: in this process alone",
        DEVICES,
        kind=MACHINE,
        choices=("dist_sync", "none"),
    )
    worker_timeout: int = _option(
        10,
        "with --kvstore: seconds without a sign of life after which a process counts as lost, and the others save and "
        "end; noticing may take twice that",
        DEVICES,
        kind=MACHINE,
        low=2,
        high=3600,
    )
    start_timeout: int = _option(
        300,
        "with --kvstore: seconds in which all processes of the run must have started",
        DEVICES,
        kind=MACHINE,
        low=5,
        high=86400,
    )
    threads: Optional[int] = _option(
        None,
        "CPU threads (default: OMP_NUM_THREADS, else 1 or 2 for a small network, else the cores it may use)",
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

    Raises
    ------
    UserError
        When both are given.
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
