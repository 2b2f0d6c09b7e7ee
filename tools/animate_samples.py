"""Write an animated GIF of one set of latents at every checkpoint of a run; ``--help`` lists the options.

python tools/animate_samples.py runs/0001 --out training.gif
"""

from __future__ import annotations

import argparse
import io
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
if __name__ == "__main__" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # no traceback while modules are imported

from PIL import Image, ImageDraw, ImageFont  # noqa: E402

from gluon_wgan.cli.runner import SentenceParser, run_tool  # noqa: E402
from gluon_wgan.errors import UserError  # noqa: E402

CAPTION = 22
"""Height of the line that names the iteration, in pixels."""
LAST_FRAME_MS = 2500


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Write the animation and return the exit status."""
    parser = SentenceParser(prog="animate_samples.py", description="Animate a run's samples over its checkpoints.")
    parser.add_argument("run", metavar="RUN", help="a run directory with two checkpoints or more")
    parser.add_argument("--out", required=True, metavar="FILE.gif", help="the file to write, which must not exist")
    parser.add_argument("--columns", type=int, default=12, metavar="N", help="images in a row (default: %(default)s)")
    parser.add_argument("--rows", type=int, default=4, metavar="N", help="rows (default: %(default)s)")
    parser.add_argument("--scale", type=int, default=2, metavar="N", help="pixels per pixel (default: %(default)s)")
    parser.add_argument(
        "--ms", type=int, default=500, metavar="N", help="milliseconds per frame (default: %(default)s)"
    )
    options = parser.parse_args(argv)
    return run_tool("animate_samples.py", lambda: animate(options))


def animate(options: argparse.Namespace) -> int:
    """Draw the same latents at every checkpoint and write the frames as a GIF that repeats forever."""
    for name in ("columns", "rows", "scale", "ms"):
        if getattr(options, name) < 1:
            raise UserError(f"--{name} {getattr(options, name)} is too small: give 1 or more.")
    out = Path(options.out)
    found = frames(Path(options.run), options.columns, options.rows, options.scale)
    content = io.BytesIO()
    durations = [options.ms] * (len(found) - 1) + [max(options.ms, LAST_FRAME_MS)]
    found[0].save(content, "gif", save_all=True, append_images=found[1:], duration=durations, loop=0, optimize=True)
    try:
        with out.open("xb") as file:
            file.write(content.getvalue())
    except FileExistsError:
        raise UserError(f"{out} exists already: choose another --out.") from None
    except OSError as error:
        raise UserError(f"Cannot write {out} ({error.strerror}): choose another --out.") from None
    print(f"{out}: {len(found)} frames, {len(content.getvalue()):,} bytes")
    return 0


def frames(run: Path, columns: int, rows: int, scale: int) -> list[Image.Image]:
    """Return a frame for each checkpoint, in order, with one palette for each frame.

    Raises
    ------
    UserError
        When the run has fewer than two checkpoints, or one of them is damaged.
    """
    from mxnet import cpu

    from gluon_wgan.config.train_config import read_config
    from gluon_wgan.generators.latents import draw_groups
    from gluon_wgan.generators.load import load_generator
    from gluon_wgan.generators.sampler import Sampler
    from gluon_wgan.runs.checkpoints import list_checkpoints, saved_iteration
    from gluon_wgan.runs.figures import make_grid

    checkpoints = list_checkpoints(run / "checkpoints")
    if len(checkpoints) < 2:
        raise UserError(f"{run} has {len(checkpoints)} checkpoints: train with a smaller --checkpoint-every.")
    config = read_config(run / "config.json")
    latents, wanted = next(draw_groups(config.seed, config.nz, config.latent)), columns * rows
    if wanted > len(latents):
        raise UserError(
            f"--columns {columns} and --rows {rows} make more than {len(latents)} images: make them smaller."
        )
    found = []
    for checkpoint in checkpoints:
        sampler = Sampler(load_generator(checkpoint), config.sample_bn, cpu())
        grid = make_grid(sampler.draw(latents[:wanted]), columns)
        image = Image.fromarray(grid[:, :, 0] if grid.shape[2] == 1 else grid).convert("RGB")
        image = image.resize((image.width * scale, image.height * scale), Image.Resampling.NEAREST)
        frame = Image.new("RGB", (image.width, image.height + CAPTION), "white")
        frame.paste(image, (0, CAPTION))
        text = f"{saved_iteration(checkpoint):,} generator iterations"
        ImageDraw.Draw(frame).text((scale * 2, 4), text, "black", ImageFont.load_default(size=14))
        found.append(frame.quantize(128, dither=Image.Dither.NONE))
    return found


if __name__ == "__main__":
    sys.exit(main())
