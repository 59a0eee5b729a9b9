"""Tells errors of the user or the system from bugs of this package."""

import dis

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
