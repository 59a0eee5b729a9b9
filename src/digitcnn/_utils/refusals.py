"""Tells errors of the user or the system from bugs, and what to install for an optional part."""

import dis
from collections.abc import Sequence

_RAISE = dis.opmap["RAISE_VARARGS"]


def is_refusal(error: BaseException) -> bool:
    """Whether an error is the user's or the system's, not a bug of this package.

    Errors of the system concern files, disks, network, memory and missing libraries. A ValueError
    is the user's if a `raise` statement of this package or of scikit-learn's data checks raised it.
    A ValueError that an operation raises by itself was not foreseen, so it is a bug.

    Parameters
    ----------
    error : exception
        A caught exception with its traceback.
    """
    if isinstance(error, OSError | ImportError | MemoryError):
        return True
    place = error.__traceback__
    if not isinstance(error, ValueError) or place is None:
        return False
    while place.tb_next is not None:
        place = place.tb_next
    home = place.tb_frame.f_globals.get("__name__", "")
    is_check = home.startswith("digitcnn.") or home == "sklearn.utils.validation"
    return is_check and place.tb_frame.f_code.co_code[place.tb_lasti] == _RAISE


def not_installed(use: str, libraries: Sequence[str], extra: str) -> ImportError:
    """The error of an optional part whose libraries are not installed.

    Parameters
    ----------
    use : str
        What needs the libraries.
    libraries : sequence of str
        The missing ones.
    extra : str
        The extra of this package that brings them.

    Examples
    --------
    >>> not_installed("--report", ["Jinja2", "matplotlib"], "plots").args[0]
    '--report needs Jinja2 and matplotlib, not installed here. Run: pip install "digitcnn[plots]"'
    """
    # Double quotes: the command prompt of Windows takes single ones for a part of the name.
    return ImportError(
        f"{use} needs {' and '.join(libraries)}, not installed here. "
        f'Run: pip install "digitcnn[{extra}]"'
    )
