import numpy as np
import pandas as pd
import pytest

from digitcnn.tables.raw import read_raw_frame
from digitcnn.tables.readers import read_table


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_raw_frame_has_the_columns_that_any_delimiter_parts(frame, write, delimiter):
    path = write(frame.to_csv(index=False, sep=delimiter))
    pd.testing.assert_frame_equal(read_raw_frame(path), frame, check_dtype=False)


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
