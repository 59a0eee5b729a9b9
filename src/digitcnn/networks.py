"""Named architectures: pure functions from an image's shape and the classes to a Keras model.

Every layer is given its name, its seed, its precision and its data format. So building a network
draws nothing from a global random generator, counts up none of Keras's automatic names of layers,
leaves the global settings of Keras alone and depends on none of them.
"""

import inspect
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import RLock
from typing import Any
from weakref import WeakValueDictionary

import keras
import numpy as np
from keras import layers

ImageShape = tuple[int, int, int]

# From this side on, the border of an image is background that a first convolution may do without.
_LARGE = 20

# Layers whose data format is Keras's global one, unless they are given theirs.
_WITH_DATA_FORMAT = (
    layers.Conv2D,
    layers.Flatten,
    layers.GlobalMaxPooling2D,
    layers.MaxPooling2D,
)

# Whether networks are made without their weights.
_unbuilt: ContextVar[bool] = ContextVar("unbuilt", default=False)


def _seeds(seed: int) -> Iterator[int]:
    """Seeds for a network's layers, one after the other."""
    rng = np.random.default_rng(seed)
    while True:
        yield int(rng.integers(2**31))


class _Stack:
    """A sequential network under construction.

    It names the layers, deals out the seeds and keeps track of the image's side, which decides
    whether there is anything left to pool.
    """

    def __init__(self, name: str, image_shape: ImageShape, seed: int, dtype: str) -> None:
        self.name = name
        self.dtype = dtype
        self.seeds = _seeds(seed)
        self.side = image_shape[:2]
        self.layers: list[Any] = [keras.Input(image_shape, name="image", dtype="float32")]

    def add(self, kind: Callable[..., Any], *args: Any, name: str, **kwargs: Any) -> None:
        kwargs.setdefault("dtype", self.dtype)
        if kind in _WITH_DATA_FORMAT:
            kwargs["data_format"] = "channels_last"
        number = sum(isinstance(layer, kind) for layer in self.layers) + 1  # type: ignore[arg-type]
        self.layers.append(kind(*args, name=f"{name}_{number}", **kwargs))

    def conv(
        self,
        filters: int,
        kernel: int,
        activation: str | None,
        *,
        padding: str = "same",
        stride: int = 1,
        bias: bool = True,
    ) -> None:
        if padding == "valid" and min(self.side) < kernel:
            padding = "same"
        self.add(
            layers.Conv2D,
            filters,
            kernel,
            strides=stride,
            padding=padding,
            activation=activation,
            use_bias=bias,
            kernel_initializer=self.initializer(),
            name="conv",
        )
        lost = kernel - 1 if padding == "valid" else 0
        height, width = (-(-(n - lost) // stride) for n in self.side)
        self.side = height, width

    def pool(self) -> None:
        if min(self.side) > 1:
            self.add(layers.MaxPooling2D, 2, name="pool")
            self.side = self.side[0] // 2, self.side[1] // 2

    def norm(self, momentum: float) -> None:
        self.add(layers.BatchNormalization, momentum=momentum, name="norm")

    def rectify(self) -> None:
        self.add(layers.ReLU, name="relu")

    def drop(self, rate: float) -> None:
        if rate:
            self.add(layers.Dropout, rate, seed=next(self.seeds), name="dropout")

    def dense(self, units: int, activation: str) -> None:
        self.add(
            layers.Dense,
            units,
            activation=activation,
            kernel_initializer=self.initializer(),
            name="dense",
        )

    def flatten(self) -> None:
        self.add(layers.Flatten, name="flatten")

    def model(self, n_classes: int) -> keras.Model:
        """The network, closed by a softmax in float32 whatever the precision of the rest."""
        self.add(
            layers.Dense,
            n_classes,
            activation="softmax",
            kernel_initializer=self.initializer(),
            name="dense",
            dtype="float32",
        )
        # Without its input a network is not built, and has no weights.
        model = keras.Sequential(self.layers[_unbuilt.get() :], name=self.name)
        # A model has a policy beside its layers': the global one. Under mixed_float16 its inputs
        # would be rounded, and its optimizer would scale the loss.
        model.dtype_policy = "float32"
        return model

    def initializer(self) -> keras.initializers.Initializer:
        return keras.initializers.GlorotUniform(seed=next(self.seeds))


def compact(
    image_shape: ImageShape,
    n_classes: int,
    *,
    dropout: float = 0.1,
    seed: int = 0,
    dtype: str = "float32",
) -> keras.Model:
    """The default network: the most accuracy for the time.

    Five convolutions, each normalised before its ReLU [1]_. The first, of stride 2 and on large
    images without padding, does what a pooling layer would, at less than a quarter of its cost.
    For 28x28 images and ten classes it has 300,298 parameters, 299,402 of them trainable.

    Parameters
    ----------
    image_shape : tuple of int (height, width, channels)
        Pixels, in 0..1.
    n_classes : int
        Number of outputs.
    dropout : float, default=0.1
        Part of the pooled features that is dropped in training.
    seed : int, default=0
        Seed of the initial weights and of the dropout.
    dtype : str, default="float32"
        Keras dtype policy of the layers but the last.

    Returns
    -------
    keras.Model
        Not compiled.

    References
    ----------
    .. [1] S. Ioffe, C. Szegedy, "Batch normalization: accelerating deep network training by
       reducing internal covariate shift", ICML 2015.

    Examples
    --------
    >>> from digitcnn.networks import compact
    >>> compact((28, 28, 1), 10).count_params()
    300298
    """
    stack = _Stack("compact", image_shape, seed, dtype)

    def convolve(filters: int, kernel: int, **options: Any) -> None:
        # What a bias would add, the normalisation takes away. Its moving averages, of momentum
        # 0.9, are right after some tens of batches, so that short trainings and small tables
        # predict as they trained.
        stack.conv(filters, kernel, None, bias=False, **options)
        stack.norm(0.9)

    convolve(64, 6, stride=2, padding="valid" if min(image_shape[:2]) >= _LARGE else "same")
    stack.rectify()
    convolve(64, 3)
    stack.rectify()
    convolve(64, 3)
    # The largest of rectified numbers is the rectified largest: a quarter of the work.
    stack.pool()
    stack.rectify()
    convolve(128, 3)
    stack.rectify()
    convolve(128, 3)
    stack.add(layers.GlobalMaxPooling2D, name="global_pool")
    stack.rectify()
    stack.drop(dropout)
    return stack.model(n_classes)


def elu_bn(
    image_shape: ImageShape,
    n_classes: int,
    *,
    dropout: float = 0.0,
    seed: int = 0,
    dtype: str = "float32",
) -> keras.Model:
    """Nine layers with ELU and batch normalisation.

    For 28x28 images and ten classes it has 1,245,322 parameters, 1,244,426 of them trainable.
    The first of the two notebooks that the package reproduces [1]_.

    Parameters
    ----------
    image_shape : tuple of int (height, width, channels)
        Pixels, in 0..1.
    n_classes : int
        Number of outputs.
    dropout : float, default=0.0
        Part of the last hidden layer that is dropped in training. There is none in [1]_.
    seed : int, default=0
        Seed of the initial weights and of the dropout.
    dtype : str, default="float32"
        Keras dtype policy of the layers but the last.

    Returns
    -------
    keras.Model
        Not compiled.

    References
    ----------
    .. [1] S. Achary, "MNIST using CNN Keras - Acc 0.997", Kaggle notebook, 2018.

    Examples
    --------
    >>> from digitcnn.networks import elu_bn
    >>> elu_bn((28, 28, 1), 10).count_params()
    1245322
    """
    stack = _Stack("elu-bn", image_shape, seed, dtype)
    stack.conv(64, 7, "elu")
    stack.pool()
    stack.norm(0.99)
    stack.conv(128, 5, "elu")
    stack.conv(128, 3, "elu")
    stack.pool()
    stack.norm(0.99)
    stack.conv(256, 3, "elu")
    stack.pool()
    stack.norm(0.99)
    stack.flatten()
    stack.dense(256, "elu")
    stack.drop(dropout)
    return stack.model(n_classes)


def relu_dropout(
    image_shape: ImageShape,
    n_classes: int,
    *,
    dropout: float = 0.05,
    seed: int = 0,
    dtype: str = "float32",
) -> keras.Model:
    """Four convolutions with ReLU and dropout.

    For 28x28 images and ten classes it has 594,922 parameters. The second of the two notebooks
    that the package reproduces [1]_. An image too small for a convolution without padding gets
    one with padding.

    Parameters
    ----------
    image_shape : tuple of int (height, width, channels)
        Pixels, in 0..1.
    n_classes : int
        Number of outputs.
    dropout : float, default=0.05
        Part that is dropped in training after each pooling and after the hidden layer. The
        default is that of [1]_.
    seed : int, default=0
        Seed of the initial weights and of the dropout.
    dtype : str, default="float32"
        Keras dtype policy of the layers but the last.

    Returns
    -------
    keras.Model
        Not compiled.

    References
    ----------
    .. [1] "Identify digits with Convolutional Neural Network", notebook on Kaggle's Digit
       Recognizer, 2017.

    Examples
    --------
    >>> from digitcnn.networks import relu_dropout
    >>> relu_dropout((28, 28, 1), 10).count_params()
    594922
    """
    stack = _Stack("relu-dropout", image_shape, seed, dtype)
    for filters in (32, 64):
        stack.conv(filters, 3, "relu", padding="valid")
        stack.conv(filters, 3, "relu", padding="valid")
        stack.pool()
        stack.drop(dropout)
    stack.flatten()
    stack.dense(512, "relu")
    stack.drop(dropout)
    return stack.model(n_classes)


# The names that `DigitCNNClassifier(architecture=...)` knows.
ARCHITECTURES: dict[str, Callable[..., keras.Model]] = {
    "compact": compact,
    "elu-bn": elu_bn,
    "relu-dropout": relu_dropout,
}


def choose_dropout(
    architecture: str | Callable[..., keras.Model], dropout: float | None
) -> float | None:
    """The rate that a named architecture is built with; of a callable it is not known.

    Parameters
    ----------
    architecture : str or callable
        A key of `ARCHITECTURES`, or what `build` takes.
    dropout : float or None
        None is the architecture's own.

    Examples
    --------
    >>> from digitcnn.networks import choose_dropout
    >>> choose_dropout("relu-dropout", None)
    0.05
    """
    if dropout is not None or not isinstance(architecture, str):
        return dropout
    own: float = inspect.signature(ARCHITECTURES[architecture]).parameters["dropout"].default
    return own


def weight_shapes(
    architecture: str, image_shape: ImageShape, n_classes: int
) -> list[tuple[int, ...]]:
    """The shapes of a network's weights, in Keras's order, without building it.

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
    >>> from digitcnn.networks import weight_shapes
    >>> weight_shapes("compact", (28, 28, 1), 10)[0]
    (6, 6, 1, 64)
    """
    token = _unbuilt.set(True)
    try:
        # A dropout has no weights, but a generator of random numbers: what puts the backend to use.
        network = ARCHITECTURES[architecture](image_shape, n_classes, dropout=0.0)
    finally:
        _unbuilt.reset(token)
    shapes: list[tuple[int, ...]] = []
    shape: tuple[int | None, ...] = (None, *image_shape)
    for layer in network.layers:
        channels = shape[-1]
        assert channels is not None
        if isinstance(layer, layers.Conv2D):
            shapes.append((*layer.kernel_size, channels, layer.filters))
            shapes += [(layer.filters,)] * layer.use_bias
        elif isinstance(layer, layers.BatchNormalization):
            shapes += [(channels,)] * 4
        elif isinstance(layer, layers.Dense):
            shapes += [(channels, layer.units), (layer.units,)]
        shape = layer.compute_output_shape(shape)
    return shapes


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
    >>> from digitcnn.networks import compact, reseed
    >>> network = compact((28, 28, 1), 10, seed=0)
    >>> reseed(network, 1)
    >>> other = compact((28, 28, 1), 10, seed=1)
    >>> bool((network.get_weights()[0] == other.get_weights()[0]).all())
    True
    """
    # Dealt out in the order of the layers, as `_Stack` does.
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


# Python's and NumPy's global generators are one each for all threads.
_seeding = RLock()

# The weights that networks of callables train, by their identity: a model that is returned twice
# has some of them.
_trained: WeakValueDictionary[int, Any] = WeakValueDictionary()


@contextmanager
def _seeded_global_generators(seed: int) -> Iterator[None]:
    """For the time that a user's callable builds its network, and no longer.

    A layer without a seed draws one from Python's global generator.
    """
    with _seeding:
        states = random.getstate(), np.random.get_state()  # noqa: NPY002
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002
        try:
            yield
        finally:
            random.setstate(states[0])
            np.random.set_state(states[1])  # noqa: NPY002


def takes_option(architecture: Callable[..., keras.Model], name: str) -> bool:
    """Whether a callable has a parameter for an option of `build`.

    Parameters
    ----------
    architecture : callable
    name : {"dropout", "seed", "dtype"}

    Examples
    --------
    >>> from digitcnn.networks import takes_option
    >>> takes_option(lambda image_shape, n_classes, dtype: None, "dtype")
    True
    """
    parameters = inspect.signature(architecture).parameters
    return name in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())


def build(
    architecture: str | Callable[..., keras.Model],
    image_shape: ImageShape,
    n_classes: int,
    **options: Any,
) -> keras.Model:
    """The network of a name or of a callable, checked.

    Parameters
    ----------
    architecture : str or callable
        A key of `ARCHITECTURES`, or ``f(image_shape, n_classes, **options) -> keras.Model``. A
        callable is given those of the options that it has parameters for.
    image_shape : tuple of int (height, width, channels)
        Pixels, in 0..1.
    n_classes : int
        Number of outputs.
    **options
        ``dropout``, ``seed`` and ``dtype``, as the named networks take them.

    Returns
    -------
    keras.Model
        Built. That of a callable answers in probabilities or in logits: see `answers_in_logits`.

    Raises
    ------
    TypeError
        If a callable gives something other than a Keras model.
    ValueError
        If it cannot take the images, if its output is not one column for each class, if it is a
        model that the callable gave before, or if it overrides `fit`.
    """
    seed = options["seed"]
    options["dropout"] = choose_dropout(architecture, options["dropout"])
    if isinstance(architecture, str):
        return ARCHITECTURES[architecture](image_shape, n_classes, **options)
    options = {k: value for k, value in options.items() if takes_option(architecture, k)}
    with _seeded_global_generators(seed):
        model = architecture(image_shape, n_classes, **options)
        if not isinstance(model, keras.Model):
            raise TypeError(
                f"architecture={architecture!r} returned {type(model).__name__}, not a keras.Model"
            )
        _check_is_new(model, architecture)
        try:
            if isinstance(model, keras.Sequential) and not model.built:
                model.build((None, *image_shape))  # a call would fix the number of images
            # A subclass is built by a call.
            shape = tuple(_try_out(model, image_shape).shape)
        except Exception as error:
            raise ValueError(
                f"architecture={architecture!r} returned a model that cannot take images of shape "
                f"{image_shape}: {error}. Build it for the image_shape that the function is given"
            ) from error
    if shape[1:] != (n_classes,):
        raise ValueError(
            f"architecture={architecture!r} gives an output of shape {(None, *shape[1:])}; "
            f"expected (None, {n_classes}): a softmax over the classes"
        )
    if type(model).fit is not keras.Model.fit:
        raise ValueError(
            f"architecture={architecture!r} returned a {type(model).__name__} with a method fit of "
            "its own, which is not called here. Override train_step or compute_loss instead"
        )
    with _seeding:
        # What is frozen may be shared: nothing that one training learns is in it.
        _trained.update({id(variable): variable for variable in model.trainable_variables})
    return model


def _check_is_new(model: keras.Model, architecture: Callable[..., keras.Model]) -> None:
    if any(id(variable) in _trained for variable in model.trainable_variables):
        raise ValueError(
            f"architecture={architecture!r} returned a model, or layers, that it had returned "
            "before: a fit would go on from what another has learned. Make the model and its "
            "layers inside the function"
        )


def _try_out(model: keras.Model, image_shape: ImageShape) -> np.ndarray:
    """What a model answers to black, white and noise. Its state is afterwards as it was."""
    images = np.random.default_rng(0).random((4, *image_shape), dtype=np.float32)
    images[0], images[1] = 0.0, 1.0
    before = [(v, np.array(keras.ops.convert_to_numpy(v))) for v in model.variables]
    answers = model(images, training=False)
    for variable, value in before:
        variable.assign(value)
    return np.array(keras.ops.convert_to_numpy(keras.ops.cast(answers, "float32")))


def _last_activation(model: keras.Model) -> Callable[..., Any] | None:
    """The activation of the layer that a model's output comes from, where that can be known."""
    own_classes = [c for c in type(model).__mro__ if c.__module__.partition(".")[0] != "keras"]
    if any("call" in vars(c) for c in own_classes) or not getattr(model, "outputs", None):
        return None
    for layer in model.layers:
        if getattr(layer, "output", None) is model.outputs[0]:
            activation: Callable[..., Any] | None = getattr(layer, "activation", None)
            return activation
    return None


def answers_in_logits(model: keras.Model, image_shape: ImageShape) -> bool:
    """Whether the answers of a user's model are logits, of which the softmax is probabilities.

    Parameters
    ----------
    model : keras.Model
        Built, of any kind.
    image_shape : tuple of int (height, width, channels)
        Pixels, in 0..1.

    Returns
    -------
    bool
        False where they are probabilities. True where the last layer is linear; of a model whose
        last layer cannot be known, where some answers are below 0 or above 1.

    Raises
    ------
    ValueError
        If the last layer has another activation, or the answers are between 0 and 1 and do not sum
        to 1.

    Examples
    --------
    >>> import keras
    >>> from digitcnn.networks import answers_in_logits
    >>> stack = [keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(10)]
    >>> answers_in_logits(keras.Sequential(stack), (8, 8, 1))
    True
    """
    answers = _try_out(model, image_shape)
    # 16 bits round to some thousandths.
    if (answers >= 0).all() and np.allclose(answers.sum(axis=1), 1.0, atol=0.02):
        return False
    activation = _last_activation(model)
    if activation in (keras.activations.linear, keras.activations.log_softmax):
        return True
    found = f"the activation {getattr(activation, '__name__', activation)!r}"
    if activation is None:
        if (answers < 0).any() or (answers > 1).any():
            return True
        found = "answers between 0 and 1 that do not sum to 1"
    raise ValueError(
        f"expected a network that ends in a softmax, or in a linear layer, got {found}. End it in "
        "keras.layers.Dense(n_classes, activation='softmax')"
    )
