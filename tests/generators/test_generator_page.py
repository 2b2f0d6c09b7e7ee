"""``generate --page``: the page's images in Chromium against Gluon's, and what a page cannot hold."""

from __future__ import annotations

import base64
import html
import json
import math
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from mxnet import autograd, nd
from mxnet.gluon import nn

from gluon_wgan.cli.generate import main
from gluon_wgan.config.train_config import TrainConfig
from gluon_wgan.errors import UserError
from gluon_wgan.generators.latents import slerp
from gluon_wgan.generators.load import load_generator
from gluon_wgan.models import build_generator
from gluon_wgan.models.generator_spec import read_generator_spec
from gluon_wgan.models.zoo import PRETRAINED
from gluon_wgan.reports.generator_page import browser_layers

SAMPLES = 24
# Waits until everything is drawn, and gives canvases as base64.
TOOLS = """
const pixels = (found) => {
  const bytes = found.map((one) => [...one.getContext("2d").getImageData(0, 0, one.width, one.height).data]);
  return btoa(bytes.flat().map((value) => String.fromCharCode(value)).join(""));
};
const done = async () => { do await wait(50); while (one("main").ariaBusy === "true"); };
const set = (id, value, type = "input") => {
  one(id).value = value;
  one(id).dispatchEvent(new page.Event(type, { bubbles: true }));
};
await done();
"""
LOOK = """
const found = { samples: pixels(all("#samples canvas")), check: one("#check").textContent };
set("#across", "25"); set("#down", "70"); found.mix = pixels([one("#mix")]);
set("#when", "47"); found.walk = pixels([one("#walk")]); found.strip = pixels(all("#strip canvas"));
set("#seed", "7", "change"); await done(); found.seven = pixels(all("#samples canvas"));
one("#first").click(); await done(); found.again = pixels(all("#samples canvas"));
return found;
"""


def images(text: str, side: int) -> np.ndarray:
    """Return canvases as Gluon has them: (n, 3, side, side)."""
    rgba = np.frombuffer(base64.b64decode(text), np.uint8).reshape(-1, side, side, 4)
    assert (rgba[..., 3] == 255).all()
    return rgba[..., :3].transpose(0, 3, 1, 2).astype(int)


def by_gluon(folder: Path, latents: np.ndarray) -> np.ndarray:
    """Return Gluon's images with running statistics, gray ones in three equal channels."""
    with autograd.predict_mode():
        made = load_generator(folder)(nd.array(latents.reshape(*latents.shape[:2], 1, 1))).asnumpy()
    levels = np.clip(np.round((made.astype(np.float64) + 1) * 127.5), 0, 255).astype(int)
    return np.broadcast_to(levels, (len(levels), 3, *levels.shape[2:]))


def mulberry(seed: int) -> Iterator[float]:
    """Yield the numbers of Tommy Ettinger's Mulberry32."""
    mask = 0xFFFFFFFF
    while True:
        seed = (seed + 0x6D2B79F5) & mask
        t = (seed ^ (seed >> 15)) * (1 | seed) & mask
        t ^= (t + ((t ^ (t >> 7)) * (61 | t) & mask)) & mask
        yield ((t ^ (t >> 14)) & mask) / 2**32


def seeded(seed: int, count: int, uniform: bool, limit: float) -> np.ndarray:
    """Return the latents that a page draws for a seed."""
    random, found = mulberry(seed), list[float]()
    while len(found) < count:
        if uniform:
            number = 2 * next(random) - 1
        else:
            radius = math.sqrt(-2 * math.log(1 - next(random)))
            number = radius * math.cos(2 * math.pi * next(random))
        if abs(number) <= limit:
            found.append(number)
    return np.array(found, np.float32)


def go(start: np.ndarray, end: np.ndarray, share: float, uniform: bool) -> np.ndarray:
    return ((1 - share) * start + share * end if uniform else slerp(start, end, share)).astype(np.float32)


NETWORKS = {
    "dcgan 16": {"image_size": 16},
    "dcgan 32, extra layers": {"n_extra_layers": 2},
    "gray": {"nc": 1, "image_size": 16, "n_extra_layers": 1},
    "no batch norm": {"no_bn": True, "image_size": 16},
    "activation first": {"block_order": "conv-act-norm", "image_size": 16},
    "lite": {"arch": "lite", "image_size": 16},
    "lite gray": {"arch": "lite", "nc": 1, "n_extra_layers": 1},
    "mlp": {"mlp_g": True, "ngf": 24, "image_size": 16},
    "mlp gray": {"mlp_g": True, "ngf": 24, "image_size": 16, "nc": 1},
    "uniform": {"latent": "uniform", "image_size": 16},
    "wgan_dcgan32_portraits": None,
    "wgan_dcgan64_clothing": None,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_a_page_draws_what_gluon_draws(name, checkpoint_of, ask, tmp_path):
    fields = NETWORKS[name]
    folder = PRETRAINED / name if fields is None else checkpoint_of(**fields)
    words = ["--seed", "5", "--page", *(["--truncate", "1.5"] if name == "gray" else [])]
    assert main([str(folder), "--out", str(tmp_path / "out"), *words]) == 0
    spec = read_generator_spec(folder / "generator.json")
    side, uniform, rng = spec.image_size, spec.latent == "uniform", np.random.default_rng([5, 3])
    told = ask(tmp_path / "out/page.html", TOOLS + LOOK)
    assert not isinstance(told, str), told

    if name == "gray":
        data = re.search('id="page-data">(.*?)</script>', (tmp_path / "out/page.html").read_text(), re.DOTALL)
        given = np.frombuffer(base64.b64decode(json.loads(data[1])["latents"]), np.float32).reshape(SAMPLES, -1)
        assert 1 < np.abs(given).max() <= 1.5
    elif uniform:
        given = rng.uniform(-1.0, 1.0, (64, spec.nz)).astype(np.float32)[:SAMPLES]
    else:
        given = rng.standard_normal((64, spec.nz), dtype=np.float32)[:SAMPLES]
    seven = seeded(7, SAMPLES * spec.nz, uniform, 1.5 if name == "gray" else math.inf).reshape(SAMPLES, -1)
    rows = [go(given[first], given[first + 1], 0.25, uniform) for first in (0, 2)]
    wanted = {
        "samples": given,
        "mix": go(*rows, 0.7, uniform)[None],
        "walk": go(given[2], given[3], 7 / 20, uniform)[None],
        "strip": np.array([go(given[n // 2], given[(n // 2 + 1) % 6], n % 2 / 2, uniform) for n in range(12)]),
        "seven": seven,
        "again": given,
    }
    for what, latents in wanted.items():
        shown, gluons = images(told[what], side), by_gluon(folder, latents)
        assert shown.shape == gluons.shape
        assert np.abs(shown - gluons).max() <= 1, what
        # Values beside a half alone may be rounded to the other side.
        assert (shown != gluons).mean() < 0.002, what
    assert images(told["samples"], side).std() > 5
    assert re.search(r"first 4 images differ from Gluon's by at most [01] of 255", told["check"])


@pytest.mark.slow
def test_the_buttons_work_and_the_page_fits_a_phone(checkpoint_of, ask, tmp_path):
    assert main([str(checkpoint_of(image_size=16)), "--page", "--out", str(tmp_path / "out")]) == 0
    told = ask(
        tmp_path / "out/page.html",
        TOOLS
        + """
        const found = { words: [one("#which").textContent], content: root.documentElement.scrollWidth };
        found.small = all("canvas, button").filter((one) => one.getBoundingClientRect().width < 20).length;
        const press = async (id) => { one(id).click(); await done(); found.words.push(one("#which").textContent); };
        await press("#new"); await press("#new"); await press("#first");
        one("#play").click(); await wait(1500); found.label = one("#play").getAttribute("aria-label");
        one("#play").click(); found.at = Number(one("#when").value); await wait(500);
        found.stays = Number(one("#when").value); found.legend = one("#when-words").textContent;
        set("#seed", "-3", "change"); found.words.push(one("#which").textContent);
        return found;
        """,
        390,
    )
    assert not isinstance(told, str), told
    seeds = [f"Latents of seed {number} of this page's own random numbers." for number in (1, 2)]
    first = f"The latents of generate --seed {TrainConfig.seed}."
    assert told["words"] == [first, *seeds, first, first]
    assert told["content"] <= 390 and told["small"] == 0
    assert told["label"] == "pause" and 10 <= told["at"] <= 25 and told["stays"] == told["at"]
    assert told["legend"] == f"sample {told['at'] // 20 + 1} to {told['at'] // 20 + 2}"


def test_a_page_is_alone_and_in_the_run_directory(run, tmp_path, capsys):
    run = shutil.copytree(run, tmp_path / "copy")
    assert main([str(run), "--page"]) == 0
    assert main([str(run), "--page", "--grid", "2x2"]) == 0
    assert sorted(path.name for path in (run / "generated").iterdir()) == ["generate.json", "page.html"]
    assert sorted(path.name for path in (run / "generated-2").iterdir()) == ["generate.json", "grid.png", "page.html"]
    assert json.loads((run / "generated/generate.json").read_text())["batch_norm"] == "running"
    assert "page; seed 0; batch norm with running statistics" in capsys.readouterr().out
    text = html.unescape((run / "generated/page.html").read_text())
    assert "default-src 'none'" in text and "iter_000003" in text
    assert not re.findall(r"""https?:|\bsrc=|\bhref=|@import|url\(|fetch\(""", text)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["RUN", "--page", "--bn", "batch"], "--page cannot be combined with --bn batch"),
        (["-c", "c.json", "-w", "w.pth", "-o", "OUT", "--page"], "--page need a run directory"),
    ],
)
def test_what_a_page_cannot_be_made_of_is_refused(words, said, run, capsys):
    assert main([str(run) if word == "RUN" else word for word in words]) == 2
    assert said in capsys.readouterr().err


def test_a_network_above_5_mb_is_refused(checkpoint_of, tmp_path, capsys):
    folder = checkpoint_of(ngf=80, nz=100)
    size = (folder / "generator.params").stat().st_size
    assert size > 5_000_000
    assert main([str(folder), "--page", "--out", str(tmp_path / "out")]) == 2
    assert f"weights are {size / 1e6:.1f} MB, and a page holds at most 5 MB: train" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_layer_that_no_page_knows_is_refused():
    generator = build_generator(TrainConfig(image_size=16, ngf=4, nz=4))
    generator.main.add(nn.LeakyReLU(0.2))
    generator.initialize()
    with pytest.raises(UserError, match="cannot run the layer LeakyReLU"):
        browser_layers(generator)
