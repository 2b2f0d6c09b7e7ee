"""The share of images in which a cascade of classifiers (Viola and Jones 2001) finds exactly one face."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

import cv2
import numpy as np

from gluon_wgan.errors import UserError, last_line
from gluon_wgan.utils.disposable_process import Died, ExpendableProcess
from gluon_wgan.utils.progress_bars import progress_bar
from gluon_wgan.utils.untrusted import read_bytes

if TYPE_CHECKING:  # it loads MXNet, which the process of a cascade starts sooner without
    from gluon_wgan.metrics.image_sets import ImageSet

FRONTAL = "haarcascade_frontalface_default.xml"
"""Comes with opencv-python."""
SIDE = 128
"""Images are enlarged to this side, in pixels, bicubically: the frontal cascade's own
window is 24 pixels wide, and steps between window sizes are rough in a small image."""
SCALE_STEP, NEIGHBOURS = 1.1, 3
"""OpenCV's own defaults."""
MAX_BYTES = 64 << 20
"""Of a cascade's file; OpenCV's largest has 3 MB."""
SECONDS = 60.0
"""How long a cascade that a user names may take over one image."""


class FaceFinder:
    """A cascade.

    Parameters
    ----------
    path
        Its XML file, or None for opencv-python's frontal faces.

    Raises
    ------
    UserError
        If there is none, or it is no cascade.
    """

    def __init__(self, path: Optional[str] = None) -> None:
        file = Path(cv2.__file__).parent / "data" / FRONTAL if path is None else Path(path)
        try:
            content = read_bytes(file, MAX_BYTES)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise UserError(f"Cannot read the cascade {file} ({reason}): check --cascade.") from error
        # OpenCV's own cascade is trusted; another may crash it, on being loaded or on some image.
        self._process = None if path is None else ExpendableProcess(_make_counter, str(file), seconds=SECONDS)
        try:
            self._count = _make_counter(str(file)) if self._process is None else self._process.call
            self._count(np.zeros((1, SIDE, SIDE), np.uint8))
        except (ValueError, cv2.error, Died):
            raise UserError(f"{file} is no cascade of classifiers that OpenCV reads: check --cascade.") from None
        self.protocol: dict[str, Any] = {
            "cascade": file.name,
            "cascade_sha256": hashlib.sha256(content).hexdigest(),
            "cv2": cv2.__version__,
            "side": SIDE,
        }

    def with_one_face(self, images: ImageSet, progress: bool = False) -> int:
        """Return in how many images exactly one face is found, with a progress bar on stderr if wanted."""
        found = 0
        with progress_bar(f"Faces in {images.label} images", len(images), shown=progress) as bar:
            for batch in images.batches(64):
                found += sum(self._faces(image) == 1 for image in batch)
                bar.update(len(batch))
        return found

    def _faces(self, image: np.ndarray) -> int:
        try:
            return self._count(image)
        except (Died, cv2.error) as error:
            name = self.protocol["cascade"]
            raise UserError(f"OpenCV fails with the cascade {name} ({last_line(error)}): check --cascade.") from None


def _make_counter(file: str) -> Callable[[np.ndarray], int]:
    """Load a cascade and return what counts the faces in one image, uint8 (channels, height, width)."""
    cascade = cv2.CascadeClassifier()
    try:
        loaded = cascade.load(file)
    except cv2.error:
        loaded = False
    if not loaded or cascade.empty():
        raise ValueError(file)

    return partial(count_faces, cascade)


def count_faces(cascade: Any, image: np.ndarray) -> int:
    """Return how many faces a cascade finds in one image, uint8 (channels, height, width)."""
    gray = image[0] if len(image) == 1 else cv2.cvtColor(image.transpose(1, 2, 0), cv2.COLOR_RGB2GRAY)
    if gray.shape[0] < SIDE:
        gray = cv2.resize(gray, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    return len(cascade.detectMultiScale(gray, SCALE_STEP, NEIGHBOURS))
