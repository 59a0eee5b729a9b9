"""The loop does what `keras.Model.fit` does, as its callbacks see it."""

import keras
import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from conftest import make_classifier
from digitcnn.augmentation.batches import DigitBatches
from digitcnn.backend.build import build
from digitcnn.backend.cache import CompiledNetwork
from digitcnn.backend.losses import make_loss
from digitcnn.backend.optimizers import make_optimizer
from digitcnn.backend.steps import Regularization
from digitcnn.training.history import History
from digitcnn.training.loop import train


class Diary(keras.callbacks.Callback):
    """Notes everything that it is told, in order."""

    def __init__(self):
        super().__init__()
        self.entries = []
        for name in dir(keras.callbacks.Callback):
            is_told = name.startswith(("on_train_", "on_test_", "on_epoch_"))
            if is_told:
                setattr(self, name, lambda *args, n=name, **kw: self.note(n, *args, **kw))

    def note(self, name, *args, logs=None):
        if args and isinstance(args[-1], dict):
            logs, args = args[-1], args[:-1]
        self.entries.append((name, *[a for a in args if a is not None], sorted(logs or {})))


def network_and_data(digits, weighted=False):
    X, y = digits
    images, codes = X[:90].reshape(-1, 8, 8, 1), y[:90].astype(np.int32)
    weights = np.linspace(0.5, 1.5, 90, dtype=np.float32) if weighted else None
    model = build("relu-dropout", (8, 8, 1), 10, dropout=0.0, seed=0, dtype="float32")
    model.compile(
        make_optimizer("sgd", learning_rate=0.01),
        make_loss(0.1),
        metrics=["accuracy"],
        jit_compile=False,
    )
    common = {"pixel_range": (0.0, 255.0), "batch_size": 32}
    training = DigitBatches(images, codes, weights, shuffle=True, seed=4, **common)
    held_out = X[90:140].reshape(-1, 8, 8, 1), y[90:140].astype(np.int32)
    return model, training, DigitBatches(*held_out, None, **common)


@pytest.mark.slow
@pytest.mark.parametrize("weighted", [False, True])
def test_callbacks_and_figures_are_those_of_keras_fit(digits, weighted):
    model, training, held_out = network_and_data(digits, weighted)
    kerass = Diary()
    expected = model.fit(
        training, validation_data=held_out, epochs=2, verbose=0, shuffle=False, callbacks=[kerass]
    ).history
    model, training, held_out = network_and_data(digits, weighted)
    network = CompiledNetwork(model, "auto")
    network.steps.regularize(Regularization(None, 0.0, 0.1))
    mine = Diary()
    record = History()
    train(
        network,
        training,
        held_out,
        record,
        first_epoch=0,
        epochs=2,
        callbacks=[mine],
        label_smoothing=0.1,
    )
    assert not record.is_interrupted
    history, batch_losses = record.epochs, record.batch_losses
    rates = history.pop("learning_rate")
    np.testing.assert_allclose(rates, 0.01, rtol=1e-6)
    assert history.keys() == expected.keys()
    for name, values in expected.items():
        # In a digit's even background it is rounding that says which of four pixels is the
        # largest, and which way the gradient goes.
        tolerance = {"atol": 0.07} if "accuracy" in name else {"rtol": 0.02}
        np.testing.assert_allclose(history[name], values, **tolerance, err_msg=name)
    assert len(batch_losses) == 6
    for epoch in range(2):
        losses = batch_losses[3 * epoch : 3 * epoch + 3]
        assert np.average(losses, weights=[32, 32, 26]) == pytest.approx(history["loss"][epoch])
    told = [(*rest, [n for n in logs if n != "learning_rate"]) for *rest, logs in mine.entries]
    assert told == kerass.entries


class StopAt(keras.callbacks.Callback):
    def __init__(self, batch):
        super().__init__()
        self.batch, self.ended = batch, False

    def on_train_batch_end(self, batch, logs=None):
        if batch == self.batch:
            self.model.stop_training = True

    def on_train_end(self, logs=None):
        self.ended = logs["loss"] > 0


@pytest.mark.slow
def test_a_callback_stops_the_training_at_a_batch(digits):
    X, y = digits
    clf = make_classifier(epochs=5, batch_size=20, callbacks=[StopAt(2)]).fit(X[:100], y[:100])
    assert clf.n_iter_ == 1
    assert len(clf.batch_loss_curve_) == 3
    assert clf.callbacks_[0].ended
    # It does not stop the next one.
    assert clf.set_params(callbacks=None).fit(X[:100], y[:100]).n_iter_ == 5


class Interrupt(keras.callbacks.Callback):
    """What Ctrl-C does, at one place of the training."""

    def __init__(self, hook, count):
        super().__init__()
        self.left = count
        setattr(self, hook, self.interrupt)

    def interrupt(self, *args, logs=None):
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


@pytest.mark.slow
@pytest.mark.parametrize(
    ("hook", "count", "epochs", "batches"),
    [
        ("on_train_batch_end", 1, 1, 1),
        ("on_train_batch_begin", 7, 2, 6),  # the second batch of the second epoch
        ("on_epoch_begin", 3, 2, 10),
        ("on_test_batch_end", 1, 1, 5),
        ("on_test_batch_end", 2, 2, 10),
        ("on_epoch_end", 1, 1, 5),
    ],
)
def test_interrupt_is_raised_again_and_leaves_a_usable_estimator(
    digits, hook, count, epochs, batches
):
    X, y = digits
    clf = make_classifier(
        epochs=4, batch_size=64, validation_fraction=0.2, callbacks=[Interrupt(hook, count)]
    )
    with pytest.raises(KeyboardInterrupt) as interrupt:
        clf.fit(X[:400], y[:400])
    (note,) = interrupt.value.__notes__
    assert f"is fitted with what it learned up to epoch {epochs}." in note
    assert clf.n_iter_ == len(clf.validation_scores_) == epochs
    assert len(clf.batch_loss_curve_) == batches
    assert clf.predict_proba(X[:5]).shape == (5, 10)
    assert clf.confidence_threshold(0.9) <= 1.0
    # It goes on from there.
    assert clf.set_params(callbacks=None).partial_fit(X[:64], y[:64]).n_iter_ == epochs + 1


@pytest.mark.slow
@pytest.mark.parametrize(("hook", "count"), [("on_train_begin", 1), ("on_train_batch_begin", 1)])
def test_interrupt_before_anything_is_learned_is_one(digits, hook, count):
    clf = make_classifier(callbacks=[Interrupt(hook, count)])
    with pytest.raises(KeyboardInterrupt):
        clf.fit(digits[0][:100], digits[1][:100])
    with pytest.raises(NotFittedError):
        clf.predict(digits[0][:5])
    clf.set_params(callbacks=None, epochs=1).fit(digits[0][:100], digits[1][:100])


@pytest.mark.slow
@pytest.mark.parametrize("keeps_network", [False, True])
@pytest.mark.parametrize("goes_on", [False, True])
def test_training_that_diverges_says_what_to_try_and_loses_nothing(digits, goes_on, keeps_network):
    X, y = digits[0][:200], digits[1][:200]
    callbacks = [keras.callbacks.Callback()] if keeps_network else None
    clf = make_classifier(epochs=2, warm_start=goes_on, callbacks=callbacks).fit(X, y)
    before, history = clf.predict_proba(X), dict(clf.history_)
    clf.set_params(learning_rate=1e20, optimizer="sgd" if not goes_on else "adamw")
    with pytest.raises(
        ValueError, match=r"the loss became \w+ in batch \d+ .*smaller learning_rate"
    ):
        clf.fit(X, y)
    np.testing.assert_array_equal(clf.predict_proba(X), before)
    assert clf.history_ == history
    clf.set_params(learning_rate=0.001, optimizer="adamw").fit(X, y)
    assert np.isfinite(clf.predict_proba(X)).all()


@pytest.mark.parametrize(
    ("monitor", "best_of"),
    [("val_accuracy", max), ("accuracy", max), ("val_loss", min), ("loss", min)],
)
def test_callbacks_know_which_figures_rise_and_which_fall(digits, tmp_path, monitor, best_of):
    X, y = digits
    stop = keras.callbacks.EarlyStopping(monitor, patience=5)
    kept = keras.callbacks.ModelCheckpoint(
        tmp_path / "best.weights.h5", monitor, save_best_only=True, save_weights_only=True
    )
    clf = make_classifier(epochs=3, validation_fraction=0.25, callbacks=[stop, kept])
    clf.fit(X[:120], y[:120])
    best = best_of(clf.history_[monitor])
    assert [callback.best for callback in clf.callbacks_] == pytest.approx([best, best])
    assert (tmp_path / "best.weights.h5").exists()
