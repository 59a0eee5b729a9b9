"""The loaders give uint8 pixels and labels, wherever they come from."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from digitcnn.datasets import load_mnist, load_sample_digits, read_digits_csv


def test_sample_is_redrawn_or_raw():
    X, y = load_sample_digits()
    assert (X.shape, X.dtype, y.dtype) == ((1797, 784), np.uint8, np.int64)
    raw, _ = load_sample_digits(normalize=False)
    np.testing.assert_array_equal(raw, np.rint(load_digits().data * 255 / 16))
    bunch = load_sample_digits(return_X_y=False)
    np.testing.assert_array_equal(bunch.data, X)
    np.testing.assert_array_equal(bunch.target, y)


def test_mnist_comes_whole_or_by_its_parts(arrays, tmp_path, monkeypatch):
    path = tmp_path / "mnist.npz"
    np.savez(path, **arrays)
    monkeypatch.setenv("DIGITCNN_DATA", str(tmp_path))
    for loaded in (
        load_mnist(path),
        load_mnist(str(tmp_path)),
        load_mnist(path, split="train") + load_mnist(path, split="test"),
        load_mnist(),
        load_mnist(split="train") + load_mnist(split="test"),
    ):
        assert len(loaded) == 4
        for found, (name, expected) in zip(loaded, arrays.items(), strict=True):
            assert found.dtype == (np.uint8 if name[0] == "x" else np.int64)
            np.testing.assert_array_equal(found, expected.reshape(found.shape))


def test_folder_without_mnist_and_unknown_split_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"holds no mnist\.npz, no four IDX files"):
        load_mnist(tmp_path)
    with pytest.raises(ValueError, match="expected split to be"):
        load_mnist(tmp_path, split="valid")


def test_csv_gives_pixels_and_labels(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("digit,pixel1,pixel0\n7,1,2\n8,3,4\n")
    X, y = read_digits_csv(path, label="digit")
    assert X.tolist() == [[2, 1], [4, 3]]
    assert y.tolist() == [7, 8]
    X, y = read_digits_csv([path, path], label="digit")
    assert y.tolist() == [7, 8, 7, 8]
    with pytest.raises(
        ValueError, match=r"expected a label column 'label', got, beside the pixels, 'digit'"
    ):
        read_digits_csv(path)
