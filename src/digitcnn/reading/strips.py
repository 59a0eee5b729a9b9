"""Lines as probabilities of signs at each step along them."""

import itertools
import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np

from digitcnn.reading.calibration import Calibration
from digitcnn.reading.decoding import runs_of
from digitcnn.reading.recogniser import STEP, SYMBOLS, CutLine

DIGITS = "0123456789"
OTHER = SYMBOLS[-1]
SIGNS = SYMBOLS[len(DIGITS) :]  # Separators and other signs, which are read only on request.


@dataclass(frozen=True, slots=True)
class Strip:
    """A line as probabilities of signs at each step along it.

    Attributes
    ----------
    log_probabilities : ndarray of float32 of shape (n_steps, 1 + len(symbols))
        The first column is for the blank.
    symbols : str
        The signs of the other columns.
    words : tuple of pairs of int
        Groups of signs without a wide gap: the first step, and the one after the last.
    outline : callable
        Takes a first and a last step to the corners (4, 2) of what is written there, in the
        picture.
    calibration : Calibration or None, default=None
        Maps a reading's probability to its confidence. None: both are equal.
    """

    log_probabilities: np.ndarray
    symbols: str
    words: tuple[tuple[int, int], ...]
    outline: Callable[[int, int], np.ndarray]
    calibration: Calibration | None = None

    @classmethod
    def of_line(
        cls,
        cut: CutLine,
        log_probabilities: np.ndarray,
        words: Sequence[tuple[float, float]],
        calibration: Calibration,
    ) -> "Strip":
        """A line that was read by the recogniser.

        Parameters
        ----------
        cut : CutLine
        log_probabilities : ndarray of float32 of shape (n_steps, 1 + len(SYMBOLS))
        words : sequence of pairs of float
            Columns of the cut line where words start and end, from left to right.
        calibration : Calibration
        """
        # The middle of each gap, and both ends.
        edges = [0.0, *((b + a) / 2 for (_, b), (a, _) in itertools.pairwise(words)), np.inf]
        steps = [round(min(edge / STEP, len(log_probabilities))) for edge in edges]
        return cls(
            log_probabilities,
            SYMBOLS,
            tuple(itertools.pairwise(steps)),
            lambda first, last: cut.polygon(first * STEP, last * STEP + STEP - 1),
            calibration,
        )

    @classmethod
    def of_digit(cls, probabilities: np.ndarray, symbols: str, corners: np.ndarray) -> "Strip":
        """A single sign with the probabilities of a classifier."""
        with np.errstate(divide="ignore"):
            logs = np.log(np.concatenate([[0.0], probabilities]))[None]
        return cls(logs.astype(np.float32), symbols, ((0, 1),), lambda first, last: corners)

    @classmethod
    def joined(cls, strips: Sequence["Strip"]) -> "Strip":
        """Strips side by side as one. Only their words are kept."""
        if len(strips) == 1:
            return strips[0]
        starts = np.cumsum([0, *(len(strip.log_probabilities) for strip in strips)]).tolist()

        def outline(first: int, last: int) -> np.ndarray:
            i = int(np.searchsorted(starts, first, side="right")) - 1
            return strips[i].outline(first - starts[i], last - starts[i])

        return cls(
            np.concatenate([strip.log_probabilities for strip in strips]),
            strips[0].symbols,
            tuple(
                (first + start, stop + start)
                for start, strip in zip(starts, strips, strict=False)
                for first, stop in strip.words
            ),
            outline,
            strips[0].calibration,
        )

    def signs(self, start: int, stop: int) -> list[tuple[str, float]]:
        """The signs of the best path between two steps, with the probability of each."""
        part = self.log_probabilities[start:stop]
        if not len(part):
            return []
        return [
            (self.symbols[i], math.exp(part[first : last + 1, i + 1].max()))
            for i, first, last in signs_of(part)
        ]

    def only(self, symbols: Collection[str]) -> "Strip":
        """The strip with only some symbols. The others count as blank."""
        kept = [i + 1 for i, sign in enumerate(self.symbols) if sign in symbols]
        gone = [0, *(i + 1 for i, sign in enumerate(self.symbols) if sign not in symbols)]
        blank = np.logaddexp.reduce(self.log_probabilities[:, gone], axis=1)
        logs = np.column_stack([blank, self.log_probabilities[:, kept]])
        return replace(
            self, log_probabilities=logs, symbols="".join(self.symbols[i - 1] for i in kept)
        )


def signs_of(logs: np.ndarray) -> list[tuple[int, int, int]]:
    """The symbols of the best path as tuples (index, first step, last step)."""
    best = logs.argmax(axis=1)
    return [(int(best[first]) - 1, first, last) for first, last in runs_of(best)]


def reaches(signs: Sequence[tuple[int, int, int]], start: int, stop: int) -> list[tuple[int, int]]:
    """The first and last step that belong to each sign: up to halfway to its neighbours.

    Parameters
    ----------
    signs : sequence of tuples of int (symbol, first, last)
    start, stop : int
        First step of the word, and the one after its last.
    """
    edges = [
        start,
        *((last + first + 1) // 2 for (_, _, last), (_, first, _) in itertools.pairwise(signs)),
        stop,
    ]
    return [(begin, max(begin, end - 1)) for begin, end in itertools.pairwise(edges)]
