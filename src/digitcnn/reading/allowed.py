"""What a number may be: its length, a pattern, a list of texts, and check digits."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from digitcnn.reading.automata import (
    DIGITS,
    Automaton,
    DigitsPath,
    Parts,
    Path,
    TemplatePath,
    explore,
    make_trie,
)
from digitcnn.reading.check_digits import CHECKS

__all__ = ["Allowed", "Automaton"]

_LONGEST = 100  # Most digits of a number, and most signs of a pattern or a text.


@dataclass(frozen=True, slots=True)
class Allowed:
    """What a number may be.

    Without parameters, that is any number of digits. A number has to meet all parameters that are
    given: the texts of a lexicon also need the length, the pattern and the check digits.

    Parameters
    ----------
    length : int, pair of int, str or None, default=None
        Number of digits: 5, or an inclusive range as (3, 5) or "3-5".
    pattern : str or None, default=None
        ``#`` stands for a digit and every other sign for itself, as in ``##.###,##``. ``|``
        separates alternatives. A ``#``, ``|`` or backslash that stands for itself has a backslash
        before it.
    lexicon : iterable of str or None, default=None
        The texts that a number may be.
    check : {"luhn", "mod11", "ean13", "iban"} or None, default=None
        The check digits: Luhn's formula; weights 1, 2, 3 and so on from the right modulo 11, as in
        an ISBN-10, with an X for 10 at the end if that is among the symbols; the 13 digits of an
        EAN or ISBN-13; or an IBAN, which takes its letters from the pattern, as
        ``DE## #### #### #### #### ##``, or the lexicon. All signs except letters and digits are
        ignored.

    Raises
    ------
    ValueError
        If a parameter is invalid, or if the parameters together allow no number.
    """

    length: Any = None
    pattern: str | None = None
    lexicon: Any = None
    check: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "length", _checked_length(self.length))
        if self.pattern is not None and not isinstance(self.pattern, str):
            raise ValueError(f"expected pattern to be a str, got {self.pattern!r}")
        if self.check is not None and self.check not in CHECKS:
            expected = ", ".join(map(repr, CHECKS))
            raise ValueError(f"expected check to be one of {expected} or None, got {self.check!r}")
        if self.lexicon is not None:
            object.__setattr__(self, "lexicon", _checked_lexicon(self.lexicon))
        elif self.check == "iban" and self.pattern is None:
            raise ValueError(
                "expected a pattern for check 'iban', got none. Letters are not read: give a "
                "pattern with the country, as 'DE## #### #### #### #### ##'"
            )
        if not self._has_any():
            given = {"length": self.length, "pattern": self.pattern, "check": self.check}
            shown = [f"{name}={value!r}" for name, value in given.items() if value is not None]
            if self.lexicon is not None:
                shown.append(f"a lexicon of {len(self.lexicon):,}")
            raise ValueError(
                f"expected parameters that allow a number, got {', '.join(shown)}, which together "
                "allow none. Change one of them"
            )

    def automaton(self, symbols: Sequence[str]) -> Automaton:
        """The automaton that accepts the allowed numbers.

        Parameters
        ----------
        symbols : sequence of str
            The signs that can be read, as "0123456789.,-". The automaton skips the other signs of a
            pattern or a text.

        Returns
        -------
        Automaton
            A shared one: do not change it.

        Raises
        ------
        ValueError
            If two texts differ only in signs that cannot be read, or if there are too many states.
        """
        return _make_automaton(self, tuple(symbols))

    def written(self, text: str, symbols: Sequence[str]) -> list[tuple[str, int | None]]:
        """An accepted text, completed by the signs that cannot be read.

        Parameters
        ----------
        text : str
            A text that the automaton accepts.
        symbols : sequence of str
            As in `automaton`.

        Returns
        -------
        list of pairs (sign, place)
            The place is the sign's index in `text`, and None for a sign that cannot be read.
        """
        parts: Parts = (None,) * len(text)
        if self.lexicon is not None:
            parts = tuple(_texts_by_ink(self, tuple(symbols))[text])
        elif self.pattern is not None:
            paths = (TemplatePath(one, self.check, symbols) for one in self._templates())
            parts = next(path.parts for path in paths if path.accepts(text))
        known = frozenset(symbols)
        places = iter(range(len(text)))
        written: list[tuple[str, int | None]] = []
        for part in parts:
            if part is None or part in known:
                place = next(places)
                written.append((text[place], place))
            else:
                written.append((part, None))
        return written

    @property
    def signs(self) -> frozenset[str]:
        """The signs of the pattern or of the lexicon's texts."""
        return frozenset().union(*(self.lexicon or (self.pattern or "",)))

    @property
    def has_spaces(self) -> bool:
        """Whether a number may have spaces."""
        texts = self.lexicon or (self.pattern or "",)
        return any(sign.isspace() for text in texts for sign in text)

    def _templates(self) -> list[Parts]:
        templates = _templates_of(self.pattern or "")
        return [parts for parts in templates if self._has_length(parts)]

    def _has_length(self, parts: Sequence[str | None]) -> bool:
        if self.length is None:
            return True
        is_digit = [
            part is None or part in DIGITS or (part == "X" and self.check == "mod11")
            for part in parts
        ]
        return bool(self.length[0] <= sum(is_digit) <= self.length[1])

    def _texts(self) -> list[str]:
        """The texts of the lexicon that are allowed."""
        if self.pattern is None:
            paths: list[Path] = []
        else:
            # Here a text has to match the pattern with all its signs, readable or not.
            every = frozenset("".join(self.lexicon))
            paths = [TemplatePath(parts, self.check, every) for parts in self._templates()]
        return [
            text
            for text in self.lexicon
            if self._has_length(text)
            and (
                TemplatePath(tuple(text), self.check, text).accepts(text)
                if self.pattern is None
                else any(path.accepts(text) for path in paths)
            )
        ]

    def _has_any(self) -> bool:
        if self.lexicon is not None:
            return bool(self._texts())
        if self.pattern is not None and not self._templates():
            return False
        return self.check is None or bool(self.automaton("0123456789X").is_final.any())


@lru_cache(maxsize=64)
def _make_automaton(allowed: Allowed, symbols: tuple[str, ...]) -> Automaton:
    if allowed.lexicon is not None:
        return make_trie(_texts_by_ink(allowed, symbols), symbols)
    if allowed.pattern is None:
        return explore([DigitsPath(allowed.length, allowed.check)], symbols)
    templates = allowed._templates()
    return explore([TemplatePath(parts, allowed.check, symbols) for parts in templates], symbols)


@lru_cache(maxsize=64)
def _texts_by_ink(allowed: Allowed, symbols: tuple[str, ...]) -> dict[str, str]:
    """The allowed texts by their signs that can be read."""
    known = frozenset(symbols)
    texts: dict[str, str] = {}
    for text in allowed._texts():
        ink = "".join(sign for sign in text if sign in known)
        if ink in texts:
            raise ValueError(
                "expected texts in the lexicon that differ in digits or separators, got "
                f"{texts[ink]!r} and {text!r}"
            )
        texts[ink] = text
    return texts


@lru_cache(maxsize=64)
def _templates_of(pattern: str) -> list[Parts]:
    """The alternatives of a pattern, which ``|`` separates."""
    parts: list[str | None] = []
    templates = [parts]
    signs = iter(pattern)
    for sign in signs:
        if sign == "|":
            parts = []
            templates.append(parts)
        elif sign == "\\":
            meant = next(signs, "")
            if meant not in ("#", "|", "\\"):
                raise ValueError(
                    f"expected #, | or a backslash after a backslash in pattern, got {pattern!r}"
                )
            parts.append(meant)
        else:
            parts.append(None if sign == "#" else sign)
    for parts in templates:
        if None not in parts or len(parts) > _LONGEST:
            raise ValueError(
                f"expected pattern to have a # and at most {_LONGEST} signs in each alternative, "
                f"got {pattern!r}"
            )
    return [tuple(parts) for parts in templates]


def _checked_length(length: Any) -> tuple[int, int] | None:
    if length is None:
        return None
    ends = length
    if isinstance(length, str):
        texts = length.split("-")
        is_whole = all(one.isascii() and one.isdigit() and len(one) < 4 for one in texts)
        ends = tuple(map(int, texts)) * (2 if len(texts) == 1 else 1) if is_whole else ()
    elif isinstance(length, int | np.integer):
        ends = (length, length)
    is_pair = isinstance(ends, tuple | list) and len(ends) == 2
    is_pair = is_pair and all(
        isinstance(one, int | np.integer) and not isinstance(one, bool) for one in ends
    )
    if not is_pair or not 1 <= ends[0] <= ends[1] <= _LONGEST:
        raise ValueError(
            f"expected length to be an int from 1 to {_LONGEST}, or a range of them as (3, 5) or "
            f"'3-5', got {length!r}"
        )
    return int(ends[0]), int(ends[1])


def _checked_lexicon(lexicon: Any) -> tuple[str, ...]:
    is_list = isinstance(lexicon, Iterable) and not isinstance(lexicon, str | bytes)
    texts = list(lexicon) if is_list else []
    for text in texts:
        if not (isinstance(text, str) and len(text) <= _LONGEST and DIGITS & set(text)):
            raise ValueError(
                f"expected texts in lexicon with a digit and at most {_LONGEST} signs, got {text!r}"
            )
    if not texts:
        raise ValueError(f"expected lexicon to be an iterable of texts, got {lexicon!r}")
    return tuple(dict.fromkeys(texts))
