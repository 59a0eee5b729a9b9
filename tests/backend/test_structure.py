"""Models that differ in nothing but weights, seeds and names are told from those that do."""

import keras
import numpy as np
import pytest
from keras import layers

from digitcnn.backend.structure import describe_structure

FACTOR = 2.0


class Scale(layers.Layer):
    """A layer of the user's, with a weight and a plain value."""

    def __init__(self, start=1.0, **options):
        super().__init__(**options)
        self.start = start

    def build(self, shape):
        self.factor = self.add_weight(shape=(shape[-1],), initializer="ones")

    def call(self, images):
        return images * self.factor * self.start * FACTOR


class Gate(layers.Layer):
    """A layer that holds another one."""

    def __init__(self, activation="sigmoid", **options):
        super().__init__(**options)
        self.inner = layers.Dense(6, activation=activation)

    def call(self, images):
        return self.inner(images)


class Subclass(keras.Model):
    def __init__(self, units=6):
        super().__init__()
        self.hidden = layers.Dense(units, activation="relu")
        self.last = layers.Dense(3, activation="softmax")

    def call(self, images):
        return self.last(self.hidden(layers.Flatten()(images)))


class OwnStep(Subclass):
    def compute_loss(self, *arguments, **more):
        return 2 * super().compute_loss(*arguments, **more)


def sequential(*inner, **options):
    last = layers.Dense(3, activation="softmax")
    return keras.Sequential([keras.Input((4, 4, 1)), layers.Flatten(), *inner, last], **options)


def functional(skip=True, activation="relu", name=None):
    image = keras.Input((4, 4, 1))
    flat = layers.Flatten()(image)
    first = layers.Dense(16, activation=activation, name=name)(flat)
    second = layers.Dense(16)(first)
    joined = layers.Add()([first if skip else second, second])
    return keras.Model(image, layers.Dense(3, activation="softmax")(keras.ops.relu(joined)))


def subclass(cls=Subclass, **options):
    model = cls(**options)
    model(np.zeros((1, 4, 4, 1), np.float32))
    return model


def shared(once):
    """A layer that is used twice, or two layers that are used once each."""
    image = keras.Input((4, 4, 1))
    flat = layers.Flatten()(image)
    one = layers.Dense(16)
    two = one if once else layers.Dense(16)
    return keras.Model(image, layers.Dense(3)(two(one(flat))))


def frozen():
    model = sequential(layers.Dense(6))
    model.layers[1].trainable = False
    return model


def eager():
    model = sequential()
    model.compile("sgd", "sparse_categorical_crossentropy", run_eagerly=True)
    return model


@pytest.mark.parametrize(
    "make",
    [
        sequential,
        lambda: sequential(layers.Dense(6, kernel_initializer="he_normal", name="hidden")),
        lambda: sequential(layers.Dropout(0.5), layers.BatchNormalization()),
        lambda: sequential(layers.Dense(6, kernel_regularizer=keras.regularizers.L2(0.1))),
        lambda: sequential(keras.Sequential([keras.Input((16,)), layers.Dense(6)])),
        lambda: sequential(functional_within()),
        lambda: sequential(Scale(2.0)),
        lambda: sequential(Gate()),
        lambda: sequential(layers.Reshape((16, 1)), layers.GRU(4)),
        functional,
        subclass,
        frozen,
        eager,
        lambda: shared(True),
    ],
)
def test_two_models_of_one_function_are_alike(make):
    described = describe_structure(make())
    assert described is not None
    assert describe_structure(make()) == described


def functional_within():
    image = keras.Input((16,))
    return keras.Model(image, layers.Dense(6)(image) + 1.0)


def test_models_that_compute_or_train_otherwise_are_told_apart():
    models = [
        sequential(),
        sequential(layers.Dense(6)),
        sequential(layers.Dense(7)),
        sequential(layers.Dense(6, activation="relu")),
        # A name that is that of the activation.
        sequential(layers.Dense(6, activation="tanh", name="tanh")),
        sequential(layers.Dense(6, activation="gelu", name="gelu")),
        sequential(layers.Dense(6, use_bias=False)),
        sequential(layers.Dense(6, kernel_regularizer=keras.regularizers.L2(0.1))),
        sequential(layers.Dense(6, kernel_regularizer=keras.regularizers.L2(0.2))),
        sequential(layers.Dense(6, kernel_constraint=keras.constraints.NonNeg())),
        sequential(layers.Dense(6, dtype="mixed_bfloat16")),
        sequential(layers.Dropout(0.1)),
        sequential(layers.Dropout(0.2)),
        sequential(layers.Dropout(0.2, seed=0)),
        sequential(layers.Dropout(0.2, noise_shape=(None, 1))),
        sequential(layers.BatchNormalization()),
        sequential(layers.BatchNormalization(momentum=0.5)),
        sequential(Scale(1.0)),
        sequential(Scale(2.0)),
        sequential(Gate()),
        sequential(Gate("tanh")),
        sequential(keras.Sequential([keras.Input((16,)), layers.Dense(6)])),
        sequential(functional_within()),
        functional(),
        functional(skip=False),
        functional(activation="tanh"),
        functional(activation="tanh", name="tanh"),
        subclass(),
        subclass(units=7),
        frozen(),
        eager(),
        shared(True),
        shared(False),
    ]
    described = [describe_structure(model) for model in models]
    assert None not in described
    # But for the name, two of them are the same.
    assert len(set(described)) == len(models) - 1


def test_initial_weights_and_seeds_make_no_difference():
    one, other = (
        sequential(
            layers.Dense(6, kernel_initializer=keras.initializers.GlorotUniform(seed)),
            layers.Dropout(0.5, seed=seed),
        )
        for seed in (1, 2)
    )
    assert describe_structure(one) == describe_structure(other)


def test_code_that_a_class_reads_is_a_part_of_it(monkeypatch):
    before = describe_structure(sequential(Scale()))
    monkeypatch.setitem(globals(), "FACTOR", 3.0)
    assert describe_structure(sequential(Scale())) != before


def test_classes_of_one_name_and_other_code_are_told_apart():
    def make(factor):
        class Twice(layers.Layer):
            def call(self, images):
                return images * factor

        return sequential(Twice())

    assert describe_structure(make(2)) == describe_structure(make(2))
    assert describe_structure(make(2)) != describe_structure(make(3))


def counted():
    layer = Scale()
    layer.seen = object()
    return sequential(layer)


def patched():
    model = sequential()
    model.train_step = lambda data: {}
    return model


@pytest.mark.parametrize(
    "make",
    [
        lambda: sequential(layers.Lambda(lambda images: 2 * images)),
        lambda: sequential(layers.Dense(6, activation=lambda images: 2 * images)),
        lambda: sequential(layers.Dense(6, kernel_initializer=lambda shape, dtype: np.ones(shape))),
        lambda: subclass(OwnStep),
        counted,
        patched,
    ],
)
def test_what_cannot_be_known_is_said_to_be_unknown(make):
    assert describe_structure(make()) is None
