"""Check digits, as automata that take a number sign by sign from the left."""

from typing import Any, Protocol

# The remainder of an IBAN by this number is 1 (ISO 7064, MOD 97-10).
_IBAN_MODULUS = 97


class Check(Protocol):
    """An automaton with few states, which can be hashed."""

    start: Any

    def step(self, state: Any, sign: str) -> Any:
        """The state after a digit or letter; None if it is not allowed."""

    def is_valid(self, state: Any) -> bool:
        """Whether the string that led to a state is a complete, valid number."""


class Luhn:
    """Luhn's formula, as on payment cards: every second digit from the right is doubled.

    The end of the number decides which digits these are. So the state has both sums, without and
    with the last digit doubled.
    """

    start: tuple[int, int] = (0, 0)

    def step(self, state: tuple[int, int], sign: str) -> tuple[int, int]:
        if not sign.isdigit():
            return state
        digit = int(sign)
        doubled = 2 * digit - 9 * (digit > 4)
        return (state[1] + digit) % 10, (state[0] + doubled) % 10

    def is_valid(self, state: tuple[int, int]) -> bool:
        return state[0] == 0


class Mod11:
    """Weights 1, 2, 3 and so on from the right, and a sum of 0 modulo 11, as in an ISBN-10.

    The last sign may be an X, which counts as 10. Each further digit moves all others to the next
    weight, which adds their plain sum. So the state has both sums, and whether the X has come.
    """

    start: tuple[int, int, bool] = (0, 0, False)

    def step(self, state: tuple[int, int, bool], sign: str) -> tuple[int, int, bool] | None:
        weighted, plain, has_ended = state
        if not (sign.isdigit() or sign == "X"):
            return state
        if has_ended:
            return None
        plain = (plain + (10 if sign == "X" else int(sign))) % 11
        return (weighted + plain) % 11, plain, sign == "X"

    def is_valid(self, state: tuple[int, int, bool]) -> bool:
        return state[0] == 0


class Ean13:
    """Thirteen digits with the weights 1 and 3 in turn, and a sum of 0 modulo 10."""

    start: tuple[int, int] = (0, 0)

    def step(self, state: tuple[int, int], sign: str) -> tuple[int, int] | None:
        n_digits, total = state
        if not sign.isdigit():
            return state
        if n_digits == 13:
            return None
        return n_digits + 1, (total + int(sign) * (3 if n_digits % 2 else 1)) % 10

    def is_valid(self, state: tuple[int, int]) -> bool:
        return state == (13, 0)


class Iban:
    """The remainder of an international bank account number.

    A digit's weight depends on the number of signs after it, and a letter counts as two digits. So
    the places of the letters have to be known beforehand.

    Parameters
    ----------
    signs : str
        The letters and digits of the number. Any sign except a letter stands for a digit.
    """

    start: tuple[int, int] = (0, 0)

    def __init__(self, signs: str) -> None:
        # The country and the check digits go to the end.
        order = [*range(4, len(signs)), *range(min(4, len(signs)))]
        self._weights = [0] * len(signs)
        weight = 1
        for i in reversed(order):
            self._weights[i] = weight
            weight = weight * (100 if signs[i].isalpha() else 10) % _IBAN_MODULUS
        self._starts_well = len(signs) > 4 and signs[:2].isalpha()

    def step(self, state: tuple[int, int], sign: str) -> tuple[int, int]:
        place, total = state
        return place + 1, (total + int(sign, 36) * self._weights[place]) % _IBAN_MODULUS

    def is_valid(self, state: tuple[int, int]) -> bool:
        return self._starts_well and state == (len(self._weights), 1)


CHECKS = ("luhn", "mod11", "ean13", "iban")


def make_check(name: str, signs: str) -> Check:
    """The automaton of a check.

    Parameters
    ----------
    name : {"luhn", "mod11", "ean13", "iban"}
    signs : str
        The letters and digits of an IBAN, as `Iban` takes them. Ignored by the other checks.
    """
    if name == "iban":
        return Iban(signs)
    plain: dict[str, Check] = {"luhn": Luhn(), "mod11": Mod11(), "ean13": Ean13()}
    return plain[name]
