"""CSV files are parsed exactly, or refused with the place of the first fault."""

import gzip
import re
import zipfile

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from digitcnn.tables.readers import read_table

few = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
NAMES = [f"pixel{i}" for i in range(64)]


def pixels_of(frame):
    return frame[NAMES].to_numpy()


@given(
    numbers=st.lists(st.lists(st.integers(0, 255), min_size=4, max_size=4), min_size=1, max_size=9),
    order=st.permutations(["label", "id", "p0", "p1", "p2", "p3"]),
    newline=st.sampled_from(["\n", "\r\n", "\r"]),
    quoting=st.sampled_from([0, 1]),
    delimiter=st.sampled_from(",;\t|"),
    last_newline=st.booleans(),
    as_float=st.booleans(),
)
@few
def test_csv_of_any_shape_comes_back(
    write, numbers, order, newline, quoting, delimiter, last_newline, as_float
):
    table = pd.DataFrame(numbers, columns=["p0", "p1", "p2", "p3"])
    if as_float:
        table["p2"] = table["p2"].astype(float)
    table["label"], table["id"] = range(len(table)), range(99998, 99998 + len(table))
    text = table[order].to_csv(index=False, lineterminator=newline, quoting=quoting, sep=delimiter)
    path = write(text if last_newline else text.rstrip("\r\n"))
    pixels, labels, columns = read_table(path, with_labels=True)
    np.testing.assert_array_equal(pixels, numbers)
    np.testing.assert_array_equal(labels, table["label"])
    assert columns == ["p0", "p1", "p2", "p3"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_file_longer_than_a_block_is_parsed_as_a_whole(frame, write, delimiter, monkeypatch):
    def fail(*_):
        raise AssertionError

    # What is plain is not left to the slower reader.
    monkeypatch.setattr("digitcnn.tables.csv_reader._read_careful", fail)
    long = pd.concat([frame] * 8)
    pixels = read_table(write(long.to_csv(index=False, sep=delimiter))).pixels
    np.testing.assert_array_equal(pixels, pixels_of(long))


@given(
    row=st.integers(0, 299),
    column=st.integers(0, 63),
    fault=st.sampled_from(
        [
            ("256", "256 is outside 0..255."),
            ("999", "999 is outside 0..255."),
            ("1256", "1256 is outside 0..255."),
            ("-1", "-1 is outside 0..255."),
            ("1.5", "1.5 is not a whole number"),
            ("inf", "inf is outside 0..255."),
            ("", "empty cell"),
            ("nan", "'nan' is text, not a number"),
            ("1_0", "'1_0' is text, not a number"),
            ("seven", "'seven' is text, not a number"),
            ("0x10", "'0x10' is text, not a number"),
            ("1e400", "inf is outside 0..255."),
        ]
    ),
)
@few
def test_first_bad_cell_of_a_csv_is_named(frame, write, row, column, fault):
    cells = frame.astype(str)
    cells.iloc[row, 1 + column] = fault[0]
    cells.iloc[-1, -1] = "-7" if (row, column) != (299, 63) else fault[0]
    path = write(cells.to_csv(index=False))
    place = f"{path}, line {row + 2} (row {row}), column 'pixel{column}': "
    with pytest.raises(ValueError, match="^" + re.escape(place + fault[1])):
        read_table(path)


def test_empty_cell_of_the_only_column_is_no_empty_line(write):
    with pytest.raises(ValueError, match=r"line 3 \(row 0\), column 'p0': empty cell"):
        read_table(write('p0\n \n""\n'))


def test_lines_and_rows_are_counted_apart_where_lines_are_empty(write):
    path = write("label,p0,p1\n\n1,2,3\n\n1,2,x\n")
    with pytest.raises(ValueError, match=r"line 5 \(row 1\), column 'p1'"):
        read_table(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "got an empty file"),
        ("\n\n", "got an empty file"),
        ("label,p0,p1\n", "there are no rows below the header"),
        ("label,p0,p1\n1,2,3\n1,2\n", r"line 3 \(row 1\): expected 3 values.*, got 2"),
        ("label,p0,p1\n1,2,3,4\n", r"line 2 \(row 0\): expected 3 values.*, got 4"),
        ("label,p0,p1\n1,2\n3,4,5,6\n", r"line 2 \(row 0\): expected 3 values.*, got 2"),
        ("label,p0,p1\n,2,3\n", r"line 2 \(row 0\): the label is missing"),
        ('label,p0,p1\n1,2,3\n""\n', r"line 3 \(row 1\): expected 3 values.*, got 1"),
        (b"label,p0,p1\n\xff,2,3\n", r"line 2 \(row 0\): the label is not printable UTF-8"),
        ("label,p0,p1\n7\0,2,3\n", "line 2: expected UTF-8 text, got a NUL byte"),
        (b"label,p0,p1\n1,\xff,3\n", r"line 2 \(row 0\), column 'p0': '.udcff' is text"),
        ("label,p0,p1\n1,2,3\n".encode("utf-16"), "line 1: expected UTF-8 text, got UTF-16"),
        ('label,p0,p1\n1,2,"' + "3" * 200_000 + '"\n', "line 2: field larger than"),
        ('label,p0,p1\n1,"2"5,3\n', "line 2: ',' expected after"),
        ('label,p0,p1,note\n1,2,3,"a\n4,5,6,b\n', "line 3: unexpected end of data"),
        ("label;p0;p1\n1;2;3\n4;5,6\n", r"line 3 \(row 1\): expected 3 values.*, got 2"),
        ("label\tp0\tp1\n1\t2\t300\n", r"line 2 \(row 0\), column 'p1': 300 is outside"),
        ("label;p0;p1\n1;2;3,0\n", r"line 2 \(row 0\), column 'p1': '3,0' is text"),
        ("label,p0,p1,\xfc\n1,2,3,4\n".encode("latin-1"), "line 1: the header is not UTF-8 text"),
        ("label,p0,p1\n1,\u0663,3\n", r"line 2 \(row 0\), column 'p0': .* is text"),
        ("label,p0,p1\n1,2,3\n4,2\0,3\n", "line 3: expected UTF-8 text, got a NUL byte"),
        ("label,p0,p1\n1,2,1" + "0" * 400 + "\n", "column 'p1': inf is outside"),
        ("label,p0,p1\n1,2,1" + "0" * 200 + "\n", r"column 'p1': 1e\+200 is outside"),
        ("label,p0,p1\n" + "7" * 2000 + ",2,3\n", r"line 2 \(row 0\): the label is too long"),
        ("5,0,0,128\n6,1,0,0\n", "some more than once: '0'.* Is there a header line"),
        ("p0,p1," * 2000 + "label\n", "some more than once"),
        (",label,p0,p1\n0,1,2,3,4\n", r"line 2 \(row 0\): expected 4 values.*, got 5"),
    ],
)
def test_csv_that_is_no_table_is_refused(write, text, message):
    path = write(text)
    with pytest.raises(ValueError, match=message) as caught:
        read_table(path, with_labels=True)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "label,p0,p1\n1,2,3\n4,5,6\n",
        "\ufefflabel,p0,p1\n1,2,3\n4,5,6\n",
        "label,p0,p1\r\n1,2,3\r\n4,5,6\r\n",
        "label,p0,p1\r1,2,3\r4,5,6",
        "label,p0,p1\r1,2,3\n4,5,6\n",
        "label,p0,p1\n1,2,3\r4,5,6\n",
        "label,p0,p1\r\n1,2,3\n4,5,6\r",
        '"label","p0","p1"\n"1","2","3"\n"4","5","6"\n',
        'label,"p\n",p0,p1\n1,7,2,3\n4,7,5,6\n',
        'label,"p\r",p0,p1\n1,7,2,3\n4,7,5,6\n',
        "\n\r\n \t\nlabel,p0,p1\n\n1,2,3\n   \n4,5,6\n\n",
        "p1,label,p0\n3,1,2\n6,4,5\n",
        ",label,p0,p1\n0,1,2,3\n1,4,5,6\n",
        "Unnamed: 0,label,p0,p1\n0,1,2,3\n1,4,5,6\n",
        "label,p0,p1,\n1,2,3,\n4,5,6,\n",
        ",a,label,b\n0,2,1,3\n1,5,4,6\n",
        "label,p0,p1\n1.0e0,2e0,30E-1\n4,.5e1,+6.\n",
        "label,p0,p1\n1, 2 ,\t3\n 4 ,005,6.000\n",
        "label,p0,p1,note\n1,2,3,\u00e9\n4,5,6,\u0663\n",
        b"label,p0,p1,note\n1,2,3,\xe9\n4,5,6,\xff\n",
        "label , p0,p1\n1,2,3\n4,5,6\n",
    ],
)
def test_every_way_to_write_a_table_is_read_alike(write, text):
    pixels, labels, _ = read_table(write(text), with_labels=True)
    assert pixels.tolist() == [[2, 3], [5, 6]]
    assert labels.tolist() == [1, 4]


def test_damaged_archives_are_refused(frame, tmp_path, write):
    text = frame.to_csv(index=False).encode()
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        archive.writestr("a.csv", text)
        archive.writestr("b.csv", text)
    cases = {
        write(gzip.compress(text)[:-2000], "cut.csv.gz"): "damaged, or no .gz file",
        write(text, "plain.csv.gz"): "damaged, or no .gz file",
        write(b"PK\3\4 nothing", "bad.zip"): "damaged, or no .zip file",
        tmp_path / "two.zip": "an archive of one CSV, got one of 2 files .*'a.csv', 'b.csv'",
    }
    for path, message in cases.items():
        with pytest.raises(ValueError, match=message) as caught:
            read_table(path)
        assert str(path) in str(caught.value)
