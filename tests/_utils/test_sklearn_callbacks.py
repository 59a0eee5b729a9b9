"""scikit-learn's callbacks are called for each epoch."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from conftest import make_classifier

callback = pytest.importorskip("sklearn.callback", reason="scikit-learn before 1.9 has none")


class Diary:
    """Records its calls."""

    def __init__(self, stop_after=None):
        self.entries, self.accuracies, self.stop_after = [], [], stop_after

    def setup(self, estimator, context):
        self.entries.append("setup")

    def teardown(self, estimator, context):
        self.entries.append("teardown")

    def on_fit_task_begin(self, estimator, context, *, X, y):
        self.entries.append(f"begin {context.task_name} {len(X)}")

    def on_fit_task_end(self, estimator, context, *, X, y, fitted_estimator):
        self.entries.append(f"end {context.task_name} {len(y)}")
        if context.task_name == "epoch":
            self.accuracies.append(fitted_estimator.score(X, y))
            return context.task_id + 1 == self.stop_after


def test_each_epoch_is_a_task_with_an_estimator_fitted_so_far(digits):
    X, y = digits[0][:200], digits[1][:200]
    diary = Diary()
    clf = make_classifier(epochs=3, validation_fraction=0.2).set_callbacks(diary).fit(X, y)
    epoch = ["begin epoch 200", "end epoch 200"]
    assert diary.entries == ["setup", "begin fit 200", *3 * epoch, "end fit 200", "teardown"]
    assert len(set(diary.accuracies)) > 1
    assert diary.accuracies[-1] == pytest.approx(clf.score(X, y), abs=0.02)


def test_asking_for_the_estimator_after_an_epoch_does_not_change_the_training(digits):
    X, y = digits[0][:200], digits[1][:200]
    watched = make_classifier(epochs=2).set_callbacks(Diary()).fit(X, y)
    np.testing.assert_array_equal(
        watched.predict_proba(X), make_classifier(epochs=2).fit(X, y).predict_proba(X)
    )


def test_a_callback_stops_the_training(digits):
    X, y = digits[0][:100], digits[1][:100]
    clf = make_classifier(epochs=5).set_callbacks(Diary(stop_after=2)).fit(X, y)
    assert clf.n_iter_ == 2
    assert clone(clf).set_callbacks().fit(X, y).n_iter_ == 5


def test_scoring_monitor_has_a_score_for_each_epoch(digits):
    monitor = callback.ScoringMonitor(scoring="accuracy")
    clf = make_classifier(epochs=4).set_callbacks(monitor)
    clf.fit(digits[0][:200], digits[1][:200])
    log = monitor.get_logs().data_as_pandas
    epochs = log[log["task_name"] == "epoch"]
    assert len(epochs) == 4
    assert epochs["accuracy"].iloc[-1] > epochs["accuracy"].iloc[0]


@pytest.mark.slow
def test_progress_bar_goes_through_a_grid_search(digits, capsys):
    bar = callback.ProgressBar(max_propagation_depth=None)
    search = GridSearchCV(make_classifier(epochs=2), {"dropout": [0.0, 0.2]}, cv=2)
    search.set_callbacks(bar).fit(digits[0][:100], digits[1][:100])
    assert search.best_estimator_.n_iter_ == 2
    assert "DigitCNNClassifier" in capsys.readouterr().out


def test_refused_data_leaves_no_callback_task_behind(digits):
    clf = make_classifier(epochs=1).set_callbacks(Diary())
    with pytest.raises(ValueError, match="got 3 features"):
        clf.fit(digits[0][:10, :3], digits[1][:10])
    clf.fit(digits[0][:100], digits[1][:100])
