"""Tables of digits are read exactly, or refused with the place of the first fault."""

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import settings

from digitcnn.datasets import read_digits_csv
from digitcnn.tables.raw import read_raw_frame
from digitcnn.tables.readers import pixel_columns_of, read_table

few = settings(max_examples=25)
NAMES = [f"pixel{i}" for i in range(64)]


def pixels_of(frame):
    return frame[NAMES].to_numpy()


@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".csv.zip", ".CSV", ".parquet"])
def test_every_kind_of_file_gives_the_same_table(frame, tmp_path, ending):
    path = tmp_path / f"digits{ending}"
    if ending == ".parquet":
        frame.to_parquet(path)
    else:
        frame.to_csv(path, index=False)
    pixels, labels, columns = read_table(path, with_labels=True)
    assert pixels.dtype == np.uint8
    assert pixels.flags.c_contiguous
    assert pixels.flags.writeable
    assert labels.dtype == np.int64
    np.testing.assert_array_equal(pixels, pixels_of(frame))
    np.testing.assert_array_equal(labels, frame["label"])
    assert columns == NAMES == pixel_columns_of(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("label\n1\n", "expected pixel columns, got only 'label'"),
        ("label,p0,p0\n1,2,3\n", "some more than once: 'p0'. .* header"),
        ("label,p0,p1,p4\n1,2,3,4\n", "pixel columns are missing: 'p2', 'p3'"),
        (
            "Label,p0,p1\n1,2,3\n",
            "expected a label column 'label', got, beside the pixels, 'Label'",
        ),
    ],
)
def test_columns_that_make_no_table_are_refused(write, text, message):
    path = write(text)
    with pytest.raises(ValueError, match=message) as caught:
        read_table(path, with_labels=True)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("read", [read_table, read_raw_frame, pixel_columns_of])
def test_paths_that_are_no_table_are_refused(frame, tmp_path, write, read):
    frame.to_parquet(tmp_path / "whole.parquet")
    parquet = (tmp_path / "whole.parquet").read_bytes()
    cases = {
        write(parquet[: len(parquet) // 2], "cut.parquet"): "damaged, or no Parquet file",
        write("label,p0\n", "digits.xlsx"): ("expected a .csv, .tsv, .csv.gz, .csv.zip or"),
        write("", "empty.csv"): "got an empty file",
        write("", "empty.csv.gz"): "got an empty file",
        write(b"PK\3\4 nothing", "bad.zip"): "damaged, or no .zip file",
        write(b"label,p0\n1,2\n", "plain.csv.gz"): "damaged, or no .gz file",
        write(
            "label,p0,p1\n1,2,3\n".encode("utf-16"), "wide.csv"
        ): "expected UTF-8 text, got UTF-16",
    }
    for path, message in cases.items():
        with pytest.raises(ValueError, match=message) as caught:
            read(path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)
    with pytest.raises(IsADirectoryError, match="which is a folder"):
        read(tmp_path)


@pytest.mark.parametrize("name", ["absent.csv", "absent.parquet", "absent.xlsx", "smaple"])
@pytest.mark.parametrize("read", [read_table, read_raw_frame, pixel_columns_of])
def test_absent_file_is_named_whatever_its_kind(tmp_path, name, read):
    with pytest.raises(FileNotFoundError, match=rf"no file '.*{re.escape(name)}'"):
        read(tmp_path / name)


def test_empty_list_of_paths_is_refused():
    with pytest.raises(ValueError, match="got an empty list of paths"):
        read_table([])


def test_files_of_a_list_are_stacked_whatever_the_order_of_their_columns(frame, write, tmp_path):
    first = write(frame[:100].to_csv(index=False), "a.csv")
    second = write(frame[100:200][frame.columns[::-1]].to_csv(index=False), "b.csv")
    frame[200:].to_parquet(tmp_path / "c.parquet")
    table = read_table([first, second, tmp_path / "c.parquet"], with_labels=True)
    np.testing.assert_array_equal(table.pixels, pixels_of(frame))
    np.testing.assert_array_equal(table.labels, frame["label"])


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ((["01", "02"], ["x", "01"]), ["01", "02", "x", "01"]),
        ((["x", "7"], ["07", "7"]), ["x", "7", "07", "7"]),
        ((["1", "2"], ["1.5", "2"]), ["1", "2", "1.5", "2"]),
        ((["01", "02"], ["1", "10"]), [1, 2, 1, 10]),
    ],
)
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_labels_of_several_files_are_those_of_one_file(frame, tmp_path, parts, expected, ending):
    paths = []
    for i, labels in enumerate(parts):
        table = frame[: len(labels)].astype({"label": object}).assign(label=labels)
        paths.append(tmp_path / f"{i}.{ending}")
        table.to_csv(paths[-1], index=False) if ending == "csv" else table.to_parquet(paths[-1])
    _, in_memory = read_digits_csv(paths)
    assert in_memory.tolist() == expected
    _, mapped = read_digits_csv(paths, memory_map=tmp_path / "pixels.npy")
    np.testing.assert_array_equal(mapped, in_memory)


def test_label_is_one_class_whether_a_file_holds_it_as_a_number_or_as_text(frame, tmp_path, write):
    frame[:2].assign(label=[1.0, 2.0]).to_parquet(tmp_path / "a.parquet")
    text = frame[:2].astype({"label": object}).assign(label=["x", "1"])
    paths = [tmp_path / "a.parquet", write(text.to_csv(index=False))]
    assert read_table(paths, with_labels=True).labels.tolist() == ["1", "2", "x", "1"]


def test_labels_of_a_parquet_file_do_not_hang_on_the_parts_it_is_read_in(frame, tmp_path):
    labels = ["01"] * 1500 + ["x"]
    table = pd.DataFrame({"label": labels, "p0": 0, "p1": 1})
    table.to_parquet(tmp_path / "a.parquet")
    _, y = read_digits_csv(tmp_path / "a.parquet", memory_map=tmp_path / "pixels.npy")
    assert y.tolist() == labels


def test_files_of_a_list_with_other_columns_are_refused(frame, write):
    first = write(frame.to_csv(index=False), "a.csv")
    fewer = write(frame.drop(columns="label").to_csv(index=False), "b.csv")
    more = write(frame.assign(extra=1).to_csv(index=False), "c.csv")
    with pytest.raises(ValueError, match=r"b\.csv: columns that .*a\.csv has are missing: 'label'"):
        read_table([first, fewer])
    with pytest.raises(ValueError, match=r"c\.csv: .* columns that .*a\.csv lacks: 'extra'"):
        read_table([first, more])


def test_table_in_place_of_a_path_is_refused(frame):
    with pytest.raises(ValueError, match="expected a path or a list of paths, got a table"):
        read_digits_csv(frame)
