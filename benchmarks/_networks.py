"""Networks that are not in the package, for comparison."""

from typing import Any

import numpy as np

DROPOUT = 0.1
# Each convolution as (filters, side of the kernel, stride, padding); "pool" is a pooling.
Layers = list[tuple[int, int, int, str] | str]


def network(image_shape, n_classes, *, body: Layers, dropout=None, seed=0, dtype="float32"):
    """Convolutions normalised before their ReLU, and a global maximum, as in `compact`."""
    import keras
    from keras import layers

    rng = np.random.default_rng(seed)

    def kernel() -> keras.initializers.Initializer:
        return keras.initializers.GlorotUniform(seed=int(rng.integers(2**31)))

    stack: list[Any] = [keras.Input(image_shape)]
    for part, following in zip(body, [*body[1:], "end"], strict=True):
        if part == "pool":
            stack += [layers.MaxPooling2D(2, dtype=dtype), layers.ReLU(dtype=dtype)]
            continue
        filters, side, stride, padding = part
        stack += [
            layers.Conv2D(
                filters,
                side,
                strides=stride,
                padding=padding,
                use_bias=False,
                kernel_initializer=kernel(),
                dtype=dtype,
            ),
            layers.BatchNormalization(momentum=0.9, dtype=dtype),
        ]
        if following not in ("pool", "end"):
            stack.append(layers.ReLU(dtype=dtype))
    stack += [layers.GlobalMaxPooling2D(dtype=dtype), layers.ReLU(dtype=dtype)]
    rate = DROPOUT if dropout is None else dropout
    stack.append(layers.Dropout(rate, seed=int(rng.integers(2**31)), dtype=dtype))
    stack.append(layers.Dense(n_classes, "softmax", kernel_initializer=kernel(), dtype="float32"))
    return keras.Sequential(stack)
