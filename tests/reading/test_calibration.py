import pytest

from digitcnn import DigitReader
from digitcnn.reading.calibration import Calibration


def test_identity_changes_no_probability():
    for probability in (0.001, 0.25, 0.5, 0.999):
        assert Calibration().confidence(probability) == pytest.approx(probability)


def test_confidence_rises_with_the_probability_and_stays_between_0_and_1():
    calibration = Calibration(0.6, -1.2)
    found = [calibration.confidence(p / 100) for p in range(101)]
    assert found == sorted(found)
    assert 0 < found[0] < found[-1] < 1


def test_threshold_is_that_of_the_largest_error_that_is_allowed():
    calibration = Calibration(thresholds=((0.01, 0.9), (0.05, 0.6)))
    assert calibration.threshold(0.2) == 0.6
    assert calibration.threshold(0.05) == 0.6
    assert calibration.threshold(0.02) == 0.9
    assert calibration.threshold(0.001) == 1.0


def test_text_gives_the_same_calibration():
    calibration = Calibration(0.7, 0.1, ((0.01, 0.95), (0.1, 0.5)))
    assert Calibration.from_json(calibration.to_json()) == calibration


def test_reader_asks_for_more_confidence_where_fewer_errors_are_allowed():
    reader = DigitReader()
    found = [reader.confidence_for(error) for error in (0.2, 0.1, 0.05, 0.01, 0.0001)]
    assert found == sorted(found)
    assert 0 < found[0] < found[-1] == 1


@pytest.mark.parametrize("error", [0, 1, -0.1, "0.1", None, float("nan")])
def test_errors_that_are_no_part_are_refused(error):
    with pytest.raises(ValueError, match="expected max_error to be a number between 0 and 1"):
        DigitReader().confidence_for(error)
