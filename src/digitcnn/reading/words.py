"""Numbers separated from words, by the signs that were read."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from digitcnn.reading.strips import DIGITS, OTHER, Strip, signs_of

# Least share of a number's signs that are digits, before and after the classifier has read them.
# Separators do not count.
MAYBE_PART, DIGIT_PART = 0.5, 0.6
# A line of at least _FEW signs is text if more than this share of them are not digits.
_FEW, _TEXT_PART = 4, 0.4
# In text, a number has at least _LONG digits, each with the probability _SURE.
_LONG, _SURE = 3, 0.9

# A page is text if it has more than _TEXT words, and more words than numbers. A number in it has at
# least _AMONG_FEW digits, or _AMONG_MANY on a page of more than _MANY words.
_TEXT, _MANY, _AMONG_FEW, _AMONG_MANY = 2, 6, 2, 4
_LOOK_ALIKES = frozenset("0158")  # Of O, I, l, S and B. A number in text has other digits too.

_LONGEST = 40  # Most digits without a gap.


def numbers_only(strips: Sequence[Strip], reject_below: float, least: float) -> list[Strip]:
    """Lines with only those words that are numbers.

    Parameters
    ----------
    strips : sequence of Strip
        All lines of a page.
    reject_below : float
        Numbers whose digits have a lower mean confidence are left out.
    least : float
        Least share of a number's signs that are digits.
    """
    numbers = [numbers_of(strip, reject_below, least) for strip in strips]
    n_numbers = sum(map(len, numbers))
    n_words = sum(len(strip.words) for strip in strips) - n_numbers
    if n_words > max(_TEXT, n_numbers):
        shortest = _AMONG_MANY if n_words > _MANY else _AMONG_FEW
        numbers = [
            tuple(word for word in words if _is_certain_number(strip, word, shortest))
            for strip, words in zip(strips, numbers, strict=True)
        ]
    return [replace(strip, words=words) for strip, words in zip(strips, numbers, strict=True)]


def _is_certain_number(strip: Strip, word: tuple[int, int], shortest: int) -> bool:
    """Whether a word is a number even on a page of text."""
    signs = strip.signs(*word)
    text = "".join(sign for sign, _ in signs if sign in DIGITS)
    return (
        len(text) >= shortest
        and OTHER not in (sign for sign, _ in signs)
        and all(p >= _SURE for sign, p in signs if sign in DIGITS)
        and not set(text) <= _LOOK_ALIKES
        # Strokes of texture are mostly read as 1.
        and 2 * text.count("1") <= len(text)
    )


def _is_text(strip: Strip) -> bool:
    """Whether a line has many signs that are neither digits nor separators."""
    read = [strip.symbols[i] for i, _, _ in signs_of(strip.log_probabilities)]
    n_other = read.count(OTHER)
    n_signs = n_other + sum(sign in DIGITS for sign in read)
    return n_signs >= _FEW and n_other > _TEXT_PART * n_signs


def numbers_of(strip: Strip, reject_below: float, least: float) -> tuple[tuple[int, int], ...]:
    """The words of a line that are numbers: see `numbers_only`."""
    is_text = _is_text(strip)
    numbers = []
    for word in strip.words:
        signs = strip.signs(*word)
        confidences = [p for sign, p in signs if sign in DIGITS]
        n_digits, n_other = len(confidences), sum(sign == OTHER for sign, _ in signs)
        if not 0 < n_digits <= _LONGEST or n_digits < least * (n_digits + n_other):
            continue
        if np.mean(confidences) < reject_below:
            continue
        if is_text and (n_other or n_digits < _LONG or min(confidences) < _SURE):
            continue
        numbers.append(word)
    return tuple(numbers)


def number_of_line(strip: Strip, reject_below: float, least: float) -> tuple[tuple[int, int], ...]:
    """The words of a line that shows one number, also those that are unsure by themselves.

    A line without an unsure part would be read wrongly, and surely so. If the line as a whole is no
    number, its words may be: see `numbers_of`.
    """
    whole = replace(strip, words=((strip.words[0][0], strip.words[-1][1]),))
    if not numbers_of(whole, reject_below, least):
        return numbers_of(strip, reject_below, least)
    return tuple(
        word for word in strip.words if any(sign in DIGITS for sign, _ in strip.signs(*word))
    )
