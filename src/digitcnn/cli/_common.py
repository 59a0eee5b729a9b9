"""Shared by the commands: data, models, and checks of input and output files."""

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
    """Refuse swapped arguments, and outputs that would destroy a file, before the work starts.

    Parameters
    ----------
    model, data : str or None, default=None
        The command's inputs.
    outputs : mapping of str to str or None, default=None
        The path of each output by its kind: ``"model"``, ``"table"``, ``"page"``, ``"ONNX file"``
        or ``"checkpoint"``, which is a folder.

    Raises
    ------
    OSError
        If a result cannot be written to its path.
    ValueError
        If MODEL and the other argument are swapped, if data is a model file, or if an output is
        an input, lies in the checkpoint's folder, or exists as a file of another kind.
    """
    written = {kind: path for kind, path in (outputs or {}).items() if path is not None}
    # MODEL may be left out, so that a model alone is taken for the argument after it.
    second = {"DATA": data, "FILE": written.get("ONNX file")} if model == PRETRAINED else {}
    for argument, path in second.items():
        if path is not None and (is_model_file(path) or path == PRETRAINED):
            raise ValueError(f"{path}: expected {argument}, got a model. Add {argument} after it")
    if model is not None and not is_model_file(model):
        for other in filter(None, (data, written.get("ONNX file"))):
            if is_model_file(other) and Path(other).exists():
                raise ValueError(
                    f"{model}: expected a model file, and {other} is one. Swap the two"
                )
    inputs = [] if model is None else [Path(model)]
    if data is not None:
        inputs += _files_of(data)
    for source in inputs:
        if _is_own_output(source):
            raise ValueError(
                f"{source}: is an input of this command, and its output goes there too. Redirect "
                "the output to another file"
            )
    for kind, path in written.items():
        for source in inputs:
            if is_same_file(path, source):
                raise ValueError(
                    f"{path}: is an input of this command ({source}), and the {kind} would "
                    f"overwrite it. Give the {kind} another name"
                )
        if kind != "checkpoint":
            _check_can_write(path, kind)
    folder, out = written.get("checkpoint"), written.get("model")
    if folder is not None and out is not None:
        real = Path(os.path.realpath(out))
        if Path(os.path.realpath(folder)) in (real, *real.parents):
            raise ValueError(
                f"{out}: is in the checkpoint's folder, which is deleted when the training ends. "
                "Write the model or the checkpoint to another folder"
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
            f"{path}: receives what this command prints, and the {kind} would overwrite it{hint}"
        )
    parent = Path(os.path.realpath(path)).parent
    if not parent.is_dir():
        raise FileNotFoundError(f"{path}: there is no folder {target.parent}")
    if not os.access(parent, os.W_OK):
        raise PermissionError(f"{path}: the folder {target.parent} is not writable")
    if target.exists() and not os.access(target, os.W_OK):
        raise PermissionError(f"{path}: exists and is write-protected")
    try_to_write(path)
    if not target.exists() or not target.stat().st_size:
        return
    # Models are recognised by content, other kinds by the ending of the name. A table or page may
    # overwrite a file of an unknown kind, because people name these as they like; a model may not.
    found = "model" if is_model_file(path) else _kind_of(path)
    if found != kind and (found is not None or kind == "model"):
        raise ValueError(
            f"{path}: expected a new name or an old {kind}, got {_with_article(found)}. Give the "
            f"{kind} another name, or delete the file first"
        )


def _is_own_output(path: Path) -> bool:
    """Whether this process's standard output or standard error goes to this file."""
    for stream in (sys.stdout, sys.stderr):
        # A stream may be missing or in memory, and the file may not exist.
        with suppress(AttributeError, OSError, ValueError):
            if path.is_file() and os.path.samestat(path.stat(), os.fstat(stream.fileno())):
                return True
    return False


def _kind_of(path: str) -> str | None:
    name = path.lower()
    return next((kind for ending, kind in _KINDS.items() if name.endswith(ending)), None)


def _with_article(kind: str | None) -> str:
    if kind is None:
        return "a file of another kind"
    return f"an {kind}" if kind in ("image", "ONNX file") else f"a {kind}"


def read_labelled(
    options: argparse.Namespace,
    clf: Any = None,
    reader: ImageReader | None = None,
    memory_map: Path | None = None,
) -> tuple[Any, np.ndarray, list[str] | None, Any]:
    """Digits with labels; of MNIST the test set.

    Parameters
    ----------
    options : argparse.Namespace
        With ``data`` and ``label``.
    clf : estimator or None, default=None
        The model that the digits are for. If it was fitted with feature names, the digits are a
        DataFrame with these columns. The labels get the type of its classes.
    reader : ImageReader or None, default=None
        Reads the image files, where the data is image files.
    memory_map : Path or None, default=None
        A file to keep the pixels of files in, instead of memory.

    Returns
    -------
    X : ndarray or DataFrame of shape (n, pixels)
    y : ndarray of shape (n,)
    files : list of str or None
        The name of each image file; None for other data.
    normalizer : DigitNormalizer or None
        The transformer that redrew the images; None where none did.
    """
    # The reader does the work of a pipeline's transformers, so only its network is asked.
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
    """Batches of digits, with the names of image files; labels are ignored.

    The pixels are in the order of the model's columns.
    """
    names = _names_of(model)
    if reader is not None:
        # The reader does the work of a pipeline's transformers, so only its network is asked.
        names = None if model.is_pipeline else names
        for pixels, files in iter_rows(reader, model):
            yield np.asarray(_named_picture(pixels, names, options.data)), files
    elif options.data in NAMED_DATA:
        yield np.asarray(read_labelled(options, model)[0]), None
    else:
        for part in iter_table(find_paths(options.data), label=options.label, columns=names):
            yield part.pixels, None


def _names_of(clf: Any) -> list[str] | None:
    """The feature names that a model was fitted with, in order."""
    names = getattr(clf, "feature_names_in_", None)
    return None if names is None else [str(name) for name in names]


def with_names(pixels: np.ndarray, names: list[str] | None) -> Any:
    """Pixels as a DataFrame with these columns; unchanged without names."""
    if names is None:
        return pixels
    import pandas as pd

    return pd.DataFrame(pixels, columns=names, copy=False)


def _named_picture(X: np.ndarray, names: list[str] | None, source: str) -> Any:
    """Pixels in the order of the picture, brought to the order of a model's columns."""
    if names is None:
        return X
    if not is_order_named(names):
        raise ValueError(
            f"{source}: expected a table with the model's columns, {names[0]!r} to {names[-1]!r}, "
            "got pixels without names. Their order cannot be inferred from these names"
        )
    in_order = find_pixel_columns(names, None)
    if len(in_order) != X.shape[1]:
        raise ValueError(
            f"{source}: expected images of {len(in_order)} pixels, as the model was fitted on, got "
            f"{X.shape[1]} pixels"
        )
    return with_names(X, in_order)[names]


def load_model(path: str) -> Any:
    """A fitted estimator."""
    from digitcnn.saving import load

    with model_path(path) as file:
        return load(file)


@contextmanager
def fast_kernels() -> Iterator[None]:
    """A context in which to import TensorFlow, so that it uses its faster kernels.

    The setting holds for the whole process. Only the command changes it, because the process is
    its own.
    """
    # By default TensorFlow uses oneDNN's kernels on x86 only on processors with units such as
    # AVX512_VNNI. It reads the variable on import; child processes must not inherit it.
    is_ours = platform.machine() in ("x86_64", "AMD64") and _FAST_KERNELS not in os.environ
    if is_ours:
        os.environ[_FAST_KERNELS] = "1"
    try:
        yield
    finally:
        if is_ours:
            del os.environ[_FAST_KERNELS]
