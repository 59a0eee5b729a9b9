"""The named optimizers, and the compilation of models with them."""

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

# Weight decay limits the complexity of kernels. Biases and scales of feature maps do not add
# complexity.
_NOT_DECAYED = ["bias", "gamma", "beta"]


def kind_of(optimizer: str | dict[str, Any]) -> type:
    """The class of the optimizer that `make_optimizer` returns."""
    return OPTIMIZERS[optimizer] if isinstance(optimizer, str) else optimizer["class"]


def make_optimizer(
    optimizer: str | dict[str, Any], *, learning_rate: float = 1e-3, weight_decay: float = 0.0
) -> keras.optimizers.Optimizer:
    """Make a new optimizer, not yet bound to a network.

    Parameters
    ----------
    optimizer : str or dict
        A key of `OPTIMIZERS`, or the result of `describe_optimizer` for a Keras optimizer.
    learning_rate : float, default=0.001
        Learning rate of a named optimizer.
    weight_decay : float, default=0.0
        Decoupled weight decay [1]_ of a named optimizer, for kernels only.

    References
    ----------
    .. [1] I. Loshchilov, F. Hutter, "Decoupled weight decay regularization", ICLR 2019.
    """
    if isinstance(optimizer, dict):
        # A copy, because some optimizers modify their configuration.
        return optimizer["class"].from_config(copy.deepcopy(optimizer["config"]))
    made = OPTIMIZERS[optimizer](
        learning_rate=learning_rate, weight_decay=weight_decay, name=optimizer
    )
    made.exclude_from_weight_decay(var_names=_NOT_DECAYED)
    return made


def describe_optimizer(optimizer: keras.optimizers.Optimizer) -> dict[str, Any]:
    """Class and settings of a Keras optimizer, for copies by `make_optimizer`.

    A Keras optimizer belongs to the first network that it trains; each fit needs a copy.
    """
    config = optimizer.get_config()
    if "name" in config:
        # Keras numbers automatic names, so two equal optimizers have different names.
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

    They replace those of an earlier compilation. A model saved by Keras can be loaded without this
    package.

    Parameters
    ----------
    model : keras.Model
    optimizer : keras.optimizers.Optimizer
        Not yet bound to a network.
    label_smoothing : float, default=0.0
    is_logits : bool, default=False
        As in `digitcnn.backend.losses.make_loss`.
    **arguments
        Further arguments of `keras.Model.compile`.
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
    # Keras has no label smoothing for integer labels: the saved model has a loss without it.
    described = model.get_compile_config

    def get_compile_config() -> dict[str, Any]:
        return {**described(), "loss": keras.losses.serialize(make_loss(0.0, is_logits))}

    model.get_compile_config = get_compile_config


# All threads share Keras's global floatx.
_floatx = RLock()


@contextmanager
def floats_of_32_bits() -> Iterator[None]:
    """Set Keras's floatx to float32 while the optimizer and the metrics create variables.

    Their dtype is always the global floatx, and in float16 the learning rate would be rounded.
    Nothing is changed if floatx is float32 already.
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
