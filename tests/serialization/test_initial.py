"""A fit starts from a model's weights, and stays close to them with little data."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.ensemble import VotingClassifier
from sklearn.model_selection import GridSearchCV

import digitcnn
from conftest import make_classifier
from digitcnn.serialization.initial import read_initial


@pytest.fixture(scope="module")
def path(fitted, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "m.digitcnn"
    fitted.save(path)
    return path


@pytest.fixture(scope="module")
def others(digits):
    """Digits shifted relative to the model's training data: 300 to train on, and the rest."""
    X, y = np.roll(digits[0][1200:].reshape(-1, 8, 8), 1, axis=2).reshape(-1, 64), digits[1][1200:]
    return X[:300], y[:300], X[300:], y[300:]


def weights_of(clf):
    return clf._trainer.network.get_weights()


def test_new_hand_is_learned_and_the_old_is_not_forgotten(path, fitted, digits, others):
    X, y, X_test, y_test = others
    options = {"epochs": 12, "learning_rate": 0.003}
    clf = make_classifier(init=path, **options).fit(X, y)
    before, after = fitted.score(X_test, y_test), clf.score(X_test, y_test)
    assert 1 - after < 0.5 * (1 - before)
    plain = digitcnn.load(path).set_params(warm_start=True, **options).fit(X, y)
    old = digits[0][:1200], digits[1][:1200]
    assert clf.score(*old) > plain.score(*old) + 0.05


def test_few_images_leave_the_weights_near_where_they_were(path, fitted, others):
    X, y, *_ = others
    start = weights_of(fitted)

    def distance(n):
        clf = make_classifier(init=path, epochs=1, learning_rate=1e-5).fit(X[:n], y[:n])
        found = weights_of(clf)
        return sum(np.abs(one - two).sum() for one, two in zip(found, start, strict=True))

    assert 0 < distance(40) < distance(300)


def test_fit_from_a_model_is_repeated_to_the_bit_and_stands_in_searches(path, others):
    X, y, *_ = others
    clf = make_classifier(init=path, epochs=1)
    one, other = clone(clf).fit(X, y), clone(clf).fit(X, y)
    for mine, its in zip(weights_of(one), weights_of(other), strict=True):
        np.testing.assert_array_equal(mine, its)
    np.testing.assert_array_equal(one.predict_proba(X), other.predict_proba(X))
    search = GridSearchCV(clf, {"init": [None, path]}, cv=2).fit(X[:120], y[:120])
    random, from_model = search.cv_results_["mean_test_score"]
    assert from_model > random


def test_known_classes_keep_their_outputs_and_new_ones_are_drawn(path, fitted):
    *features, kernel, bias = weights_of(fitted)
    classes = np.array(["3", "7", "x"])
    weights, knows_all = read_initial(path, "relu-dropout", (8, 8, 1), classes)
    *kept, new_kernel, new_bias = weights
    assert not knows_all
    for one, other in zip(kept, features, strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(new_kernel[:, :2], kernel[:, [3, 7]])
    np.testing.assert_array_equal(new_bias[:2], bias[[3, 7]])
    assert new_bias[2] == 0
    assert 0 < np.abs(new_kernel[:, 2]).max() < 1
    one_class, knows_all = read_initial(path, "relu-dropout", (8, 8, 1), np.array([4]))
    assert knows_all
    np.testing.assert_array_equal(one_class[-2][:, 0], kernel[:, 4])


@pytest.mark.parametrize("label", [lambda y: y.astype(float), lambda y: y.astype(str)])
def test_labels_of_another_type_are_the_known_classes(path, fitted, digits, label):
    X, y = digits[0][1200:1260], label(digits[1][1200:1260])
    clf = make_classifier(init=path, epochs=1, learning_rate=1e-9).fit(X, y)
    assert (clf.predict(X) == label(fitted.predict(X))).mean() > 0.95


def test_classes_that_are_all_new_are_learned(path, digits):
    X, y = digits[0][1200:1300], np.array(list("abcdefghij"))[digits[1][1200:1300]]
    clf = make_classifier(init=path, epochs=30).fit(X, y)
    assert clf.score(X, y) > 0.9


def test_letters_are_learned_beside_known_digits(path, digits):
    X, y = digits[0][1200:1400], digits[1][1200:1400].astype(str)
    y[y == "5"] = "five"
    clf = make_classifier(init=path, epochs=5, learning_rate="auto").fit(X, y)
    assert clf.classes_.tolist() == [*"01234", *"6789", "five"]
    assert clf.score(X, y) > 0.85


def test_partial_fit_begins_with_the_model_and_goes_on(path, fitted, digits):
    X, y = digits[0][1200:1300], digits[1][1200:1300]
    clf = make_classifier(init=path, learning_rate="auto")
    clf.partial_fit(X, y, classes=np.arange(10))
    assert clf.score(digits[0], digits[1]) > fitted.score(digits[0], digits[1]) - 0.03
    n = clf.n_iter_
    assert clf.partial_fit(X, y).n_iter_ == n + 1


def test_warm_start_goes_on_and_does_not_begin_with_the_model_again(path, others):
    X, y, *_ = others
    clf = make_classifier(init=path, epochs=1, warm_start=True).fit(X, y)
    once = weights_of(clf)
    clf.set_params(learning_rate=1e-9).fit(X, y)
    for one, other in zip(weights_of(clf)[:2], once[:2], strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)


def test_checkpoint_goes_on_from_the_same_model_alone(path, digits, tmp_path):
    X, y = digits[0][:60], digits[1][:60]
    options = {"epochs": 2, "random_state": 0}
    whole = make_classifier(init=path, **options).fit(X, y)
    folder = tmp_path / "c"
    kept = make_classifier(init=path, checkpoint_dir=folder, **options).fit(X, y)
    for one, other in zip(weights_of(whole), weights_of(kept), strict=True):
        np.testing.assert_array_equal(one, other)
    # What is there is another training's.
    other = make_classifier(init=None, checkpoint_dir=folder, **options).fit(X, y)
    expected = make_classifier(init=None, **options).fit(X, y)
    for one, two in zip(weights_of(other), weights_of(expected), strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"architecture": "compact"}, "expected architecture='relu-dropout'"),
        ({"image_shape": (16, 4)}, r"expected images of 8 x 8 x 1 pixels.*got 16 x 4 x 1"),
        ({"init": "nowhere.digitcnn"}, "nowhere.digitcnn"),
        ({"init": 3}, "expected init to be None, or 'pretrained' or the path of a model file"),
        ({"init": "pretrained"}, "expected architecture='compact', that of init='pretrained'"),
    ],
)
def test_model_that_does_not_fit_is_refused_and_nothing_is_lost(path, digits, change, message):
    X, y = digits[0][:30], digits[1][:30]
    clf = make_classifier(epochs=1).fit(X, y)
    before = clf.predict_proba(X)
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        clf.set_params(**{"init": path, **change}).fit(X, y)
    np.testing.assert_array_equal(clf.predict_proba(X), before)


def test_ensemble_is_no_start(digits, tmp_path):
    X, y = digits[0][:60], digits[1][:60]
    members = [(str(i), make_classifier(epochs=1, random_state=i)) for i in range(2)]
    digitcnn.save(VotingClassifier(members, voting="soft").fit(X, y), tmp_path / "m.digitcnn")
    with pytest.raises(
        ValueError, match=r"expected a model of a single network, got .* an ensemble of 2"
    ):
        make_classifier(init=tmp_path / "m.digitcnn", epochs=1).fit(X, y)


def test_architecture_auto_is_that_of_the_model(path, digits, tmp_path):
    X, y = digits[0][:60], digits[1][:60]
    options = {"init": path, "epochs": 1, "precision": "float32"}
    clf = make_classifier(architecture="auto", **options).fit(X, y)
    assert clf.architecture == "auto"
    assert clf.model_.name == "relu-dropout"
    for go_on in (clf.set_params(warm_start=True).fit, clf.partial_fit):
        assert go_on(X, y).model_.name == "relu-dropout"
    # It stays that of the network, whatever is set.
    clf.set_params(init=None)
    assert clf.partial_fit(X, y).model_.name == "relu-dropout"
    clf.save(tmp_path / "m.digitcnn")
    loaded = digitcnn.load(tmp_path / "m.digitcnn")
    assert loaded.architecture == "relu-dropout"
    np.testing.assert_allclose(loaded.predict_proba(X), clf.predict_proba(X), atol=1e-5)


def test_pretrained_is_a_start(digits):
    X, y = digitcnn.datasets.load_sample_digits()
    clf = digitcnn.DigitCNNClassifier(init="pretrained", epochs=1, random_state=0)
    clf.fit(X[:50], y[:50])
    assert clf.score(X[50:], y[50:]) > 0.98
    assert digitcnn.load_pretrained().score(X[50:], y[50:]) > 0.98
