import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time

import httpx
import pytest

from conftest import posix
from digitcnn.cli import main
from digitcnn.web.app import make_app
from web_servers import sheet

pytestmark = pytest.mark.slow
SIGNALS = [signal.SIGINT, signal.SIGTERM]
# On Windows another process can be sent Ctrl-Break alone, and that only to a group of processes.
STOP = getattr(signal, "CTRL_BREAK_EVENT", signal.SIGTERM)
GROUP = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)


class Command:
    """``digitcnn serve --json`` as a process of its own."""

    def __init__(self, *arguments, code=None, **environment):
        program = ["-m", "digitcnn"] if code is None else ["-c", code]
        command = [sys.executable, *program, "serve", "--json", "--port", "0", *arguments]
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
            creationflags=GROUP,
        )
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(self.process.communicate(timeout=60))
        told = json.loads(line)
        self.token = told["token"]
        self.page = told["url"]
        self.url = told["url"].partition("#")[0]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate(timeout=60)

    def stop(self):
        """The exit status and the output after a signal."""
        self.process.send_signal(STOP)
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, out, err

    def post(self, path, **arguments):
        return httpx.post(self.url + path, timeout=60, trust_env=False, **arguments)

    @contextlib.contextmanager
    def half_sent(self, picture):
        """The start of a request is sent; the context is a function that sends the rest."""

        def send_rest():
            connection.sendall(picture[100:])
            answer = b""
            while part := connection.recv(65536):
                answer += part
            return answer

        host, port = self.url.split("/")[2].split(":")
        with socket.create_connection((host, int(port)), timeout=60) as connection:
            header = f"POST /api/read HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(picture)}"
            connection.sendall(f"{header}\r\n\r\n".encode() + picture[:100])
            time.sleep(0.3)
            yield send_rest


@posix
@pytest.mark.parametrize("by", SIGNALS)
def test_signal_ends_it_after_what_is_under_way(by):
    with Command() as command:
        assert command.post("api/read", content=sheet("42")).status_code == 200
        with command.half_sent(sheet("2718")) as send_rest:
            command.process.send_signal(by)
            time.sleep(0.3)
            assert b'"text":"2718"' in send_rest()
        out, err = command.process.communicate(timeout=60)
        assert (command.process.returncode, out, err) == (0, "", "")


@pytest.mark.parametrize("by", SIGNALS)
def test_signal_while_it_starts_is_not_lost(by, monkeypatch, capsys):
    def make(settings):
        signal.raise_signal(by)
        return make_app(settings)

    monkeypatch.setattr("digitcnn.web.server.make_app", make)
    assert main(["serve", "--port", "0"]) == 0
    assert capsys.readouterr() == ("", "")


INTERRUPTING = """
import os, signal, sys, time
from multiprocessing.context import SpawnProcess

start = SpawnProcess.start

def start_and_interrupt(process):
    start(process)
    time.sleep(0.15)  # while it imports
    os.kill(process.pid, signal.SIGINT)

SpawnProcess.start = start_and_interrupt
from digitcnn.cli import main
sys.exit(main(sys.argv[1:]))
"""


@posix
def test_key_that_reaches_a_worker_while_it_starts_is_ignored():
    # A terminal's Ctrl-C goes to each process. The workers hear of the end from the first one.
    with Command("--workers", "2", code=INTERRUPTING) as command:
        assert command.post("api/read", content=sheet("42")).status_code == 200
        assert command.stop() == (0, "", "")


def test_break_key_of_windows_is_a_signal_too(monkeypatch, capsys):
    if not hasattr(signal, "SIGBREAK"):
        monkeypatch.setattr(signal, "SIGBREAK", signal.SIGUSR1, raising=False)
    test_signal_while_it_starts_is_not_lost(signal.SIGBREAK, monkeypatch, capsys)


@posix
@pytest.mark.parametrize("by", SIGNALS)
def test_workers_finish_what_is_under_way_where_a_signal_would_end_them(by):
    code = (
        "import multiprocessing.process as process, os, sys\n"
        "from digitcnn.cli import main\n"
        # As on Windows.
        "process.BaseProcess.terminate = process.BaseProcess.kill\n"
        "if __name__ == '__main__':\n"
        "    sys.exit(main(sys.argv[1:]))\n"
    )
    with Command("--workers", "2", code=code) as command:
        with command.half_sent(sheet("2718")) as send_rest:
            command.process.send_signal(by)
            time.sleep(0.5)
            assert b'"text":"2718"' in send_rest()
        out, err = command.process.communicate(timeout=60)
        assert (command.process.returncode, out, err) == (0, "", "")


def test_worker_that_ends_at_its_start_ends_the_server_with_its_status(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        "import os, sys\n"
        "if __name__ == '__mp_main__':\n"  # in a worker
        "    os._exit(3)\n"
        "from digitcnn.cli import main\n"
        "if __name__ == '__main__':\n"
        "    sys.exit(main(['serve', '--port', '0', '--workers', '2']))\n",
        encoding="utf-8",
    )
    done = subprocess.run(
        [sys.executable, program], capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "digitcnn serve: a server process ended at its start, with exit status 3\n"
    )


@posix
def test_workers_share_a_port_and_a_killed_one_is_replaced():
    with Command("--workers", "2") as command:
        children = f"/proc/{command.process.pid}/task/{command.process.pid}/children"

        def workers():
            """The server processes, without helper processes."""
            with open(children, encoding="ascii") as file:
                found = file.read().split()
            lines = {}
            for pid in found:
                with open(f"/proc/{pid}/cmdline", encoding="utf-8") as file:
                    lines[int(pid)] = file.read()
            return {pid for pid, line in lines.items() if "spawn_main" in line}

        if not os.path.exists(children):
            pytest.skip("needs Linux's list of children")
        before = workers()
        assert len(before) == 2
        os.kill(min(before), signal.SIGKILL)
        statuses = []
        end = time.monotonic() + 60
        while len(workers() - before) < 1 and time.monotonic() < end:
            try:
                statuses.append(command.post("api/read", content=sheet("7")).status_code)
            except httpx.TransportError:
                statuses.append(None)  # what the killed one had accepted
            time.sleep(0.1)
        assert len(workers()) == 2
        assert statuses.count(200) > 0
        assert set(statuses) <= {200, None}
        assert statuses.count(None) <= 2
        assert command.stop() == (0, "", "")


@pytest.mark.skipif(not os.path.exists("/proc/self/task"), reason="looks for processes")
def test_workers_end_with_the_process_that_started_them():
    with Command("--workers", "2") as command:
        pid = command.process.pid
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            children = file.read().split()
        assert len(children) >= 2
        command.process.kill()
        end = time.monotonic() + 60
        while any(is_running(child) for child in children) and time.monotonic() < end:
            time.sleep(0.1)
        assert [child for child in children if is_running(child)] == []


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_other_machines_need_a_token_that_is_made_and_printed():
    with Command("--host", "0.0.0.0") as command:
        assert len(command.token) >= 20
        assert command.page == f"{command.url}#token={command.token}"
        assert command.post("api/read", content=sheet("1")).status_code == 401
        headers = {"Authorization": f"Bearer {command.token}"}
        answer = command.post("api/read", content=sheet("1"), headers=headers)
        assert answer.status_code == 200
        assert command.stop()[0] == 0


def test_nothing_is_logged_or_written(tmp_path):
    with Command(DIGITCNN_TOKEN="0123456789abcdef", TMPDIR=str(tmp_path)) as command:
        headers = {"Authorization": "Bearer 0123456789abcdef"}
        for content in (sheet("4711"), b"broken 4711"):
            command.post("api/read", content=content, headers=headers)
        command.post("api/read", files={"secret": ("4711.png", sheet("4"))}, headers=headers)
        command.post("api/nowhere?secret=4711", headers=headers)
        with socket.create_connection(("127.0.0.1", int(command.url.split(":")[2][:-1]))) as one:
            one.sendall(b"no HTTP 4711\r\n\r\n")
            one.recv(1000)
        assert command.stop() == (0, "", "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.digitcnn"], "nowhere.digitcnn"),
        (["--port", "70000"], "expected a port"),
        (["--port", "x"], "expected a port"),
        (["--token", "short"], "expected a token of at least 16"),
        (["--token", "not printable \n here"], "expected a token"),
        (["--host", "no.such.host.invalid", "--port", "0"], "no.such.host.invalid, port 0"),
        (["--host", "203.0.113.7", "--port", "0"], "Try another --port or --host"),
        (["--workers", "0"], "expected a whole number from 1"),
        (["--collect", "file.txt"], "file.txt: expected a folder for --collect, got a file"),
    ],
)
def test_mistake_ends_in_a_line(arguments, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file.txt").write_text("no folder", encoding="utf-8")
    if "--port" not in arguments:
        arguments = [*arguments, "--port", "0"]
    try:
        status = main(["serve", *arguments])
    except SystemExit as stop:
        status = stop.code
    out, err = capsys.readouterr()
    assert (status, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


def test_port_that_is_taken_is_told(capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["serve", "--port", str(port)]) == 2
    assert f"127.0.0.1, port {port}" in capsys.readouterr().err


def test_what_is_missing_is_named(capsys, monkeypatch):
    monkeypatch.setattr("digitcnn.cli.serve.find_spec", lambda name: None)
    assert main(["serve"]) == 2
    assert 'pip install "digitcnn[serve]"' in capsys.readouterr().err


def test_page_is_opened_in_a_browser(monkeypatch, capsys):
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    monkeypatch.setattr("digitcnn.web.server.run_server", lambda *given: given[3]())
    assert main(["serve", "--port", "0", "--open"]) == 0
    assert opened == [capsys.readouterr().out.strip()]
