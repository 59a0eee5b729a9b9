"""The only module that uses SciKeras: the `KerasClassifier` inside `DigitCNNClassifier`.

SciKeras provides the protocol: `fit` builds a network or continues with one, for a number of epochs
after the current one. The trainer does the work and holds all state. Workarounds for defects of
SciKeras are here, each with a comment.
"""

import sys
from typing import Any

import keras
import numpy as np
from sklearn.preprocessing import FunctionTransformer

from digitcnn.training.trainer import NetworkTrainer


def _import_scikeras_classifier() -> Any:
    """Import SciKeras's classifier and undo the changes that the import makes to Keras.

    Workaround: the import replaces ``__reduce__`` and ``__deepcopy__`` of Keras's own classes in
    the whole process, although Keras 3 pickles its objects itself. It also imports TensorFlow if
    that is installed, with any backend. If SciKeras was imported before, nothing is undone.
    """
    if "scikeras" in sys.modules:
        from scikeras.wrappers import KerasClassifier

        return KerasClassifier
    patched = [
        (keras.Model, "__reduce__"),
        (keras.Model, "__deepcopy__"),
        (keras.losses.Loss, "__reduce__"),
        (keras.metrics.Metric, "__reduce__"),
        (keras.optimizers.Optimizer, "__reduce__"),
    ]
    before = [cls.__dict__.get(name) for cls, name in patched]
    hides_tensorflow = keras.backend.backend() != "tensorflow" and "tensorflow" not in sys.modules
    if hides_tensorflow:
        sys.modules["tensorflow"] = None  # type: ignore[assignment]
    try:
        from scikeras.wrappers import KerasClassifier
    finally:
        if hides_tensorflow:
            del sys.modules["tensorflow"]

    for (cls, name), method in zip(patched, before, strict=True):
        if method is None:
            delattr(cls, name)
        else:
            setattr(cls, name, method)
    return KerasClassifier


_KerasClassifier: Any = _import_scikeras_classifier()


class NetworkClassifier(_KerasClassifier):
    """SciKeras classifier that delegates to a `NetworkTrainer`.

    It takes checked arrays: images of shape (n, height, width, channels), and labels encoded as
    integers from 0.

    Parameters
    ----------
    trainer : NetworkTrainer
        Trains and predicts.
    """

    # Labels are encoded already, and images are arrays.
    target_encoder = target_encoder_ = FunctionTransformer()
    feature_encoder = feature_encoder_ = FunctionTransformer()

    def __init__(self, trainer: NetworkTrainer) -> None:
        super().__init__(model=None, verbose=0)
        self.trainer = trainer

    @property
    def model_(self) -> keras.Model:
        """The Keras model. From the first access on it belongs to the estimator."""
        return self.trainer.network.model

    @model_.setter
    def model_(self, model: None) -> None:
        pass  # SciKeras assigns the result of `_build_keras_model`

    @property
    def history_(self) -> dict[str, list[float]]:
        """The figures of each epoch."""
        return self.trainer.history.epochs

    @property
    def current_epoch(self) -> int:
        """Epochs trained."""
        return self.trainer.history.n_epochs

    @property
    def initialized_(self) -> bool:
        """Whether the network is trained."""
        return self.trainer.network.is_trained

    def predict_proba(self, X: np.ndarray, **arguments: Any) -> np.ndarray:
        """Probabilities, as `NetworkTrainer.predict_proba` returns them.

        Workaround: SciKeras squeezes the probabilities of a single image to one dimension.
        """
        return self.trainer.predict_proba(X, **arguments)

    def _build_keras_model(self) -> None:
        pass  # the trainer builds or borrows the network

    def _ensure_compiled_model(self) -> None:
        pass  # the trainer's network is compiled

    def _validate_data(
        self, X: Any = None, y: Any = None, reset: bool = False, y_numeric: bool = False
    ) -> tuple[Any, Any]:
        # Workaround: SciKeras's checks accept sparse matrices, refuse dtypes that could be cast,
        # and take the height of an image as its number of features.
        return X, y

    @staticmethod
    def _validate_sample_weight(
        X: np.ndarray, y: np.ndarray, sample_weight: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        # Workaround: SciKeras copies all of X to drop images of weight 0, which are dropped
        # already, and casts the weights to Keras's floatx.
        return X, y, sample_weight

    def _fit_keras_model(
        self,
        X: np.ndarray,
        y: np.ndarray,
        sample_weight: np.ndarray | None,
        warm_start: bool,
        epochs: int,
        initial_epoch: int,
        **arguments: Any,
    ) -> None:
        # Workaround: SciKeras's method replaces the given callbacks, and with a random_state it
        # sets the global seeds and TensorFlow's op determinism for the process. Here the network
        # and the batches have their own seeds, and nothing global changes.
        self.trainer.train(X, y, sample_weight, epochs=epochs, **arguments)
