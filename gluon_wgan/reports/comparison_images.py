"""The runs' images at the same iterations, small enough to lie inside one page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional

import numpy as np
from PIL import Image

from gluon_wgan.errors import UserError
from gluon_wgan.reports.comparison import Side
from gluon_wgan.reports.template import png_uri
from gluon_wgan.runs.figures import GAP, make_grid
from gluon_wgan.utils.progress_bars import progress_bar

MOMENTS = 12
"""The most iterations of which images are shown."""

COLUMNS = 4
"""Images in a row and in a column."""

# Of a run's own grid, which has twice as many columns: so that the same latents stand in the same place.
_CORNER = [2 * COLUMNS * row + column for row in range(COLUMNS) for column in range(COLUMNS)]

Grids = list[dict[int, str]]
"""For each run: iteration -> image as a data URI."""


def moments(available: Sequence[Sequence[int]], most: int = MOMENTS) -> list[int]:
    """Choose iterations to show: those that most runs have, evenly spread, the first and the last among them.

    Parameters
    ----------
    available
        The iterations of which each run has images.
    """
    counts: dict[int, int] = {}
    for iterations in available:
        for iteration in set(iterations):
            counts[iteration] = counts.get(iteration, 0) + 1
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


def frames(available: Sequence[Sequence[int]], chosen: Sequence[int]) -> list[list[Optional[int]]]:
    """Return, for each chosen iteration and each run, the iteration of its newest image by then, if any."""
    return [
        [max((one for one in iterations if one <= moment), default=None) for iterations in available]
        for moment in chosen
    ]


def saved_grids(sides: Sequence[Side], wanted: Sequence[set[int]]) -> Grids:
    """Return pieces of the grids that training saved; UserError when a file cannot be read."""
    return [
        {iteration: _cut_out(path, _size_of(side)) for iteration, path in side.record.samples() if iteration in chosen}
        for side, chosen in zip(sides, wanted)
    ]


def drawn_grids(sides: Sequence[Side], wanted: Sequence[set[int]], latents: np.ndarray) -> Grids:
    """Return images drawn anew from checkpoints, all from the same latents, float32 (n, nz, 1, 1)."""
    # Imported here because MXNet takes a second to load, which the rest can do without.
    from mxnet import cpu

    from gluon_wgan.generators.load import load_generator
    from gluon_wgan.generators.sampler import Sampler

    found: Grids = []
    with progress_bar("Drawing", sum(map(len, wanted)), unit="grid", leave=False) as bar:
        for side, chosen in zip(sides, wanted):
            paths = checkpoints(side)
            statistics = str(side.record.values.get("sample_bn", "batch"))
            found.append({})
            for iteration in sorted(chosen):
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
