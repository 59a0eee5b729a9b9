"""The loss is one, whoever computes it."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from digitcnn.backend.losses import make_loss, score, smoothed_crossentropy


def answers(n, n_classes, seed):
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(n, n_classes)).astype(np.float32)
    odds = np.exp(logits)
    return logits, odds / odds.sum(axis=1, keepdims=True), rng.integers(0, n_classes, n)


@given(
    n_classes=st.integers(2, 12),
    label_smoothing=st.sampled_from([0.0, 0.1, 0.5, 1.0]),
    seed=st.integers(0, 99),
)
@settings(max_examples=20)
def test_steps_keras_and_the_score_have_the_same_loss(n_classes, label_smoothing, seed):
    logits, probabilities, y = answers(7, n_classes, seed)
    each = ops.convert_to_numpy(
        smoothed_crossentropy(y.astype(np.int32), probabilities, label_smoothing)
    )
    assert each.shape == (7,)
    by_hand = -np.log(probabilities) * (1 - label_smoothing) * np.eye(n_classes)[y]
    by_hand -= np.log(probabilities) * label_smoothing / n_classes
    np.testing.assert_allclose(each, by_hand.sum(axis=1), rtol=1e-4)
    figures = score(probabilities, y, label_smoothing)
    assert figures["loss"] == pytest.approx(each.sum(), rel=1e-4)
    assert figures["accuracy"] == (probabilities.argmax(axis=1) == y).sum()
    for is_logits, given_ in ((False, probabilities), (True, logits)):
        mean = float(make_loss(label_smoothing, is_logits)(y, given_))
        assert mean == pytest.approx(each.mean(), rel=1e-4)


@pytest.mark.parametrize("label_smoothing", [0.0, 0.2])
def test_loss_is_in_float32_whatever_is_set_for_keras(label_smoothing):
    _, probabilities, y = answers(5, 3, 0)
    before = keras.config.floatx()
    keras.config.set_floatx("float16")
    try:
        loss = make_loss(label_smoothing)(y, probabilities)
        each = smoothed_crossentropy(y, ops.convert_to_tensor(probabilities), label_smoothing)
    finally:
        keras.config.set_floatx(before)
    assert keras.backend.standardize_dtype(loss.dtype) == "float32"
    assert keras.backend.standardize_dtype(each.dtype) == "float32"


def test_probability_of_nothing_is_a_large_loss_and_no_infinite_one():
    figures = score(np.array([[0.0, 1.0]], np.float32), np.array([0]), 0.0)
    assert 80 < figures["loss"] < 100
