"""Which backend is safe at which ratio, measured on one drawn texture instead of anyone's data.

The texture's amplitude falls as one by the frequency, as in photographs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from gluon_wgan.data.aliasing import fold, to_spectrum
from gluon_wgan.data.aliasing_options import ALIASING_SHARE
from gluon_wgan.resize_parity.probes import resize_gray

# Every ratio divides the side, so that coincidences at whole ratios show, such as cv2-bilinear's at 2.
SIDE = 240
SHRINKING = (1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 12.0, 16.0)
ENLARGING = (4.0, 2.0, 1.5)
_SMALL = 60


@dataclass(frozen=True)
class Sweep:
    """How every backend fares at every ratio.

    Attributes
    ----------
    aliasing
        By backend: the share of the power above Nyquist that gets through, for each of `SHRINKING`.
    blocky
        By backend: whether the image equals pil-nearest's bit for bit, for each of `ENLARGING`.
    """

    aliasing: dict[str, list[float]]
    blocky: dict[str, list[bool]]

    def safe_ratios(self, backend: str) -> list[float]:
        """Return the shrinking ratios at which a backend does not alias."""
        return [ratio for ratio, share in zip(SHRINKING, self.aliasing[backend]) if share <= ALIASING_SHARE]


def sweep_ratios(backends: Sequence[str]) -> Sweep:
    """Shrink and enlarge the texture with every backend."""
    texture = _texture()
    spectrum = to_spectrum(texture.convert("RGB"))
    shares = []
    for ratio in SHRINKING:
        folded = fold(spectrum, ratio, backends)
        assert folded is not None  # it is shrunk
        shares.append(folded.share)
    small = texture.crop((0, 0, _SMALL, _SMALL))
    blocky: dict[str, list[bool]] = {backend: [] for backend in backends}
    for ratio in ENLARGING:
        size = (int(_SMALL * ratio), int(_SMALL * ratio))
        nearest = resize_gray(small, size, "pil-nearest")
        for backend in backends:
            blocky[backend].append(bool((resize_gray(small, size, backend) == nearest).all()))
    by_backend = np.stack(shares, axis=1)
    return Sweep({name: row.tolist() for name, row in zip(backends, by_backend)}, blocky)


def _texture() -> Image.Image:
    frequencies = np.hypot(*np.meshgrid(np.fft.fftfreq(SIDE), np.fft.fftfreq(SIDE)))
    frequencies[0, 0] = np.inf
    noise = np.fft.fft2(np.random.default_rng(1987).standard_normal((SIDE, SIDE)))
    waves = np.fft.ifft2(noise / frequencies).real
    levels = 128 + 45 * waves / waves.std()
    return Image.fromarray(np.clip(np.rint(levels), 0, 255).astype(np.uint8))
