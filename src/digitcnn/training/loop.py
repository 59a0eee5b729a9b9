"""The training loop: epochs, batches, callbacks, figures.

It does what `keras.Model.fit` does for arrays of images, without its pipeline of datasets, which
costs a tenth to a third of the arithmetic of networks of this size. Keras's callbacks see no
difference.
"""

from collections.abc import Iterator
from contextlib import suppress
from itertools import zip_longest
from pathlib import Path
from typing import Any

import keras
import numpy as np

from digitcnn.augmentation.batches import DigitBatches
from digitcnn.backend.cache import CompiledNetwork, put_in, state_variables, take_out
from digitcnn.training.checkpoints import Checkpoint, Progress
from digitcnn.training.schedules import get_memory, set_memory

_DIVERGED = (
    "the training has diverged. Try a smaller learning_rate, a larger batch_size, or "
    "precision='float32'"
)


def train(
    network: CompiledNetwork,
    batches: DigitBatches,
    validation: DigitBatches | None,
    *,
    first_epoch: int,
    epochs: int,
    callbacks: list[Any] | None,
    label_smoothing: float,
    checkpoint: Checkpoint | None = None,
    is_watched: bool = False,
) -> tuple[dict[str, list[float]], list[float], bool]:
    """Train a compiled network.

    An interrupt (Ctrl-C) after the first batch ends the training as a callback would: the epoch
    under way counts with the batches that it had. The checkpoint stays that of the last whole
    epoch.

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
    checkpoint : Checkpoint or None, default=None
        What to go on from, where it holds something, and to note each epoch in.
    is_watched : bool, default=False
        Whether a callback may look at the network's variables after each batch, rather than after
        each epoch.

    Returns
    -------
    history : dict of str to list of float
        For each epoch ``loss``, ``accuracy``, ``learning_rate`` and, with validation data,
        ``val_loss`` and ``val_accuracy``. A user's model may have further figures.
    batch_losses : list of float
        The mean loss of each batch.
    is_interrupted : bool
        Whether an interrupt ended the training.

    Raises
    ------
    KeyboardInterrupt
        If nothing was learned yet.
    ValueError
        If the loss or the weights are no finite numbers any more, or if the checkpoint is of
        another network.
    """
    model = network.model
    variables = state_variables(model)
    earlier = checkpoint.progress if checkpoint is not None else None
    if earlier is not None:
        assert checkpoint is not None
        _check_state(earlier.state, variables, checkpoint.path)
        put_in(variables, earlier.state)
        if earlier.is_finished:
            return dict(earlier.history), list(earlier.batch_losses), False
    told = keras.callbacks.CallbackList(
        callbacks,
        add_history=True,
        model=model,
        verbose=0,
        epochs=first_epoch + epochs,
        steps=len(batches),
    )
    model.stop_training = is_interrupted = False
    batch_losses = list(earlier.batch_losses) if earlier is not None else []
    before = earlier.history if earlier is not None else {}
    done = len(before.get("loss", []))

    def note(is_finished: bool) -> None:
        if checkpoint is not None:
            checkpoint.write(
                Progress(
                    history=_joined(before, model.history.history),
                    batch_losses=batch_losses,
                    state=take_out(variables),
                    memory=get_memory(callbacks or []),
                    is_finished=is_finished,
                )
            )

    told.on_train_begin()
    if earlier is not None:
        set_memory(callbacks or [], earlier.memory)
    logs: dict[str, float] = {}
    for epoch in range(first_epoch + done, first_epoch + epochs):
        seen, sums = 0, dict[str, float]()
        try:
            told.on_epoch_begin(epoch)
            try:
                for index, (images, codes, weights) in enumerate(_prepared(batches)):
                    told.on_train_batch_begin(index)
                    figures = network.steps.train(images, codes, weights)
                    n = len(images)
                    loss = figures["loss"] / n
                    if not np.isfinite(loss):
                        raise ValueError(
                            f"the loss became {loss} in batch {index + 1} of epoch {epoch + 1}: "
                            f"{_DIVERGED}"
                        )
                    batch_losses.append(loss)
                    sums = _added(sums, {"accuracy": np.nan, **figures})
                    logs = {name: value / (seen + n) for name, value in sums.items()}
                    seen += n  # last: what is seen has its figures, whenever an interrupt comes
                    if is_watched:
                        network.steps.settle()
                    told.on_train_batch_end(index, logs)
                    if model.stop_training:
                        break
            except KeyboardInterrupt:
                if not seen:
                    raise
                is_interrupted = True
            finally:
                network.steps.settle()
            batches.on_epoch_end()
            logs = {**logs, **_evaluate(network, validation, told, label_smoothing)}
            told.on_epoch_end(epoch, logs)
            is_last = model.stop_training or epoch + 1 == first_epoch + epochs
            if not is_interrupted and not is_last:
                note(is_finished=False)
        except KeyboardInterrupt:
            is_interrupted = True
            with suppress(KeyboardInterrupt):  # another one loses this epoch's figures, no more
                if seen and epoch not in model.history.epoch:
                    # What was learned has its figures, though the callbacks do not hear of them.
                    quiet = keras.callbacks.CallbackList()
                    logs = {**logs, **_evaluate(network, validation, quiet, label_smoothing)}
                    model.history.on_epoch_end(epoch, logs)
            if not (done or model.history.history):
                raise
        if model.stop_training or is_interrupted:
            break
    # Of an optimizer that averages the weights, the average.
    model.optimizer.finalize_variable_values(model.trainable_variables)
    # With JAX the weights would be the averages' own arrays, which the next step gives away.
    put_in(model.trainable_variables, take_out(model.trainable_variables))
    try:
        told.on_train_end(logs)
    except KeyboardInterrupt:  # all is learned
        is_interrupted = True
    # The last step's doing, which no loss tells of.
    if not all(np.isfinite(weight).all() for weight in model.get_weights()):
        raise ValueError(f"the weights became infinite in the last batch: {_DIVERGED}")
    if not is_interrupted:
        try:
            note(is_finished=True)
        except KeyboardInterrupt:
            is_interrupted = True
    return _joined(before, model.history.history), batch_losses, is_interrupted


def _joined(before: dict[str, list[float]], after: dict[str, list[Any]]) -> dict[str, list[float]]:
    """The figures of the epochs before a checkpoint and of those after it."""
    return {
        name: before.get(name, []) + [float(value) for value in after.get(name, [])]
        for name in {**before, **after}
    }


def _added(sums: dict[str, float], figures: dict[str, float]) -> dict[str, float]:
    return {name: sums.get(name, 0.0) + value for name, value in figures.items()}


def _check_state(state: list[np.ndarray], variables: list[Any], path: Path) -> None:
    kept = [(array.shape, array.dtype.name) for array in state]
    wanted = [(tuple(variable.shape), str(variable.dtype)) for variable in variables]
    for number, (one, other) in enumerate(zip_longest(kept, wanted)):
        if one != other:
            raise ValueError(
                f"{path}: is the checkpoint of another network: its array {number} is {one}, and "
                f"this network's is {other}. Delete it to start anew"
            )


def _prepared(batches: DigitBatches) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray | None]]:
    """An epoch's batches: images, labels and weights, where there are any."""
    for images, codes, *weights in batches.in_order():
        yield images, codes, weights[0] if weights else None


def _evaluate(
    network: CompiledNetwork,
    validation: DigitBatches | None,
    told: keras.callbacks.CallbackList,
    label_smoothing: float,
) -> dict[str, float]:
    """The learning rate, and loss and accuracy on images that are not trained on."""
    rate = float(keras.ops.convert_to_numpy(network.model.optimizer.learning_rate))
    if validation is None:
        return {"learning_rate": rate}
    seen, sums = 0, dict[str, float]()
    told.on_test_begin()
    logs: dict[str, float] = {}
    for index in range(len(validation)):
        told.on_test_batch_begin(index)
        images, codes = validation[index]
        sums = _added(sums, network.steps.evaluate(images, codes, label_smoothing))
        seen += len(codes)
        logs = {name: value / seen for name, value in sums.items()}
        told.on_test_batch_end(index, logs)
    told.on_test_end(logs)
    figures = {f"val_{name}": float(value) for name, value in logs.items()}
    return {**figures, "learning_rate": rate}
