"""What is to be compared, fixed before the first image is read: images, sizes and backends."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Optional, Union

from gluon_wgan.config.train_config import TrainConfig
from gluon_wgan.data import aliasing_options
from gluon_wgan.data.decode import BadImage
from gluon_wgan.data.geometry import CROP, Box
from gluon_wgan.data.prepared_data import cache_directory
from gluon_wgan.data.resize import BACKENDS, canonical_name
from gluon_wgan.data.sources import BuiltInSource, MixedSource, Source, SubsetSource, named_source, sample
from gluon_wgan.data.sources.base import set_bit_depth
from gluon_wgan.data.sources.folder import FileSource
from gluon_wgan.errors import UserError


@dataclass(frozen=True)
class Case:
    """One size to compare at.

    Attributes
    ----------
    size
        Height and width of the compared images, in pixels.
    enlarged_from
        None, or the size that every image is first shrunk to, with the backend compared against.
    """

    size: int
    enlarged_from: Optional[int] = None

    @property
    def label(self) -> str:
        """What the case is called on the page and in ``parity.json``."""
        return f"{self.size} px" if self.enlarged_from is None else f"{self.enlarged_from} to {self.size} px"


@dataclass(frozen=True)
class Plan:
    """The images, and what is done with each of them.

    Attributes
    ----------
    backends
        Full names, the one compared against among them.
    crop
        Box to cut out of each image first, or None.
    decoders
        Names of the decoders to compare, the first with all others; none to leave that out.
    fit
        How an image becomes a square: one of `gluon_wgan.data.geometry.FITS`.
    """

    images: Source
    cases: tuple[Case, ...]
    backends: tuple[str, ...]
    against: str
    crop: Optional[Box]
    decoders: tuple[str, ...]
    fit: str = CROP

    @property
    def reference(self) -> int:
        """The place of the backend compared against."""
        return self.backends.index(self.against)

    def step(self, case: Case) -> int:
        """Return how far apart the images that take part in a case are."""
        return 1 if case.enlarged_from is None else -(-len(self.images) // aliasing_options.ENLARGED_IMAGES)


def make_plan(
    images: Sequence[str],
    *,
    sizes: Sequence[int],
    backends: Iterable[str],
    against: str,
    crop: Optional[Box] = None,
    fit: str = CROP,
    exclude: Sequence[str] = (),
    bit_depth: Optional[int] = None,
    enlarge: bool = False,
    decoders: tuple[str, ...] = (),
) -> Plan:
    """Return a plan; what is compared against is among its backends, which have the order of `BACKENDS`.

    Raises UserError when a size is out of range, a backend or an option is not known, or there are no images.
    """
    wanted = {*map(canonical_name, (*backends, against))}
    config = TrainConfig(exclude=tuple(exclude), bit_depth=bit_depth, fit=fit)
    least, most = aliasing_options.MIN_SIZE, aliasing_options.MAX_SIZE
    for size in sizes:
        if not least <= size <= most:
            raise UserError(f"Cannot compare at {size} pixels: use {least} to {most}.")
    enlarged = [Case(aliasing_options.ENLARGE_TO, aliasing_options.ENLARGE_FROM)] if enlarge else []
    return Plan(
        images=find_images(images, config.exclude, config.bit_depth),
        cases=(*map(Case, sizes), *enlarged),
        backends=tuple(name for name in BACKENDS if name in wanted),
        against=canonical_name(against),
        crop=crop,
        decoders=decoders,
        fit=config.fit,
    )


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

    Raises UserError if something is missing or holds no image.
    """
    if not arguments:
        return sample(BuiltInSource(), aliasing_options.BUILT_IN_IMAGES, 0)
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
