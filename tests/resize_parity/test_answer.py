"""The answer at the top of the report."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from gluon_wgan.cli.resize_parity import _parser, make_plan
from gluon_wgan.data.resize import BACKENDS
from gluon_wgan.resize_parity.comparison_report import compare_backends
from gluon_wgan.resize_parity.verdict import Answer, answer, listed


def answer_on(pixels: np.ndarray, folder, *words: str) -> Answer:
    Image.fromarray(pixels).save(folder / "a.png")
    plan = make_plan(_parser().parse_args([str(folder / "a.png"), *words]))
    return answer(compare_backends(plan, jobs=1, progress=False, command="")[1])


@pytest.fixture
def noise() -> np.ndarray:
    return np.random.default_rng(1).integers(256, size=(150, 150, 3), dtype=np.uint8)


@pytest.mark.slow
def test_backends_without_antialiasing_are_to_be_avoided_and_all_others_are_fine(noise, tmp_path):
    told = answer_on(noise, tmp_path, "--size", "32")
    assert told.matters and told.headline == "Yes, it matters for your images"
    [(where, avoid)] = told.avoid
    assert where == "here"
    # Names that stand for the same pixels are left to the first of them.
    everyone = {first: [first, *others] for first, *others in [*told.same, *([one] for one in [*avoid, *told.fine])]}
    for first, *others in told.same:
        everyone[first] = [first, *others]
    assert {name for first in avoid for name in everyone[first]} == {
        name for name, backend in BACKENDS.items() if not backend.antialiases
    }
    assert {name for first in told.fine for name in everyone[first]} == {
        name for name, backend in BACKENDS.items() if backend.antialiases
    }
    assert told.sentence().startswith("Yes, it matters for your images: do not use cv2-")
    assert "% of the detail that is too fine for 32 px into false detail" in told.reason


@pytest.mark.slow
def test_nearest_neighbour_is_named_last(noise, tmp_path):
    [(_, avoid)] = answer_on(noise, tmp_path, "--size", "32").avoid
    assert avoid[-2:] == ["pil-nearest", "cv2-nearest"]


def test_smooth_images_may_be_shrunk_by_anything(tmp_path):
    ramp = np.tile(np.linspace(0, 255, 128).astype(np.uint8)[:, None, None], (1, 128, 3))
    told = answer_on(ramp, tmp_path, "--size", "32", "--backends", "cv2-bilinear,cv2-area")
    assert not told.matters and told.avoid == []
    assert told.sentence() == (
        "No, it hardly matters for your images: pil-bilinear, cv2-bilinear and cv2-area are fine."
    )


def test_sizes_are_named_where_the_answer_depends_on_them(noise, tmp_path):
    told = answer_on(noise, tmp_path, "--size", "150,32", "--backends", "cv2-bicubic,cv2-area")
    assert told.avoid == [("at 32 px", ["cv2-bicubic"])]
    assert told.avoid_words() == ["do not use cv2-bicubic at 32 px"]


def test_images_that_are_enlarged_are_not_to_be_repeated(noise, tmp_path):
    told = answer_on(noise, tmp_path, "--size", "300", "--backends", "cv2-area,cv2-bilinear,cv2-nearest")
    assert told.avoid == [("here", ["cv2-area", "cv2-nearest"])]
    assert told.fine == ["pil-bilinear", "cv2-bilinear"] and "only repeat pixels" in told.reason


def test_nothing_fine_names_what_would_be(noise, tmp_path):
    told = answer_on(noise, tmp_path, "--size", "32", "--backends", "cv2-bicubic", "--against", "cv2-bilinear")
    assert told.fine == [] and told.fine_words() == "none of these is fine everywhere, use pil-bilinear"


def test_nothing_is_said_to_alias_where_nothing_is_resized(noise, tmp_path):
    told = answer_on(noise, tmp_path, "--size", "150")
    assert not told.matters and told.reason == "At 150 px no image is shrunk, so that nothing can alias."


@pytest.mark.parametrize(
    ("words", "said"), [([], ""), (["a"], "a"), (["a", "b"], "a or b"), (list("abc"), "a, b or c")]
)
def test_lists_are_those_of_a_sentence(words, said):
    assert listed(words, "or") == said
