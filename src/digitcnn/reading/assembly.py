"""Numbers made of what was read: the best text that is allowed, with the place of each sign."""

from collections.abc import Callable, Sequence

import numpy as np

from digitcnn.reading.allowed import Allowed
from digitcnn.reading.decoding import Decoded, best_reading
from digitcnn.reading.page import Digit, Number, Polygon
from digitcnn.reading.segmentation import Reading

# Of the probability of the best reading of all: an allowed one that is less likely was not written.
_LEAST_LIKELY = 1e-4


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
    symbols: Sequence[str],
    polygons: Sequence[Polygon],
    allowed: Allowed | None = None,
    n_alternatives: int = 2,
) -> Number:
    """A decoded text as a number.

    Parameters
    ----------
    decoded : Decoded
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
    return Number(tuple(_with_places(digits)), decoded.probability)


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


def numbers_of_line(
    line: Sequence[Sequence[Reading]],
    symbols: Sequence[str],
    polygon_of: Callable[[np.ndarray], Polygon],
    allowed: Allowed | None,
    n_alternatives: int,
    is_one_number: bool,
) -> list[Number]:
    """The numbers of a line that was cut into digits, of those that are allowed.

    Parameters
    ----------
    line : sequence of sequence of Reading
        Its numbers, each as its digits.
    symbols : sequence of str
        The classes of the readings.
    polygon_of : callable
        Gives the polygon of a reading's box.
    allowed : Allowed or None
    n_alternatives : int
    is_one_number : bool
        Whether the whole line is one number, if that is allowed.
    """
    groups = list(line)
    if allowed is not None and is_one_number and len(groups) > 1:
        whole = [one for group in groups for one in group]
        found = _number(whole, symbols, polygon_of, allowed, n_alternatives)
        if found is not None:
            return [found]
    numbers = [_number(group, symbols, polygon_of, allowed, n_alternatives) for group in groups]
    return [number for number in numbers if number is not None]


def _number(
    readings: Sequence[Reading],
    symbols: Sequence[str],
    polygon_of: Callable[[np.ndarray], Polygon],
    allowed: Allowed | None,
    n_alternatives: int,
) -> Number | None:
    # A step for each digit, which is surely one, and a sure blank between two.
    probabilities = np.zeros((2 * len(readings) - 1, 1 + len(symbols)), np.float32)
    probabilities[::2, 1:] = [one.probabilities for one in readings]
    probabilities[1::2, 0] = 1
    with np.errstate(divide="ignore"):
        logs = np.log(probabilities)
    decoded = best_allowed(logs, symbols, allowed)
    if decoded is None:
        return None
    polygons = [polygon_of(readings[first // 2].box) for first, _ in decoded.spans]
    return number_of(decoded, symbols, polygons, allowed, n_alternatives)
