"""Keras models of the named architectures, from their descriptions.

Every layer is given its name, its seed, its precision and its data format. So building a network
draws nothing from a global random generator, counts up none of Keras's automatic names of layers,
leaves the global settings of Keras alone and depends on none of them.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
from keras import layers

from digitcnn import architectures
from digitcnn.architectures import ARCHITECTURES, ImageShape, choose_dropout
from digitcnn.backend.own_models import build_own

# A layer's description -> what its names begin with.
_NAMES = {
    architectures.Connection: "dense",
    architectures.Convolution: "conv",
    architectures.Dropout: "dropout",
    architectures.Flattening: "flatten",
    architectures.GlobalPooling: "global_pool",
    architectures.Normalization: "norm",
    architectures.Pooling: "pool",
    architectures.Rectifier: "relu",
}


def _seeds(seed: int) -> Iterator[int]:
    """Seeds for a network's layers, one after the other."""
    rng = np.random.default_rng(seed)
    while True:
        yield int(rng.integers(2**31))


def build(
    architecture: str | Callable[..., keras.Model],
    image_shape: ImageShape,
    n_classes: int,
    *,
    dropout: float | None = None,
    seed: int = 0,
    dtype: str = "float32",
) -> keras.Model:
    """The network of a name or of a callable, not compiled.

    Parameters
    ----------
    architecture : str or callable
        A key of `ARCHITECTURES`, or what `digitcnn.backend.own_models.build_own` takes.
    image_shape : tuple of int (height, width, channels)
        Pixels, in 0..1.
    n_classes : int
        Number of outputs.
    dropout : float or None, default=None
        None is the architecture's own.
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
    rate = choose_dropout(architecture, dropout)
    stack = ARCHITECTURES[architecture](image_shape, n_classes, dropout=rate)
    seeds, numbers = _seeds(seed), Counter[str]()
    made: list[Any] = [keras.Input(image_shape, name="image", dtype="float32")]
    for layer in stack:
        name = _NAMES[type(layer)]
        numbers[name] += 1
        # Whatever the precision of the rest, the softmax is in float32.
        own_dtype = "float32" if layer is stack[-1] else dtype
        made.append(_to_keras(layer, seeds, name=f"{name}_{numbers[name]}", dtype=own_dtype))
    model = keras.Sequential(made, name=architecture)
    # A model has a policy beside its layers': the global one. Under mixed_float16 its inputs
    # would be rounded, and its optimizer would scale the loss.
    model.dtype_policy = "float32"
    return model


def _to_keras(layer: architectures.Layer, seeds: Iterator[int], **options: Any) -> keras.Layer:
    match layer:
        case architectures.Convolution():
            return layers.Conv2D(
                layer.filters,
                layer.kernel,
                strides=layer.stride,
                padding=layer.padding,
                activation=layer.activation,
                use_bias=layer.bias,
                kernel_initializer=keras.initializers.GlorotUniform(seed=next(seeds)),
                data_format="channels_last",
                **options,
            )
        case architectures.Connection():
            return layers.Dense(
                layer.units,
                activation=layer.activation,
                kernel_initializer=keras.initializers.GlorotUniform(seed=next(seeds)),
                **options,
            )
        case architectures.Dropout():
            return layers.Dropout(layer.rate, seed=next(seeds), **options)
        case architectures.Normalization():
            return layers.BatchNormalization(momentum=layer.momentum, **options)
        case architectures.Pooling():
            return layers.MaxPooling2D(2, data_format="channels_last", **options)
        case architectures.GlobalPooling():
            return layers.GlobalMaxPooling2D(data_format="channels_last", **options)
        case architectures.Flattening():
            return layers.Flatten(data_format="channels_last", **options)
        case architectures.Rectifier():
            return layers.ReLU(**options)


def reseed(model: keras.Model, seed: int) -> None:
    """Make of a network what it would be, had it just been built with this seed.

    That takes a fraction of the time that building takes.

    Parameters
    ----------
    model : keras.Model
        Of a key of `ARCHITECTURES`.
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
    # Dealt out in the order of the layers, as `build` does.
    seeds = _seeds(seed)
    for layer in model.layers:
        if isinstance(layer, layers.Dropout):
            layer.seed = next(seeds)
            layer.seed_generator.state.assign([layer.seed, 0])
        elif hasattr(layer, "kernel_initializer"):
            layer.kernel_initializer = keras.initializers.GlorotUniform(seed=next(seeds))
        for weight in layer.weights:
            initializer = getattr(layer, f"{weight.name}_initializer")
            weight.assign(initializer(weight.shape, dtype=weight.dtype))
