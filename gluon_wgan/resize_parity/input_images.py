"""Which images to compare: whatever training reads, or built-in portraits."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Optional, Union

from gluon_wgan.config.train_config import TrainConfig
from gluon_wgan.data.aliasing_options import BUILT_IN_IMAGES
from gluon_wgan.data.decode import BadImage
from gluon_wgan.data.prepared_data import cache_directory
from gluon_wgan.data.sources import BuiltInSource, MixedSource, Source, SubsetSource, named_source, sample
from gluon_wgan.data.sources.base import set_bit_depth
from gluon_wgan.data.sources.folder import FileSource


def find_images(arguments: Sequence[str], exclude: Sequence[str] = (), bit_depth: Optional[int] = None) -> Source:
    """Find the images that the words of a command line name, without decoding them.

    Parameters
    ----------
    arguments
        Whatever ``--data-root`` of training reads: folders, lists, archives, databases, shards, patterns, and
        single image files. None at all stands for some of the built-in portraits. A file that is named twice
        counts once.
    exclude, bit_depth
        As training's options of the same names.

    Raises
    ------
    UserError
        If something is missing or holds no image.
    """
    if not arguments:
        return sample(BuiltInSource(), BUILT_IN_IMAGES, 0)
    found = named_source("auto", arguments, cache_directory(TrainConfig()), exclude=exclude)
    set_bit_depth(found, bit_depth)
    if not isinstance(found, MixedSource):
        return found
    numbers: dict[Union[str, int], int] = {}
    for index in range(len(found)):
        part, number = found.locate(index)
        source = found.parts[part]
        path = os.path.abspath(source.encoded(number)) if isinstance(source, FileSource) else index
        numbers.setdefault(path, index)
    return found if len(numbers) == len(found) else SubsetSource(found, list(numbers.values()))


def encoded_image(images: Source, index: int) -> Optional[Union[str, bytes]]:
    """Return the path or the bytes of image number `index`; None if it is not stored encoded, or cannot be read."""
    if isinstance(images, SubsetSource):
        return encoded_image(images.source, int(images.numbers[index]))
    if isinstance(images, MixedSource):
        part, number = images.locate(index)
        return encoded_image(images.parts[part], number)
    encoded = getattr(images, "encoded", None)
    try:
        return None if encoded is None else encoded(index)
    except BadImage:
        return None
