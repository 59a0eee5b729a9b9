import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import make_classifier
from digitcnn.training.schedules import one_cycle, plateau


@given(st.floats(0, 1), st.floats(0.01, 0.9))
def test_one_cycle_stays_between_nothing_and_its_peak(fraction, warm_up):
    assert 0 <= one_cycle(fraction, warm_up=warm_up) <= 1


@given(st.floats(0.01, 0.9))
def test_one_cycle_rises_to_its_peak_then_falls_to_nothing(warm_up):
    rates = np.array([one_cycle(f, warm_up=warm_up) for f in np.linspace(0, 1, 400)])
    peak = rates.argmax()
    assert (np.diff(rates[: peak + 1]) >= 0).all()
    assert (np.diff(rates[peak:]) <= 0).all()
    assert rates[-1] == pytest.approx(0, abs=1e-9)
    assert rates[peak] > 0.98


@pytest.mark.parametrize(
    ("has_validation", "watched"), [(True, "val_accuracy"), (False, "accuracy")]
)
def test_plateau_watches_the_validation_accuracy_where_there_is_one(has_validation, watched):
    made = plateau(factor=0.5, patience=3, min_learning_rate=1e-5, has_validation=has_validation)
    assert isinstance(made, keras.callbacks.ReduceLROnPlateau)
    assert made.monitor == watched
    assert made.mode == "max"


@pytest.mark.slow
def test_plateau_halves_the_rate_after_its_patience_down_to_the_floor_anew_in_each_fit(digits):
    X, y = digits
    # A rate too small to change an answer: the accuracy stands still from the first epoch on.
    clf = make_classifier(
        epochs=8,
        schedule="plateau",
        plateau_patience=2,
        optimizer="sgd",
        learning_rate=8e-9,
        min_learning_rate=3e-9,
        validation_fraction=0.2,
    )
    expected = [8, 8, 8, 4, 4, 3, 3, 3]
    for _ in range(2):
        rates = clf.fit(X[:100], y[:100]).history_["learning_rate"]
        np.testing.assert_allclose(np.array(rates) * 1e9, expected, rtol=1e-5)


def test_plateau_without_validation_data_watches_the_training_accuracy(digits):
    X, y = digits
    clf = make_classifier(
        epochs=3,
        schedule="plateau",
        plateau_patience=1,
        optimizer="sgd",
        learning_rate=8e-9,
        dropout=0.0,
        min_learning_rate=0.0,
    ).fit(X[:100], y[:100])
    assert "val_accuracy" not in clf.history_
    np.testing.assert_allclose(clf.history_["learning_rate"], [8e-9, 8e-9, 4e-9], rtol=1e-5)


@pytest.mark.slow
def test_one_cycle_ends_at_nothing_and_none_keeps_the_rate(digits):
    X, y = digits
    cycle = make_classifier(epochs=4, learning_rate=0.01).fit(X[:256], y[:256])
    assert max(cycle.history_["learning_rate"]) > 0.005
    assert cycle.history_["learning_rate"][-1] < 0.001
    constant = make_classifier(schedule=None, learning_rate=0.01, epochs=2).fit(X[:64], y[:64])
    np.testing.assert_allclose(constant.history_["learning_rate"], 0.01, rtol=1e-6)


def test_batch_losses_are_each_batchs_own(digits):
    X, y = digits
    clf = make_classifier(epochs=3, batch_size=32).fit(X[:100], y[:100])
    losses = np.array(clf.batch_loss_curve_).reshape(3, 4)
    # The last batch of each epoch has 4 images.
    means = losses @ np.array([32, 32, 32, 4]) / 100
    np.testing.assert_allclose(means, clf.loss_curve_, rtol=1e-4)
    assert len(np.unique(losses)) == losses.size


@pytest.mark.slow
def test_early_stopping_goes_back_to_the_best_weights(digits):
    X, y = digits
    clf = make_classifier(
        epochs=40, early_stopping=True, n_iter_no_change=3, schedule=None, learning_rate=0.003
    ).fit(X[:300], y[:300], X_val=X[300:500], y_val=y[300:500])
    assert clf.n_iter_ < 40
    assert clf.score(X[300:500], y[300:500]) == pytest.approx(max(clf.validation_scores_))
    assert int(np.argmax(clf.validation_scores_)) == clf.n_iter_ - 4


@pytest.mark.parametrize("schedule", ["one_cycle", "plateau"])
@pytest.mark.parametrize(
    "callback",
    [
        keras.callbacks.LearningRateScheduler(lambda epoch: 0.001),
        keras.callbacks.ReduceLROnPlateau(monitor="loss"),
    ],
)
def test_keras_callback_for_the_rate_is_refused_beside_a_schedule(digits, schedule, callback):
    clf = make_classifier(schedule=schedule, callbacks=[callback])
    with pytest.raises(ValueError, match=rf"'{schedule}' and .*{type(callback).__name__}.*Give"):
        clf.fit(digits[0][:64], digits[1][:64])


def test_keras_callback_for_the_rate_sets_it_where_there_is_no_schedule(digits):
    callback = keras.callbacks.LearningRateScheduler(lambda epoch: 0.001 / (epoch + 1))
    clf = make_classifier(schedule=None, callbacks=[callback], epochs=2)
    clf.fit(digits[0][:64], digits[1][:64])
    np.testing.assert_allclose(clf.history_["learning_rate"], [0.001, 0.0005], rtol=1e-6)


def setting_the_rate(hook):
    """A callback as a user writes it, at one place of the training."""

    def set_rate(self, *args, logs=None):
        self.model.optimizer.learning_rate = 0.123

    return type("SetsTheRate", (keras.callbacks.Callback,), {hook: set_rate})()


@pytest.mark.slow
@pytest.mark.parametrize(
    "hook", ["on_train_begin", "on_epoch_begin", "on_train_batch_begin", "on_epoch_end"]
)
def test_callback_that_sets_the_rate_beside_one_cycle_is_warned_of_once(digits, hook):
    clf = make_classifier(callbacks=[setting_the_rate(hook)], epochs=2, batch_size=32)
    with pytest.warns(UserWarning, match="got schedule='one_cycle' and a callback") as caught:
        clf.fit(digits[0][:96], digits[1][:96])
    assert sum(warning.category is UserWarning for warning in caught) == 1
