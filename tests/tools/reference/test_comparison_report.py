"""The comparison's arithmetic, its plan of steps, its table and its figure."""

from __future__ import annotations

import json
import math
import xml.etree.ElementTree as ET
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from gluon_wgan.config.train_config import preset_config
from gluon_wgan.data.batches import epoch_order
from gluon_wgan.data.prepared_data import prepare_data
from gluon_wgan.data.store import Store
from tools.reference.comparison.difference import Difference, compare, relative
from tools.reference.comparison.plan import Length, steps

SVG = "{http://www.w3.org/2000/svg}"

# Exact fractions of halves: every operation but the last division and the root is then exact.
halves = st.integers(-1000, 1000).map(lambda value: value / 2)
pairs = st.integers(1, 6).flatmap(
    lambda size: st.tuples(*[arrays.arrays(np.float64, size, elements=halves) for _ in range(2)])
)


@given(pairs)
def test_relative_differences_are_those_of_exact_fractions(pair):
    a, b = pair
    apart = [Fraction(x) - Fraction(y) for x, y in zip(a, b)]
    largest, length = max(abs(Fraction(y)) for y in b), sum(Fraction(y) ** 2 for y in b)
    by_max, by_norm = relative(a, b)
    if largest == 0:
        assert by_max == by_norm == (0 if not any(apart) else math.inf)
    else:
        assert by_max == pytest.approx(float(max(map(abs, apart)) / largest), rel=1e-14)
        assert by_norm == pytest.approx(math.sqrt(sum(x**2 for x in apart) / length), rel=1e-12)


@given(pairs, st.sampled_from([1e-200, 1e200]))
def test_relative_differences_do_not_depend_on_the_scale(pair, scale):
    a, b = pair
    assert relative(a * scale, b * scale) == pytest.approx(relative(a, b), rel=1e-12)


def test_relative_differences_of_float32_are_computed_in_float64():
    a, b = np.array([1 + 2**-23, 1], np.float32), np.ones(2, np.float32)
    assert relative(a, b) == (2**-23, pytest.approx(2**-23 / math.sqrt(2), rel=1e-12))
    assert all(map(math.isnan, relative(np.array([math.nan, 1.0]), np.ones(2))))


def test_gradients_that_vanish_are_measured_against_their_network():
    for group in ("gradients", "weights"):
        theirs = {group: {"weight": np.array([3.0, 4.0]), "bias": np.array([1e-9])}}
        ours = {group: {"weight": np.array([3.0, 4.0]), "bias": np.array([5e-9])}}
        (_, plain), (_, against) = compare(ours, theirs), compare(ours, theirs, {"bias"})
        assert plain == Difference(group, "bias", pytest.approx(4), pytest.approx(4))
        assert against == Difference(group, "bias", pytest.approx(1e-9), pytest.approx(4e-9 / 5))


def test_tensors_that_do_not_correspond_are_refused():
    one = {"weights": {"a": np.ones(2)}}
    for other in ({"weights": {"b": np.ones(2)}}, {"weights": {"a": np.ones(3)}}, {}):
        with pytest.raises(ValueError, match=r"cannot be compared|differ"):
            compare(one, other)


@pytest.fixture
def faces(tmp_path) -> Store:
    """Return a store of nine faces."""
    config = preset_config("gluon", batch_size=4, image_size=16, limit=9, cache_dir=str(tmp_path / "cache"))
    return prepare_data(config, progress=False)


def test_steps_follow_what_was_asked_for(faces):
    config = preset_config("gluon", batch_size=4, image_size=16, limit=9)
    found = list(steps(config, faces, Length(None, 2, 3)))
    assert [step.kind[0] for step in found] == list("ccgccgccg")
    assert [step.number for step in found] == list(range(1, 10))
    assert [step.gen_iter for step in found] == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    batches = [step.real for step in found if step.real is not None]
    order = [*epoch_order(9, 0, 0), *epoch_order(9, 0, 1)]
    assert [len(batch) for batch in batches] == [4, 4, 1, 4, 4, 1]
    assert np.array_equal(np.concatenate(batches), faces.images[order])


@pytest.mark.parametrize(
    ("preset", "total", "kinds"),
    [
        # An epoch of nine faces is three batches of four, or two without the short one.
        ("paper", 13, "cccccgcccccgc"),
        ("reference", 9, "cccgcccgc"),
        ("lite", 7, "cgcgcgc"),
        ("gluon", 102, "c" * 100 + "gc"),
    ],
)
def test_steps_follow_the_presets_own_schedule(preset, total, kinds, faces):
    config = preset_config(preset, batch_size=4, image_size=16, limit=9)
    found = list(steps(config, faces, Length(total)))
    assert "".join(step.kind[0] for step in found) == kinds
    sizes = {len(step.real) for step in found if step.real is not None}
    assert sizes == ({4} if preset == "lite" else {4, 1})
    assert Length(total).total == total


@pytest.fixture
def made_up(require_torch):
    """Return a function from each step's largest differences (ours and three variants) to a trajectory."""
    require_torch()
    from tools.reference.comparison.run import CONTENDERS, StepReport, Trajectory
    from tools.reference.options import Options

    config = preset_config("gluon")

    def make(*rows: tuple[float, ...]):
        def differences(value: float) -> list[Difference]:
            # Three tensors: the largest, the median and one below.
            return [Difference("weights", name, value * part, value) for name, part in zip("abc", (0.5, 1, 0.1))]

        reports = [
            StepReport(number, 0, "critic", {who: differences(v) for who, v in zip(CONTENDERS, row)})
            for number, row in enumerate(rows, 1)
        ]
        return Trajectory(config, Options.from_mapping(config.to_json()), [], reports)

    return make


def test_verdicts_compare_with_the_larger_pytorch_variant_of_each_step(made_up):
    from tools.reference.comparison.summary import spread, verdict

    trajectory = made_up((1e-6, 5e-7, 1e-7, 0), (4e-6, 1e-6, 2e-6, 0), (3e-6, 0, 1e-7, 1e-6))
    one = spread(trajectory.steps[0].differences["gluon_wgan"], "weights", "max_rel")
    assert (one.largest, one.worst, one.median) == (1e-6, "b", 5e-7)
    found = verdict(trajectory, "weights", "max_rel")
    assert (found.first, found.last, found.largest, found.baseline) == (1e-6, 3e-6, 4e-6, 2e-6)
    assert found.ratio == pytest.approx(2)  # of 2, 2 and 3
    assert verdict(made_up((1e-6, 0, 0, 0)), "weights", "max_rel").ratio == math.inf
    assert verdict(made_up((0, 0, 0, 0)), "weights", "max_rel").ratio is None
    assert verdict(made_up((math.nan, 1e-6, 0, 0)), "weights", "max_rel").largest == math.inf
    assert verdict(trajectory, "statistics", "max_rel").largest == 0


def test_the_table_has_a_row_for_each_group(made_up):
    from tools.reference.comparison.write import table

    lines = table(made_up((1e-6, 5e-7, 1e-7, 0), (4e-6, 1e-6, 2e-6, 0), (3e-6, 0, 1e-7, 1e-6))).splitlines()
    rows = {line.split()[0]: line.split()[1:] for line in lines[2:]}
    assert list(rows) == ["fakes", "scores", "losses", "gradients", "weights", "statistics"]
    assert rows["weights"] == ["1.0e-06", "3.0e-06", "4.0e-06", "2.0e-06", "2.00", "2.00"]
    assert rows["statistics"][-1] == "-"


def test_the_figure_is_logarithmic_with_zero_at_the_bottom_and_infinity_at_the_top(made_up):
    from tools.reference.comparison.chart import draw

    rows = [(ours, 0, 0, 1e-6) for ours in (0, 1e-6, 1e-4, math.inf)]
    root = ET.fromstring(draw(made_up(*rows), "title"))
    (line,) = [curve for curve in root.iter(f"{SVG}polyline") if curve.get("class") == "ours"]
    points = [tuple(map(float, point.split(","))) for point in line.get("points").split()]
    zero, low, middle, top = (y for _, y in points)
    assert zero > low > middle >= top
    assert [x for x, _ in points] == sorted(x for x, _ in points)
    axis = {text.text: float(text.get("y")) for text in root.iter(f"{SVG}text") if text.get("text-anchor") == "end"}
    assert zero == pytest.approx(axis["0"] - 3, abs=0.2)
    decade = (axis["1e-6"] - axis["1e-4"]) / 2
    assert middle == pytest.approx(low - 2 * decade, abs=0.2)
    words = {text.text for text in root.iter(f"{SVG}text")}
    assert {"title", "gradients", "running statistics", "none, or all equal"} <= words


def test_infinite_differences_reach_json_as_a_word(made_up, tmp_path):
    from tools.reference.comparison.write import table, write_all

    trajectory = made_up((math.inf, 0, 0, 1e-6))
    write_all(tmp_path, {"gluon": trajectory}, {})
    written = json.loads((tmp_path / "trajectory.json").read_text())["presets"]["gluon"]
    assert written["summary"]["max_rel"]["weights"]["largest"] == "infinite"
    assert "inf" in table(trajectory)
