"""Shortened names and texts for errors."""

from collections.abc import Sequence


def some_of(names: Sequence[str], n: int | None = None) -> str:
    """The first few names, for an error; `n` is the number of all names."""
    n = len(names) if n is None else n
    if not n:
        return "none"
    shown = ", ".join(shorten(repr(name)) for name in names[:5])
    return shown if n <= 5 else f"{shown} and {n - 5} more"


def shorten(text: str) -> str:
    """A text for an error; a long one loses its middle."""
    return text if len(text) <= 60 else f"{text[:40]}...{text[-10:]}"


def first_line(error: Exception) -> str:
    """The first line of an error's message; without a message, the error's type."""
    return str(error).splitlines()[0] if str(error) else type(error).__name__
