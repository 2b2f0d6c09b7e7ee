"""Reading a growing metrics.csv against Python's own csv module, and refusing what is none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gluon_wgan.errors import UserError
from gluon_wgan.pages.metrics_reader import MetricsReader
from gluon_wgan.run.metrics import COLUMNS
from tests.pages.conftest import read_csv, write_metrics


def test_reads_what_csv_reads(tmp_path):
    path = tmp_path / "metrics.csv"
    write_metrics(path, 60)
    ours, theirs = MetricsReader(path).read(), read_csv(path)
    assert {name: values.tolist() for name, values in ours.items()} == theirs


@settings(max_examples=40)
@given(st.lists(st.integers(0, 5000), max_size=6))
def test_a_growing_file_is_read_once_and_whole(tmp_path_factory, cuts):
    path = tmp_path_factory.mktemp("growing") / "metrics.csv"
    write_metrics(path, 25)
    whole, expected = path.read_bytes(), MetricsReader(path).read()
    head = whole.index(b"\n") + 1
    reader = MetricsReader(path)
    for cut in sorted(cuts):
        path.write_bytes(whole[: max(head, min(cut, len(whole)))])
        lines = path.read_bytes().count(b"\n") - 1
        assert len(reader.read()["loss_d"]) == lines
    path.write_bytes(whole)
    for name, values in reader.read().items():
        assert np.array_equal(values, expected[name])


def test_a_file_that_got_shorter_is_read_anew(tmp_path):
    path = tmp_path / "metrics.csv"
    write_metrics(path, 30)
    reader = MetricsReader(path)
    reader.read()
    write_metrics(path, 10, seed=1)
    assert reader.read()["loss_g"].tolist() == read_csv(path)["loss_g"]


def test_columns_may_stand_elsewhere_and_have_company(tmp_path):
    path = tmp_path / "metrics.csv"
    names = ["extra", *reversed(COLUMNS)]
    path.write_text(",".join(names) + "\n" + ",".join(map(str, range(13))) + "\n")
    assert {name: values.tolist() for name, values in MetricsReader(path).read().items()} == {
        name: [float(place)] for place, name in enumerate(names) if name != "extra"
    }


def test_a_file_with_its_head_alone_has_no_rows(tmp_path):
    path = tmp_path / "metrics.csv"
    path.write_text(",".join(COLUMNS) + "\n1,2,")
    assert len(MetricsReader(path).read()["gen_iter"]) == 0


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "No such file"),
        (b"", "gen_iter"),
        (b"a,b\n1,2\n", "gen_iter"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "gen_iter"),
        (",".join(COLUMNS).encode() + b"\n1,0,5,x,0,0,0,0,0,1,1,0\n", "line 2"),
        (",".join(COLUMNS).encode() + b"\n1,0,5\n", "line 2"),
    ],
)
def test_anything_else_is_refused_by_name(tmp_path, content, words):
    path = tmp_path / "metrics.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=words) as caught:
        MetricsReader(path).read()
    assert str(path) in str(caught.value)
