"""Tables of digits are read exactly, or refused with the place of the first fault."""

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import settings

from digitcnn.datasets import read_digits_csv
from digitcnn.tables.readers import (
    match_labels,
    pixel_columns_of,
    read_frame,
    read_raw_frame,
    read_table,
    tidy_labels,
)

few = settings(max_examples=25, deadline=None)
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
        ("label\n1\n", "no pixel columns; the columns are 'label'"),
        ("label,p0,p0\n1,2,3\n", "stand more than once: 'p0'; .* header"),
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
        write("label,p0\n", "digits.xlsx"): (
            "unknown kind of file; .csv, .csv.gz, .csv.zip and .parquet"
        ),
        write("", "empty.csv"): "the file is empty",
        write("", "empty.csv.gz"): "the file is empty",
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


@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".csv.zip", ".parquet"])
def test_raw_frame_holds_what_training_would_refuse(frame, tmp_path, ending):
    bad = frame.astype({"pixel0": int, "pixel1": float})
    bad.loc[3, "pixel0"] = 999
    bad.loc[4, "pixel1"] = np.nan
    bad["pixel2"] = "seven"
    path = tmp_path / f"digits{ending}"
    if ending == ".parquet":
        bad.to_parquet(path)
    else:
        bad.to_csv(path, index=False)
    pd.testing.assert_frame_equal(read_raw_frame(path), bad, check_dtype=False)
    with pytest.raises(ValueError, match="column"):
        read_table(path)


def test_raw_frame_names_columns_by_text(tmp_path):
    pd.DataFrame([[1, 2]]).to_parquet(tmp_path / "a.parquet")
    assert list(read_raw_frame(tmp_path / "a.parquet").columns) == ["0", "1"]


def test_raw_frame_takes_short_rows_and_bytes_that_are_no_text(write):
    text = b"\xef\xbb\xbflabel , p0,p1,p1\n\xff,1,2,3\n\n7,-3\n"
    found = read_raw_frame(write(text))
    assert list(found.columns) == ["label", "p0", "p1", "p1.1"]
    assert found["label"].tolist() == ["\ufffd", "7"]
    assert found["p0"].tolist() == [1, -3]
    assert found["p1"].isna().tolist() == [False, True]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("label,p0\n1,2\n1,2,3\n", "no table of rows .*line 3"),
        ("label,p0\n1,2,3\n", "the first row has more values than the header names columns"),
        ('label,p0\n1,"2\n', "no table of rows .*EOF inside string"),
    ],
)
def test_raw_frame_of_what_is_no_table_is_refused(write, text, message):
    path = write(text)
    with pytest.raises(ValueError, match=message) as caught:
        read_raw_frame(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_of_a_list_are_stacked_whatever_the_order_of_their_columns(frame, write, tmp_path):
    first = write(frame[:100].to_csv(index=False), "a.csv")
    second = write(frame[100:200][frame.columns[::-1]].to_csv(index=False), "b.csv")
    frame[200:].to_parquet(tmp_path / "c.parquet")
    table = read_table([first, second, tmp_path / "c.parquet"], with_labels=True)
    np.testing.assert_array_equal(table.pixels, pixels_of(frame))
    np.testing.assert_array_equal(table.labels, frame["label"])


@pytest.mark.parametrize(
    ("parts", "wanted"),
    [
        ((["01", "02"], ["x", "01"]), ["01", "02", "x", "01"]),
        ((["x", "7"], ["07", "7"]), ["x", "7", "07", "7"]),
        ((["1", "2"], ["1.5", "2"]), ["1", "2", "1.5", "2"]),
        ((["01", "02"], ["1", "10"]), [1, 2, 1, 10]),
    ],
)
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_labels_of_several_files_are_those_of_one_file(frame, tmp_path, parts, wanted, ending):
    paths = []
    for i, labels in enumerate(parts):
        table = frame[: len(labels)].astype({"label": object}).assign(label=labels)
        paths.append(tmp_path / f"{i}.{ending}")
        table.to_csv(paths[-1], index=False) if ending == "csv" else table.to_parquet(paths[-1])
    _, in_memory = read_digits_csv(paths)
    assert in_memory.tolist() == wanted
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
    with pytest.raises(ValueError, match=r"c\.csv: .* columns that .*a\.csv has not: 'extra'"):
        read_table([first, more])


@pytest.mark.parametrize(
    ("cells", "wanted"),
    [
        (["3", "7.0", " 1"], np.array([3, 7, 1])),
        (["cat", "7", "é"], np.array(["cat", "7", "é"])),
        (["1.5", "2", "3"], np.array(["1.5", "2", "3"])),
        (["5.000000000000000000e+00", "3e0", "10E-1"], np.array([5, 3, 1])),
        (["1e300", "2", "3"], np.array(["1e300", "2", "3"])),
        (["\u0663", "2", "3"], np.array(["\u0663", "2", "3"])),
        (["9" * 30, "2", "3"], np.array(["9" * 30, "2", "3"])),
    ],
)
def test_labels_are_integers_where_all_are_whole_numbers(write, cells, wanted):
    text = "label,p0,p1\n" + "".join(f"{cell},1,2\n" for cell in cells)
    labels = read_table(write(text), with_labels=True).labels
    np.testing.assert_array_equal(labels, wanted)
    assert labels.dtype.kind == wanted.dtype.kind


@pytest.mark.parametrize(
    "dtype", ["uint8", "int64", "Int64", "UInt8", "float32", "Float64", object, "int16[pyarrow]"]
)
@pytest.mark.parametrize("seed", [0, 1])
def test_frame_of_any_numeric_dtype_and_order_gives_the_same_pixels(frame, dtype, seed):
    shuffled = frame.sample(frac=1, axis=1, random_state=seed).astype(dtype)
    before = shuffled.copy(deep=True)
    pixels, labels, columns = read_frame(shuffled, with_labels=True)
    np.testing.assert_array_equal(pixels, pixels_of(frame))
    np.testing.assert_array_equal(labels, frame["label"])
    assert columns == NAMES
    pd.testing.assert_frame_equal(shuffled, before)
    assert not np.shares_memory(pixels, shuffled.to_numpy())


@pytest.mark.parametrize(
    ("dtype", "value", "message"),
    [
        ("int64", 256, "256 is outside"),
        ("int8", -1, "-1 is outside"),
        ("float64", 1.5, "1.5 is not a whole number"),
        ("float64", np.nan, r"missing \(NaN\)"),
        ("float64", -np.inf, "-inf is outside"),
        ("Int64", 300, "300 is outside"),
        (object, "7", "'7' is text, not a number"),
        (object, True, "True is not a number"),
        (object, None, "None is not a number"),
    ],
)
def test_bad_cell_of_a_frame_is_named_by_position_and_index(frame, dtype, value, message):
    small = frame[:20].set_axis(list("abcdefghijklmnopqrst")).clip(upper=9).astype(dtype)
    small.iloc[17, 4] = value
    with pytest.raises(ValueError, match=rf"^row 17 \(index 'r'\), column 'pixel3': .*{message}"):
        read_frame(small)


def test_missing_nullable_cell_is_named(frame):
    small = frame[:20].astype("Int64")
    small.iloc[17, 4] = pd.NA
    with pytest.raises(ValueError, match=r"^row 17 \(index 17\), column 'pixel3': .*NA"):
        read_frame(small)


def test_column_of_text_is_refused(frame):
    # pandas 3 has a dtype for it; pandas 2 has objects, which are looked at one by one.
    with pytest.raises(ValueError, match=r"column 'pixel3'.* whole numbers? 0\.\.255"):
        read_frame(frame.astype({"pixel3": "str"}))


@pytest.mark.parametrize("dtype", ["string", "category", "bool", "complex128", "datetime64[ns]"])
def test_column_that_is_no_number_is_refused(frame, dtype):
    with pytest.raises(
        ValueError, match=r"^column 'pixel3' has dtype .*; pixels are whole numbers"
    ):
        read_frame(frame.astype({"pixel3": dtype}))


def test_missing_label_and_empty_frame_are_refused(frame):
    with pytest.raises(ValueError, match=r"row 4 \(index 4\), column 'label': .* missing"):
        read_frame(
            frame.astype({"label": "Int64"}).replace({"label": {4: pd.NA}}), with_labels=True
        )
    with pytest.raises(ValueError, match="the table has no rows"):
        read_frame(frame[:0])


def test_bad_cell_of_a_parquet_file_is_named_with_the_file(frame, tmp_path):
    frame.assign(pixel3=-1).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(ValueError, match=r"a\.parquet, row 0 \(index 0\), column 'pixel3': -1 is"):
        read_table(tmp_path / "a.parquet")


def test_names_compare_as_text():
    table = pd.DataFrame([[1, 2, 3]], columns=[1, 0, "label"])
    assert read_frame(table).columns == ["0", "1"]
    assert read_frame(pd.DataFrame([[7, 1, 2]], columns=[9, 0, 1]), label=9).columns == ["0", "1"]


# Labels


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["1.0", "2.000e+00", "x"], ["1", "2", "x"]),
        (["0.5", "1.0", "1"], ["0.5", "1", "1"]),
        (["01", "1.", "1e3", "x"], ["01", "1", "1e3", "x"]),
        (["-0.0", "x"], ["0", "x"]),
        (["1.0", "2"], [1, 2]),
    ],
)
def test_whole_number_is_one_label_however_it_is_written(labels, expected):
    assert tidy_labels(labels).tolist() == expected


def test_label_is_the_same_from_csv_and_parquet_beside_names(write, tmp_path):
    number = write("label,p0,p1\n3.0,1,2\n0.5,1,2\n", "a.csv")
    name = write("label,p0,p1\nx,1,2\n3,1,2\n", "b.csv")
    pd.read_csv(number).to_parquet(tmp_path / "a.parquet")
    for first in (number, tmp_path / "a.parquet"):
        labels = read_table([first, name], with_labels=True).labels
        assert labels.tolist() == ["3", "0.5", "x", "3"]


@pytest.mark.parametrize("text", ["nan", "NaN", "NA", "n/a", "<NA>"])
@pytest.mark.parametrize("numbers", [["1", "2"], ["1.5", "7"]])
def test_label_that_is_missing_among_numbers_is_no_class(write, text, numbers):
    with pytest.raises(ValueError, match=f"expected a label in each row, got '{text}' beside"):
        tidy_labels([*numbers, text])
    assert tidy_labels([*numbers, text, "x"]).tolist() == [*numbers, text, "x"]
    path = write("label,p0,p1\n" + "".join(f"{label},1,2\n" for label in [*numbers, text, ""]))
    assert read_raw_frame(path)["label"].isna().tolist() == [False, False, True, True]


@pytest.mark.parametrize("name", ["None", "NA", "nan", "null"])
def test_name_that_other_programs_take_for_none_is_counted_as_training_takes_it(write, name):
    path = write(f"label,p0,p1\n{name},1,2\n x ,3,4\n")
    assert read_raw_frame(path)["label"].tolist() == [name, "x"]
    assert read_table(path, with_labels=True).labels.tolist() == [name, "x"]


@pytest.mark.parametrize(
    ("classes", "texts", "expected"),
    [
        (["01", "02", "x"], ["01", "02", "01"], ["01", "02", "01"]),
        (["1", "2", "x"], ["2", "1.0"], ["2", "1"]),
        (["1.0", "x"], ["1", "1.0"], ["1.0", "1.0"]),
        (["1", "1.0"], ["1", "1.0"], ["1", "1.0"]),
        ([1, 2, 10], ["02", "10.0", " +1"], [2, 10, 1]),
        ([0.5, 2.0], ["0.50", "2"], [0.5, 2.0]),
        ([False, True], ["True", "False"], [True, False]),
        ([1, 2], ["1", "x"], [1, "x"]),
        (["01", "x"], ["1", "x"], ["1", "x"]),
    ],
)
def test_labels_in_files_are_the_classes_that_they_stand_for(classes, texts, expected):
    matched = match_labels(texts, np.array(classes))
    assert matched.tolist() == expected
    is_known = set(expected) <= set(classes)
    assert matched.dtype == (np.array(classes).dtype if is_known else object)


def test_table_in_place_of_a_path_is_refused(frame):
    with pytest.raises(ValueError, match="expected a path or a list of paths, got a table"):
        read_digits_csv(frame)
