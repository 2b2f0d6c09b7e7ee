"""The runs' images at the same iterations, small enough to lie inside one page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

import numpy as np
from PIL import Image

from gluon_wgan.config.train_config import TrainConfig
from gluon_wgan.errors import UserError
from gluon_wgan.reports.comparison import Side, same_noise
from gluon_wgan.reports.template import png_uri
from gluon_wgan.runs.figures import GAP, make_grid
from gluon_wgan.utils.formatting import plain
from gluon_wgan.utils.progress_bars import progress_bar
from gluon_wgan.utils.seeding import SAMPLING, draw_latents, make_rng

# As many as in a run's own grids: with batch norm on batch statistics, the others in a batch matter.
_LATENTS = 64
MAX_SHOWN = 12
"""The most iterations of which images are shown."""

COLUMNS = 4
"""Images in a row and in a column."""

# Of a run's own grid, which has twice as many columns: so that the same latents stand in the same place.
_CORNER = [2 * COLUMNS * row + column for row in range(COLUMNS) for column in range(COLUMNS)]

Grids = list[dict[int, str]]
"""For each run: iteration -> image as a data URI."""

Frames = list[list[Optional[int]]]
"""For each iteration that is shown and each run, of which iteration the image is; None for none."""


@dataclass(frozen=True)
class Shown:
    """The images on the page, by the iterations that its slider stops at.

    The caution says why they cannot be compared one by one.
    """

    iterations: list[int]
    frames: Frames
    grids: Grids
    words: str
    caution: Optional[str]


def saved(sides: Sequence[Side]) -> Shown:
    """Return the images that the runs saved while they trained."""
    available = [[iteration for iteration, _ in side.record.samples()] for side in sides]
    chosen = chosen_iterations(available)
    wanted = frames(available, chosen)
    caution = same_noise(sides)
    if not chosen:
        return Shown([], [], [{} for _ in sides], "None of the runs has saved images yet.", None)
    return Shown(
        chosen,
        wanted,
        saved_grids(sides, wanted),
        "Drawn while the runs trained." if caution else "Drawn while the runs trained, all from the same latents.",
        f"{caution} --redraw draws them from one set." if caution else None,
    )


def redrawn(sides: Sequence[Side], seed: int) -> Shown:
    """Return images that the checkpoints' generators make of one set of latents.

    Raises UserError when a run has no checkpoint, or its latents have another length.
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
    available = [sorted(checkpoints(side)) for side in sides]
    chosen = chosen_iterations(available)
    wanted = frames(available, chosen)
    latents = draw_latents(make_rng(seed, SAMPLING), _LATENTS, config.nz, config.latent)
    grids = drawn_grids(sides, wanted, latents)
    return Shown(chosen, wanted, grids, f"Drawn from the checkpoints, all from the latents of seed {seed}.", None)


def chosen_iterations(available: Sequence[Sequence[int]], most: int = MAX_SHOWN) -> list[int]:
    """Choose iterations to show, of those of which each run has images.

    They are those that most runs have, evenly spread, the first and the last among them.
    """
    counts = Counter(iteration for iterations in available for iteration in set(iterations))
    if not counts:
        return []
    everything = sorted(counts)
    shared = [iteration for iteration in everything if counts[iteration] == len(available)]
    beyond = [iteration for iteration in everything if not shared or iteration > shared[-1]]
    # Where all of them end, and where the longest does, are what a reader looks for.
    wanted = {*shared[-1:], *beyond[-1:], everything[0]}
    pool = [iteration for iteration in [*shared, *beyond] if iteration not in wanted]
    room = min(len(pool), most - len(wanted))
    if room > 0:
        wanted |= {pool[place] for place in np.linspace(0, len(pool) - 1, room).round().astype(int)}
    return sorted(wanted)


def frames(available: Sequence[Sequence[int]], chosen: Sequence[int]) -> Frames:
    """Choose the newest image of each run by each chosen iteration."""
    return [
        [max((one for one in iterations if one <= iteration), default=None) for iterations in available]
        for iteration in chosen
    ]


def saved_grids(sides: Sequence[Side], wanted: Frames) -> Grids:
    """Return pieces of the grids that training saved; UserError when a file cannot be read."""
    return [
        {iteration: _cut_out(path, _size_of(side)) for iteration, path in side.record.samples() if iteration in chosen}
        for side, chosen in zip(sides, zip(*wanted))
    ]


def drawn_grids(sides: Sequence[Side], wanted: Frames, latents: np.ndarray) -> Grids:
    """Return images drawn anew from checkpoints, all from the same latents, float32 (n, nz, 1, 1)."""
    # Imported here because MXNet takes a second to load, which the rest can do without.
    from mxnet import cpu

    from gluon_wgan.generators.load import load_generator
    from gluon_wgan.generators.sampler import Sampler

    found: Grids = []
    by_side = [sorted({one for one in column if one is not None}) for column in zip(*wanted)]
    with progress_bar("Drawing", sum(map(len, by_side)), unit="grid", leave=False) as bar:
        for side, chosen in zip(sides, by_side):
            paths = checkpoints(side)
            statistics = str(side.record.values.get("sample_bn", "batch"))
            found.append({})
            for iteration in chosen:
                generator = load_generator(paths[iteration])
                if generator.nz != latents.shape[1]:
                    raise UserError(
                        f"{paths[iteration]} takes latents of {generator.nz} numbers, and the run's config.json says "
                        f"{latents.shape[1]}: put that file back as the run wrote it, or leave --redraw out."
                    )
                images = Sampler(generator, statistics, cpu()).draw(latents)
                found[-1][iteration] = png_uri(make_grid(images[_CORNER], COLUMNS))
                bar.update()
    return found


def checkpoints(side: Side) -> dict[int, Path]:
    """Return a run's whole iterations' checkpoints: iteration -> folder."""
    found: dict[int, Path] = {}
    for path in side.record.run.checkpoints.glob("iter_*"):
        number: Any = path.name[len("iter_") :]
        if number.isascii() and number.isdigit() and path.is_dir():
            found[int(number)] = path
    return found


def _size_of(side: Side) -> int:
    size = side.record.values.get("image_size")
    return size if isinstance(size, int) and 0 < size <= 4096 else 64


def _cut_out(path: Path, size: int) -> str:
    """Return the first rows and columns of a grid of samples."""
    side = COLUMNS * (size + GAP) + GAP
    try:
        with Image.open(path) as grid:
            piece = grid.crop((0, 0, min(side, grid.width), min(side, grid.height)))
            return png_uri(np.asarray(piece))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UserError(f"Cannot read {path} ({error}): put it back as the run wrote it, or remove it.") from None
