"""Plans: small readable TOML files of named runs."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

import tomli

from gluon_wgan.config.crops import Box, parse_crop
from gluon_wgan.config.presets import PRESETS
from gluon_wgan.config.train_config import TrainConfig, preset_config
from gluon_wgan.data.resize import canonical_name
from gluon_wgan.errors import UserError, last_line
from gluon_wgan.metrics.all_metrics import MIN_IMAGES
from tools.reproduction.plan_checks import different, whole

_OPTIONS = {field.name for field in dataclasses.fields(TrainConfig)}
_KEYS = {
    "image_size",
    "crop",
    "held_out",
    "split_seed",
    "judged",
    "seeds",
    "checkpoint_every",
    "report",
    "common",
    "runs",
    "starts",
}
# What the plan itself decides for every run, and what would take evaluated checkpoints away.
_TAKEN = {
    "data",
    "data_root",
    "dataset",
    "seed",
    "out",
    "image_size",
    "crop",
    "nc",
    "gpus",
    "require_gpu",
    "threads",
    "jobs",
    "epochs",
    "keep_checkpoints",
}
BASE = "wgan"
"""The run that all others are compared with."""

_MAX_MOMENTS = 1000
NO_STORE = Path("store")
"""For a configuration of which only what needs no images is asked."""


@dataclass(frozen=True)
class Run:
    """One named run: the options that all its seeds share.

    Attributes
    ----------
    name
        Its name in the plan, which its folders and its rows of results bear.
    what
        What it is, in words.
    seeds
        One training run each.
    moments
        Generator iterations at which it is evaluated, ascending; all have a checkpoint, the last is the end.
    resize
        The backend that its training images are resized with.
    options
        Options of `TrainConfig` beside the preset's, ``preset`` among them.
    """

    name: str
    what: str
    seeds: tuple[int, ...]
    moments: tuple[int, ...]
    resize: str
    options: dict[str, Any]

    def config(self, seed: int, store: Path) -> TrainConfig:
        """Return the configuration of one seed's run on a store of prepared images."""
        options = dict(self.options)
        return preset_config(options.pop("preset", TrainConfig.preset), seed=seed, data=str(store), **options)


@dataclass(frozen=True)
class Plan:
    """A plan.

    Attributes
    ----------
    name
        The file's name without its ending.
    image_size
        Side of the images in pixels.
    crop
        What is cut out of each given image before it is resized: left, top, right, bottom; None for nothing.
        The built-in portraits are taken whole: they are cut out already.
    held_out, split_seed
        How many images are kept apart from training, and which.
    judged
        How many samples are compared with them.
    runs
        By name.
    starts
        By name, runs that are not trained to a result but watched at every critic step; see `starts`.
    report
        Whether the report's page is filled in; otherwise only the result files are written.
    """

    name: str
    image_size: int
    crop: Optional[Box]
    held_out: int
    split_seed: int
    judged: int
    runs: dict[str, Run]
    starts: dict[str, Run]
    report: bool = True

    def only(self, name: Optional[str]) -> tuple[list[Run], list[Run]]:
        """Return all runs and all starts, or the one of that name, such as ``wgan``, or ``wgan-seed3`` for one seed.

        Raises
        ------
        UserError
            If there is no such run.
        """
        runs, starts = list(self.runs.values()), list(self.starts.values())
        if name is None:
            return runs, starts
        chosen = tuple([found for run in some for found in _named(run, name)] for some in (runs, starts))
        if not any(chosen):
            known = ", ".join([*self.runs, *self.starts])
            raise UserError(
                f"The plan {self.name} has no run {name!r}: choose one of {known}, or one of its seeds (RUN-seedN)."
            )
        return chosen[0], chosen[1]


def _named(run: Run, name: str) -> list[Run]:
    """Return the run if it has that name, or only the seed of it that the name ends with; empty for another run."""
    if name == run.name:
        return [run]
    return [dataclasses.replace(run, seeds=(seed,)) for seed in run.seeds if name == f"{run.name}-seed{seed}"]


def read_plan(path: Path) -> Plan:
    """Read a plan, and check every option in it.

    Raises
    ------
    UserError
        When the file cannot be read, or something in it is not as it should be; it names the run.
    """
    try:
        text = path.read_text(encoding="utf-8")
        known = tomli.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"Cannot read the plan {path} ({last_line(error)}): name a plan's file.") from None
    except (tomli.TOMLDecodeError, RecursionError) as error:
        raise UserError(f"The plan {path} is not TOML ({error}): fix that place.") from None
    try:
        return _plan(path.stem, known)
    except KeyError as error:
        raise UserError(f"The plan {path} does not say {error.args[0]}: add it.") from None
    except (TypeError, ValueError, AttributeError) as error:
        raise UserError(f"The plan {path} cannot be understood ({last_line(error)}): fix it.") from None


def _plan(name: str, known: dict[str, Any]) -> Plan:
    unknown = sorted(known.keys() - _KEYS)
    if unknown:
        raise UserError(f"The plan {name} says {unknown[0]}, which means nothing there: leave it out.")
    common = known.get("common", {})
    shared = {"seeds": known["seeds"], "checkpoint_every": known["checkpoint_every"]}
    tables = {kind: known.get(kind, {}) for kind in ("runs", "starts")}
    runs, starts = (
        {key: _run(key, {**shared, **common, **table}) for key, table in tables[kind].items()} for kind in tables
    )
    report = known.get("report", Plan.report)
    if not isinstance(report, bool):
        raise UserError(f"The plan {name} says report {report!r}: give true or false.")
    if (report and BASE not in runs) or set(runs) & set(starts) or not (runs or starts):
        raise ValueError(f"it needs a run {BASE}, which others are compared with, and every run a name of its own")
    for run in (*runs.values(), *starts.values()):
        if report and run.seeds[0] != 0:
            raise UserError(
                f"The run {run.name} has the seeds {run.seeds}: have 0 among them, of which the report shows samples, "
                "or set report = false in the plan."
            )
    for start in starts.values():
        if start.config(0, NO_STORE).stop_at_epoch_end:
            raise UserError(f"The start {start.name} stops at an epoch's end: set stop_at_epoch_end = false there.")
    # The fewest images are those of the metrics.
    least = {"image_size": 16, "held_out": MIN_IMAGES, "split_seed": 0, "judged": MIN_IMAGES}
    numbers = {key: whole(f"The plan {name}", key, known[key], low) for key, low in least.items()}
    crop = parse_crop(known["crop"]) if "crop" in known else None
    TrainConfig(image_size=numbers["image_size"], crop=crop)  # refuses what no run could have
    return Plan(name=name, crop=crop, runs=runs, starts=starts, report=report, **numbers)


def _run(name: str, table: Mapping[str, Any]) -> Run:
    options = dict(table)
    if not name.replace("-", "").isalnum():
        raise UserError(f"A run is called {name!r}: use letters, digits and hyphens.")
    what, seeds = options.pop("what"), different(f"The run {name}", "seeds", options.pop("seeds"), 0)
    moments, preset = options.pop("moments", None), PRESETS.get(options.get("preset", TrainConfig.preset), {})
    resize = canonical_name(options.pop("resize", preset.get("resize", TrainConfig.resize)))
    wrong = sorted((options.keys() - _OPTIONS) | (options.keys() & _TAKEN))
    if wrong:
        raise UserError(f"The run {name} sets {wrong[0]}, which is no option of a run in a plan: leave it out.")
    end, every = (whole(f"The run {name}", key, options[key], 1) for key in ("gen_iters", "checkpoint_every"))
    if moments is None:
        if end // every > _MAX_MOMENTS:
            raise UserError(
                f"The run {name} has {end // every} checkpoints: save fewer, or give the moments to evaluate it at."
            )
        moments = (*range(every, end, every), end)
    moments = different(f"The run {name}", "moments", moments, 1)
    if moments[-1] != end or any(iteration % every and iteration != end for iteration in moments):
        raise UserError(
            f"The run {name} is to be evaluated at {', '.join(map(str, moments))}, but has checkpoints every {every} "
            f"iterations up to {end}: choose moments among those, the end among them."
        )
    run = Run(name, str(what), seeds, moments, resize, options)
    try:
        run.config(0, NO_STORE)
    except UserError as error:
        raise UserError(f"The run {name} cannot be: {error}") from None
    return run
