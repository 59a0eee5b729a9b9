"""Numbers from the readings of lines: the best allowed text, with the place of each sign."""

from collections.abc import Callable, Sequence

import numpy as np

from digitcnn.reading.allowed import Allowed
from digitcnn.reading.decoding import Decoded, best_reading
from digitcnn.reading.page import Digit, Line, Number
from digitcnn.reading.polygons import Polygon
from digitcnn.reading.strips import SIGNS, Strip, reaches

# Least probability of an allowed reading, relative to the best one. With less it was not written.
_LEAST_LIKELY = 1e-4
# Least confidence of a page's most confident number, relative to that of digits, and the factor
# for each digit after its first one: each may add a little doubt.
_DOUBTFUL, _DOUBT_OF_DIGIT = 0.7, 0.9
_SIGNS_MISSING = 0.3  # Least probability with separators, relative to that without.


def best_allowed(
    log_probabilities: np.ndarray, symbols: Sequence[str], allowed: Allowed | None
) -> Decoded | None:
    """The best allowed reading, unless it is far less probable than the best reading of all.

    Parameters
    ----------
    log_probabilities : ndarray of float of shape (n_steps, 1 + n_symbols)
        As `best_reading` takes them.
    symbols : sequence of str
    allowed : Allowed or None
        None allows every string of symbols.
    """
    best = best_reading(log_probabilities, symbols)
    if allowed is None or best is None:
        return best
    found = best_reading(log_probabilities, symbols, allowed.automaton(symbols))
    if found is None or found.probability < _LEAST_LIKELY * best.probability:
        return None
    return found


def number_of(
    decoded: Decoded,
    confidence: float,
    symbols: Sequence[str],
    polygons: Sequence[Polygon],
    allowed: Allowed | None = None,
    n_alternatives: int = 2,
) -> Number:
    """A decoded text as a number.

    Parameters
    ----------
    decoded : Decoded
    confidence : float
        Probability of the whole text.
    symbols : sequence of str
        The symbols of `decoded.probabilities`.
    polygons : sequence of polygons
        The place of each symbol of the text.
    allowed : Allowed or None, default=None
        The limits that the text was decoded with. The number also gets the signs of their pattern
        that cannot be read, with a width of 0.
    n_alternatives : int, default=2
        Number of other symbols that each digit lists.
    """
    digits: list[Digit | str] = []
    written = [(sign, i) for i, sign in enumerate(decoded.text)]
    for sign, place in written if allowed is None else allowed.written(decoded.text, symbols):
        if place is None:
            digits.append(sign)
            continue
        shares = decoded.probabilities[place]
        order = [i for i in np.argsort(-shares, kind="stable") if symbols[i] != sign]
        others = tuple((symbols[i], float(shares[i])) for i in order[:n_alternatives])
        share = float(shares[list(symbols).index(sign)])
        digits.append(Digit(sign, share, polygons[place], others))
    return Number(tuple(_with_places(digits)), confidence)


def _with_places(digits: list[Digit | str]) -> list[Digit]:
    """Digits with places. A sign without ink is at the end of the digit before it, or, if there is
    none, at the start of the first one.
    """
    first = next(one for one in digits if isinstance(one, Digit)).polygon
    edge = first[0], first[3]
    placed = []
    for one in digits:
        if isinstance(one, str):
            top, bottom = edge
            one = Digit(one, 1.0, (top, top, bottom, bottom))
        else:
            edge = one.polygon[1], one.polygon[2]
        placed.append(one)
    return placed


def lines_of(
    strips: Sequence[Strip],
    place: Callable[[np.ndarray], Polygon],
    allowed: Allowed | None,
    n_alternatives: int,
    is_one_number: bool,
) -> tuple[Line, ...]:
    """The lines with allowed numbers.

    Parameters
    ----------
    strips : sequence of Strip
    place : callable
        Takes corners (4, 2) of a strip to a polygon in the picture's pixels.
    allowed : Allowed or None
    n_alternatives : int
    is_one_number : bool
        Whether a whole line is read as one number, if such a number is allowed.
    """
    lines = (numbers_of_line(one, place, allowed, n_alternatives, is_one_number) for one in strips)
    return tuple(Line(tuple(numbers)) for numbers in lines if numbers)


def has_numbers(lines: Sequence[Line], reject_below: float) -> bool:
    """Whether a page has numbers at all: of texture even the most confident one is doubtful.

    Parameters
    ----------
    lines : sequence of Line
    reject_below : float
        Numbers whose digits have a lower mean confidence were left out.
    """
    return any(
        number.confidence >= _DOUBTFUL * reject_below * _DOUBT_OF_DIGIT ** (len(number.digits) - 1)
        for line in lines
        for number in line.numbers
    )


def numbers_of_line(
    strip: Strip,
    place: Callable[[np.ndarray], Polygon],
    allowed: Allowed | None,
    n_alternatives: int,
    is_one_number: bool,
) -> list[Number]:
    """The numbers of one line, for `lines_of`."""
    words = strip.words
    if allowed is not None and is_one_number and len(words) > 1:
        words = ((words[0][0], words[-1][1]), *words)
    numbers = []
    for start, stop in words:
        found = _read_word(strip, start, stop, allowed)
        if found is None or not found[1].text:
            continue
        read, decoded = found
        spans = [(-1, first + start, last + start) for first, last in decoded.spans]
        polygons = [place(read.outline(*reach)) for reach in reaches(spans, start, stop)]
        confidence = decoded.probability
        if strip.calibration is not None:
            confidence = strip.calibration.confidence(confidence)
        numbers.append(
            number_of(decoded, confidence, read.symbols, polygons, allowed, n_alternatives)
        )
        if (start, stop) not in strip.words:
            break
    return numbers


def _read_word(
    strip: Strip, start: int, stop: int, allowed: Allowed | None
) -> tuple[Strip, Decoded] | None:
    """The best reading of some steps, and the strip reduced to the symbols that it was read with.

    Allowed separators may be missing, because a form has them printed or a writer left them out. So
    the steps are read with and without them.
    """
    digits = "".join(sign for sign in strip.symbols if sign not in SIGNS)
    plain = strip.only(digits)
    without = best_allowed(plain.log_probabilities[start:stop], plain.symbols, allowed)
    wanted = frozenset() if allowed is None else allowed.signs & frozenset(SIGNS)
    if wanted:
        full = strip.only(digits + "".join(wanted))
        with_signs = best_allowed(full.log_probabilities[start:stop], full.symbols, allowed)
        least = 0.0 if without is None else _SIGNS_MISSING * without.probability
        if with_signs is not None and with_signs.probability >= least:
            return full, with_signs
    return None if without is None else (plain, without)
