"""scikit-learn's ensembles and other estimators around an estimator, with this one inside."""

import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.utils.fixes import parse_version

from conftest import make_classifier

pytestmark = pytest.mark.slow

CLF = make_classifier(epochs=8, batch_size=32, learning_rate=0.005)


@pytest.fixture(scope="module")
def some(digits):
    """200 digits to learn from, and 400 to be scored on."""
    X, y = digits
    return X[:200], y[:200], X[1000:1400], y[1000:1400]


def test_voting_averages_the_probabilities(some):
    X, y, X_test, y_test = some
    members = [("one", CLF), ("two", clone(CLF).set_params(random_state=1))]
    voting = VotingClassifier(members, voting="soft").fit(X, y)
    by_hand = [clone(clf).fit(X, y).predict_proba(X_test) for _, clf in members]
    np.testing.assert_allclose(voting.predict_proba(X_test), np.mean(by_hand, axis=0), rtol=1e-6)
    assert voting.score(X_test, y_test) > 0.5


def test_stacking_learns_from_the_probabilities_of_folds(some):
    X, y, X_test, y_test = some
    stacking = StackingClassifier(
        [("network", CLF), ("bayes", GaussianNB())], LogisticRegression(), cv=2
    ).fit(X, y)
    assert stacking.final_estimator_.n_features_in_ == 20
    assert stacking.score(X_test, y_test) > 0.5


@pytest.mark.parametrize("max_samples", [1.0, 0.7])
def test_bagging_gives_each_network_a_sample_and_a_seed_of_its_own(some, max_samples):
    X, y, X_test, y_test = some
    bagging = BaggingClassifier(CLF, n_estimators=2, max_samples=max_samples, random_state=0)
    bagging.fit(X, y)
    one, two = (clf.predict_proba(X_test) for clf in bagging.estimators_)
    assert (one != two).any()
    assert len({clf.random_state for clf in bagging.estimators_}) == 2
    assert bagging.score(X_test, y_test) > 0.5


def test_boosting_weighs_what_was_read_wrongly(some):
    X, y, X_test, y_test = some
    boosting = AdaBoostClassifier(CLF, n_estimators=2, random_state=0).fit(X, y)
    assert len(boosting.estimators_) == 2
    # Its rule adds a network only if that errs less, by its weights, than chance would: 0.9.
    assert boosting.estimator_errors_.max() < 0.9
    assert (
        boosting.estimators_[0].predict(X_test) != boosting.estimators_[1].predict(X_test)
    ).any()
    assert boosting.score(X_test, y_test) > 0.5


@pytest.mark.parametrize(
    "method",
    [
        "sigmoid",
        "isotonic",
        pytest.param(
            "temperature",
            marks=pytest.mark.skipif(
                parse_version(sklearn.__version__) < parse_version("1.8"),
                reason="scikit-learn has it from 1.8 on",
            ),
        ),
    ],
)
def test_calibration_in_folds_reads_as_well_as_before(some, method):
    X, y, X_test, y_test = some
    calibrated = CalibratedClassifierCV(CLF, method=method, cv=2).fit(X, y)
    probabilities = calibrated.predict_proba(X_test)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    assert calibrated.score(X_test, y_test) > 0.5


@pytest.mark.skipif(
    parse_version(sklearn.__version__) < parse_version("1.8"),
    reason="scikit-learn has it from 1.8 on",
)
def test_calibration_of_a_frozen_network_finds_the_temperature_that_was_taken_off(digits, fitted):
    X, y = digits
    clf = clone(fitted).set_params(temperature=0.25)  # far too sure
    vars(clf).update({**vars(fitted), "temperature": 0.25, "temperature_": 0.25})
    sure = FrozenEstimator(clf)
    calibrated = CalibratedClassifierCV(sure, method="temperature").fit(X[1200:1500], y[1200:1500])
    X_test, y_test = X[1500:], y[1500:]
    np.testing.assert_array_equal(calibrated.predict(X_test), clf.predict(X_test))
    losses = [
        -np.log(one.predict_proba(X_test)[np.arange(len(y_test)), y_test]).mean()
        for one in (calibrated, clf)
    ]
    assert losses[0] < losses[1] - 0.01


def test_frozen_network_is_neither_cloned_nor_trained_again(digits, fitted):
    X, y = digits
    frozen = clone(FrozenEstimator(fitted)).fit(X[:9], y[:9])
    np.testing.assert_array_equal(frozen.predict_proba(X[1200:]), fitted.predict_proba(X[1200:]))
    assert frozen.estimator is fitted
    assert fitted.n_iter_ == 12


def test_one_vs_rest_trains_a_network_of_two_classes_for_each_class(some):
    X, y, X_test, y_test = some
    few, few_test = np.isin(y, [0, 1, 2]), np.isin(y_test, [0, 1, 2])
    clf = clone(CLF).set_params(batch_size=16, epochs=20, learning_rate=0.001)
    rest = OneVsRestClassifier(clf).fit(X[few], y[few])
    assert [clf.classes_.tolist() for clf in rest.estimators_] == [[0, 1]] * 3
    assert rest.score(X_test[few_test], y_test[few_test]) > 0.8


def test_self_training_labels_what_it_is_sure_of_and_learns_from_it(some):
    X, y, X_test, y_test = some
    partly = np.where(np.arange(len(y)) < 120, y, -1)
    learner = SelfTrainingClassifier(CLF, threshold=0.8, max_iter=2).fit(X, partly)
    found = learner.labeled_iter_ > 0
    assert found.sum() > 10
    assert (learner.transduction_[found] == y[found]).mean() > 0.8
    assert learner.score(X_test, y_test) > 0.5
