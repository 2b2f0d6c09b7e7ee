"""The page: complete in itself, and looked at in a real browser."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gluon_wgan.cli.resize_parity import main
from gluon_wgan.reports.resize_page import number, percent
from tests.reports.html import Page

pytestmark = pytest.mark.slow

PHONE_HEIGHT = 844

# What is wider than the window would push it sideways.
PROBE = """
const page_root = root.documentElement, images = [...root.images];
return {window: page.innerWidth, content: page_root.scrollWidth, images: images.length,
broken: images.filter((one) => !one.naturalWidth).length,
sections: all("section, details").length, answer: one(".answer").getBoundingClientRect().bottom,
wide: all("table.main").filter((one) => one.scrollWidth > one.parentNode.clientWidth).length,
open: all("details[open]").length, bars: all(".bar").map((one) => [one.style.width, one.clientWidth]),
shades: new Set(all(".matrix td").map((one) => page.getComputedStyle(one).backgroundColor)).size};
"""
FOREIGN = """
const refused = [];
root.addEventListener("securitypolicyviolation", (event) => refused.push(event.effectiveDirective));
const add = (name, values) => root.body.append(Object.assign(root.createElement(name), values));
add("script", {textContent: "document.title = 'ran'"});
add("img", {src: "https://example.org/a.png"});
add("style", {textContent: "body { display: none }"});
await wait(500);
return [refused.map((one) => one.replace("-elem", "")).sort(), root.title, page.getComputedStyle(root.body).display];
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the page of a report on the built-in portraits, with every section."""
    out = tmp_path_factory.mktemp("report")
    words = ["--size", "32", "16", "--enlarge", "--decoders", "pil,cv2", "--quiet", "--jobs", "1", "--out", str(out)]
    names = "pil-nearest,pil-bilinear,pil-box,cv2-bilinear,cv2-bicubic,cv2-area,mxnet-area"
    assert main([*words, "--backends", names]) == 0
    return out / "parity.html"


class _Tags(HTMLParser):
    """Collects every attribute that could load something."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.alts: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list) -> None:
        named = dict(attrs)
        self.loads += [named[name] for name in ("src", "href", "data", "action") if name in named]
        self.ids += [named["id"]] if "id" in named else []
        if tag == "img":
            self.alts.append(named.get("alt", ""))


def test_page_needs_nothing_else(page):
    text = page.read_text()
    tags = _Tags()
    tags.feed(text)
    assert all(link.startswith(("data:image/", "#")) for link in tags.loads)
    assert "@import" not in text and "url(" not in text and "<script" not in text
    outside = set(re.findall(r"https?://[^\"' <]+", text))
    assert outside == {"http://www.w3.org/2000/svg"}
    assert len(tags.alts) > 30 and all(tags.alts)
    assert {link[1:] for link in tags.loads if link.startswith("#")} <= set(tags.ids)


def test_page_says_everything_in_words(page):
    text = page.read_text()
    for words in (
        "Aliases at this ratio",
        "▲ aliases",
        "● clean",
        "blocks",
        "python tools/resize_parity.py",
        "Pillow",
    ):
        assert words in text
    assert "cv2-area = mxnet-area" in text


def test_answer_comes_first_and_then_one_table_the_worst_image_and_the_spectra(page):
    text = page.read_text()
    body = text[text.index("<body") : text.index('<section id="more"')]
    order = ["<h1>Yes, it matters for the built-in portraits</h1>", 'class="main"', "disagree most", ">Spectra<"]
    places = [body.index(words) for words in order]
    assert places == sorted(places) and body.count("<table") == 1 and "<details" not in body


def test_backends_with_the_same_pixels_share_a_row(page):
    parsed = Page(page)
    heads = [re.sub(r"\s+", " ", row[0]).strip() for row in parsed.rows if row and "cv2-area" in row[0]]
    assert heads and not any(head.startswith("mxnet-area") for head in heads)
    assert any("cv2-area = mxnet-area" in head for head in heads)


def test_no_share_is_above_everything(page):
    shares = [float(share) for share in re.findall(r"([\d.]+) ?%", Page(page).text)]
    assert len(shares) > 100 and max(shares) == 100


def test_page_fits_a_phone_and_shows_every_image(page, ask: Callable[..., Any]):
    # Headless Chromium's own window may not get as narrow as a phone; a frame does.
    told = ask(page, PROBE, width=390)
    assert told["window"] == 390 and told["content"] <= 390 and told["wide"] == 0
    assert told["images"] > 30 and told["broken"] == 0 and told["sections"] >= 20 and told["open"] == 0
    assert told["answer"] <= PHONE_HEIGHT
    # The policy of the page lets its bars have their lengths, and its cells their shades.
    widths = [width for _, width in told["bars"]]
    assert len(widths) > 3 and max(widths) > 2 * min(widths) and all(said for said, _ in told["bars"])
    assert told["shades"] > 5


def test_nothing_foreign_runs_or_loads_in_the_page(page, ask: Callable[..., Any]):
    refused, title, display = ask(page, FOREIGN)
    assert refused == ["img-src", "script-src", "style-src"]
    assert title.startswith("Resize parity") and display == "block"


@pytest.mark.parametrize(("size", "scheme"), [((390, 2400), "light"), ((1200, 2400), "light"), ((1200, 2400), "dark")])
def test_screenshot_is_a_page_and_not_a_blank(page, browse: Callable[..., str], tmp_path, size, scheme):
    screenshot = tmp_path / "shot.png"
    dark = ["--blink-settings=preferredColorScheme=0"] if scheme == "dark" else []
    browse(page, f"--screenshot={screenshot}", f"--window-size={size[0]},{size[1]}", *dark)
    with Image.open(screenshot) as image:
        levels = np.asarray(image.convert("L"))
        colours = image.convert("RGB").getcolors(1 << 24)
    assert levels.shape == (size[1], size[0])
    assert colours is not None and len(colours) > 500
    assert (np.median(levels) < 60) == (scheme == "dark")
    assert (np.ptp(levels.astype(int), axis=1) > 40).mean() > 0.4


def test_numbers_are_short_and_readable():
    assert [number(value) for value in (None, float("nan"), float("inf"), 0.0)] == [
        "\u2013",
        "\u2013",
        "∞",
        "0",
    ]
    assert [number(value) for value in (0.1234, 12.345, 123.4, 12345.6)] == [
        "0.123",
        "12.35",
        "123",
        "12,346",
    ]
    assert [percent(value) for value in (None, 0.0, 0.012, 0.5)] == ["\u2013", "0 %", "1.2 %", "50 %"]
