"""scikit-learn's tools, with the estimator as it comes."""

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline

from conftest import make_classifier
from digitcnn import DigitCSVTransformer


@pytest.fixture(scope="module")
def frame(digits):
    X, y = digits
    table = pd.DataFrame(X[:400], columns=[f"pixel{i}" for i in range(64)])
    table.insert(0, "label", y[:400])
    return table


def test_cross_val_score_takes_the_frame_as_read(frame):
    pipeline = make_pipeline(DigitCSVTransformer(), make_classifier(epochs=8, learning_rate=0.005))
    scores = cross_val_score(pipeline, frame, frame["label"], cv=3)
    assert scores.shape == (3,)
    assert scores.min() > 0.6


def test_cross_validation_stratifies(digits):
    X, y = digits
    # Sorted by label: without stratification a fold would lack classes, and score nothing.
    order = np.argsort(y[:300], kind="stable")
    clf = make_classifier(epochs=6, learning_rate=0.005)
    plain = cross_val_score(clf, X[:300][order], y[:300][order], cv=3)
    stratified = cross_val_score(clf, X[:300][order], y[:300][order], cv=StratifiedKFold(3))
    np.testing.assert_array_equal(plain, stratified)
    assert plain.min() > 0.4


def test_grid_search_in_processes_gives_the_scores_of_one_process(frame):
    pipeline = make_pipeline(DigitCSVTransformer(), make_classifier(epochs=2, precision="float32"))
    grid = {
        "digitcnnclassifier__learning_rate": [0.001, 0.01],
        "digitcnnclassifier__architecture": ["compact", "relu-dropout"],
        "digitcnnclassifier__rotation_range": [0.0, 10.0],
    }
    scores = [
        GridSearchCV(pipeline, grid, cv=2, n_jobs=n_jobs, error_score="raise")
        .fit(frame[:200], frame["label"][:200])
        .cv_results_["mean_test_score"]
        for n_jobs in (2, None)
    ]
    assert len(scores[0]) == 8
    assert np.isfinite(scores[0]).all()
    # A worker may have another number of threads, and so other rounding.
    np.testing.assert_allclose(scores[0], scores[1], atol=0.05)
