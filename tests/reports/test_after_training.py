"""Pages of real runs: written while training, and redrawn from checkpoints."""

from __future__ import annotations

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

import gluon_wgan
from gluon_wgan.cli.compare import main
from gluon_wgan.utils.seeding import SAMPLING, draw_latents, make_rng
from tests.reports.conftest import read_csv
from tests.reports.html import Page, check_closed_off

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    sizes = {"image_size": 16, "ngf": 4, "ndf": 4, "batch_size": 8, "limit": 16, "warmup_iters": 0, "n_critic": 1}
    often = {"gen_iters": 4, "sample_every": 2, "checkpoint_every": 2, "resize": "cv2-bilinear"}
    found = []
    for seed in (0, 1):
        out, cache = str(folder / f"seed{seed}"), str(folder / "cache")
        config = gluon_wgan.TrainConfig(**sizes, **often, seed=seed, out=out, cache_dir=cache)
        found.append(gluon_wgan.train(config, progress=False))
    return found


def test_training_leaves_its_page(runs):
    page = Page(runs[0] / "report.html")
    check_closed_off(page)
    assert [one["at"] for one in page.data["grids"]] == [0, 2, 4]
    estimate = page.data["charts"][0]["series"][0]
    assert estimate["rawLow"] == pytest.approx(read_csv(runs[0] / "metrics.csv")["w_estimate"], rel=1e-6)
    data = json.loads((runs[0] / "data.json").read_text())
    assert data["skipped"] == 0 and (data["resize_warning"] or "") in page.text


def test_redrawn_samples_come_from_one_set_of_latents(runs, tmp_path, capsys):
    out = tmp_path / "out.html"
    assert main([*map(str, runs), "--redraw", "--noise-seed", "1", "--out", str(out)]) == 0
    page = Page(out)
    assert page.data["iterations"] == [2, 4] and "latents of seed 1" in page.text
    found = [
        np.asarray(Image.open(io.BytesIO(base64.b64decode(images["4"].split(",")[1]))))
        for images in page.data["images"]
    ]
    assert not np.array_equal(*found)
    # Seed 1 is that of the second run, whose own grid was drawn from the same latents.
    saved = np.asarray(Image.open(runs[1] / "samples" / "fake_000004.png"))
    assert np.array_equal(found[1], saved[: 4 * 18 + 2, : 4 * 18 + 2])
    # And of the first run, an image of those latents with the statistics of all 64.
    from mxnet import autograd, nd

    generator = gluon_wgan.load_generator(runs[0] / "checkpoints" / "iter_000004")
    with autograd.train_mode():
        images = generator(nd.array(draw_latents(make_rng(1, SAMPLING), 64, 100))).asnumpy()
    corner = np.rint((images[0].transpose(1, 2, 0) + 1) * 127.5)
    assert np.abs(found[0][2:18, 2:18] - corner).max() <= 1
