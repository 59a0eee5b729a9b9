"""MNIST's files give the same arrays whatever their form, and damaged ones are refused."""

import gzip
import struct
import sys
import types

import numpy as np
import pandas as pd
import pytest

from digitcnn.datasets import _mnist as mnist
from digitcnn.datasets._mnist import find_mnist, read_mnist


@pytest.fixture
def no_copy(monkeypatch, tmp_path):
    """A machine without a copy of MNIST and without a network."""
    monkeypatch.delenv("DIGITCNN_DATA", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))

    def fail():
        raise RuntimeError("no network")

    monkeypatch.setattr(mnist, "_fetch_from_keras", fail)
    monkeypatch.setattr(mnist, "_fetch_from_openml", fail)


def write_idx(path, array, magic=b"\0\0\x08"):
    header = magic + bytes([array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "wb") as file:
        file.write(header + array.tobytes())


def write_all_idx(folder, arrays, dot="-", ending=""):
    for name, array in arrays.items():
        part = "train" if "train" in name else "t10k"
        kind = f"images{dot}idx3" if name[0] == "x" else f"labels{dot}idx1"
        write_idx(folder / f"{part}-{kind}-ubyte{ending}", array)


def write_csv(folder, arrays, header=True, ending=".csv"):
    for part in ("train", "test"):
        rows = arrays[f"x_{part}"].reshape(len(arrays[f"x_{part}"]), -1)
        table = pd.DataFrame(rows, columns=[f"{1 + i // 8}x{1 + i % 8}" for i in range(64)])
        table.insert(0, "label", arrays[f"y_{part}"])
        table.to_csv(folder / f"mnist_{part}{ending}", index=False, header=header)


def assert_loaded(loaded, arrays):
    assert list(loaded) == list(arrays)
    for name, expected in arrays.items():
        found = loaded[name]
        assert found.dtype == (np.uint8 if name[0] == "x" else np.int64)
        assert found.flags.c_contiguous
        np.testing.assert_array_equal(found, expected.reshape(found.shape))


@pytest.mark.parametrize("form", ["npz", "folder", "idx", "idx.gz", "csv", "no header", "csv.gz"])
def test_every_form_gives_the_same_arrays(arrays, tmp_path, form, monkeypatch):
    path = tmp_path
    if form == "npz":
        path = tmp_path / "other-name.npz"
        np.savez(path, **arrays)
    elif form == "folder":
        np.savez_compressed(tmp_path / "mnist.npz", **arrays)
    elif form == "idx":
        write_all_idx(tmp_path, arrays, dot=".")
    elif form == "idx.gz":
        write_all_idx(tmp_path, arrays, ending=".gz")
    else:
        ending = ".csv.gz" if form == "csv.gz" else ".csv"
        write_csv(tmp_path, arrays, header=form != "no header", ending=ending)
    assert_loaded(read_mnist(path), arrays)
    monkeypatch.setenv("DIGITCNN_DATA", str(path))
    assert_loaded(find_mnist(), arrays)


def test_damaged_npz_is_refused(arrays, tmp_path):
    path = tmp_path / "mnist.npz"
    np.savez(path, **arrays)
    whole = path.read_bytes()
    cases = {"damaged, or no .npz": whole[:-100], "damaged, or no such .npz": None}
    for message, content in cases.items():
        path.write_bytes(content or whole[:200] + b"\xff" * 100 + whole[300:])
        with pytest.raises(ValueError, match=message):
            read_mnist(path)
    np.savez(path, x_train=arrays["x_train"])
    with pytest.raises(ValueError, match="no arrays y_train, x_test, y_test"):
        read_mnist(path)
    np.savez(path, **{**arrays, "y_test": np.array([object()] * 20)})
    with pytest.raises(ValueError, match="allow_pickle=False"):
        read_mnist(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x_train": np.full((60, 8, 8), 256)}, "x_train is not all whole numbers 0..255"),
        ({"x_train": np.full((60, 8, 8), 0.5)}, "x_train is not all whole numbers 0..255"),
        ({"y_test": np.zeros(19, int)}, r"x_test of shape .*, got .*\(19,\)"),
        (
            {"y_test": np.full(20, "a")},
            "x_test and whole numbers in y_test, got uint8 and <U1",
        ),
        ({"x_test": np.zeros((20, 49), np.uint8)}, "have 64 pixels and the test pictures 49"),
    ],
)
def test_arrays_that_are_no_digits_are_refused(arrays, tmp_path, change, message):
    np.savez(tmp_path / "mnist.npz", **{**arrays, **change})
    with pytest.raises(ValueError, match=message):
        read_mnist(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "begins with nothing"),
        (b"\0\0\x0d\1\0\0\0\1\0", "begins with 00 00 0d 01"),
        (b"\0\0\x08\3\0\0\0\1", "expected an IDX file of bytes"),
        (
            b"\0\0\x08\1\0\0\0\5abc",
            r"expected 5 bytes of data .* \(5,\), got 3",
        ),
        (b"\0\0\x08\1\xff\xff\xff\xffabc", "expected 4294967295 bytes"),
    ],
)
def test_damaged_idx_is_refused(arrays, tmp_path, content, message):
    write_all_idx(tmp_path, arrays)
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        read_mnist(tmp_path)
    assert "t10k-labels-idx1-ubyte" in str(caught.value)


def test_absent_data_are_named(arrays, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no file or folder '.*nowhere'"):
        read_mnist(tmp_path / "nowhere")
    assert read_mnist(tmp_path) is None
    write_idx(tmp_path / "train-images-idx3-ubyte", arrays["x_train"])
    with pytest.raises(FileNotFoundError, match="missing: train-labels-idx1-ubyte, t10k-"):
        read_mnist(tmp_path)


def test_bad_cell_of_a_csv_without_header_is_named(arrays, tmp_path):
    bad = {**arrays, "x_test": arrays["x_test"].astype(int)}
    bad["x_test"][3, 0, 5] = 300
    write_csv(tmp_path, bad, header=False)
    with pytest.raises(ValueError, match=r"test\.csv, line 4 \(row 3\), column 'pixel5': 300 is"):
        read_mnist(tmp_path)


@pytest.mark.usefixtures("no_copy")
def test_without_copy_and_network_the_error_says_what_to_do(monkeypatch, tmp_path):
    with pytest.raises(OSError, match=r"Set the environment variable DIGITCNN_DATA .*no network"):
        find_mnist()
    monkeypatch.setenv("DIGITCNN_DATA", str(tmp_path))
    with pytest.raises(OSError, match="can be downloaded"):
        find_mnist()


@pytest.mark.usefixtures("no_copy")
@pytest.mark.parametrize("source", ["_fetch_from_keras", "_fetch_from_openml"])
def test_download_that_is_not_mnist_is_refused(arrays, monkeypatch, source):
    monkeypatch.setattr(mnist, source, lambda: arrays)
    with pytest.raises(ValueError, match="not MNIST as published: x_train has another checksum"):
        find_mnist()


@pytest.mark.usefixtures("no_copy")
def test_cached_copy_is_held_against_its_checksum(arrays, tmp_path):
    cache = tmp_path / "keras" / "datasets" / "mnist.npz"
    cache.parent.mkdir(parents=True)
    np.savez(cache, **arrays)
    with pytest.raises(ValueError, match=r"mnist.npz' \(delete it .*\) is not MNIST as published"):
        find_mnist()


@pytest.mark.slow
@pytest.mark.usefixtures("no_copy")
def test_mnist_is_accepted_by_every_route(mnist_path, monkeypatch, tmp_path):
    with np.load(mnist_path) as file:
        arrays = {name: file[name] for name in ("x_train", "y_train", "x_test", "y_test")}
    with monkeypatch.context() as patch:
        patch.setattr(mnist, "_fetch_from_openml", lambda: arrays)
        assert_loaded(find_mnist(), arrays)
    cache = tmp_path / "keras" / "datasets" / "mnist.npz"
    cache.parent.mkdir(parents=True)
    cache.symlink_to(mnist_path)
    assert_loaded(find_mnist(), arrays)


def test_downloads_are_split_as_published(arrays, monkeypatch):
    module = types.SimpleNamespace(
        load_data=lambda: (
            (arrays["x_train"], arrays["y_train"]),
            (arrays["x_test"], arrays["y_test"]),
        )
    )
    monkeypatch.setitem(sys.modules, "keras", types.ModuleType("keras"))
    monkeypatch.setitem(sys.modules, "keras.datasets", types.SimpleNamespace(mnist=module))
    assert mnist._fetch_from_keras()["x_test"] is arrays["x_test"]

    X = np.zeros((60003, 4))
    X[60000:] = 7
    y = np.array(["1"] * 60000 + ["2"] * 3, dtype=object)
    monkeypatch.setattr("sklearn.datasets.fetch_openml", lambda *args, **kwargs: (X, y))
    found = mnist._fetch_from_openml()
    assert found["x_train"].shape == (60000, 4)
    assert (found["x_test"] == 7).all()
    assert found["y_test"].tolist() == [2, 2, 2]
