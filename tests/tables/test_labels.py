import numpy as np
import pandas as pd
import pytest

from digitcnn.tables.labels import match_labels, tidy_labels
from digitcnn.tables.raw import read_raw_frame
from digitcnn.tables.readers import read_table


@pytest.mark.parametrize(
    ("cells", "expected"),
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
def test_labels_are_integers_where_all_are_whole_numbers(write, cells, expected):
    text = "label,p0,p1\n" + "".join(f"{cell},1,2\n" for cell in cells)
    labels = read_table(write(text), with_labels=True).labels
    np.testing.assert_array_equal(labels, expected)
    assert labels.dtype.kind == expected.dtype.kind


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
