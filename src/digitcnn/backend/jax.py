"""Steps for Keras's JAX backend, each of them one compiled program.

`keras.Model.train_on_batch` takes every variable out of the network and puts every one back, which
on a GPU takes several times as long as the arithmetic of networks of this size. Here the state of
a training stays a list of arrays on the device from one step to the next.
"""

from typing import Any

import keras
import numpy as np
from keras import ops

from digitcnn.backend.losses import smoothed_crossentropy
from digitcnn.backend.steps import KerasSteps, Regularization

# On GPUs JAX would multiply float32 numbers with fewer bits, and the answers be a thousandth off.
# Of bfloat16 ones it makes no difference.
_PRECISION = "highest"


class JaxSteps(KerasSteps):
    """A training step and a prediction that are pure functions of the network's state.

    While a training is under way the network's variables are those of the last `settle`.

    Parameters
    ----------
    model : keras.Model
        Compiled, with its optimizer built. A network of this package, whose steps are Keras's.
    """

    def __init__(self, model: keras.Model) -> None:
        import jax  # which is installed where it is the backend

        super().__init__(model)
        # What regularises is an argument of each step as well, but for the dropout.
        self._weight_decay: float | None = None
        self._smoothing = 0.0
        # Weights, other state (moving averages, dropout's seeds) and the optimizer's, as arrays on
        # the device; None where the variables hold what is newest.
        self._state: list[list[Any]] | None = None
        # The learning rate is the callbacks' to set: it is an argument of each step.
        rate = model.optimizer.learning_rate
        indices = [i for i, one in enumerate(model.optimizer.variables) if one is rate]
        self._rate_index = indices[0] if indices else None
        self._train = jax.jit(self._train_purely)
        self._predict = jax.jit(self._predict_purely)

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
        values = self._weight_decay, self._smoothing
        self._state, figures = self._train(self._state, values, images, y_encoded, weights)
        loss, correct = np.asarray(figures)
        return {"loss": float(loss) * len(y_encoded), "accuracy": float(correct)}

    def predict(self, images: np.ndarray) -> np.ndarray:
        """As in `KerasSteps`."""
        self.settle()
        n = len(images)
        # Compiled for powers of two alone, or each number of images would be compiled for.
        size = 1 << max(0, n - 1).bit_length()
        padding = [(0, size - n), *[(0, 0)] * (images.ndim - 1)]
        state = [[one.value for one in part] for part in self._variables()[:2]]
        return np.asarray(self._predict(state, np.pad(images, padding)))[:n]

    def settle(self) -> None:
        """Give the network's variables what the steps since the last call have learned."""
        if self._state is None:
            return
        for variables, values in zip(self._variables(), self._state, strict=True):
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)
        self._state = None

    def regularize(self, values: Regularization) -> None:
        """Set what the next training steps are regularised by.

        Parameters
        ----------
        values : Regularization
            With a weight decay if and only if the first ones had it, and always the same dropout.
        """
        if values.weight_decay is not None:
            self.model.optimizer.weight_decay = values.weight_decay
        self._weight_decay = values.weight_decay
        self._smoothing = values.label_smoothing

    def _train_purely(
        self, state: list[list[Any]], values: Any, images: Any, y_encoded: Any, weights: Any
    ) -> tuple[list[list[Any]], Any]:
        import jax

        model, (weight_decay, smoothing) = self.model, values

        def loss_of(trainable: list[Any], other: list[Any]) -> tuple[Any, Any]:
            answers, other = model.stateless_call(trainable, other, images, training=True)
            losses = smoothed_crossentropy(y_encoded, answers, smoothing)
            return ops.mean(losses * weights), (answers, other)

        trainable, other, optimizer = state
        with jax.default_matmul_precision(_PRECISION):
            (loss, (answers, other)), gradients = jax.value_and_grad(loss_of, has_aux=True)(
                trainable, other
            )
        own = model.optimizer.weight_decay
        if weight_decay is not None:
            model.optimizer.weight_decay = weight_decay  # while this is traced
        try:
            trainable, optimizer = model.optimizer.stateless_apply(optimizer, gradients, trainable)
        finally:
            model.optimizer.weight_decay = own
        correct = ops.sum(ops.cast(ops.argmax(answers, axis=-1) == y_encoded, "float32"))
        figures = ops.stack([ops.cast(loss, "float32"), correct])
        return [list(trainable), list(other), list(optimizer)], figures

    def _predict_purely(self, state: list[list[Any]], images: Any) -> Any:
        import jax

        with jax.default_matmul_precision(_PRECISION):
            answers, _ = self.model.stateless_call(*state, images, training=False)
        return answers
