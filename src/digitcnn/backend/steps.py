"""One step of training and one of prediction: Keras's own, and what all steps have in common."""

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
    """What keeps a network from learning its examples by heart.

    Parameters
    ----------
    dropout : float or None
        Rate of every dropout layer; None is each layer's own.
    weight_decay : float or None
        The optimizer's; None is what the optimizer came with.
    label_smoothing : float
        Part of the target that is spread over all classes.
    """

    dropout: float | None
    weight_decay: float | None
    label_smoothing: float


def has_processor_steps(device: str) -> bool:
    """Whether steps for this device are `ProcessorSteps`: TensorFlow's, without a GPU."""
    return keras.backend.backend() == "tensorflow" and on_processor(device)


def has_jax_steps(device: str, optimizer: type) -> bool:
    """Whether a named network's steps are `JaxSteps`: JAX's, on one device.

    An optimizer of another kind may do what Keras's own step alone allows for.
    """
    is_known = optimizer in OPTIMIZERS.values()
    return keras.backend.backend() == "jax" and device != "all" and is_known


class KerasSteps:
    """Keras's own steps, for named networks on accelerators and with other backends.

    How they regularise is compiled in.

    Parameters
    ----------
    model : keras.Model
        Compiled.
    n_devices : int, default=1
        Among which each batch is divided. One that they do not divide evenly is filled up with
        images of its own.
    """

    def __init__(self, model: keras.Model, n_devices: int = 1) -> None:
        self.model = model
        self.n_devices = n_devices
        # Keras says of no backend that several threads may predict with one model.
        self._lock = Lock()

    def train(
        self, images: np.ndarray, y_encoded: np.ndarray, weights: np.ndarray | None
    ) -> dict[str, float]:
        """Train on one batch.

        Parameters
        ----------
        images : ndarray of shape (n, height, width, channels), float32
        y_encoded : ndarray of shape (n,), int32
            Labels as numbers.
        weights : ndarray of shape (n,), float32, or None
            None is 1 for each.

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
        # Keras takes an interrupt that comes while it waits for a figure for one that is no number,
        # and leaves the figure as it was. With JAX that is nearly all of the time.
        if any(ops.is_tensor(value) and prod(value.shape) == 1 for value in logs.values()):
            raise KeyboardInterrupt
        figures = self._figures(logs, "train_step")
        return {name: value * len(images) for name, value in figures.items()}

    def evaluate(
        self, images: np.ndarray, y_encoded: np.ndarray, label_smoothing: float
    ) -> dict[str, float]:
        """Figures on images that are not trained on, as sums over them.

        Parameters
        ----------
        images : ndarray of shape (n, height, width, channels), float32
        y_encoded : ndarray of shape (n,), int32
        label_smoothing : float
            As the training's.
        """
        return score(self.predict(images), y_encoded, label_smoothing)

    def predict(self, images: np.ndarray) -> np.ndarray:
        """The network's probabilities, of shape (n, n_classes), for a batch of any size.

        Several threads may ask at once.
        """
        n = len(images)
        with self._lock:
            answers = self.model.predict_on_batch(images[self._rows(n)])
        return self._one_output(answers)[:n]

    def _one_output(self, answers: Any) -> Any:
        if not hasattr(answers, "shape"):
            raise ValueError(
                f"expected predict_step of {type(self.model).__name__} to return an array of "
                f"probabilities, got a {type(answers).__name__}"
            )
        return answers

    def _rows(self, n: int) -> Any:
        """The rows of a batch that the devices divide evenly."""
        missing = -n % self.n_devices
        return np.resize(np.arange(n), n + missing) if missing else slice(None)

    def settle(self) -> None:
        """Give the network's variables what was learned. They hold it already."""

    def _figures(self, logs: Any, step: str) -> dict[str, float]:
        figures = dict(_numbers(logs or {}))
        if "loss" not in figures:
            raise ValueError(
                f"expected {step} of {type(self.model).__name__} to return a dict with the number "
                f"'loss', got {logs!r}. Add it"
            )
        return figures

    def regularize(self, values: Regularization) -> None:
        """Nothing: it is compiled in."""


def _numbers(logs: dict[str, Any]) -> Iterator[tuple[str, float]]:
    """What is a number in a model's logs. There may be vectors and texts beside."""
    for name, value in logs.items():
        if isinstance(value, dict):
            yield from _numbers(value)
        else:
            array = np.asarray(ops.convert_to_numpy(value))
            if array.size == 1 and array.dtype.kind not in "OSU":
                yield name, float(array.reshape(()))
