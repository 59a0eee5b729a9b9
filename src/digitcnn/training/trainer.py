"""Training a network, and answering with it."""

import copy
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from digitcnn.inference.probabilities import (
    CHUNK,
    divide,
    images_at_once,
    predict_in_parts,
)
from digitcnn.training.checkpoints import Checkpoint
from digitcnn.training.history import History
from digitcnn.training.joint import Training, is_trained_elsewhere
from digitcnn.training.network_plan import NetworkPlan
from digitcnn.training.plan import TrainingPlan
from digitcnn.training.stored_network import StoredNetwork

if TYPE_CHECKING:
    from digitcnn.augmentation.batches import DigitBatches
    from digitcnn.backend.cache import CompiledNetwork

# Images that go through the network in one call on an accelerator, which is waited for after each.
_CHUNK_ON_ACCELERATOR = 4096


class NetworkTrainer:
    """Trains a network, and answers with it.

    It takes checked arrays: images of shape (n, height, width, channels), and labels encoded as
    integers from 0.

    Parameters
    ----------
    network : StoredNetwork

    Attributes
    ----------
    network : StoredNetwork
    history : History
        Figures of all trainings so far.
    """

    def __init__(self, network: StoredNetwork) -> None:
        self.network = network
        self.history: History = History()
        # Figures of the current training.
        self._record = History()

    def train(
        self,
        X: np.ndarray,
        y_encoded: np.ndarray,
        sample_weight: np.ndarray | None,
        *,
        epochs: int,
        plan: TrainingPlan,
        rows: np.ndarray | None = None,
        validation: tuple[np.ndarray, np.ndarray] | None = None,
        callbacks: list[Any] | None = None,
        checkpoint: Checkpoint | None = None,
        is_watched: bool = False,
    ) -> None:
        """Train for a number of epochs, from the present state if there is one.

        A training that fails leaves the state unchanged, except that of a model of the network's
        own: see `StoredNetwork.remember`.

        Parameters
        ----------
        X : ndarray of shape (n, height, width, channels)
        y_encoded : ndarray of shape (n,)
        sample_weight : ndarray of shape (n,) or None
        epochs : int
        plan : TrainingPlan
            Parameters of the training.
        rows : ndarray of int or None, default=None
            Indices of the images to train on; None for all.
        validation : tuple of two ndarrays or None, default=None
            Images and encoded labels for validation.
        callbacks : list of keras.callbacks.Callback or None, default=None
        checkpoint : Checkpoint or None, default=None
            Resumed from, if it holds a state, and written after each epoch.
        is_watched : bool, default=False
            Whether callbacks may keep the network, so that it cannot be reused.
        """
        from digitcnn.augmentation.batches import DigitBatches
        from digitcnn.training.loop import train

        is_plain = validation is None and checkpoint is None and not is_watched
        is_plain &= rows is None or len(rows) == len(X)
        is_plain &= not any(getattr(one, "is_followed", False) for one in callbacks or [])
        if is_trained_elsewhere(self, Training(X, y_encoded, sample_weight, plan, is_plain)):
            return
        network_plan, before = self.network.plan, self.history
        record = self._record = History()
        with self.network.training(is_watched) as network:
            if network_plan.start_learning_rate is not None:
                # An earlier training may have changed it.
                network.model.optimizer.learning_rate = network_plan.start_learning_rate
            if checkpoint is not None and checkpoint.progress is not None:
                record = self._record = checkpoint.progress.history
            training_data = make_training_batches(
                plan,
                X,
                y_encoded,
                sample_weight,
                rows=rows,
                first_epoch=before.n_epochs + record.n_epochs,
            )
            validation_data = None
            if validation is not None:
                validation_data = DigitBatches(
                    *validation,
                    None,
                    pixel_range=network_plan.pixel_range,
                    batch_size=images_at_once(X.shape[1:], _most_at_once(network_plan.device)),
                )
            train(
                network,
                training_data,
                validation_data,
                record,
                first_epoch=before.n_epochs,
                epochs=epochs,
                callbacks=callbacks or [],
                label_smoothing=network_plan.label_smoothing,
                checkpoint=checkpoint,
                is_watched=is_watched,
            )
        self.history = before.followed_by(record)

    def draw_back(self, start: list[np.ndarray], share: float) -> None:
        """Replace the weights by a mean of them and the initial ones.

        Parameters
        ----------
        start : list of ndarray
            Initial weights, in Keras's order.
        share : float
            Weight of the trained weights in the mean, 0 to 1.
        """
        pairs = zip(start, self.network.get_weights(), strict=True)
        drawn = [(one + share * (other - one)).astype(np.float32) for one, other in pairs]
        self.network.replace_weights(drawn)

    def predict_proba(
        self, X: np.ndarray, views: np.ndarray | None = None, fill_mode: str = "nearest"
    ) -> np.ndarray:
        """Predict probabilities, float32 of shape (n, n_classes), for any number of images.

        The images are converted to float32 in parts. The division into parts changes no result,
        except the last bits of float32 on some processors.

        Parameters
        ----------
        X : ndarray of shape (n, height, width, channels)
        views : ndarray of shape (v, 2, 3) or None, default=None
            From `digitcnn.augmentation.distortion.draw_views`. The mean over the views is returned.
        fill_mode : {"nearest", "constant"}, default="nearest"
            How pixels from outside the image are filled.

        Raises
        ------
        ValueError
            If a probability is not finite.
        """
        plan = self.network.plan
        arguments: dict[str, Any] = {
            "n_outputs": plan.n_classes,
            "pixel_range": plan.pixel_range,
            "views": views,
            "fill_mode": fill_mode,
        }
        session = self.network.session
        if session is not None:
            at_once, n_threads = divide(X)
            return predict_in_parts(
                session.predict, X, at_once=at_once, n_threads=n_threads, **arguments
            )
        at_once = images_at_once(X.shape[1:], _most_at_once(plan.device))
        with self.network.predicting() as network:
            answer = partial(_ask_keras, network)
            return predict_in_parts(answer, X, at_once=at_once, **arguments)

    def snapshot(self, figures: dict[str, float]) -> "NetworkTrainer":
        """A copy of the trainer during a training, at the end of an epoch.

        Parameters
        ----------
        figures : dict of str to float
            Figures of the epoch.
        """
        other = NetworkTrainer(copy.copy(self.network))
        other.network.keep(self.network.get_state())
        other.history = self.history.followed_by(self._record)
        other.history.add_epoch(figures)
        return other

    def going_on(self, plan: NetworkPlan) -> "NetworkTrainer":
        """A copy with another plan, to continue training: see `StoredNetwork.going_on`."""
        other = NetworkTrainer(self.network.going_on(plan))
        other.history = self.history
        return other


def make_training_batches(
    plan: TrainingPlan,
    X: np.ndarray,
    y_encoded: np.ndarray,
    sample_weight: np.ndarray | None,
    *,
    rows: np.ndarray | None = None,
    first_epoch: int = 0,
) -> "DigitBatches":
    """The batches of a training: parameters as in `DigitBatches` and `NetworkTrainer.train`."""
    from digitcnn.augmentation.batches import DigitBatches
    from digitcnn.backend.devices import on_processor

    network = plan.network
    return DigitBatches(
        X,
        y_encoded,
        sample_weight,
        pixel_range=network.pixel_range,
        batch_size=plan.batch_size,
        distortion=plan.distortion,
        corruption_rate=plan.corruption_rate,
        rows=rows,
        shuffle=True,
        seed=network.seed,
        first_epoch=first_epoch,
        accelerator=None if on_processor(network.device) else network.device,
    )


def _most_at_once(device: str) -> int:
    from digitcnn.backend.devices import on_processor

    return CHUNK if on_processor(device) else _CHUNK_ON_ACCELERATOR


def _ask_keras(network: "CompiledNetwork", images: np.ndarray) -> np.ndarray:
    n = len(images)
    if n == 1:
        # A matrix-vector product rounds differently from the matrix products of larger batches.
        images = np.repeat(images, 2, axis=0)
    return network.steps.predict(images)[:n]
