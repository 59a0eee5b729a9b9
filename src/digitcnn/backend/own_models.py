"""Users' own models: building and validating them."""

import inspect
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import RLock
from typing import Any
from weakref import WeakValueDictionary

import keras
import numpy as np

from digitcnn.architectures import ImageShape

# All threads share Python's and NumPy's global generators.
_seeding = RLock()

# Trainable variables of callables' networks, by identity, to detect a model that is returned twice.
_trained: WeakValueDictionary[int, Any] = WeakValueDictionary()


@contextmanager
def _seeded_global_generators(seed: int) -> Iterator[None]:
    """Seed the global generators while a user's callable builds its network.

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
    """Whether a callable has a parameter for an option of `build_own`.

    Parameters
    ----------
    architecture : callable
    name : {"dropout", "seed", "dtype"}

    Examples
    --------
    >>> from digitcnn.backend.own_models import takes_option
    >>> takes_option(lambda image_shape, n_classes, dtype: None, "dtype")
    True
    """
    parameters = inspect.signature(architecture).parameters
    return name in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())


def build_own(
    architecture: Callable[..., keras.Model],
    image_shape: ImageShape,
    n_classes: int,
    **options: Any,
) -> keras.Model:
    """Build and check the model of a user's callable.

    Parameters
    ----------
    architecture : callable
        ``f(image_shape, n_classes, **options) -> keras.Model``. It receives those of the options
        that it has parameters for.
    image_shape : tuple of int (height, width, channels)
        Pixels, in 0..1.
    n_classes : int
        Number of outputs.
    **options
        ``dropout``, ``seed`` and ``dtype``, as `digitcnn.backend.build.build` takes them.

    Returns
    -------
    keras.Model
        The built model. It returns probabilities or logits: see `answers_in_logits`.

    Raises
    ------
    TypeError
        If the callable does not return a Keras model.
    ValueError
        If the model cannot take the images, if its output does not have one column per class, if
        the callable returned it before, or if it overrides `fit`.
    """
    seed = options["seed"]
    options = {k: value for k, value in options.items() if takes_option(architecture, k)}
    with _seeded_global_generators(seed):
        model = architecture(image_shape, n_classes, **options)
        if not isinstance(model, keras.Model):
            raise TypeError(
                f"expected architecture={architecture!r} to return a keras.Model, got a "
                f"{type(model).__name__}"
            )
        _check_is_new(model, architecture)
        try:
            if isinstance(model, keras.Sequential) and not model.built:
                model.build((None, *image_shape))  # a call would fix the batch size
            # Calling a subclassed model builds it.
            answers = _try_out(model, image_shape)
        except Exception as error:
            raise ValueError(
                f"architecture={architecture!r} returned a model that cannot take images of shape "
                f"{image_shape}: {error}. Build it for the image_shape that the function is given"
            ) from error
    if isinstance(answers, dict | list | tuple):
        raise ValueError(
            f"expected one output of shape (None, {n_classes}) from architecture={architecture!r}, "
            f"a softmax over the classes, got a {type(answers).__name__} of {len(answers)} outputs"
        )
    shape = tuple(answers.shape)
    if shape[1:] != (n_classes,):
        raise ValueError(
            f"expected an output of shape (None, {n_classes}) from architecture={architecture!r}, "
            f"a softmax over the classes, got shape {(None, *shape[1:])}"
        )
    if type(model).fit is not keras.Model.fit:
        raise ValueError(
            f"expected a model without a method fit of its own from architecture={architecture!r}, "
            f"got {type(model).__name__} with a method fit that would not be called. Override "
            "train_step or compute_loss instead"
        )
    with _seeding:
        # Frozen variables may be shared, because training does not change them.
        _trained.update({id(variable): variable for variable in model.trainable_variables})
    return model


def _check_is_new(model: keras.Model, architecture: Callable[..., keras.Model]) -> None:
    if any(id(variable) in _trained for variable in model.trainable_variables):
        raise ValueError(
            f"architecture={architecture!r} returned a model, or layers, that it had returned "
            "before: a fit would go on from what another has learned. Make the model and its "
            "layers inside the function"
        )


def _try_out(model: keras.Model, image_shape: ImageShape) -> Any:
    """Outputs of a model for black, white and noise. Its state is restored."""
    images = np.random.default_rng(0).random((4, *image_shape), dtype=np.float32)
    images[0], images[1] = 0.0, 1.0
    before = [(v, np.array(keras.ops.convert_to_numpy(v))) for v in model.variables]
    answers = model(images, training=False)
    for variable, value in before:
        variable.assign(value)
    return answers


def _last_activation(model: keras.Model) -> Callable[..., Any] | None:
    """The activation of a model's output layer; None if it cannot be determined."""
    own_classes = [c for c in type(model).__mro__ if c.__module__.partition(".")[0] != "keras"]
    if any("call" in vars(c) for c in own_classes) or not getattr(model, "outputs", None):
        return None
    for layer in model.layers:
        if getattr(layer, "output", None) is model.outputs[0]:
            activation: Callable[..., Any] | None = getattr(layer, "activation", None)
            return activation
    return None


def answers_in_logits(model: keras.Model, image_shape: ImageShape) -> bool:
    """Whether the outputs of a user's model are logits rather than probabilities.

    Parameters
    ----------
    model : keras.Model
        The built model.
    image_shape : tuple of int (height, width, channels)
        Pixels, in 0..1.

    Returns
    -------
    bool
        False for probabilities. True if the last layer is linear, or, if that cannot be determined,
        if some outputs are below 0 or above 1.

    Raises
    ------
    ValueError
        If the last layer has another activation, or the outputs are between 0 and 1 and do not sum
        to 1.

    Examples
    --------
    >>> import keras
    >>> from digitcnn.backend.own_models import answers_in_logits
    >>> stack = [keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(10)]
    >>> answers_in_logits(keras.Sequential(stack), (8, 8, 1))
    True
    """
    answers = keras.ops.cast(_try_out(model, image_shape), "float32")
    answers = np.array(keras.ops.convert_to_numpy(answers))
    # 16-bit floats have rounding errors of some thousandths.
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
