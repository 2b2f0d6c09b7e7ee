"""docs/resize.md: its figures are there, its commands work, its claims are those of the code."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from gluon_wgan.cli.resize_parity import _parser
from gluon_wgan.data.resize import BACKENDS

MAX_FIGURE_BYTES = 300_000


@pytest.fixture
def document(repository: Path) -> str:
    return (repository / "docs" / "resize.md").read_text()


def test_every_figure_is_there_and_none_is_left_over(repository, document):
    shown = set(re.findall(r"\]\((resize/[^)]+)\)", document))
    kept = {f"resize/{path.name}" for path in (repository / "docs" / "resize").iterdir()}
    assert shown == kept
    assert all((repository / "docs" / name).stat().st_size < MAX_FIGURE_BYTES for name in kept)


def test_every_command_is_one_that_the_tool_understands(document):
    commands = set(re.findall(r"python tools/resize_parity.py [^`\n]+", document))
    assert len(commands) >= 5
    for command in commands:
        _parser().parse_args(shlex.split(command)[2:])


def test_every_backend_that_is_named_exists(document):
    named = set(re.findall(r"`((?:pil|cv2|mxnet)-[a-z0-9]+)`", document)) - {"pil-plain"}
    assert named <= set(BACKENDS) and len(named) == len(BACKENDS)
