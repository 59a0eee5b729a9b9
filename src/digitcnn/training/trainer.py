"""Training a network, and answering with it."""

import copy
from typing import Any

import numpy as np

from digitcnn.augmentation.batches import DigitBatches, scale
from digitcnn.augmentation.distortion import apply_view
from digitcnn.backend.cache import CompiledNetwork
from digitcnn.backend.devices import on_processor
from digitcnn.training.checkpoints import Checkpoint
from digitcnn.training.history import History
from digitcnn.training.loop import train
from digitcnn.training.network_plan import NetworkPlan
from digitcnn.training.plan import TrainingPlan
from digitcnn.training.stored_network import StoredNetwork

# Images of up to _CHUNK_PIXELS pixels that go through the network in one call. An accelerator is
# waited for after each.
_CHUNK = 512
_CHUNK_ON_ACCELERATOR = 4096
_CHUNK_PIXELS = 784


class NetworkTrainer:
    """Trains a network, and answers with it.

    It is given arrays that are checked already: images of shape (n, height, width, channels) and
    labels as numbers from 0 up.

    Parameters
    ----------
    network : StoredNetwork

    Attributes
    ----------
    network : StoredNetwork
    history : History
        The figures of all trainings so far.
    """

    def __init__(self, network: StoredNetwork) -> None:
        self.network = network
        self.history = History()
        # Of the training under way.
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
        """Train for so many epochs, going on from the present state if there is one.

        A training that fails leaves the state as it was, but for that of a network that is the
        own model: see `StoredNetwork.remember`.

        Parameters
        ----------
        X : ndarray of shape (n, height, width, channels)
        y_encoded : ndarray of shape (n,)
        sample_weight : ndarray of shape (n,) or None
        epochs : int
        plan : TrainingPlan
            How it is trained.
        rows : ndarray of int or None, default=None
            The images to train on; None is all.
        validation : tuple of two ndarrays or None, default=None
            Images and encoded labels to watch the accuracy on.
        callbacks : list of keras.callbacks.Callback or None, default=None
        checkpoint : Checkpoint or None, default=None
            What to go on from, where it holds something, and to note each epoch in.
        is_watched : bool, default=False
            Whether callbacks may hold on to the network, which is nobody else's afterwards.
        """
        network_plan, before = self.network.plan, self.history
        record = self._record = History()
        with self.network.training(is_watched) as network:
            if network_plan.start_learning_rate is not None:
                # A training before this one may have left it anywhere.
                network.model.optimizer.learning_rate = network_plan.start_learning_rate
            if checkpoint is not None and checkpoint.progress is not None:
                record = self._record = checkpoint.progress.history
            training_data = DigitBatches(
                X,
                y_encoded,
                sample_weight,
                pixel_range=network_plan.pixel_range,
                batch_size=plan.batch_size,
                distortion=plan.distortion,
                corruption_rate=plan.corruption_rate,
                rows=rows,
                shuffle=True,
                seed=network_plan.seed,
                first_epoch=before.n_epochs + record.n_epochs,
                ahead_on=None if on_processor(network_plan.device) else network_plan.device,
            )
            validation_data = None
            if validation is not None:
                validation_data = DigitBatches(
                    *validation,
                    None,
                    pixel_range=network_plan.pixel_range,
                    batch_size=self._images_at_once(X),
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

    def predict_proba(
        self, X: np.ndarray, views: np.ndarray | None = None, fill_mode: str = "nearest"
    ) -> np.ndarray:
        """Probabilities of shape (n, n_classes), float32, of images of any number.

        No more than a part of the images is ever held as float32. How they are cut into parts
        makes no difference to the results, but for float32's last bits on some processors.

        Parameters
        ----------
        X : ndarray of shape (n, height, width, channels)
        views : ndarray of shape (v, 2, 3) or None, default=None
            From `digitcnn.augmentation.distortion.draw_views`: the answer is the mean over them.
        fill_mode : {"nearest", "constant"}, default="nearest"
            What comes in from outside of a view.

        Raises
        ------
        ValueError
            If an answer is no finite number.
        """
        probabilities = np.empty((len(X), self.network.plan.n_classes), dtype=np.float32)
        fill = {"fill_mode": fill_mode, "fill_value": self.network.plan.pixel_range[0]}
        at_once = self._images_at_once(X)
        with self.network.predicting() as network:
            for start in range(0, len(X), at_once):
                images = np.asarray(X[start : start + at_once])
                if views is None:
                    answers = self._answer(network, images)
                else:
                    viewed = (apply_view(images, view, **fill) for view in views)
                    answers = np.mean([self._answer(network, one) for one in viewed], axis=0)
                probabilities[start : start + len(images)] = answers
        if not np.isfinite(probabilities).all():
            raise ValueError(
                "the network's answers are no numbers: its weights are so large that its sums "
                "overflow. Train it again, with a smaller learning_rate or a larger batch_size"
            )
        return probabilities

    def _images_at_once(self, X: np.ndarray) -> int:
        """How many images go through the network in one call: fewer the larger they are."""
        most = _CHUNK if on_processor(self.network.plan.device) else _CHUNK_ON_ACCELERATOR
        pixels = int(np.prod(X.shape[1:]))
        return min(most, max(1, most * _CHUNK_PIXELS // max(1, pixels)))

    def _answer(self, network: CompiledNetwork, images: np.ndarray) -> np.ndarray:
        part, n = scale(images, self.network.plan.pixel_range), len(images)
        if n == 1:
            # A product of a matrix and one vector rounds otherwise than that of two matrices,
            # which all other numbers of images are.
            part = np.repeat(part, 2, axis=0)
        return network.steps.predict(part)[:n]

    def snapshot(self, figures: dict[str, float]) -> "NetworkTrainer":
        """In the midst of a training, at an epoch's end: a trainer that has learned the same.

        Parameters
        ----------
        figures : dict of str to float
            The epoch's.
        """
        other = NetworkTrainer(copy.copy(self.network))
        other.network.keep(self.network.get_state())
        other.history = self.history.followed_by(self._record)
        other.history.add_epoch(figures)
        return other

    def going_on(self, plan: NetworkPlan) -> "NetworkTrainer":
        """Another trainer, to train from this one's state on, as `StoredNetwork.going_on`."""
        other = NetworkTrainer(self.network.going_on(plan))
        other.history = self.history
        return other
