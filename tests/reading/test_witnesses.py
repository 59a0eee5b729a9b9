import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digitcnn.reading.decoding import score
from digitcnn.reading.witnesses import _of_one_sign


def random_logs(n_steps, seed, n_symbols):
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.full(1 + n_symbols, 0.3), n_steps)
    return np.log(np.maximum(probabilities, 1e-30)).astype(np.float32)


@given(st.integers(1, 12), st.integers(0, 2**32 - 1))
def test_probability_of_one_sign_is_the_sum_over_its_alignments(n_steps, seed):
    logs = random_logs(n_steps, seed, 4)
    found = _of_one_sign(logs)
    for symbol in range(4):
        assert found[1 + symbol] == pytest.approx(score(logs, [symbol]), abs=1e-4)
    assert found[0] == pytest.approx(float(logs[:, 0].sum()), abs=1e-4)
