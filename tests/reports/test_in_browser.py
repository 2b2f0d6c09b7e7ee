"""Pages in a real browser: what the scripts make of them, on a wide screen and on a phone."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from gluon_wgan.cli.compare import main as compare
from gluon_wgan.reports.run_page import RunPage
from gluon_wgan.runs.directory import RunDirectory
from gluon_wgan.utils.formatting import number
from tests.reports.conftest import read_csv

LOOK = """
return {
  window: page.innerWidth, content: root.documentElement.scrollWidth,
  images: root.images.length, broken: [...root.images].filter((one) => !one.hidden && !one.naturalWidth).length,
  titles: all(".chart b:first-child").map((one) => one.textContent).filter((one) => /^[A-Z]/.test(one)),
  inked: all("canvas").map((one) => {
    const pixels = one.getContext("2d").getImageData(0, 0, one.width, one.height).data;
    return pixels.filter((value, place) => place % 4 === 3 && value).length / (one.width * one.height);
  }),
};"""


@pytest.mark.slow
@pytest.mark.parametrize("width", [1200, 390])
def test_run_page_fits_and_draws(make_run, ask, width):
    path = make_run(rows=230)
    told = ask(RunPage(RunDirectory(path)).write(), LOOK, width)
    assert told["window"] == width and told["content"] <= width
    assert (told["images"], told["broken"]) == (2, 0)
    assert told["titles"] == ["Wasserstein estimate", "Generator's loss", "Critic's scores", "Speed"]
    assert len(told["inked"]) == 4 and all(0.02 < share < 0.9 for share in told["inked"])


def test_pointing_zooming_and_switching(make_run, ask):
    path = make_run(rows=230)
    rows = read_csv(path / "metrics.csv")
    told = ask(
        RunPage(RunDirectory(path)).write(),
        """
        const plot = () => one(".u-over"), words = () => one(".values").textContent, found = {};
        const range = () => [one(".plot").dataset.from, one(".plot").dataset.to].map(Number);
        found.end = words();
        found.all = range();
        mouse(plot(), "mousemove", 0); await wait(50);
        found.first = words();
        mouse(plot(), "mousemove", 0.301 * plot().getBoundingClientRect().width); await wait(50);
        found.third = words();
        found.together = all(".values").map((one) => /iteration 70,/.test(one.textContent));
        one("[data-raw]").click(); await wait(50);
        found.quiet = words();
        mouse(plot(), "mousedown", 200); mouse(plot(), "mousemove", 400); mouse(plot(), "mouseup", 400); await wait(50);
        found.zoomed = range();
        found.linked = all(".plot").map((one) => Number(one.dataset.from));
        mouse(plot(), "dblclick", 300); await wait(50);
        found.back = range();
        touch(plot(), "pointerdown", 200); touch(plot(), "pointermove", 400); touch(plot(), "pointerup", 400);
        await wait(50);
        found.touched = range();
        one("[data-zoom=all]").click();
        one("[data-by=time]").click();
        found.time = range();
        one("[data-scale=log]").click();
        found.pressed = all("[aria-pressed=true]").map((one) => one.textContent);
        plot().dispatchEvent(new page.KeyboardEvent("keydown", { key: "+" }));
        found.keyed = range();
        return found;
        """,
    )
    assert "iteration 230" in told["end"] and f"each iteration {number(rows['w_estimate'][-1])}" in told["end"]
    assert "iteration 1," in told["first"] and f"each iteration {number(rows['w_estimate'][0])}" in told["first"]
    assert "iteration 70," in told["third"]  # 1 + 0.301 * 229 = 69.9
    assert "raw" not in told["quiet"]
    assert told["all"] == told["back"] == [1, 230]
    assert told["zoomed"][0] > 20 and told["zoomed"][1] < 120
    assert told["touched"] == told["zoomed"] and all(told["together"])
    assert set(told["linked"]) == {told["zoomed"][0]}
    assert told["time"] == pytest.approx([0, sum(rows["seconds"])], abs=0.01)
    assert told["pressed"] == ["training time", "log"]
    assert told["keyed"][1] - told["keyed"][0] == pytest.approx(sum(rows["seconds"]) / 2, abs=0.01)


def test_slider_keys_button_and_curves_choose_samples(make_run, ask):
    path = make_run(rows=230, samples=(0, 50, 100, 150, 200))
    told = ask(
        RunPage(RunDirectory(path)).write(),
        """
        const file = () => one("[data-kind=samples]").src.split("/").pop();
        const shown = () => `${one("#when-words").textContent} ${file()}`, found = [shown()];
        key("ArrowLeft"); found.push(shown());
        one("#when").value = "1"; one("#when").dispatchEvent(new page.Event("input")); found.push(shown());
        for (const type of ["mousemove", "mousedown", "mouseup"]) mouse(one(".u-over"), type, 0);
        await wait(50); mouse(one(".u-over"), "click", 0); found.push(shown());
        one("#play").click(); await wait(400); found.push(shown()); found.push(one("#play").getAttribute("aria-label"));
        await wait(2500); found.push(shown()); found.push(one("#play").getAttribute("aria-label"));
        return found;
        """,
    )
    at = [f"iteration {one} fake_{one:06d}.png" for one in (0, 50, 100, 150, 200)]
    assert told == [at[4], at[3], at[1], at[0], at[1], "pause", at[4], "play"]


def test_long_runs_say_spans(make_run, ask):
    path = make_run(rows=4100, samples=())
    told = ask(
        RunPage(RunDirectory(path)).write(),
        'mouse(one(".u-over"), "mousemove", 0); await wait(50); return one(".values").textContent;',
    )
    rows = read_csv(path / "metrics.csv")
    first = rows["w_estimate"][:4]
    assert "iterations 1\N{EN DASH}4" in told
    assert f"lowest … highest {number(min(first))} … {number(max(first))}" in told


@pytest.mark.slow
@pytest.mark.parametrize("width", [1200, 390])
def test_comparison_fits_draws_and_hides_a_run(make_run, ask, tmp_path, width):
    first, second = make_run("one"), make_run("two <b>", rows=90, samples=(0, 80), n_critic=3)
    assert compare([str(first), str(second), "--out", str(tmp_path / "out.html")]) == 0
    look = ask(tmp_path / "out.html", LOOK, width)
    assert look["window"] == width and look["content"] <= width and look["broken"] == 0
    assert look["titles"] == ["Wasserstein estimate", "Generator's loss", "Speed"]
    told = ask(
        tmp_path / "out.html",
        """
        const words = () => all("[data-samples-of] output").map((one) => one.textContent), found = [words()];
        one("#when").value = "0"; one("#when").dispatchEvent(new page.Event("input")); found.push(words());
        found.push(one(".values").textContent);
        one("[data-run='1']").click(); await wait(50);
        found.push(one(".values").textContent);
        return found;
        """,
        width,
    )
    assert told[0] == ["iteration 200", "iteration 80"] and told[1] == ["iteration 0", "iteration 0"]
    assert "two <b>" in told[2] and "two" not in told[3] and "one" in told[3]


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_screenshot_is_a_page_in_the_right_colours(make_run, browse, tmp_path, scheme):
    page, screenshot = RunPage(RunDirectory(make_run())).write(), tmp_path / "shot.png"
    dark = ["--blink-settings=preferredColorScheme=0"] if scheme == "dark" else []
    browse(page, f"--screenshot={screenshot}", "--window-size=1200,2000", *dark)
    with Image.open(screenshot) as image:
        levels = np.asarray(image.convert("L"))
    assert levels.shape == (2000, 1200)
    assert (np.median(levels) < 60) == (scheme == "dark")
    assert np.ptp(levels[1100:1400].astype(int), axis=1).mean() > 40


@pytest.mark.slow
def test_a_page_moved_away_from_its_samples_still_shows_the_last_ones(make_run, ask, tmp_path):
    moved = tmp_path / "elsewhere" / "report.html"
    moved.parent.mkdir()
    moved.write_bytes(RunPage(RunDirectory(make_run(rows=30))).write().read_bytes())
    told = ask(
        moved,
        """
        const shown = (selector) => Boolean(one(selector).offsetParent);
        return [shown("#moved"), shown(".player"), all("img").map((one) => one.naturalWidth), all(".u-over").length];
        """,
    )
    assert told == [True, False, [146, 146], 4]
    here = ask(RunPage(RunDirectory(tmp_path / "run")).write(), 'return Boolean(one("#moved").offsetParent);')
    assert here is False


@pytest.mark.slow
@pytest.mark.parametrize("width", [1200, 390])
def test_metrics_fit_a_phone_and_hashes_unfold(make_run, ask, width):
    path, digest = make_run(rows=230), "0f" * 32
    lines = [
        {
            "metric": metric,
            "value": 41.26 + at,
            "low": 40.5 + at,
            "high": 42.0 + at,
            "baseline": {"value": 1.25},
            "protocol": {"real": {"content_sha256": digest}, "seed": 0},
            "evaluated": {"checkpoint": f"iter_{at:06d}", "weights_sha256": digest[::-1]},
        }
        for metric in ("swd_32", "swd_16", "swd", "fid", "precision", "face_rate")
        for at in (100, 200)
    ]
    (path / "evaluation.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    told = ask(
        RunPage(RunDirectory(path)).write(),
        """
        const rows = all(".metrics")[0].querySelectorAll("tbody tr"), hash = one("#metrics .hash");
        const found = { content: root.documentElement.scrollWidth, table: one(".metrics").scrollWidth };
        found.tallest = Math.max(...[...rows].map((one) => one.offsetHeight));
        found.charts = all("#evaluations .chart").length;
        found.legend = one("#evaluations .values").textContent;
        hash.querySelector("summary").click(); await wait(50);
        found.unfolded = hash.innerText;
        return found;
        """,
        width,
    )
    assert told["content"] <= width and told["table"] <= width and told["tallest"] < 80
    assert told["charts"] == 4 and "swd_32 241.3 (240.5 \N{EN DASH} 242)" in told["legend"]
    assert digest in told["unfolded"]
