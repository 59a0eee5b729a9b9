"""The named architectures as plain data: what layers a network has, in their order.

Everything that depends on an architecture is made from its description: the Keras model
(`digitcnn.backend.build`), and without Keras the shapes of its weights. A new architecture is one
function here, and its name in `ARCHITECTURES`.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import prod

ImageShape = tuple[int, int, int]

# From this side on, the border of an image is background that a first convolution may do without.
_LARGE = 20


@dataclass(frozen=True)
class Convolution:
    """A convolution, with zeros around the image ("same") or without ("valid")."""

    filters: int
    kernel: int
    activation: str | None = None
    stride: int = 1
    padding: str = "same"
    bias: bool = True


@dataclass(frozen=True)
class Normalization:
    """Batch normalisation of each channel."""

    momentum: float


@dataclass(frozen=True)
class Rectifier:
    """The larger of a number and 0."""


@dataclass(frozen=True)
class Pooling:
    """The largest of each two by two pixels."""


@dataclass(frozen=True)
class GlobalPooling:
    """The largest number of each channel."""


@dataclass(frozen=True)
class Flattening:
    """All numbers in one row."""


@dataclass(frozen=True)
class Dropout:
    """In training, a part of the numbers is 0."""

    rate: float


@dataclass(frozen=True)
class Connection:
    """A dense layer."""

    units: int
    activation: str


Layer = (
    Convolution
    | Normalization
    | Rectifier
    | Pooling
    | GlobalPooling
    | Flattening
    | Dropout
    | Connection
)
Architecture = tuple[Layer, ...]


def compact(image_shape: ImageShape, n_classes: int, *, dropout: float = 0.1) -> Architecture:
    """The default network: the most accuracy for the time.

    Five convolutions, each normalised before its ReLU [1]_. The first, of stride 2 and on large
    images without padding, does what a pooling layer would, at less than a quarter of its cost.
    For 28x28 images and ten classes it has 300,298 parameters, 299,402 of them trainable.

    References
    ----------
    .. [1] S. Ioffe, C. Szegedy, "Batch normalization: accelerating deep network training by
       reducing internal covariate shift", ICML 2015.
    """
    padding = "valid" if min(image_shape[:2]) >= _LARGE else "same"
    # What a bias would add, the normalisation takes away. Its moving averages, of momentum 0.9, are
    # right after some tens of batches, so that short trainings and small tables predict as they
    # trained.
    norm = Normalization(0.9)
    return _fitted(
        image_shape,
        Convolution(64, 6, stride=2, padding=padding, bias=False),
        norm,
        Rectifier(),
        Convolution(64, 3, bias=False),
        norm,
        Rectifier(),
        Convolution(64, 3, bias=False),
        norm,
        # The largest of rectified numbers is the rectified largest: a quarter of the work.
        Pooling(),
        Rectifier(),
        Convolution(128, 3, bias=False),
        norm,
        Rectifier(),
        Convolution(128, 3, bias=False),
        norm,
        GlobalPooling(),
        Rectifier(),
        Dropout(dropout),
        Connection(n_classes, "softmax"),
    )


def elu_bn(image_shape: ImageShape, n_classes: int, *, dropout: float = 0.0) -> Architecture:
    """Nine layers with ELU and batch normalisation.

    For 28x28 images and ten classes it has 1,245,322 parameters, 1,244,426 of them trainable.
    The first of the two notebooks that the package reproduces [1]_, which has no dropout.

    References
    ----------
    .. [1] S. Achary, "MNIST using CNN Keras - Acc 0.997", Kaggle notebook, 2018.
    """
    norm = Normalization(0.99)
    return _fitted(
        image_shape,
        Convolution(64, 7, "elu"),
        Pooling(),
        norm,
        Convolution(128, 5, "elu"),
        Convolution(128, 3, "elu"),
        Pooling(),
        norm,
        Convolution(256, 3, "elu"),
        Pooling(),
        norm,
        Flattening(),
        Connection(256, "elu"),
        Dropout(dropout),
        Connection(n_classes, "softmax"),
    )


def relu_dropout(image_shape: ImageShape, n_classes: int, *, dropout: float = 0.05) -> Architecture:
    """Four convolutions with ReLU and dropout.

    For 28x28 images and ten classes it has 594,922 parameters. The second of the two notebooks
    that the package reproduces [1]_, with its dropout. An image too small for a convolution without
    padding gets one with padding.

    References
    ----------
    .. [1] "Identify digits with Convolutional Neural Network", notebook on Kaggle's Digit
       Recognizer, 2017.
    """
    drop = Dropout(dropout)
    return _fitted(
        image_shape,
        Convolution(32, 3, "relu", padding="valid"),
        Convolution(32, 3, "relu", padding="valid"),
        Pooling(),
        drop,
        Convolution(64, 3, "relu", padding="valid"),
        Convolution(64, 3, "relu", padding="valid"),
        Pooling(),
        drop,
        Flattening(),
        Connection(512, "relu"),
        drop,
        Connection(n_classes, "softmax"),
    )


# The names that `DigitCNNClassifier(architecture=...)` knows.
ARCHITECTURES: dict[str, Callable[..., Architecture]] = {
    "compact": compact,
    "elu-bn": elu_bn,
    "relu-dropout": relu_dropout,
}


def _fitted(image_shape: ImageShape, *layers: Layer) -> Architecture:
    """The layers that an image of this size leaves something to do for.

    A convolution without padding on less than its kernel gets padding; where one pixel is left,
    nothing is pooled; a dropout of nothing is none.
    """
    kept: list[Layer] = []
    shape: tuple[int, ...] = image_shape
    for layer in layers:
        if isinstance(layer, Pooling) and min(shape[:2]) < 2:
            continue
        if isinstance(layer, Dropout) and not layer.rate:
            continue
        if isinstance(layer, Convolution) and min(shape[:2]) < layer.kernel:
            layer = replace(layer, padding="same")
        kept.append(layer)
        shape = output_shape(layer, shape)
    return tuple(kept)


def output_shape(layer: Layer, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of what a layer makes of one image, or row of numbers.

    Examples
    --------
    >>> from digitcnn.architectures import Convolution, output_shape
    >>> output_shape(Convolution(64, 6, stride=2, padding="valid"), (28, 28, 1))
    (12, 12, 64)
    """
    if isinstance(layer, Convolution):
        lost = layer.kernel - 1 if layer.padding == "valid" else 0
        height, width = (-(-(n - lost) // layer.stride) for n in shape[:2])
        return height, width, layer.filters
    if isinstance(layer, Pooling):
        return shape[0] // 2, shape[1] // 2, shape[2]
    if isinstance(layer, GlobalPooling):
        return shape[-1:]
    if isinstance(layer, Flattening):
        return (prod(shape),)
    if isinstance(layer, Connection):
        return (layer.units,)
    return shape


def weight_shapes(
    architecture: str, image_shape: ImageShape, n_classes: int
) -> list[tuple[int, ...]]:
    """The shapes of a network's weights, in Keras's order.

    Parameters
    ----------
    architecture : str
        A key of `ARCHITECTURES`.
    image_shape : tuple of int (height, width, channels)
        However large: no memory is taken.
    n_classes : int
        Number of outputs.

    Examples
    --------
    >>> from digitcnn.architectures import weight_shapes
    >>> weight_shapes("compact", (28, 28, 1), 10)[0]
    (6, 6, 1, 64)
    """
    shapes: list[tuple[int, ...]] = []
    shape: tuple[int, ...] = image_shape
    for layer in ARCHITECTURES[architecture](image_shape, n_classes):
        channels = shape[-1]
        if isinstance(layer, Convolution):
            shapes.append((layer.kernel, layer.kernel, channels, layer.filters))
            shapes += [(layer.filters,)] * layer.bias
        elif isinstance(layer, Normalization):
            shapes += [(channels,)] * 4  # scale, offset, moving mean, moving variance
        elif isinstance(layer, Connection):
            shapes += [(channels, layer.units), (layer.units,)]
        shape = output_shape(layer, shape)
    return shapes


def count_outputs(n_classes: int) -> int:
    """Outputs of a network for so many classes: a softmax over a single one would say nothing.

    Parameters
    ----------
    n_classes : int

    Examples
    --------
    >>> from digitcnn.architectures import count_outputs
    >>> count_outputs(1), count_outputs(10)
    (2, 10)
    """
    return max(n_classes, 2)


def choose_dropout(architecture: object, dropout: float | None) -> float | None:
    """The rate that a named architecture is built with; of a callable it is not known.

    Parameters
    ----------
    architecture : str or callable
        A key of `ARCHITECTURES`, or a user's function.
    dropout : float or None
        None is the architecture's own.

    Examples
    --------
    >>> from digitcnn.architectures import choose_dropout
    >>> choose_dropout("relu-dropout", None)
    0.05
    """
    if dropout is not None or not isinstance(architecture, str):
        return dropout
    own: float = inspect.signature(ARCHITECTURES[architecture]).parameters["dropout"].default
    return own
