"""Pipelines, tables with other columns, metadata that goes its way, and clones."""

import keras
import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import clone
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.metrics import get_scorer
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_validate
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer

from conftest import make_classifier
from digitcnn import DigitCNNClassifier, DigitCSVTransformer, DigitNormalizer

CLF = make_classifier(epochs=8, batch_size=32, learning_rate=0.005)


@pytest.fixture
def routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


@pytest.fixture(scope="module")
def table(digits):
    """300 digits with a column of text and one of dates beside them."""
    X, _ = digits
    table = pd.DataFrame(X[:300], columns=[f"pixel{i}" for i in range(64)])
    table.insert(3, "clerk", "A. Nonymous")
    table["day"] = pd.Timestamp(2026, 11, 1)
    return table


# Columns and pipelines


@pytest.mark.slow
@pytest.mark.parametrize("columns", [r"^pixel\d+$", None], ids=["by name", "by dtype"])
def test_column_transformer_picks_the_pixels_out_of_a_table(table, digits, columns):
    X, y = digits
    pixels = make_column_selector(columns, dtype_include=None if columns else np.uint8)
    pick = ColumnTransformer([("pixels", "passthrough", pixels)])
    pipeline = make_pipeline(pick, CLF).fit(table[:200], y[:200])
    twin = clone(CLF).fit(X[:200], y[:200])
    np.testing.assert_array_equal(pipeline.predict(table[200:]), twin.predict(X[200:300]))


@pytest.mark.slow
def test_pipeline_with_memory_transforms_once_and_trains_the_same(digits, tmp_path, monkeypatch):
    X, y = digits
    fits = []
    fit = DigitNormalizer.fit
    monkeypatch.setattr(DigitNormalizer, "fit", lambda self, *a: fits.append(a) or fit(self, *a))
    steps = [("normalizer", DigitNormalizer(size=8, box=6)), ("classifier", CLF)]
    images = X[:200].reshape(-1, 8, 8)
    plain = Pipeline(steps).fit(images, y[:200])
    fits.clear()
    for rate in (0.001, CLF.learning_rate):
        kept = Pipeline(steps, memory=str(tmp_path)).set_params(classifier__learning_rate=rate)
        kept.fit(images, y[:200])
    assert len(fits) == 1
    np.testing.assert_array_equal(kept.predict_proba(images), plain.predict_proba(images))


@pytest.mark.slow
@pytest.mark.parametrize("container", ["pandas", "default"])
def test_set_output_changes_what_the_steps_hand_on_and_not_the_answers(table, digits, container):
    _, y = digits
    pixels = table.filter(like="pixel")
    pipeline = make_pipeline(DigitCSVTransformer(), FunctionTransformer(), clone(CLF))
    pipeline.set_output(transform=container).fit(pixels[:200], y[:200])
    assert hasattr(pipeline[-1], "feature_names_in_") == (container == "pandas")
    twin = clone(CLF).fit(pixels[:200].to_numpy(), y[:200])
    np.testing.assert_array_equal(
        pipeline.predict_proba(pixels[200:]), twin.predict_proba(pixels[200:].to_numpy())
    )


# Metadata routing


@pytest.mark.slow
def test_sample_weight_is_routed_through_search_and_pipeline(digits, routing):
    X, y = digits
    X, y = X[:300], y[:300]
    is_wrong = np.arange(300) % 3 == 0
    labels = np.where(is_wrong, (y + 1) % 10, y)
    weights = np.where(is_wrong, 0.0, 2.0)
    weights.flags.writeable = False
    once = clone(CLF).set_params(epochs=20)
    clf = clone(once).set_fit_request(sample_weight=True)
    scoring = get_scorer("accuracy").set_score_request(sample_weight=True)
    pipeline = Pipeline([("table", DigitCSVTransformer()), ("classifier", clf)])
    cv = StratifiedKFold(2)
    search = GridSearchCV(
        pipeline,
        {"classifier__epochs": [1, 20]},
        scoring=scoring,
        cv=cv,
        refit=False,
        error_score="raise",
    ).fit(X, labels, sample_weight=weights)
    expected = []
    for kept, left in cv.split(X, labels):
        by_hand = clone(once).fit(X[kept], labels[kept], sample_weight=weights[kept])
        expected.append(by_hand.score(X[left], labels[left], sample_weight=weights[left]))
    scores = [search.cv_results_[f"split{i}_test_score"] for i in range(2)]
    np.testing.assert_array_equal([split[1] for split in scores], expected)
    # Without the weights a third of the labels would be wrong, in training and in the score.
    assert min(expected) > 0.6


def test_sample_weight_that_was_not_asked_for_is_refused_by_scikit_learn(digits, routing):
    X, y = digits
    with pytest.raises(sklearn.exceptions.UnsetMetadataPassedError, match="sample_weight"):
        cross_validate(CLF, X[:60], y[:60], cv=2, params={"sample_weight": np.ones(60)})


@pytest.mark.slow
def test_validation_data_goes_through_the_steps_before_the_classifier(digits, routing):
    X, y = digits
    images = X[:300].reshape(-1, 8, 8)
    normalizer = DigitNormalizer(size=8, box=6)
    clf = clone(CLF).set_params(early_stopping=True, n_iter_no_change=3)
    clf.set_fit_request(X_val=True, y_val=True)
    pipeline = Pipeline(
        [("normalizer", normalizer), ("classifier", clf)], transform_input=["X_val"]
    ).fit(images[:200], y[:200], X_val=images[200:], y_val=y[200:300])
    ready = clone(normalizer).fit_transform(images)
    twin = clone(clf).fit(ready[:200], y[:200], X_val=ready[200:], y_val=y[200:300])
    assert pipeline[-1].validation_scores_ == twin.validation_scores_
    assert pipeline[-1].temperature_ == twin.temperature_ != 1.0
    assert max(twin.validation_scores_) > 0.5


# Clones


def small_network(image_shape, n_classes):
    """Never called here."""


OTHERS = {
    "architecture": small_network,
    "init": "some.digitcnn",
    "epochs": 7,
    "batch_size": 33,
    "optimizer": "sgd",
    "learning_rate": 0.123,
    "weight_decay": 0.5,
    "dropout": 0.25,
    "label_smoothing": 0.1,
    "rotation_range": 1.5,
    "zoom_range": (0.8, 1.1),
    "shift_range": 0.2,
    "shear_range": 2.5,
    "elastic_alpha": 3.0,
    "elastic_sigma": 2.0,
    "corruption_rate": 0.75,
    "fill_mode": "constant",
    "schedule": "plateau",
    "plateau_factor": 0.3,
    "plateau_patience": 5,
    "min_learning_rate": 1e-7,
    "validation_fraction": 0.3,
    "early_stopping": True,
    "n_iter_no_change": 4,
    "class_weight": {0: 1.0, 1: 2.0},
    "temperature": 1.5,
    "test_time_augmentation": 3,
    "warm_start": True,
    "random_state": 42,
    "image_shape": (4, 16),
    "pixel_range": (0.0, 16.0),
    "precision": "bfloat16",
    "device": "cpu",
    "callbacks": [],
    "checkpoint_dir": "checkpoints",
    "verbose": 1,
}


def test_clone_loses_no_argument():
    defaults = DigitCNNClassifier().get_params()
    assert OTHERS.keys() == defaults.keys()
    assert [name for name, value in OTHERS.items() if value == defaults[name]] == []
    clf = DigitCNNClassifier(**OTHERS)
    for twin in (clone(clf), clone(clone(make_pipeline(clf)))[0]):
        assert twin.get_params() == OTHERS
    assert clone(DigitCNNClassifier().set_params(**OTHERS)).get_params() == OTHERS


@pytest.mark.slow
def test_clone_keeps_what_keras_objects_were_made_with(digits):
    X, y = digits
    clf = make_classifier(
        epochs=1,
        optimizer=keras.optimizers.SGD(0.25, momentum=0.5, nesterov=True),
        callbacks=[keras.callbacks.EarlyStopping("loss", patience=17, min_delta=0.125)],
    )
    twin = clone(clf)
    assert twin.optimizer.get_config() == clf.optimizer.get_config()
    assert (twin.callbacks[0].patience, twin.callbacks[0].min_delta) == (17, 0.125)
    answers = [one.fit(X[:64], y[:64]).predict_proba(X[:9]) for one in (clf, twin)]
    np.testing.assert_array_equal(*answers)


def test_fit_changes_no_array_that_it_is_given(digits):
    X, y = digits
    given = {
        "X": X[:120].astype(np.float32),
        "y": y[:120].copy(),
        "sample_weight": np.linspace(0.0, 2.0, 120),
        "X_val": X[120:180].astype(np.float64),
        "y_val": y[120:180].copy(),
    }
    before = {name: array.copy() for name, array in given.items()}
    clf = make_classifier(
        epochs=1,
        rotation_range=10.0,
        elastic_alpha=4.0,
        corruption_rate=0.5,
        class_weight="balanced",
        test_time_augmentation=2,
    ).fit(**given)
    clf.predict_proba(given["X"])
    for name, array in before.items():
        np.testing.assert_array_equal(given[name], array)


def test_partitions_of_a_dask_table_go_through_a_fitted_pipeline(frame):
    dataframe = pytest.importorskip("dask.dataframe")
    pipeline = make_pipeline(DigitCSVTransformer(), make_classifier(epochs=2))
    pipeline.fit(frame, frame["label"])

    def read(part):
        return pd.Series(pipeline.predict(part), index=part.index)

    table = dataframe.from_pandas(frame, npartitions=4)
    labels = table.map_partitions(read, meta=("Label", "int64")).compute()
    assert table.npartitions == 4
    assert labels.index.equals(frame.index)
    np.testing.assert_array_equal(labels, pipeline.predict(frame))
