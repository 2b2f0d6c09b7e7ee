"""Result files: what is written is what is read."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gluon_wgan.errors import UserError
from tools.reproduction.results import COLUMNS, Results, Row, read_rows, write_rows

ROWS = st.lists(
    st.builds(
        Row,
        st.sampled_from(["wgan", "data-pil-box", 'a "b", c']),
        st.integers(0, 2**31),
        st.integers(0, 10**6),
        st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=5),
        st.floats(allow_nan=False),
    ),
    max_size=8,
)


@settings(max_examples=60, deadline=None)
@given(rows=ROWS)
def test_rows_survive_a_file(rows, tmp_path_factory):
    path = tmp_path_factory.mktemp("rows") / "new" / "results.csv"
    write_rows(path, rows)
    assert read_rows(path) == sorted(rows)
    content = path.read_bytes()
    write_rows(path, read_rows(path))
    assert path.read_bytes() == content


def test_a_file_is_plain_sorted_csv(tmp_path):
    path = tmp_path / "results.csv"
    write_rows(path, [Row("b", 0, 5, "swd", 0.123456789), Row("a", 1, 10, "swd", 1e-9), Row("a", 1, 9, "swd", 12)])
    assert path.read_text() == "run,seed,gen_iter,quantity,value\na,1,9,swd,12\na,1,10,swd,1e-09\nb,0,5,swd,0.1234568\n"
    assert COLUMNS == ["run", "seed", "gen_iter", "quantity", "value"]


@pytest.mark.parametrize(
    "content",
    [
        b"\xff",
        b"run,seed\nwgan,0\n",
        b"run,seed,gen_iter,quantity,value\nwgan,0,1,swd,x\n",
        b"run,seed,gen_iter,quantity,value\nwgan,0,1\n",
        b"run,seed,gen_iter,quantity,value\nwgan,0,1,swd," + b"9" * 200_000 + b"\n",
    ],
)
def test_a_damaged_file_is_refused_in_one_sentence(content, tmp_path):
    path = tmp_path / "results.csv"
    path.write_bytes(content)
    with pytest.raises(UserError, match="Cannot read the results"):
        read_rows(path)
    with pytest.raises(UserError, match="Cannot read the results"):
        read_rows(tmp_path)


def test_questions_are_answered_from_the_right_rows():
    results = Results(
        [Row("a", 0, iteration, "swd", 10 * iteration) for iteration in (100, 20, 3)]
        + [Row("a", 1, 20, "swd", 7), Row("b", 0, 20, "swd", 8), Row("a", 0, 20, "frechet", math.nan)]
    )
    assert results.value("a", "swd", 20) == 200 and results.value("a", "swd", 20, seed=1) == 7
    assert results.by_seed("a", "swd", 20) == {0: 200, 1: 7}
    assert results.curve("a", "swd") == ([3, 20, 100], [30, 200, 1000])
    assert results.curve("a", "swd", 1) == ([20], [7])
    with pytest.raises(KeyError):
        results.value("a", "swd", 21)
