import sys

import numpy as np
import pandas as pd
import pytest

from digitcnn.tables.frames import iter_parquet, read_frame, read_parquet
from digitcnn.tables.readers import read_table

NAMES = [f"pixel{i}" for i in range(64)]


@pytest.mark.parametrize(
    "dtype", ["uint8", "int64", "Int64", "UInt8", "float32", "Float64", object, "int16[pyarrow]"]
)
@pytest.mark.parametrize("seed", [0, 1])
def test_frame_of_any_numeric_dtype_and_order_gives_the_same_pixels(frame, dtype, seed):
    shuffled = frame.sample(frac=1, axis=1, random_state=seed).astype(dtype)
    before = shuffled.copy(deep=True)
    pixels, labels, columns = read_frame(shuffled, with_labels=True)
    np.testing.assert_array_equal(pixels, frame[NAMES].to_numpy())
    assert labels == frame["label"].astype(str).tolist()
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
    assert read_frame(table)[2] == ["0", "1"]
    assert read_frame(pd.DataFrame([[7, 1, 2]], columns=[9, 0, 1]), label=9)[2] == ["0", "1"]


@pytest.mark.parametrize("read", [read_parquet, lambda path: list(iter_parquet(path))])
def test_parquet_file_is_refused_if_it_is_damaged_or_pyarrow_is_missing(
    frame, tmp_path, monkeypatch, read
):
    path = tmp_path / "a.parquet"
    frame.to_parquet(path)
    path.write_bytes(path.read_bytes()[:-20] + bytes(20))
    with pytest.raises(ValueError, match=r"a\.parquet: damaged, or no Parquet file"):
        read(path)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ImportError, match=r'a\.parquet: .* pip install "digitcnn\[parquet\]"'):
        read(path)
