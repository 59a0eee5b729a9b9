"""The one file that knows SciKeras: its `KerasClassifier`, held by `DigitCNNClassifier`.

SciKeras brings the protocol: `fit` builds anew or goes on, for so many epochs from the present one
on. What it does by that, it asks the trainer to do; nothing is kept here. What SciKeras gets wrong
is worked around here, each place with a comment that says what.
"""

import sys
from typing import Any

import keras
import numpy as np
from sklearn.preprocessing import FunctionTransformer

from digitcnn.training.trainer import NetworkTrainer


def _import_scikeras_classifier() -> type:
    """SciKeras's classifier, with what its import does to Keras undone.

    Workaround: the import replaces ``__reduce__`` and ``__deepcopy__`` of Keras's own classes, for
    everybody in the process. Keras 3 pickles its objects by itself. And it imports TensorFlow
    wherever that is installed, whatever the backend. Where somebody imported SciKeras before, it is
    left as they have it.
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
    """SciKeras's side of a network's training.

    It is given arrays that are checked already: images of shape (n, height, width, channels) and
    labels as numbers from 0 up.

    Parameters
    ----------
    trainer : NetworkTrainer
        Does what SciKeras asks for.
    """

    # The labels are numbers already, and the images arrays.
    target_encoder = target_encoder_ = FunctionTransformer()
    feature_encoder = feature_encoder_ = FunctionTransformer()

    def __init__(self, trainer: NetworkTrainer) -> None:
        super().__init__(model=None, verbose=0)
        self.trainer = trainer

    @property
    def model_(self) -> keras.Model:
        """The network, the estimator's own from the first time that it is asked for."""
        return self.trainer.network.model

    @model_.setter
    def model_(self, model: None) -> None:
        pass  # SciKeras's word for what `_build_keras_model` has given it

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
        """Whether there is something to go on from."""
        return self.trainer.network.is_trained

    def predict_proba(self, X: np.ndarray, **arguments: Any) -> np.ndarray:
        """Probabilities: what `NetworkTrainer.predict_proba` gives.

        Workaround: SciKeras squeezes the probabilities of a single image to one dimension.
        """
        return self.trainer.predict_proba(X, **arguments)

    def _build_keras_model(self) -> None:
        pass  # the trainer has it built, or borrows it

    def _ensure_compiled_model(self) -> None:
        pass  # it is

    def _validate_data(
        self, X: Any = None, y: Any = None, reset: bool = False, y_numeric: bool = False
    ) -> tuple[Any, Any]:
        # Workaround: SciKeras's checks accept sparse matrices, refuse dtypes that they could cast,
        # and take the first side of an image for its number of features.
        return X, y

    @staticmethod
    def _validate_sample_weight(
        X: np.ndarray, y: np.ndarray, sample_weight: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        # Workaround: SciKeras copies all of X to leave out what has no weight, which is left out
        # already, and gives the weights the type that the user has set for Keras.
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
        # Workaround: SciKeras's own replaces the callbacks that it is given, and a random_state
        # makes it set the global seeds and switch TensorFlow's op determinism on for the process.
        # Here the seeds are the network's and the batches', and nothing global is touched.
        self.trainer.train(X, y, sample_weight, epochs=epochs, **arguments)
