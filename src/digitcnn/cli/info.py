"""``digitcnn info``: describes a model file, a data set or the recipes."""

import argparse
import json
import sys
import textwrap
from collections import Counter
from typing import Any

import numpy as np

from digitcnn._utils.array_file import is_model_file
from digitcnn.architectures import PRETRAINED
from digitcnn.cli._files import NAMED_DATA, find_paths
from digitcnn.cli._output import columns_of, is_terminal, show
from digitcnn.serialization.description import describe_model
from digitcnn.serialization.initial import model_path
from digitcnn.tables.columns import find_pixel_columns
from digitcnn.tables.image_batches import ImageReader
from digitcnn.tables.image_sources import ImageList, find_images, in_natural_order
from digitcnn.tables.raw import read_raw_frame


def info(options: argparse.Namespace) -> None:
    """Describe a model file, a data set or the recipes."""
    if options.recipes:
        _print_recipes(options)
        return
    source = options.source or PRETRAINED
    images = None
    if source != PRETRAINED and source not in NAMED_DATA and not is_model_file(source):
        images = find_images(find_paths(source), label=options.label)
    if source == PRETRAINED or is_model_file(source):
        with model_path(source) as path:
            result = {"model": source, **describe_model(path)}
    elif images is not None:
        result = {"data": source, **describe_images(images)}
    else:
        result = {"data": options.source, **describe_table(*_raw_table(options))}
    if options.json:
        show(json.dumps(result))
        return
    layers = result.pop("layers", [])
    width = max(map(len, result))
    for name, value in result.items():
        if isinstance(value, dict):
            value = ", ".join(f"{key}: {number}" for key, number in value.items())
        _show_beside(f"{name.replace('_', ' '):<{width}}  ", str(value))
    if layers:
        _print_layers(layers)


def _show_beside(start: str, text: str) -> None:
    """Print a line. In a narrower terminal it is wrapped, and its text stays in one column."""
    columns = columns_of(sys.stdout)
    if not is_terminal(sys.stdout) or len(start) + len(text) <= columns:
        show(f"{start}{text}".rstrip())
        return
    width = max(columns, len(start) + 20)
    show(textwrap.fill(text, width, initial_indent=start, subsequent_indent=" " * len(start)))


def _print_layers(layers: list[dict[str, Any]]) -> None:
    lines = [("layer", "output", "weights")]
    for layer in layers:
        shape = " x ".join(map(str, layer["output_shape"]))
        lines.append((layer["layer"], shape, f"{layer['weights']:,}"))
    first, second, third = (max(map(len, column)) for column in zip(*lines, strict=True))
    if is_terminal(sys.stdout):
        first = min(first, max(20, columns_of(sys.stdout) - second - third - 4))
    for name, shape, weights in lines:
        above, *below = textwrap.wrap(name, first, subsequent_indent="    ")
        show(f"{above:<{first}}  {shape:>{second}}  {weights:>{third}}")
        for line in below:
            show(line)


def _print_recipes(options: argparse.Namespace) -> None:
    from digitcnn.recipes import MEASURED_ON, RECIPES

    if options.json:
        show(json.dumps({name: recipe._asdict() for name, recipe in RECIPES.items()}))
        return
    lines = [("recipe", "MNIST", "minutes", "")]
    for name, recipe in RECIPES.items():
        accuracy = "-" if recipe.accuracy is None else f"{recipe.accuracy:.2%}"
        minutes = "-" if recipe.minutes is None else f"{recipe.minutes:.0f}"
        lines.append((name, accuracy, minutes, recipe.summary))
    width = max(map(len, RECIPES))
    for name, accuracy, minutes, summary in lines:
        _show_beside(f"{name:<{width}}  {accuracy:>6}  {minutes:>7}  ", summary)
    notes = (
        "MNIST: accuracy on its 10,000 test digits after training on its 60,000 training digits, "
        "mean over seeds.",
        f"minutes: the duration of that training on {MEASURED_ON}.",
        "-: not measured.",
    )
    show()
    for note in notes:
        _show_beside("", note)


def _raw_table(options: argparse.Namespace) -> tuple[Any, Any]:
    """Pixels and labels as in the file, unchecked."""
    import pandas as pd

    from digitcnn import datasets

    if options.source == "sample":
        X, y = datasets.load_sample_digits()
        return pd.DataFrame(X), pd.Series(y)
    if options.source == "mnist":
        parts = datasets.load_mnist()
        return pd.DataFrame(np.concatenate(parts[::2])), pd.Series(np.concatenate(parts[1::2]))
    frame = read_raw_frame(find_paths(options.source), options.label)
    names = find_pixel_columns(list(frame.columns), options.label, options.source)
    return frame[names], frame.get(options.label)


def describe_table(pixels: Any, labels: Any = None) -> dict[str, Any]:
    """The content of a table of digits, including defects that training would refuse.

    Parameters
    ----------
    pixels : pandas.DataFrame
        The pixel columns, of any dtype.
    labels : pandas.Series or None, default=None

    Returns
    -------
    dict
        Counts of rows and pixels, image shape, pixel range, counts of missing values, of values
        that are not numbers and of rows that repeat an earlier one, and the count of each class.
    """
    import pandas as pd

    numbers = pixels.apply(pd.to_numeric, errors="coerce")
    missing = int(pixels.isna().to_numpy().sum())
    side = int(np.sqrt(pixels.shape[1]))
    summary: dict[str, Any] = {
        "rows": len(pixels),
        "pixels": pixels.shape[1],
        "image_shape": f"{side} x {side}" if side**2 == pixels.shape[1] else "not square",
        "pixel_range": f"{numbers.min(axis=None):g}..{numbers.max(axis=None):g}",
        "missing_values": missing,
        "not_numbers": int(numbers.isna().to_numpy().sum()) - missing,
        "exact_duplicates": int(pixels.duplicated().sum()),
    }
    if labels is not None:
        counts = labels.dropna().value_counts().sort_index()
        summary["class_counts"] = {str(name): int(count) for name, count in counts.items()}
        if labels.isna().any():
            summary["class_counts"]["missing"] = int(labels.isna().sum())
    return summary


def describe_images(images: ImageList) -> dict[str, Any]:
    """The content of image files, by their headers.

    Parameters
    ----------
    images : ImageList

    Returns
    -------
    dict
        The number of images, their sizes, the number of unreadable files, the error of the first
        unreadable one, and the count of each class.
    """
    reader = ImageReader(images, skip_bad=True)
    good = np.setdiff1d(np.arange(len(images.files)), list(reader.bad))
    sizes = reader.sizes[good]
    low, high = (" x ".join(map(str, side)) for side in (sizes.min(axis=0), sizes.max(axis=0)))
    summary: dict[str, Any] = {
        "images": len(good),
        "image_shape": low if low == high else f"{low} to {high}",
        "unreadable": len(reader.bad),
    }
    if reader.bad:
        summary["first_unreadable"] = next(iter(reader.bad.values()))
    if images.labels is not None:
        counts = Counter(images.labels[index] for index in good)
        summary["class_counts"] = {name: counts[name] for name in in_natural_order(counts)}
    return summary
