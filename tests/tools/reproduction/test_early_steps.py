"""Watching a start: it trains what training trains, and its numbers are those of the update rule."""

from __future__ import annotations

import json

import numpy as np
import pytest
from mxnet import nd

from gluon_wgan.api import train
from gluon_wgan.config.train_config import TrainConfig
from gluon_wgan.runs.metrics_csv import read_metrics
from tools.reproduction import early_steps
from tools.reproduction.early_steps import FILTER, instability, watch, watch_all

pytestmark = pytest.mark.slow

LR = 0.01
"""Of the critic; the generator's is half of it."""


def parameters(net):
    return {name: p.data().asnumpy() for name, p in net._collect_params_with_prefix().items()}


@pytest.fixture
def watched_wgan(monkeypatch):
    """Return what a watched start trained: the last one's networks."""
    made = []

    class Kept(early_steps.WGAN):
        def __init__(self, *words):
            super().__init__(*words)
            made.append(self)

    monkeypatch.setattr(early_steps, "WGAN", Kept)
    return made


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"clip_when": "after", "eps_rule": "torch", "eps_d": 1e-8, "eps_g": 1e-8},
        {"drop_last": True, "clip_bn": False, "warmup_iters": 1},
    ],
)
def test_watching_leaves_exactly_what_training_leaves(options, whole, watched_wgan, tmp_path):
    config = whole.task("eps-tuned").config.replace(gen_iters=4, seed=3, n_critic=2, **options)
    run = train(config.replace(out=str(tmp_path / "run"), sample_every=100), progress=False)
    found = watch(config, 4)
    (wgan,) = watched_wgan
    nd.waitall()
    checkpoint = run / "checkpoints" / "iter_000004"
    for net, file in ((wgan.generator, "generator.params"), (wgan.critic, "critic.params")):
        saved = {name: array.asnumpy() for name, array in nd.load(str(checkpoint / file)).items()}
        ours = parameters(net)
        assert saved.keys() == ours.keys()
        for name, values in saved.items():
            np.testing.assert_array_equal(ours[name], values, err_msg=name)
    metrics = read_metrics(run / "metrics.csv")
    steps = [int(count) for count in metrics["critic_steps"]]
    assert len(found["curve"]) == sum(steps) and len(found["looks"]) == 4
    ends = np.cumsum(steps)
    for iteration, (start, end) in enumerate(zip([0, *ends], ends)):
        part = found["curve"][start:end]
        assert sum(part) / len(part) == metrics["w_estimate"][iteration]
        assert -part[-1] == metrics["loss_d_last"][iteration]


@pytest.mark.parametrize(
    ("rule", "eps", "size"),
    [
        ("mxnet", 1e-12, lambda g: np.abs(g) / np.sqrt(0.01 * g**2 + 1e-12)),
        ("mxnet", 1e-8, lambda g: np.abs(g) / np.sqrt(0.01 * g**2 + 1e-8)),
        ("torch", 1e-8, lambda g: np.abs(g) / (np.sqrt(0.01 * g**2) + 1e-8)),
    ],
)
def test_the_first_step_of_a_layer_is_as_large_as_the_rule_says(rule, eps, size, whole, watched_wgan):
    config = whole.task("eps-tuned").config.replace(
        eps_rule=rule, eps_d=eps, eps_g=eps, lr_d=LR, lr_g=LR / 2, warmup_iters=0, boost_every=0, n_critic=1
    )
    (snapshot,) = watch(config, 1)["looks"]
    (wgan,) = watched_wgan
    seen = set()
    for kind, net in (("critic", wgan.critic), ("generator", wgan.generator)):
        for name, parameter in net._collect_params_with_prefix().items():
            if parameter.grad_req == "null":
                continue
            gradient = parameter.grad().asnumpy().astype(np.float64)
            assert snapshot[f"gradient/{kind}/{name}"] == pytest.approx(np.median(np.abs(gradient)), rel=1e-6)
            # The difference of float32 numbers around 1, gamma's, is rounded to their last digit.
            wanted = pytest.approx(size(gradient).mean(), rel=1e-4, abs=2**-22 / LR)
            assert snapshot[f"step/{kind}/{name}"] == wanted
            seen |= {f"gradient/{kind}/{name}", f"step/{kind}/{name}"}
    assert seen == set(snapshot)


def test_a_step_is_seen_from_the_clipped_weights(whole, watched_wgan):
    # A learning rate so small that what moves is the clip, if it is counted.
    config = whole.task("eps-tuned").config.replace(lr_d=1e-7, warmup_iters=0, boost_every=0, n_critic=1)
    (snapshot,) = watch(config, 1)["looks"]
    assert snapshot["step/critic/main.0.weight"] < 20


class TestUnrest:
    def test_a_straight_line_has_none(self):
        assert FILTER == 101
        found = instability(np.arange(1000) * 0.25 + 1)
        assert found == {"loss_sign_changes": 0, "loss_travel": pytest.approx(1), "loss_noise": 0}

    def test_a_falling_line_has_none_either(self):
        found = instability(-np.arange(500.0) - 1)
        assert found["loss_travel"] == pytest.approx(1) and found["loss_sign_changes"] == 0

    def test_plateaus_are_counted_by_hand(self):
        # 1, 3, 1, 3: up, down and up by its whole range, with two turns in 600 steps; the filter keeps plateaus.
        found = instability(np.repeat([1.0, 3, 1, 3], 150))
        assert found == {
            "loss_sign_changes": pytest.approx(100 * 2 / 600),
            "loss_travel": pytest.approx(3),
            "loss_noise": 0,
        }

    def test_noise_is_measured_in_sizes_of_the_curve(self):
        # 4, 5, 6, 4, 5, 6, ...: the median is 5; two of three steps are 1 away from it.
        found = instability(5 + np.resize([-1.0, 0.0, 1.0], 909))
        assert found == {"loss_sign_changes": 0, "loss_travel": 1.0, "loss_noise": pytest.approx(0.2)}
        assert instability(-5 + np.resize([-1.0, 0.0, 1.0], 909))["loss_noise"] == pytest.approx(0.2)

    def test_any_curve_agrees_with_loops(self):
        rng = np.random.default_rng(5)
        curve = np.cumsum(rng.normal(size=700)) + 3
        padded = np.concatenate([[curve[0]] * 50, curve, [curve[-1]] * 50])
        filtered = [float(np.median(padded[place : place + 101])) for place in range(700)]
        slopes = [after - before for before, after in zip(filtered, filtered[1:]) if after != before]
        changes = sum((one > 0) != (other > 0) for one, other in zip(slopes, slopes[1:]))
        found = instability(curve)
        assert changes > 5
        assert found["loss_sign_changes"] == pytest.approx(100 * changes / 700)
        assert found["loss_travel"] == pytest.approx(sum(map(abs, slopes)) / (max(filtered) - min(filtered)))
        noise = np.median([abs(a - b) for a, b in zip(curve, filtered)]) / np.median(np.abs(filtered))
        assert found["loss_noise"] == pytest.approx(float(noise))


def test_rows_say_how_far_curves_of_one_seed_are_apart_and_what_was_watched_is_kept(whole, tmp_path, monkeypatch):
    calls = []

    def fake(config: TrainConfig, iterations: int):
        calls.append((config.eps_d, config.seed, iterations))
        curve = [1.0, 2.0, 3.0] if config.eps_rule == "torch" else [2.0, 2.0, 5.0]
        return {"curve": curve, "looks": [{"step/critic/main.0.weight": value} for value in (1.0, 9.0, 2.0)]}

    monkeypatch.setattr(early_steps, "watch", fake)
    tasks = [whole.task("eps-tuned"), whole.task("eps-outside")]
    rows, curves = watch_all(tasks, tmp_path)
    assert calls == [(1e-12, 0, 3), (1e-8, 0, 3)]
    assert curves == {"eps-tuned-seed0": [2.0, 2.0, 5.0], "eps-outside-seed0": [1.0, 2.0, 3.0]}
    values = {(row.run, row.quantity): row.value for row in rows}
    assert {(row.seed, row.gen_iter) for row in rows} == {(0, 3)}
    assert values["eps-tuned", "step/critic/main.0.weight"] == 2  # the median over the iterations
    # Mean |difference| 1 in units of the other curve's mean size: 2 and 3.
    assert values["eps-tuned", "curve_from/eps-outside"] == pytest.approx(1 / 2)
    assert values["eps-outside", "curve_from/eps-tuned"] == pytest.approx(1 / 3)
    assert ("eps-tuned", "curve_from/eps-tuned") not in values
    assert values["eps-tuned", "loss_travel"] == 1

    assert watch_all(tasks, tmp_path) == (rows, curves) and len(calls) == 2
    kept = tmp_path / "measured" / "start-eps-tuned-seed0.json"
    for content in ("", "{", "[]", "null", '{"key": 3}', kept.read_text().replace("1e-12", "1e-11")):
        kept.write_text(content)
        before = len(calls)
        assert watch_all(tasks, tmp_path) == (rows, curves)
        assert calls[before:] == [(1e-12, 0, 3)]
    assert json.loads(kept.read_text())["found"]["curve"] == [2.0, 2.0, 5.0]


def test_curves_of_different_seeds_are_not_compared(whole):
    curves = {"eps-tuned-seed0": [1.0], "wgan-seed1": [2.0]}
    assert list(early_steps._apart([whole.task("eps-tuned"), whole.task("wgan", 1)], curves)) == []
