import contextlib
import threading

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digitcnn.web.problems import RequestError
from digitcnn.web.uploads import split_form
from web_servers import running, sheet

TYPE = 'multipart/form-data; boundary="edge"'


def form_of(parts, boundary=b"edge"):
    body = b""
    for name, content in parts:
        disposition = b'Content-Disposition: form-data; name="%s"; filename="f"' % name
        body += b"--" + boundary + b"\r\n" + disposition + b"\r\n\r\n" + content + b"\r\n"
    return body + b"--" + boundary + b"--\r\n"


@given(st.lists(st.binary(max_size=60).filter(lambda b: b"--edge" not in b), max_size=5))
def test_parts_come_out_as_they_went_in(contents):
    parts = split_form(form_of([(b"a", content) for content in contents]), TYPE, 5)
    assert [part.content for part in parts] == contents


@given(st.binary(max_size=300))
def test_bytes_that_are_no_form_are_refused_or_split(body):
    for content in (body, b"--edge\r\n" + body, form_of([(b"a", body)])[: len(body)]):
        with contextlib.suppress(RequestError):
            parts = split_form(content, TYPE, 3)
            assert sum(len(part.content) for part in parts) <= len(content)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "a malformed one"),
        (form_of([(b"a", b"x")])[:-8], "a malformed one"),
        (b"--edge\r\nno header", "a malformed one"),
        (b"--edge\r\nX: y\r\n\r\nz\r\n--edge--", "a part without"),
        (b"--edge\r\nContent-Disposition: attachment; name=a\r\n\r\nz\r\n--edge--", "part without"),
        (b"--edge\r\n" + b"X" * 10_000 + b"\r\n\r\nz\r\n--edge--", "a malformed one"),
        (b"--edge\r\nContent-Disposition: form-data; x=y\r\n\r\nz\r\n--edge--", "a part without"),
        (form_of([(b"a", b"x")] * 4), "at most 3 files"),
    ],
)
def test_broken_form_is_refused(body, message):
    with pytest.raises(RequestError, match=message):
        split_form(body, TYPE, 3)


def test_form_without_a_boundary_is_refused():
    with pytest.raises(RequestError, match="with a boundary"):
        split_form(b"", "multipart/form-data", 3)


def test_form_needs_files(client):
    answer = client.post("/api/read", files={"a": (None, "text")})
    assert answer.status_code == 422
    assert "expected files in the form, got the field 'a'" in answer.json()["detail"]
    headers = {"Content-Type": TYPE}
    answer = client.post("/api/read", content=b"--edge--\r\n", headers=headers)
    assert "got an empty form" in answer.json()["detail"]


def pieces(n_bytes):
    """A body without a declared length."""
    for _ in range(n_bytes // 1000):
        yield b"x" * 1000


def test_body_that_is_too_long_is_refused_whether_it_says_so_or_not():
    with running(limits={"body": 10_000, "json": 5000}) as served:
        bodies = [b"x" * 10_001, pieces(20_000)]
        for body in bodies:
            answer = served.client.post("/api/read", content=body)
            assert answer.status_code == 413
            assert "expected a body of at most 10,000 bytes" in answer.json()["detail"]
        headers = {"Content-Type": "application/json"}
        answer = served.client.post("/api/classify", content=b" " * 5001, headers=headers)
        assert answer.status_code == 413
        assert served.client.post("/api/read", content=sheet("1")).status_code == 200


def test_bodies_together_are_bounded():
    sent, more = threading.Event(), threading.Event()

    def slowly():
        yield b"x" * 8000
        sent.set()
        more.wait(10)

    with running(limits={"body": 10_000, "buffered": 12_000}) as served:
        other = threading.Thread(
            target=httpx.post,
            args=(f"{served.url}/api/read",),
            kwargs={"content": slowly(), "trust_env": False},
        )
        other.start()
        assert sent.wait(10)
        statuses = set()
        for _ in range(200):
            answer = served.client.post("/api/read", content=b"x" * 9000)
            statuses.add(answer.status_code)
            if answer.status_code == 429:
                break
        assert answer.headers["retry-after"] == "2"
        assert statuses <= {422, 429}
        more.set()
        other.join(10)
        # What was held is given back.
        assert served.client.post("/api/read", content=b"x" * 9000).status_code == 422


def test_compressed_body_is_refused(client):
    answer = client.post("/api/read", content=sheet("1"), headers={"Content-Encoding": "gzip"})
    assert answer.status_code == 415


@pytest.mark.parametrize(
    ("path", "kind"), [("/api/read", "application/json"), ("/api/corrections", "text/plain")]
)
def test_body_of_another_type_is_refused(client, path, kind):
    answer = client.post(path, content=b"{}", headers={"Content-Type": kind})
    assert answer.status_code == 415


def test_too_many_pictures_are_refused():
    with running(limits={"pictures": 2}) as served:
        files = [("a", ("a.png", sheet("1")))] * 3
        assert served.client.post("/api/read", files=files).status_code == 413
        answer = served.client.post("/api/classify", json={"images": [[0] * 784] * 3})
        assert answer.status_code == 422
        assert "expected at most 2 images, got 3" in answer.json()["detail"]
