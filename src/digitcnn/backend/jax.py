"""Steps for Keras's JAX backend, each of them one compiled program.

`keras.Model.train_on_batch` reads and assigns every variable of the network in each step, which on
a GPU takes several times as long as the arithmetic of networks of this size. Here the state of a
training remains a list of arrays on the device between steps.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from digitcnn.backend.build import describe
from digitcnn.backend.losses import smoothed_crossentropy
from digitcnn.backend.steps import KerasSteps, Regularization
from digitcnn.layers import BatchNormalization, Conv2D, Dropout

# By default JAX multiplies float32 numbers with fewer bits on GPUs, and probabilities are off by
# 0.001. For bfloat16 this makes no difference.
_PRECISION = "highest"


class Values(NamedTuple):
    """The regularisation as arguments of a step: numbers or tensors.

    The absence of a dropout or a weight decay is compiled in.
    """

    dropout: Any
    weight_decay: Any
    label_smoothing: Any


class JaxSteps(KerasSteps):
    """A training step and a prediction that are pure functions of the network's state.

    During a training, the variables of the network have the values of the last `sync_variables`.

    Parameters
    ----------
    model : keras.Model
        A named network, compiled, with its optimizer built.
    """

    def __init__(self, model: keras.Model) -> None:
        import jax  # installed, because it is the backend

        super().__init__(model)
        # The regularisation is an argument of each step too.
        self._values = Values(None, None, 0.0)
        # Weights, other state (moving averages, seeds of dropout) and state of the optimizer, as
        # arrays on the device; None if the variables are up to date.
        self._state: list[list[Any]] | None = None
        # Callbacks set the learning rate, so it is an argument of each step.
        self._rate_index = self.rate_index(model)
        self._train = jax.jit(self._train_purely)
        self._predict = jax.jit(self._predict_purely)

    @staticmethod
    def rate_index(model: keras.Model) -> int | None:
        """Index of the learning rate among the variables of the optimizer, if it is one of them."""
        rate = model.optimizer.learning_rate
        indices = [i for i, one in enumerate(model.optimizer.variables) if one is rate]
        return indices[0] if indices else None

    def _variables(self) -> list[list[Any]]:
        model = self.model
        return [
            model.trainable_variables,
            model.non_trainable_variables,
            model.optimizer.variables,
        ]

    def train(
        self, images: np.ndarray, y_encoded: np.ndarray, weights: np.ndarray | None
    ) -> dict[str, float]:
        """As in `KerasSteps`."""
        if weights is None:
            weights = np.ones(len(y_encoded), np.float32)
        if self._state is None:
            self._state = [[one.value for one in part] for part in self._variables()]
        if self._rate_index is not None:
            variable = self.model.optimizer.variables[self._rate_index]
            self._state[2][self._rate_index] = variable.value
        self._state, figures = self._train(self._state, self._values, images, y_encoded, weights)
        loss, correct = np.asarray(figures)
        return {"loss": float(loss) * len(y_encoded), "accuracy": float(correct)}

    def predict(self, images: np.ndarray) -> np.ndarray:
        """As in `KerasSteps`."""
        self.sync_variables()
        n = len(images)
        # Padded to a power of two, to avoid compiling for each number of images.
        size = 1 << max(0, n - 1).bit_length()
        padding = [(0, size - n), *[(0, 0)] * (images.ndim - 1)]
        state = [[one.value for one in part] for part in self._variables()[:2]]
        return np.asarray(self._predict(state, np.pad(images, padding)))[:n]

    def sync_variables(self) -> None:
        """Assign the present state to the variables of the network."""
        if self._state is None:
            return
        for variables, values in zip(self._variables(), self._state, strict=True):
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)
        self._state = None

    def regularize(self, values: Regularization) -> None:
        """Set the regularisation of the next training steps.

        Parameters
        ----------
        values : Regularization
            With a dropout, and with a weight decay, if and only if the first ones had it.
        """
        # In the layers and the optimizer as well, in case the model is handed to the user.
        if values.dropout is not None:
            for layer in self.model.layers:
                if isinstance(layer, keras.layers.Dropout):
                    layer.rate = values.dropout
        if values.weight_decay is not None:
            self.model.optimizer.weight_decay = values.weight_decay
        self._values = Values(*values)

    def _train_purely(
        self, state: list[list[Any]], values: Values, images: Any, y_encoded: Any, weights: Any
    ) -> tuple[list[list[Any]], Any]:
        return train_purely(self.model, state, values, images, y_encoded, weights)

    def _predict_purely(self, state: list[list[Any]], images: Any) -> Any:
        import jax

        with jax.default_matmul_precision(_PRECISION):
            answers, _ = self.model.stateless_call(*state, images, training=False)
        return answers


def train_purely(
    model: keras.Model,
    state: list[list[Any]],
    values: Values,
    images: Any,
    y_encoded: Any,
    weights: Any,
    convolve: "Callable[[keras.Layer, Any], Any] | None" = None,
) -> tuple[list[list[Any]], Any]:
    """Train a network on one batch, as a pure function of its state.

    To be traced by JAX.

    Parameters
    ----------
    model : keras.Model
        A named network, compiled, with its optimizer built.
    state : list of three lists of tensors
        Weights, other state and state of the optimizer.
    values : Values
    images : tensor of shape (n, height, width, channels), float32
    y_encoded : tensor of shape (n,), int32
    weights : tensor of shape (n,), float32
    convolve : callable or None, default=None
        Computes a convolution without its bias and activation, from the layer and its input. None
        leaves it to Keras.

    Returns
    -------
    tuple
        The new state, and a tensor of the mean loss and the number of right answers.
    """
    import jax

    def loss_of(trainable: list[Any], other: list[Any]) -> tuple[Any, Any]:
        variables = [*model.trainable_variables, *model.non_trainable_variables]
        mapping = list(zip(variables, [*trainable, *other], strict=True))
        with keras.StatelessScope(state_mapping=mapping) as scope:
            answers = _forward(model, images, values.dropout, convolve)
            other = [scope.get_current_value(one) for one in model.non_trainable_variables]
        losses = smoothed_crossentropy(y_encoded, answers, values.label_smoothing)
        return ops.mean(losses * weights), (answers, other)

    trainable, other, optimizer = state
    with jax.default_matmul_precision(_PRECISION):
        (loss, (answers, other)), gradients = jax.value_and_grad(loss_of, has_aux=True)(
            trainable, other
        )
    own = model.optimizer.weight_decay
    if values.weight_decay is not None:
        model.optimizer.weight_decay = values.weight_decay  # while this is traced
    try:
        trainable, optimizer = model.optimizer.stateless_apply(optimizer, gradients, trainable)
    finally:
        model.optimizer.weight_decay = own
    correct = ops.sum(ops.cast(ops.argmax(answers, axis=-1) == y_encoded, "float32"))
    figures = ops.stack([ops.cast(loss, "float32"), correct])
    return [list(trainable), list(other), list(optimizer)], figures


def _forward(
    model: keras.Model,
    images: Any,
    dropout: Any,
    convolve: "Callable[[keras.Layer, Any], Any] | None",
) -> Any:
    """The outputs of a network in training, with a dropout that is not compiled in."""
    x = images
    for described, layer in zip(describe(model), model.layers, strict=True):
        match described:
            case Conv2D(groups=1, dilation_rate=1 | (1, 1)) if convolve is not None:
                x = convolve(layer, ops.cast(x, layer.compute_dtype))
                if layer.use_bias:
                    x = x + ops.cast(layer.bias, layer.compute_dtype)
                x = layer.activation(x)
            case Dropout() if dropout is not None:
                x = _drop(layer, ops.cast(x, layer.compute_dtype), dropout)
            case BatchNormalization() | Dropout():
                x = layer(x, training=True)
            case _:
                x = layer(x)
    return x


def _drop(layer: keras.layers.Dropout, x: Any, rate: Any) -> Any:
    """What `keras.random.dropout` gives, which takes no tensor as its rate."""
    kept = ops.cast(1.0 - rate, "float32")
    draws = keras.random.uniform(x.shape, dtype="float32", seed=layer.seed_generator)
    return ops.where(draws < kept, x / ops.cast(kept, x.dtype), ops.zeros_like(x))
