"""JSON and CSV of strangers: what Python's own readers give, within limits, and one reason for everything else."""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gluon_wgan.utils import untrusted
from gluon_wgan.utils.untrusted import parse_csv, parse_json, read_csv, read_json, read_json_lines, read_table

FUZZ = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
WORDS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**60), 10**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=12,
)


@FUZZ
@given(VALUES)
def test_json_is_what_was_written(value: object) -> None:
    assert parse_json(json.dumps(value).encode()) == value
    assert parse_json(json.dumps(value, ensure_ascii=False, indent=1).encode()) == value


@FUZZ
@given(VALUES, st.data())
def test_mutated_json_is_a_value_or_one_reason(value: object, data: st.DataObject) -> None:
    content = bytearray(json.dumps({"value": value}).encode())
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(content)))
        content[place : place + data.draw(st.integers(0, 3))] = data.draw(
            st.sampled_from([b"", b"\0", b"9" * 400, b"[" * 2000, b"\\ud800", b"1e999", b"NaN", b"\xff", b"}", b","])
        )
    try:
        parse_json(bytes(content))
    except ValueError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "Expecting value"),
        (b"[" * 100_000, "nested deeper|Expecting value"),
        (b"[" * 100_000 + b"]" * 100_000, "nested deeper"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "nested deeper"),
        (b"[" * 65 + b"]" * 65, "nested deeper"),
        (b"9" * 400, "400 digits"),
        (b"-" + b"9" * 5000, "5,001 digits"),
        (b"1e400", "too large"),
        (b"NaN", "NaN"),
        (b"[-Infinity]", "-Infinity"),
        (b'"\\u0000"', "NUL"),
        (b'{"a\\u0000": 1}', "NUL"),
        (b"\0", "Expecting value"),
        (b'"\\ud800"', "surrogate"),
        (b'{"\\udfff": 1}', "surrogate"),
        (b"\xff\xfe1", "UTF-8"),
        (b"[1,]", "Expecting value|Illegal trailing comma"),
        (b"{} {}", "Extra data"),
        (b"[" + b"1," * 1_000_001 + b"1]", "more than 1,000,000 values"),
    ],
)
def test_json_that_is_refused(content: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_json(content)


def test_json_that_is_accepted() -> None:
    assert parse_json(b"[" * 64 + b"]" * 64) is not None
    assert parse_json(b"\xef\xbb\xbf{}") == {}
    # The state of PCG64, and a path that is not UTF-8, as this project writes them.
    assert parse_json(str(2**128 - 1).encode()) == 2**128 - 1
    assert os.fsencode(parse_json(json.dumps(os.fsdecode(b"run\xe9")).encode())) == b"run\xe9"
    assert parse_json(b"[NaN]", non_finite=True)[0] != parse_json(b"[NaN]", non_finite=True)[0]


def test_json_lines_count_what_they_cannot_read(tmp_path: Path) -> None:
    path = tmp_path / "evaluation.jsonl"
    path.write_bytes(b'{"metric": "a"}\n\n{"metric": "\\ud800"}\n{"value": ' + b"9" * 400 + b'}\n[1]\n\0\n{"met')
    assert read_json_lines(path) == ([{"metric": "a"}], 5)


def test_a_file_that_is_none_or_too_long_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe")
    for read in (read_json, read_json_lines, lambda path: list(read_csv(path))):
        for place in (tmp_path / "pipe", tmp_path, Path("/dev/zero")):
            with pytest.raises(ValueError, match="not a regular file"):
                read(place)
    (tmp_path / "long").write_bytes(b" " * 101)
    monkeypatch.setattr(untrusted, "MAX_JSON_BYTES", 100)
    monkeypatch.setattr(untrusted, "MAX_CSV_BYTES", 100)
    for read in (read_json, lambda path: list(read_csv(path))):
        with pytest.raises(ValueError, match="longer than 100 bytes"):
            read(tmp_path / "long")


CELLS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=6)


@FUZZ
@given(st.lists(st.lists(CELLS, min_size=2, max_size=4), max_size=5))
def test_csv_is_what_was_written(tmp_path: Path, rows: list[list[str]]) -> None:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    (tmp_path / "table.csv").write_bytes(text.getvalue().encode())
    found = [cells for _, cells in read_csv(tmp_path / "table.csv")]
    wanted = [list(cells) for cells in rows]
    if wanted:
        wanted[0][0] = wanted[0][0].removeprefix("\N{BOM}")
    assert found == wanted


@FUZZ
@given(st.binary(max_size=60), st.data())
def test_mutated_csv_is_rows_or_one_reason(tmp_path: Path, noise: bytes, data: st.DataObject) -> None:
    content = b'gen_iter,loss\n1,0.5\n2,"0.25"\n'
    place = data.draw(st.integers(0, len(content)))
    more = data.draw(st.sampled_from([b"", b"\0" * 4096, b",", b'"', b"\r", b"9" * 140_000]))
    (tmp_path / "table.csv").write_bytes(content[:place] + noise + more + content[place:])
    for cut in (False, True):
        try:
            for _, row in read_table(tmp_path / "table.csv", ["gen_iter"], cut=cut):
                assert len(row) == 2 or noise or more
        except ValueError as error:
            assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "lacks a"),
        (b"b\n1\n", "lacks a"),
        (b"a,b,a\n", "twice"),
        (b"a,b\n1,2\n3,4,\n", "line 3 has 3 cells"),
        (b"a,b\n1\n", "line 2 has 1 cells"),
        (b"a,b\n1,\0\n", "NUL"),
        (b'a,b\n1,"2\n', "line 2 is not CSV"),
        (b"a,b\n1," + b"2" * 131_073 + b"\n", "line 2 is not CSV: (field larger|a cell)"),
        (b"a,b\n" + b"1," * 1001 + b"\n", "1,000 cells"),
        (b"a,b\n" + b"1" * (2 << 20), "longer than"),
        (b"a,b\n1,\xff\n", "UTF-8"),
    ],
)
def test_a_table_that_is_refused(content: bytes, reason: str, tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_bytes(content)
    with pytest.raises(ValueError, match=reason):
        list(read_table(tmp_path / "table.csv", ["a"]))


def test_what_a_kill_or_a_power_failure_left_at_the_end_is_left_out(tmp_path: Path) -> None:
    for end in (b"", b"3,", b"\0" * 100, b"\0" * (3 << 20)):
        (tmp_path / "table.csv").write_bytes(b"a,b\n1,2\n" + end)
        assert list(read_table(tmp_path / "table.csv", ["a"], cut=True)) == [(2, {"a": "1", "b": "2"})]


def test_other_delimiters() -> None:
    assert list(parse_csv(["a;b,c\n"], ";")) == [(1, ["a", "b,c"])]
