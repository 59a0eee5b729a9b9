from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digitcnn.reading.allowed import Allowed
from digitcnn.reading.automata import Automaton
from digitcnn.reading.decoding import best_reading, score

SYMBOLS = "01."
few = settings(max_examples=100)


def accepts(automaton, read):
    state = 0
    for symbol in read:
        state = automaton.transitions[state, symbol]
        if state < 0:
            return False
    return bool(automaton.is_final[state])


def collapsed(path):
    runs = [one for i, one in enumerate(path) if i == 0 or one != path[i - 1]]
    return tuple(one - 1 for one in runs if one)


def all_alignments(logs):
    """Each way through the columns, with what it reads and its logarithm."""
    for path in product(range(logs.shape[1]), repeat=len(logs)):
        yield collapsed(path), sum(logs[t, column] for t, column in enumerate(path))


@st.composite
def steps(draw, most=4):
    n_steps = draw(st.integers(0, most))
    seed = draw(st.integers(0, 2**32 - 1))
    logs = np.log(np.random.default_rng(seed).dirichlet(np.full(4, 0.5), n_steps)).reshape(-1, 4)
    if draw(st.booleans()):  # some are impossible
        logs[np.random.default_rng(seed).random(logs.shape) < 0.3] = -np.inf
    return logs.astype(np.float32)


@st.composite
def automata(draw):
    n_states = draw(st.integers(1, 5))
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    transitions = rng.integers(-1, n_states, (n_states, len(SYMBOLS))).astype(np.int32)
    return Automaton(transitions, rng.random(n_states) < 0.5)


@few
@given(logs=steps(), automaton=automata())
def test_best_allowed_reading_is_that_of_all_alignments(logs, automaton):
    allowed = [(p, read) for read, p in all_alignments(logs) if accepts(automaton, read)]
    best = max((p for p, _ in allowed), default=-np.inf)
    found = best_reading(logs, SYMBOLS, automaton)
    if np.isneginf(best):
        assert found is None
        return
    read = tuple(SYMBOLS.index(sign) for sign in found.text)
    assert accepts(automaton, read)
    assert max(p for p, one in allowed if one == read) == pytest.approx(best, abs=1e-4)


@few
@given(logs=steps(), read=st.lists(st.integers(0, 2), max_size=4))
def test_score_is_the_sum_over_all_alignments(logs, read):
    sums = [p for one, p in all_alignments(logs) if one == tuple(read)]
    expected = np.logaddexp.reduce(sums) if sums else -np.inf
    assert np.exp(score(logs, read)) == pytest.approx(np.exp(expected), abs=1e-6)


@few
@given(logs=steps())
def test_without_limits_the_best_alignment_is_read(logs):
    every = Automaton(np.zeros((1, 3), np.int32), np.ones(1, bool))
    free, limited = best_reading(logs, SYMBOLS), best_reading(logs, SYMBOLS, every)
    assert (free is None) == (limited is None)
    if free is not None:
        assert free.text == limited.text
        assert free.spans == limited.spans
        assert free.probability == limited.probability


@few
@given(logs=steps(most=7), automaton=automata())
def test_spans_are_in_order_and_shares_add_up_to_one(logs, automaton):
    found = best_reading(logs, SYMBOLS, automaton)
    if found is None:
        return
    assert len(found.spans) == len(found.text) == len(found.probabilities)
    steps = [step for span in found.spans for step in span]
    assert steps == sorted(steps)
    assert all(0 <= step < len(logs) for step in steps)
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1, atol=1e-5)
    assert 0 <= found.probability <= 1


def probable(text, symbols, at=0.9, blank=0.9):
    """What a recogniser says that reads a text, with blanks between its signs."""
    n = 1 + len(symbols)
    rows = []
    for sign in text:
        for column, p in ((0, blank), (1 + symbols.index(sign), at)):
            row = np.full(n, (1 - p) / (n - 1))
            row[column] = p
            rows.append(row)
    return np.log(np.array(rows, np.float32))


def test_equal_symbols_are_two_only_with_a_blank_between():
    logs = np.log(np.array([[0.1, 0.9], [0.1, 0.9], [0.9, 0.1], [0.1, 0.9]]))
    found = best_reading(logs, "7", Allowed().automaton("7"))
    assert (found.text, found.spans) == ("77", ((0, 1), (3, 3)))


def test_check_digit_corrects_the_least_sure_digit():
    digits = "0123456789"
    logs = probable("79927398713", digits)
    logs[7] = np.log(0.001)
    logs[7, [1 + 8, 1 + 2]] = np.log([0.6, 0.3])  # an 8 where there is a 2
    assert best_reading(logs, digits).text == "79987398713"
    found = best_reading(logs, digits, Allowed(check="luhn").automaton(digits))
    assert found.text == "79927398713"
    assert found.probabilities[3, 2] == pytest.approx(0.3, abs=0.05)
    assert found.probability < best_reading(logs, digits).probability


def test_signs_that_are_not_allowed_are_not_read():
    symbols = "0123456789.,"
    logs = probable("1,234.5", symbols)
    assert (
        best_reading(logs, symbols, Allowed(pattern="#,###.#").automaton(symbols)).text == "1,234.5"
    )
    assert set(best_reading(logs, symbols, Allowed().automaton(symbols)).text) <= set("0123456789")
    assert best_reading(logs, symbols, Allowed(length=15).automaton(symbols)) is None


def test_probability_of_impossible_steps_is_no_error():
    logs = np.full((30, 11), -900, np.float32)
    found = best_reading(logs, "0123456789", Allowed(length=3).automaton("0123456789"))
    assert len(found.text) == 3
    assert found.probability == 0
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1, rtol=1e-5)
