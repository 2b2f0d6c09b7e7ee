"""Evaluation: the right samples against the right images, and nothing twice that has not changed."""

from __future__ import annotations

import dataclasses
import json
import shutil

import numpy as np
import pytest
from scipy import ndimage

from gluon_wgan.cli import evaluate
from gluon_wgan.data.store import open_store
from gluon_wgan.metrics import all_metrics
from gluon_wgan.metrics.image_sets import ChosenImages
from gluon_wgan.runs.metrics_csv import read_metrics
from gluon_wgan.utils import atomic_files
from tools.reproduction import evaluation, measure
from tools.reproduction.evaluation import BASELINE_RESIZE, Evaluator, detail, draw_samples, evaluate_all
from tools.reproduction.split import HELD_OUT, TRAIN, store_path
from tools.reproduction.weights import critic_weights


@pytest.fixture
def evaluator(whole) -> Evaluator:
    return Evaluator.of(whole.plan, whole.out)


def images(whole, part, resize):
    return np.asarray(open_store(store_path(whole.out, part, resize)).images)


def by_evaluate(evaluator, real, fake):
    """Return the same distances from what tools/evaluate.py is made of."""
    one, other = (ChosenImages(images, np.arange(16), "some") for images in (real, fake))
    figures = list(all_metrics.sliced(one, other, seed=0, threads=1))
    ones, others = (all_metrics.features_of(evaluator.network, images, False).values for images in (one, other))
    figures += all_metrics.frechet_distance(ones, others, {})
    found = {figure.metric: figure.estimate.value for figure in figures}
    # The distance of two normal distributions; the trace of the root of a product of covariances is the sum of the
    # singular values of the product of the centred features.
    a, b = (values.astype(np.float64) - values.mean(0, dtype=np.float64) for values in (ones, others))
    means = np.square(ones.mean(0, dtype=np.float64) - others.mean(0, dtype=np.float64)).sum()
    root = np.linalg.svd(a @ b.T, compute_uv=False).sum()
    by_hand = means + (np.square(a).sum() + np.square(b).sum() - 2 * root) / 15
    assert found["fid"] == pytest.approx(by_hand, rel=1e-4)
    found["frechet"] = found.pop("fid")
    return found


@pytest.mark.slow
def test_a_run_is_evaluated_on_its_samples_against_both_kinds_of_held_out_images(whole, evaluator, tmp_path):
    task = whole.task("cv2-bilinear")
    rows = evaluate_all(dataclasses.replace(evaluator), [task], [])
    assert {(row.run, row.seed, row.gen_iter) for row in rows} == {("cv2-bilinear", 0, 2)}
    values = {row.quantity: row.value for row in rows}
    samples = draw_samples(task, 2, 16)
    assert samples.shape == (16, 3, 32, 32) and samples.dtype == np.uint8
    for resize, ending in (("pil-bilinear", ""), ("cv2-bilinear", "_own")):
        expected = by_evaluate(evaluator, images(whole, HELD_OUT, resize), samples)
        assert set(expected) == {"swd", "swd_32", "swd_16", "frechet"}
        for name, value in expected.items():
            assert values[name + ending] == pytest.approx(value, rel=1e-5), name + ending
    assert values["swd"] != values["swd_own"]
    assert values["detail"] == pytest.approx(detail(samples), rel=1e-6)
    expected = critic_weights(task.config, task.checkpoint(2))
    assert {name: values[name] for name in expected} == pytest.approx(expected, rel=1e-6)


def test_the_frechet_distance_is_what_the_evaluation_tool_prints(whole, evaluator, capsys):
    task = whole.task("wgan", 1)
    store = store_path(whole.out, HELD_OUT, BASELINE_RESIZE)
    words = [str(task.checkpoint(1)), "--real", str(store), "--metrics", "fid", "--num", "16", "--json"]
    capsys.readouterr()
    assert evaluate.main(words) == 0
    (line,) = capsys.readouterr().out.splitlines()
    found = evaluator.distances(draw_samples(task, 1, 16), BASELINE_RESIZE)
    assert found["frechet"] == pytest.approx(json.loads(line)["value"], rel=1e-5)
    assert json.loads(line)["evaluated"]["weights_sha256"] == atomic_files.sha256_of(
        task.checkpoint(1) / "generator.params"
    )


@pytest.mark.slow
def test_real_images_are_evaluated_as_if_they_were_samples(whole, evaluator):
    rows = evaluate_all(evaluator, [], ["cv2-area"])
    assert {(row.run, row.seed, row.gen_iter) for row in rows} == {("data-cv2-area", 0, 0)}
    values = {row.quantity: row.value for row in rows}
    order = np.sort(np.random.default_rng(0).permutation(496)[:16])
    shown = images(whole, TRAIN, "cv2-area")[order]
    for resize, ending in (("pil-bilinear", ""), ("cv2-area", "_own")):
        for name, value in by_evaluate(evaluator, images(whole, HELD_OUT, resize), shown).items():
            assert values[name + ending] == pytest.approx(value, rel=1e-5), name + ending
    assert values["detail"] == pytest.approx(detail(shown), rel=1e-6)


def test_images_are_no_distance_away_from_themselves(whole, evaluator):
    for resize in ("pil-bilinear", "cv2-bicubic"):
        found = evaluator.distances(images(whole, HELD_OUT, resize), resize)
        assert found["swd"] == 0 and found["frechet"] == pytest.approx(0, abs=1e-6)


def test_samples_are_the_same_for_all_runs_noise_and_differ_by_weights(whole):
    task = whole.task("wgan")
    np.testing.assert_array_equal(draw_samples(task, 2, 16), draw_samples(task, 2, 16))
    # The first few are the same however many follow: whole groups are drawn.
    np.testing.assert_array_equal(draw_samples(task, 2, 5), draw_samples(task, 2, 70)[:5])
    assert len(draw_samples(task, 2, 70)) == 70
    assert not np.array_equal(draw_samples(task, 1, 4), draw_samples(task, 2, 4))


def test_detail_is_the_mean_size_of_the_laplacian():
    images = np.random.default_rng(3).integers(0, 256, (5, 3, 12, 12), dtype=np.uint8)
    kernel = np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]], float)
    expected = np.mean(
        [np.abs(ndimage.convolve(plane.astype(float), kernel, mode="mirror")).mean() for i in images for plane in i]
    )
    assert detail(images) == pytest.approx(expected, rel=1e-6)
    assert detail(np.full((2, 3, 8, 8), 7, np.uint8)) == 0


def test_the_estimate_is_the_filtered_curve_at_the_moment_up_to_the_plan_s_end(whole, tmp_path, monkeypatch):
    task = whole.task("long")
    curve = [0.5, 3.0, 1.0, 2.0]
    padded = [curve[0]] * 50 + curve + [curve[-1]] * 50
    filtered = [float(np.median(padded[place : place + 101])) for place in range(4)]
    rows = {"w_estimate": [*curve, 77.0, 78.0]}  # a run that went on beyond the plan's end
    monkeypatch.setattr(evaluation, "read_metrics", lambda path: rows if path == task.path / "metrics.csv" else None)
    assert [evaluation._losses(task, iteration)["w_estimate"] for iteration in (1, 2, 3, 4)] == filtered
    assert evaluation._losses(whole.task("dcgan"), 1) == {}
    # Three numbers and more: the filter is as wide as the paper's.
    short = {"w_estimate": list(range(200))}
    monkeypatch.setattr(evaluation, "read_metrics", lambda path: short)
    run = dataclasses.replace(task.run, moments=(100, 200))
    assert evaluation._losses(dataclasses.replace(task, run=run), 100) == {"w_estimate": 99.0}


def test_curves_in_the_result_files_end_with_the_plan(whole, monkeypatch):
    task = whole.task("long")
    assert measure._losses(task)[0] == [1, 2, 3, 4]
    assert len(measure._losses(task)[1]) == 4
    values = read_metrics(task.path / "metrics.csv")["w_estimate"]
    monkeypatch.setattr(measure, "read_metrics", lambda path: {"w_estimate": [*values, 99.0, 99.0]})
    assert measure._losses(task)[0] == [1, 2, 3, 4]
    run = dataclasses.replace(task.run, moments=(2000,))
    monkeypatch.setattr(measure, "read_metrics", lambda path: {"w_estimate": [float(n) for n in range(2000)]})
    iterations, filtered = measure._losses(dataclasses.replace(task, run=run))
    assert iterations[:3] == [1, 9, 17] and filtered[100] == 800.0 and len(filtered) == 250


class Counting:
    """Distances that tell how often they were asked for."""

    def __init__(self, monkeypatch):
        self.calls: list[str] = []
        monkeypatch.setattr(Evaluator, "distances", self.distances)

    def distances(self, images, resize):
        self.calls.append(resize)
        return {"swd": float(len(self.calls)), "frechet": float(images.mean())}


def put(checkpoint, name, content):
    """Exchange a file of a checkpoint for another whole one."""
    (checkpoint / name).write_bytes(content)
    manifest = json.loads((checkpoint / "manifest.json").read_text())
    assert name in manifest
    manifest[name] = atomic_files.sha256_of(checkpoint / name)
    (checkpoint / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.slow
def test_what_was_measured_is_measured_again_only_when_it_has_changed(whole, tmp_path, monkeypatch):
    count = Counting(monkeypatch)
    for part in (HELD_OUT, TRAIN):
        shutil.copytree(store_path(whole.out, part, BASELINE_RESIZE), store_path(tmp_path, part, BASELINE_RESIZE))
    task = dataclasses.replace(whole.task("wgan"), path=tmp_path / "runs" / "wgan-seed0")
    shutil.copytree(whole.task("wgan").path, task.path)
    evaluator = Evaluator(whole.plan, tmp_path, None)

    def asked(evaluator=evaluator):
        before = len(count.calls)
        rows = evaluate_all(evaluator, [task], [BASELINE_RESIZE])
        return len(count.calls) - before, rows

    # Of the data against the baseline resize and against its own kind, which are one; of two moments.
    assert asked()[0] == 4 and set(count.calls) == {BASELINE_RESIZE}
    measured = asked()
    assert measured[0] == 0
    assert asked() == measured

    first, last = task.checkpoint(1), task.checkpoint(2)
    for name in ("generator.params", "critic.params"):
        content = (first / name).read_bytes()
        put(first, name, (last / name).read_bytes())
        assert asked()[0] == 1, name
        assert asked()[0] == 0
        put(first, name, content)
        assert asked()[0] == 1

    kept = tmp_path / "measured" / "wgan-seed0-000002.json"
    for content in (b"", b"{", b"[]", b"null", b'{"key": 1}', b"\xff", kept.read_bytes()[:-30]):
        kept.write_bytes(content)
        assert asked()[0] == 1, content
        assert asked()[0] == 0
    kept.unlink()
    assert asked()[0] == 1

    assert asked(dataclasses.replace(evaluator, plan=dataclasses.replace(whole.plan, judged=17)))[0] == 4
    assert asked()[0] == 4
    monkeypatch.setattr(evaluation, "FORMAT", evaluation.FORMAT + 1)
    assert asked()[0] == 4

    for part, changed in ((HELD_OUT, 4), (TRAIN, 2)):
        meta = store_path(tmp_path, part, BASELINE_RESIZE) / "store.json"
        old = open_store(meta.parent).content_sha256
        meta.write_text(meta.read_text().replace(old, "0" * 64))
        assert asked()[0] == changed, part
        assert asked()[0] == 0


def test_the_spread_of_the_weights_is_told_of_the_end_alone(whole, monkeypatch):
    Counting(monkeypatch)
    monkeypatch.setattr(evaluation, "_kept", lambda evaluator, path, key, measure: {"weights_03": 0.1, "at_bound": 0.2})
    rows = evaluate_all(Evaluator(whole.plan, whole.out, None), [whole.task("wgan")], [])
    assert [(row.gen_iter, row.quantity) for row in rows if row.quantity != "w_estimate"] == [
        (1, "at_bound"),
        (2, "weights_03"),
        (2, "at_bound"),
    ]
