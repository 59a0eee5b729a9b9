from concurrent.futures import ThreadPoolExecutor

import pytest

from digitcnn._utils.refusals import is_refusal, not_installed
from digitcnn.tables.readers import read_table


def code_of(module, text):
    """A function `f` as if a module had defined it."""
    scope = {"__name__": module}
    exec(text, scope)
    return scope["f"]


OURS = "digitcnn.tables.readers"
CHECK = "from sklearn.utils import check_array\n"


@pytest.mark.parametrize(
    ("module", "text", "is_ours"),
    [
        (OURS, "def f():\n raise ValueError('x')", True),
        (
            OURS,
            "def f():\n try: int('x')\n except ValueError as e: raise ValueError() from e",
            True,
        ),
        (OURS, "def f():\n with memoryview(b'x'):\n  raise ValueError('x')", True),
        (OURS, "def g():\n raise ValueError\ndef f():\n return list(g() for _ in 'a')", True),
        (OURS, "def f():\n return int('x')", False),
        (OURS, "def f():\n return [].index(3)", False),
        (OURS, "def f():\n raise ValueError(f'{1:%Z}')", False),
        (OURS, "def f():\n 'é'.encode('ascii')", False),
        (OURS, "import numpy\ndef f():\n numpy.ones(3) + numpy.ones(4)", False),
        (OURS, "import numpy\ndef f():\n numpy.ones(3).reshape(2, 2)", False),
        (OURS, "import json\ndef f():\n json.loads('{')", False),
        (OURS, "def f():\n raise KeyError('x')", False),
        (OURS, "def f():\n assert False", False),
        ("keras.layers", "def f():\n raise ValueError('x')", False),
        ("sklearn.linear_model", "def f():\n raise ValueError('x')", False),
        ("digitcnnother", "def f():\n raise ValueError('x')", False),
        ("anywhere", "def f():\n open('no/such/file')", True),
        ("anywhere", "def f():\n import no_such_module", True),
        ("anywhere", "def f():\n raise MemoryError", True),
        ("anywhere", f"{CHECK}def f():\n check_array([[float('nan')]])", True),
        ("anywhere", f"{CHECK}def f():\n check_array([1])", True),
    ],
)
def test_mistake_of_the_users_is_told_from_a_bug(module, text, is_ours):
    with pytest.raises(Exception) as caught:  # noqa: PT011
        code_of(module, text)()
    assert is_refusal(caught.value) == is_ours


def test_refusal_from_another_thread_is_one_still():
    def f(_):
        read_table("nowhere.xlsx", columns=["a"], names=1)

    with ThreadPoolExecutor(1) as threads, pytest.raises(OSError) as caught:  # noqa: PT011
        list(threads.map(f, [1]))
    assert is_refusal(caught.value)


@pytest.mark.parametrize("extra", ["pdf", "plots", "serve", "parquet"])
def test_missing_library_names_a_command_that_every_shell_takes(extra):
    error = not_installed("this", ["one", "two"], extra)
    assert str(error).startswith("this needs one and two, not installed here. ")
    assert str(error).endswith(f'pip install "digitcnn[{extra}]"')
    assert is_refusal(error)
