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


def numbers_in(rows, recogniser, classifier, gap=4, is_joined=False):
    ink = compose(rows, gap=gap)
    if is_joined:
        inked = np.argwhere(ink > 0.5)
        (top, left), (bottom, right) = inked.min(axis=0), inked.max(axis=0)
        middle = (top + bottom) // 2
        ink[middle : middle + 2, left:right] = 1
    shades = two_shades(on_paper(ink)[..., None], "auto")
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
def test_line_that_is_not_surely_read_is_read_in_other_sizes_and_shears(classifier, gap):
    recogniser = Recogniser(unsure_of=[1])
    assert numbers_in(["3805"], recogniser, classifier, gap) == ["3805"]
    first, *others = recogniser.widths
    assert len(others) == 4
    assert max(others) > 1.15 * first > first > min(others)


class Speller(LineRecogniser):
    """Reads what it is told, with these probabilities, whatever the line."""

    def __init__(self, *answers):
        super().__init__()
        self.answers = list(answers)

    def read(self, lines):
        return [self.spelled(line.pixels.shape[1] // 2, *self.answers.pop(0)) for line in lines]

    def spelled(self, n_steps, text, probability):
        shares = np.full((n_steps, 1 + len(SYMBOLS)), 1e-6)
        shares[:, 0] = 1.0
        for i, sign in enumerate(text):
            step = (i + 1) * n_steps // (len(text) + 1)
            shares[step] = 1e-6
            shares[step, 1 + SYMBOLS.index(sign)] = probability ** (1 / len(text))
            shares[step, 0] = 1 - shares[step, 1 + SYMBOLS.index(sign)]
        return np.log(shares / shares.sum(axis=1, keepdims=True))


@pytest.mark.parametrize(
    ("answers", "text"),
    [
        ([("3806", 0.7), ("3805", 0.6), ("3805", 0.5), ("3886", 0.6), ("3306", 0.6)], "3805"),
        ([("3806", 0.4), ("3886", 0.85), ("3805", 0.3), ("3805", 0.2), ("3805", 0.1)], "3886"),
        ([("3805", 0.3), ("385", 0.2), ("305", 0.2), ("8805", 0.2), ("3885", 0.1)], "3805"),
        ([("3806", 0.95)], "3806"),
    ],
)
def test_text_with_most_votes_is_kept(classifier, answers, text):
    # A stroke joins the digits, so that the classifier has no say.
    assert numbers_in(["3805"], Speller(*answers), classifier, is_joined=True) == [text]
