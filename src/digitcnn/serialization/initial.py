"""The weights for fine-tuning, from a model file or from the package's own model."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import numpy as np

from digitcnn.architectures import PRETRAINED, count_outputs
from digitcnn.serialization.schema import SerializedNetwork, read_model

_PRETRAINED_FILE = "digits.digitcnn"


@contextmanager
def model_path(model: str | os.PathLike[str]) -> Iterator[Path]:
    """The file of a model that is given by its path, or as "pretrained"."""
    if model != PRETRAINED:
        yield Path(model)
        return
    with as_file(files("digitcnn") / "pretrained" / _PRETRAINED_FILE) as path:
        yield path


def initial_architecture(init: str | os.PathLike[str]) -> str:
    """The architecture of the model that a fit starts from.

    Parameters
    ----------
    init : str or path-like
        As in `read_initial`.
    """
    return _read_network(init).architecture


def read_initial(
    init: str | os.PathLike[str],
    architecture: Any,
    image_shape: tuple[int, int, int],
    classes: np.ndarray,
) -> tuple[list[np.ndarray], bool]:
    """The initial weights of a fit, and whether the model knows all classes.

    The outputs of classes that the model knows keep their weights; those of new classes are random.

    Parameters
    ----------
    init : str or path-like
        A model file with a single network, or "pretrained".
    architecture : str or callable
        The architecture to fit; "auto" is the model's.
    image_shape : tuple of int (height, width, channels)
        The shape of the training images.
    classes : ndarray of shape (n_classes,)
        Compared with the model's classes as text: 3, 3.0 and "3" are one class.

    Returns
    -------
    weights : list of ndarray
        In Keras's order.
    knows_all : bool

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the model is an ensemble, or has another architecture or image shape.
    """
    network = _read_network(init)
    if architecture not in ("auto", network.architecture):
        raise ValueError(
            f"expected architecture={network.architecture!r}, that of init={str(init)!r}, got "
            f"{architecture!r}"
        )
    if image_shape != network.image_shape:
        height, width, channels = image_shape
        expected = " x ".join(map(str, network.image_shape))
        raise ValueError(
            f"expected images of {expected} pixels (height, width, channels) for "
            f"init={str(init)!r}, got {height} x {width} x {channels}. Put a DigitNormalizer "
            "before the classifier"
        )
    return _for_classes(network.weights, network.classes, classes)


def _read_network(init: str | os.PathLike[str]) -> SerializedNetwork:
    with model_path(init) as path:
        model = read_model(path)
    if len(model.networks) > 1:
        raise ValueError(
            f"expected a model of a single network, got init={str(init)!r}, an ensemble of "
            f"{len(model.networks)} networks"
        )
    (network,) = model.networks
    return network


def _for_classes(
    weights: list[np.ndarray], known: np.ndarray, classes: np.ndarray
) -> tuple[list[np.ndarray], bool]:
    """Weights with outputs for other classes.

    The weights of new classes are drawn as Keras initialises a new layer [1]_.

    References
    ----------
    .. [1] X. Glorot, Y. Bengio, "Understanding the difficulty of training deep feedforward neural
       networks", AISTATS 2010.
    """
    *features, kernel, bias = weights
    indices = {_name_of(label): i for i, label in enumerate(known.tolist())}
    n_inputs, n_outputs = len(kernel), count_outputs(len(classes))
    limit = np.sqrt(6 / (n_inputs + n_outputs))
    drawn = np.random.default_rng(0).uniform(-limit, limit, (n_inputs, n_outputs))
    new_kernel, new_bias = drawn.astype(np.float32), np.zeros(n_outputs, np.float32)
    for i, label in enumerate(classes.tolist()):
        if (index := indices.get(_name_of(label))) is not None:
            new_kernel[:, i], new_bias[i] = kernel[:, index], bias[index]
    knows_all = all(_name_of(label) in indices for label in classes.tolist())
    return [*features, new_kernel, new_bias], knows_all


def _name_of(label: Any) -> str:
    is_whole = isinstance(label, float) and label.is_integer()
    return str(int(label) if is_whole else label)
