"""The transformer brings digits from tables to the pixels that are expected."""

import pickle

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import sklearn
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import cross_val_score
from sklearn.naive_bayes import BernoulliNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.fixes import parse_version

from digitcnn.preprocessing.csv_transformer import DigitCSVTransformer
from digitcnn.preprocessing.normalizer import DigitNormalizer

# What fails in scikit-learn's own code, before it comes to the estimator.
EXPECTED_FAILURES = (
    {"check_positive_only_tag_during_fit": "subtracts a fraction from an array of integers"}
    if parse_version(sklearn.__version__) < parse_version("1.7.1")
    else {}
)


@parametrize_with_checks(
    [DigitCSVTransformer()], expected_failed_checks=lambda estimator: EXPECTED_FAILURES
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def frame():
    X, y = load_digits(return_X_y=True)
    table = pd.DataFrame((X * 15).astype(np.uint8), columns=[f"pixel{i}" for i in range(64)])
    return table.assign(label=y)


def test_label_may_come_and_go_and_columns_may_change_places(frame):
    expected = frame.drop(columns="label").to_numpy()
    for seen in (frame, frame.drop(columns="label")):
        transformer = DigitCSVTransformer().fit(seen)
        for given_ in (frame, frame.drop(columns="label"), frame[frame.columns[::-1]]):
            np.testing.assert_array_equal(transformer.transform(given_), expected)
    assert transformer.n_pixels_ == transformer.n_features_in_ == 64
    assert transformer.pixel_columns_ == list(transformer.feature_names_in_)


def test_frames_and_files_are_interchangeable(frame, tmp_path):
    path = tmp_path / "digits.csv"
    frame.to_csv(path, index=False)
    expected = DigitCSVTransformer().fit_transform(frame)
    for source in (path, str(path)):
        np.testing.assert_array_equal(DigitCSVTransformer().fit(frame).transform(source), expected)
        np.testing.assert_array_equal(DigitCSVTransformer().fit(source).transform(frame), expected)
    other = tmp_path / "digits.tsv"
    for delimiter in ",;\t":
        frame[frame.columns[::-1]].to_csv(other, index=False, sep=delimiter)
        for paths in ([path, other], [str(other), path]):
            twice = DigitCSVTransformer().fit_transform(paths)
            np.testing.assert_array_equal(twice, np.vstack([expected, expected]))


def test_missing_pixel_column_is_named(frame, tmp_path):
    transformer = DigitCSVTransformer().fit(frame)
    with pytest.raises(ValueError, match="pixel columns are missing: 'pixel7'"):
        transformer.transform(frame.drop(columns="pixel7"))
    frame.drop(columns="pixel7").to_csv(tmp_path / "a.csv", index=False)
    with pytest.raises(ValueError, match=r"a\.csv: pixel columns are missing: 'pixel7'"):
        transformer.transform(tmp_path / "a.csv")


def test_bad_pixel_of_a_frame_or_an_array_is_named(frame):
    bad = frame.astype(int)
    bad.loc[5, "pixel9"] = 256
    with pytest.raises(ValueError, match=r"row 5 \(index 5\), column 'pixel9': 256 is outside"):
        DigitCSVTransformer().fit_transform(bad)
    array = bad.drop(columns="label").to_numpy()
    with pytest.raises(ValueError, match="row 5, column 9: 256 is outside"):
        DigitCSVTransformer().fit_transform(array)


def test_output_is_set_to_pandas_with_names_index_and_uint8(frame, tmp_path):
    transformer = DigitCSVTransformer().set_output(transform="pandas")
    part = frame.sample(50, random_state=0)
    out = transformer.fit_transform(part)
    pd.testing.assert_frame_equal(out, part.drop(columns="label"))
    assert list(transformer.get_feature_names_out()) == [f"pixel{i}" for i in range(64)]
    frame.to_csv(tmp_path / "a.csv", index=False)
    pd.testing.assert_frame_equal(
        transformer.transform(tmp_path / "a.csv"), frame.drop(columns="label")
    )


def test_frame_as_read_is_cross_validated_in_a_pipeline(frame):
    pipeline = make_pipeline(DigitCSVTransformer(), KNeighborsClassifier(1))
    assert cross_val_score(pipeline, frame[:600], frame["label"][:600], cv=3).min() > 0.8
    # A label left in would be read off by this classifier, at 100%.
    leaked = make_pipeline(DigitCSVTransformer(), BernoulliNB())
    assert cross_val_score(leaked, frame, frame["label"], cv=3).max() < 0.95


def as_polars(table):
    return pytest.importorskip("polars").from_pandas(table)


@pytest.mark.parametrize("convert", [as_polars, pa.table, pa.RecordBatch.from_pandas])
def test_tables_of_other_libraries_are_taken_as_those_of_pandas(frame, convert):
    reversed_ = frame[frame.columns[::-1]].astype({"pixel3": "int16", "pixel4": "float32"})
    expected = DigitCSVTransformer().fit_transform(frame)
    np.testing.assert_array_equal(DigitCSVTransformer().fit_transform(convert(reversed_)), expected)
    transformer = DigitCSVTransformer().fit(frame)
    np.testing.assert_array_equal(transformer.transform(convert(reversed_)), expected)
    with pytest.raises(ValueError, match="pixel columns are missing: 'pixel7'"):
        transformer.transform(convert(frame.drop(columns="pixel7")))
    with pytest.raises(ValueError, match=r"column 'pixel9': 256 is outside 0\.\.255"):
        transformer.transform(convert(frame.astype({"pixel9": int}).assign(pixel9=256)))


def test_table_that_cannot_be_read_is_refused_with_what_is_taken(frame):
    lazy = as_polars(frame).lazy()
    for table in (
        frame["pixel0"], lazy, lazy.collect()["pixel0"], pa.table(frame).to_reader()
    ):  # fmt: skip
        with pytest.raises(ValueError, match="expected a path, an array, or a DataFrame, got a"):
            DigitCSVTransformer().fit(table)


def test_what_holds_a_table_in_another_way_is_refused_with_what_is_taken(frame, write):
    path = write(frame.to_csv(index=False))
    with path.open() as file:
        for given in (file, str(path).encode(), frame.to_dict("list")):
            with pytest.raises(ValueError, match="expected a path, an array, or a DataFrame, got"):
                DigitCSVTransformer().fit(given)


def test_table_of_dask_is_refused(frame):
    dask = pytest.importorskip("dask.dataframe")
    with pytest.raises(ValueError, match=r"expected a path, an array, or a DataFrame, got a dask"):
        DigitCSVTransformer().fit(dask.from_pandas(frame, npartitions=2))


def test_table_of_polars_without_pyarrow_names_the_extra(frame, monkeypatch):
    table = as_polars(frame)

    def fail():
        raise ModuleNotFoundError("pyarrow is required")

    monkeypatch.setattr(type(table), "to_pandas", lambda self: fail())
    with pytest.raises(ImportError, match=r'pyarrow, .* pip install "digitcnn\[parquet\]"'):
        DigitCSVTransformer().fit(table)


@pytest.mark.parametrize("columns", [slice(None), slice(None, None, -1)])
def test_without_fit_columns_are_told_by_the_names_of_what_is_transformed(frame, tmp_path, columns):
    table = frame[frame.columns[columns]]
    expected = DigitCSVTransformer().fit_transform(frame)
    table.to_csv(tmp_path / "a.csv", index=False)
    for X in (table, tmp_path / "a.csv", expected):
        np.testing.assert_array_equal(DigitCSVTransformer().transform(X), expected)
    pipeline = make_pipeline(DigitCSVTransformer(), DigitNormalizer())
    np.testing.assert_array_equal(
        pipeline.transform(table[:9]), DigitNormalizer().transform(expected[:9])
    )


def test_label_may_have_another_name(frame):
    renamed = frame.rename(columns={"label": "pixel64"})
    transformer = DigitCSVTransformer(label="pixel64").fit(renamed)
    assert transformer.n_pixels_ == 64
    assert clone(transformer).get_params() == {"label": "pixel64"}
    copy = pickle.loads(pickle.dumps(transformer))
    np.testing.assert_array_equal(copy.transform(renamed), transformer.transform(renamed))
    assert "DigitCSVTransformer" in transformer._repr_html_()
