"""Reading a growing metrics.csv against Python's own csv module, and refusing what is none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gluon_wgan.errors import UserError
from gluon_wgan.runs import metrics_csv
from gluon_wgan.runs.metrics_csv import COLUMNS, BlockReader, MetricsFile, read_metrics
from tests.reports.conftest import read_csv, write_metrics


def test_reads_what_csv_reads(tmp_path):
    path = tmp_path / "metrics.csv"
    write_metrics(path, 60)
    assert read_metrics(path) == read_csv(path)


@settings(max_examples=40)
@given(st.lists(st.integers(0, 5000), max_size=6))
def test_a_growing_file_is_read_once_and_whole(tmp_path_factory, cuts):
    path = tmp_path_factory.mktemp("growing") / "metrics.csv"
    write_metrics(path, 25)
    whole, expected = path.read_bytes(), read_csv(path)
    head = whole.index(b"\n") + 1
    reader, blocks = BlockReader(path), []
    for cut in [*sorted(cuts), len(whole)]:
        path.write_bytes(whole[: max(head, min(cut, len(whole)))])
        blocks += [rows for rows, _ in reader.blocks()]
        assert sum(map(len, blocks)) == path.read_bytes().count(b"\n") - 1
    assert np.concatenate(blocks).T.tolist() == list(expected.values())


def test_a_file_that_got_shorter_is_read_anew(tmp_path):
    path = tmp_path / "metrics.csv"
    write_metrics(path, 30)
    reader = BlockReader(path)
    list(reader.blocks())
    write_metrics(path, 10, seed=1)
    [(rows, _)] = reader.blocks()
    assert reader.restarts == 1 and rows.T.tolist() == list(read_csv(path).values())


def test_blocks_smaller_than_the_file_give_the_same_rows(tmp_path, monkeypatch):
    path = tmp_path / "metrics.csv"
    write_metrics(path, 60)
    monkeypatch.setattr(metrics_csv, "BLOCK", 500)
    assert len(list(BlockReader(path).blocks())) > 10
    assert read_metrics(path) == read_csv(path)


@pytest.mark.parametrize("block", [300, 1 << 20])
def test_rows_after_the_checkpoint_are_cut_off_and_the_others_kept_byte_for_byte(tmp_path, monkeypatch, block):
    path = tmp_path / "metrics.csv"
    write_metrics(path, 40)
    whole = path.read_bytes()
    monkeypatch.setattr(metrics_csv, "BLOCK", block)
    for wanted in (40, 39, 17, 1, 0):
        path.write_bytes(whole + b"41,0,5,0.1")
        MetricsFile(path, wanted).close()
        assert path.read_bytes() == b"".join(whole.splitlines(keepends=True)[: wanted + 1])


@pytest.mark.parametrize(
    "rows",
    [
        ["1", "2", "4"],
        ["1", "2"],
        ["1", "2.5", "3"],
        ["inf"],
        ["nan", "2", "3"],
        ["1", "1", "3"],
        ["2.5", "3"],
        ["1", "9"],
    ],
)
def test_rows_that_do_not_lead_to_the_checkpoint_are_refused_and_left(tmp_path, rows):
    path = tmp_path / "metrics.csv"
    path.write_text(",".join(COLUMNS) + "\n" + "".join(f"{row},0,5,0,0,0,0,0,0,1,1,0\n" for row in rows))
    before = path.read_bytes()
    with pytest.raises(UserError, match="move it away"):
        MetricsFile(path, 3)
    assert path.read_bytes() == before


def test_columns_may_stand_elsewhere_and_have_company(tmp_path):
    path = tmp_path / "metrics.csv"
    names = ["extra", *reversed(COLUMNS)]
    path.write_text(",".join(names) + "\n" + ",".join(map(str, range(13))) + "\n")
    assert read_metrics(path) == {name: [float(place)] for place, name in enumerate(names) if name != "extra"}


def test_a_file_with_its_head_alone_has_no_rows(tmp_path):
    path = tmp_path / "metrics.csv"
    path.write_text(",".join(COLUMNS) + "\n1,2,")
    assert read_metrics(path)["gen_iter"] == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "No such file"),
        (b"", "gen_iter"),
        (b"a,b\n1,2\n", "gen_iter"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "gen_iter"),
        (",".join(COLUMNS).encode() + b"\n1,0,5,x,0,0,0,0,0,1,1,0\n", "line 2"),
        (",".join(COLUMNS).encode() + b"\n1,0,5\n", "line 2"),
        (",".join(COLUMNS).encode() + b"\n1,0,5,0,0,0,0,0,0,1,1,0\n" + bytes(40) + b"\n", "line 3"),
        (",".join(COLUMNS).encode() + b"\n" + b"1" * 3_000_000, "damaged after line 1"),
    ],
)
def test_anything_else_is_refused_by_name(tmp_path, content, words):
    path = tmp_path / "metrics.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=words) as caught:
        list(BlockReader(path).blocks())
    assert str(path) in str(caught.value)
