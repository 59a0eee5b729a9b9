"""scikit-learn's own check suite, strict."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from conftest import make_classifier

pytestmark = pytest.mark.slow

EXPECTED_FAILURES = {
    "check_sample_weight_equivalence_on_dense_data": (
        "a row of weight 2 is one step in one batch, the same row twice is in two places of a "
        "shuffled epoch: equal in expectation, not to the bit. scikit-learn declares the same of "
        "its own SGD estimators"
    ),
}


TINY = make_classifier(
    epochs=20, batch_size=16, learning_rate=0.003, image_shape="pad", pixel_range="data"
)


# Strict, as pytest's configuration has it: a declared failure that passes fails.
@parametrize_with_checks([TINY], expected_failed_checks=lambda estimator: EXPECTED_FAILURES)
def test_estimator_passes_scikit_learns_check(estimator, check):
    check(estimator)
