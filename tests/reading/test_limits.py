"""What a number may be, as parameters of the reader."""

import pickle

import cv2
import numpy as np
import pytest

from digitcnn import DigitReader
from number_sheets import compose, on_paper


@pytest.fixture(scope="module")
def sheet():
    return on_paper(compose(["31415", "926 535", "8979"]))


class Confused:
    """The model of the package, unsure of one digit."""

    image_shape_ = (28, 28, 1)
    classes_ = np.arange(10)

    def __init__(self, truth, answer, share):
        from digitcnn.reading.classification import DigitClassifier

        self._model = DigitClassifier("pretrained")._model
        self.truth, self.answer, self.share = truth, answer, share

    def predict_proba(self, X):
        found = self._model.predict_proba(X, is_normalized=True).copy()
        is_it = found.argmax(axis=1) == self.truth
        found[is_it] = 0
        found[is_it, self.answer] = self.share
        found[is_it, self.truth] = 1 - self.share
        return found


def test_lines_that_are_not_allowed_are_left_out(sheet):
    assert DigitReader(length=5).read(sheet).text == "31415"
    assert DigitReader(length=(3, 4)).read(sheet).text == "926 535\n8979"
    assert DigitReader(lexicon=["535", "8979", "1"]).read(sheet).text == "535\n8979"
    assert DigitReader(length=9).read(sheet).lines == ()


def test_signs_of_a_pattern_are_put_in_with_places_between_the_digits(sheet):
    page = DigitReader(pattern="EUR #.##-#,# !").read(sheet)
    assert page.text == "EUR 3.14-1,5 !"
    (number,) = page.lines[0].numbers
    assert [digit.text for digit in number.digits] == list("EUR 3.14-1,5 !")
    plain = DigitReader(length=5).read(sheet).lines[0].numbers[0]
    assert number.box == plain.box
    assert number.confidence == pytest.approx(plain.confidence, rel=0.05)
    inked = [digit for digit in number.digits if digit.box[2]]
    assert [digit.text for digit in inked] == [digit.text for digit in plain.digits]
    assert [digit.polygon for digit in inked] == [digit.polygon for digit in plain.digits]
    lefts = [digit.polygon[0][0] for digit in number.digits]
    assert lefts == sorted(lefts)
    assert all(digit.alternatives == () for digit in number.digits if not digit.box[2])


@pytest.mark.parametrize("pattern", ["### ###", "###-###|# #"])
def test_pattern_with_a_space_takes_a_line_as_one_number(sheet, pattern):
    page = DigitReader(pattern=pattern).read(sheet)
    assert page.text == pattern.partition("|")[0].replace("###", "926", 1).replace("###", "535")


def test_line_is_one_number_in_its_layout_if_that_is_allowed(sheet):
    line = sheet[90:145]
    assert DigitReader(layout="line").read(line).text == "926 535"
    assert DigitReader(layout="line", length=6).read(line).text == "926535"
    assert DigitReader(layout="line", length=3).read(line).text == "926 535"
    assert DigitReader(length=6).read(line).text == ""


@pytest.fixture(scope="module")
def date():
    """A picture of 20/11/26."""
    ink = compose(["20 11 26"], space=34)
    for gap in (108, 206):
        cv2.line(ink, (gap + 16, 42), (gap + 4, 66), 1.0, 2, cv2.LINE_AA)
    return on_paper(ink)


def test_slashes_are_no_digits(date):
    assert DigitReader().read(date).text.replace(" ", "") == "201126"


def test_slashes_of_a_pattern_have_places_of_their_own(date):
    (number,) = DigitReader(pattern="##/##/##", layout="line").read(date).lines[0].numbers
    assert number.text == "20/11/26"
    slashes = [digit.box for digit in number.digits if digit.text == "/"]
    assert all(width > 5 for _, _, width, _ in slashes)


def test_readings_that_are_far_less_likely_than_others_are_left_out():
    model = Confused(truth=4, answer=9, share=1 - 1e-5)
    picture = on_paper(compose(["4"]))
    assert DigitReader(model, lexicon=["4"]).read(picture).text == ""
    model = Confused(truth=4, answer=9, share=1 - 1e-3)
    (number,) = DigitReader(model, lexicon=["4"]).read(picture).lines[0].numbers
    assert number.text == "4"
    assert number.confidence < 0.05


def test_check_digit_corrects_what_is_misread():
    picture = on_paper(compose(["79927398713"]))
    model = Confused(truth=1, answer=4, share=0.55)
    plain = DigitReader(model).read(picture).lines[0].numbers[0]
    assert plain.text == "79927398743"
    number = DigitReader(model, check="luhn").read(picture).lines[0].numbers[0]
    assert number.text == "79927398713"
    assert number.digits[9].alternatives[0] == ("4", pytest.approx(0.55, abs=1e-3))
    assert number.digits[9].confidence == pytest.approx(0.45, abs=1e-3)
    assert number.confidence < plain.confidence


def test_single_digit_is_one_of_a_lexicon():
    picture = on_paper(compose(["4"]))
    model = Confused(truth=4, answer=9, share=0.7)
    assert DigitReader(model, layout="single").read(picture).text == "9"
    assert DigitReader(model, layout="single", lexicon=list("1234")).read(picture).text == "4"


def test_limits_may_be_changed_and_are_pickled(sheet):
    reader = DigitReader(lexicon=(str(n) for n in (31415, 926)))
    copy = pickle.loads(pickle.dumps(reader))
    assert repr(copy) == repr(reader)
    assert "lexicon=['31415', '926']" in repr(reader)
    assert copy.read(sheet).text == reader.read(sheet).text == "31415\n926"
    reader.lexicon, reader.length = None, 4
    assert reader.read(sheet).text == "8979"
    reader.length = 0
    with pytest.raises(ValueError, match="expected length to be"):
        reader.read(sheet)


@pytest.mark.parametrize(
    "parameters",
    [{"length": "a"}, {"pattern": 3}, {"lexicon": []}, {"check": "sum"}],
    ids=lambda value: next(iter(value)),
)
def test_wrong_limit_is_refused_by_name_at_once(parameters):
    with pytest.raises(ValueError, match=f"expected {next(iter(parameters))}"):
        DigitReader(**parameters)
