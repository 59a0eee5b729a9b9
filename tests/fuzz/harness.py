"""What reading any file may come to, and how files are changed at random."""

import contextlib
import copy
import signal
import sys
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

SECONDS_ALLOWED = 30
UNWANTED = (
    "os.mkdir",
    "os.remove",
    "os.rename",
    "os.system",
    "pickle.find_class",
    "socket.connect",
    "subprocess.Popen",
)


def rounds(share):
    """Settings for `share` times the examples of the profile: Hypothesis's has 100."""
    return settings(
        max_examples=round(settings().max_examples * share),
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


def read_or_refuse(read, data, name):
    """What `read` makes of a file of these bytes, or None where it refuses them as it should.

    It should raise a `ValueError` of one line that names the file, open no other file, and come to
    an end.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(data)
        with _watched(folder):
            try:
                return read(path)
            except ValueError as error:
                message = str(error)
        assert str(path) in message
        assert "\n" not in message
        assert len(message) < 2000
        return None


class _Watch:
    """Notes what the process opens or does, but in one folder."""

    folder = None
    seen: list[str] = []

    @classmethod
    def note(cls, event, arguments):
        if cls.folder is None:
            return
        name = str(arguments[0]) if arguments else ""
        # What Python imports late is none of the files' doing.
        allowed = (cls.folder, sys.prefix, sys.base_prefix, *filter(None, sys.path))
        if event in UNWANTED or (event == "open" and not name.startswith(allowed)):
            cls.seen.append(f"{event} {name}")


# A hook stays until the process ends.
sys.addaudithook(_Watch.note)


@contextlib.contextmanager
def _watched(folder):
    def time_out(*_):
        raise TimeoutError(f"no answer in {SECONDS_ALLOWED} s")

    has_alarm = hasattr(signal, "SIGALRM")  # Windows has none
    _Watch.folder = folder
    if has_alarm:
        before = signal.signal(signal.SIGALRM, time_out)
        signal.alarm(SECONDS_ALLOWED)
    try:
        yield
    finally:
        if has_alarm:
            signal.alarm(0)
            signal.signal(signal.SIGALRM, before)
        _Watch.folder = None
        seen, _Watch.seen = _Watch.seen, []
    assert seen == []


@st.composite
def changed_bytes(draw, data):
    """Bytes changed, put in, taken out, repeated or cut off, one to eight times."""
    changed = bytearray(data)
    for _ in range(draw(st.sampled_from([1, 1, 1, 2, 3, 8]))):
        at = draw(st.integers(0, len(changed)))
        length = draw(st.sampled_from([1, 1, 2, 4, 8]) | st.integers(0, 200))
        how = draw(st.sampled_from(["flip", "overwrite", "insert", "take out", "repeat", "cut"]))
        if how == "flip" and at < len(changed):
            changed[at] ^= 1 << draw(st.integers(0, 7))
        elif how == "overwrite":
            changed[at : at + length] = draw(st.binary(min_size=length, max_size=length))
        elif how == "insert":
            changed[at:at] = draw(st.binary(min_size=length, max_size=length))
        elif how == "take out":
            del changed[at : at + length]
        elif how == "repeat":
            start = draw(st.integers(0, len(changed)))
            changed[at:at] = changed[start : start + length]
        elif how == "cut":
            del changed[at:]
    return bytes(changed)


ODD_VALUES = st.sampled_from(
    [
        *(0, -1, 1, 2**31, 2**63, 10**400, 1.5, float("nan"), float("inf"), True, None),
        *("", "1", "compact", "object", "<i8", "<U99999999", "../x", "gpu:1", "\ud800"),
    ]
)
PLAIN = st.recursive(
    ODD_VALUES | st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5) | st.just("loss"), inner, max_size=3)
    ),
    max_leaves=5,
)


def _places(part):
    """Where in nested lists and objects there is something: its container and its key."""
    for key in part if isinstance(part, dict) else range(len(part)):
        yield part, key
        if isinstance(part[key], dict | list):
            yield from _places(part[key])


@st.composite
def changed_content(draw, content):
    """A copy of nested lists and objects, with something in it put in, taken out or replaced."""
    changed = copy.deepcopy(content)
    for _ in range(draw(st.sampled_from([1, 1, 2, 3]))):
        places = list(_places(changed))
        if not places:
            break
        part, key = places[draw(st.integers(0, len(places) - 1))]
        how = draw(st.sampled_from(["replace", "replace", "take out", "add"]))
        if how == "take out":
            del part[key]
        elif how == "add" and isinstance(part, list):
            part.insert(key, copy.deepcopy(part[key]))
        elif how == "add":
            part[draw(st.sampled_from(["a", "callbacks", "__class__", "dtype"]))] = draw(PLAIN)
        else:
            part[key] = draw(PLAIN)
    return changed
