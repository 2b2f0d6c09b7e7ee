"""One page that holds a generator and runs it in a browser."""

from __future__ import annotations

from typing import Any, Optional

import numpy as np

from gluon_wgan.generators.browser_layers import Layer, as_base64
from gluon_wgan.generators.image_folder import ImageFolder
from gluon_wgan.reports.template import render, write_page

PAGE = "page.html"
SCRIPTS = ("generator_network.js", "generator.js")
SAMPLES, CORNERS, KEYFRAMES = 24, 4, 6
# Frames from one keyframe to the next, and how many of them the strip shows.
STEPS, STRIP = 20, 2
# Images of Gluon's that the page compares its own with.
CHECKED = 4


def write_generator_page(images: ImageFolder, layers: list[Layer], note: Optional[str] = None) -> None:
    """Write ``page.html`` into a folder of images and say so in its record.

    Parameters
    ----------
    images
        The generator, the seed of the latents that the page begins with, and the folder. Its sampler uses running
        statistics.
    layers
        What :func:`gluon_wgan.generators.browser_layers.browser_layers` returned for the generator.
    note
        What else the page should say, such as whose the data are.

    Raises
    ------
    OSError
        When the disk does not take it.
    """
    trained = images.trained
    config = trained.config
    # The run directory's name where there is one: all checkpoints of one iteration are called the same.
    place = trained.run or trained.folder or trained.weights
    text = render(
        "generator.html",
        SCRIPTS,
        _drawn(images, layers),
        name=place.resolve().name,
        summary=_summary(images),
        note=note,
        batch_norm=trained.has_batch_norm,
        nz=config.nz,
        size=config.image_size,
        count=SAMPLES,
        corners=CORNERS,
        keyframes=KEYFRAMES,
        frames=KEYFRAMES * STRIP,
        last_frame=KEYFRAMES * STEPS - 1,
        sha256=trained.sha256[:12],
    )
    write_page(images.folder / PAGE, text)
    images.record["page"] = {"file": PAGE, "latents": f"the first {SAMPLES} of the seed"}


def _drawn(images: ImageFolder, layers: list[Layer]) -> dict[str, Any]:
    config = images.trained.config
    latents = next(images.latent_groups())[:SAMPLES].reshape(SAMPLES, -1)
    truncated = "" if images.truncate is None else f" --truncate {images.truncate:g}"
    return {
        "layers": layers,
        "nz": config.nz,
        "nc": config.nc,
        "size": config.image_size,
        "latent": config.latent,
        "truncate": images.truncate,
        "latents": as_base64(latents.astype(np.float32)),
        "origin": f"generate --seed {images.seed}{truncated}",
        "wanted": as_base64(images.first(CHECKED)),
        "count": SAMPLES,
        "corners": CORNERS,
        "keyframes": KEYFRAMES,
        "steps": STEPS,
        "strip": STRIP,
    }


def _summary(images: ImageFolder) -> list[tuple[str, str]]:
    """Return what the generator is, as (name, text)."""
    trained = images.trained
    config = trained.config
    network = "MLP" if config.mlp_g else {"dcgan": "DCGAN"}.get(config.arch, config.arch)
    found = [
        ("images", f"{config.image_size}x{config.image_size}, {'gray' if config.nc == 1 else 'colour'}"),
        ("network", network),
        ("weights", f"{trained.weights.stat().st_size / 1e6:.2f} MB"),
    ]
    if trained.run is not None and trained.folder is not None:
        found.insert(0, ("checkpoint", trained.folder.name))
    return found
