"""``digitcnn export``: writes a model as an ONNX file."""

import argparse
import json
from typing import Any

import numpy as np

from digitcnn import datasets
from digitcnn._utils.atomic import atomic_write
from digitcnn._utils.ensembles import networks_of
from digitcnn.cli._common import check_files, load_model
from digitcnn.cli._output import say, show
from digitcnn.inference.export import TOLERANCE, compare, to_onnx
from digitcnn.inference.graph import input_dtype
from digitcnn.preprocessing.normalizer import DigitNormalizer


def export(options: argparse.Namespace) -> None:
    """Write a model as an ONNX file, after a check that it predicts the same."""
    check_files(model=options.model, outputs={"ONNX file": options.out})
    clf = load_model(options.model)
    X, name = _digits_like(clf)
    data = to_onnx(clf)
    n_differing, difference = compare(clf, data, X)
    # A network that computes in bfloat16 is less exact than its file, which uses float32.
    is_exact = all(network.precision_ == "float32" for network in networks_of(clf))
    if is_exact and (n_differing or difference > TOLERANCE):
        raise ValueError(
            f"expected the ONNX file to predict the same as {options.model}, got {n_differing} "
            f"other labels for {len(X):,} {name} and probabilities that differ by up to "
            f"{difference:.1e}. Nothing was written"
        )
    atomic_write(options.out, lambda file: file.write(data))
    result = {
        "model": options.model,
        "out": options.out,
        "bytes": len(data),
        "checked_on": len(X),
        "differing_labels": n_differing,
        "largest_difference": difference,
    }
    if options.json:
        show(json.dumps(result))
        return
    show(
        f"checked on {len(X):,} {name}: {n_differing or 'no'} labels differ, probabilities by up "
        f"to {difference:.1e}"
    )
    show(f"ONNX model written to {options.out}")
    if any(isinstance(step, DigitNormalizer) for step in getattr(clf, "named_steps", {}).values()):
        say(
            "the ONNX file expects pictures that are already normalised: its metadata field "
            "'preprocessing' says how"
        )


def _digits_like(clf: Any) -> tuple[np.ndarray, str]:
    """Images in a model's format: the bundled sample digits if they fit, else random pixels."""
    network = networks_of(clf)[0]  # all networks of an ensemble take the same images
    low, high = network.pixel_range_
    if network.image_shape_ == (28, 28, 1) and (low, high) == (0.0, 255.0):
        return datasets.load_sample_digits()[0], "sample digits"
    pixels = np.random.default_rng(0).uniform(low, high, (256, network.n_features_in_))
    dtype = input_dtype(network.pixel_range_)
    pixels = np.ceil(pixels) if dtype == np.uint8 else pixels
    return pixels.astype(dtype), "random images"
