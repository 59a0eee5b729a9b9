"""Steps for Keras's JAX backend, each of them one compiled program.

`keras.Model.train_on_batch` reads and assigns every variable of the network in each step, which on
a GPU takes several times as long as the arithmetic of networks of this size. Here the state of a
training remains a list of arrays on the device between steps.
"""

from typing import Any

import keras
import numpy as np
from keras import ops

from digitcnn.backend.losses import smoothed_crossentropy
from digitcnn.backend.steps import KerasSteps, Regularization

# By default JAX multiplies float32 numbers with fewer bits on GPUs, and probabilities are off by
# 0.001. For bfloat16 this makes no difference.
_PRECISION = "highest"


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
        # The regularisation, except for dropout, is an argument of each step too.
        self._weight_decay: float | None = None
        self._smoothing = 0.0
        # Weights, other state (moving averages, seeds of dropout) and state of the optimizer, as
        # arrays on the device; None if the variables are up to date.
        self._state: list[list[Any]] | None = None
        # Callbacks set the learning rate, so it is an argument of each step.
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
            The dropout, and whether there is a weight decay, must not change.
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
