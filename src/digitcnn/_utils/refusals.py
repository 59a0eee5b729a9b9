"""Errors that are the user's or the system's, as against bugs of this package."""

import dis

_RAISE = dis.opmap["RAISE_VARARGS"]


def is_refusal(error: BaseException) -> bool:
    """Whether an error is the user's or the system's, as against a bug of this package.

    That is an error of the system (files, disks, network, memory, missing libraries), or a
    ValueError that a `raise` of this package or of scikit-learn's data checks has raised. A
    ValueError that an operation raises by itself is unforeseen, and so a bug.

    Parameters
    ----------
    error : exception
        As it was caught, with its traceback.
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
