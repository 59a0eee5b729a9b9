"""A user's own model is trained and asked as Keras itself trains and asks it."""

import copy
import pickle
import warnings
from collections import Counter
from typing import ClassVar

import keras
import numpy as np
import pytest
from keras import layers, ops

from conftest import make_classifier
from digitcnn.augmentation.batches import DigitBatches

pytestmark = pytest.mark.slow

# Keras's steps take another argument there, and an optimizer cannot be compiled into a model twice.
tensorflow_alone = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="steps are written for one backend"
)

IMAGES = slice(0, 100)  # the last batch of 32 is smaller
HELD_OUT = slice(100, 150)


def glorot(seed):
    return keras.initializers.GlorotUniform(seed=seed)


def dense(units, activation="relu", seed=1, **options):
    return layers.Dense(units, activation, kernel_initializer=glorot(seed), **options)


def softmax(n_classes, seed=2):
    return dense(n_classes, "softmax", seed, dtype="float32")


def sequence(*middle, kind=keras.Sequential):
    """A function that builds a stack with new copies of some layers in it."""

    def build(image_shape, n_classes):
        made = [one() for one in middle]
        return kind([keras.Input(image_shape), layers.Flatten(), *made, softmax(n_classes)])

    return build


def functional(image_shape, n_classes):
    image = keras.Input(image_shape)
    flat = layers.Flatten()(image)
    twice = dense(16, seed=3)
    both = layers.Add()([twice(flat), twice(1.0 - flat)])
    return keras.Model(image, softmax(n_classes)(both))


class Subclassed(keras.Model):
    def __init__(self, n_classes):
        super().__init__()
        self.flat, self.hidden = layers.Flatten(), dense(16)
        self.drop, self.out = layers.Dropout(0.3, seed=4), softmax(n_classes)

    def call(self, images, training=False):
        return self.out(self.drop(self.hidden(self.flat(images)), training=training))


class Noisy(layers.Layer):
    """A layer that trains otherwise than it answers, and that counts what it has seen."""

    def __init__(self):
        super().__init__()
        self.seeds = keras.random.SeedGenerator(5)
        self.count = self.add_weight(shape=(), initializer="zeros", trainable=False)

    def call(self, x, training=False):
        if not training:
            return x
        self.count.assign_add(1.0)
        return x + 0.1 * keras.random.normal(ops.shape(x), seed=self.seeds)


class Penalised(layers.Layer):
    def call(self, x):
        self.add_loss(0.01 * ops.mean(ops.square(x)))
        return x


class OwnCall(keras.Sequential):
    def call(self, images, training=None, mask=None):
        return super().call(1.0 - images, training=training, mask=mask)


class OwnLoss(keras.Sequential):
    """A loss of its own, with a weight of its own."""

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        given = super().compute_loss(x, y, y_pred, sample_weight, training)
        return 0.25 * given + 0.5 * ops.mean(ops.square(y_pred))


class OwnMetrics(keras.Sequential):
    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        figures = super().compute_metrics(x, y, y_pred, sample_weight)
        return {**figures, "brightness": ops.mean(x), "vector": ops.mean(y_pred, axis=0)}


class OwnStep(keras.Sequential):
    """As in Keras's guide: it takes a batch apart without looking for weights."""

    def train_step(self, data):
        images, codes = data
        # Each image twice: the weights tell whether this ran.
        return super().train_step(
            (ops.concatenate([images, images * 0.5]), ops.concatenate([codes, codes]))
        )

    def test_step(self, data):
        images, codes = data
        return super().test_step((images * 0.5, codes))

    def predict_step(self, data):
        return super().predict_step(data * 0.5)


def frozen_norm():
    norm = layers.BatchNormalization(momentum=0.5)
    norm.trainable = False
    return norm


def dropped_rows():
    # A mask for each image, and the same for all of its features.
    return layers.Dropout(0.5, noise_shape=(None, 1), seed=6)


def half_precision(image_shape, n_classes):
    hidden = dense(16, dtype="mixed_bfloat16")
    return keras.Sequential(
        [keras.Input(image_shape), layers.Flatten(), hidden, softmax(n_classes)]
    )


def without_input(image_shape, n_classes):
    return keras.Sequential([layers.Flatten(), dense(16), softmax(n_classes)])


L2 = keras.regularizers.L2(0.05)
KINDS = {
    "sequential": sequence(lambda: dense(16)),
    "without an input": without_input,
    "dropout by rows": sequence(dropped_rows),
    "dropout of nothing": sequence(lambda: layers.Dropout(0.0)),
    "dropout": sequence(lambda: layers.Dropout(0.4, seed=7)),
    "noise": sequence(lambda: layers.GaussianNoise(0.3, seed=8)),
    "norm": sequence(lambda: layers.BatchNormalization(momentum=0.5)),
    "frozen norm": sequence(frozen_norm),
    "frozen layer": sequence(lambda: dense(16, trainable=False)),
    "regularised kernel": sequence(lambda: dense(16, kernel_regularizer=L2)),
    "regularised activity": sequence(lambda: dense(16, activity_regularizer=L2)),
    "added loss": sequence(Penalised),
    "own layer": sequence(Noisy),
    "functional": functional,
    "subclass": lambda image_shape, n_classes: Subclassed(n_classes),
    "own call": sequence(kind=OwnCall),
    "own loss": sequence(kind=OwnLoss),
    "own metrics": sequence(kind=OwnMetrics),
    "own steps": sequence(kind=OwnStep),
    "bfloat16": half_precision,
}


def by_the_estimator(digits, network, *, weighted=False, **parameters):
    X, y = digits
    weights = np.linspace(0.5, 1.5, 100) if weighted else None
    clf = make_classifier(
        architecture=network,
        epochs=2,
        batch_size=32,
        schedule=None,
        temperature=1.0,
        **{"optimizer": keras.optimizers.SGD(0.5, momentum=0.5), **parameters},
    )
    return clf.fit(X[IMAGES], y[IMAGES], weights, X_val=X[HELD_OUT], y_val=y[HELD_OUT])


def in_epochs(batches):
    while True:
        yield from batches.in_order()
        batches.on_epoch_end()


def by_keras(digits, network, clf, *, weighted=False, optimizer=None):
    """The same network, batches and optimizer, given to `keras.Model.fit`."""
    X, y = digits
    weights = np.linspace(0.5, 1.5, 100, dtype=np.float32) if weighted else None
    pictures, codes = X.reshape(-1, 8, 8, 1), y.astype(np.int32)
    batches = DigitBatches(
        pictures[IMAGES],
        codes[IMAGES],
        weights,
        pixel_range=(0.0, 255.0),
        batch_size=32,
        shuffle=True,
        seed=clf._trainer.network.plan.seed,
    )
    held_out = pictures[HELD_OUT].astype(np.float32) / 255, codes[HELD_OUT]
    model = network((8, 8, 1), 10)
    model.compile(
        copy.deepcopy(optimizer) or keras.optimizers.SGD(0.5, momentum=0.5),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    history = model.fit(
        in_epochs(batches),
        epochs=2,
        steps_per_epoch=len(batches),
        shuffle=False,
        verbose=0,
        validation_data=held_out,
    )
    return model, history.history, model.predict(held_out[0], verbose=0)


def assert_same(clf, model, history, answers, held_out):
    start = model.__class__.__name__
    for mine, kerass in zip(clf.model_.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(mine, kerass, atol=1e-6, err_msg=start)
    for name in ("loss", "accuracy", "val_loss", "val_accuracy"):
        np.testing.assert_allclose(clf.history_[name], history[name], rtol=1e-5, err_msg=name)
    np.testing.assert_allclose(clf.predict_proba(held_out), answers, atol=1e-6)


@pytest.mark.parametrize(
    "kind",
    [pytest.param(k, marks=tensorflow_alone) if k == "own steps" else k for k in KINDS],
)
def test_model_is_trained_and_asked_as_keras_does(digits, kind):
    clf = by_the_estimator(digits, KINDS[kind])
    assert_same(clf, *by_keras(digits, KINDS[kind], clf), digits[0][HELD_OUT])


@pytest.mark.parametrize("kind", ["dropout", "own loss", "own metrics", "subclass"])
def test_weights_of_images_weigh_as_keras_has_it(digits, kind):
    clf = by_the_estimator(digits, KINDS[kind], weighted=True)
    expected = by_keras(digits, KINDS[kind], clf, weighted=True)
    assert_same(clf, *expected, digits[0][HELD_OUT])


def decaying():
    return keras.optimizers.schedules.ExponentialDecay(0.5, 2, 0.5)


OPTIMIZERS = {
    "averages": lambda: keras.optimizers.SGD(0.5, use_ema=True, ema_momentum=0.9),
    "averages that overwrite": lambda: keras.optimizers.AdamW(
        0.01, use_ema=True, ema_momentum=0.9, ema_overwrite_frequency=3
    ),
    "accumulates": lambda: keras.optimizers.Adam(0.01, gradient_accumulation_steps=3),
    "scales the loss": lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.01)),
    "clips": lambda: keras.optimizers.RMSprop(0.01, global_clipnorm=0.1),
    "has a schedule": lambda: keras.optimizers.SGD(decaying()),
    "has a running product": lambda: keras.optimizers.Nadam(0.01),
}


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_optimizer_does_to_an_own_model_what_it_does_in_keras(digits, kind):
    network, optimizer = sequence(lambda: dense(16)), OPTIMIZERS[kind]()
    clf = by_the_estimator(digits, network, optimizer=optimizer)
    expected = by_keras(digits, network, clf, optimizer=OPTIMIZERS[kind]())
    assert_same(clf, *expected, digits[0][HELD_OUT])


@pytest.mark.parametrize("kind", ["averages", "accumulates", "scales the loss"])
def test_optimizer_does_to_a_named_network_what_it_does_in_keras(digits, kind):
    from digitcnn.backend.build import build

    options = {"dropout": 0.0, "dtype": "float32"}
    clf = by_the_estimator(
        digits,
        "relu-dropout",
        dropout=0.0,
        precision="float32",
        optimizer=OPTIMIZERS[kind](),
    )

    def network(image_shape, n_classes):
        return build(
            "relu-dropout",
            image_shape,
            n_classes,
            seed=clf._trainer.network.plan.seed,
            **options,
        )

    model, _, _ = by_keras(digits, network, clf, optimizer=OPTIMIZERS[kind]())
    start = network((8, 8, 1), 10)
    ends = [np.concatenate([np.ravel(w) for w in one.get_weights()]) for one in (model, clf.model_)]
    moved = ends[0] - np.concatenate([np.ravel(w) for w in start.get_weights()])
    apart = ends[0] - ends[1]
    # The largest of even pixels is a matter of rounding: not each weight is the same.
    assert np.abs(apart).mean() < 0.1 * np.abs(moved).mean()


def test_figures_of_a_models_own_come_into_the_history(digits):
    seen = []

    class Note(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(logs["brightness"])

    clf = by_the_estimator(digits, KINDS["own metrics"], callbacks=[Note()])
    mean = digits[0][IMAGES].mean() / 255
    assert clf.history_["brightness"] == seen == pytest.approx([mean, mean], rel=1e-5)
    assert "val_brightness" in clf.history_
    assert "vector" not in clf.history_


class Silent(keras.Sequential):
    """A training step that changes nothing."""

    def train_step(self, data):
        return {"loss": ops.convert_to_tensor(0.25)}


@tensorflow_alone
def test_training_step_needs_no_accuracy(digits):
    clf = by_the_estimator(digits, sequence(kind=Silent))
    assert clf.loss_curve_ == [0.25, 0.25]
    assert np.isnan(clf.history_["accuracy"]).all()
    bias = clf.model_.get_weights()[1]
    np.testing.assert_array_equal(bias, np.zeros_like(bias))


class Mute(keras.Sequential):
    def train_step(self, data):
        return {"losses": ops.zeros((3,))}


@tensorflow_alone
def test_training_step_without_a_loss_is_refused(digits):
    with pytest.raises(ValueError, match=r"train_step of Mute to return a dict .*'loss', got"):
        by_the_estimator(digits, sequence(kind=Mute))


class OwnFit(keras.Sequential):
    def fit(self, *arguments, **options):
        raise AssertionError("not called")


def test_model_with_a_fit_of_its_own_is_refused(digits):
    with pytest.raises(ValueError, match=r"OwnFit with a method fit .* Override train_step"):
        by_the_estimator(digits, sequence(kind=OwnFit))


def test_label_smoothing_and_class_weights_keep_their_meaning(digits):
    X, y = digits
    network = sequence(lambda: dense(16))
    few = dict.fromkeys(range(5), 0.001)
    clf = by_the_estimator(digits, network, label_smoothing=0.5, class_weight=few)
    answers = clf.predict_proba(X[IMAGES])
    assert (clf.predict(X[IMAGES]) >= 5).mean() > 0.8
    assert answers.max() < 0.9
    expected = clf.model_.evaluate(
        X[HELD_OUT].reshape(-1, 8, 8, 1) / 255.0, y[HELD_OUT], verbose=0, return_dict=True
    )
    assert clf.history_["val_loss"][-1] == pytest.approx(expected["loss"], rel=1e-4)
    assert clf.history_["val_accuracy"][-1] == pytest.approx(expected["accuracy"])


class Counted(keras.Sequential):
    """Counts how often its steps are traced."""

    traced: ClassVar[list[str]] = []

    def train_step(self, data):
        self.traced.append("train")
        return super().train_step(data)

    def test_step(self, data):
        self.traced.append("test")
        return super().test_step(data)

    def predict_step(self, data):
        self.traced.append("predict")
        return super().predict_step(data)


@tensorflow_alone
def test_steps_are_traced_no_more_often_than_by_keras_whatever_the_sizes(digits):
    network = sequence(kind=Counted)
    clf = by_the_estimator(digits, network)
    for n in (1, 3, 40):
        clf.predict(digits[0][:n])
    mine = Counter(Counted.traced)
    Counted.traced.clear()
    by_keras(digits, network, clf)
    assert mine <= Counter(Counted.traced)


@tensorflow_alone
def test_model_that_a_user_compiles_anew_trains_as_compiled(digits):
    X, y = digits
    clf = by_the_estimator(digits, sequence(lambda: dense(16)))
    model = clf.model_
    model.layers[1].trainable = False
    model.compile(model.optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    before = model.get_weights()
    clf.partial_fit(X[IMAGES], y[IMAGES])
    after = model.get_weights()
    np.testing.assert_array_equal(before[0], after[0])
    assert not np.array_equal(before[2], after[2])


class Debugged(keras.Sequential):
    """A step that only runs where nothing is compiled."""

    def train_step(self, data):
        assert np.asarray(data[0]).shape[1:] == (8, 8, 1)
        return super().train_step(data)


def eager(image_shape, n_classes):
    model = sequence(kind=Debugged)(image_shape, n_classes)
    model.compile(run_eagerly=True)
    return model


@tensorflow_alone
def test_model_that_is_compiled_to_run_eagerly_does(digits):
    clf = by_the_estimator(digits, eager)
    assert_same(clf, *by_keras(digits, sequence(), clf), digits[0][HELD_OUT])


def logits(image_shape, n_classes):
    return keras.Sequential(
        [keras.Input(image_shape), layers.Flatten(), dense(n_classes, None, seed=2)]
    )


class SubclassedLogits(keras.Model):
    def __init__(self, n_classes):
        super().__init__()
        self.stack = keras.Sequential([layers.Flatten(), dense(n_classes, None, seed=2)])

    def call(self, images):
        return self.stack(images)


@pytest.mark.parametrize(
    "network", [logits, lambda image_shape, n_classes: SubclassedLogits(n_classes)]
)
@pytest.mark.parametrize("label_smoothing", [0.0, 0.2])
def test_logits_are_taken_for_logits_with_a_warning(digits, network, label_smoothing):
    X = digits[0][HELD_OUT]
    with pytest.warns(UserWarning, match="does not end in a softmax: its answers are taken for"):
        clf = by_the_estimator(digits, network, label_smoothing=label_smoothing)
    twin = by_the_estimator(digits, sequence(), label_smoothing=label_smoothing)
    probabilities = clf.predict_proba(X)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, rtol=1e-6)
    np.testing.assert_allclose(probabilities, twin.predict_proba(X), atol=1e-4)
    np.testing.assert_allclose(clf.history_["val_loss"], twin.history_["val_loss"], rtol=1e-3)
    # Said once: not by a copy that only answers.
    again = pickle.loads(pickle.dumps(clf)) if network is logits else clf
    np.testing.assert_array_equal(again.predict_proba(X), probabilities)


@pytest.mark.parametrize("activation", ["sigmoid", "relu", "tanh"])
def test_network_that_ends_in_another_activation_is_refused(digits, activation):
    def network(image_shape, n_classes):
        return keras.Sequential(
            [keras.Input(image_shape), layers.Flatten(), dense(n_classes, activation)]
        )

    with pytest.raises(
        ValueError, match=f"expected a network .* got the activation '{activation}'"
    ):
        by_the_estimator(digits, network)


class SubclassedSigmoid(SubclassedLogits):
    def call(self, images):
        return ops.sigmoid(super().call(images))


def test_subclass_whose_answers_are_neither_is_refused(digits):
    with pytest.raises(ValueError, match="got answers between 0 and 1 that do not sum to 1"):
        by_the_estimator(digits, lambda image_shape, n_classes: SubclassedSigmoid(n_classes))


@pytest.mark.parametrize("ending", [layers.Softmax, lambda: layers.Activation("softmax")])
def test_softmax_of_its_own_layer_is_one(digits, ending):
    def network(image_shape, n_classes):
        return keras.Sequential(
            [keras.Input(image_shape), layers.Flatten(), dense(n_classes, None), ending()]
        )

    by_the_estimator(digits, network)


class OwnAnswers(keras.Sequential):
    """Logits, of which `predict_step` makes probabilities."""

    def predict_step(self, data):
        return ops.softmax(super().predict_step(data))


def test_probabilities_of_a_predict_step_are_not_taken_for_logits(digits):
    def network(image_shape, n_classes):
        return OwnAnswers(logits(image_shape, n_classes).layers)

    X = digits[0][HELD_OUT]
    with pytest.warns(UserWarning, match="does not end in a softmax"):
        clf = by_the_estimator(digits, network)
    twin = by_the_estimator(digits, sequence())
    np.testing.assert_allclose(clf.predict_proba(X), twin.predict_proba(X), atol=1e-4)
    np.testing.assert_allclose(clf.predict_proba(X[:1]), twin.predict_proba(X[:1]), atol=1e-4)


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        (lambda p: {"probabilities": p}, "return an array of probabilities, got a dict"),
        (lambda p: ops.log(p), r"return probabilities of shape \(\d+, n_classes\), got numbers"),
        (lambda p: ops.argmax(p, axis=1), r"return .*, got numbers from .* of shape \(\d+,\)"),
    ],
    ids=["dict", "logarithms", "labels"],
)
def test_predict_step_that_gives_no_probabilities_is_refused(digits, answers, message):
    class Other(keras.Sequential):
        def predict_step(self, data):
            return answers(super().predict_step(data))

    with pytest.raises(ValueError, match=f"expected predict_step of Other to {message}"):
        by_the_estimator(digits, sequence(kind=Other))


@pytest.mark.parametrize("several", [list, lambda outputs: {"a": outputs[0], "b": outputs[1]}])
def test_network_with_several_outputs_is_refused(digits, several):
    def network(image_shape, n_classes):
        image = keras.Input(image_shape)
        flat = layers.Flatten()(image)
        return keras.Model(image, several([softmax(n_classes)(flat), softmax(n_classes)(flat)]))

    with pytest.raises(ValueError, match=r"expected one output .*got a (list|dict) of 2 outputs"):
        by_the_estimator(digits, network)


def test_one_model_for_two_fits_is_refused(digits):
    X, y = digits
    shared = sequence(lambda: dense(16))((8, 8, 1), 10)

    def network(image_shape, n_classes):
        return shared

    first = by_the_estimator(digits, network)
    answers = first.predict_proba(X[:20])
    for again in (first, make_classifier(architecture=network)):
        with pytest.raises(ValueError, match="returned a model, or layers, that it had returned"):
            again.fit(X[IMAGES], y[IMAGES])
    np.testing.assert_array_equal(first.predict_proba(X[:20]), answers)


def test_layers_may_be_shared_if_they_are_frozen(digits):
    trunk = dense(16)
    trunk.build((None, 64))

    def network(image_shape, n_classes):
        stack = [layers.Flatten(), trunk, softmax(n_classes)]
        return keras.Sequential([keras.Input(image_shape), *stack])

    by_the_estimator(digits, network)
    with pytest.raises(ValueError, match="or layers, that it had returned before"):
        by_the_estimator(digits, network)
    trunk = dense(16)
    trunk.trainable = False
    first, second = (by_the_estimator(digits, network) for _ in range(2))
    X = digits[0][HELD_OUT]
    np.testing.assert_array_equal(first.predict_proba(X), second.predict_proba(X))


def test_network_for_another_image_size_is_refused_with_the_size(digits):
    def network(image_shape, n_classes):
        return sequence()((28, 28, 1), n_classes)

    with pytest.raises(ValueError, match=r"take images of shape \(8, 8, 1\): (.|\n)*784"):
        by_the_estimator(digits, network)


@pytest.mark.parametrize(
    ("network", "given"),
    [(sequence(), "float32"), (lambda image_shape, n_classes, dtype: None, None)],
    ids=["without dtype", "with dtype"],
)
def test_auto_precision_is_float32_where_the_network_cannot_be_told(monkeypatch, network, given):
    from digitcnn.backend import devices
    from digitcnn.backend.devices import resolve_precision

    monkeypatch.setattr(devices, "_gpu_has_bfloat16", lambda: True)
    assert resolve_precision("auto", network) == (given or "bfloat16")
    assert resolve_precision("float32", network) == "float32"


def test_bfloat16_is_refused_where_the_network_cannot_be_told(digits):
    with pytest.raises(ValueError, match="expected an architecture with a parameter dtype"):
        by_the_estimator(digits, sequence(), precision="bfloat16")


def test_own_model_is_copied_and_goes_on_with_its_averages(digits):
    X, y = digits
    optimizer = OPTIMIZERS["averages"]()
    clf = by_the_estimator(digits, functional, optimizer=optimizer)
    again = copy.deepcopy(clf)
    for one in (clf, again):
        one.partial_fit(X[IMAGES], y[IMAGES])
    np.testing.assert_array_equal(again.predict_proba(X), clf.predict_proba(X))


@pytest.mark.parametrize("architecture", ["compact", functional, logits])
@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
def test_model_that_keras_saves_can_be_loaded_by_keras(
    digits, tmp_path, architecture, label_smoothing
):
    X, y = digits
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".* does not end in a softmax")
        clf = by_the_estimator(digits, architecture, label_smoothing=label_smoothing)
    path = str(tmp_path / "m.keras")
    clf.model_.save(path)
    loaded = keras.saving.load_model(path)
    images = X[HELD_OUT].reshape(-1, 8, 8, 1).astype(np.float32) / 255
    expected = clf.model_.predict(images, verbose=0)
    np.testing.assert_array_equal(loaded.predict(images, verbose=0), expected)
    figures = loaded.evaluate(images, y[HELD_OUT], verbose=0, return_dict=True)
    assert figures["accuracy"] == pytest.approx(clf.validation_correct_.mean(), abs=0.03)
    loaded.fit(images, y[HELD_OUT], verbose=0)
