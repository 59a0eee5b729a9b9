"""What the commands share: their data, their model, and where they write."""

import argparse
import os
import platform
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from digitcnn._utils.array_file import is_model_file
from digitcnn._utils.atomic import is_folder_name, is_same_file, try_to_write
from digitcnn._utils.ensembles import last_step
from digitcnn.architectures import PRETRAINED
from digitcnn.cli._files import NAMED_DATA, find_paths, iter_rows, read_labelled_rows
from digitcnn.serialization.initial import model_path
from digitcnn.tables.columns import find_pixel_columns, is_order_named
from digitcnn.tables.image_batches import ImageReader
from digitcnn.tables.image_files import IMAGE_ENDINGS
from digitcnn.tables.labels import match_labels
from digitcnn.tables.readers import iter_table, read_table

_FAST_KERNELS = "TF_ENABLE_ONEDNN_OPTS"
# The kind of a file, by the ending of its name. A file is never overwritten by another kind.
_KINDS = {
    ".csv": "table",
    ".tsv": "table",
    ".gz": "table",
    ".zip": "table",
    ".parquet": "table",
    ".html": "page",
    ".htm": "page",
    ".onnx": "ONNX file",
    **dict.fromkeys(IMAGE_ENDINGS, "image"),
}


def check_files(
    *,
    model: str | None = None,
    data: str | None = None,
    outputs: Mapping[str, str | None] | None = None,
) -> None:
    """Refuse swapped arguments, and outputs that would destroy a file, before any work.

    Parameters
    ----------
    model, data : str or None, default=None
        What the command reads.
    outputs : mapping of str to str or None, default=None
        The path of each output: ``"model"``, ``"table"``, ``"page"``, ``"ONNX file"`` or
        ``"checkpoint"``, which is a folder.

    Raises
    ------
    OSError
        If a result cannot be written to its path.
    ValueError
        If MODEL and the other argument are swapped, if data is a model file, or if an output is
        an input, lies in the checkpoint's folder, or exists as a file of another kind.
    """
    written = {kind: path for kind, path in (outputs or {}).items() if path is not None}
    for alone in filter(None, (data, written.get("ONNX file"))) if model == PRETRAINED else ():
        if is_model_file(alone):
            raise ValueError(f"{alone}: is a model. Name what is to be done with it behind it")
    if model is not None and not is_model_file(model):
        for other in filter(None, (data, written.get("ONNX file"))):
            if is_model_file(other) and Path(other).exists():
                raise ValueError(
                    f"{model}: expected a model file first, and {other} is one. Swap the two"
                )
    inputs = [] if model is None else [Path(model)]
    if data is not None:
        inputs += _files_of(data)
    for source in inputs:
        if _is_own_output(source):
            raise ValueError(
                f"{source}: is read by this command, and what it prints would be added to it. "
                "Send that to another file"
            )
    for kind, path in written.items():
        for source in inputs:
            if is_same_file(path, source):
                raise ValueError(
                    f"{path}: is read by this command ({source}), and the {kind} would take its "
                    f"place. Give the {kind} another name"
                )
        if kind != "checkpoint":
            _check_can_write(path, kind)
    folder, out = written.get("checkpoint"), written.get("model")
    if folder is not None and out is not None:
        real = Path(os.path.realpath(out))
        if Path(os.path.realpath(folder)) in (real, *real.parents):
            raise ValueError(
                f"{out}: lies in the checkpoint's folder, which is deleted in the end. Give the "
                "model or the checkpoint another place"
            )
    if data is not None and data not in NAMED_DATA:
        for source in _files_of(data):
            if is_model_file(source):
                raise ValueError(f"{source}: expected data, got a model file")


def _files_of(data: str) -> list[Path]:
    if data == "sample":
        return []
    if data == "mnist":
        from digitcnn.datasets._mnist import mnist_files

        return mnist_files()
    found = find_paths(data)
    return [Path(path) for path in ([found] if isinstance(found, str) else found)]


def _check_can_write(path: str, kind: str) -> None:
    target = Path(path)
    hint = ". Without --out the table goes to standard output" if kind == "table" else ""
    if is_folder_name(path):
        raise IsADirectoryError(f"{path}: expected a file's name, got a folder")
    if target.exists() and not target.is_file():
        raise OSError(f"{path}: expected a regular file or a new name, got something else{hint}")
    if _is_own_output(target):
        raise ValueError(
            f"{path}: is where this command prints to, and the {kind} would take its place{hint}"
        )
    parent = Path(os.path.realpath(path)).parent
    if not parent.is_dir():
        raise FileNotFoundError(f"{path}: there is no folder {target.parent}")
    if not os.access(parent, os.W_OK):
        raise PermissionError(f"{path}: the folder {target.parent} cannot be written to")
    if target.exists() and not os.access(target, os.W_OK):
        raise PermissionError(f"{path}: is there already, and is protected against writing")
    try_to_write(path)
    if not target.exists() or not target.stat().st_size:
        return
    # A model is known by its content too, whatever its name. Of what nobody knows, a model does not
    # take the place: people give tables and pages any names, and models one ending.
    found = "model" if is_model_file(path) else _kind_of(path)
    if found != kind and (found is not None or kind == "model"):
        raise ValueError(
            f"{path}: is there already, and is no {kind} but {found or 'something else'}. Give "
            f"the {kind} another name, or delete the file first"
        )


def _is_own_output(path: Path) -> bool:
    """Whether a file is what this process's standard output or standard error goes to."""
    for stream in (sys.stdout, sys.stderr):
        # There may be none, or something in memory in its place, or no such file.
        with suppress(AttributeError, OSError, ValueError):
            if path.is_file() and os.path.samestat(path.stat(), os.fstat(stream.fileno())):
                return True
    return False


def _kind_of(path: str) -> str | None:
    name = path.lower()
    return next((kind for ending, kind in _KINDS.items() if name.endswith(ending)), None)


def read_labelled(
    options: argparse.Namespace,
    clf: Any = None,
    reader: ImageReader | None = None,
    memory_map: Path | None = None,
) -> tuple[Any, np.ndarray, list[str] | None, Any]:
    """Digits, their labels, the names of image files, and what redrew them; of MNIST the test set.

    For a model that was fitted with names of columns the digits are a DataFrame with these, and
    the labels are of the type of its classes. Image files are read by `reader`. Pixels of files go
    to `memory_map`, if one is named.
    """
    # The network of a pipeline takes what the reader gives.
    names = _names_of(clf if reader is None else last_step(clf))
    files = normalizer = None
    if reader is not None:
        X, y, files, normalizer = read_labelled_rows(reader, clf, memory_map)
        X = _named_picture(X, names, options.data)
    elif options.data == "sample":
        from digitcnn import datasets

        X, y = datasets.load_sample_digits()
        X = _named_picture(X, names, options.data)
    elif options.data == "mnist":
        from digitcnn import datasets

        X, y = datasets.load_mnist(split="test")
        X = _named_picture(X, names, options.data)
    elif memory_map is not None:
        from digitcnn import datasets

        X, y = datasets.read_digits_csv(
            find_paths(options.data), label=options.label, memory_map=memory_map
        )
    else:
        table = read_table(
            find_paths(options.data),
            label=options.label,
            columns=names,
            with_labels=True,
            tidy=clf is None,
        )
        assert table.labels is not None
        X, y = with_names(table.pixels, names), table.labels
    if clf is not None:
        y = match_labels([str(label) for label in y], clf.classes_)
    return X, y, files, normalizer


def iter_pixels(
    options: argparse.Namespace, model: Any, reader: ImageReader | None = None
) -> Iterator[tuple[np.ndarray, list[str] | None]]:
    """Digits, whether they are labelled or not, some at a time, with the names of image files.

    Their pixels are in the order of the model's columns.
    """
    names = _names_of(model)
    if reader is not None:
        # The network of a pipeline takes what the reader gives.
        names = None if model.is_pipeline else names
        for pixels, files in iter_rows(reader, model):
            yield np.asarray(_named_picture(pixels, names, options.data)), files
    elif options.data in NAMED_DATA:
        yield np.asarray(read_labelled(options, model)[0]), None
    else:
        for part in iter_table(find_paths(options.data), label=options.label, columns=names):
            yield part.pixels, None


def _names_of(clf: Any) -> list[str] | None:
    """The names of the columns that a model was fitted with, in their order."""
    names = getattr(clf, "feature_names_in_", None)
    return None if names is None else [str(name) for name in names]


def with_names(pixels: np.ndarray, names: list[str] | None) -> Any:
    """Pixels as a DataFrame, where their columns have names."""
    if names is None:
        return pixels
    import pandas as pd

    return pd.DataFrame(pixels, columns=names, copy=False)


def _named_picture(X: np.ndarray, names: list[str] | None, source: str) -> Any:
    """Pixels in the order of a picture, in that of a model's columns."""
    if names is None:
        return X
    if not is_order_named(names):
        raise ValueError(
            f"{source}: its pixels have no names, and which of them the model's columns "
            f"{names[0]!r} to {names[-1]!r} are cannot be told. Expected a table with these columns"
        )
    in_order = find_pixel_columns(names, None)
    if len(in_order) != X.shape[1]:
        raise ValueError(
            f"{source}: its images have {X.shape[1]} pixels, and the model was fitted on "
            f"{len(in_order)}"
        )
    return with_names(X, in_order)[names]


def load_model(path: str) -> Any:
    """A fitted estimator."""
    from digitcnn.saving import load

    with model_path(path) as file:
        return load(file)


@contextmanager
def fast_kernels() -> Iterator[None]:
    """A context to import TensorFlow in, with its faster kernels.

    They are a setting of the whole process. Only the command may change it, because its process is
    its own.
    """
    # By default TensorFlow uses oneDNN's kernels on x86 only with units such as AVX512_VNNI. It
    # reads the variable when it is imported; child processes must not inherit it.
    is_ours = platform.machine() in ("x86_64", "AMD64") and _FAST_KERNELS not in os.environ
    if is_ours:
        os.environ[_FAST_KERNELS] = "1"
    try:
        yield
    finally:
        if is_ours:
            del os.environ[_FAST_KERNELS]
