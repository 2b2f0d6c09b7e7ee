"""What a failing GPU says while a run is trained, in one sentence that says how to go on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Optional

from gluon_wgan.errors import DeviceError, shell_word
from gluon_wgan.gpu_errors import explain
from gluon_wgan.runs.checkpoints import list_checkpoints
from gluon_wgan.runs.directory import RunDirectory


@contextmanager
def gpu_failures_explained(run: Optional[RunDirectory]) -> Iterator[None]:
    """Turn what MXNet or PyTorch raises for a failing GPU into DeviceError.

    Parameters
    ----------
    run
        What is being trained, None before its directory exists.
    """
    try:
        yield
    except RuntimeError as error:  # MXNetError and PyTorch's errors are of this type
        sentence = explain(str(error), _how_to_go_on(run))
        if sentence is None:
            raise
        raise DeviceError(sentence) from None


def _how_to_go_on(run: Optional[RunDirectory]) -> str:
    checkpoints = [] if run is None else list_checkpoints(run.checkpoints)
    if run is None or not checkpoints:
        return "start again"
    return f"continue from checkpoint {checkpoints[-1].name} with --resume {shell_word(run.path)}"
