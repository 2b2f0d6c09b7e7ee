"""Numbers, times and values as a page writes them, against hand-written ones."""

from __future__ import annotations

import math

import pytest

from gluon_wgan.runs.evaluations import differing, metric_of, newest
from gluon_wgan.utils.formatting import duration, number, plain


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "\N{EN DASH}"),
        (math.nan, "\N{EN DASH}"),
        (math.inf, "∞"),
        (-math.inf, "\N{MINUS SIGN}∞"),
        (0.0, "0"),
        (12345, "12,345"),
        (41.26, "41.26"),
        (41.0, "41.00"),
        (-0.0123456, "\N{MINUS SIGN}0.01235"),
        (1234.56, "1,235"),
        (1e-5, "1.000e\N{MINUS SIGN}05"),
        ("word", "word"),
    ],
)
def test_number(value, words):
    assert number(value) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (59.4, "59 s"),
        (60, "1 min 00 s"),
        (3599, "59 min 59 s"),
        (7629, "2 h 07 min"),
        (273601, "3 d 04 h"),
        (math.nan, "\N{EN DASH}"),
    ],
)
def test_duration(seconds, words):
    assert duration(seconds) == words


def test_plain():
    values = (None, True, [], [1, "a"], {"a": {"b": None}}, 5e-05, 3, "x")
    assert list(map(plain, values)) == [
        *("\N{EN DASH}", "yes", "\N{EN DASH}", "1, a", "a b \N{EN DASH}", "5e-05", "3", "x"),
    ]


def test_figures_are_flat_and_the_newest_counts():
    old = {"metric": "fid", "value": 1.5, "seed": 3, "protocol": {"real": {"kind": "store", "n": 5}, "num": 7}}
    new = {"metric": "fid", "value": 2.5, "seed": 3, "protocol": {"real": {"kind": "folder", "n": 5}, "num": 7}}
    figure = metric_of(old)
    assert figure.protocol == (("seed", "3"), ("real.kind", "store"), ("real.n", "5"), ("num", "7"))
    assert newest([old, {"metric": "kid"}, new])["fid"].value == "2.500"
    assert differing([metric_of(old), metric_of(new)]) == {"real.kind"}
    assert metric_of({"metric": "is", "protocol": "as usual"}).protocol == (("protocol", "as usual"),)
