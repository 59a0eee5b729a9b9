"""Automata of the allowed strings: of digits, of patterns and of lists of words."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from digitcnn.reading.check_digits import Check, make_check

DIGITS = frozenset("0123456789")
# The signs of a pattern; None stands for a digit.
Parts = tuple[str | None, ...]
_MOST_STATES = 2**17  # With so many, a line takes some hundred megabytes.
_TOO_MANY = (
    f"expected a pattern, lexicon and check of at most {_MOST_STATES:,} states, got more. Give "
    "fewer patterns or texts"
)


@dataclass(frozen=True, slots=True, eq=False)
class Automaton:
    """A deterministic finite automaton that accepts the allowed strings of symbols.

    Attributes
    ----------
    transitions : ndarray of int32 of shape (n_states, n_symbols)
        The next state, and -1 for a symbol that is not allowed. State 0 is the start.
    is_final : ndarray of bool of shape (n_states,)
    """

    transitions: np.ndarray
    is_final: np.ndarray


class Path:
    """One kind of allowed strings, with check digits. A state is a place and the check's state."""

    start: Any

    def __init__(self, check: str | None, signs: str) -> None:
        counted = "".join(sign for sign in signs if _counts(sign) or sign == "#")
        self._check: Check | None = None if check is None else make_check(check, counted)
        # X is a check digit of 10.
        self._takes_x = check == "mod11"
        self._first = (0, None if self._check is None else self._check.start)

    def step(self, state: Any, sign: str) -> Any:
        """The state after a symbol; None if it is not allowed."""
        raise NotImplementedError

    def is_final(self, state: Any) -> bool:
        """Whether the string that led to a state is allowed."""
        return self._check is None or self._check.is_valid(state[1])

    def accepts(self, text: str) -> bool:
        """Whether a whole text is allowed."""
        state = self.start
        for sign in text:
            state = None if state is None else self.step(state, sign)
        return state is not None and self.is_final(state)

    def _go(self, state: Any, sign: str) -> Any:
        place, checked = state
        if self._check is not None and _counts(sign):
            checked = self._check.step(checked, sign)
            if checked is None:
                return None
        return place + 1, checked


class DigitsPath(Path):
    """Strings of digits, of a range of lengths or, with None, of any length."""

    def __init__(self, length: tuple[int, int] | None, check: str | None) -> None:
        super().__init__(check, "")
        self._least = 1 if length is None else length[0]
        self._most = None if length is None else length[1]
        self.start: Any = self._first

    def step(self, state: Any, sign: str) -> Any:
        if not (sign in DIGITS or (self._takes_x and sign == "X")) or state[0] == self._most:
            return None
        after = self._go(state, sign)
        if after is None or self._most is not None:
            return after
        return min(after[0], self._least), after[1]  # All larger counts are one state.

    def is_final(self, state: Any) -> bool:
        return state[0] >= self._least and super().is_final(state)


class TemplatePath(Path):
    """The strings of one pattern, without the signs that cannot be read.

    Parameters
    ----------
    parts : tuple of str or None
    check : str or None
    symbols : iterable of str
        The signs that can be read, besides digits.
    """

    def __init__(self, parts: Parts, check: str | None, symbols: Iterable[str]) -> None:
        super().__init__(check, "".join("#" if part is None else part for part in parts))
        self.parts = parts
        self._symbols = frozenset(symbols) | DIGITS
        self._last = max((i for i, part in enumerate(parts) if part is None), default=-1)
        self.start: Any = self._skip(self._first)

    def step(self, state: Any, sign: str) -> Any:
        place = state[0]
        if place == len(self.parts):
            return None
        part = self.parts[place]
        if part is None:
            is_right = sign in DIGITS or (self._takes_x and sign == "X" and place == self._last)
        else:
            is_right = sign == part
        return self._skip(self._go(state, sign)) if is_right else None

    def is_final(self, state: Any) -> bool:
        return state[0] == len(self.parts) and super().is_final(state)

    def _skip(self, state: Any) -> Any:
        """The state after the signs here that cannot be read."""
        while state is not None and state[0] < len(self.parts):
            part = self.parts[state[0]]
            if part is None or part in self._symbols:
                break
            state = self._go(state, part)
        return state


def _counts(sign: str) -> bool:
    """Whether a sign counts for check digits."""
    return sign.isascii() and sign.isalnum()


def explore(paths: Sequence[Path], symbols: Sequence[str]) -> Automaton:
    """The automaton that accepts what any of the paths accepts.

    Raises
    ------
    ValueError
        If it has too many states.
    """
    start = tuple(path.start for path in paths)
    numbers = {start: 0}
    states = [start]
    rows = []
    for state in states:  # The loop adds to the list.
        row = []
        for sign in symbols:
            after = tuple(
                None if one is None else path.step(one, sign)
                for path, one in zip(paths, state, strict=True)
            )
            if after.count(None) == len(after):
                row.append(-1)
                continue
            if after not in numbers:
                if len(states) == _MOST_STATES:
                    raise ValueError(_TOO_MANY)
                numbers[after] = len(states)
                states.append(after)
            row.append(numbers[after])
        rows.append(row)
    is_final = [
        any(one is not None and path.is_final(one) for path, one in zip(paths, state, strict=True))
        for state in states
    ]
    return Automaton(np.array(rows, np.int32), np.array(is_final))


def make_trie(words: Iterable[str], symbols: Sequence[str]) -> Automaton:
    """The automaton of words of symbols.

    Raises
    ------
    ValueError
        If it has too many states.
    """
    places = {sign: i for i, sign in enumerate(symbols)}
    rows, is_final = [[-1] * len(symbols)], [False]
    for word in words:
        state = 0
        for sign in word:
            after = rows[state][places[sign]]
            if after < 0:
                if len(rows) == _MOST_STATES:
                    raise ValueError(_TOO_MANY)
                after = rows[state][places[sign]] = len(rows)
                rows.append([-1] * len(symbols))
                is_final.append(False)
            state = after
        is_final[state] = True
    return Automaton(np.array(rows, np.int32), np.array(is_final))
