"""What a fit was made with, what `set_params` says afterwards, and a training that goes on."""

import copy
import pickle
import threading

import keras
import numpy as np
import pytest

import digitcnn
from conftest import make_classifier
from digitcnn import DigitCNNClassifier
from digitcnn.training.trainer import NetworkTrainer

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def some(digits):
    return digits[0][:150], digits[1][:150]


@pytest.fixture(scope="module")
def short(some):
    """A classifier after a short training. Not to be changed: copy it first."""
    return make_classifier(epochs=8, dropout=0.2, precision="float32").fit(*some)


def assert_same_network(one, other):
    for mine, its in zip(
        one._trainer.network.get_weights(),
        other._trainer.network.get_weights(),
        strict=True,
    ):
        np.testing.assert_allclose(mine, its, atol=1e-6)


# What describes the fit


@pytest.mark.parametrize(
    "later",
    [
        {"architecture": "elu-bn"},
        {"architecture": lambda image_shape, n_classes: None},
        {"dropout": 0.0, "precision": "bfloat16", "label_smoothing": 0.5},
        {"optimizer": "sgd", "learning_rate": "auto", "batch_size": 3, "epochs": 7},
        {"pixel_range": (0, 300)},
        {"pixel_range": "data", "image_shape": "pad"},
        {"image_shape": (4, 16), "class_weight": "balanced", "temperature": 3.0},
    ],
)
def test_parameters_set_after_the_fit_change_no_answer_and_no_file(some, short, tmp_path, later):
    X, _ = some
    clf = copy.deepcopy(short).set_params(**later)
    np.testing.assert_array_equal(clf.predict_proba(X), short.predict_proba(X))
    clf.save(tmp_path / "m.digitcnn")
    loaded = digitcnn.load(tmp_path / "m.digitcnn")
    np.testing.assert_allclose(loaded.predict_proba(X), short.predict_proba(X), atol=1e-5)
    assert loaded.get_params() == short.get_params()
    # Neither do they change what data is taken.
    for one in (clf, loaded):
        with pytest.raises(ValueError, match=r"with pixels in 0\.\.255"):
            one.predict(X * 2.0)
        with pytest.raises(ValueError, match="64"):
            one.predict(X[:, :60])


@pytest.mark.parametrize("later", [{}, {"fill_mode": "constant"}, {"device": "cpu"}])
def test_what_predict_reads_acts_at_once_and_is_in_the_file(some, short, tmp_path, later):
    X, _ = some
    clf = copy.deepcopy(short).set_params(test_time_augmentation=3, **later)
    answers = clf.predict_proba(X)
    assert (answers != short.predict_proba(X)).any()
    clf.save(tmp_path / "m.digitcnn")
    for one in (digitcnn.load(tmp_path / "m.digitcnn"), pickle.loads(pickle.dumps(clf))):
        np.testing.assert_allclose(one.predict_proba(X), answers, atol=1e-5)
        assert one.test_time_augmentation == 3
        assert one.fill_mode == clf.fill_mode


class Holder(keras.callbacks.Callback):
    """It holds something that cannot be copied."""

    def __init__(self):
        super().__init__()
        self.lock = threading.Lock()


def test_callbacks_that_were_taken_away_are_in_no_copy_and_no_file(some, tmp_path):
    X, _ = some
    clf = make_classifier(epochs=1, callbacks=[Holder()]).fit(*some).set_params(callbacks=None)
    clf.save(tmp_path / "m.digitcnn")  # and no warning that they are left out
    for one in (copy.deepcopy(clf), pickle.loads(pickle.dumps(clf))):
        np.testing.assert_array_equal(one.predict_proba(X), clf.predict_proba(X))


def test_device_is_that_of_the_next_prediction(some, short):
    X, _ = some
    clf = copy.deepcopy(short)
    model = clf.model_
    clf.set_params(device="gpu:7")
    with pytest.raises(ValueError, match=r"devices found .*got 'gpu:7'"):
        clf.predict(X)
    clf.set_params(device="cpu")
    np.testing.assert_array_equal(clf.predict_proba(X), short.predict_proba(X))
    assert clf._trainer.network.plan.device == "cpu"
    assert clf.model_ is not model
    with pytest.raises(ValueError, match="expected fill_mode"):
        clf.set_params(fill_mode="wrap").predict(X)


# A training that goes on: what can be changed


def go_on(clf, some, how, **later):
    clf = copy.deepcopy(clf).set_params(**later)
    if how == "partial_fit":
        return clf.partial_fit(*some)
    return clf.set_params(warm_start=True, epochs=1).fit(*some)


@pytest.mark.parametrize(
    ("later", "holds"),
    [
        ({"dropout": 0.5}, lambda clf: rates(clf) == {0.5}),
        ({"dropout": 0.0}, lambda clf: rates(clf) == set()),
        ({"precision": "bfloat16"}, lambda clf: clf.model_.layers[0].compute_dtype == "bfloat16"),
        ({"optimizer": "sgd"}, lambda clf: kind(clf) == "SGD"),
        ({"optimizer": keras.optimizers.Nadam(1e-12)}, lambda clf: kind(clf) == "Nadam"),
        ({"weight_decay": 0.4}, lambda clf: clf.model_.optimizer.weight_decay == 0.4),
        ({"label_smoothing": 0.9}, lambda clf: clf.loss_curve_[-1] > clf.loss_curve_[-2] + 0.2),
        ({"batch_size": 10}, lambda clf: len(clf.batch_loss_curve_) == 8 * 3 + 15),
        ({"device": "cpu"}, lambda clf: clf._trainer.network.plan.device == "cpu"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_change_is_applied_and_the_weights_go_over(some, short, later, holds):
    after = go_on(short, some, "partial_fit", **{"learning_rate": 1e-12, **later})
    assert after.n_iter_ == 9
    assert_same_network(after, short)
    assert holds(after)
    # It is what describes the fit from now on.
    assert after._parameters_as_fitted()[next(iter(later))] == next(iter(later.values()))


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_change_is_applied_by_a_warm_start_and_to_a_network_that_was_asked_for(
    some, short, dropout
):
    clf = copy.deepcopy(short)
    _ = clf.model_
    later = {"dropout": dropout, "label_smoothing": 0.9, "weight_decay": 0.4}
    after = clf.set_params(**later, warm_start=True, epochs=1, learning_rate=1e-12).fit(*some)
    assert_same_network(after, short)
    assert rates(after) == {dropout} - {0.0}
    assert after.model_.optimizer.weight_decay == 0.4
    assert after.loss_curve_[-1] > after.loss_curve_[-2] + 0.2


def rates(clf):
    return {layer.rate for layer in clf.model_.layers if isinstance(layer, keras.layers.Dropout)}


def kind(clf):
    return type(clf.model_.optimizer).__name__


def test_dropout_that_comes_after_a_training_without_any_is_applied(some):
    clf = make_classifier(dropout=0.0, epochs=2).fit(*some)
    one, other = (go_on(clf, some, "partial_fit", dropout=rate) for rate in (0.0, 0.5))
    assert rates(other) == {0.5}
    assert other.loss_curve_[-1] > one.loss_curve_[-1]


def test_training_that_goes_on_with_the_same_parameters_keeps_network_and_moments(some, short):
    kept = copy.deepcopy(short)
    model = kept.model_
    assert kept.partial_fit(*some).model_ is model
    plain = copy.deepcopy(short).partial_fit(*some)
    assert_same_network(kept, plain)
    # The moments are a part of what a training goes on from.
    reset = copy.deepcopy(short)
    reset._trainer.network.set_weights(reset._trainer.network.get_weights())
    reset.partial_fit(*some)
    assert np.abs(reset.batch_loss_curve_[-1] - plain.batch_loss_curve_[-1]) > 1e-6
    # As they are where a change leaves their meaning as it was, and with an equal optimizer.
    moved = go_on(short, some, "partial_fit", device="cpu")
    np.testing.assert_allclose(moved.batch_loss_curve_, plain.batch_loss_curve_, rtol=1e-5)
    own = make_classifier(optimizer=keras.optimizers.Adam(0.002), schedule=None).fit(*some)
    one, other = (
        go_on(own, some, "partial_fit", **later)
        for later in ({}, {"optimizer": keras.optimizers.Adam(0.002)})
    )
    assert one.batch_loss_curve_ == other.batch_loss_curve_


@pytest.mark.parametrize(
    "later",
    [
        {"architecture": "compact"},
        {"architecture": lambda image_shape, n_classes: None},
        {"image_shape": (4, 16)},
        {"image_shape": "pad"},
        {"pixel_range": (0, 300)},
        {"pixel_range": "data"},
    ],
    ids=lambda value: next(iter(value)),
)
def test_change_that_cannot_be_applied_is_refused_and_loses_nothing(some, short, later):
    X, _ = some
    clf = copy.deepcopy(short)
    (name,) = later
    clf.set_params(**later, warm_start=True)
    for go_on in (clf.fit, clf.partial_fit):
        with pytest.raises(ValueError, match=rf"expected {name}=.*Set it back, or fit a clone"):
            go_on(*some)
    np.testing.assert_array_equal(clf.predict_proba(X), short.predict_proba(X))
    assert clf.set_params(**{name: getattr(short, name)}).partial_fit(*some).n_iter_ == 9


def test_new_network_may_be_another(some, short):
    clf = copy.deepcopy(short).set_params(pixel_range=(0, 300), architecture="compact", epochs=1)
    assert clf.fit(*some).pixel_range_ == (0, 300)


def test_the_same_in_other_words_is_no_change(some, short):
    later = {
        "image_shape": (8, 8, 1),
        "pixel_range": (0, 255),
        "architecture": np.str_("relu-dropout"),
    }
    assert go_on(short, some, "fit", **later).n_iter_ == 9


def own_network(image_shape, n_classes, dropout=0.0, units=8):
    units = units if dropout < 0.4 else units + 1
    return keras.Sequential(
        [
            keras.Input(image_shape),
            keras.layers.Flatten(),
            keras.layers.Dense(units, activation="relu"),
            keras.layers.Dense(n_classes, activation="softmax"),
        ]
    )


def test_own_network_goes_on_with_what_its_function_makes(some):
    X, _ = some
    clf = make_classifier(architecture=own_network, dropout=0.1, epochs=1).fit(*some)
    before = clf.predict_proba(X)
    for later in ({"dropout": 0.2}, {"label_smoothing": 0.3}, {"weight_decay": 0.3}):
        after = go_on(clf, some, "fit", learning_rate=1e-12, **later)
        np.testing.assert_allclose(after.predict_proba(X), before, atol=1e-5)
    with pytest.raises(ValueError, match=r"expected a network with the weights .*fit a clone"):
        clf.set_params(dropout=0.5).partial_fit(*some)
    np.testing.assert_array_equal(clf.predict_proba(X), before)


# Which rate


def test_auto_rate_is_large_from_scratch_and_small_after_a_whole_fit(some, tmp_path):
    def used(clf):
        return clf.history_["learning_rate"]

    # In batches of full size: those of smaller ones are in proportion.
    common = {"learning_rate": "auto", "schedule": None, "epochs": 1, "batch_size": 256}
    clf = make_classifier(**common, warm_start=True)
    assert used(clf.fit(*some)) == pytest.approx([0.009])
    clf.save(tmp_path / "m.digitcnn")
    loaded = digitcnn.load(tmp_path / "m.digitcnn")
    assert loaded.learning_rate == "auto"
    for one in (clf, loaded, pickle.loads(pickle.dumps(clf))):
        one.set_params(warm_start=True).fit(*some).partial_fit(*some)
        assert used(one) == pytest.approx([0.009, 0.0002, 0.0002])
    assert used(clf.set_params(warm_start=False).fit(*some)) == pytest.approx([0.009])
    parts = make_classifier(**common, warm_start=True)
    assert used(parts.partial_fit(*some).partial_fit(*some)) == pytest.approx([0.009] * 2)
    # The first whole fit is one from scratch.
    assert used(parts.fit(*some).fit(*some))[2:] == pytest.approx([0.009, 0.0002])


def test_given_rate_is_taken_as_it_is(some):
    clf = make_classifier(learning_rate=0.002, schedule=None, epochs=1, warm_start=True)
    clf.fit(*some).fit(*some).partial_fit(*some)
    assert clf.history_["learning_rate"] == pytest.approx([0.002] * 3)
    clf = make_classifier(optimizer=keras.optimizers.SGD(0.004), schedule=None, epochs=1)
    clf.fit(*some).partial_fit(*some)
    assert clf.history_["learning_rate"] == pytest.approx([0.004] * 2)


def test_going_on_keeps_what_a_good_network_has_learned(digits):
    X, y = digits
    still = {"elastic_alpha": 0.0, "corruption_rate": 0.0}
    clf = DigitCNNClassifier(epochs=12, batch_size=64, random_state=0, **still)
    before = clf.fit(X[:900], y[:900]).score(X[1100:], y[1100:])
    assert before > 0.9
    for how in ("partial_fit", "fit"):
        after = go_on(clf, (X[900:1100], y[900:1100]), how)
        assert after.score(X[1100:], y[1100:]) > before - 0.01
    spoilt = go_on(clf, (X[900:1100], y[900:1100]), "partial_fit", learning_rate=0.009)
    assert spoilt.score(X[1100:], y[1100:]) < before - 0.02


# What is held out


@pytest.fixture
def seen(monkeypatch):
    """The rows that each fit trains on."""
    train, found = NetworkTrainer.train, []

    def note(self, *arguments, **more):
        found.append(more["rows"].tolist())
        return train(self, *arguments, **more)

    monkeypatch.setattr(NetworkTrainer, "train", note)
    return found


@pytest.mark.parametrize("random_state", [None, np.random.RandomState(0), 0])
def test_warm_start_holds_out_what_it_was_not_trained_on(some, seen, tmp_path, random_state):
    clf = make_classifier(
        epochs=1, validation_fraction=0.3, warm_start=True, random_state=random_state
    ).fit(*some)
    clf.fit(*some)
    clf.set_params(random_state=7).fit(*some)
    clf.save(tmp_path / "m.digitcnn")
    digitcnn.load(tmp_path / "m.digitcnn").set_params(warm_start=True, random_state=None).fit(*some)
    first, *others = seen
    assert len(first) == 105
    assert others == [first] * 3
    clf.set_params(warm_start=False).fit(*some)
    assert seen[-1] != first
