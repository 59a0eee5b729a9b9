"""What the parameters stand for that are "auto": chosen by the data, in one place.

Data of MNIST's size trains in batches of 256. On small data these would be so few that the network
has not learned when the training ends: small data has smaller batches, and is passed over more
often.
"""

from math import sqrt
from typing import Any

import numpy as np

# The batch and the rates that everything else is in proportion to. `learning_rate="auto"`: of a
# training from scratch, and of one that goes on from a network that has had a whole training. There
# the first rate would undo what was learned; the second is the largest that was measured to cost
# nothing (benchmarks/going_on.py).
BATCH_SIZE = 256
LEARNING_RATE = 0.009
_LEARNING_RATE_GOING_ON = 0.0002
# Of one that starts from given weights (`init`), and learns from data that these never saw.
_LEARNING_RATE_FROM_INIT = 0.003
# Images from which on what they say counts for more than the weights that a training started from.
_IMAGES_FOR_HALF = 100
# Smaller batches say too little of the data's mean and variance, which normalisation needs.
_SMALLEST_BATCH = 16
# What a batch is made small for: batches in an epoch, and in a training whose epochs are given.
_BATCHES_AN_EPOCH = 12
_BATCHES_IN_ALL = 150
# `epochs="auto"`: as many as make this number of batches, within these bounds. Of data too small
# for batches of full size fewer do.
_AUTO_BATCHES, _AUTO_BATCHES_SMALL = 1200, 800
_AUTO_EPOCHS = (4, 100)


def choose_batch_size(n_images: int, epochs: int | None) -> int:
    """The batch for so many images: the largest power of two that makes enough batches.

    Parameters
    ----------
    n_images : int
    epochs : int or None
        Of the training; None where it takes as many as it needs, or goes on in further calls.

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
    """The epochs of a training that takes as many as it needs.

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
    """Batches in an epoch. The last may be smaller."""
    return -(-n_images // batch_size)


def choose_learning_rate(
    batch_size: int, *, goes_on: bool = False, has_init: bool = False
) -> float:
    """The rate for batches of a size: small ones are less certain, and move the weights less.

    Parameters
    ----------
    batch_size : int
    goes_on : bool, default=False
        Whether the network has had a whole training, which another one is to improve on.
    has_init : bool, default=False
        Whether it starts from given weights, which are to be adapted to other data.

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
    """How far the weights go from where `init` has them to where the training would [1]_.

    The few images of a new hand say little of all others, which the weights in between still read:
    of 100 images it is half the way, of many nearly all.

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


def settle(parameters: dict[str, Any], *, n_images: int, is_part: bool) -> dict[str, Any]:
    """The parameters of a training with numbers for batch and epochs. What is given is kept.

    The learning rate depends on what the network has learned before, and stays ``"auto"``.

    Parameters
    ----------
    parameters : dict
        The estimator's, checked.
    n_images : int
        Images to train on.
    is_part : bool
        Whether this is one call of several that train together, as those of `partial_fit` do.
    """
    epochs, batch_size = parameters["epochs"], parameters["batch_size"]
    if batch_size == "auto":
        is_known = not is_part and epochs != "auto"
        batch_size = choose_batch_size(n_images, epochs if is_known else None)
    if epochs == "auto":
        epochs = choose_epochs(n_images, batch_size)
    return {**parameters, "batch_size": batch_size, "epochs": int(epochs)}


def choose_momentum(own: float, n_batches: int) -> float:
    """How much of their past the averages keep that normalisation reads with.

    They begin at numbers that have nothing to do with the data: with the momentum of a long
    training a short one ends before these are forgotten, and the network reads at chance what it
    has learned well. One of a few levels, since a network is compiled for it.

    Parameters
    ----------
    own : float
        The layer's, which a training of enough batches has.
    n_batches : int
        Of this training and of those before it.

    Examples
    --------
    >>> from digitcnn.training.defaults import choose_momentum
    >>> [choose_momentum(0.99, n) for n in (3, 10, 100, 600)]
    [0.5, 0.5, 0.9375, 0.99]
    """
    level = 1 << (max(n_batches, 1).bit_length() - 1)
    return min(own, max(0.5, 1.0 - 4.0 / level))
