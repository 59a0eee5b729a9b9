"""Reading MNIST from npz, IDX and CSV files, with checksums, and downloading it."""

import hashlib
import os
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import numpy as np

from digitcnn._utils.atomic import as_path
from digitcnn.tables.csv_reader import read_header
from digitcnn.tables.files import check_unpacked, opened
from digitcnn.tables.frames import put_pixels
from digitcnn.tables.readers import read_table

# The names of the arrays in mnist.npz, and the SHA-256 of their bytes in the published MNIST, for
# every file format.
_MNIST_SHA256 = {
    "x_train": "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757",
    "y_train": "1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13",
    "x_test": "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161",
    "y_test": "ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5",
}
_IDX_NAMES = {
    "x_train": ("train-images-idx3-ubyte", "train-images.idx3-ubyte"),
    "y_train": ("train-labels-idx1-ubyte", "train-labels.idx1-ubyte"),
    "x_test": ("t10k-images-idx3-ubyte", "t10k-images.idx3-ubyte"),
    "y_test": ("t10k-labels-idx1-ubyte", "t10k-labels.idx1-ubyte"),
}
_CSV_ENDINGS = (".csv", ".csv.gz", ".csv.zip")
_DATA_VARIABLE = "DIGITCNN_DATA"
# Errors of NumPy's reader for damaged files: it allocates the size in an array's header, and parses
# the header as a Python literal.
_NPZ_DAMAGE = (
    ValueError,
    OSError,
    EOFError,
    MemoryError,
    RuntimeError,
    LookupError,
    SyntaxError,
    TypeError,
    tokenize.TokenError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)

Arrays = dict[str, np.ndarray]


def find_mnist() -> Arrays:
    """Read MNIST from a copy on this machine, or download one.

    Returns
    -------
    dict of ndarray
        As :func:`read_mnist`.

    Raises
    ------
    OSError
        If there is no copy and the download fails.
    ValueError
        If a file is damaged, or if Keras's copy or the download differs from the published MNIST.
    """
    folder = os.environ.get(_DATA_VARIABLE)
    if folder:
        arrays = read_mnist(as_path(folder))
        if arrays is not None:
            return arrays
    cache = _keras_copy()
    if cache.exists():
        return _verified(_read_npz(cache), f"'{cache}' (delete it to download it again)")
    return _download_mnist()


def mnist_files() -> list[Path]:
    """The files on this machine that `find_mnist` may read."""
    files = [_keras_copy()]
    folder = os.environ.get(_DATA_VARIABLE)
    if folder:
        stems = ["mnist.npz", "mnist_train", "mnist_test", *chain(*_IDX_NAMES.values())]
        names = [stem + ending for stem in stems for ending in ("", ".gz", *_CSV_ENDINGS)]
        files += [as_path(folder), *(as_path(folder) / name for name in names)]
    return [file for file in files if file.is_file()]


def _keras_copy() -> Path:
    return Path(os.environ.get("KERAS_HOME", Path.home() / ".keras")) / "datasets" / "mnist.npz"


def read_mnist(path: Path) -> Arrays | None:
    """Read the data in a file or folder, in any of MNIST's formats.

    Parameters
    ----------
    path : pathlib.Path
        See :func:`digitcnn.datasets.load_mnist`.

    Returns
    -------
    dict of ndarray or None
        ``x_train`` and ``x_test`` of uint8, one picture a row, ``y_train`` and ``y_test`` of int64;
        None if a folder has no data.

    Raises
    ------
    FileNotFoundError
        If the file or folder does not exist, or IDX files are missing in it.
    ValueError
        If a file is damaged or has other content.
    """
    if not path.exists():
        raise FileNotFoundError(f"There is no file or folder '{path}'.")
    if path.is_file():
        return _checked(_read_npz(path), f"'{path}'")
    if (path / "mnist.npz").exists():
        return _checked(_read_npz(path / "mnist.npz"), f"'{path / 'mnist.npz'}'")
    idx = {name: _first_file(path, names, ("", ".gz")) for name, names in _IDX_NAMES.items()}
    if any(idx.values()):
        lacking = [_IDX_NAMES[name][0] for name, file in idx.items() if file is None]
        if lacking:
            raise FileNotFoundError(f"'{path}': IDX files are missing: {', '.join(lacking)}.")
        return _checked({k: _read_idx(f) for k, f in idx.items() if f}, f"'{path}'")
    train, test = (_first_file(path, [f"mnist_{part}"], _CSV_ENDINGS) for part in ("train", "test"))
    if train and test:
        arrays = dict(zip(("x_train", "y_train"), _read_mnist_csv(train), strict=True))
        arrays |= zip(("x_test", "y_test"), _read_mnist_csv(test), strict=True)
        return _checked(arrays, f"'{path}'")
    return None


def _download_mnist() -> Arrays:
    reasons = []
    for source, fetch in (("Keras", _fetch_from_keras), ("OpenML", _fetch_from_openml)):
        try:
            arrays = fetch()
        except Exception as error:  # Keras raises a bare Exception without a network connection
            reasons.append(f"{source}: {error}")
            continue
        return _verified(arrays, f"the download from {source}")
    raise OSError(
        "There is no copy of MNIST here and none can be downloaded. Set the environment variable "
        f"{_DATA_VARIABLE} to a folder with mnist.npz, the IDX files or the CSV files, or pass "
        f"path=. ({'; '.join(reasons)})"
    )


def _fetch_from_keras() -> Arrays:
    from keras.datasets import mnist

    (x_train, y_train), (x_test, y_test) = mnist.load_data()
    return {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test}


def _fetch_from_openml() -> Arrays:
    from sklearn.datasets import fetch_openml

    X, y = fetch_openml(
        "mnist_784", version=1, return_X_y=True, as_frame=False, parser="liac-arff", n_retries=1
    )
    X, y = np.asarray(X).astype(np.uint8), np.asarray(y).astype(np.uint8)
    return {
        "x_train": X[:60000],
        "y_train": y[:60000],
        "x_test": X[60000:],
        "y_test": y[60000:],
    }


def _verified(arrays: Arrays, source: str) -> Arrays:
    """Check that arrays are the published MNIST, by their checksums."""
    arrays = _checked(arrays, source)
    for name, expected in _MNIST_SHA256.items():
        if hashlib.sha256(arrays[name].astype(np.uint8).tobytes()).hexdigest() != expected:
            raise ValueError(f"{source} is not MNIST as published: {name} has another checksum.")
    return arrays


def _first_file(folder: Path, stems: Sequence[str], endings: Sequence[str]) -> Path | None:
    files = (folder / (stem + ending) for stem in stems for ending in endings)
    return next((file for file in files if file.exists()), None)


def _read_npz(path: Path) -> Arrays:
    if not zipfile.is_zipfile(path):
        raise ValueError(f"'{path}': damaged, or no .npz file.")
    try:
        with zipfile.ZipFile(path) as archive:
            check_unpacked(path, sum(info.file_size for info in archive.infolist()))
        with np.load(path, allow_pickle=False) as file:
            lacking = [name for name in _MNIST_SHA256 if name not in file.files]
            if lacking:
                raise ValueError(f"there are no arrays {', '.join(lacking)}")
            return {name: file[name] for name in _MNIST_SHA256}
    except _NPZ_DAMAGE as error:
        raise ValueError(f"'{path}': damaged, or no such .npz file ({error}).") from error


def _read_idx(path: Path) -> np.ndarray:
    """Read an IDX file of bytes: two zeros, the type, the number of axes, their lengths, data."""
    with opened(path) as stream:
        content = stream.read()
    n_axes = content[3] if len(content) > 3 else 0
    start = 4 + 4 * n_axes
    if content[:3] != b"\0\0\x08" or not n_axes or len(content) < start:
        raise ValueError(
            f"'{path}': expected an IDX file of bytes, which begins with 00 00 08 and the number "
            f"of axes, got one that begins with {content[:4].hex(' ') or 'nothing'}."
        )
    shape = struct.unpack(f">{n_axes}I", content[4:start])
    n_bytes = int(np.prod(shape, dtype=object))
    if len(content) - start != n_bytes:
        raise ValueError(
            f"'{path}': expected {n_bytes} bytes of data for the header's shape {shape}, got "
            f"{len(content) - start}."
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def _read_mnist_csv(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read a CSV whose first column is the label; a first line of numbers is not a header."""
    names, _ = read_header(path)
    has_header = not all(name.isdecimal() for name in names)
    columns = names if has_header else ["label", *(f"pixel{i}" for i in range(len(names) - 1))]
    table = read_table(
        path, label=columns[0], with_labels=True, names=None if has_header else columns
    )
    assert table.labels is not None
    return table.pixels, table.labels


def _checked(arrays: Arrays, source: str) -> Arrays:
    """Convert pictures to uint8 rows and labels to int64, or raise an error."""
    checked: Arrays = {}
    for part in ("train", "test"):
        x, y = arrays[f"x_{part}"], arrays[f"y_{part}"]
        if x.ndim not in (2, 3) or x.size == 0 or y.shape != x.shape[:1]:
            raise ValueError(
                f"{source}: expected x_{part} of shape (n, h, w) or (n, h * w) and y_{part} of "
                f"shape (n,), got {x.shape} and {y.shape}."
            )
        if x.dtype.kind not in "uif" or y.dtype.kind not in "ui":
            raise ValueError(
                f"{source}: expected numbers in x_{part} and whole numbers in y_{part}, got "
                f"{x.dtype} and {y.dtype}."
            )
        rows = x.reshape(len(x), -1)
        pixels = np.empty(rows.shape, np.uint8)
        if put_pixels(rows, pixels) is not None:
            raise ValueError(f"{source}: x_{part} is not all whole numbers 0..255.")
        checked |= {f"x_{part}": pixels, f"y_{part}": y.astype(np.int64)}
    if checked["x_train"].shape[1] != checked["x_test"].shape[1]:
        raise ValueError(
            f"{source}: the training pictures have {checked['x_train'].shape[1]} pixels and the "
            f"test pictures {checked['x_test'].shape[1]}."
        )
    return checked
