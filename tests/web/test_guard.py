import socket
import threading
import time

import httpx
import pytest

from digitcnn.web.settings import is_loopback
from web_servers import running, sheet


def ask(served, request, seconds=10):
    """A server's answer to bytes, as text, until it closes the connection."""
    with socket.create_connection(("127.0.0.1", served.port), timeout=seconds) as connection:
        connection.sendall(request)
        answer = b""
        while part := connection.recv(65536):
            answer += part
    return answer.decode()


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:1", "127.0.0.1:8000", "[::1]", "10.1.2.3"]
)
def test_name_or_address_of_this_machine_is_answered(client, host):
    assert client.get("/healthz", headers={"Host": host}).json() == {"status": "ok"}


@pytest.mark.parametrize(
    "host",
    ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "a@localhost", "", "[::1"],
)
@pytest.mark.parametrize("path", ["/", "/api/model", "/healthz"])
def test_name_that_was_led_here_is_refused(client, host, path):
    answer = client.get(path, headers={"Host": host})
    assert answer.status_code == 421
    assert "expected the server's own name" in answer.json()["detail"]


def test_request_needs_one_host(served):
    twice = b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    assert " 400 " in ask(served, twice).partition("\r\n")[0]
    assert " 400 " in ask(served, b"GET / HTTP/1.0\r\n\r\n").partition("\r\n")[0]


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "null",
        "http://127.0.0.1",
        "http://127.0.0.1:1",
        "file://",
        "http://[::1",
    ],
)
def test_page_of_another_site_is_refused(client, origin):
    answer = client.post("/api/read", content=sheet("1"), headers={"Origin": origin})
    assert answer.status_code == 403


def test_own_page_is_answered(client, served):
    for origin in (served.url, served.url.replace("http", "https").upper()):
        answer = client.post("/api/read", content=sheet("1"), headers={"Origin": origin})
        assert answer.status_code == 200


def test_server_for_other_machines_is_known_by_the_name_of_its_own():
    name = socket.gethostname()
    with running(host="0.0.0.0") as served:
        assert served.client.get("/healthz", headers={"Host": name.upper()}).status_code == 200
        assert served.client.get("/healthz", headers={"Host": f"x{name}"}).status_code == 421


def test_name_behind_a_proxy_is_allowed_by_the_user():
    headers = {"Host": "digits.example.org", "Origin": "https://digits.example.org"}
    with running(allowed_hosts=("digits.example.org",)) as served:
        assert served.client.get("/api/model", headers=headers).status_code == 200


def test_every_answer_forbids_what_it_does_not_need(client):
    for path in ("/", "/docs", "/app.js", "/api/model", "/nowhere", "/api/read"):
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert "set-cookie" not in headers
        assert "server" not in headers
        assert "access-control-allow-origin" not in headers


def test_token_is_needed_for_the_api_and_for_nothing_else():
    token = "a token of the tests"
    with running(token=token) as served:
        for headers, status in (
            ({}, 401),
            ({"Authorization": "Bearer another"}, 401),
            ({"Authorization": f"Basic {token}"}, 401),
            ({"Authorization": "Bearer \xff".encode("latin-1")}, 401),
            ({"Authorization": f"Bearer {token}"}, 200),
        ):
            for path in ("/api/model", "/api/openapi.json"):
                assert served.client.get(path, headers=headers).status_code == status
            answer = served.client.post("/api/read", content=sheet("1"), headers=headers)
            assert answer.status_code == status
        assert served.client.get("/api/model").headers["www-authenticate"] == "Bearer"
        for path in ("/", "/app.js", "/healthz"):
            assert served.client.get(path).status_code == 200
        document = served.client.get(
            "/api/openapi.json", headers={"Authorization": f"Bearer {token}"}
        )
        assert document.json()["security"] == [{"token": []}]


def test_request_that_takes_too_long_is_given_up(monkeypatch):
    release = threading.Event()
    monkeypatch.setattr("digitcnn.web.answers.Answers.read", lambda *_: release.wait(20) and {})
    with running(limits={"seconds": 2.0, "threads": 1}) as served:
        answer = served.client.post("/api/read", content=sheet("1"))
        assert answer.status_code == 503
        assert "expected an answer within 2 seconds" in answer.json()["detail"]
        # Its thread is not free, and the server says that it does not answer.
        # It began a moment after the request.
        assert wait_for(lambda: served.client.get("/healthz").status_code == 503)
        release.set()
        assert wait_for(lambda: served.client.get("/healthz").status_code == 200)


def wait_for(condition, seconds=10):
    end = time.monotonic() + seconds
    while not (done := condition()) and time.monotonic() < end:
        time.sleep(0.02)
    return done


def test_slow_clients_are_cut_off_and_others_are_answered():
    header = b"POST /api/read HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n"
    with running(limits={"seconds": 5.0, "header_seconds": 0.5}) as served:
        slow = [socket.create_connection(("127.0.0.1", served.port), timeout=10) for _ in range(40)]
        for i, connection in enumerate(slow):
            # Nothing, a part of a header, or a part of a body.
            connection.sendall([b"", header, header + b"\r\nabc"][i % 3])
        assert served.client.post("/api/read", content=sheet("12")).status_code == 200
        for i, connection in enumerate(slow):
            answer = connection.recv(65536)
            assert (b" 408 " in answer) == (i % 3 == 2)
            connection.close()
        assert wait_for(lambda: len(served.server.server_state.connections) <= 1)


def test_client_that_reads_no_answer_is_cut_off():
    with running(limits={"seconds": 5.0, "header_seconds": 0.5}) as served:
        with socket.socket() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
            connection.settimeout(20)
            connection.connect(("127.0.0.1", served.port))
            request = b"GET /api/openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n"
            # Far more answers than fit into the system's buffers.
            for _ in range(2000):
                try:
                    connection.sendall(request)
                except OSError:
                    break
            assert wait_for(lambda: not served.server.server_state.tasks)
        assert served.client.get("/healthz").status_code == 200


def test_answers_do_not_wait_for_packets_to_be_acknowledged(client):
    client.get("/healthz")
    seconds = []
    for _ in range(20):
        start = time.perf_counter()
        client.get("/healthz")
        seconds.append(time.perf_counter() - start)
    # A delayed acknowledgement takes 40 ms each time.
    assert min(seconds) < 0.03


def test_more_connections_than_allowed_are_told_so():
    with running(limits={"connections": 3}) as served:
        idle = [socket.create_connection(("127.0.0.1", served.port)) for _ in range(3)]
        assert wait_for(lambda: len(served.server.server_state.connections) == 3)
        assert served.client.get("/healthz").status_code == 503
        for connection in idle:
            connection.close()
        assert wait_for(lambda: served.client.get("/healthz").status_code == 200)


def test_broken_request_is_refused(served):
    assert " 400 " in ask(served, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 no HTTP\r\n\r\n")
    long = b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with pytest.raises((ConnectionError, AssertionError)):
        assert " 400 " not in ask(served, long)


def test_client_that_leaves_in_the_middle_harms_nobody(served):
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", served.port)) as connection:
            connection.sendall(
                b"POST /api/read HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999\r\n\r\nabc"
            )
    with httpx.Client(base_url=served.url, trust_env=False) as other:
        assert other.post("/api/read", content=sheet("12")).status_code == 200


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("localhost", True),
        ("::1", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.0.4", False),
        ("example.org", False),
    ],
)
def test_loopback_addresses_are_known(host, expected):
    assert is_loopback(host) == expected
