"""``digitcnn info``: a model file, data or the recipes, described."""

import argparse
import json
import textwrap
from typing import Any

import numpy as np
import pandas as pd

from digitcnn import datasets
from digitcnn.columns import find_pixel_columns
from digitcnn.command_output import show
from digitcnn.command_support import find_paths
from digitcnn.model_file import is_model_file
from digitcnn.recipes import MEASURED_ON, RECIPES
from digitcnn.summaries import describe_model, describe_table
from digitcnn.tables import read_raw_frame


def info(options: argparse.Namespace) -> None:
    """Describe a model file, data or the recipes."""
    if options.recipes:
        _print_recipes(options)
        return
    if options.source is None:
        raise ValueError("expected a model file, data, or --recipes")
    if is_model_file(options.source):
        result = describe_model(options.source)
    else:
        result = {"data": options.source, **describe_table(*_raw_table(options))}
    if options.json:
        show(json.dumps(result))
        return
    width = max(map(len, result))
    for name, value in result.items():
        if isinstance(value, dict):
            value = ", ".join(f"{key}: {number}" for key, number in value.items())
        show(f"{name.replace('_', ' '):<{width}}  {value}")


def _print_recipes(options: argparse.Namespace) -> None:
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
        show(f"{name:<{width}}  {accuracy:>6}  {minutes:>7}  {summary}".rstrip())
    notes = (
        "MNIST: the part of its test digits that is read rightly after training on its 60,000, "
        "as the mean over seeds.",
        f"Minutes: that training's, on {MEASURED_ON}.",
        "A dash: not measured.",
    )
    show("\n".join(["", *(textwrap.fill(note, width=105) for note in notes)]))


def _raw_table(options: argparse.Namespace) -> tuple[Any, Any]:
    """Pixels and labels as they stand, unchecked."""
    if options.source == "sample":
        X, y = datasets.load_sample_digits()
        return pd.DataFrame(X), pd.Series(y)
    if options.source == "mnist":
        parts = datasets.load_mnist()
        return pd.DataFrame(np.concatenate(parts[::2])), pd.Series(np.concatenate(parts[1::2]))
    frame = read_raw_frame(find_paths(options.source), options.label)
    names = find_pixel_columns(list(frame.columns), options.label, options.source)
    return frame[names], frame.get(options.label)
