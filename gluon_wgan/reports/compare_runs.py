"""Compare runs: what they report of themselves, and a page with their samples from one set of latents or their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from gluon_wgan.config.train_config import TrainConfig
from gluon_wgan.errors import UserError
from gluon_wgan.reports.comparison import Side, differing_values, filter_width, last_values, newest_values, same_noise
from gluon_wgan.reports.comparison_images import checkpoints, drawn_grids, frames, moments, saved_grids
from gluon_wgan.reports.comparison_page import Shown, render_comparison
from gluon_wgan.reports.template import refuse_foreign, write_page
from gluon_wgan.utils.formatting import plain
from gluon_wgan.utils.seeding import SAMPLING, draw_latents, make_rng

NOISE_SEED = 0
# As many as in a run's own grids: with batch norm on batch statistics, the others in a batch matter.
_LATENTS = 64


@dataclass(frozen=True)
class RunSummary:
    """What one of several compared runs reports of itself.

    Attributes
    ----------
    name
        As much of its path as tells it from the others.
    path
        Its run directory.
    gen_iters, seconds
        Generator iterations and training time so far.
    w_estimate, loss_g, images_per_second
        Medians over its last iterations; None where it has none.
    metrics
        The newest value of each metric that was evaluated, by name.
    options
        The options in which the runs differ, by name.
    """

    name: str
    path: Path
    gen_iters: int
    seconds: float
    w_estimate: Optional[float]
    loss_g: Optional[float]
    images_per_second: Optional[float]
    metrics: dict[str, Optional[float]]
    options: dict[str, Any]


def summarise(sides: Sequence[Side]) -> list[RunSummary]:
    """Return what each run reports of itself."""
    width, options = filter_width(sides), differing_values(sides)
    return [
        RunSummary(
            name=side.name,
            path=side.record.run.path,
            gen_iters=side.iterations,
            seconds=side.seconds,
            **last_values(side, width),
            metrics=newest_values(side),
            options={name: values[place] for name, values in options.items()},
        )
        for place, side in enumerate(sides)
    ]


def write_comparison(sides: Sequence[Side], out: Path, *, redraw: bool, noise_seed: Optional[int]) -> None:
    """Write the page.

    Parameters
    ----------
    sides
        The runs.
    out
        The page; a file that is no page of this project is not replaced.
    redraw
        Draw the samples anew from the checkpoints, from one set of latents.
    noise_seed
        Which latents that is; implies ``redraw``.

    Raises
    ------
    UserError
        When ``out`` holds something else, or a run has nothing to draw from.
    """
    refuse_foreign(out)
    shown = redrawn(sides, noise_seed or NOISE_SEED) if redraw or noise_seed is not None else saved(sides)
    text = render_comparison(sides, shown)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_page(out, text)


def saved(sides: Sequence[Side]) -> Shown:
    """Return the images that the runs saved while they trained."""
    available = [[iteration for iteration, _ in side.record.samples()] for side in sides]
    chosen = moments(available)
    wanted = frames(available, chosen)
    caution = same_noise(sides)
    if not chosen:
        return Shown([], [], [{} for _ in sides], "None of the runs has saved images yet.", None)
    return Shown(
        chosen,
        wanted,
        saved_grids(sides, _by_side(wanted, len(sides))),
        "Drawn while the runs trained." if caution else "Drawn while the runs trained, all from the same latents.",
        f"{caution} --redraw draws them from one set." if caution else None,
    )


def redrawn(sides: Sequence[Side], seed: int) -> Shown:
    """Return images that the checkpoints' generators make of one set of latents.

    Raises
    ------
    UserError
        When a run has no checkpoint, or its latents have another length.
    """
    for side in sides:
        if not checkpoints(side):
            raise UserError(f"{side.record.run.path} has no checkpoint to draw from: leave --redraw out.")
    for name, words in (("nz", "latents have different lengths"), ("latent", "latents are drawn differently")):
        listed = [plain(side.record.values.get(name, getattr(TrainConfig, name))) for side in sides]
        if len(set(listed)) > 1:
            raise UserError(f"These runs' {words} ({', '.join(listed)}): leave --redraw out.")
    # Checked by making a configuration of them: another may have written these files.
    first = sides[0].record.values
    config = TrainConfig(**{name: first[name] for name in ("nz", "latent") if name in first})
    # Imported here because MXNet takes a second to load, which the rest can do without.
    from gluon_wgan.reports.redraw_samples import draw_checkpoint

    available = [sorted(checkpoints(side)) for side in sides]
    chosen = moments(available)
    wanted = frames(available, chosen)
    latents = draw_latents(make_rng(seed, SAMPLING), _LATENTS, config.nz, config.latent)
    grids = drawn_grids(sides, _by_side(wanted, len(sides)), latents, draw_checkpoint)
    return Shown(chosen, wanted, grids, f"Drawn from the checkpoints, all from the latents of seed {seed}.", None)


def _by_side(wanted: Sequence[Sequence[Optional[int]]], sides: int) -> list[set[int]]:
    return [{row[side] for row in wanted if row[side] is not None} for side in range(sides)]  # type: ignore[misc]
