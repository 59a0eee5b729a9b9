import pickle
import re
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digitcnn.reading.allowed import Allowed

SYMBOLS = "0123456789.,-/X"
IBANS = [
    ("DE## #### #### #### #### ##", "DE89 3704 0044 0532 0130 00"),
    ("CH## #### #### #### #### #", "CH93 0076 2011 6238 5295 7"),
    ("GB## WEST #### #### #### ##", "GB82 WEST 1234 5698 7654 32"),
    ("NO## #### #### ###", "NO93 8601 1117 947"),
]


def accepts(automaton, text, symbols=SYMBOLS):
    state = 0
    for sign in text:
        state = automaton.transitions[state, symbols.index(sign)]
        if state < 0:
            return False
    return bool(automaton.is_final[state])


def ink(text, symbols=SYMBOLS):
    return "".join(sign for sign in text if sign in symbols)


def luhn(text):
    digits = [int(sign) for sign in reversed(text)]
    return sum(d if i % 2 == 0 else sum(divmod(2 * d, 10)) for i, d in enumerate(digits)) % 10 == 0


def mod11(text):
    values = [10 if sign == "X" else int(sign) for sign in text]
    return sum(i * value for i, value in enumerate(reversed(values), 1)) % 11 == 0


def ean13(text):
    return len(text) == 13 and sum(int(d) * (1, 3)[i % 2] for i, d in enumerate(text)) % 10 == 0


def iban(text):
    moved = re.sub(r"\W", "", text)
    return int("".join(str(int(sign, 36)) for sign in moved[4:] + moved[:4])) % 97 == 1


def test_without_anything_any_number_of_digits_is_allowed():
    automaton = Allowed().automaton(SYMBOLS)
    assert accepts(automaton, "7")
    assert accepts(automaton, "1234567890" * 20)
    assert not any(accepts(automaton, text) for text in ("", "1.5", "12X", "-1"))


@pytest.mark.parametrize(
    ("length", "least", "most"),
    [(3, 3, 3), ((2, 4), 2, 4), ([2, 4], 2, 4), ("5", 5, 5), ("2-3", 2, 3)],
)
def test_length_is_one_or_from_least_to_most(length, least, most):
    automaton = Allowed(length=length).automaton(SYMBOLS)
    for n in range(8):
        assert accepts(automaton, "1" * n) == (least <= n <= most)


def test_pattern_stands_for_digits_and_itself():
    automaton = Allowed(pattern="##.###,##").automaton(SYMBOLS)
    assert accepts(automaton, "12.345,67")
    for text in ("12345,67", "12.345.67", "12.345,6", "12.345,678", "1X.345,67", ""):
        assert not accepts(automaton, text)


def test_several_patterns_are_alternatives():
    automaton = Allowed(pattern="#,##|##,##|1-#").automaton(SYMBOLS)
    for text, is_right in [("1,23", True), ("12,34", True), ("1-2", True), ("2-2", False)]:
        assert accepts(automaton, text) == is_right
    assert not accepts(automaton, "123,45")


def test_backslash_takes_signs_of_patterns_as_themselves():
    allowed = Allowed(pattern=r"\##\|\\#")
    text = allowed.written("12", SYMBOLS)
    assert "".join(sign for sign, _ in text) == "#1|\\2"


@pytest.mark.parametrize("symbols", ["0123456789", "0123456789,", "9876543210.,"])
def test_signs_that_are_not_read_are_skipped_and_written(symbols):
    allowed = Allowed(pattern="EUR #.###,##")
    text = ink("1.234,56", symbols)
    assert accepts(allowed.automaton(symbols), text, symbols)
    written = allowed.written(text, symbols)
    assert "".join(sign for sign, _ in written) == "EUR 1.234,56"
    assert [text[place] for _, place in written if place is not None] == list(text)
    assert [sign for sign, place in written if place is None] == [
        sign for sign in "EUR 1.234,56" if sign not in symbols
    ]


@given(
    words=st.lists(st.text("12.", min_size=1, max_size=4), min_size=1, max_size=6).map(
        lambda texts: [text for text in texts if set(text) & set("12")] or ["1"]
    )
)
def test_lexicon_allows_its_texts_alone(words):
    automaton = Allowed(lexicon=words).automaton("12.")
    for n in range(6):
        for text in map("".join, product("12.", repeat=n)):
            assert accepts(automaton, text, "12.") == (text in words)


def test_lexicon_is_limited_by_the_rest():
    words = ["79927398713", "79927398714", "12", "18", "1-8"]
    assert accepts(Allowed(lexicon=words, check="luhn").automaton(SYMBOLS), "79927398713")
    assert not accepts(Allowed(lexicon=words, check="luhn").automaton(SYMBOLS), "79927398714")
    automaton = Allowed(lexicon=words, length=2, pattern="#8|#-#").automaton(SYMBOLS)
    assert [word for word in words if accepts(automaton, word)] == ["18", "1-8"]


def test_texts_that_would_be_read_alike_are_refused():
    allowed = Allowed(lexicon=["1.5", "15"])
    assert accepts(allowed.automaton(SYMBOLS), "1.5")
    with pytest.raises(ValueError, match=r"differ in digits or separators, got '1\.5' and '15'"):
        allowed.automaton("0123456789")


def test_lexicon_of_a_bank_code_is_written_with_its_letters():
    texts = [iban for _, iban in IBANS]
    allowed = Allowed(lexicon=[*texts, "DE89 3704 0044 0532 0130 01"], check="iban")
    automaton = allowed.automaton("0123456789")
    for text in texts:
        read = ink(text, "0123456789")
        assert accepts(automaton, read, "0123456789")
        assert "".join(sign for sign, _ in allowed.written(read, "0123456789")) == text
    assert not accepts(automaton, "89370400440532013001", "0123456789")


@pytest.mark.parametrize(
    ("check", "right"),
    [
        ("luhn", ["79927398713", "4111111111111111", "378282246310005"]),
        ("mod11", ["080442957X", "0306406152", "03784371", "2434561X"]),
        ("ean13", ["4006381333931", "9780306406157"]),
    ],
)
def test_known_numbers_are_valid_and_no_other_last_digit_is(check, right):
    automaton = Allowed(check=check).automaton(SYMBOLS)
    for text in right:
        assert accepts(automaton, text)
        for last in "0123456789":
            assert accepts(automaton, text[:-1] + last) == (last == text[-1])


@settings(max_examples=40)
@given(text=st.text("0123456789", min_size=1, max_size=14), length=st.none() | st.integers(1, 14))
def test_checks_allow_what_their_formulas_do(text, length):
    is_long = length is None or len(text) == length
    for check, formula in (("luhn", luhn), ("mod11", mod11)):
        automaton = Allowed(check=check, length=length).automaton(SYMBOLS)
        assert accepts(automaton, text) == (formula(text) and is_long)
    isbn = Allowed(check="mod11").automaton(SYMBOLS)
    assert accepts(isbn, text + "X") == mod11(text + "X")
    assert not accepts(isbn, "X" + text)


@given(text=st.text("0123456789", min_size=12, max_size=12))
def test_ean_of_twelve_digits_has_one_check_digit(text):
    automaton = Allowed(check="ean13").automaton(SYMBOLS)
    valid = [last for last in "0123456789" if accepts(automaton, text + last)]
    assert valid == [last for last in "0123456789" if ean13(text + last)]
    assert len(valid) == 1


@settings(max_examples=30)
@given(data=st.data(), which=st.sampled_from(IBANS))
def test_bank_codes_are_valid_as_their_remainder_says(data, which):
    pattern, known = which
    automaton = Allowed(pattern=pattern, check="iban").automaton("0123456789")
    assert accepts(automaton, ink(known, "0123456789"), "0123456789")
    text = "".join(
        data.draw(st.sampled_from("0123456789")) if sign == "#" else sign for sign in pattern
    )
    assert accepts(automaton, ink(text, "0123456789"), "0123456789") == iban(text)
    # Of a number whose second and third digit are not right there is one that is.
    right = [f"{text[:2]}{n:02d}{text[4:]}" for n in range(2, 99)]
    found = [accepts(automaton, ink(one, "0123456789"), "0123456789") for one in right]
    assert sum(found) == 1


def test_pattern_and_check_hold_together():
    automaton = Allowed(pattern="#-###-#####-#", check="mod11").automaton(SYMBOLS)
    assert accepts(automaton, "0-306-40615-2")
    assert accepts(automaton, "0-804-42957-X")
    assert not accepts(automaton, "0-306-40615-3")
    assert not accepts(automaton, "0-30X-40615-2")


@pytest.mark.parametrize(
    ("check", "text"),
    [
        ("luhn", "7992-7398-713"),
        ("luhn", "3782.822463,10005"),
        ("mod11", "0-8044-2957-X"),
        ("ean13", "4-006381-333931"),
        ("luhn", "NR 7992-7398-713"),
        ("mod11", "ISBN 0-8044-2957-X"),
        ("ean13", "EAN 4-006381-333931"),
    ],
)
def test_separators_and_letters_do_not_count_for_a_check_digit(check, text):
    pattern = re.sub("[0-9X]", "#", text)
    automaton = Allowed(pattern=pattern, check=check).automaton(SYMBOLS)
    for last in "0123456789X":
        assert accepts(automaton, ink(text[:-1] + last)) == (last == text[-1])
    assert not accepts(automaton, re.sub("[^0-9X]", "", text))


def test_what_is_allowed_is_pickled_and_made_once():
    allowed = Allowed(length=(3, 5), lexicon={"123", "4567"}, check=None)
    assert pickle.loads(pickle.dumps(allowed)) == allowed
    assert allowed.automaton(SYMBOLS) is allowed.automaton(tuple(SYMBOLS))


@pytest.mark.parametrize(
    "parameters",
    [
        {"length": 0},
        {"length": 101},
        {"length": True},
        {"length": 2.5},
        {"length": "5-3"},
        {"length": "-5"},
        {"length": "1-2-3"},
        {"length": "9" * 9999},
        {"length": (1, 2, 3)},
        {"pattern": 5},
        {"pattern": ""},
        {"pattern": "abc"},
        {"pattern": "##|"},
        {"pattern": "#\\n"},
        {"pattern": "#" * 101},
        {"lexicon": []},
        {"lexicon": "123"},
        {"lexicon": 123},
        {"lexicon": ["1", 2]},
        {"lexicon": [["1"]]},
        {"lexicon": ["abc"]},
        {"lexicon": ["1" * 101]},
        {"check": "crc"},
        {"check": ["luhn"]},
    ],
)
def test_wrong_limit_is_refused_by_name(parameters):
    with pytest.raises(ValueError, match=f"expected .*{next(iter(parameters))}"):
        Allowed(**parameters)


@pytest.mark.parametrize(
    "parameters",
    [
        {"length": 12, "check": "ean13"},
        {"length": 3, "pattern": "##"},
        {"pattern": "## ##", "check": "iban"},
        {"lexicon": ["12", "34"], "length": 3},
        {"lexicon": ["12", "35"], "check": "luhn"},
    ],
)
def test_limits_that_allow_nothing_are_refused(parameters):
    with pytest.raises(ValueError, match=r"parameters that allow a number, got .* allow none"):
        Allowed(**parameters)


def test_bank_code_needs_its_letters():
    with pytest.raises(ValueError, match="expected a pattern for check 'iban'"):
        Allowed(check="iban")


def test_too_many_states_are_refused(monkeypatch):
    monkeypatch.setattr("digitcnn.reading.automata._MOST_STATES", 50)
    words = [str(n) for n in range(100, 200)]
    for parameters in ({"lexicon": words}, {"check": "luhn", "length": 7, "pattern": None}):
        with pytest.raises(ValueError, match="states, got more"):
            Allowed(**parameters).automaton("0123456789-")
