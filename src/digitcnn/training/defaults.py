"""Values of the parameters that are "auto", chosen by the data.

Data of MNIST's size trains in batches of 256. Small data would give too few batches of that size to
learn from, so it is trained in smaller batches and for more epochs.
"""

from math import sqrt
from typing import Any

import numpy as np

# Reference batch size, and the learning rates for it with `learning_rate="auto"`: from scratch, and
# for a network that has completed a training. There the first rate would undo what was learned; the
# second is the largest that lost no accuracy in benchmarks/going_on.py.
BATCH_SIZE = 256
LEARNING_RATE = 0.009
_LEARNING_RATE_GOING_ON = 0.0002
# Fine-tuning: initial weights from `init`, and data that they were not trained on.
_LEARNING_RATE_FROM_INIT = 0.003
# Number of images at which `choose_share` is one half.
_IMAGES_FOR_HALF = 100
# Smaller batches estimate the mean and variance for batch normalisation too badly.
_SMALLEST_BATCH = 16
# Least number of batches per epoch, and per training with a given number of epochs.
_BATCHES_AN_EPOCH = 12
_BATCHES_IN_ALL = 150
# `epochs="auto"`: as many epochs as make this number of batches, within these bounds. The second
# number is for data too small for batches of 256.
_AUTO_BATCHES, _AUTO_BATCHES_SMALL = 1200, 800
_AUTO_EPOCHS = (4, 100)


def choose_batch_size(n_images: int, epochs: int | None) -> int:
    """Choose the batch size: the largest power of two that gives enough batches.

    Parameters
    ----------
    n_images : int
    epochs : int or None
        Epochs of the training; None if they are "auto" or further calls follow.

    Returns
    -------
    int
        From 16 to 256.

    Examples
    --------
    >>> from digitcnn.training.defaults import choose_batch_size
    >>> [choose_batch_size(n, epochs=None) for n in (60_000, 1_347, 400)]
    [256, 64, 32]
    >>> choose_batch_size(60_000, epochs=1), choose_batch_size(1_347, epochs=6)
    (256, 32)
    """
    most = n_images / _BATCHES_AN_EPOCH
    if epochs is not None:
        most = min(most, n_images * epochs / _BATCHES_IN_ALL)
    size = 1 << max(0, int(most).bit_length() - 1)
    return min(max(size, _SMALLEST_BATCH), BATCH_SIZE)


def choose_epochs(n_images: int, batch_size: int) -> int:
    """Choose the number of epochs.

    Examples
    --------
    >>> from digitcnn.training.defaults import choose_epochs
    >>> choose_epochs(60_000, 256), choose_epochs(1_347, 64), choose_epochs(100, 16)
    (5, 36, 100)
    """
    is_small = n_images < BATCH_SIZE * _BATCHES_AN_EPOCH
    most = _AUTO_BATCHES_SMALL if is_small else _AUTO_BATCHES
    return int(np.clip(most // count_batches(n_images, batch_size), *_AUTO_EPOCHS))


def count_batches(n_images: int, batch_size: int) -> int:
    """Batches per epoch. The last may be smaller."""
    return -(-n_images // batch_size)


def choose_learning_rate(
    batch_size: int, *, goes_on: bool = False, has_init: bool = False
) -> float:
    """Choose the learning rate for a batch size: lower for small batches, which vary more.

    Parameters
    ----------
    batch_size : int
    goes_on : bool, default=False
        Whether the network has completed a training that this one continues.
    has_init : bool, default=False
        Whether the initial weights are given and are fine-tuned to other data.

    Examples
    --------
    >>> from digitcnn.training.defaults import choose_learning_rate
    >>> choose_learning_rate(256), choose_learning_rate(64), choose_learning_rate(64, has_init=True)
    (0.009, 0.0045, 0.0015)
    """
    rate = LEARNING_RATE
    if has_init:
        rate = _LEARNING_RATE_FROM_INIT
    elif goes_on:
        rate = _LEARNING_RATE_GOING_ON
    return rate * min(1.0, sqrt(batch_size / BATCH_SIZE))


def choose_share(n_images: int) -> float:
    """Weight of the fine-tuned parameters in their mean with the initial ones [1]_.

    A mean of both keeps the accuracy on other handwriting, which a few new images say little about.
    The weight is 0.5 for 100 images and approaches 1 for many.

    References
    ----------
    .. [1] M. Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022.

    Examples
    --------
    >>> from digitcnn.training.defaults import choose_share
    >>> choose_share(100), choose_share(4_900)
    (0.5, 0.98)
    """
    return n_images / (n_images + _IMAGES_FOR_HALF)


def resolve_auto(parameters: dict[str, Any], *, n_images: int, is_part: bool) -> dict[str, Any]:
    """Replace "auto" by numbers for the batch size and the epochs.

    The learning rate depends on what the network has learned before, and stays ``"auto"``.

    Parameters
    ----------
    parameters : dict
        The estimator's, checked.
    n_images : int
        Images to train on.
    is_part : bool
        Whether this is one of several calls of `partial_fit`.
    """
    epochs, batch_size = parameters["epochs"], parameters["batch_size"]
    if batch_size == "auto":
        is_known = not is_part and epochs != "auto"
        batch_size = choose_batch_size(n_images, epochs if is_known else None)
    if epochs == "auto":
        epochs = choose_epochs(n_images, batch_size)
    return {**parameters, "batch_size": batch_size, "epochs": int(epochs)}


def choose_momentum(own: float, n_batches: int) -> float:
    """Choose the momentum of the moving averages of batch normalisation.

    The averages start at values unrelated to the data. A short training with the momentum of a long
    one ends before these are forgotten, and the network then predicts at chance although it has
    learned. The momentum has few levels, because a network is compiled for each.

    Parameters
    ----------
    own : float
        The momentum of the layer, used for a training with enough batches.
    n_batches : int
        Batches of this training and of earlier ones.

    Examples
    --------
    >>> from digitcnn.training.defaults import choose_momentum
    >>> [choose_momentum(0.99, n) for n in (3, 10, 100, 600)]
    [0.5, 0.5, 0.9375, 0.99]
    """
    level = 1 << (max(n_batches, 1).bit_length() - 1)
    return min(own, max(0.5, 1.0 - 4.0 / level))
