"""Files of data are opened and unpacked in bounded memory, whatever is in them."""

import gzip
import itertools
import os
import re
import subprocess
import sys
import zipfile

import numpy as np
import pandas as pd
import pytest

from conftest import posix
from digitcnn.cli import main
from digitcnn.tables.files import find_delimiter, opened, rows_of
from digitcnn.tables.raw import read_raw_frame
from digitcnn.tables.readers import pixel_columns_of, read_table

HEADER = b"label,p0,p1\n"


def test_rows_come_with_their_last_line(write):
    text = b'\xef\xbb\xbfa,"b\nb"\r\n\r1,"x""y"\n \t\n\xff,2\n""\n" "\n"\n"'
    assert list(rows_of(write(text))) == [
        (2, ["a", "b\nb"]),
        (3, []),
        (4, ["1", 'x"y']),
        (5, []),
        (6, ["\udcff", "2"]),
        (7, [""]),
        (8, [" "]),
        (10, ["\n"]),
    ]


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [
        ("label,p0,p1\n1;2;3;4;5;6\n", ","),
        ("label;p0;p1\n1,5;2,5;3,5,6,7\n", ";"),
        ("\n \t\n\xef\xbb\xbflabel\tp0\n", "\t"),
        ("label|p0\n", "|"),
        ('"a;b;c","d\t;;e",f\n', ","),
        ('"a,b,c,d";e;"f ""g"", h"\n', ";"),
        ('"a;b\nc,d,e",f,"g\n', ","),
        ("a,b;c\n", ","),
        ("label\n1\n", ","),
        ("", ","),
        ("7\t0\t255\n", "\t"),
    ],
)
def test_delimiter_is_what_stands_most_often_in_the_header_outside_quotes(write, text, delimiter):
    assert find_delimiter(write(text)) == delimiter


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_lines_are_whole_wherever_a_block_ends(write, newline, monkeypatch):
    rows = [[str(i), "2" * (i % 7)] for i in range(50)]
    path = write(newline.join(map(",".join, rows)))
    for length in range(1, 30):
        monkeypatch.setattr("digitcnn.tables.files._BLOCK_BYTES", length)
        assert [row for _, row in rows_of(path)] == rows


def gzipped(path, start, unit, length, end=b""):
    """A small file that unpacks to `length` bytes and more."""
    block = unit * (2**20 // len(unit))
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(start)
        for _ in range(length // len(block)):
            file.write(block)
        file.write(end)
    return path


def zipped(path, start, unit, length):
    block = unit * (2**20 // len(unit))
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("a.csv", "w", force_zip64=True) as file,
    ):
        file.write(start)
        for _ in range(length // len(block)):
            file.write(block)
    return path


def peak_of(call, paths):
    """What reading files in a process of their own ends in, and by how many bytes it grows."""
    script = (
        "import resource, sys\n"
        "from digitcnn.tables.raw import read_raw_frame\n"
        "from digitcnn.tables.readers import read_table\n"
        "import pandas\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "for path in sys.argv[1:]:\n"
        "    try:\n"
        f"        {call}(path)\n"
        "    except ValueError as error:\n"
        "        print(error)\n"
        # Bytes on macOS, and kibibytes elsewhere.
        "unit = 1 if sys.platform == 'darwin' else 1024\n"
        "print(unit * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, paths)],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    *errors, peak = done.stdout.splitlines()
    return errors, int(peak)


@posix
@pytest.mark.slow
def test_what_goes_on_for_ever_is_refused_in_bounded_memory(tmp_path):
    cases = [
        (HEADER + b"1,", b"1", "line 2: a row of more than 8388608 bytes"),
        (b"", b"p1,", "line 1: a row of more than 8388608 bytes"),
        (HEADER, b'"\n",', "a row of more than 8388608 bytes"),
        (HEADER + b'1,2,"', b"\n", "field larger than field limit"),
        (HEADER, b"\n", "line 1000002: more than a million empty lines"),
        (HEADER, b"   \n", "more than a million empty lines"),
        (HEADER, b"\0", "line 2: a row of more than 8388608 bytes"),
    ]
    paths = []
    for i, (start, unit, _) in enumerate(cases):
        (tmp_path / f"{i}.csv").write_bytes(start + unit * (2**24 // len(unit)))
        paths.append(tmp_path / f"{i}.csv")
    errors, peak = peak_of("read_table", paths)
    for path, error, (_, _, message) in zip(paths, errors, cases, strict=True):
        assert error.startswith(f"{path}, line ")
        assert message in error
    assert peak < 100 * 2**20


@posix
@pytest.mark.slow
@pytest.mark.parametrize("call", ["read_table", "read_raw_frame"])
def test_bomb_is_refused_before_it_is_unpacked(tmp_path, call):
    paths = [
        pack(tmp_path / name, HEADER, b"1,0,0\n", 2**28)
        for pack, name in ((gzipped, "a.csv.gz"), (zipped, "a.zip"))
    ]
    assert max(path.stat().st_size for path in paths) < 2**22
    errors, peak = peak_of(call, paths)
    assert [error.split(" than ")[0] for error in errors] == [
        f"{path}: unpacks to more" for path in paths
    ]
    # 64 MiB are always unpacked: eleven million rows.
    assert peak < 500 * 2**20


def test_table_that_packs_well_is_read(tmp_path):
    path = gzipped(tmp_path / "a.csv.gz", HEADER, b"1,0,0\n", 2**22)
    pixels = read_table(path).pixels
    assert len(pixels) == 4 * (2**20 // 6)
    assert not pixels.any()


@posix
def test_names_that_are_far_apart_are_refused_in_bounded_memory(tmp_path):
    (tmp_path / "a.csv").write_text("label,p0,p4000000000\n1,2,3\n")
    (error,), peak = peak_of("read_table", [tmp_path / "a.csv"])
    assert "missing: 'p1', 'p2', 'p3', 'p4', 'p5' and 3999999994 more" in error
    assert peak < 20 * 2**20


@pytest.mark.parametrize("cell", ["1" * 131_000 + "x", "." * 131_000, "1e" + "9" * 131_000])
def test_cell_of_any_length_is_refused_at_once(write, cell):
    path = write(f"label,p0,p1\n1,{cell},3\n")
    with pytest.raises(ValueError, match=r"line 2 \(row 0\), column 'p0': ") as caught:
        read_table(path)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("label,p" + "x" * 1001, "names of up to 1002 characters"),
        (",".join(map(str, range(524_289))), "524289 columns"),
        ("label,p" + "1" * 999 + ",p1,p2", "missing"),
        ("x" * 900 + "1," + "y" * 900 + "1", "expected a label column|equally many"),
    ],
)
def test_header_that_is_none_is_refused(write, header, message):
    path = write(f"{header}\n1,2,3\n")
    with pytest.raises(
        ValueError, match=rf"a\.csv.*{message}|a\.csv.*values, as the header"
    ) as caught:
        read_table(path, with_labels=True)
    assert len(str(caught.value)) < 700


def damaged_zips(tmp_path):
    """Zips that this package does not read, by what is wrong with them."""
    for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        with zipfile.ZipFile(tmp_path / f"{method}.zip", "w", method) as archive:
            archive.writestr("a.csv", "label,p0,p1\n1,2,3\n")
    with zipfile.ZipFile(tmp_path / "whole.zip", "w") as archive:
        archive.writestr("a.csv", "label,p0,p1\n1,2,3\n")
    whole = (tmp_path / "whole.zip").read_bytes()
    directory = whole.index(b"PK\1\2")
    changes = {"version": (6, b"\x63"), "method": (10, b"\x63"), "flags": (8, b"\x60")}
    for name, (at, byte) in changes.items():
        data = bytearray(whole)
        data[directory + at : directory + at + 1] = byte
        (tmp_path / f"{name}.zip").write_bytes(data)
    data = bytearray(whole.replace(b"a.csv", b"\xff.csv"))
    data[directory + 9] = 8  # the name is UTF-8, it says
    (tmp_path / "name.zip").write_bytes(data)
    (tmp_path / "place.zip").write_bytes(whole[:-6] + b"\xff\xff\xff\x7f\0\0")
    (tmp_path / "whole.zip").unlink()
    return sorted(tmp_path.glob("*.zip"))


def test_zips_that_cannot_be_read_are_refused(tmp_path):
    paths = damaged_zips(tmp_path)
    assert len(paths) == 7
    for path, read in itertools.product(paths, (read_table, read_raw_frame, pixel_columns_of)):
        with pytest.raises(
            ValueError, match=rf"{path.name}: (damaged|expected an archive compressed)"
        ):
            read(path)


def test_encrypted_zip_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.csv", HEADER + b"1,2,3\n")
    content = bytearray((tmp_path / "a.zip").read_bytes())
    content[content.index(b"PK\1\2") + 8] |= 1
    content[6] |= 1
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.zip: expected a plain archive, got an encrypted one"):
        read_table(tmp_path / "a.zip")


@posix
def test_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.csv")
    with pytest.raises(
        ValueError, match=r"expected a regular file, got '.*a\.csv'|a\.csv: expected a regular file"
    ):
        read_table(tmp_path / "a.csv")
    with pytest.raises(ValueError, match="expected a regular file"), opened(tmp_path / "a.csv"):
        pass


def test_command_ends_in_one_line_on_each_of_them(tmp_path, capsys):
    gzipped(tmp_path / "a.csv.gz", HEADER, b"1,0,0\n", 2**27)
    for path in [*damaged_zips(tmp_path), tmp_path / "a.csv.gz"]:
        assert main(["info", str(path)]) == 2
        shown = capsys.readouterr()
        assert shown.out == ""
        assert shown.err.count("\n") == 1
        assert str(path) in shown.err


def test_npz_that_is_a_bomb_or_says_too_much_is_refused(tmp_path):
    from digitcnn.datasets import load_mnist

    names = ("x_train", "y_train", "x_test", "y_test")
    np.savez_compressed(tmp_path / "bomb.npz", **dict.fromkeys(names, np.zeros(2**25, np.uint8)))
    with pytest.raises(ValueError, match=r"bomb\.npz: unpacks to more than 100 times"):
        load_mnist(tmp_path / "bomb.npz")
    for i, text in enumerate(
        (
            b"{'descr': '|u1', 'fortran_order': False, 'shape': (4000000000000000,), }",
            b"{'descr': '|u1'\n '''",
            b"-" * 9000 + b"1",
            b"\xff",
        )
    ):
        with zipfile.ZipFile(tmp_path / f"{i}.npz", "w") as archive:
            for name in names:
                data = b"\x93NUMPY\1\0" + len(text).to_bytes(2, "little") + text
                archive.writestr(f"{name}.npy", data)
        with pytest.raises(ValueError, match=rf"{i}\.npz': damaged, or no such"):
            load_mnist(tmp_path / f"{i}.npz")


@pytest.mark.parametrize(
    ("kind", "hint"),
    [
        ("gzip", "compressed by gzip. Give it the ending .gz"),
        ("zip", "a zip archive, as workbooks of Excel are too. Give it the ending .zip"),
        ("parquet", "a Parquet file. Give it the ending .parquet"),
        ("bz2", "compressed by bzip2. Unpack it"),
        ("xz", "compressed by xz. Unpack it"),
    ],
)
def test_file_of_another_kind_that_is_named_csv_is_told_by_how_it_begins(tmp_path, kind, hint):
    frame = pd.DataFrame({"label": [1, 2], "p0": [3, 4], "p1": [5, 6]})
    path = tmp_path / "a.csv"
    if kind == "parquet":
        frame.to_parquet(path)
    else:
        frame.to_csv(path, index=False, compression=kind)
    for read in (read_table, read_raw_frame, pixel_columns_of):
        with pytest.raises(
            ValueError, match=re.escape(f"a.csv: expected text, got a file that is {hint}")
        ):
            read(path)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_wide_characters_are_told_with_and_without_a_mark(tmp_path, encoding):
    (tmp_path / "a.csv").write_bytes("label,p0,p1\n1,2,3\n".encode(encoding))
    with pytest.raises(
        ValueError, match=r"a\.csv, line 1: expected UTF-8 text, got UTF-16\. Save the"
    ):
        read_table(tmp_path / "a.csv")
