"""Steps of training and prediction: Keras's own, and the interface of all steps."""

from collections.abc import Iterator
from math import prod
from threading import Lock
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from digitcnn.backend.devices import on_processor
from digitcnn.backend.losses import score
from digitcnn.backend.optimizers import OPTIMIZERS


class Regularization(NamedTuple):
    """Regularisation of a network.

    Parameters
    ----------
    dropout : float or None
        Rate of all dropout layers; None keeps that of each layer.
    weight_decay : float or None
        Weight decay of the optimizer; None keeps the optimizer's setting.
    label_smoothing : float
        Fraction of the target that is spread over all classes.
    """

    dropout: float | None
    weight_decay: float | None
    label_smoothing: float


def has_processor_steps(device: str) -> bool:
    """Whether the steps for this device are `ProcessorSteps`: TensorFlow on a CPU."""
    return keras.backend.backend() == "tensorflow" and on_processor(device)


def has_jax_steps(device: str, optimizer: type) -> bool:
    """Whether the steps of a named network are `JaxSteps`: JAX on one device.

    Other optimizers may need Keras's own step.
    """
    is_known = optimizer in OPTIMIZERS.values()
    return keras.backend.backend() == "jax" and device != "all" and is_known


class KerasSteps:
    """Keras's own steps, for named networks on accelerators and with other backends.

    The regularisation is compiled in.

    Parameters
    ----------
    model : keras.Model
        Compiled.
    n_devices : int, default=1
        Number of devices among which a batch is divided. A batch that cannot be divided evenly is
        padded with images of its own.
    """

    def __init__(self, model: keras.Model, n_devices: int = 1) -> None:
        self.model = model
        self.n_devices = n_devices
        # Keras does not guarantee for any backend that a model can predict in several threads.
        self._lock = Lock()

    def train(
        self, images: np.ndarray, y_encoded: np.ndarray, weights: np.ndarray | None
    ) -> dict[str, float]:
        """Train on one batch.

        Parameters
        ----------
        images : ndarray of shape (n, height, width, channels), float32
        y_encoded : ndarray of shape (n,), int32
            Labels encoded as integers.
        weights : ndarray of shape (n,), float32, or None
            Sample weights; None is 1 for each image.

        Returns
        -------
        dict of str to float
            Sums over the images: of ``loss``, and of ``accuracy``, which is the number of images
            with the right answer. Of a user's model, of its other figures too.
        """
        rows = self._rows(len(images))
        logs = self.model.train_on_batch(
            images[rows],
            y_encoded[rows],
            sample_weight=None if weights is None else weights[rows],
            return_dict=True,
        )
        # If an interrupt arrives while Keras waits for a figure, Keras swallows it and leaves the
        # figure unconverted. With JAX that is nearly all of the time.
        if any(ops.is_tensor(value) and prod(value.shape) == 1 for value in logs.values()):
            raise KeyboardInterrupt
        figures = self._figures(logs, "train_step")
        return {name: value * len(images) for name, value in figures.items()}

    def evaluate(
        self, images: np.ndarray, y_encoded: np.ndarray, label_smoothing: float
    ) -> dict[str, float]:
        """Figures on validation images, as sums over them.

        Parameters
        ----------
        images : ndarray of shape (n, height, width, channels), float32
        y_encoded : ndarray of shape (n,), int32
        label_smoothing : float
            Label smoothing of the training.
        """
        return score(self.predict(images), y_encoded, label_smoothing)

    def predict(self, images: np.ndarray) -> np.ndarray:
        """Predict the probabilities, of shape (n, n_classes), of a batch of any size.

        It is thread-safe.
        """
        n = len(images)
        with self._lock:
            answers = self.model.predict_on_batch(images[self._rows(n)])
        probabilities: np.ndarray = self._one_output(answers)[:n]
        return probabilities

    def _one_output(self, answers: Any) -> Any:
        if not hasattr(answers, "shape"):
            raise ValueError(
                f"expected predict_step of {type(self.model).__name__} to return an array of "
                f"probabilities, got a {type(answers).__name__}"
            )
        return answers

    def _rows(self, n: int) -> Any:
        """Row indices that pad a batch, so that the devices divide it evenly."""
        missing = -n % self.n_devices
        return np.resize(np.arange(n), n + missing) if missing else slice(None)

    def sync_variables(self) -> None:
        """Do nothing: the variables are always up to date."""

    def build_metrics(self) -> None:
        """Do nothing: Keras builds the metrics in the first step."""

    def _figures(self, logs: Any, step: str) -> dict[str, float]:
        figures = dict(_numbers(logs or {}))
        if "loss" not in figures:
            raise ValueError(
                f"expected {step} of {type(self.model).__name__} to return a dict with the number "
                f"'loss', got {logs!r}. Add it"
            )
        return figures

    def regularize(self, values: Regularization) -> None:
        """Do nothing: the regularisation is compiled in."""


def _numbers(logs: dict[str, Any]) -> Iterator[tuple[str, float]]:
    """The numbers in a model's logs, which may also hold vectors and texts."""
    for name, value in logs.items():
        if isinstance(value, dict):
            yield from _numbers(value)
        else:
            array = np.asarray(ops.convert_to_numpy(value))
            if array.size == 1 and array.dtype.kind not in "OSU":
                yield name, float(array.reshape(()))
