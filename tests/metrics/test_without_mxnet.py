"""Metrics that NumPy computes, in a process that cannot load MXNet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

CODE = """
import sys

sys.modules["mxnet"] = None
import numpy as np
from gluon_wgan.metrics import confidence_intervals, face_rate, fid, inception_score, kid, prdc
from gluon_wgan.metrics.image_sets import ChosenImages
from gluon_wgan.metrics.swd import sliced_wasserstein

rng = np.random.default_rng(0)
one, other = (ChosenImages(rng.integers(0, 256, (20, 3, 32, 32), np.uint8), np.arange(20), "images") for _ in "ab")
print(sliced_wasserstein(one, other, seed=0, threads=1).mean.value > 0)
x, y = rng.normal(size=(20, 4)), rng.normal(size=(20, 4)) + 1
apart = kid.kid(x, y, subsets=2, subset_size=10, seed=0)
print(fid.distance(fid.statistics([x]), fid.statistics([y])) > 0, apart.shape)
print(len(prdc.prdc(x, y, 3).precision), inception_score.scores(x, 2).shape)
"""


def test_metrics_of_numpy_alone_need_no_mxnet(run_python: Callable[..., Any]) -> None:
    run = run_python(CODE)
    assert run.stdout == "True\nTrue (2,)\n20 (2,)\n", run.stderr
