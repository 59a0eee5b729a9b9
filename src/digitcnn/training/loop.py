"""The training loop: epochs, batches, callbacks, figures.

It does what `keras.Model.fit` does for arrays of images, without the input pipeline, which costs a
tenth to a third of the time of the arithmetic of networks of this size. Callbacks are called as by
Keras.
"""

from collections.abc import Iterator
from contextlib import suppress
from itertools import zip_longest
from pathlib import Path
from typing import Any

import keras
import numpy as np

from digitcnn.augmentation.batches import DigitBatches
from digitcnn.backend.cache import CompiledNetwork, assign_values, get_values, state_variables
from digitcnn.training.checkpoints import Checkpoint, Progress
from digitcnn.training.history import History
from digitcnn.training.schedules import get_memory, set_memory

_DIVERGED = (
    "the training has diverged. Try a smaller learning_rate, a larger batch_size, or "
    "precision='float32'"
)


def train(
    network: CompiledNetwork,
    batches: DigitBatches,
    validation: DigitBatches | None,
    record: History,
    *,
    first_epoch: int,
    epochs: int,
    callbacks: list[Any],
    label_smoothing: float,
    checkpoint: Checkpoint | None = None,
    is_watched: bool = False,
) -> None:
    """Train a compiled network.

    Ctrl-C after the first batch ends the training like a callback: the interrupted epoch counts
    with the batches trained so far. The checkpoint remains that of the last complete epoch.

    Parameters
    ----------
    network : CompiledNetwork
        The network, whose state is changed.
    batches : DigitBatches
        Training data.
    validation : DigitBatches or None
        Validation data, evaluated after each epoch.
    record : History
        Receives the figures of this training. It contains those of the checkpoint, if any.
    first_epoch : int
        Number of the first epoch; above 0 if the training continues an earlier one.
    epochs : int
        Number of epochs, unless a callback stops the training.
    callbacks : list of keras.callbacks.Callback
    label_smoothing : float
        Label smoothing of the validation loss.
    checkpoint : Checkpoint or None, default=None
        Resumed from, if it holds a state, and written after each epoch.
    is_watched : bool, default=False
        Whether a callback may read the network's variables after each batch, and not only after
        each epoch.

    Raises
    ------
    KeyboardInterrupt
        If no batch was trained.
    ValueError
        If the loss or the weights are not finite, or if the checkpoint is of another network.
    """
    model, variables = network.model, state_variables(network.model)
    earlier = checkpoint.progress if checkpoint is not None else None
    if earlier is not None:
        assert checkpoint is not None
        _check_state(earlier.state, variables, checkpoint.path)
        assign_values(variables, earlier.state)
        if earlier.is_finished:
            return

    def note(is_finished: bool) -> None:
        if checkpoint is not None:
            memory = get_memory(callbacks)
            checkpoint.write(Progress(record, get_values(variables), memory, is_finished))

    all_callbacks = keras.callbacks.CallbackList(
        callbacks,
        add_history=True,
        model=model,
        verbose=0,
        epochs=first_epoch + epochs,
        steps=len(batches),
    )
    run = _Run(
        network, batches, validation, all_callbacks, label_smoothing, is_watched, first_epoch
    )
    model.stop_training = False
    if is_watched:
        network.steps.build_metrics()
    all_callbacks.on_train_begin()
    if earlier is not None:
        set_memory(callbacks, earlier.memory)
    last = first_epoch + epochs - 1
    for epoch in range(first_epoch + record.n_epochs, first_epoch + epochs):
        try:
            record.is_interrupted = not run.epoch(epoch, record)
            if not (record.is_interrupted or model.stop_training or epoch == last):
                note(is_finished=False)
        except KeyboardInterrupt:
            record.is_interrupted = True
            with suppress(KeyboardInterrupt):  # a second one loses only this epoch's figures
                run.note_cut_epoch(epoch, record)
            if not record.n_epochs:
                raise
        if model.stop_training or record.is_interrupted:
            break
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    if optimizer.use_ema:  # the final weights are the moving averages
        model.optimizer.finalize_variable_values(model.trainable_variables)
        # With JAX they would share the arrays of the averages, which the next step donates.
        assign_values(model.trainable_variables, get_values(model.trainable_variables))
    try:
        all_callbacks.on_train_end(run.logs)
    except KeyboardInterrupt:  # the training is complete
        record.is_interrupted = True
    # No recorded loss reflects the last update: check the weights.
    if not all(np.isfinite(weight).all() for weight in model.get_weights()):
        raise ValueError(f"the weights became infinite in the last batch: {_DIVERGED}")
    if not record.is_interrupted:
        try:
            note(is_finished=True)
        except KeyboardInterrupt:
            record.is_interrupted = True


class _Run:
    """The epochs of a training."""

    def __init__(
        self,
        network: CompiledNetwork,
        batches: DigitBatches,
        validation: DigitBatches | None,
        callbacks: keras.callbacks.CallbackList,
        label_smoothing: float,
        is_watched: bool,
        first_epoch: int,
    ) -> None:
        self.network = network
        self.batches = batches
        self.validation = validation
        self.callbacks = callbacks
        self.label_smoothing = label_smoothing
        self.is_watched = is_watched
        self.first_epoch = first_epoch
        self.logs: dict[str, float] = {}
        # Number of images trained on in the current epoch.
        self.n_seen = 0

    def epoch(self, epoch: int, record: History) -> bool:
        """Train for one epoch and call the callbacks; return False if it was interrupted."""
        self.n_seen, is_whole = 0, True
        self.callbacks.on_epoch_begin(epoch)
        try:
            self._batches(epoch, record)
        except KeyboardInterrupt:
            if not self.n_seen:
                raise
            is_whole = False
        finally:
            self.network.steps.sync_variables()
        self.batches.on_epoch_end()
        self.logs = {**self.logs, **self._evaluate(self.callbacks)}
        self.callbacks.on_epoch_end(epoch, self.logs)
        record.add_epoch(self.logs)  # callbacks may have added figures
        return is_whole

    def _batches(self, epoch: int, record: History) -> None:
        sums: dict[str, float] = {}
        for index, (images, y_encoded, weights) in enumerate(_prepared(self.batches)):
            self.callbacks.on_train_batch_begin(index)
            figures = self.network.steps.train(images, y_encoded, weights)
            n = len(images)
            loss = figures["loss"] / n
            if not np.isfinite(loss):
                raise ValueError(
                    f"the loss became {loss} in batch {index + 1} of epoch {epoch + 1}: {_DIVERGED}"
                )
            record.batch_losses.append(loss)
            sums = _added(sums, {"accuracy": np.nan, **figures})
            self.logs = {name: value / (self.n_seen + n) for name, value in sums.items()}
            self.n_seen += n  # last, so that an interrupt never finds images without figures
            if self.is_watched:
                self.network.steps.sync_variables()
            self.callbacks.on_train_batch_end(index, self.logs)
            if self.network.model.stop_training:
                break

    def note_cut_epoch(self, epoch: int, record: History) -> None:
        """Record the figures of an interrupted epoch, without calling the callbacks."""
        if not self.n_seen or record.n_epochs > epoch - self.first_epoch:
            return
        self.logs = {**self.logs, **self._evaluate(keras.callbacks.CallbackList())}
        history = self.network.model.history
        if epoch not in history.epoch:
            history.on_epoch_end(epoch, self.logs)
        record.add_epoch(self.logs)

    def _evaluate(self, callbacks: keras.callbacks.CallbackList) -> dict[str, float]:
        """The learning rate, and the validation loss and accuracy."""
        optimizer = self.network.model.optimizer
        rate = float(keras.ops.convert_to_numpy(optimizer.learning_rate))
        if self.validation is None:
            return {"learning_rate": rate}
        n_seen, sums, logs = 0, dict[str, float](), dict[str, float]()
        callbacks.on_test_begin()
        for index in range(len(self.validation)):
            callbacks.on_test_batch_begin(index)
            images, y_encoded = self.validation[index]
            figures = self.network.steps.evaluate(images, y_encoded, self.label_smoothing)
            sums = _added(sums, figures)
            n_seen += len(y_encoded)
            logs = {name: value / n_seen for name, value in sums.items()}
            callbacks.on_test_batch_end(index, logs)
        callbacks.on_test_end(logs)
        named = {f"val_{name}": float(value) for name, value in logs.items()}
        return {**named, "learning_rate": rate}


def _added(sums: dict[str, float], figures: dict[str, float]) -> dict[str, float]:
    return {name: sums.get(name, 0.0) + value for name, value in figures.items()}


def _check_state(state: list[np.ndarray], variables: list[Any], path: Path) -> None:
    kept = [(array.shape, array.dtype.name) for array in state]
    expected = [(tuple(variable.shape), str(variable.dtype)) for variable in variables]
    for number, (one, other) in enumerate(zip_longest(kept, expected)):
        if one != other:
            raise ValueError(
                f"{path}: is the checkpoint of another network: its array {number} is {one}, and "
                f"this network's is {other}. Delete it to start again"
            )


def _prepared(batches: DigitBatches) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray | None]]:
    """Batches of one epoch: images, labels, and weights or None."""
    for images, y_encoded, *weights in batches.in_order():
        yield images, y_encoded, weights[0] if weights else None
