"""scikit-learn's cross-validation and searches, with the estimator as it comes.

The arrays of the fixture `digits` are read-only: a tool or a fit that wrote to them would raise.
"""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import loguniform
from sklearn.base import clone
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.inspection import permutation_importance
from sklearn.metrics import log_loss
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    RandomizedSearchCV,
    StratifiedKFold,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    learning_curve,
    validation_curve,
)
from sklearn.pipeline import make_pipeline

from conftest import make_classifier
from digitcnn import DigitCSVTransformer

CLF = make_classifier(epochs=8, learning_rate=0.005)
FOLDS = StratifiedKFold(2)


@pytest.fixture(scope="module")
def some(digits):
    """200 digits, of which a network learns enough to read most others."""
    X, y = digits
    return X[:200], y[:200]


@pytest.fixture(scope="module")
def folds(some):
    """What cross-validation does, made by hand: (fitted estimator, rows left out) of each fold."""
    X, y = some
    return [(clone(CLF).fit(X[kept], y[kept]), left) for kept, left in FOLDS.split(X, y)]


@pytest.fixture(scope="module")
def frame(digits):
    X, y = digits
    table = pd.DataFrame(X[:400], columns=[f"pixel{i}" for i in range(64)])
    table.insert(0, "label", y[:400])
    return table


@pytest.mark.slow
def test_cross_val_score_gives_the_scores_of_folds_made_by_hand(some, folds):
    X, y = some
    scores = cross_val_score(CLF, X, y, cv=2)  # stratified by itself, for a classifier
    np.testing.assert_array_equal(scores, [clf.score(X[left], y[left]) for clf, left in folds])
    assert scores.min() > 0.5


@pytest.mark.slow
def test_cross_val_score_takes_the_frame_as_read(frame):
    pipeline = make_pipeline(DigitCSVTransformer(), make_classifier(epochs=8, learning_rate=0.005))
    scores = cross_val_score(pipeline, frame, frame["label"], cv=3)
    assert scores.shape == (3,)
    assert scores.min() > 0.6


@pytest.mark.slow
def test_cross_validation_stratifies(digits):
    X, y = digits
    # Sorted by label: without stratification a fold would lack classes, and score nothing.
    order = np.argsort(y[:300], kind="stable")
    clf = make_classifier(epochs=6, learning_rate=0.005)
    plain = cross_val_score(clf, X[:300][order], y[:300][order], cv=3)
    stratified = cross_val_score(clf, X[:300][order], y[:300][order], cv=StratifiedKFold(3))
    np.testing.assert_array_equal(plain, stratified)
    assert plain.min() > 0.4


@pytest.mark.slow
def test_cross_validate_scores_by_labels_and_by_probabilities(some, folds):
    X, y = some
    found = cross_validate(
        CLF,
        X,
        y,
        cv=FOLDS,
        scoring=["accuracy", "neg_log_loss", "roc_auc_ovr"],
        return_train_score=True,
        return_estimator=True,
        error_score="raise",
    )
    for number, (clf, left) in enumerate(folds):
        assert found["test_accuracy"][number] == clf.score(X[left], y[left])
        loss = log_loss(y[left], clf.predict_proba(X[left]), labels=clf.classes_)
        assert found["test_neg_log_loss"][number] == pytest.approx(-loss)
        assert found["test_roc_auc_ovr"][number] > 0.9
        assert found["train_accuracy"][number] > found["test_accuracy"][number]
        twin = found["estimator"][number]
        np.testing.assert_array_equal(twin.predict_proba(X), clf.predict_proba(X))


def test_cross_val_predict_gives_each_row_the_probabilities_of_the_fold_without_it(some, folds):
    X, y = some
    probabilities = cross_val_predict(CLF, X, y, cv=FOLDS, method="predict_proba")
    for clf, left in folds:
        np.testing.assert_array_equal(probabilities[left], clf.predict_proba(X[left]))


@pytest.mark.slow
def test_learning_curve_rises_with_the_number_of_digits(some):
    X, y = some
    sizes, _, scores = learning_curve(
        CLF, X, y, cv=FOLDS, train_sizes=[20, 100], error_score="raise"
    )
    assert sizes.tolist() == [20, 100]
    assert scores[1].mean() > scores[0].mean() + 0.1


def test_validation_curve_rises_with_the_number_of_epochs(some):
    X, y = some
    _, scores = validation_curve(
        CLF, X, y, cv=FOLDS, param_name="epochs", param_range=[1, 8], error_score="raise"
    )
    assert scores[1].mean() > scores[0].mean() + 0.2


def test_permutation_importance_is_nought_in_the_margin_and_not_in_the_middle(digits, fitted):
    X, y = digits
    importance = permutation_importance(
        fitted, X[1200:1400], y[1200:1400], n_repeats=2, random_state=0
    ).importances_mean.reshape(8, 8)
    assert not importance[:, 0].any()  # the left column is paper in every digit
    assert importance[2:6, 2:6].mean() > 0.01


# Searches


@pytest.mark.slow
def test_grid_search_refits_what_scored_best(some):
    X, y = some
    grid = {"learning_rate": [1e-6, 0.005]}
    search = GridSearchCV(CLF, grid, cv=FOLDS, error_score="raise").fit(X, y)
    assert search.best_params_ == {"learning_rate": 0.005}
    by_hand = cross_val_score(CLF, X, y, cv=FOLDS)
    np.testing.assert_array_equal(
        [search.cv_results_[f"split{i}_test_score"][1] for i in range(2)], by_hand
    )
    twin = clone(CLF).fit(X, y)
    np.testing.assert_array_equal(search.predict_proba(X), twin.predict_proba(X))


@pytest.mark.slow
def test_randomized_search_draws_from_distributions(some):
    X, y = some
    search = RandomizedSearchCV(
        CLF,
        {"learning_rate": loguniform(1e-6, 0.01), "batch_size": [16, 64]},
        n_iter=3,
        cv=FOLDS,
        random_state=3,
        refit=False,
        error_score="raise",
    ).fit(X, y)
    rates = search.cv_results_["param_learning_rate"].astype(float)
    assert len(set(rates)) == 3
    scores = search.cv_results_["mean_test_score"]
    assert scores[rates.argmax()] > scores[rates.argmin()] + 0.2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("resource", "amounts"), [("epochs", [3, 9]), ("n_samples", [60, 180])], ids=["epochs", "rows"]
)
def test_halving_search_gives_more_to_what_scored_best(some, resource, amounts):
    X, y = some
    rates = [1e-6, 1e-5, 0.005]
    search = HalvingGridSearchCV(
        CLF,
        {"learning_rate": rates},
        resource=resource,
        min_resources=amounts[0],
        max_resources=amounts[1],
        cv=FOLDS,
        random_state=0,
        error_score="raise",
    ).fit(X, y)
    assert search.n_resources_ == amounts
    assert search.n_candidates_ == [3, 1]
    assert search.best_params_["learning_rate"] == 0.005
    assert search.best_estimator_.n_iter_ == (amounts[1] if resource == "epochs" else CLF.epochs)
    scores = search.cv_results_["mean_test_score"]
    assert scores[-1] > scores[2]  # the same rate, before and after
