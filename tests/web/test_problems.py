import errno
import json

import pytest

from digitcnn.web.problems import answer_to, report_bug


@pytest.mark.parametrize(
    ("error", "status", "detail"),
    [
        (MemoryError(), 503, "there is not enough memory"),
        (OSError(errno.ENOSPC, "No space left on device"), 500, "No space left on device"),
        (OSError("secret"), 500, "error of the system: OSError"),
    ],
)
def test_error_of_the_system_is_told_without_details(error, status, detail):
    answer = answer_to(error)
    problem = json.loads(answer.body)
    assert (answer.status_code, problem["status"]) == (status, status)
    assert detail in problem["detail"]
    assert "secret" not in problem["detail"]


def test_bug_is_reported_where_there_is_a_standard_error(monkeypatch, capsys):
    try:
        raise KeyError("secret")
    except KeyError as error:
        report_bug(error, "/api/read")
        assert "/api/read: KeyError in test_problems.py" in capsys.readouterr().err
        # As in a program without a console on Windows.
        monkeypatch.setattr("sys.stderr", None)
        report_bug(error, "/api/read")
    assert capsys.readouterr().out == ""
