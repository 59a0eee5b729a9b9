"""Keras models of the named architectures, from their descriptions, and back.

Every layer gets its name, seed, precision and data format explicitly. So building a network uses no
global random generator and no automatic layer names of Keras, and neither changes Keras's global
settings nor depends on them.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import fields
from typing import Any

import keras
import numpy as np

from digitcnn.architectures import Architecture, ImageShape, get_layers
from digitcnn.backend.own_models import build_own
from digitcnn.layers import LAYERS, Conv2D, Dense, Dropout, Layer


def _seeds(seed: int) -> Iterator[int]:
    """Seeds for the layers of a network, in order."""
    rng = np.random.default_rng(seed)
    while True:
        yield int(rng.integers(2**31))


def build(
    architecture: str | Callable[..., keras.Model],
    image_shape: ImageShape,
    n_classes: int,
    *,
    dropout: float | None = None,
    momentum: float | None = None,
    seed: int = 0,
    dtype: str = "float32",
) -> keras.Model:
    """Build a named network, or that of a callable, not compiled.

    Parameters
    ----------
    architecture : str or callable
        A key of `digitcnn.architectures.ARCHITECTURES`, or a callable as for
        `digitcnn.backend.own_models.build_own`.
    image_shape : tuple of int (height, width, channels)
        Pixels, in 0..1.
    n_classes : int
        Number of outputs.
    dropout : float or None, default=None
        None uses the default of the architecture.
    momentum : float or None, default=None
        Momentum of batch normalisation in named networks; None uses the default.
    seed : int, default=0
        Seed of the initial weights and of the dropout.
    dtype : str, default="float32"
        Keras dtype policy of the layers but the last.

    Raises
    ------
    TypeError, ValueError
        As `build_own`.
    """
    if not isinstance(architecture, str):
        return build_own(
            architecture, image_shape, n_classes, dropout=dropout, seed=seed, dtype=dtype
        )
    layers = get_layers(architecture, image_shape, n_classes, dropout, momentum)
    return to_keras(layers, image_shape, seed=seed, dtype=dtype, name=architecture)


def to_keras(
    layers: Architecture,
    image_shape: ImageShape,
    *,
    seed: int = 0,
    dtype: str = "float32",
    name: str | None = None,
) -> keras.Sequential:
    """Build the Keras model of a description; parameters as in `build`."""
    seeds, numbers = _seeds(seed), Counter[str]()
    made: list[Any] = [keras.Input(image_shape, name="image", dtype="float32")]
    for layer in layers:
        # As Keras names layers: max_pooling2d_1.
        kind = re.sub("(?<=[a-z])(?=[A-Z])", "_", type(layer).__name__).lower()
        numbers[kind] += 1
        # The softmax is always in float32.
        own_dtype = "float32" if len(made) == len(layers) else dtype
        made.append(_to_keras(layer, seeds, name=f"{kind}_{numbers[kind]}", dtype=own_dtype))
    model = keras.Sequential(made, name=name)
    # The model itself would have the global dtype policy. Under mixed_float16 its inputs would be
    # rounded, and its optimizer would scale the loss.
    model.dtype_policy = "float32"
    return model


def _to_keras(layer: Layer, seeds: Iterator[int], **options: Any) -> keras.Layer:
    if isinstance(layer, Conv2D | Dense):
        options["kernel_initializer"] = keras.initializers.GlorotUniform(seed=next(seeds))
    elif isinstance(layer, Dropout):
        options["seed"] = next(seeds)
    return getattr(keras.layers, type(layer).__name__)(**vars(layer), **options)


def describe(model: keras.Model) -> Architecture:
    """The description of a Keras model: the reverse of `to_keras`.

    Parameters
    ----------
    model : keras.Model
        A named or a user's network. The caller must ensure that it does not override `call`.

    Raises
    ------
    ValueError
        If it is not a `keras.Sequential`, or has a layer or activation that descriptions lack.

    Examples
    --------
    >>> from digitcnn.backend.build import build, describe
    >>> print(describe(build("compact", (28, 28, 1), 10))[1])
    BatchNormalization(momentum=0.9)
    """
    if not isinstance(model, keras.Sequential):
        raise ValueError(f"expected a keras.Sequential, got a {type(model).__name__}")
    return tuple(_from_keras(layer) for layer in model.layers)


def _from_keras(layer: keras.Layer) -> Layer:
    name = type(layer).__name__
    if name not in LAYERS or type(layer) is not getattr(keras.layers, name):
        known = ", ".join(sorted(LAYERS))
        raise ValueError(f"layer {layer.name!r}: expected one of Keras's {known}, got a {name}")
    settings = {field.name: getattr(layer, field.name) for field in fields(LAYERS[name])}
    if "activation" in settings:
        function = settings["activation"]
        settings["activation"] = own = getattr(function, "__name__", repr(function))
        if getattr(keras.activations, own, None) is not function:
            raise ValueError(f"layer {layer.name!r}: expected an activation of Keras's, got {own}")
        if function is keras.activations.linear:
            settings["activation"] = None
    return LAYERS[name](**settings)


def reseed(model: keras.Model, seed: int) -> None:
    """Reset a network to its initial state for a seed.

    This takes a fraction of the time of building it.

    Parameters
    ----------
    model : keras.Model
        A network named in `digitcnn.architectures.ARCHITECTURES`.
    seed : int
        Seed of the initial weights and of the dropout.

    Examples
    --------
    >>> from digitcnn.backend.build import build, reseed
    >>> network = build("compact", (28, 28, 1), 10, seed=0)
    >>> reseed(network, 1)
    >>> other = build("compact", (28, 28, 1), 10, seed=1)
    >>> bool((network.get_weights()[0] == other.get_weights()[0]).all())
    True
    """
    # Seeds in the order of the layers, as in `build`.
    seeds = _seeds(seed)
    for layer in model.layers:
        if isinstance(layer, keras.layers.Dropout):
            layer.seed = next(seeds)
            layer.seed_generator.state.assign([layer.seed, 0])
        elif hasattr(layer, "kernel_initializer"):
            layer.kernel_initializer = keras.initializers.GlorotUniform(seed=next(seeds))
        for weight in layer.weights:
            initializer = getattr(layer, f"{weight.name}_initializer")
            weight.assign(initializer(weight.shape, dtype=weight.dtype))
