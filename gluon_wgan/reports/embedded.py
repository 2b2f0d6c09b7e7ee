"""Images as data URIs, which a page carries inside itself."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any, Optional

import numpy as np
from PIL import Image

QUALITY = 92
"""Of JPEG copies, without colour subsampling: a tenth of the PNG's size, and no difference that one sees."""


def png_uri(pixels: np.ndarray) -> str:
    """Return uint8 pixels (H, W) or (H, W, C) with C 1 or 3 as they are."""
    flat = pixels[:, :, 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels
    return image_uri(Image.fromarray(np.ascontiguousarray(flat)))


def jpeg_uri(path: Path) -> Optional[str]:
    """Return a JPEG copy of an image file; None where it cannot be read, which training may still be writing."""
    try:
        with Image.open(path) as image:
            return image_uri(image, "jpeg", quality=QUALITY, subsampling=0)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def image_uri(image: Image.Image, kind: str = "png", **options: Any) -> str:
    """Return an image in a format and with options of Pillow's."""
    content = io.BytesIO()
    image.save(content, kind, optimize=True, **options)
    return f"data:image/{kind};base64,{base64.b64encode(content.getvalue()).decode()}"
