"""Searches that train several networks together give what scikit-learn's searches give."""

import pickle
import warnings

import keras
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import FitFailedWarning
from sklearn.metrics import accuracy_score, get_scorer, log_loss
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    RandomizedSearchCV,
    StratifiedKFold,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from conftest import make_classifier
from digitcnn.search import JointGridSearchCV, JointRandomizedSearchCV

JOINT = keras.backend.backend() == "jax"
joint_only = pytest.mark.skipif(not JOINT, reason="joint trainings need KERAS_BACKEND=jax")
# What a score of so few digits may move by, through rounding in the course of a training.
CLOSE = {"atol": 0.03}
# Nearly all tests train two candidates in two folds of 48 and 49 digits: this compiles once.
SHORT = make_classifier(epochs=1, batch_size=64)


@pytest.fixture
def some(digits):
    X, y = digits
    return X[:97], y[:97]


def fits(search, some, **params):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "the network has not learned")
        return search.fit(*some, **params)


def both(estimator, grid, some, *, cv=2, max_together=32, fit_params=None, **options):
    """A search of scikit-learn, and a joint one."""
    ordinary = GridSearchCV(estimator, grid, cv=cv, **options)
    joint = JointGridSearchCV(estimator, grid, cv=cv, max_together=max_together, **options)
    return [fits(one, some, **(fit_params or {})) for one in (ordinary, joint)]


def assert_alike(ordinary, joint):
    assert joint.cv_results_.keys() == ordinary.cv_results_.keys()
    assert joint.cv_results_["params"] == ordinary.cv_results_["params"]
    for name, values in ordinary.cv_results_.items():
        own = joint.cv_results_[name]
        assert np.shape(own) == np.shape(values)
        if "_test_" in name and not name.startswith("rank"):
            np.testing.assert_allclose(own, values, **CLOSE)


def test_results_are_those_of_scikit_learns_search_with_folds_of_unequal_sizes(some):
    # 48 and 49 digits. Candidates that differ in all that may differ in a program.
    clf = make_classifier(epochs=10, batch_size=64)
    grid = [
        {"learning_rate": [0.001], "dropout": [0.1], "weight_decay": [0.0]},
        {
            "learning_rate": [0.006],
            "dropout": [0.3],
            "label_smoothing": [0.1],
            "rotation_range": [20.0],
            "corruption_rate": [0.5],
            "schedule": [None],
            "random_state": [7],
        },
    ]
    ordinary, joint = both(clf, grid, some, scoring="neg_log_loss")
    assert_alike(ordinary, joint)
    scores = ordinary.cv_results_["mean_test_score"]
    np.testing.assert_allclose(joint.cv_results_["mean_test_score"], scores, rtol=5e-3)
    assert np.ptp(scores) > 0.05  # a mix-up would be seen
    assert joint.n_trained_together_ == (4 if JOINT else 0)
    assert joint.best_index_ == ordinary.best_index_
    assert joint.best_params_ == ordinary.best_params_
    assert joint.n_splits_ == 2
    assert joint.multimetric_ is False
    # The final fit is an ordinary one.
    X, y = some
    np.testing.assert_array_equal(joint.predict(X), ordinary.predict(X))
    assert joint.score(X, y) == ordinary.score(X, y)
    assert (joint.cv_results_["mean_fit_time"] > 0).all()


def test_candidates_that_differ_in_more_than_numbers_form_groups(some):
    rates = [0.001, 0.004]
    grid = [
        {"learning_rate": rates},
        {"learning_rate": rates, "epochs": [2]},
        # Not to be trained together.
        {"schedule": ["plateau"], "min_learning_rate": [0.0]},
    ]
    ordinary, joint = both(SHORT, grid, some, refit=False)
    assert_alike(ordinary, joint)
    assert joint.n_trained_together_ == (8 if JOINT else 0)


@joint_only
def test_networks_together_have_the_losses_and_weights_of_each_alone(some):
    clf = make_classifier(architecture="compact", epochs=2, batch_size=48, dropout=0.2)
    kept = []

    def keep(estimator, X, y):
        kept.append(estimator)
        return 0.0

    fold = [(np.arange(48), np.arange(48, 97))]
    both(clf, {"random_state": [0, 1]}, some, cv=fold, scoring=keep, refit=False)
    alone, together = kept[:2], kept[2:]
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_allclose(other.batch_loss_curve_, one.batch_loss_curve_, rtol=1e-3)
        assert other.history_.keys() == one.history_.keys()
        for name, values in one.history_.items():
            np.testing.assert_allclose(other.history_[name], values, rtol=1e-3)
        for a, b in zip(
            one._trainer.network.get_state(), other._trainer.network.get_state(), strict=True
        ):
            assert a.dtype == b.dtype
            assert a.shape == b.shape
            assert np.abs(np.subtract(a, b, dtype=np.float64)).mean() < 1e-3
    # Other seeds are other networks.
    assert together[0].loss_curve_ != together[1].loss_curve_


@joint_only
def test_max_together_limits_a_program(some, monkeypatch):
    from digitcnn.backend.devices import on_processor
    from digitcnn.training import joint_loop

    numbers = []
    start = joint_loop.Epochs.__init__

    def count(self, trainings, *arguments):
        numbers.append(len(trainings))
        start(self, trainings, *arguments)

    monkeypatch.setattr(joint_loop.Epochs, "__init__", count)
    grid = {"learning_rate": [0.001, 0.002, 0.003, 0.004]}
    for most in (4, 1, "auto"):
        search = JointGridSearchCV(SHORT, grid, cv=2, refit=False, max_together=most)
        n_before = len(numbers)
        fits(search, some)
        # "auto" trains each alone on a processor.
        is_alone = most == 1 or (most == "auto" and on_processor("auto"))
        assert (sum(numbers[n_before:]) == 0) == is_alone
        assert search.n_trained_together_ == (0 if is_alone else 8)
    assert numbers[:2] == [4, 4]


@pytest.mark.filterwarnings("ignore:One or more of the test scores are non-finite")
def test_candidates_that_diverge_or_fail_are_scored_as_by_scikit_learn(some):
    clf = clone(SHORT).set_params(epochs=2)
    grid = {"learning_rate": [0.001, 1e30, -1.0]}
    with pytest.warns(FitFailedWarning, match="4 fits failed"):
        ordinary, joint = both(clf, grid, some, refit=False)
    assert_alike(ordinary, joint)
    assert np.isnan(joint.cv_results_["mean_test_score"]).tolist() == [False, True, True]
    with pytest.raises(
        ValueError, match="expected learning_rate to be 'auto', or a number above 0"
    ):
        fits(
            JointGridSearchCV(clf, {"learning_rate": [-1.0]}, error_score="raise", max_together=8),
            some,
        )


def test_pipelines_train_scores_and_several_metrics(some):
    X, y = some
    pipeline = make_pipeline(FunctionTransformer(np.fliplr), SHORT)
    grid = {"digitcnnclassifier__learning_rate": [0.001, 0.004]}
    options = {
        "scoring": {"right": "accuracy", "loss": "neg_log_loss"},
        "refit": "loss",
        "return_train_score": True,
        "cv": StratifiedKFold(2, shuffle=True, random_state=1),
    }
    ordinary, joint = both(pipeline, grid, (X, y), **options)
    assert_alike(ordinary, joint)
    assert joint.multimetric_
    assert joint.scorer_.keys() == {"right", "loss"}
    assert joint.best_estimator_[0].func is np.fliplr
    assert joint.n_trained_together_ == (4 if JOINT else 0)


def test_splits_and_seeds_that_are_drawn_anew_are_drawn_once(some):
    clf = clone(SHORT).set_params(random_state=None)
    seen = []

    def score(estimator, X, y):
        seen.append(X)
        return accuracy_score(y, estimator.predict(X))

    search = JointGridSearchCV(
        clf,
        {"learning_rate": [0.001, 0.004]},
        cv=StratifiedKFold(2, shuffle=True),
        scoring=score,
        max_together=8,
        refit=False,
    )
    fits(search, some)
    assert search.n_trained_together_ == (4 if JOINT else 0)
    # Both candidates are scored by the same two folds.
    for one, other in zip(seen[:2], seen[2:], strict=True):
        np.testing.assert_array_equal(one, other)


def test_sample_weights_and_groups_are_used(some):
    weights = np.linspace(0.5, 2.0, len(some[0]))
    groups = np.arange(len(some[0])) % 2
    ordinary, joint = both(
        SHORT,
        {"learning_rate": [0.001, 0.004]},
        some,
        cv=GroupKFold(2),
        scoring="neg_log_loss",
        fit_params={"sample_weight": weights, "groups": groups},
        refit=False,
    )
    assert_alike(ordinary, joint)
    assert joint.n_trained_together_ == (4 if JOINT else 0)


def test_networks_start_from_the_weights_of_their_model_files(some, tmp_path):
    paths = [str(tmp_path / name) for name in ("one.digitcnn", "other.digitcnn")]
    for seed, path in enumerate(paths):
        fits(clone(SHORT).set_params(random_state=seed), (some[0][:48], some[1][:48])).save(path)
    grid = {"init": [*paths, None]}
    ordinary, joint = both(SHORT, grid, some, scoring="neg_log_loss", refit=False)
    assert_alike(ordinary, joint)
    scores = ordinary.cv_results_["mean_test_score"]
    np.testing.assert_allclose(joint.cv_results_["mean_test_score"], scores, rtol=5e-4)
    assert len(set(scores)) == 3
    assert joint.n_trained_together_ == (6 if JOINT else 0)


def test_randomized_search_draws_scikit_learns_candidates(some):
    clf, space = SHORT, {"learning_rate": np.geomspace(0.001, 0.01, 20)}
    options = {"n_iter": 2, "cv": 2, "random_state": 3, "refit": False}
    ordinary = fits(RandomizedSearchCV(clf, space, **options), some)
    joint = fits(JointRandomizedSearchCV(clf, space, max_together=8, **options), some)
    assert_alike(ordinary, joint)
    assert joint.n_trained_together_ == (4 if JOINT else 0)


def test_searches_are_cloned_and_pickled(some):
    search = JointGridSearchCV(SHORT, {"learning_rate": [0.001, 0.004]}, cv=2, max_together=8)
    assert clone(search).get_params()["max_together"] == 8
    assert "n_jobs" not in search.get_params()
    fits(search, some)
    again = pickle.loads(pickle.dumps(search))
    np.testing.assert_array_equal(again.predict(some[0]), search.predict(some[0]))
    assert "_given" not in vars(search)
    assert get_scorer("neg_log_loss")(again, *some) == pytest.approx(
        -log_loss(some[1], search.predict_proba(some[0]))
    )


@pytest.mark.parametrize("most", [0, 2.5, "all", None])
def test_max_together_of_another_kind_is_refused(some, most):
    search = JointGridSearchCV(make_classifier(), {"learning_rate": [0.1]}, max_together=most)
    with pytest.raises(ValueError, match="expected max_together to be 'auto', or a whole number"):
        search.fit(*some)


def test_other_estimators_are_searched_as_by_scikit_learn(some):
    from sklearn.linear_model import LogisticRegression

    ordinary, joint = both(LogisticRegression(max_iter=2000), {"C": [0.1, 1.0]}, some)
    assert_alike(ordinary, joint)
    assert joint.n_trained_together_ == 0
