"""CSVs changed at random are refused, or read as pandas reads them."""

import gzip
import io
import re
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from digitcnn.tables.files import find_delimiter
from digitcnn.tables.readers import read_table
from fuzz.harness import changed_bytes, read_or_refuse, rounds

TEXTS = st.sampled_from(
    [
        b"label,p0,p1,p2,p3\n7,0,128,255,3\n1,9,10,99,100\n2,0,0,0,0\n",
        b"\xef\xbb\xbflabel,p0,p1,p2,p3\r\n7,0,128,255,3\r\n1,9,10,99,100\r\n",
        b'"id","p2","label","p0","p1"\n"a,b","1","7","2","3"\n"c\nd","4","1","5","6"\n',
        b",label,1x1,1x2,2x1,2x2\n0,5,1.0,2e0,3,2.55e+02\n1,6, 4,5 ,+6,007\n",
        b"\n\nlabel,a,b,note\n\n1,2,3,\xe9\n   \n4,5,6,x\n",
        b"label,0,1,2,3\r1,2,3,4,5\r6,7,8,9,10",
        b"label;p0;p1;p2\n7;0;128;255\n1;9;10;99\n",
        b"label\tp0\tp1\tp2\n7\t0\t128\t255\n",
    ]
)
STARTS = st.sampled_from(
    [b"", b"label,p0,p1\n", b"label,p0,p1\n1,2,3\n", b"\xef\xbb\xbflabel,p0,p1\r\n"]
)
WORDS = (
    b"0 1 7 255 256 -1 --1 1.0 1.5 1e1 .5 1e2 0.1e1 1e400 1e-400 254.99999999999 nan NaN inf NA "
    b"true 0x1 1_0 ' , ,, ,,,, ; # = + - =1+1 label p0 p1 p2 p01 p99999999999"
)
CELLS = st.sampled_from(
    [
        *WORDS.split(),
        *(b"", b" ", b"\t", b"\r", b"\n", b"\r\n", b"\x0b", b"\x1a", b"\x1c", b"\0", b"\xff"),
        *(b'"', b'""', b'"1"', b'"1"2', b'"a\nb"', b"1,5", b"Unnamed: 0"),
        *("\u0663".encode(), "\ufeff".encode()),
        *(b"9" * 30, b"9" * 5000, b"1" * 140_000, b"p" + b"1" * 5000),
    ]
)


@st.composite
def with_changed_cells(draw):
    cells = draw(TEXTS).split(b",")
    for _ in range(draw(st.sampled_from([1, 1, 2, 4]))):
        at = draw(st.integers(0, len(cells) - 1))
        cells[at] = draw(CELLS) + draw(st.sampled_from([b"", b"\n", cells[at]]))
    return b",".join(cells)


@st.composite
def with_changed_lines(draw):
    lines = draw(TEXTS).splitlines(keepends=True)
    for _ in range(draw(st.integers(1, 2))):
        at = draw(st.integers(0, len(lines) - 1))
        if draw(st.booleans()) or len(lines) == 1:
            lines.insert(at, draw(st.sampled_from([*lines, b"\n", b"\r", b" \n", b",\n", b"1\n"])))
        else:
            del lines[at]
    return b"".join(lines)


@st.composite
def with_other_signs(draw):
    old = draw(st.sampled_from([b",", b"\n", b"\r\n", b'"', b"label", b"p", b"1", b"0", b"."]))
    new = draw(st.sampled_from([b";", b"\t", b"\r", b"\n", b"\r\n", b"", b'"', b" "]) | CELLS)
    return draw(TEXTS).replace(old, new, draw(st.sampled_from([-1, 1, 2])))


@st.composite
def in_another_coding(draw):
    codings = ["utf-16", "utf-16-le", "latin-1", "utf-32", "utf-8-sig", "cp037"]
    text = draw(TEXTS).decode("utf-8", "replace")
    return text.encode(draw(st.sampled_from(codings)), "replace")


CSVS = st.one_of(
    TEXTS.flatmap(changed_bytes),
    with_changed_cells(),
    with_changed_lines(),
    with_other_signs(),
    in_another_coding(),
    st.tuples(STARTS, st.lists(CELLS, max_size=25).map(b"".join)).map(b"".join),
    st.tuples(STARTS, st.text(max_size=30).map(str.encode) | st.binary(max_size=30)).map(b"".join),
)


@st.composite
def zipped(draw):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", draw(st.sampled_from([0, 8, 8, 12, 14]))) as archive:
        archive.writestr(zipfile.ZipInfo("a.csv"), draw(CSVS))
    return buffer.getvalue()


def perhaps_changed(files):
    return files | files.flatmap(changed_bytes)


@pytest.mark.slow
@given(
    st.one_of(
        st.tuples(st.just("a.csv"), CSVS),
        st.tuples(st.just("a.csv.gz"), perhaps_changed(CSVS.map(gzip.compress))),
        st.tuples(st.just("a.csv.zip"), perhaps_changed(zipped())),
    )
)
@rounds(6)
def test_changed_csv_is_refused_or_read_as_pandas_reads_it(file):
    name, data = file
    table = read_or_refuse(read_table, data, name)
    if table is None:
        event("refused")
        return
    event("read as pandas reads it")
    if name.endswith(".gz"):
        data = gzip.decompress(data)
    elif name.endswith(".zip"):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            (member,) = archive.namelist()
            data = archive.read(member)
    # pandas' parser loses a comma that stands behind an empty line which CR ends.
    data = re.sub(rb"\r(?!\n)", b"\n", data)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.csv")
        path.write_bytes(data)
        delimiter = find_delimiter(path)
    frame = pd.read_csv(
        io.BytesIO(data),
        sep=delimiter,
        encoding_errors="replace",
        keep_default_na=False,
        low_memory=False,
    )
    frame.columns = [str(column).strip() for column in frame.columns]
    expected = frame[table.columns].apply(pd.to_numeric).to_numpy(float)
    np.testing.assert_array_equal(table.pixels, expected)
