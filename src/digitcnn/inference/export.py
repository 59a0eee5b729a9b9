"""Exports fitted estimators as ONNX files."""

import copy
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline

from digitcnn._typing import FilePath, FittedClassifier
from digitcnn._utils.atomic import atomic_write
from digitcnn._utils.ensembles import last_step, named_networks, networks_of
from digitcnn._utils.images import to_images
from digitcnn.architectures import Architecture, count_outputs, get_layers
from digitcnn.inference.graph import FittedNetwork, build_graph, input_dtype
from digitcnn.inference.runtime import import_onnx_runtime
from digitcnn.layers import Softmax
from digitcnn.preprocessing.normalizer import DigitNormalizer

# The largest accepted difference of probabilities from the estimator's, if both use float32.
TOLERANCE = 1e-4


def export_onnx(clf: FittedClassifier, path: FilePath) -> None:
    """Write a fitted classifier, or an ensemble of them, as an ONNX file.

    The file classifies images in any ONNX runtime, without this package.

    - The input ``images`` has the shape (n, height, width, channels) with any n. Its type is uint8,
      or float32 if the training data's pixel range is not within 0..255, or not wider than 0..1.
    - The output ``label`` has the shape (n,) and the type of the labels.
    - The output ``probabilities`` is float32 of shape (n, n_classes).

    The graph includes the scaling of the pixels, the views of `test_time_augmentation`, the
    temperature and the mean of an ensemble. It does not check the images, and does not pad rows as
    ``image_shape="pad"`` does: append zeros up to the images' size yourself. It computes in
    float32, whatever the estimator's precision.

    Parameters
    ----------
    clf : DigitCNNClassifier, sklearn.ensemble.VotingClassifier or sklearn.pipeline.Pipeline
        An ensemble must contain only `DigitCNNClassifier`, with ``voting="soft"`` and without
        weights. Only the last step of a pipeline is written: the file's user must apply its
        `DigitNormalizer`, which the file's metadata describes in words as ``preprocessing``.
    path : str or path-like
        The file to write. An existing file is replaced, completely or not at all.

    Raises
    ------
    ValueError
        If it is another estimator, if the labels are neither numbers nor strings, or if a network
        of your own is not a `keras.Sequential`, overrides its `call` or `predict_step`, or has a
        layer that the export does not support.

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


def to_onnx(clf: FittedClassifier) -> bytes:
    """The content of the file that `export_onnx` writes."""
    words = _preprocessing_of(clf)
    clf = last_step(clf)
    members = named_networks(clf, "cannot be exported to ONNX").values()
    networks = [_fitted_network(member) for member in members]
    data: bytes = build_graph(networks, clf.classes_, preprocessing=words).SerializeToString()
    return data


def _preprocessing_of(clf: Any) -> str:
    """The preprocessing of a pipeline's steps before the network, in words."""
    steps = clf[:-1] if isinstance(clf, Pipeline) else ()
    return " ".join(
        f"Normalise each picture of a digit to MNIST's format: crop its strokes, scale them to fit "
        f"into {step.box}x{step.box} pixels with their proportions kept, and draw them light on "
        f"black in {step.size}x{step.size} pixels with their centre of mass in the middle."
        for step in steps
        if isinstance(step, DigitNormalizer)
    )


def _fitted_network(clf: Any) -> FittedNetwork:
    architecture = clf._parameters_as_fitted()["architecture"]
    if isinstance(architecture, str):
        layers = get_layers(architecture, clf.image_shape_, count_outputs(len(clf.classes_)))
        weights = clf._trainer.network.get_weights()
    else:
        # From a copy, so that the estimator does not keep the Keras model in memory.
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
    """The layers of a user's model, with a softmax added if it returns logits."""
    import keras

    from digitcnn.backend.build import describe
    from digitcnn.backend.own_models import answers_in_logits

    try:
        layers = describe(model)
        for name in ("__call__", "call", "predict_step"):
            if getattr(type(model), name) is not getattr(keras.Sequential, name):
                raise ValueError(f"expected Keras's own {name}, got {type(model).__name__}.{name}")
    except ValueError as error:
        raise ValueError(f"this network cannot be exported to ONNX: {error}") from None
    return (*layers, Softmax()) if answers_in_logits(model, image_shape) else layers


def compare(clf: FittedClassifier, data: bytes, X: np.ndarray) -> tuple[int, float]:
    """Compare the predictions of an exported graph, run by ONNX Runtime, with the estimator's.

    Parameters
    ----------
    clf : DigitCNNClassifier or sklearn.ensemble.VotingClassifier
    data : bytes
        From `to_onnx`.
    X : ndarray of shape (n, pixels)
        Images as the last step of a pipeline takes them.

    Returns
    -------
    n_differing : int
        The number of labels that differ.
    difference : float
        The largest difference between two probabilities.
    """
    onnxruntime = import_onnx_runtime()

    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    clf = last_step(clf)
    network = networks_of(clf)[0]  # all networks of an ensemble take the same images
    images = to_images(X, network.image_shape_).astype(input_dtype(network.pixel_range_))
    labels, probabilities = session.run(["label", "probabilities"], {"images": images})
    names = getattr(clf, "feature_names_in_", None)
    own = clf.predict_proba(X if names is None else _named(X, names))
    n_differing = int((labels != clf.classes_[own.argmax(axis=1)]).sum())
    return n_differing, float(np.abs(probabilities - own).max())


def _named(X: np.ndarray, names: np.ndarray) -> Any:
    import pandas as pd

    return pd.DataFrame(X, columns=names)
