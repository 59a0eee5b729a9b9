import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from digitcnn.reading.recogniser import SYMBOLS
from digitcnn.reading.strips import DIGITS, Strip, reaches, signs_of

N_SYMBOLS = len(SYMBOLS)


def random_logs(n_steps, seed, n_symbols=N_SYMBOLS):
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.full(1 + n_symbols, 0.3), n_steps)
    return np.log(np.maximum(probabilities, 1e-30)).astype(np.float32)


def make_strip(logs):
    return Strip(logs, SYMBOLS, ((0, len(logs)),), lambda first, last: np.zeros((4, 2)))


@given(st.integers(1, 20), st.integers(0, 2**32 - 1), st.sets(st.sampled_from(SYMBOLS)))
def test_signs_that_are_not_asked_for_are_blank_paper(n_steps, seed, wanted):
    strip = make_strip(random_logs(n_steps, seed)).only(wanted)
    assert set(strip.symbols) == wanted
    summed = np.logaddexp.reduce(strip.log_probabilities, axis=1)
    np.testing.assert_allclose(summed, 0, atol=1e-4)


def test_order_of_symbols_is_that_of_their_columns():
    strip = make_strip(random_logs(5, 0)).only("9.0")
    assert strip.symbols == "09."
    np.testing.assert_array_equal(
        strip.log_probabilities[:, 2], make_strip(random_logs(5, 0)).log_probabilities[:, 10]
    )


def test_equal_signs_are_one_unless_a_blank_is_between():
    path = [0, 3, 3, 0, 3, 5, 5]
    logs = np.log(np.maximum(np.eye(11)[path], 1e-9))
    assert signs_of(logs) == [(2, 1, 2), (2, 4, 4), (4, 5, 6)]


@given(st.lists(st.integers(1, 5), min_size=1, max_size=6))
def test_each_step_of_a_word_belongs_to_one_sign(gaps):
    firsts = np.cumsum(gaps)
    signs = [(0, int(first), int(first)) for first in firsts]
    stop = int(firsts[-1]) + 4
    found = reaches(signs, 0, stop)
    steps = [step for first, last in found for step in range(first, last + 1)]
    assert steps == list(range(stop))
    assert all(first <= at <= last for (first, last), (_, at, _) in zip(found, signs, strict=True))


def test_digit_of_a_classifier_is_one_step():
    probabilities = np.eye(10)[7] * 0.9 + 0.01
    strip = Strip.of_digit(probabilities, DIGITS, np.zeros((4, 2)))
    assert signs_of(strip.log_probabilities) == [(7, 0, 0)]
    assert strip.log_probabilities[0, 0] == -np.inf
