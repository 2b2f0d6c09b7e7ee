"""Times of steps: whose they are, and what an iteration takes by them."""

from __future__ import annotations

import json

import pytest

from tools.reproduction import pace
from tools.reproduction.pace import measure_paces


def test_times_of_moments_follow_from_the_steps_and_are_kept(whole, tmp_path, monkeypatch):
    tasks = [whole.task("wgan"), whole.task("dcgan")]
    asked = []

    def measured(some):
        asked.append([task.path.name for task in some])
        return {"wgan-seed0": [0.25, 2.0], "dcgan-seed0": [0.5, 1.0]}

    monkeypatch.setattr(pace, "_measure", measured)
    rows = measure_paces(tasks, tmp_path)
    values = {(row.run, row.gen_iter, row.quantity): row.value for row in rows}
    assert values["wgan", 2, "critic_step_ms"] == 250 and values["wgan", 2, "generator_step_ms"] == 2000
    # Two warm-up iterations of three critic steps.
    assert values["wgan", 1, "training_s"] == pytest.approx(3 * 0.25 + 2)
    assert values["wgan", 2, "training_s"] == pytest.approx(6 * 0.25 + 2 * 2)
    assert values["dcgan", 2, "training_s"] == pytest.approx(2 * 0.5 + 2 * 1)
    assert {row.seed for row in rows} == {0}

    assert measure_paces(tasks, tmp_path) == rows and len(asked) == 1
    kept = tmp_path / "measured" / "pace.json"
    for content in ("", "[]", "{", "null", json.dumps({"key": {}, "found": {}})):
        kept.write_text(content)
        assert measure_paces(tasks, tmp_path) == rows
    assert len(asked) == 6
    measure_paces(tasks[:1], tmp_path)
    assert asked[-1] == ["wgan-seed0"]


def test_steps_are_really_timed(whole):
    found = pace._measure([whole.task("wgan"), whole.task("wgan-gp")])
    assert set(found) == {"wgan-seed0", "wgan-gp-seed0"}
    assert all(len(times) == 2 and min(times) > 0 for times in found.values())
