"""Fitted estimators as ONNX files."""

import copy
import os
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline

from digitcnn._utils.atomic import atomic_write
from digitcnn._utils.ensembles import last_step, named_networks, networks_of
from digitcnn._utils.images import to_images
from digitcnn.architectures import Architecture, count_outputs, get_layers
from digitcnn.inference.graph import FittedNetwork, build_graph, input_dtype
from digitcnn.inference.runtime import import_onnx_runtime
from digitcnn.layers import Softmax
from digitcnn.preprocessing.normalizer import DigitNormalizer

# How far probabilities may be from the estimator's where both compute in float32.
TOLERANCE = 1e-4


def export_onnx(clf: Any, path: str | os.PathLike[str]) -> None:
    """Write a fitted classifier, or an ensemble of them, as an ONNX file.

    The file reads images without this package, in any runtime of ONNX. Its input ``images`` has the
    shape (n, height, width, channels), n being any number. It is uint8, or float32 where the
    training data's pixel range does not lie in 0..255 or is no wider than 0..1. Its outputs are
    ``label``, of shape (n,) and of the labels' own type, and ``probabilities``, float32 of shape
    (n, n_classes). The scaling of the pixels, the views of `test_time_augmentation`, the
    temperature and the mean of an ensemble are in the graph; checks of the images are not, nor is
    what ``image_shape="pad"`` does to rows: fill them with zeros to the images' size first. It
    computes in float32 whatever the estimator's precision.

    Parameters
    ----------
    clf : DigitCNNClassifier, sklearn.ensemble.VotingClassifier or sklearn.pipeline.Pipeline
        An ensemble of `DigitCNNClassifier` alone, with ``voting="soft"`` and without weights. Of a
        pipeline the last step is written: what its `DigitNormalizer` does to pictures, whoever asks
        the file has to do. The file's metadata says so in words, as ``preprocessing``.
    path : str or path-like
        A file that is there is replaced, as a whole or not at all.

    Raises
    ------
    ValueError
        If it is another estimator, if the labels are neither numbers nor strings, or if a network
        of the user's own is no `keras.Sequential`, overrides its `call` or `predict_step`, or has a
        layer that is not known here.

    Examples
    --------
    >>> import tempfile, os
    >>> import digitcnn, onnxruntime
    >>> X, y = digitcnn.datasets.load_sample_digits()
    >>> clf = digitcnn.DigitCNNClassifier(epochs=1, random_state=0).fit(X[:256], y[:256])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     digitcnn.export_onnx(clf, os.path.join(folder, "m.onnx"))
    ...     session = onnxruntime.InferenceSession(os.path.join(folder, "m.onnx"))
    >>> label, probabilities = session.run(None, {"images": X[:3].reshape(-1, 28, 28, 1)})
    >>> probabilities.shape
    (3, 10)
    """
    data = to_onnx(clf)
    atomic_write(path, lambda file: file.write(data))


def to_onnx(clf: Any) -> bytes:
    """What `export_onnx` writes."""
    words = _preprocessing_of(clf)
    clf = last_step(clf)
    members = named_networks(clf, "cannot be exported to ONNX").values()
    networks = [_fitted_network(member) for member in members]
    data: bytes = build_graph(networks, clf.classes_, preprocessing=words).SerializeToString()
    return data


def _preprocessing_of(clf: Any) -> str:
    """What the steps of a pipeline before the network do to pictures, in words."""
    steps = clf[:-1] if isinstance(clf, Pipeline) else ()
    return " ".join(
        f"Each picture of one digit is redrawn as MNIST's were made: its strokes, cropped, fitted "
        f"into {step.box}x{step.box} pixels with their proportions, and drawn light on black in "
        f"{step.size}x{step.size} pixels with their centre of mass in the middle."
        for step in steps
        if isinstance(step, DigitNormalizer)
    )


def _fitted_network(clf: Any) -> FittedNetwork:
    architecture = clf._parameters_as_fitted()["architecture"]
    if isinstance(architecture, str):
        layers = get_layers(architecture, clf.image_shape_, count_outputs(len(clf.classes_)))
        weights = clf._trainer.network.get_weights()
    else:
        # Of a copy: the estimator need not keep a network for itself because of this.
        model = copy.copy(clf._trainer.network).model
        layers, weights = _describe_own(model, clf.image_shape_), model.get_weights()
    return FittedNetwork(
        layers,
        weights,
        clf.image_shape_,
        clf.pixel_range_,
        clf.temperature_,
        clf.test_time_augmentation,
        clf.fill_mode,
    )


def _describe_own(model: Any, image_shape: tuple[int, int, int]) -> Architecture:
    """The layers that answer as a user's model does, whose answers may be logits."""
    import keras

    from digitcnn.backend.build import describe
    from digitcnn.backend.own_models import answers_in_logits

    try:
        layers = describe(model)
        for name in ("__call__", "call", "predict_step"):
            if getattr(type(model), name) is not getattr(keras.Sequential, name):
                raise ValueError(f"expected Keras's own {name}, got {type(model).__name__}.{name}")
    except ValueError as error:
        raise ValueError(f"the network cannot be exported to ONNX: {error}") from None
    return (*layers, Softmax()) if answers_in_logits(model, image_shape) else layers


def compare(clf: Any, data: bytes, X: np.ndarray) -> tuple[int, float]:
    """How far an exported graph, run by ONNX Runtime, is from its estimator.

    Parameters
    ----------
    clf : DigitCNNClassifier or sklearn.ensemble.VotingClassifier
    data : bytes
        From `to_onnx`.
    X : ndarray of shape (n, pixels)
        As the last step of a pipeline takes them.

    Returns
    -------
    n_differing : int
        Labels that are not the same.
    difference : float
        The largest one between two probabilities.
    """
    onnxruntime = import_onnx_runtime()

    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    clf = last_step(clf)
    network = networks_of(clf)[0]  # those of an ensemble take the same images
    images = to_images(X, network.image_shape_).astype(input_dtype(network.pixel_range_))
    labels, probabilities = session.run(["label", "probabilities"], {"images": images})
    names = getattr(clf, "feature_names_in_", None)
    own = clf.predict_proba(X if names is None else _named(X, names))
    n_differing = int((labels != clf.classes_[own.argmax(axis=1)]).sum())
    return n_differing, float(np.abs(probabilities - own).max())


def _named(X: np.ndarray, names: np.ndarray) -> Any:
    import pandas as pd

    return pd.DataFrame(X, columns=names)
