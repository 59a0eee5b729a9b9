"""The optimizers that have names here, and how a model is compiled with them."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock
from typing import Any

import keras

from digitcnn.backend.losses import make_loss

OPTIMIZERS: dict[str, type] = {
    "adam": keras.optimizers.Adam,
    "adamw": keras.optimizers.AdamW,
    "rmsprop": keras.optimizers.RMSprop,
    "sgd": keras.optimizers.SGD,
}

# Shifting or scaling a feature map is no more complex than leaving it: what does that is not
# drawn towards zero.
_NOT_DECAYED = ["bias", "gamma", "beta"]


def kind_of(optimizer: str | dict[str, Any]) -> type:
    """The class of what `make_optimizer` makes."""
    return OPTIMIZERS[optimizer] if isinstance(optimizer, str) else optimizer["class"]


def make_optimizer(
    optimizer: str | dict[str, Any], *, learning_rate: float = 1e-3, weight_decay: float = 0.0
) -> keras.optimizers.Optimizer:
    """A new optimizer, not yet bound to a network.

    Parameters
    ----------
    optimizer : str or dict
        A key of `OPTIMIZERS`, or what `describe_optimizer` gives for a Keras optimizer.
    learning_rate : float, default=0.001
        Of a named optimizer.
    weight_decay : float, default=0.0
        Of a named optimizer: decoupled from the gradient [1]_, on kernels alone.

    References
    ----------
    .. [1] I. Loshchilov, F. Hutter, "Decoupled weight decay regularization", ICLR 2019.
    """
    if isinstance(optimizer, dict):
        # Some take their configuration apart.
        return optimizer["class"].from_config(copy.deepcopy(optimizer["config"]))
    made = OPTIMIZERS[optimizer](
        learning_rate=learning_rate, weight_decay=weight_decay, name=optimizer
    )
    made.exclude_from_weight_decay(var_names=_NOT_DECAYED)
    return made


def describe_optimizer(optimizer: keras.optimizers.Optimizer) -> dict[str, Any]:
    """What `make_optimizer` makes a copy of a Keras optimizer from: its class and its settings.

    A Keras optimizer belongs to the first network that it trains; each fit needs one of its own.
    """
    config = optimizer.get_config()
    if "name" in config:
        # Keras counts its automatic names up: of two equal optimizers the second has another one.
        config["name"] = type(optimizer).__name__.lower()
    return {"class": type(optimizer), "config": config}


def compile_model(
    model: keras.Model,
    optimizer: keras.optimizers.Optimizer,
    *,
    label_smoothing: float = 0.0,
    is_logits: bool = False,
    **arguments: Any,
) -> None:
    """Compile a model with the loss and the metric of the package.

    Whatever it was compiled with before, loss, metric and optimizer are replaced. Saved by Keras,
    it can be loaded by Keras without this package.

    Parameters
    ----------
    model : keras.Model
    optimizer : keras.optimizers.Optimizer
        Not yet bound to a network.
    label_smoothing : float, default=0.0
    is_logits : bool, default=False
        As in `digitcnn.backend.losses.make_loss`.
    **arguments
        Of `keras.Model.compile`.
    """
    model.compile(
        optimizer,
        make_loss(label_smoothing, is_logits),
        metrics=["accuracy"],
        run_eagerly=model.run_eagerly,
        **arguments,
    )
    if not label_smoothing:
        return
    # Keras has no smoothed loss of labels that are numbers: what it saves is the one without.
    described = model.get_compile_config

    def get_compile_config() -> dict[str, Any]:
        return {**described(), "loss": keras.losses.serialize(make_loss(0.0, is_logits))}

    model.get_compile_config = get_compile_config


# Keras's global floatx is one for all threads.
_floatx = RLock()


@contextmanager
def floats_of_32_bits() -> Iterator[None]:
    """For the time that an optimizer and a model's metrics get their variables, and no longer.

    Their type is the global floatx, which cannot be said otherwise: in float16 the learning rate
    would be rounded. Where floatx is float32, as it is unless a user changed it, nothing is done.
    """
    with _floatx:
        floatx = keras.config.floatx()
        if floatx == "float32":
            yield
            return
        keras.config.set_floatx("float32")
        try:
            yield
        finally:
            keras.config.set_floatx(floatx)
