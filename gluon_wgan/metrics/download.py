"""Fetching the published Inception, once."""

from __future__ import annotations

import hashlib
import os
import urllib.request
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path

from tqdm import tqdm

from gluon_wgan.config.train_config import TrainConfig
from gluon_wgan.data.prepared_data import cache_directory
from gluon_wgan.errors import UserError, last_line
from gluon_wgan.metrics.features import INCEPTION_ADDRESS, INCEPTION_BYTES, INCEPTION_SHA256
from gluon_wgan.utils.atomic_files import sha256_of
from gluon_wgan.utils.folders import remove_stale_files, rename_new, set_aside

_BLOCK, _SECONDS = 1 << 20, 30


def fetch_inception(address: str = INCEPTION_ADDRESS) -> Path:
    """Return the weights in the cache folder, fetching them if they are not there: 96 MB.

    A file in that place that is damaged, or something else, is renamed.

    Raises
    ------
    UserError
        If they cannot be fetched, or what comes is something else; nothing is then left behind.
    """
    final = cache_directory(TrainConfig()) / address.rsplit("/", 1)[1]
    if final.is_file() and sha256_of(final) == INCEPTION_SHA256:
        return final
    partial = final.with_name(f".{final.name}.{os.getpid()}.tmp")
    digest = hashlib.sha256()
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        remove_stale_files(final.parent, [final.name])
        with urllib.request.urlopen(address, timeout=_SECONDS) as answer, partial.open("wb") as file:
            length = int(answer.headers.get("Content-Length") or 0) or None
            with tqdm(desc=f"Fetching {final.name}", total=length, unit="B", unit_scale=True) as bar:
                received = 0
                while block := answer.read(_BLOCK):
                    received += len(block)
                    if received > INCEPTION_BYTES:
                        break  # it is something else, and may have no end
                    digest.update(block)
                    file.write(block)
                    bar.update(len(block))
        if received > INCEPTION_BYTES or digest.hexdigest() != INCEPTION_SHA256:
            raise UserError(
                f"What {address} gives is not the published Inception: fetch it by hand, and give --weights."
            )
        if os.path.lexists(final):  # damaged, or a file of the user's
            set_aside(final)
        with suppress(FileExistsError):  # another process was faster
            rename_new(partial, final)
    # A server that does not keep to HTTP raises HTTPException, which is no OSError.
    except (OSError, ValueError, HTTPException) as error:
        reason = last_line(error) or type(error).__name__
        raise UserError(
            f"Cannot fetch {address} ({reason}): fetch it elsewhere, and give it with --weights FILE."
        ) from error
    finally:
        partial.unlink(missing_ok=True)
    return final
