"""Networks of any layers, as descriptions, and weights for them."""

import numpy as np
from hypothesis import strategies as st

from digitcnn.layers import (
    ELU,
    Activation,
    AveragePooling2D,
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    LeakyReLU,
    MaxPooling2D,
    ReLU,
    Softmax,
    output_shape,
    trace_shapes,
)

FUNCTIONS = (None, "elu", "relu", "selu", "sigmoid", "softplus", "tanh")

plain_layers = st.one_of(
    st.builds(
        BatchNormalization,
        momentum=st.just(0.7),
        epsilon=st.sampled_from([1e-3, 0.1]),
        scale=st.booleans(),
        center=st.booleans(),
    ),
    st.builds(Activation, st.sampled_from([*FUNCTIONS, "softmax"])),
    st.builds(ReLU, st.sampled_from([None, 1.0]), st.sampled_from([0.0, 0.2])),
    st.builds(LeakyReLU, st.just(0.2)),
    st.builds(ELU, st.just(0.7)),
    st.builds(Dropout, st.just(0.3)),
)


@st.composite
def image_layers(draw, shape):
    kind = draw(st.sampled_from([Conv2D, MaxPooling2D, AveragePooling2D, None]))
    if kind is None:
        return draw(plain_layers)
    size = draw(st.sampled_from([1, 2, 3, (3, 2)]))
    fits = min(shape[:2]) >= 5  # with the dilation
    padding = draw(st.sampled_from(["same", "valid"] if fits else ["same"]))
    strides = draw(st.sampled_from([1, 2, (1, 2)]))
    if kind is not Conv2D:
        strides = draw(st.sampled_from([None, strides]))
        return kind(size, strides, padding)
    groups = draw(st.sampled_from([n for n in (1, 2) if shape[-1] % n == 0]))
    return Conv2D(
        2 * draw(st.integers(1, 2)),
        size,
        strides,
        padding,
        draw(st.sampled_from(FUNCTIONS)),
        # TensorFlow has the one or the other.
        draw(st.integers(1, 2)) if strides == 1 else 1,
        groups,
        draw(st.booleans()),
    )


@st.composite
def networks(draw):
    """An image shape, and a stack of layers that makes three probabilities of such an image."""
    image_shape = shape = (
        draw(st.integers(5, 9)),
        draw(st.integers(5, 9)),
        draw(st.integers(1, 2)),
    )
    stack = []
    for _ in range(draw(st.integers(0, 4))):
        stack.append(draw(image_layers(shape)))
        shape = output_shape(stack[-1], shape)
    pooling = draw(st.sampled_from([None, GlobalMaxPooling2D, GlobalAveragePooling2D]))
    keepdims = draw(st.booleans())
    if pooling is not None:
        stack.append(pooling(keepdims=keepdims))
    if pooling is None or keepdims:
        stack.append(Flatten())
    stack += draw(st.lists(plain_layers, max_size=1))
    bias = draw(st.booleans())
    return image_shape, (
        *stack,
        *draw(st.sampled_from([[Dense(3, "softmax", bias)], [Dense(3, None, bias), Softmax()]])),
    )


def random_weights(stack, image_shape, seed=0):
    rng = np.random.default_rng(seed)
    return [
        # Some are variances.
        (rng.uniform(0.5, 1.5, shape) if len(shape) == 1 else rng.normal(size=shape) / 2).astype(
            np.float32
        )
        for step in trace_shapes(stack, image_shape)
        for shape in step.weight_shapes
    ]
