"""Where images come from: folders, lists, archives, databases or the package itself, behind one small interface.

A source names its images and reads them one at a time, in any order and in any process. Its
identity changes whenever any of its images may have changed.
"""

from gluon_wgan.data.sources.base import Source as Source
from gluon_wgan.data.sources.built_in import BuiltInSource as BuiltInSource
from gluon_wgan.data.sources.cifar import CifarSource as CifarSource
from gluon_wgan.data.sources.composed import MixedSource as MixedSource
from gluon_wgan.data.sources.composed import SubsetSource as SubsetSource
from gluon_wgan.data.sources.composed import sample as sample
from gluon_wgan.data.sources.composed import take as take
from gluon_wgan.data.sources.detect import celeba as celeba
from gluon_wgan.data.sources.detect import lfw as lfw
from gluon_wgan.data.sources.detect import named_source as named_source
from gluon_wgan.data.sources.detect import recognise as recognise
from gluon_wgan.data.sources.detect import source_of as source_of
from gluon_wgan.data.sources.folder import FolderSource as FolderSource
from gluon_wgan.data.sources.idx import IdxSource as IdxSource
from gluon_wgan.data.sources.list_files import ListSource as ListSource
from gluon_wgan.data.sources.lsun import LsunSource as LsunSource
from gluon_wgan.data.sources.parquet import ParquetSource as ParquetSource
from gluon_wgan.data.sources.record import RecordSource as RecordSource
from gluon_wgan.data.sources.tar_archive import TarSource as TarSource
from gluon_wgan.data.sources.zip_archive import ZipSource as ZipSource
