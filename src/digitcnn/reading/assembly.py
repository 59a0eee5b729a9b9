"""Numbers made of what was read: the best text that is allowed, with the place of each sign."""

from collections.abc import Callable, Sequence

import numpy as np

from digitcnn.reading.allowed import Allowed
from digitcnn.reading.decoding import Decoded, best_reading
from digitcnn.reading.page import Digit, Line, Number, Polygon
from digitcnn.reading.strips import SIGNS, Strip, reaches

# Of the probability of the best reading of all: an allowed one that is less likely was not written.
_LEAST_LIKELY = 1e-4
_SIGNS_MISSING = 0.3  # Of the probability without separators: with them it is no lower.


def best_allowed(
    log_probabilities: np.ndarray, symbols: Sequence[str], allowed: Allowed | None
) -> Decoded | None:
    """The best reading that is allowed, unless it is far less likely than the best of all.

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
        Of the whole text.
    symbols : sequence of str
        What was read with.
    polygons : sequence of polygons
        The place of each symbol of the text.
    allowed : Allowed or None, default=None
        What it was decoded with. Signs of its pattern that take no ink are put in, between those
        that do, without any width.
    n_alternatives : int, default=2
        How many other symbols are named for each one.
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
    """Signs without ink stand behind the one before; those in front of all before the first."""
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
    """The lines that have numbers that are allowed.

    Parameters
    ----------
    strips : sequence of Strip
    place : callable
        Gives corners (4, 2) of what was read as a polygon in the picture's pixels.
    allowed : Allowed or None
    n_alternatives : int
    is_one_number : bool
        Whether a whole line is one number, if that is allowed.
    """
    lines = (numbers_of_line(one, place, allowed, n_alternatives, is_one_number) for one in strips)
    return tuple(Line(tuple(numbers)) for numbers in lines if numbers)


def numbers_of_line(
    strip: Strip,
    place: Callable[[np.ndarray], Polygon],
    allowed: Allowed | None,
    n_alternatives: int,
    is_one_number: bool,
) -> list[Number]:
    """The numbers of one line, as `lines_of` has them."""
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
    """The best reading of some steps, and the line with the symbols that it was read with.

    Separators that are allowed may be missing, as where they are printed or left out: they count
    unless that is less likely.
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
