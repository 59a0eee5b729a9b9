"""Ctrl-C, and errors after the training: nothing is half done, or taken for the whole."""

import copy
import signal
import subprocess
import sys

import keras
import pytest
from sklearn.ensemble import BaggingClassifier, VotingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from conftest import TESTS, make_classifier
from digitcnn import classifier
from digitcnn.training import base


class Interrupt(keras.callbacks.Callback):
    """What Ctrl-C does in the second epoch of a training."""

    begun: list[str] = []

    def on_train_begin(self, logs=None):
        self.begun.append("fit")

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.epoch == 1:
            raise KeyboardInterrupt


def cut(**parameters):
    Interrupt.begun.clear()
    return make_classifier(callbacks=[Interrupt()], **parameters)


@pytest.fixture(scope="module")
def some(digits):
    return digits[0][:200], digits[1][:200]


@pytest.mark.slow
@pytest.mark.parametrize(
    "run",
    [
        lambda X, y: GridSearchCV(cut(), {"dropout": [0.1, 0.2]}, cv=2, error_score=0.0).fit(X, y),
        lambda X, y: cross_val_score(cut(), X, y, cv=3),
        lambda X, y: VotingClassifier([("a", cut()), ("b", make_classifier())]).fit(X, y),
        lambda X, y: BaggingClassifier(cut(), n_estimators=2).fit(X, y),
    ],
    ids=["search", "cross-validation", "voting", "bagging"],
)
def test_one_interrupt_stops_all_that_fits_many(some, run):
    with pytest.raises(KeyboardInterrupt):
        run(*some)
    assert Interrupt.begun == ["fit"]


@pytest.mark.slow
def test_last_step_of_a_pipeline_is_fitted_with_what_it_learned(some):
    X, y = some
    pipeline = make_pipeline(FunctionTransformer(), cut())
    with pytest.raises(KeyboardInterrupt) as interrupt:
        pipeline.fit(X, y)
    assert interrupt.value.__notes__ == [
        "DigitCNNClassifier is fitted with what it learned up to epoch 2."
    ]
    assert pipeline[-1].n_iter_ == 2
    assert pipeline.predict(X).shape == (200,)


@pytest.mark.slow
def test_partial_fit_raises_it_too(some):
    clf = make_classifier().fit(*some)
    clf.set_params(callbacks=[Interrupt()])
    clf.callbacks[0].on_train_batch_end = raise_interrupt
    with pytest.raises(KeyboardInterrupt) as interrupt:
        clf.partial_fit(*some)
    assert "up to epoch 4" in interrupt.value.__notes__[0]
    assert clf.n_iter_ == 4


def raise_interrupt(*arguments, **more):
    raise KeyboardInterrupt


@pytest.mark.slow
def test_interrupt_after_the_last_epoch_loses_nothing(some):
    X, y = some
    callback = Interrupt()
    callback.on_train_batch_end = lambda *arguments, **more: None
    callback.on_train_end = raise_interrupt
    clf = make_classifier(callbacks=[callback], validation_fraction=0.2)
    with pytest.raises(KeyboardInterrupt) as interrupt:
        clf.fit(X, y)
    assert "up to epoch 3" in interrupt.value.__notes__[0]
    assert clf.n_iter_ == 3
    whole = make_classifier(validation_fraction=0.2).fit(X, y)
    assert (clf.predict(X) == whole.predict(X)).all()


def test_after_a_cut_fit_a_training_goes_on_at_the_rate_from_scratch(some):
    clf = cut(learning_rate="auto", schedule=None, warm_start=True, batch_size=256)
    with pytest.raises(KeyboardInterrupt):
        clf.fit(*some)
    clf.set_params(callbacks=None, epochs=1).fit(*some).fit(*some)
    assert clf.history_["learning_rate"] == pytest.approx([0.009] * 3 + [0.0002])


# After the training


def state_of(clf, X):
    return (
        clf.predict_proba(X).tolist(),
        clf.n_iter_,
        clf.wrapper_.current_epoch,
        copy.deepcopy(clf.history_),
        list(clf.batch_loss_curve_),
        clf.temperature_,
        clf.get_params(),
    )


@pytest.mark.slow
@pytest.mark.parametrize("own_network", [False, True])
@pytest.mark.parametrize("how", ["fit", "partial_fit"])
def test_error_after_the_training_leaves_all_as_it_was(some, monkeypatch, own_network, how):
    X, y = some
    clf = make_classifier(epochs=1, warm_start=True, validation_fraction=0.3).fit(X, y)
    model = clf.model_ if own_network else None
    before = state_of(clf, X)

    def fail(self, validation):
        raise OSError("after the training")

    with monkeypatch.context() as patch:
        patch.setattr(classifier.DigitCNNClassifier, "_calibrate", fail)
        with pytest.raises(OSError, match="after the training"):
            getattr(clf, how)(X, y)
    assert state_of(clf, X) == before
    if own_network:
        assert clf.model_ is model
    assert getattr(clf, how)(X, y).n_iter_ == 2


@pytest.mark.slow
def test_interrupt_of_the_calibration_keeps_the_training(some, monkeypatch):
    X, y = some
    clf = make_classifier(epochs=2, validation_fraction=0.3)
    with monkeypatch.context() as patch:
        patch.setattr(base, "fit_temperature", raise_interrupt)
        with pytest.raises(KeyboardInterrupt) as interrupt:
            clf.fit(X, y)
    assert "up to epoch 2" in interrupt.value.__notes__[0]
    assert clf.n_iter_ == 2
    assert clf.temperature_ == 1.0
    with pytest.raises(ValueError, match="expected a classifier fitted with validation data"):
        clf.confidence_threshold(0.1)


def test_what_a_training_changes_is_not_shared_with_what_was_taken_before(some):
    clf = make_classifier(epochs=1, warm_start=True).fit(*some)
    wrapper, losses, history = clf.wrapper_, clf.batch_loss_curve_, clf.history_
    kept = len(losses), len(history["loss"]), wrapper.current_epoch
    clf.fit(*some)
    assert (len(losses), len(history["loss"]), wrapper.current_epoch) == kept


# scikit-learn's callbacks


@pytest.mark.slow
@pytest.mark.parametrize("hook", ["on_train_batch_end", "on_epoch_begin", "on_epoch_end"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_tasks_of_a_cut_fit_are_ended_and_callbacks_taken_down(some, hook, error):
    pytest.importorskip("sklearn.callback", reason="scikit-learn before 1.9 has none")
    entries = []

    class Diary:
        def setup(self, estimator, context):
            entries.append("setup")

        def teardown(self, estimator, context):
            entries.append("teardown")

        def on_fit_task_begin(self, estimator, context):
            entries.append(f"begin {context.task_name}")

        def on_fit_task_end(self, estimator, context):
            entries.append(f"end {context.task_name}")

    class Stop(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.epoch = epoch
            self.look("on_epoch_begin")

        def on_train_batch_end(self, batch, logs=None):
            self.look("on_train_batch_end")

        def on_epoch_end(self, epoch, logs=None):
            self.look("on_epoch_end")

        def look(self, where):
            if self.epoch == 1 and where == hook:
                raise error

    clf = make_classifier(callbacks=[Stop()]).set_callbacks(Diary())
    with pytest.raises(error):
        clf.fit(*some)
    assert entries[:2] == ["setup", "begin fit"]
    assert entries[-1] == "teardown"
    assert not {"_callback_fit_ctx", "_skl_callbacks_to_teardown"} & set(vars(clf))
    if error is KeyboardInterrupt:
        assert entries[-2] == "end fit"
        assert entries.count("begin epoch") == entries.count("end epoch")
        assert clf.n_iter_ in (1, 2)
    else:
        with pytest.raises(NotFittedError):
            clf.predict(some[0])


# A script

SCRIPT = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # as a shell starts it in the foreground
sys.path.insert(0, {tests!r})
import keras
from conftest import make_classifier
from sklearn.datasets import load_digits
from sklearn.model_selection import cross_val_score

class Tell(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        print("learns", flush=True)

X, y = load_digits(return_X_y=True)
X, y = (X[:200] * 15).astype("uint8"), y[:200]
clf = make_classifier(epochs=100_000, callbacks=[Tell()])
try:
    {call}
finally:
    print("classes", len(getattr(clf, "classes_", [])))
print("went on")
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for one process")
@pytest.mark.parametrize(
    ("call", "classes"), [("clf.fit(X, y)", 10), ("print(cross_val_score(clf, X, y, cv=2))", 0)]
)
def test_one_interrupt_ends_a_script_which_has_what_was_learned(call, classes):
    code = SCRIPT.format(tests=str(TESTS), call=call)
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "learns\n"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=120)
    assert process.returncode == -signal.SIGINT
    assert f"classes {classes}\n" in out
    assert "went on" not in out
    assert "DigitCNNClassifier is fitted with what it learned up to epoch" in err
