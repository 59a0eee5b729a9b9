import pytest

from digitcnn.reading import Digit, Line, Number
from digitcnn.reading.assembly import has_numbers

BOX = ((0.0, 0.0), (9.0, 0.0), (9.0, 9.0), (0.0, 9.0))


def line(*confidences):
    return Line(tuple(Number((Digit("7", 0.9, BOX),), one) for one in confidences))


@pytest.mark.parametrize(
    ("confidences", "reject_below", "expected"),
    [
        ([[0.2, 0.1]], 0.5, False),
        ([[0.2], [0.34, 0.3]], 0.5, False),
        ([[0.02], [0.1, 0.36]], 0.5, True),
        ([[0.6]], 0.9, False),
        ([[0.0]], 0.0, True),
        ([], 0.5, False),
    ],
)
def test_page_has_numbers_if_the_surest_one_is_sure_enough(confidences, reject_below, expected):
    assert has_numbers([line(*one) for one in confidences], reject_below) is expected


@pytest.mark.parametrize("n_digits", [1, 2, 5, 11])
def test_long_number_may_have_a_doubtful_digit(n_digits):
    digits = (Digit("7", 0.9, BOX),) * n_digits
    least = 0.35 * 0.9 ** (n_digits - 1)
    for confidence, expected in ((least + 0.01, True), (least - 0.01, False)):
        lines = [Line((Number(digits, confidence),))]
        assert has_numbers(lines, 0.5) is expected
