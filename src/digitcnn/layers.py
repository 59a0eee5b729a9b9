"""The layers of networks as plain data, and their output shapes.

A layer has the name, the settings and the defaults of Keras's layer of that name, but always
expects channels last.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from math import prod
from typing import NamedTuple

# Of rows and columns, where they differ.
Size = int | tuple[int, int]

# Each layer's class, by its name.
LAYERS: dict[str, type["Layer"]] = {}


@dataclass(frozen=True)
class Layer:
    """The description of a layer."""

    def __init_subclass__(cls) -> None:
        if not cls.__name__.startswith("_"):
            LAYERS[cls.__name__] = cls

    def __str__(self) -> str:
        settings = [
            f"{field.name}={value!r}"
            for field in fields(self)
            if (value := getattr(self, field.name)) != field.default
        ]
        return f"{type(self).__name__}({', '.join(settings)})"


@dataclass(frozen=True, kw_only=True)
class _OnImages(Layer):
    data_format: str = "channels_last"


@dataclass(frozen=True)
class Conv2D(_OnImages):
    """A convolution, without ("valid") or with zero padding ("same")."""

    filters: int
    kernel_size: Size
    strides: Size = 1
    padding: str = "valid"
    activation: str | None = None
    dilation_rate: Size = 1
    groups: int = 1
    use_bias: bool = True


@dataclass(frozen=True)
class BatchNormalization(Layer):
    """Batch normalisation of each channel."""

    momentum: float = 0.99
    epsilon: float = 0.001
    axis: int = -1
    scale: bool = True
    center: bool = True


@dataclass(frozen=True)
class _Pooling(_OnImages):
    pool_size: Size = 2
    strides: Size | None = None
    padding: str = "valid"


@dataclass(frozen=True)
class MaxPooling2D(_Pooling):
    """Maximum pooling."""


@dataclass(frozen=True)
class AveragePooling2D(_Pooling):
    """Average pooling."""


@dataclass(frozen=True)
class _GlobalPooling(_OnImages):
    keepdims: bool = False


@dataclass(frozen=True)
class GlobalMaxPooling2D(_GlobalPooling):
    """The maximum of each channel."""


@dataclass(frozen=True)
class GlobalAveragePooling2D(_GlobalPooling):
    """The mean of each channel."""


@dataclass(frozen=True)
class Flatten(_OnImages):
    """Reshape to one row of numbers."""


@dataclass(frozen=True)
class Dense(Layer):
    """A fully connected layer."""

    units: int
    activation: str | None = None
    use_bias: bool = True


@dataclass(frozen=True)
class Dropout(Layer):
    """Sets a random fraction of the numbers to 0 in training."""

    rate: float


@dataclass(frozen=True)
class Activation(Layer):
    """An element-wise function, or the softmax of each row."""

    activation: str | None


@dataclass(frozen=True)
class ReLU(Layer):
    """Rectified linear unit, with Keras's options."""

    max_value: float | None = None
    negative_slope: float = 0.0
    threshold: float = 0.0


@dataclass(frozen=True)
class LeakyReLU(Layer):
    """Leaky ReLU: negative numbers are scaled."""

    negative_slope: float = 0.3


@dataclass(frozen=True)
class ELU(Layer):
    """Exponential linear unit."""

    alpha: float = 1.0


@dataclass(frozen=True)
class Softmax(Layer):
    """Softmax of logits."""

    axis: int = -1


def pair(size: Size) -> tuple[int, int]:
    """A size as a pair: rows, columns."""
    return (size, size) if isinstance(size, int) else (size[0], size[1])


class LayerShapes(NamedTuple):
    """A layer of a network with its shapes, for one image."""

    layer: Layer
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    weight_shapes: list[tuple[int, ...]]


def trace_shapes(
    layers: Iterable[Layer], image_shape: tuple[int, int, int]
) -> Iterator[LayerShapes]:
    """The shapes of the inputs, outputs and weights of each layer, in Keras's order.

    Parameters
    ----------
    layers : iterable of Layer
    image_shape : tuple of int (height, width, channels)
        Any size: no memory is allocated.

    Examples
    --------
    >>> from digitcnn.layers import Conv2D, Flatten, trace_shapes
    >>> for step in trace_shapes([Conv2D(4, 3, strides=2), Flatten()], (28, 28, 1)):
    ...     print(step.output_shape, step.weight_shapes)
    (13, 13, 4) [(3, 3, 1, 4), (4,)]
    (676,) []
    """
    shape: tuple[int, ...] = image_shape
    for layer in layers:
        made = output_shape(layer, shape)
        yield LayerShapes(layer, shape, made, _weight_shapes(layer, shape[-1]))
        shape = made


def output_shape(layer: Layer, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The output shape of a layer for one image, or one row of numbers."""
    match layer:
        case Conv2D():
            sides = _count_windows(shape, layer, layer.kernel_size, layer.dilation_rate)
            return *sides, layer.filters
        case _Pooling():
            return *_count_windows(shape, layer, layer.pool_size), shape[-1]
        case _GlobalPooling():
            return (1, 1, shape[-1]) if layer.keepdims else shape[-1:]
        case Flatten():
            return (prod(shape),)
        case Dense():
            return *shape[:-1], layer.units
    return shape


def _count_windows(
    shape: tuple[int, ...], layer: Conv2D | _Pooling, size: Size, dilation: Size = 1
) -> list[int]:
    """Number of window positions in an image, in rows and columns."""
    counts = []
    strides = layer.strides or size
    for n, width, stride, step in zip(
        shape[:2], pair(size), pair(strides), pair(dilation), strict=True
    ):
        lost = (width - 1) * step if layer.padding == "valid" else 0
        counts.append(-(-(n - lost) // stride))
    return counts


def _weight_shapes(layer: Layer, channels: int) -> list[tuple[int, ...]]:
    match layer:
        case Conv2D():
            kernel = *pair(layer.kernel_size), channels // layer.groups, layer.filters
            return [kernel, *[(layer.filters,)] * layer.use_bias]
        case Dense():
            return [(channels, layer.units), *[(layer.units,)] * layer.use_bias]
        case BatchNormalization():
            # Scale and offset, moving mean and moving variance.
            return [(channels,)] * (layer.scale + layer.center + 2)
    return []
