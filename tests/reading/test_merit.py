import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digitcnn.reading.merit import share_of_edges


def drawn(places, shape=(200, 300), side=40):
    """The contrast of squares' outlines."""
    contrast = np.zeros(shape, np.float32)
    for x, y in places:
        cv2.rectangle(contrast, (x, y), (x + side, y + side), 1.0, 3)
    return contrast


def boxes(places, shape=(200, 300), side=40):
    made = np.zeros(shape, bool)
    for x, y in places:
        made[y : y + side + 1, x : x + side + 1] = True
    return made


PLACES = [(20, 20), (120, 20), (220, 20), (20, 120), (120, 120), (220, 120)]


@settings(max_examples=30)
@given(
    n=st.integers(1, 6),
    strength=st.floats(0.05, 1.0),
    factor=st.sampled_from([1, 2, 4]),
    seed=st.integers(0, 99),
)
def test_share_is_that_of_equal_shapes(n, strength, factor, seed):
    grain = np.random.default_rng(seed).normal(0, 0.03, (200, 300)).astype(np.float32)
    contrast = (drawn(PLACES) + grain) * np.float32(strength)
    inside = boxes(PLACES[:n])
    contrast, inside = (
        np.repeat(np.repeat(one, factor, axis=0), factor, axis=1) for one in (contrast, inside)
    )
    assert share_of_edges(contrast, inside) == pytest.approx(n / 6, abs=0.06)


def test_faint_shapes_and_slow_light_do_not_count():
    contrast = drawn(PLACES[:1]) + 0.1 * drawn(PLACES[1:])
    contrast += np.linspace(0, 0.5, 300, dtype=np.float32)
    assert share_of_edges(contrast, boxes(PLACES[:1])) == 1.0


def test_no_digits_have_no_share():
    assert share_of_edges(drawn(PLACES), boxes([])) == 0.0
