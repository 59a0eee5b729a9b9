import subprocess
import sys
import tracemalloc
from textwrap import dedent

import keras
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import make_classifier
from digitcnn.datasets import load_sample_digits, read_digits_csv, stream_digits
from digitcnn.tables.readers import iter_table, read_table
from digitcnn.tables.streaming import shuffled, take_rows_out, write_pixels


def write_csv(path, X, y):
    table = pd.DataFrame(X, columns=[f"pixel{i}" for i in range(X.shape[1])])
    table.insert(0, "label", y)
    table.to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def files(digits, tmp_path_factory):
    """The digits in three files: a CSV, one with quotes in its last line, and a Parquet file."""
    folder = tmp_path_factory.mktemp("parts")
    X, y = digits
    first = write_csv(folder / "a.csv", X[:700], y[:700])
    second = write_csv(folder / "b.csv", X[700:1100], y[700:1100])
    lines = second.read_text().splitlines()
    second.write_text("\n".join([*lines[:-1], lines[-1].replace(",0,", ',"0",')]) + "\n")
    third = folder / "c.parquet"
    table = pd.DataFrame(X[1100:], columns=[f"pixel{i}" for i in range(64)])
    table.insert(0, "label", y[1100:])
    table.to_parquet(third)
    return [first, second, third]


@pytest.mark.parametrize("n_rows", [1, 100, 699, 700, 5000])
def test_parts_go_across_files_and_are_together_what_the_files_hold(digits, files, n_rows):
    parts = list(stream_digits(files, n_rows=n_rows))
    assert [len(X) for X, _ in parts[:-1]] == [n_rows] * (len(parts) - 1)
    np.testing.assert_array_equal(np.concatenate([X for X, _ in parts]), digits[0])
    np.testing.assert_array_equal(np.concatenate([y for _, y in parts]), digits[1])
    assert parts[0][0].dtype == np.uint8
    assert parts[0][1].dtype == np.int64


def test_each_part_names_the_pixel_columns(files):
    names = [f"pixel{i}" for i in range(64)]
    assert [part.columns for part in iter_table(files, n_rows=600)] == [names] * 3


def test_part_is_the_callers_own(files):
    parts = stream_digits(files, n_rows=50)
    first, _ = next(parts)
    before = first.copy()
    first[:] = 0
    again, _ = next(stream_digits(files, n_rows=50))
    np.testing.assert_array_equal(again, before)


def test_bad_cell_is_named_by_its_row_in_the_file(digits, tmp_path):
    X = digits[0][:300].astype(object)
    X[250, 3] = 256
    path = write_csv(tmp_path / "bad.csv", X, digits[1][:300])
    with pytest.raises(ValueError, match=r"bad\.csv, line 252 \(row 250\), column 'pixel3': 256"):
        list(stream_digits(path, n_rows=100))
    table = pd.DataFrame(X.astype(int), columns=[f"pixel{i}" for i in range(64)])
    table.to_parquet(tmp_path / "bad.parquet")
    with pytest.raises(ValueError, match=r"bad\.parquet, row 250 .*'pixel3': 256"):
        list(iter_table(tmp_path / "bad.parquet", label=None))


def test_file_with_other_columns_is_refused(digits, files, tmp_path):
    other = write_csv(tmp_path / "other.csv", digits[0][:9, :49], digits[1][:9])
    with pytest.raises(ValueError, match=r"other\.csv"):
        list(stream_digits([files[0], other]))


@given(
    lengths=st.tuples(st.integers(1, 7), st.integers(0, 30), st.integers(0, 6)),
    seed=st.integers(0, 99),
)
@settings(max_examples=60)
def test_shuffling_loses_and_doubles_no_row(lengths, seed):
    size, n_whole, rest = lengths
    n = size * n_whole + min(rest, size)
    X = np.arange(n)[:, None]
    parts = ((X[i : i + size], X[i : i + size, 0] * 10) for i in range(0, n, size))
    out = list(shuffled(parts, np.random.default_rng(seed)))
    assert sum(len(x) for x, _ in out) == n
    assert all(len(x) <= size for x, _ in out)
    if out:
        rows = np.concatenate([x[:, 0] for x, _ in out])
        np.testing.assert_array_equal(np.sort(rows), np.arange(n))
        np.testing.assert_array_equal(np.concatenate([y for _, y in out]), rows * 10)


def test_shuffling_mixes_the_classes_of_a_sorted_file(digits, tmp_path):
    X, y = digits
    order = np.argsort(y, kind="stable")
    path = write_csv(tmp_path / "sorted.csv", X[order], y[order])
    sorted_parts = [np.unique(y) for _, y in stream_digits(path, n_rows=100)]
    mixed = [np.unique(y) for _, y in stream_digits(path, n_rows=100, shuffle=True, random_state=0)]
    assert np.mean([len(labels) for labels in sorted_parts]) < 2
    assert np.mean([len(labels) for labels in mixed]) > 5


def test_labels_of_any_length_are_shuffled_whole():
    words = np.array(["a", "bb", "ccc", "dddd", "eeeee", "ffffff", "g" * 7, "h" * 8, "i" * 9, "j"])
    parts = ((np.array([[i]]), words[i : i + 1]) for i in range(10))
    for X, y in shuffled(parts, np.random.default_rng(0)):
        assert y[0] == words[X[0, 0]]


def test_memory_map_holds_what_memory_would(files, tmp_path):
    X, y = read_digits_csv(files)
    mapped, labels = read_digits_csv(files, memory_map=tmp_path / "pixels.npy")
    assert isinstance(mapped, np.memmap)
    assert not mapped.flags.writeable
    assert mapped.dtype == np.uint8
    np.testing.assert_array_equal(mapped, X)
    np.testing.assert_array_equal(labels, y)
    assert labels.dtype == y.dtype


def test_unfinished_memory_map_is_removed(digits, tmp_path):
    X = digits[0][:30].astype(object)
    X[20, 3] = "x"
    path = write_csv(tmp_path / "bad.csv", X, digits[1][:30])
    with pytest.raises(ValueError, match="row 20"):
        write_pixels(path, tmp_path / "pixels.npy")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bad.csv"]


@given(n=st.integers(1, 60), data=st.data())
@settings(max_examples=30)
def test_rows_taken_out_leave_the_others_in_order(tmp_path_factory, n, data):
    rows = np.array(data.draw(st.lists(st.integers(0, n - 1), unique=True)), dtype=int)
    path = tmp_path_factory.mktemp("rows") / "pixels.npy"
    X = np.arange(3 * n, dtype=np.uint8).reshape(n, 3)
    np.save(path, X)
    rest, taken = take_rows_out(path, rows)
    np.testing.assert_array_equal(taken, X[rows])
    np.testing.assert_array_equal(rest, np.delete(X, rows, axis=0))


@pytest.mark.slow
def test_training_from_a_memory_map_is_the_same_to_the_bit(files, tmp_path):
    X, y = read_digits_csv(files)
    mapped, _ = read_digits_csv(files, memory_map=tmp_path / "pixels.npy")
    clf = make_classifier(epochs=1, rotation_range=10.0, validation_fraction=0.2)
    expected = clf.fit(X, y).predict_proba(X[:50])
    np.testing.assert_array_equal(clf.fit(mapped, y).predict_proba(X[:50]), expected)


@pytest.mark.slow
def test_reading_in_parts_takes_the_memory_of_a_part(digits, tmp_path):
    """Twenty times the rows, and no more memory than a few parts of them."""
    program = dedent("""
        import sys, tracemalloc
        import numpy as np
        from digitcnn.tables.readers import iter_table
        tracemalloc.start()
        n = sum(len(part.pixels) for part in iter_table(sys.argv[1], with_labels=True, n_rows=500))
        print(n, tracemalloc.get_traced_memory()[1])
    """)
    peaks = []
    for times in (1, 20):
        path = write_csv(
            tmp_path / f"{times}.csv", np.tile(digits[0], (times, 1)), np.tile(digits[1], times)
        )
        done = subprocess.run(
            [sys.executable, "-c", program, path], capture_output=True, text=True, check=True
        )
        n, peak = map(int, done.stdout.split())
        assert n == 1797 * times
        peaks.append(peak)
    # The blocks that are parsed ahead are not filled by the small file.
    assert peaks[1] < peaks[0] + 12e6
    assert read_table(path, with_labels=True).pixels.shape == (1797 * 20, 64)


@pytest.mark.slow
def test_training_from_a_memory_map_copies_no_more_than_batches(tmp_path):
    X, y = load_sample_digits()
    peaks, sizes = [], []
    for times in (1, 20):
        np.save(tmp_path / "pixels.npy", np.tile(X, (times, 1)))
        mapped = np.load(tmp_path / "pixels.npy", mmap_mode="r")
        clf = make_classifier(
            architecture=mean_and_dense, epochs=1, validation_fraction=0.05, rotation_range=10.0
        )
        clf.fit(mapped[:500], y[:500])  # what is compiled is not of the data
        tracemalloc.start()
        try:
            clf.fit(mapped, np.tile(y, times))
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
        sizes.append(mapped.nbytes)
    assert peaks[1] - peaks[0] < (sizes[1] - sizes[0]) / 2


def mean_and_dense(image_shape, n_classes, seed):
    return keras.Sequential(
        [
            keras.layers.Input(image_shape),
            keras.layers.AveragePooling2D(7),
            keras.layers.Flatten(),
            keras.layers.Dense(n_classes, activation="softmax"),
        ]
    )


@pytest.mark.skipif(sys.platform == "win32", reason="links want rights")
def test_file_of_pixels_takes_the_place_of_no_table_that_it_is_made_of(tmp_path):
    path, link = tmp_path / "a.csv", tmp_path / "link.csv"
    path.write_text("label,p0,p1\n1,2,3\n")
    link.symlink_to(path)
    for out in (path, link, tmp_path / "." / "a.csv"):
        with pytest.raises(ValueError, match="expected another file than those that are read"):
            read_digits_csv([path, link], memory_map=out)
    assert path.read_text().startswith("label")
