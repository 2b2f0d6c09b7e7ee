"""Output of the comparison: a table on the terminal, JSON, CSV, and one chart per configuration."""

from __future__ import annotations

import csv
import dataclasses
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Optional

from tools.reference.comparison.chart import draw
from tools.reference.comparison.difference import GROUPS
from tools.reference.comparison.run import CONTENDERS, Trajectory
from tools.reference.comparison.summary import MEASURES, Verdict, spread, verdicts

COLUMNS = ("preset", "step", "gen_iter", "kind", "contender", "group", "tensor", "max_rel", "norm_rel")
_HEAD = f"{'':12}{'first step':>12}{'last step':>12}{'largest':>12}{'PyTorch':>12}{'ratio':>8}{'by norms':>10}"


def table(trajectory: Trajectory) -> str:
    """Return what the terminal shows: per group the largest differences and their ratio to PyTorch's own."""
    found = verdicts(trajectory)
    lines = [title(trajectory), _HEAD]
    for group in GROUPS:
        one, by_norms = (found[measure][group] for measure in MEASURES)
        numbers = "".join(f"{value:12.1e}" for value in (one.first, one.last, one.largest, one.baseline))
        lines.append(f"{group:12}{numbers}{_shown(one.ratio):>8}{_shown(by_norms.ratio):>10}")
    return "\n".join(lines)


def title(trajectory: Trajectory) -> str:
    """Return in one line what was compared."""
    config, steps = trajectory.config, trajectory.steps
    kinds = [step.kind for step in steps]
    return (
        f"{config.preset}: {kinds.count('critic')} critic and {kinds.count('generator')} generator steps, "
        f"{config.image_size}x{config.image_size}, batch {config.batch_size}, "
        f"widths {config.ngf} and {config.ndf}, {config.dtype}"
    )


def write_all(out: Path, trajectories: Mapping[str, Trajectory], about: Mapping[str, Any]) -> None:
    """Write ``trajectory.json``, ``trajectory.csv`` and ``<preset>.svg`` into an existing folder.

    Parameters
    ----------
    out
        The folder.
    trajectories
        Preset -> its comparison.
    about
        What the JSON file says of the machine and the command.
    """
    content = {**about, "presets": {name: _as_json(one) for name, one in trajectories.items()}}
    text = json.dumps(content, indent=1, allow_nan=False)
    (out / "trajectory.json").write_text(text + "\n", encoding="utf-8")
    with (out / "trajectory.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for name, one in trajectories.items():
            for step in one.steps:
                for contender, differences in step.differences.items():
                    for d in differences:
                        head = (name, step.number, step.gen_iter, step.kind, contender, d.group, d.tensor)
                        writer.writerow((*head, f"{d.max_rel:.6g}", f"{d.norm_rel:.6g}"))
    for name, one in trajectories.items():
        (out / f"{name}.svg").write_text(draw(one, title(one)), encoding="utf-8")


def _as_json(trajectory: Trajectory) -> dict[str, Any]:
    return {
        "config": trajectory.config.to_json(),
        "reference_options": dataclasses.asdict(trajectory.options),
        "zero_gradients": trajectory.zero_gradients,
        "summary": {
            measure: {group: _verdict(one) for group, one in of.items()} for measure, of in verdicts(trajectory).items()
        },
        "steps": [
            {
                "step": step.number,
                "gen_iter": step.gen_iter,
                "kind": step.kind,
                "differences": {name: _groups(step.differences[name]) for name in CONTENDERS},
            }
            for step in trajectory.steps
        ],
    }


def _groups(differences: list[Any]) -> dict[str, Any]:
    return {
        group: {measure: _numbers(dataclasses.asdict(spread(differences, group, measure))) for measure in MEASURES}
        for group in GROUPS
    }


def _verdict(one: Verdict) -> dict[str, Any]:
    return _numbers(dataclasses.asdict(one))


def _numbers(values: dict[str, Any]) -> dict[str, Any]:
    """Write infinity as a word, which JSON has no number for."""
    return {name: "infinite" if value == math.inf else value for name, value in values.items()}


def _shown(ratio: Optional[float]) -> str:
    return "-" if ratio is None else "inf" if ratio == math.inf else f"{ratio:.2f}"
