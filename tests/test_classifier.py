import copy
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone, is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from conftest import make_classifier
from digitcnn import DigitCNNClassifier
from digitcnn.augmentation.distortion import apply_view, draw_elastic, draw_views
from digitcnn.calibration import calibration_error
from digitcnn.training.plan import plan_distortion


@pytest.mark.slow
def test_digits_are_learned(fitted, digits):
    X, y = digits
    assert fitted.score(X[1200:], y[1200:]) > 0.93
    assert is_classifier(fitted)


@pytest.mark.slow
def test_fitted_attributes_describe_the_training(fitted):
    assert fitted.classes_.tolist() == list(range(10))
    assert fitted.n_features_in_ == 64
    assert fitted.image_shape_ == (8, 8, 1)
    assert fitted.pixel_range_ == (0, 255)
    assert fitted.precision_ in ("float32", "bfloat16")
    assert fitted.n_iter_ == len(fitted.loss_curve_) == len(fitted.history_["accuracy"]) == 12
    assert fitted.loss_curve_[-1] < fitted.loss_curve_[0]
    assert fitted.validation_scores_ is None
    assert len(fitted.batch_loss_curve_) == 12 * 19
    assert isinstance(fitted.model_, keras.Model)


def test_two_fits_with_one_seed_are_equal_to_the_bit_and_another_seed_is_not(digits):
    X, y = digits
    one, two, other = (
        make_classifier(
            random_state=seed, rotation_range=10.0, elastic_alpha=12.0, corruption_rate=0.3
        )
        .fit(X[:200], y[:200])
        .predict_proba(X[200:300])
        for seed in (5, 5, 6)
    )
    np.testing.assert_array_equal(one, two)
    assert not np.array_equal(one, other)


def test_random_state_instance_is_drawn_from(digits):
    X, y = digits
    rng = np.random.RandomState(3)
    first, second = (
        make_classifier(random_state=rng, epochs=1).fit(X[:64], y[:64]).predict_proba(X[:5])
        for _ in range(2)
    )
    assert not np.array_equal(first, second)
    again = np.random.RandomState(3)
    third = make_classifier(random_state=again, epochs=1).fit(X[:64], y[:64]).predict_proba(X[:5])
    np.testing.assert_array_equal(first, third)


# Any labels that sort; given back as they came.
@pytest.mark.parametrize(
    "names",
    [
        np.arange(10) * 3 - 5,
        np.array(list("jihgfedcba")),
        np.array([f"digit {i}" for i in range(10)], dtype=object),
        np.arange(10.0),
    ],
    ids=["integers", "strings", "objects", "whole floats"],
)
def test_labels_of_any_sortable_type_come_back(digits, names):
    X, y = digits
    clf = make_classifier().fit(X[:300], names[y[:300]])
    np.testing.assert_array_equal(clf.classes_, np.unique(names))
    assert clf.predict(X[:5]).dtype == clf.classes_.dtype
    assert clf.score(X[:300], names[y[:300]]) > 0.3


def test_labels_of_a_pandas_series_come_back(digits):
    X, y = digits
    labels = pd.Series([f"d{i}" for i in y[:200]])
    predicted = make_classifier().fit(X[:200], labels).predict(X[:3])
    assert all(isinstance(label, str) for label in predicted)


@pytest.mark.slow
@given(
    n=st.integers(1, 40),
    n_classes=st.integers(1, 4),
    batch_size=st.integers(1, 50),
    dtype=st.sampled_from(["uint8", "int64", "float32", "float64", "float16"]),
    form=st.sampled_from(["rows", "pictures", "channels", "frame", "list", "fortran"]),
    read_only=st.booleans(),
    seed=st.integers(0, 99),
)
@settings(max_examples=25)
def test_any_form_of_images_is_fitted_and_read(
    n, n_classes, batch_size, dtype, form, read_only, seed
):
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 256, (n, 16)).astype(dtype)
    y = rng.integers(0, n_classes, n)
    kept = X.copy()
    X.flags.writeable = not read_only
    given_as = {
        "rows": X,
        "pictures": X.reshape(n, 4, 4),
        "channels": X.reshape(n, 4, 4, 1),
        "frame": pd.DataFrame(X, columns=[f"pixel{i}" for i in range(16)]),
        "list": X.tolist(),
        "fortran": np.asfortranarray(X),
    }[form]
    # "auto" asks what scale floats are on; here it is said.
    clf = make_classifier(
        epochs=1, batch_size=batch_size, pixel_range=(0, 255), rotation_range=5.0
    ).fit(given_as, y)
    probabilities = clf.predict_proba(given_as)
    assert probabilities.shape == (n, len(np.unique(y)))
    assert np.isfinite(probabilities).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    assert np.isin(clf.predict(given_as), y).all()
    np.testing.assert_array_equal(X, kept)


@pytest.mark.slow
@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_with_channels_train(channels):
    rng = np.random.default_rng(0)
    X = rng.integers(0, 256, (20, 6, 5, channels), dtype=np.uint8)
    clf = make_classifier(epochs=1, rotation_range=5.0).fit(X, rng.integers(0, 2, 20))
    assert clf.image_shape_ == (6, 5, channels)
    assert clf.n_features_in_ == 30 * channels
    np.testing.assert_array_equal(clf.predict(X), clf.predict(X.reshape(20, -1)))


def test_memory_mapped_images_are_fitted_and_read(digits, tmp_path):
    X, y = digits
    np.save(tmp_path / "X.npy", X[:200])
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    one = make_classifier().fit(mapped, y[:200]).predict_proba(mapped)
    np.testing.assert_array_equal(
        one, make_classifier().fit(X[:200], y[:200]).predict_proba(X[:200])
    )


@pytest.mark.slow
def test_one_class_is_predicted_always(digits):
    X, _ = digits
    clf = make_classifier(epochs=1).fit(X[:20], np.full(20, "seven"))
    assert set(clf.predict(X[20:40])) == {"seven"}
    np.testing.assert_array_equal(clf.predict_proba(X[:3]), np.ones((3, 1)))


def test_one_sample_of_each_class_trains(digits):
    X, y = digits
    clf = DigitCNNClassifier(epochs=2, random_state=0).fit(X[:10], y[:10])
    assert clf.predict_proba(X[:3]).shape == (3, 10)


@pytest.mark.parametrize("side", [8, 14, 56, 112])
def test_elastic_distortion_is_the_same_for_the_eye_on_images_of_any_size(side):
    parameters = DigitCNNClassifier(elastic_alpha=16.0).get_params()

    def farthest(side):
        """How far pixels move, as a part of the side."""
        distortion = plan_distortion(parameters, (side, side, 1))
        rng = np.random.default_rng(0)
        moved = draw_elastic(distortion, 400, (side, side), rng) / side
        middle = moved[..., side // 4 : side - side // 4, side // 4 : side - side // 4]
        return middle.std()

    assert farthest(side) == pytest.approx(farthest(28), rel=0.1)


def test_validation_fraction_holds_out_part_of_each_class(digits):
    X, y = digits
    seen = []

    class Counter(keras.callbacks.Callback):
        def on_test_batch_end(self, batch, logs=None):
            seen.append(batch)

    clf = make_classifier(validation_fraction=0.25, epochs=2, callbacks=[Counter()])
    clf.fit(X[:400], y[:400])
    assert len(clf.validation_scores_) == 2
    assert set(clf.history_) == {"loss", "accuracy", "val_loss", "val_accuracy", "learning_rate"}
    # 300 images to train on: 5 batches of 64.
    assert len(clf.batch_loss_curve_) == 2 * 5
    assert seen


@pytest.mark.slow
def test_validation_data_is_never_distorted(digits):
    X, y = digits
    strong = {"rotation_range": 180.0, "shift_range": 0.5, "epochs": 1, "schedule": None}
    clf = make_classifier(**strong).fit(X[:128], y[:128], X_val=X[200:400], y_val=y[200:400])
    assert clf.validation_scores_ == [pytest.approx(clf.score(X[200:400], y[200:400]))]


def test_validation_data_of_another_size_or_label_is_refused(digits):
    X, y = digits
    clf = make_classifier()
    with pytest.raises(ValueError, match=r"y_val holds labels.*99"):
        clf.fit(X[:50], y[:50], X_val=X[50:60], y_val=np.full(10, 99))
    with pytest.raises(ValueError, match="go together"):
        clf.fit(X[:50], y[:50], X_val=X[50:60])
    with pytest.raises(ValueError, match="10 images, but y_val has 9"):
        clf.fit(X[:50], y[:50], X_val=X[50:60], y_val=y[50:59])
    with pytest.raises(ValueError, match="expected validation data with early_stopping=True"):
        make_classifier(early_stopping=True).fit(X[:50], y[:50])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("optimizer", "rate"), [("adam", 0.002), ("adamw", 0.002), ("rmsprop", 0.002), ("sgd", 0.2)]
)
@pytest.mark.parametrize("weight_decay", [0.0, 0.01])
def test_named_optimizer_trains(digits, optimizer, rate, weight_decay):
    X, y = digits
    clf = make_classifier(
        optimizer=optimizer, epochs=2, learning_rate=rate, weight_decay=weight_decay
    )
    losses = clf.fit(X[:256], y[:256]).loss_curve_
    assert type(clf.model_.optimizer).__name__.lower() == optimizer
    assert losses[-1] < losses[0]


@pytest.mark.slow
def test_keras_optimizer_is_copied_for_each_fit(digits):
    X, y = digits
    optimizer = keras.optimizers.Nadam(learning_rate=0.004)
    clf = make_classifier(optimizer=optimizer, schedule=None, epochs=1)
    first = clf.fit(X[:64], y[:64]).predict_proba(X[:5])
    assert not optimizer.built
    np.testing.assert_allclose(clf.history_["learning_rate"], [0.004], rtol=1e-6)
    np.testing.assert_array_equal(clf.fit(X[:64], y[:64]).predict_proba(X[:5]), first)


def test_keras_optimizer_with_a_schedule_of_its_own_goes_without_another(digits):
    X, y = digits
    decay = keras.optimizers.schedules.ExponentialDecay(0.01, 1, 0.5)
    optimizer = keras.optimizers.SGD(learning_rate=decay)
    with pytest.raises(ValueError, match="Give schedule=None"):
        make_classifier(optimizer=optimizer).fit(X[:64], y[:64])
    make_classifier(optimizer=optimizer, schedule=None, epochs=1).fit(X[:64], y[:64])


def two_layers(image_shape, n_classes, dropout=0.0):
    return keras.Sequential(
        [
            keras.Input(image_shape),
            keras.layers.Flatten(),
            keras.layers.Dense(32, activation="relu"),
            keras.layers.Dense(n_classes, activation="softmax"),
        ]
    )


def compiled_two_layers(image_shape, n_classes):
    model = two_layers(image_shape, n_classes)
    model.compile("adadelta", "mse")
    return model


@pytest.mark.slow
@pytest.mark.parametrize("architecture", [two_layers, compiled_two_layers])
def test_callable_architecture_is_trained_compiled_or_not(digits, architecture):
    X, y = digits
    clf = make_classifier(architecture=architecture, epochs=10, learning_rate=0.01)
    clf.fit(X[:500], y[:500])
    assert clf.score(X[500:900], y[500:900]) > 0.7
    assert type(clf.model_.optimizer).__name__ == "AdamW"
    twin = clone(clf).fit(X[:500], y[:500])
    np.testing.assert_array_equal(twin.predict_proba(X[:9]), clf.predict_proba(X[:9]))


@pytest.mark.slow
def test_label_smoothing_lowers_the_confidence(digits):
    X, y = digits
    sure, smooth = (
        make_classifier(label_smoothing=s, epochs=10, learning_rate=0.005)
        .fit(X[:300], y[:300])
        .predict_proba(X[:300])
        .max(axis=1)
        .mean()
        for s in (0.0, 0.3)
    )
    assert sure > 0.9
    assert 0.6 < smooth < 0.85


@pytest.mark.slow
def test_sample_weight_zero_is_absence_and_only_ratios_matter(digits):
    X, y = digits
    weights = np.where(np.arange(200) < 150, 3.0, 0.0)
    weighted = make_classifier().fit(X[:200], y[:200], sample_weight=weights)
    without = make_classifier().fit(X[:150], y[:150], sample_weight=np.ones(150))
    np.testing.assert_array_equal(weighted.predict_proba(X[:9]), without.predict_proba(X[:9]))
    assert weights.max() == 3.0


@pytest.mark.slow
def test_heavier_samples_count_for_more(digits):
    X, y = digits
    # Every image twice, with two labels: the weights decide between them.
    X2, y2 = np.vstack([X[:150], X[:150]]), np.r_[y[:150], (y[:150] + 1) % 10]
    weights = np.r_[np.full(150, 1.0), np.full(150, 20.0)]
    clf = make_classifier(epochs=25).fit(X2, y2, sample_weight=weights)
    assert np.mean(clf.predict(X[:150]) == (y[:150] + 1) % 10) > 0.8


def test_class_weight_is_sample_weight_by_class(digits):
    X, y = digits
    by_class = make_classifier(class_weight={3: 5.0}).fit(X[:200], y[:200])
    by_sample = make_classifier().fit(X[:200], y[:200], sample_weight=np.where(y[:200] == 3, 5, 1))
    np.testing.assert_array_equal(by_class.predict_proba(X[:9]), by_sample.predict_proba(X[:9]))
    make_classifier(class_weight="balanced", epochs=1).fit(X[:200], y[:200])


def test_all_zero_weights_are_refused(digits):
    X, y = digits
    with pytest.raises(ValueError, match=r"[Ss]ample weights?\b.*zero"):
        make_classifier().fit(X[:20], y[:20], sample_weight=np.zeros(20))


def test_warm_start_goes_on_and_a_plain_fit_begins_anew(digits):
    X, y = digits
    clf = make_classifier(warm_start=True, epochs=2, schedule=None).fit(X[:300], y[:300])
    first = clf.loss_curve_[-1]
    clf.fit(X[:300], y[:300])
    assert clf.n_iter_ == 4
    assert clf.loss_curve_[2] < clf.loss_curve_[0]
    assert clf.loss_curve_[-1] < first
    clf.set_params(warm_start=False).fit(X[:300], y[:300])
    assert clf.n_iter_ == 2


@pytest.mark.slow
def test_partial_fit_trains_an_epoch_each_time_and_knows_all_classes(digits):
    X, y = digits
    clf = make_classifier(learning_rate=0.003, batch_size=16)
    low = y[:600] < 5
    clf.partial_fit(X[:600][low], y[:600][low], classes=np.arange(10))
    assert clf.predict_proba(X[:1]).shape == (1, 10)
    for _ in range(6):
        clf.partial_fit(X[:600], y[:600])
    assert clf.n_iter_ == 7
    np.testing.assert_allclose(clf.history_["learning_rate"], 0.003, rtol=1e-6)
    assert clf.score(X[600:900], y[600:900]) > 0.6
    with pytest.raises(ValueError, match=r"not among the 10 classes.*\[10\]"):
        clf.partial_fit(X[:5], np.full(5, 10))


def test_partial_fit_after_fit_starts_at_the_learning_rate_not_where_one_cycle_ended(digits):
    X, y = digits
    clf = make_classifier(epochs=1).fit(X[:100], y[:100]).partial_fit(X[:100], y[:100])
    assert clf.history_["learning_rate"][-1] == pytest.approx(0.003)


def test_frame_keeps_its_column_names_and_refuses_others(digits):
    X, y = digits
    frame = pd.DataFrame(X[:100], columns=[f"pixel{i}" for i in range(64)])
    clf = make_classifier(epochs=1).fit(frame, y[:100])
    assert clf.feature_names_in_.tolist() == list(frame.columns)
    clf.predict(frame)
    others = [frame[frame.columns[::-1]], frame.assign(label=y[:100]), frame.add_prefix("x")]
    for other in others:
        with pytest.raises(ValueError, match=r"(?s)feature names.*give X\[clf.feature_names_in_\]"):
            clf.predict(other)
    np.testing.assert_array_equal(clf.predict(others[1][clf.feature_names_in_]), clf.predict(frame))


# Bad input: what was found, and what is expected.


def test_images_of_another_size_at_predict_are_refused(fitted):
    size = r"X has 784 features.*expecting 64.*images of 8x8 pixels, X looks like images of 28x28"
    with pytest.raises(ValueError, match=size):
        fitted.predict(np.zeros((2, 784), np.uint8))
    with pytest.raises(
        ValueError, match=r"shape \(8, 8, 1\) .*as in training, got shape \(4, 16\)"
    ):
        fitted.predict(np.zeros((2, 4, 16), np.uint8))


def test_floats_on_another_scale_at_predict_are_refused(fitted, digits):
    X, _ = digits
    with pytest.raises(ValueError, match=r"looks like the scale 0\.\.1.*Multiply by 255"):
        fitted.predict(X[:5] / 255)
    with pytest.raises(ValueError, match=r"with pixels in 0\.\.255.* from 0 to 510"):
        fitted.predict(X[:5].astype(float) * 2)
    np.testing.assert_array_equal(fitted.predict(X[:5].astype(float)), fitted.predict(X[:5]))


def test_integers_at_predict_are_refused_after_training_on_0_to_1(digits):
    X, y = digits
    clf = make_classifier(epochs=1).fit(X[:100] / 255, y[:100])
    assert clf.pixel_range_ == (0, 1)
    with pytest.raises(ValueError, match=r"with pixels in 0\.\.1"):
        clf.predict(X[:5])


def test_blank_image_is_read_on_any_scale(fitted):
    assert fitted.predict(np.zeros((1, 64))).shape == (1,)


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, bool])
def test_ones_and_sixteenths_at_predict_are_refused_whatever_their_type(fitted, digits, dtype):
    X = digits[0][:5] > 127
    with pytest.raises(ValueError, match=r"looks like the scale 0\.\.1\. Multiply by 255"):
        fitted.predict(X.astype(dtype))
    if dtype is not bool:
        with pytest.raises(ValueError, match=r"looks like the scale 0\.\.16\."):
            fitted.predict(np.round(digits[0][:5] / 255 * 16).astype(dtype))


SCALES = {
    "0..16": (lambda X: np.round(X / 255 * 16), (0, 16), False),
    "0..16 in bytes": (lambda X: np.round(X / 255 * 16).astype(np.uint8), (0, 16), False),
    "0..1": (lambda X: X / 255, (0, 1), False),
    "longdouble": (lambda X: X / np.longdouble(255), (0, 1), False),
    "float16": (lambda X: (X / 255).astype(np.float16), (0, 1), False),
    "resampled": (lambda X: X / 255 * 1.1 - 0.04, (-0.04, 1.06), True),
    "resampled bytes": (lambda X: X * 1.06 - 5.0, (-5, 265.3), True),
    "0 and 1": (lambda X: (X > 127).astype(np.uint8), (0, 1), True),
    "booleans": (lambda X: X > 127, (0, 1), False),
    "0..15": (lambda X: X // 17, (0, 15), True),
}


@pytest.mark.slow
@pytest.mark.parametrize("scale", SCALES)
def test_digits_on_any_scale_are_learned_as_those_of_bytes_are(digits, scale, recwarn):
    X, y = digits
    scaled, expected, is_said = SCALES[scale]
    images = scaled(X)
    clf = make_classifier(epochs=6, learning_rate=0.005).fit(images[:1200], y[:1200])
    assert clf.pixel_range_ == pytest.approx(expected)
    said = [one for one in recwarn if "pixel_range=(low, high)" in str(one.message)]
    assert len(said) == is_said
    # Read as 0..255 they are nearly black, and one in ten is right.
    assert clf.score(images[1200:], y[1200:]) > 0.8


def test_training_that_goes_on_refuses_another_scale_and_keeps_the_network(fitted, digits):
    X, y = digits
    clf = copy.deepcopy(fitted).set_params(warm_start=True)
    before = clf.predict_proba(X[:5])
    for go_on in (clf.fit, clf.partial_fit):
        with pytest.raises(ValueError, match=r"looks like the scale 0\.\.1\."):
            go_on((X[:100] > 127).astype(np.uint8), y[:100])
    with pytest.raises(ValueError, match=r"expected X_val on .* looks like the scale 0\.\.1\."):
        clf.fit(X[:100], y[:100], X_val=X[:50] / 255, y_val=y[:50])
    np.testing.assert_array_equal(clf.predict_proba(X[:5]), before)


def test_scaler_in_front_does_not_fail_by_its_rounding(digits):
    X, y = digits
    # Both shades are in every column of every fold, and white comes out above 1.
    X = X[:300] > 127
    X[:60:2], X[1:60:2] = True, False
    X = 1.1 + 0.3 * X
    folds = [(np.arange(300), np.arange(60)), (np.arange(200), np.arange(200, 300))]
    assert MinMaxScaler().fit_transform(X).max() > 1
    clf = make_pipeline(MinMaxScaler(), make_classifier(epochs=1))
    scores = cross_val_score(clf, X, y[:300], cv=folds, error_score="raise")
    assert np.isfinite(scores).all()
    assert clf.fit(X, y[:300])[-1].pixel_range_ == (0, 1)


def test_scaler_that_makes_pixels_brighter_than_1_is_named(digits):
    X, y = digits
    clf = make_pipeline(MinMaxScaler(), make_classifier(epochs=1)).fit(X[:100] // 3, y[:100])
    with pytest.raises(ValueError, match=r"MinMaxScaler fitted.*raw pixels.*clip=True"):
        clf.predict(X[:10])
    clipped = clf.set_params(minmaxscaler__clip=True)
    assert clipped.fit(X[:100] // 3, y[:100]).predict(X[:10]).shape == (10,)


def test_single_image_is_refused_with_newaxis(fitted, digits):
    X, y = digits
    image = X[0].reshape(8, 8)
    with pytest.raises(ValueError, match=r"expected a label for each of 8 rows.*X\[np\.newaxis"):
        make_classifier().fit(np.repeat(image[..., None], 3, axis=2), y[:1])
    for label in (y[0], [y[0]], y[:1]):
        with pytest.raises(
            ValueError, match=r"expected a label for each of 8 rows.*X\[np\.newaxis"
        ):
            make_classifier().fit(image, label)
    with pytest.raises(ValueError, match=r"8 features.*images of 8x8.*X\[np\.newaxis\]"):
        fitted.predict(image)
    assert fitted.predict(image[np.newaxis]) == fitted.predict(X[:1])


@pytest.mark.slow
def test_images_with_one_channel_first_are_taken(fitted, digits):
    X, y = digits
    first = X.reshape(-1, 1, 8, 8)
    np.testing.assert_array_equal(fitted.predict(first[:9]), fitted.predict(X[:9]))
    clf = make_classifier(epochs=1).fit(first[:64], y[:64])
    assert clf.image_shape_ == (8, 8, 1)
    with pytest.raises(ValueError, match=r"moveaxis\(X, 1, -1\)"):
        make_classifier().fit(np.repeat(first[:64], 3, axis=1), y[:64])
    coloured = np.repeat(X[:64].reshape(-1, 8, 8, 1), 3, axis=3)
    clf = make_classifier(epochs=1).fit(coloured, y[:64])
    with pytest.raises(ValueError, match=r"moveaxis\(X, 1, -1\)"):
        clf.predict(np.moveaxis(coloured, -1, 1))
    with pytest.raises(ValueError, match=r"X\[np\.newaxis\]"):
        clf.predict(coloured[0])


@pytest.mark.parametrize(
    "X", ["digits.csv", Path("digits.csv"), ["1.png", "2.png"], ("a.csv", Path("b.csv"))]
)
def test_paths_in_place_of_pixels_are_refused_with_what_to_do(fitted, X):
    with pytest.raises(ValueError, match=r"got a path or text.*Read the files? first"):
        fitted.predict(X)
    with pytest.raises(ValueError, match=r"got a path or text.*Read the files? first"):
        fitted.score(X, [0, 1])
    with pytest.raises(ValueError, match=r"got a path or text.*Read the files? first"):
        make_classifier().fit(X, [0, 1])


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        (np.zeros((5, 785), np.uint8), np.arange(5), "label column still in X"),
        (np.zeros((5, 50), np.uint8), np.arange(5), "a square number of pixels, got 50 features"),
        (np.zeros((5, 4), np.uint8), np.arange(4), "inconsistent numbers of samples"),
        (np.full((5, 4), np.nan), np.arange(5), "NaN"),
        (np.full((5, 2, 2), np.inf), np.arange(5), "infinity"),
        (np.full((5, 4), 300.0), np.arange(5), "expected X with pixels in .* from 300 to 300"),
        (np.full((5, 4), -1.0), np.arange(5), "expected X with pixels in .* from -1 to -1"),
        (np.zeros((0, 4), np.uint8), np.zeros(0), "0 sample"),
        (np.zeros((5, 4), np.uint8), np.linspace(0, 1, 5), "Unknown label type"),
        (
            np.zeros((5, 4), np.uint8),
            [1, 2, None, 4, 5],
            "a label in each row of y, got None in row 2",
        ),
        (np.zeros((3, 4), np.uint8), np.array(["a", np.nan, "b"], object), "NaN"),
        (np.zeros((2, 2, 2, 2, 2), np.uint8), [0, 1], "5 dimensions"),
    ],
)
def test_bad_training_data_is_refused_with_what_was_found(X, y, message):
    with pytest.raises(ValueError, match=message):
        make_classifier().fit(X, y)


def test_bad_parameter_is_refused_by_fit_not_by_the_constructor(digits):
    X, y = digits
    clf = make_classifier(rotation_range=-5)
    with pytest.raises(ValueError, match=r"expected rotation_range to be a number .*, got -5"):
        clf.fit(X[:20], y[:20])
    with pytest.raises(ValueError, match=r"'compact'.*, got 'resnet'"):
        make_classifier(architecture="resnet").fit(X[:20], y[:20])


def test_refused_warm_start_loses_nothing(digits):
    X, y = digits
    clf = make_classifier(warm_start=True).fit(X[:100], y[:100])
    before = clf.predict_proba(X[:5])
    with pytest.raises(ValueError, match="labels that are not among"):
        clf.fit(X[:100], y[:100] + 50)
    np.testing.assert_array_equal(clf.predict_proba(X[:5]), before)


@pytest.mark.parametrize(
    "bad",
    [
        {"X": np.zeros((9, 785), np.uint8)},
        {"X": np.full((9, 64), -1.0)},
        {"y": np.arange(8)},
        {"sample_weight": np.zeros(9)},
        {"X_val": np.zeros((2, 9)), "y_val": [0, 1]},
    ],
    ids=["785 features", "negative", "short labels", "no weight", "other validation size"],
)
def test_refused_data_leaves_a_fitted_estimator_as_it_was(digits, bad):
    X, y = digits
    clf = make_classifier().fit(X[:100], y[:100])
    before = clf.predict_proba(X[:5])
    with pytest.raises(ValueError):  # noqa: PT011
        clf.fit(**{"X": X[:9, :49], "y": np.arange(9), **bad})
    assert clf.n_features_in_ == 64
    np.testing.assert_array_equal(clf.predict_proba(X[:5]), before)


def test_unfitted_estimator_says_so(digits):
    clf = make_classifier()
    for ask in (clf.predict, clf.predict_proba, clf.confidence_threshold, clf.save):
        with pytest.raises(NotFittedError, match="Call 'fit'"):
            ask(digits[0])
    with pytest.raises(NotFittedError, match="Call 'fit'"):
        _ = clf.model_
    assert not hasattr(clf, "model_")


@pytest.mark.slow
def test_missing_device_is_named(digits):
    X, y = digits
    with pytest.raises(ValueError, match=r"devices found .*got 'gpu:7'"):
        make_classifier(device="gpu:7").fit(X[:20], y[:20])
    make_classifier(device="cpu", epochs=1).fit(X[:20], y[:20]).predict(X[:2])


def test_repr_and_html_need_no_keras(digits):
    clf = DigitCNNClassifier(epochs=2)
    assert repr(clf) == "DigitCNNClassifier(epochs=2)"
    assert "DigitCNNClassifier" in clf._repr_html_()


@pytest.mark.slow
def test_temperature_is_fitted_to_validation_data_and_kept_for_predictions(digits):
    X, y = digits
    clf = make_classifier(label_smoothing=0.4, epochs=10)
    clf.fit(X[:900], y[:900], X_val=X[900:1300], y_val=y[900:1300])
    # Smoothed labels teach a network to be unsure of what it knows well.
    assert clf.temperature_ < 0.8
    plain = copy.deepcopy(clf)
    plain.temperature_ = 1.0
    test = X[1300:], y[1300:]
    np.testing.assert_array_equal(clf.predict(test[0]), plain.predict(test[0]))
    errors = [calibration_error(c.predict_proba(test[0]), test[1]) for c in (clf, plain)]
    assert errors[0] < 0.5 * errors[1]
    clf.partial_fit(X[:300], y[:300])
    assert clf.temperature_ == 1.0
    assert clf.validation_correct_ is None


def test_temperature_may_be_given(digits, fitted):
    X, y = digits
    clf = make_classifier(temperature=2.0, epochs=1, validation_fraction=0.5).fit(X[:99], y[:99])
    assert clf.temperature_ == 2.0
    assert fitted.temperature_ == 1.0


@pytest.mark.slow
def test_confidence_threshold_is_that_of_the_validation_data(digits):
    X, y = digits
    clf = make_classifier(epochs=6)
    clf.fit(X[:900], y[:900], X_val=X[900:], y_val=y[900:])
    threshold = clf.confidence_threshold(0.03)
    confidences = clf.predict_proba(X[900:]).max(axis=1)
    np.testing.assert_allclose(clf.validation_confidences_, confidences, atol=1e-6)
    hits = clf.predict(X[900:]) == y[900:]
    np.testing.assert_array_equal(clf.validation_correct_, hits)
    answered = clf.validation_confidences_ >= threshold
    assert (~hits[answered]).mean() <= 0.03 < (~hits).mean()
    with pytest.raises(ValueError, match="expected a classifier fitted with validation data"):
        clf.fit(X[:99], y[:99]).confidence_threshold(0.03)


def test_test_time_augmentation_answers_with_the_mean_of_the_views(fitted, digits):
    X = digits[0][1200:1300]
    clf = copy.deepcopy(fitted).set_params(test_time_augmentation=5)
    views = draw_views(5, (8, 8))
    seen = [apply_view(X.reshape(-1, 8, 8, 1), view) for view in views]
    expected = np.mean([fitted.predict_proba(s.reshape(-1, 64).clip(0, 255)) for s in seen], axis=0)
    np.testing.assert_allclose(clf.predict_proba(X), expected, atol=2e-3)
    np.testing.assert_allclose(clf.predict_proba(X[:3]), clf.predict_proba(X)[:3], atol=1e-6)
    one = copy.deepcopy(fitted).set_params(test_time_augmentation=1)
    np.testing.assert_array_equal(one.predict_proba(X), fitted.predict_proba(X))
