"""Image files: single images, strips, animations, and rows of a sample with its neighbours."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from gluon_wgan.errors import UserError
from gluon_wgan.runs.figures import GAP, grid_image

FRAMES_PER_SECOND = 12
# Images of 32 pixels are hard to see in a film or beside their neighbours.
_FILM_PIXELS, _CELL_PIXELS = 192, 112
_LINE, _MARGIN, _TEXT = 17, 8, 12
# Room for the heading.
_NARROWEST = 560


def as_image(image: np.ndarray, magnification: int = 1) -> Image.Image:
    """Turn uint8 (C, H, W) into an image, each pixel into a square of so many."""
    pixels = image.transpose(1, 2, 0)
    pixels = pixels.repeat(magnification, axis=0).repeat(magnification, axis=1)
    return Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)


def save_png(path: Path, image: Image.Image) -> None:
    """Write an image; OSError when the disk does not take it."""
    content = io.BytesIO()
    image.save(content, "png")
    path.write_bytes(content.getvalue())


def save_strip(path: Path, frames: np.ndarray, steps: int) -> None:
    """Write one row for each leg of a closed walk, both of its keyframes included.

    Parameters
    ----------
    frames
        uint8 (legs * steps, C, H, W).
    """
    rows = [np.take(frames, range(start, start + steps + 1), 0, mode="wrap") for start in range(0, len(frames), steps)]
    save_png(path, grid_image(np.concatenate(rows), steps + 1))


def save_gif(path: Path, frames: np.ndarray) -> None:
    """Write an animated GIF that runs indefinitely, each frame with the 256 colours that suit it best."""
    magnification = max(1, _FILM_PIXELS // frames.shape[-1])
    images = []
    for frame in frames:
        image = as_image(frame)
        if image.mode == "RGB":
            # Dithering would flicker from frame to frame.
            image = image.quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        size = (image.width * magnification, image.height * magnification)
        images.append(image.resize(size, Image.Resampling.NEAREST))
    content = io.BytesIO()
    images[0].save(content, "gif", save_all=True, append_images=images[1:], duration=1000 // FRAMES_PER_SECOND, loop=0)
    path.write_bytes(content.getvalue())


def save_mp4(path: Path, frames: np.ndarray) -> bool:
    """Write an MPEG-4 film and return whether OpenCV could; if not, there is no file."""
    magnification = max(1, _FILM_PIXELS // frames.shape[-1])
    side = frames.shape[-1] * magnification
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), FRAMES_PER_SECOND, (side, side))  # type: ignore[attr-defined]
    for frame in frames if writer.isOpened() else []:
        rgb = np.asarray(as_image(frame, magnification).convert("RGB"))
        writer.write(np.ascontiguousarray(rgb[:, :, ::-1]))
    writer.release()
    # OpenCV says nothing of a full disk.
    reader = cv2.VideoCapture(str(path))
    whole = int(reader.get(cv2.CAP_PROP_FRAME_COUNT)) == len(frames)
    reader.release()
    if not whole:
        path.unlink(missing_ok=True)
    return whole


def save_neighbours(path: Path, samples: np.ndarray, neighbours: np.ndarray, captions: Sequence[Sequence[str]]) -> None:
    """Write a row for each sample: the sample, a line, its neighbours, and a caption under each image.

    Parameters
    ----------
    samples
        uint8 (n, C, H, W).
    neighbours
        uint8 (n, k, C, H, W).
    captions
        n rows of 1 + k words.
    """
    magnification = max(1, _CELL_PIXELS // samples.shape[-1])
    side = samples.shape[-1] * magnification
    count, each = neighbours.shape[:2]
    width = max(4 * _MARGIN + (each + 1) * (side + GAP), _NARROWEST)
    height = 2 * _MARGIN + _LINE + count * (side + _LINE + GAP)
    if max(width, height) > 1 << 16:
        raise UserError(f"An image of {each} neighbours is {width} pixels wide: ask for fewer.")
    sheet = Image.new("RGB", (width, height), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(_TEXT)
    second = 3 * _MARGIN + side
    pen.text((_MARGIN, _MARGIN), "sample", "black", font)
    heading = "nearest training images, and the root mean square difference in levels"
    pen.text((second + _MARGIN, _MARGIN), heading, "black", font)
    pen.line([(second, _MARGIN), (second, height - _MARGIN)], "gray")
    for row, (sample, found) in enumerate(zip(samples, neighbours)):
        top = _MARGIN + _LINE + row * (side + _LINE + GAP)
        for column, image in enumerate([sample, *found]):
            left = _MARGIN if column == 0 else second + _MARGIN + (column - 1) * (side + GAP)
            sheet.paste(as_image(image, magnification).convert("RGB"), (left, top))
            pen.text((left, top + side + 1), captions[row][column], "black", font)
    save_png(path, sheet)
