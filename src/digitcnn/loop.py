"""The training loop: epochs, batches, callbacks, figures.

It does what `keras.Model.fit` does for arrays of images, without its pipeline of datasets, which
costs a tenth to a third of the arithmetic of networks of this size. Keras's callbacks see no
difference.
"""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from digitcnn.batches import DigitBatches
from digitcnn.training import CompiledNetwork


def train(
    network: CompiledNetwork,
    batches: DigitBatches,
    validation: DigitBatches | None,
    *,
    first_epoch: int,
    epochs: int,
    callbacks: list[Any] | None,
    label_smoothing: float,
) -> tuple[dict[str, list[float]], list[float], bool]:
    """Train a compiled network.

    An interrupt (Ctrl-C) after the first batch ends the training as a callback would: the epoch
    under way counts with the batches that it had.

    Parameters
    ----------
    network : CompiledNetwork
        Its model's state is changed.
    batches : DigitBatches
        What to train on.
    validation : DigitBatches or None
        What to watch the accuracy on after each epoch.
    first_epoch : int
        The first epoch's number, where a training goes on.
    epochs : int
        How many, unless a callback stops the training.
    callbacks : list of keras.callbacks.Callback or None
    label_smoothing : float
        As the training's, for the validation loss.

    Returns
    -------
    history : dict of str to list of float
        For each epoch ``loss``, ``accuracy``, ``learning_rate`` and, with validation data,
        ``val_loss`` and ``val_accuracy``.
    batch_losses : list of float
        The mean loss of each batch.
    is_interrupted : bool
        Whether an interrupt ended the training.

    Raises
    ------
    KeyboardInterrupt
        If nothing was learned yet.
    ValueError
        If the loss is no finite number any more.
    """
    model = network.model
    told = keras.callbacks.CallbackList(
        callbacks,
        add_history=True,
        model=model,
        verbose=0,
        epochs=first_epoch + epochs,
        steps=len(batches),
    )
    model.stop_training = is_interrupted = False
    batch_losses: list[float] = []
    told.on_train_begin()
    logs: dict[str, float] = {}
    for epoch in range(first_epoch, first_epoch + epochs):
        try:
            told.on_epoch_begin(epoch)
            seen, total, correct = 0, 0.0, 0.0
            try:
                for index, (images, codes, weights) in enumerate(_prepared(batches)):
                    told.on_train_batch_begin(index)
                    loss, rightly = network.steps.train(images, codes, weights)
                    if not np.isfinite(loss):
                        raise ValueError(
                            f"the loss became {loss} in batch {index + 1} of epoch {epoch + 1}: "
                            "the training has diverged. Try a smaller learning_rate, a larger "
                            "batch_size, or precision='float32'"
                        )
                    batch_losses.append(loss)
                    n = len(images)
                    seen, total, correct = seen + n, total + loss * n, correct + rightly
                    logs = {"loss": total / seen, "accuracy": correct / seen}
                    told.on_train_batch_end(index, logs)
                    if model.stop_training:
                        break
            except KeyboardInterrupt:
                if not seen:
                    raise
                is_interrupted = True
            batches.on_epoch_end()
            if validation is not None:
                logs = {**logs, **_evaluate(network, validation, told, label_smoothing)}
            logs["learning_rate"] = float(keras.ops.convert_to_numpy(model.optimizer.learning_rate))
            told.on_epoch_end(epoch, logs)
        except KeyboardInterrupt:
            if not model.history.history:
                raise
            is_interrupted = True
        if model.stop_training or is_interrupted:
            break
    told.on_train_end(logs)
    history = {
        name: [float(value) for value in values] for name, values in model.history.history.items()
    }
    return history, batch_losses, is_interrupted


def _prepared(batches: DigitBatches) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """An epoch's batches: images, labels and weights, which are 1 where none were given."""
    for images, codes, *weights in batches.in_order():
        yield images, codes, weights[0] if weights else np.ones(len(codes), np.float32)


def _evaluate(
    network: CompiledNetwork,
    validation: DigitBatches,
    told: keras.callbacks.CallbackList,
    label_smoothing: float,
) -> dict[str, float]:
    """Loss and accuracy on images that are not trained on."""
    seen, total, correct = 0, 0.0, 0.0
    told.on_test_begin()
    logs: dict[str, float] = {}
    for index in range(len(validation)):
        told.on_test_batch_begin(index)
        images, codes = validation[index]
        probabilities = network.steps.predict(images)
        logarithms = np.log(np.maximum(probabilities, np.finfo(np.float32).tiny), dtype=np.float64)
        own = logarithms[np.arange(len(codes)), codes]
        losses = (label_smoothing - 1.0) * own - label_smoothing * logarithms.mean(axis=1)
        seen, total = seen + len(codes), total + losses.sum()
        correct += (probabilities.argmax(axis=1) == codes).sum()
        logs = {"loss": total / seen, "accuracy": correct / seen}
        told.on_test_batch_end(index, logs)
    told.on_test_end(logs)
    return {f"val_{name}": float(value) for name, value in logs.items()}
