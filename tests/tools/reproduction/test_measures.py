"""The measures of a run's end, against sums by hand and against the other measurements of the same run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tools.reproduction.evaluation import Evaluator, draw_samples, evaluate_task, shifts
from tools.reproduction.measures import end_measures, instability


def test_shifts_by_hand():
    held_out = np.zeros((2, 3, 1, 2), np.uint8)
    held_out[:, :, :, 1] = 100  # mean 50, standard deviation 50 in each channel
    samples = held_out.copy()
    samples[:, 0] = [[[53, 53]]]  # means 53, 50 and 54, deviations 0, 50 and 50
    samples[:, 2] += 4
    found = shifts(samples, held_out)
    assert found == pytest.approx({"color_shift": 5.0, "contrast_shift": -1 / 3})
    assert shifts(held_out, held_out) == {"color_shift": 0.0, "contrast_shift": 0.0}


def test_instability_by_hand():
    # The median of three leaves a spike of one point out: 1 1 1 3 3 5 5, range 4, way 4.
    noise, variation = instability(np.array([1.0, 9.0, 1.0, 3.0, 3.0, 5.0, 5.0]), 3)
    assert (noise, variation) == (0.0, 1.0)
    # Up and down again: 1 1 5 5 1 1 goes 8 over a range of 4.
    assert instability(np.array([1.0, 1.0, 5.0, 5.0, 1.0, 1.0]), 3)[1] == 2.0
    # Four above and four below a level of 10 by 1, no filter wide enough to follow: a tenth.
    jagged = np.array([11.0, 9.0] * 40)
    assert instability(jagged, 1)[0] == 0.0
    assert instability(np.full(7, 3.0), 3) == (0.0, 1.0)


def test_a_run_s_end_is_measured_once_and_from_other_noises(whole, monkeypatch):
    task, evaluator = whole.task("cv2-area"), Evaluator.of(whole.plan, whole.out)
    rows = {row.quantity: row.value for row in end_measures(evaluator, task)}
    assert set(rows) >= {"color_shift", "contrast_shift", "swd_noise1", "swd_noise2"}
    usual = {row.quantity: row.value for row in evaluate_task(evaluator, task)}["swd"]
    assert len({usual, rows["swd_noise1"], rows["swd_noise2"]}) == 3
    iteration = task.run.moments[-1]
    images = draw_samples(task, iteration, whole.plan.judged, noise=2)
    assert float(f"{evaluator.distances(images, 'pil-bilinear')['swd']:.7g}") == rows["swd_noise2"]
    monkeypatch.setattr(Evaluator, "distances", lambda *_: pytest.fail("measured again"))
    assert {row.quantity: row.value for row in end_measures(evaluator, task)} == rows
    assert (Path(evaluator.out) / "measured" / f"{task.path.name}-end.json").is_file()
