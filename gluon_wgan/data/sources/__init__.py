"""Where images come from: folders, lists, archives, databases or the package itself, behind one small interface.

A source names its images and reads them one at a time, in any order and in any process. Its
identity changes whenever any of its images may have changed.
"""

from gluon_wgan.data.image_formats import IMAGE_SUFFIXES
from gluon_wgan.data.sources.base import Source
from gluon_wgan.data.sources.built_in import BuiltInSource
from gluon_wgan.data.sources.cifar import CifarSource
from gluon_wgan.data.sources.detect import celeba, lfw, recognise, source_of
from gluon_wgan.data.sources.folder import FolderSource
from gluon_wgan.data.sources.idx import IdxSource
from gluon_wgan.data.sources.list_files import ListSource
from gluon_wgan.data.sources.lsun import LsunSource
from gluon_wgan.data.sources.mixture import MixedSource
from gluon_wgan.data.sources.open_source import named_source
from gluon_wgan.data.sources.parquet import ParquetSource
from gluon_wgan.data.sources.record import RecordSource
from gluon_wgan.data.sources.subset import SubsetSource, sample, take
from gluon_wgan.data.sources.tar_archive import TarSource
from gluon_wgan.data.sources.zip_archive import ZipSource

__all__ = [
    "IMAGE_SUFFIXES",
    "BuiltInSource",
    "CifarSource",
    "FolderSource",
    "IdxSource",
    "ListSource",
    "LsunSource",
    "MixedSource",
    "ParquetSource",
    "RecordSource",
    "Source",
    "SubsetSource",
    "TarSource",
    "ZipSource",
    "celeba",
    "lfw",
    "named_source",
    "recognise",
    "sample",
    "source_of",
    "take",
]
