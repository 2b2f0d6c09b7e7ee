"""The lab's own defaults and limits, each written once."""

from __future__ import annotations

SIZES = (64,)
AGAINST = "pil-bilinear"
OUT = "runs/parity"
BUILT_IN_IMAGES = 64
"""How many of the built-in portraits stand in when no images are named."""

MIN_SIZE, MAX_SIZE = 8, 1024
"""Sizes in pixels that can be compared: SSIM looks through a window of 7."""

ENLARGE_FROM, ENLARGE_TO = 32, 64
"""What ``--enlarge`` compares, in pixels."""

ENLARGED_IMAGES = 64
"""Enlarging is measured on so many images, evenly spread: it tells of the backends, not of the data."""

WORST_SHOWN = 3
"""So many of the images on which the backends disagree most are shown on the page."""

ALIASING_SHARE = 1 / 3
"""A backend aliases when it lets more than this share of the power above the target's Nyquist frequency pass.

On photographs shrunk by 2 or more, backends that widen their filter stay below 0.29 and the others lie above
0.39; but at exactly 2, OpenCV's bilinear is its area filter.
"""
ALIASING_LEVELS = 2.55
"""... and when the false detail is worth 1 per cent of the range of 255 levels (root mean square)."""
