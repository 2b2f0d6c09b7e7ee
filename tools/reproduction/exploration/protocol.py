"""Section on the protocol: runs, data and time."""

from __future__ import annotations

from typing import Any

from tools.reproduction.exploration.material import Material
from tools.reproduction.markdown import listed, table


def tables(material: Material, about: dict[str, Any], runs: list[list[Any]]) -> dict[str, str]:
    """Return the tables of this section.

    Parameters
    ----------
    about
        What `surroundings` found.
    runs
        What `trained_runs` found.
    """
    return {"protocol": _protocol(material, about), "runs": _runs(material, runs)}


def _protocol(material: Material, about: dict[str, Any]) -> str:
    plan = material.plan
    libraries = about["libraries"]
    rows = [
        ["plan", f"`plans/{about['plan']}`, SHA-256 `{about['plan_sha256'][:16]}`"],
        [
            "images",
            f"{about['count']:,} {about['images']}, {plan.held_out:,} held out with seed {plan.split_seed}",
        ],
        ["prepared", f"crop {plan.crop or 'none'}, {plan.image_size}x{plan.image_size} pixels"],
        ["evaluated", f"{plan.judged:,} samples from one noise, batch norm with the batch's statistics"],
        ["processor", f"{about['cpu']}, {about['cores']} cores; each run on one thread"],
        [
            "versions",
            listed([f"Python {about['python']}", *(f"{name} {version}" for name, version in libraries.items())]),
        ],
    ]
    return table(["", ""], rows)


def _runs(material: Material, runs: list[list[Any]]) -> str:
    head = [
        "run",
        "seeds",
        "flags of `train_wgan.py`",
        "generator iterations",
        "critic steps",
        "minutes a run",
        "generator's SHA-256, by seed",
    ]
    rows = []
    for run in material.plan.runs.values():
        lines = [line for line in runs if line[0] == run.name]
        minutes = sum(line[4] for line in lines) / len(lines) / 60
        hashes = " ".join(f"`{line[7][:8]}`" for line in lines)
        seeds = ", ".join(str(line[1]) for line in lines)
        rows.append(
            [run.name, seeds, f"`{lines[0][8]}`", f"{lines[0][2]:,}", f"{lines[0][3]:,}", f"{minutes:.1f}", hashes]
        )
    return table(head, rows)
