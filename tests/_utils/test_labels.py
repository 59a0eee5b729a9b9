import numpy as np
import pandas as pd
import pytest

from digitcnn._utils.labels import check_labels, encode_labels, hold_out


@pytest.mark.parametrize("missing", [None, float("nan"), pd.NA, pd.NaT])
def test_missing_label_is_named_with_its_row(missing):
    with pytest.raises(ValueError, match=r"a label in each row of y, got .* in row 1"):
        check_labels(np.array(["a", missing, "b"], object))


def test_class_too_small_to_be_held_out_is_refused_with_the_parameter():
    with pytest.raises(
        ValueError, match=r"hold out validation_fraction=0\.25, got 4 images: The l"
    ):
        hold_out(np.array([0, 0, 0, 1]), 0.25, 0)
    with pytest.raises(ValueError, match=r"validation_fraction=0\.1, got 6 images: .*classes = 3"):
        hold_out(np.array([0, 0, 1, 1, 2, 2]), 0.1, 0)


def test_labels_are_columns_of_classes_in_any_order():
    classes = np.array(["two", "one", "three"])
    probabilities = np.zeros((4, 3))
    y_encoded = encode_labels(["one", "three", "two", "one"], classes, probabilities)
    assert y_encoded.tolist() == [1, 2, 0, 1]
    with pytest.raises(ValueError, match=r"'one', 'three'\), got 'four'\. Correct"):
        encode_labels(["one", "four", "two", "one"], classes, probabilities)
    with pytest.raises(ValueError, match=r"label \(4\).* class \(2\), got shape \(4, 3\)"):
        encode_labels(["one"] * 4, classes[:2], probabilities)
    with pytest.raises(ValueError, match=r"label \(0\)"):
        encode_labels([], classes, probabilities[:0])
