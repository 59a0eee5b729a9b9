"""A user's own network is compiled once for all fits that build the same one."""

import keras
import numpy as np
import pytest
from keras import layers

from conftest import make_classifier
from digitcnn.backend.cache import clear_cache
from digitcnn.training import compiling


class Doubled(layers.Layer):
    def __init__(self, factor=2.0, **options):
        super().__init__(**options)
        self.factor = factor

    def call(self, images):
        return images * self.factor


class Counting(layers.Layer):
    """A layer with state outside of its variables."""

    def __init__(self):
        super().__init__()
        self.calls = 0

    def call(self, images):
        self.calls += 1
        return images


class Subclassed(keras.Model):
    def __init__(self, units, n_classes):
        super().__init__()
        self.flat, self.hidden = layers.Flatten(), layers.Dense(units, activation="relu")
        self.drop, self.last = (
            layers.Dropout(0.3, seed=4),
            layers.Dense(n_classes, activation="softmax"),
        )

    def call(self, images, training=False):
        return self.last(self.drop(self.hidden(self.flat(images)), training=training))


class OwnStep(keras.Sequential):
    def train_step(self, *arguments):
        return super().train_step(*arguments)


def stack(*middle, units=8, kind=keras.Sequential):
    def network(image_shape, n_classes, dropout=None, seed=0):
        made = [one() for one in middle]
        hidden = layers.Dense(units, activation="relu")
        last = layers.Dense(n_classes, activation="softmax")
        noise = [layers.Dropout(dropout or 0.2, seed=seed), layers.BatchNormalization()]
        parts = [keras.Input(image_shape), layers.Flatten(), *made, hidden, *noise, last]
        return kind(parts)

    return network


def functional(image_shape, n_classes):
    image = keras.Input(image_shape)
    hidden = layers.Dense(8, activation="relu")(layers.Flatten()(image))
    joined = layers.Concatenate()([hidden, layers.Dense(4)(hidden)])
    return keras.Model(image, layers.Dense(n_classes, activation="softmax")(joined))


KNOWN = {
    "sequential": stack(),
    "functional": functional,
    "subclassed": lambda image_shape, n_classes: Subclassed(8, n_classes),
    "layer of the user's": stack(Doubled),
}
UNKNOWN = {
    "lambda": stack(lambda: layers.Lambda(lambda images: 2 * images)),
    "step of its own": stack(kind=OwnStep),
    "state outside of variables": stack(Counting),
}


@pytest.fixture
def compiled(monkeypatch):
    """The models that are compiled."""
    clear_cache()
    found = []

    class Noted(compiling.CompiledNetwork):
        def __init__(self, model, *arguments, **more):
            found.append(model)
            super().__init__(model, *arguments, **more)

    monkeypatch.setattr(compiling, "CompiledNetwork", Noted)
    yield found
    clear_cache()


def fit(digits, network, **parameters):
    clf = make_classifier(architecture=network, precision="float32", **{"epochs": 2, **parameters})
    return clf.fit(digits[0][:90], digits[1][:90])


@pytest.mark.slow
@pytest.mark.parametrize("kind", KNOWN)
def test_fits_that_build_the_same_network_compile_it_once(digits, compiled, kind):
    network = KNOWN[kind]
    fits = [{"random_state": 0}, {"random_state": 1, "learning_rate": 0.02}, {"random_state": 0}]
    shared = [fit(digits, network, **one) for one in fits]
    assert len(compiled) == 1
    X = digits[0][:50]
    answers = [clf.predict_proba(X) for clf in shared]
    assert len(compiled) == 1
    # Each has learned what it would have learned by itself, to the bit.
    for clf, answer, parameters in zip(shared, answers, fits, strict=True):
        clear_cache()
        alone = fit(digits, network, **parameters)
        assert alone.history_ == clf.history_
        np.testing.assert_array_equal(alone.predict_proba(X), answer)


@pytest.mark.slow
@pytest.mark.parametrize("kind", UNKNOWN)
def test_network_that_cannot_be_known_is_compiled_by_each_fit(digits, compiled, kind):
    one, _ = (fit(digits, UNKNOWN[kind]) for _ in range(2))
    assert len(compiled) == 2
    one.predict_proba(digits[0][:50])
    assert len(compiled) == 2


@pytest.mark.slow
def test_parameters_of_a_function_make_networks_of_their_own(digits, compiled):
    for units in (8, 9, 8, 9):
        fit(digits, stack(units=units))
    assert len(compiled) == 2
    fit(digits, stack(units=8), dropout=0.5)
    fit(digits, stack(units=8), weight_decay=0.5)
    assert len(compiled) == 4


@pytest.mark.slow
def test_fits_of_changed_layers_share_nothing(digits, compiled):
    class Frozen(layers.Dense):
        pass

    first = fit(digits, stack(lambda: Frozen(6)))
    first.model_.layers[1].trainable = False
    fit(digits, stack(lambda: Frozen(6)))
    # The first fit's network served again; the one that was asked for is the user's.
    assert [all(layer.trainable for layer in model.layers) for model in compiled] == [True, False]


@pytest.mark.slow
def test_network_that_a_callback_may_hold_on_to_is_nobody_elses(digits, compiled):
    one = fit(digits, stack(), callbacks=[keras.callbacks.Callback()])
    answers = one.predict_proba(digits[0][:50])
    fit(digits, stack(), random_state=5)
    assert len(compiled) == 2
    np.testing.assert_array_equal(one.predict_proba(digits[0][:50]), answers)


@pytest.mark.slow
def test_function_that_gives_another_network_later_spoils_no_other_fit(digits, compiled):
    factors = [2.0, 2.0, 3.0, 3.0]

    def network(image_shape, n_classes):
        return stack(lambda: Doubled(factors.pop(0)))(image_shape, n_classes)

    one, other = fit(digits, network), fit(digits, network, random_state=1)
    X = digits[0][:50]
    before = other.predict_proba(X)
    assert len(compiled) == 1
    clear_cache()
    # It is made again, and is the other one: as Keras would answer with these weights.
    assert (one.predict_proba(X) != before).any()
    assert not factors[1:]
    factors[:] = [2.0]
    again = fit(digits, network, random_state=1)
    np.testing.assert_array_equal(again.predict_proba(X), before)


@pytest.mark.slow
def test_partial_fits_of_an_own_network_compile_it_once(digits, compiled):
    clf = make_classifier(architecture=stack(), precision="float32")
    for _ in range(4):
        clf.partial_fit(digits[0][:64], digits[1][:64])
    assert len(compiled) == 1
