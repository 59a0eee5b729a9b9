import numpy as np
import pytest

from digitcnn.preprocessing.shades import two_shades
from digitcnn.reading.classification import DigitClassifier
from digitcnn.reading.decoding import best_reading
from digitcnn.reading.layout import find_components
from digitcnn.reading.line_reading import read_lines, read_numbers
from digitcnn.reading.recogniser import SYMBOLS, LineRecogniser
from digitcnn.reading.strips import DIGITS
from number_sheets import compose, on_paper


class Recogniser(LineRecogniser):
    """Counts its lines, and reads those of a size as if they were hardly to be read."""

    def __init__(self, unsure_of=()):
        super().__init__()
        self.unsure_of = unsure_of
        self.widths = []

    def read(self, lines):
        answers = []
        for line, logs in zip(lines, super().read(lines), strict=True):
            self.widths.append(line.pixels.shape[1])
            if len(self.widths) in self.unsure_of:
                logs = np.full_like(logs, -np.log(1 + len(SYMBOLS)))
            answers.append(logs)
        return answers


@pytest.fixture(scope="module")
def classifier():
    return DigitClassifier("pretrained")


def numbers_in(rows, recogniser, classifier, gap=4):
    shades = two_shades(on_paper(compose(rows, gap=gap))[..., None], "auto")
    components = find_components(shades.mask)
    order = [np.argsort(components.boxes[:, 0], kind="stable").tolist()]
    lines = read_lines(shades, components, [order], recogniser)
    strips = read_numbers(lines, [[0]], shades, components, recogniser, classifier)
    texts = []
    for strip in strips:
        digits = strip.only(DIGITS)
        texts.append(best_reading(digits.log_probabilities, DIGITS).text)
    return texts


def test_line_that_is_surely_read_is_read_once(classifier):
    recogniser = Recogniser()
    assert numbers_in(["3805"], recogniser, classifier) == ["3805"]
    assert len(recogniser.widths) == 1


@pytest.mark.parametrize("gap", [4, -7])
def test_line_that_is_not_surely_read_is_read_larger(classifier, gap):
    recogniser = Recogniser(unsure_of=[1])
    assert numbers_in(["3805"], recogniser, classifier, gap) == ["3805"]
    first, second = recogniser.widths
    assert second > 1.15 * first


def test_surer_reading_of_two_is_kept(classifier):
    # Touching digits are not seen by the classifier: its word alone does not decide.
    recogniser = Recogniser(unsure_of=[2])
    assert numbers_in(["3805"], recogniser, classifier, -7) == ["3805"]
