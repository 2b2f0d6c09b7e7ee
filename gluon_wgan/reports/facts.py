"""A run's options, surroundings and data as rows of text."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from gluon_wgan.config.checks import flag_of
from gluon_wgan.config.train_config import TrainConfig, overridden_fields, preset_config
from gluon_wgan.data.resize import BACKENDS, canonical_name
from gluon_wgan.data.store import SKIPPED
from gluon_wgan.errors import UserError
from gluon_wgan.runs.run_record import RunRecord
from gluon_wgan.utils.formatting import UNKNOWN, plain
from gluon_wgan.utils.untrusted import read_csv


@dataclass(frozen=True)
class Option:
    """One option of a run: its flag, group, value, the preset's value, and whether the two differ."""

    flag: str
    group: str
    value: str
    preset: str
    changed: bool
    help: str


def options_of(record: RunRecord) -> list[Option]:
    """Return every option of a run; those that this version does not know form a group of their own."""
    config = record.config
    usual = preset_config(config.preset) if config is not None else None
    changed = set(overridden_fields(config)) if config is not None else set()
    known = {field.name: field.metadata for field in dataclasses.fields(TrainConfig)}
    return [
        Option(
            flag=flag_of(name) if name in known else name,
            group=known[name]["group"] if name in known else "unknown to this version",
            value=plain(value),
            preset=plain(getattr(usual, name)) if usual is not None else UNKNOWN,
            changed=name in changed,
            help=known[name]["help"] if name in known else "",
        )
        for name, value in record.values.items()
    ]


def environment_of(record: RunRecord) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return the surroundings of a run: of its beginning all, of each continuation what is new in it."""
    sessions: list[tuple[str, list[tuple[str, str]]]] = []
    before: dict[str, str] = {}
    for words, values in record.sessions():
        command = values.get("command")
        if isinstance(command, list):
            values = {**values, "command": " ".join(map(str, command))}
        rows = [(name.replace("_", " "), plain(value)) for name, value in values.items()]
        sessions.append((words, [row for row in rows if before.get(row[0]) != row[1]]))
        before = dict(rows)
    return sessions


def data_of(record: RunRecord) -> list[tuple[str, str]]:
    """Return what the run was trained on, as (name, text)."""
    data = record.data
    if not data:
        return []
    made = data.get("made_from")
    made = made if isinstance(made, dict) else {}
    images, skipped = data.get("images"), _skipped(data)
    rows = [
        ("images", f"{images:,}" if isinstance(images, int) else plain(images)),
        ("skipped", UNKNOWN if skipped is None else f"{skipped:,}"),
        ("resize backend", plain(made.get("resize"))),
        ("libraries", plain(made.get("libraries"))),
        ("size", f"{plain(made.get('size'))} px, {plain(made.get('nc'))} channels"),
        *((name, plain(made.get(name.replace(" ", "_")))) for name in ("crop", "fit", "bit depth", "colour", "source")),
        ("SHA-256 of the pixels", plain(data.get("content_sha256"))),
        ("store", plain(data.get("store"))),
    ]
    return [(name, text) for name, text in rows if text not in ("", UNKNOWN)]


def resize_warning(record: RunRecord) -> Optional[str]:
    """Return what training warned of, or, if that was not kept, what is known of the resize backend."""
    data = record.data
    if isinstance(data.get("resize_warning"), str):
        return data["resize_warning"]
    if "resize_warning" in data and record.values.get("data") is None:  # it was looked for, and there was none
        return None
    made = data.get("made_from")
    try:
        backend = canonical_name(str(made["resize"] if isinstance(made, dict) else record.values["resize"]))
    except (KeyError, UserError):
        return None
    if backend not in BACKENDS or BACKENDS[backend].antialiases:
        return None
    return f"--resize {backend} does not antialias: where it shrinks images, they hold false detail."


def _skipped(data: dict[str, Any]) -> Optional[int]:
    """Return how many images were left out; older runs did not write it down, but the store lists them."""
    if isinstance(data.get("skipped"), int):
        return data["skipped"]
    try:
        return max(0, sum(1 for _ in read_csv(Path(str(data["store"])) / SKIPPED, errors="replace")) - 1)
    except (KeyError, OSError, ValueError):
        return None
