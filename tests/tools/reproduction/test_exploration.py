"""The report: tables against numbers made up and worked out here, verdicts by their rule, figures that do not vary."""

from __future__ import annotations

import math
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from gluon_wgan.errors import UserError
from gluon_wgan.metrics.confidence_intervals import Estimate
from gluon_wgan.training.schedule import critic_steps_until
from tests.conftest import REPOSITORY
from tools.reproduction import drawing
from tools.reproduction.blocks import fill
from tools.reproduction.exploration import claims, epsilon, learning, objective, resize, settings, write
from tools.reproduction.exploration.claims import FAILS, HOLDS, OPEN, verdict_of
from tools.reproduction.exploration.material import Material
from tools.reproduction.plan import NO_STORE, read_plan
from tools.reproduction.results import Results, Row

PLAN = read_plan(REPOSITORY / "plans" / "standard.toml")
LAYERS = ("main.0.weight", "main.1.gamma", "main.1.beta", "main.10.weight")
ABOUT = {
    "plan": "standard.toml",
    "plan_sha256": "0123456789abcdef" * 4,
    "images": "painted portraits",
    "count": 3962,
    "python": "3.11.7",
    "platform": "Linux",
    "cpu": "A Processor",
    "cores": 2,
    "libraries": {"mxnet": "1.9.1", "numpy": "1.26.4"},
}


def number(*key: object) -> float:
    """Return a number that differs from all others and is always the same."""
    return 0.1 + zlib.crc32(repr(key).encode()) / 2**32


def made_up() -> dict[tuple[str, int, int, str], float]:
    """Return a value for everything that is measured of the standard plan."""
    found = {}

    def put(run, seed, iteration, *quantities):
        for quantity in quantities:
            found[run, seed, iteration, quantity] = float(f"{number(run, seed, iteration, quantity):.7g}")

    levels = ("swd", "swd_32", "swd_16", "frechet")
    own = tuple(f"{name}_own" for name in levels)
    for run in PLAN.runs.values():
        for seed in run.seeds:
            for iteration in run.moments:
                put(run.name, seed, iteration, *levels, *own, "detail", "w_estimate", "at_bound")
            put(run.name, seed, run.moments[-1], *(f"weights_{place:02d}" for place in range(41)))
        for iteration in run.moments:
            put(run.name, 0, iteration, "training_s")
        put(run.name, 0, run.moments[-1], "critic_step_ms", "generator_step_ms")
    for backend in {run.resize for run in PLAN.runs.values()}:
        put(f"data-{backend}", 0, 0, *levels, *own, "detail")
    for start in PLAN.starts.values():
        for seed in start.seeds:
            instability = ("loss_sign_changes", "loss_travel", "loss_noise")
            put(
                start.name,
                seed,
                25,
                *instability,
                *(f"curve_from/{other}" for other in PLAN.starts if other != start.name),
            )
            for net in ("critic", "generator"):
                put(start.name, seed, 25, *(f"{what}/{net}/{one}" for what in ("gradient", "step") for one in LAYERS))
    return found


VALUES = made_up()
RUNS = [
    [run.name, seed, run.moments[-1], 7470, 60 * (seed + 1), "a" * 64, "b" * 64, f"{seed}{run.name:x<9}" * 7, "--flags"]
    for run in PLAN.runs.values()
    for seed in run.seeds
]


@pytest.fixture
def material(tmp_path) -> Material:
    starts = {
        f"{name}-seed{seed}": np.sin(np.arange(2500) / (20 + place + seed)).tolist()
        for place, name in enumerate(PLAN.starts)
        for seed in (0, 1, 2)
    }
    losses = {f"{name}-seed0": ([1, 50, 1000], [0.1, 0.4, 0.2]) for name in ("long", "wgan")}
    rows = [Row(*key, value) for key, value in VALUES.items()]
    return Material(PLAN, Results(rows), starts, losses, [], tmp_path / "exploration")


def seeds_of(run, quantity, iteration):
    return [VALUES[run, seed, iteration, quantity] for seed in (0, 1, 2) if (run, seed, iteration, quantity) in VALUES]


def interval(values, digits=3, sign=False):
    """Return an estimate in words from SciPy's interval."""
    mean = float(np.mean(values))
    low, high = stats.t.interval(0.95, len(values) - 1, loc=mean, scale=stats.sem(values))
    decimals = max(0, digits - 1 - math.floor(math.log10(max(abs(mean), abs(low), abs(high)))))
    plus = "+" if sign else ""
    return f"{mean:{plus}.{decimals}f} ({low:{plus}.{decimals}f} to {high:{plus}.{decimals}f})"


def mean(run, quantity, iteration):
    values = seeds_of(run, quantity, iteration)
    return interval(values) if len(values) > 1 else f"{values[0]:.3f}"


def minus(run, base, quantity, iteration, base_moment):
    pairs = zip(seeds_of(run, quantity, iteration), seeds_of(base, quantity, base_moment))
    return interval([one - other for one, other in pairs], sign=True)


def cells(table):
    head, rule, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    assert set(rule) == {"---"} and all(len(row) == len(head) for row in rows)
    return rows


def test_the_resize_tables_hold_the_numbers_of_their_own_runs(material):
    blocks = resize.tables(material)
    rows = cells(blocks["resize-table"])
    assert [row[0] for row in rows] == ["pil-bilinear", "pil-bicubic", "cv2-area", "cv2-bilinear", "cv2-bicubic"]
    for row in rows:
        name = "wgan" if row[0] == "pil-bilinear" else row[0]
        for place, quantity in ((1, "swd"), (4, "frechet")):
            assert row[place] == f"{VALUES[f'data-{row[0]}', 0, 0, quantity]:.3g}"
            assert row[place + 1] == mean(name, quantity, 1000)
            assert row[place + 2] == ("" if name == "wgan" else minus(name, "wgan", quantity, 1000, 1000))
    for row in cells(blocks["resize-own"]):
        name, ending = ("wgan", "") if row[0] == "pil-bilinear" else (row[0], "_own")
        assert row[1:3] == [mean(name, quantity + ending, 1000) for quantity in ("swd", "frechet")]
        assert row[3] == f"{VALUES[f'data-{row[0]}', 0, 0, 'detail']:.1f}"
        assert row[4] == mean(name, "detail", 1000)
    data = [VALUES[f"data-{row[0]}", 0, 0, "detail"] for row in rows]
    samples = [np.mean(seeds_of("wgan" if row[0] == "pil-bilinear" else row[0], "detail", 1000)) for row in rows]
    correlation = stats.pearsonr(stats.rankdata(data), stats.rankdata(samples))[0]
    assert f"over these 5 backends: {correlation:.2f}." in blocks["resize-detail"]


def test_the_settings_tables_compare_with_the_base_run(material):
    blocks = settings.tables(material)
    runs = {
        "schedule-table": [("wgan", 1000), ("no-warmup", 1000), ("no-warmup", 1494)],
        "clip-table": [(name, 1000) for name in ("wgan", "clip-0005", "clip-002", "clip-after", "bn-unclipped")],
        "initialisation-table": [("wgan", 1000), ("init-mxnet", 1000)],
    }
    for block, expected in runs.items():
        rows = cells(blocks[block])
        assert len(rows) == len(expected)
        for row, (name, iteration) in zip(rows, expected):
            assert row[:2] == [PLAN.runs[name].what, f"{iteration:,}"]
            for place, quantity in ((2, "swd"), (4, "frechet")):
                assert row[place] == mean(name, quantity, iteration)
                apart = "" if name == "wgan" else minus(name, "wgan", quantity, iteration, 1000)
                assert row[place + 1] == apart
            assert row[6] == f"{100 * np.mean(seeds_of(name, 'at_bound', iteration)):.0f} %"


def test_the_objectives_are_compared_at_equal_steps_and_at_equal_time(material):
    blocks = objective.tables(material)
    rows = cells(blocks["objective-table"])
    wanted = VALUES["wgan", 0, 1000, "training_s"]
    expected = [("wgan", "", 1000)]
    for name in ("dcgan", "wgan-gp"):
        run = PLAN.runs[name]
        nearest = min(run.moments, key=lambda iteration: abs(VALUES[name, 0, iteration, "training_s"] - wanted))
        expected += [(name, "equal critic steps", run.moments[-1]), (name, "equal time", nearest)]
    assert len(rows) == 5
    for row, (name, label, iteration) in zip(rows, expected):
        steps = critic_steps_until(iteration, PLAN.runs[name].config(0, NO_STORE))
        assert row[:4] == [PLAN.runs[name].what, label, f"{iteration:,}", f"{steps:,}"]
        assert row[4] == f"{VALUES[name, 0, iteration, 'training_s']:.0f}"
        for place, quantity in ((5, "swd"), (7, "frechet")):
            assert row[place] == mean(name, quantity, iteration)
            assert row[place + 1] == ("" if name == "wgan" else minus(name, "wgan", quantity, iteration, 1000))
    for row, name in zip(cells(blocks["objective-pace"]), ("wgan", "dcgan", "wgan-gp")):
        end = PLAN.runs[name].moments[-1]
        assert row[1:] == [f"{VALUES[name, 0, end, f'{net}_step_ms']:.1f}" for net in ("critic", "generator")]


def test_what_is_learned_is_told_of_the_longest_run(material):
    blocks = learning.tables(material)
    rows = cells(blocks["learning-table"])
    for row, iteration in zip(rows, PLAN.runs["long"].moments):
        names = ("w_estimate", "swd", "swd_32", "swd_16", "frechet")
        assert row == [f"{iteration:,}", *(f"{VALUES['long', 0, iteration, name]:.3g}" for name in names)]
    assert len(rows) == 10
    found = cells(blocks["learning-correlation"])
    expected = [("long", 0), ("wgan", 1), ("wgan", 2)]  # wgan's seed 0 is the beginning of long
    for row, (name, seed) in zip(found, expected):
        moments = PLAN.runs[name].moments
        ranks = [
            stats.rankdata([VALUES[name, seed, iteration, what] for iteration in moments])
            for what in ("w_estimate", "swd")
        ]
        correlation = stats.pearsonr(*ranks)[0]
        assert row == [PLAN.runs[name].what, str(seed), str(len(moments)), f"{correlation:.2f}"]
    assert len(found) == len(expected)
    least = min(PLAN.runs["long"].moments, key=lambda iteration: VALUES["long", 0, iteration, "swd"])
    assert learning.best_moment(material) == least and f"{least:,} iterations" in blocks["learning-best"]


def test_the_epsilon_tables_hold_each_layer_in_its_order(material):
    blocks = epsilon.tables(material)
    names = ("eps-outside", "eps-tuned", "eps-1e-8")
    for row, name in zip(cells(blocks["epsilon-instability"]), names):
        assert row[0] == PLAN.starts[name].what
        assert row[1] == ("" if name == "eps-outside" else mean(name, "curve_from/eps-outside", 25))
        assert row[2:] == [mean(name, f"loss_{what}", 25) for what in ("sign_changes", "travel", "noise")]
    rows = cells(blocks["epsilon-layers"])
    assert [(row[0], row[1].strip("`")) for row in rows] == [
        (net, one) for net in ("critic", "generator") for one in LAYERS
    ]
    for row, (net, layer) in zip(rows, ((net, one) for net in ("critic", "generator") for one in LAYERS)):
        assert row[2] == f"{np.mean(seeds_of('eps-tuned', f'gradient/{net}/{layer}', 25)):.1e}"
        assert row[3:] == [f"{np.mean(seeds_of(name, f'step/{net}/{layer}', 25)):.2f}" for name in names]


def test_the_baselines_stand_beside_real_images_and_the_published_figures(material):
    blocks = write.tables(material, ABOUT, RUNS)
    real, *rows = cells(blocks["baselines"])
    assert real[3:] == [f"{VALUES['data-pil-bilinear', 0, 0, name]:.3g}" for name in ("swd", "frechet")]
    for row, run in zip(rows, PLAN.runs.values()):
        end = run.moments[-1]
        assert row == [
            run.what,
            f"{end:,}",
            str(len(run.seeds)),
            *(mean(run.name, name, end) for name in ("swd", "frechet")),
        ]
    assert len(rows) == len(PLAN.runs)
    (ratio,) = cells(blocks["reproducibility"])  # FID and another distance are not put side by side, only ratios
    assert ratio[1] == "0.73"
    pairs = zip(seeds_of("wgan-gp", "frechet", 1494), seeds_of("wgan", "frechet", 1000))
    assert ratio[3] == interval([one / other for one, other in pairs])


def test_the_protocol_says_what_was_run(material):
    blocks = write.tables(material, ABOUT, RUNS)
    for words in ("plans/standard.toml", "0123456789abcdef`", "3,962 painted portraits, 1,000 held out with seed 0"):
        assert words in blocks["protocol"]
    assert "(8, 8, 216, 216), 32x32 pixels" in blocks["protocol"] and "Python 3.11.7, mxnet 1.9.1" in blocks["protocol"]
    rows = {row[0]: row for row in cells(blocks["runs"])}
    assert list(rows) == list(PLAN.runs)
    assert rows["wgan"][1:6] == ["0, 1, 2", "`--flags`", "1,000", "7,470", "2.0"]
    assert rows["wgan"][6] == "`0wganxxx` `1wganxxx` `2wganxxx`" and rows["long"][6] == "`0longxxx`"


@pytest.mark.parametrize(
    ("low", "high", "expected", "verdict"),
    [
        (0.1, 0.3, 1, HOLDS),
        (0.1, 0.3, -1, FAILS),
        (-0.3, -0.1, 1, FAILS),
        (-0.3, -0.1, -1, HOLDS),
        (-0.1, 0.3, 1, OPEN),
        (-0.1, 0.3, -1, OPEN),
        (0.0, 0.3, 1, OPEN),
        (-0.3, 0.0, 1, OPEN),
        (math.nan, math.nan, 1, OPEN),
        (math.nan, math.nan, -1, OPEN),
    ],
)
def test_a_verdict_is_a_rule(low, high, expected, verdict):
    assert verdict_of(Estimate(0.2, low, high), expected) == verdict


def expected_verdict(values, expected):
    test = stats.ttest_1samp(values, 0)
    if test.pvalue >= 0.05:
        return OPEN
    return HOLDS if (test.statistic > 0) == (expected > 0) else FAILS


def test_every_claim_is_evaluated_on_its_own_effect(material):
    rows = cells(claims.tables(material)["summary"])
    found = {row[0]: row[1:] for row in rows}
    assert len(found) == len(rows) == 4 + 3 + 4 + 6 + 1

    def pairs(run, base, quantity, iteration, base_moment):
        both = zip(seeds_of(run, quantity, iteration), seeds_of(base, quantity, base_moment))
        return [one - other for one, other in both]

    bilinear, bicubic, area = "cv2-bilinear", "cv2-bicubic", "cv2-area"
    checks = [
        ("1b. ", pairs("eps-1e-8", "eps-tuned", "loss_travel", 25, 25), 1),
        ("1c. ", pairs("eps-1e-8", "eps-tuned", "loss_noise", 25, 25), 1),
        ("2a. ", pairs(bilinear, "wgan", "swd", 1000, 1000), 1),
        ("2b. ", pairs(bilinear, "wgan", "frechet", 1000, 1000), 1),
        ("2c. They have more fine detail", pairs(bilinear, "wgan", "detail", 1000, 1000), 1),
        ("4a. Warm-up and boost together", pairs("no-warmup", "wgan", "swd", 1494, 1000), 1),
        ("4b. N(0, 0.02)", pairs("init-mxnet", "wgan", "swd", 1000, 1000), 1),
        ("4c. Clipping before", pairs("clip-after", "wgan", "swd", 1000, 1000), 1),
        ("4d. The bound 0.01 is better than 0.005", pairs("clip-0005", "wgan", "swd", 1000, 1000), 1),
        ("4e. The bound 0.01 is better than 0.02", pairs("clip-002", "wgan", "swd", 1000, 1000), 1),
        ("4f. Clipping batch norm's", pairs("bn-unclipped", "wgan", "swd", 1000, 1000), 1),
        ("3a. OpenCV's bicubic", pairs(bicubic, bilinear, "swd", 1000, 1000), -1),
        ("3b. OpenCV's bicubic", pairs(bicubic, bilinear, "frechet", 1000, 1000), -1),
        ("3c. What the port's", pairs(area, bilinear, "swd", 1000, 1000), -1),
        ("3d. What the port's", pairs(area, bilinear, "frechet", 1000, 1000), -1),
    ]
    for claim, values, expected in checks:
        (row,) = [row for name, row in found.items() if name.startswith(claim)]
        word = expected_verdict(values, expected)
        unseen = claim in ("1b. ", "1c. ") and word == claims.FAILS
        assert row[0] == ("not seen at this scale" if unseen else word), claim
        assert f" {interval(values, sign=True)} " in f" {row[1]} ", claim
    nearer = pairs("eps-1e-8", "eps-tuned", "curve_from/eps-outside", 25, 25)
    (row,) = [row for name, row in found.items() if name.startswith("1d. ")]
    assert row[0] == expected_verdict(nearer, 1) and row[1].endswith(f"further by {interval(nearer, sign=True)}")
    layer = "step/generator/main.0.weight"
    ratio = [one / other for one, other in zip(*(seeds_of(name, layer, 25) for name in ("eps-tuned", "eps-1e-8")))]
    (row,) = [row for name, row in found.items() if name.startswith("1a. ")]
    assert row[0] == expected_verdict([one - 1 for one in ratio], 1) and interval(ratio) in row[1]
    (row,) = [row for name, row in found.items() if name.startswith("5. The critic's estimate")]
    correlations = [learning.correlation(material, *one) for one in learning.correlated(material)]
    inside = list(np.arctanh(np.clip(correlations, -0.995, 0.995)))
    assert row[0] == expected_verdict(inside, 1) and f"the least of 3 runs {min(correlations):.2f}" in row[1]


class TestPage:
    BLOCKS = st.dictionaries(st.sampled_from(["a", "b-c", "d"]), st.text("xyz\\\n|$1 ", max_size=20))

    @given(BLOCKS, st.lists(st.text("abc \n<!->\\é*", max_size=30), min_size=4, max_size=4))
    def test_prose_is_kept_byte_for_byte_and_filling_twice_changes_nothing(self, blocks, prose):
        places = ["<!-- a -->\nold\n<!-- /a -->", "<!-- b-c -->\n<!-- /b-c -->", "<!-- d -->\n1\n2\n<!-- /d -->"]
        page = prose[0] + "".join(place + text for place, text in zip(places, prose[1:]))
        filled = fill(page, blocks)
        expected = prose[0]
        for name, text in zip(("a", "b-c", "d"), prose[1:]):
            expected += f"<!-- {name} -->\n{blocks.get(name, '*Not in this plan.*')}\n<!-- /{name} -->{text}"
        assert filled == expected
        assert fill(filled, blocks) == filled

    def test_a_block_without_a_place_is_refused(self):
        page = "<!-- a -->\n<!-- /a -->\n<!-- b -->\nunclosed\n<!-- c --><!-- /c -->"
        for lost in ("b", "c", "d"):
            with pytest.raises(UserError, match=f"no place for {lost}: put <!-- {lost} --> and <!-- /{lost} -->"):
                fill(page, {"a": "1", lost: "2"})

    def test_the_page_has_a_place_for_every_block_of_the_standard_plan(self, material):
        page = (REPOSITORY / "docs" / "exploration.md").read_text(encoding="utf-8")
        assert "*Not in this plan.*" not in fill(page, write.tables(material, ABOUT, RUNS))


@pytest.mark.slow
def test_figures_are_small_and_the_same_each_time(material):
    def draw():
        epsilon.draw(material)
        resize._draw_distances(material)
        settings._draw_histogram(material)
        objective._draw_curves(material, material.runs(["wgan", *objective.OTHERS]))
        learning._draw_curves(material, PLAN.runs["long"])
        images = np.random.default_rng(0).integers(0, 256, (32, 3, 32, 32), dtype=np.uint8)
        drawing.save_panels(material.folder / "panels.png", [(f"panel {one}", images) for one in range(4)])
        return {path.name: path.read_bytes() for path in material.folder.iterdir()}

    first = draw()
    assert set(first) == {
        epsilon.CURVES,
        epsilon.STEPS,
        resize.DISTANCES,
        settings.HISTOGRAM,
        objective.CURVES,
        learning.CURVES,
        "panels.png",
    }
    assert all(1000 < len(content) < drawing.MAX_BYTES for content in first.values())
    assert draw() == first


def test_too_large_a_image_is_refused(tmp_path):
    (tmp_path / "a.svg").write_bytes(b"x" * drawing.MAX_BYTES)
    (tmp_path / "results.csv").write_bytes(b"x" * (drawing.MAX_BYTES + 1))
    write._refuse_large(tmp_path)
    (tmp_path / "b.png").write_bytes(b"x" * (drawing.MAX_BYTES + 1))
    with pytest.raises(UserError, match=r"b\.png has 300,001 bytes, more than 300,000"):
        write._refuse_large(tmp_path)
