"""Images in a Parquet file, as the Hugging Face datasets library writes them."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import Any, Optional

from gluon_wgan.data.sources import containers
from gluon_wgan.data.sources.base import AnyPath, existing_file
from gluon_wgan.data.sources.containers import IndexedSource
from gluon_wgan.data.sources.member_index import IndexWriter
from gluon_wgan.errors import UserError

MAGIC = b"PAR1"
_USUAL_COLUMNS = ("image", "img", "jpg", "jpeg", "png", "webp", "image_bytes", "bytes", "content", "data")
_ROWS_AT_ONCE = 64
# In a message.
_MAX_NAMED, _MAX_NAME = 12, 80


class ParquetSource(IndexedSource):
    """The images in one column of a Parquet file, in the order of its rows.

    The column holds encoded images: the bytes, or a struct of ``bytes`` and ``path``, as the datasets library
    writes them. Of several such columns the one with the most usual name is taken (``image`` before ``img`` and
    so on). The images, still encoded, are copied once into the cache folder, since a row cannot be read by itself.

    Parameters
    ----------
    parquet_file
        The .parquet file.
    cache_dir, max_pixels
        As for `source_of`.

    Raises
    ------
    UserError
        If it is missing, no Parquet file, damaged, or has no column of images; the package pyarrow is missing; or
        the cache folder cannot hold the images.
    """

    kind = "parquet"

    def __init__(self, parquet_file: AnyPath, cache_dir: AnyPath, *, max_pixels: Optional[int] = None) -> None:
        path = existing_file(parquet_file, "a Parquet file")
        nothing = "no row: give a Parquet file with images"
        super().__init__(path, cache_dir, _unpack, path.stem, max_pixels, nothing, unpacked=True)


def _unpack(path: Path, writer: IndexWriter) -> None:
    """List the rows, and keep their images' bytes."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise UserError("Reading Parquet needs the package pyarrow: pip install 'gluon-wgan[parquet]'.") from error
    try:
        with parquet.ParquetFile(path) as file:
            column = _column_of(file.schema_arrow, path)
            batches = file.iter_batches(_ROWS_AT_ONCE, columns=[column])
            for number, value in enumerate(chain.from_iterable(batch.column(0).to_pylist() for batch in batches)):
                _add(writer, value, number)
    except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:  # the last from a damaged name of a column
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the cache folder is full, or the file cannot be read
        what = " ".join(str(error).split())[:200]
        raise UserError(f"{path} is no Parquet file or is damaged ({what}): fetch it or make it again.") from error


def _add(writer: IndexWriter, value: Any, number: int) -> None:
    name = f"row {number}"
    if isinstance(value, dict):
        name = f"{name} {value.get('path') or ''}".rstrip()
        value = value.get("bytes")
    reason = containers.reason_of_size(len(value), len(value)) if value else containers.ABSENT
    start = 0 if reason else writer.unpack(value)
    writer.add(name.encode(errors="replace"), start, len(value or b""), reason)


def _column_of(schema: Any, path: Path) -> str:
    """Return the name of the column that holds images."""
    from pyarrow import types

    def is_bytes(kind: Any) -> bool:
        return types.is_binary(kind) or types.is_large_binary(kind)

    def holds_images(kind: Any) -> bool:
        if types.is_struct(kind):
            return any(field.name == "bytes" and is_bytes(field.type) for field in kind)
        return is_bytes(kind)

    found = [field.name for field in schema if holds_images(field.type)]
    usual = [name for wanted in _USUAL_COLUMNS for name in found if name.lower() == wanted]
    structs = [field.name for field in schema if field.name in found and types.is_struct(field.type)]
    if usual or len(found) == 1 or len(structs) == 1:
        return (usual or structs or found)[0]
    if not found:
        raise UserError(f"{path} has no column with the bytes of images, only {_listed(schema.names)}: give another.")
    raise UserError(
        f"{path} has bytes in {_listed(found)}, and none of these is called image: rename the images' column so."
    )


def _listed(names: list[str]) -> str:
    more = len(names) - _MAX_NAMED
    return ", ".join(name[:_MAX_NAME] for name in names[:_MAX_NAMED]) + (f" and {more} more" if more > 0 else "")
