"""The optimizers that have names here, and the loss."""

from typing import Any

import keras
from keras import ops

OPTIMIZERS: dict[str, type] = {
    "adam": keras.optimizers.Adam,
    "adamw": keras.optimizers.AdamW,
    "rmsprop": keras.optimizers.RMSprop,
    "sgd": keras.optimizers.SGD,
}

# Shifting or scaling a feature map is no more complex than leaving it: what does that is not
# drawn towards zero.
_NOT_DECAYED = ["bias", "gamma", "beta"]


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
        return optimizer["class"].from_config(optimizer["config"])
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


def make_loss(label_smoothing: float) -> keras.losses.Loss:
    """Sparse categorical crossentropy, of a part `label_smoothing` against all classes alike."""
    if not label_smoothing:
        return keras.losses.SparseCategoricalCrossentropy(name="crossentropy")

    def crossentropy(codes: Any, probabilities: Any) -> Any:
        targets = ops.one_hot(ops.cast(ops.reshape(codes, (-1,)), "int32"), probabilities.shape[-1])
        return ops.categorical_crossentropy(
            targets * (1.0 - label_smoothing) + label_smoothing / probabilities.shape[-1],
            probabilities,
        )

    return crossentropy
