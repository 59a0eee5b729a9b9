"""The server under load: starts it, sends it pictures over loopback, and stops it.

Usage: python benchmarks/serve.py [--workers N] [--clients N] [--digits N] [--lines N]
           [--photo FILE]

Each client sends a number of requests, the next one when the last one is answered. Single digits
are 28 by 28 pixels. A line of digits is in a photo: on paper in uneven light, 1,600 pixels wide, or
the one that --photo names. All clients send the one kind, then the other. In between, the script
prints the server's memory and what happened to harmful clients.
"""

import argparse
import http.client
import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from digitcnn.datasets import load_sample_digits

TIMEOUT = 60


def as_png(pixels: np.ndarray, kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format=kind, quality=90)
    return file.getvalue()


def photographed_line(n_digits: int = 8) -> bytes:
    """A line of digits on grained paper, with a shadow, as a JPEG."""
    X, _ = load_sample_digits()
    rng = np.random.default_rng(0)
    chosen = X[rng.integers(len(X), size=n_digits)].reshape(n_digits, 28, 28)
    ink = np.pad(np.hstack(chosen).astype(np.float32) / 255, ((10, 10), (20, 20)))
    ink = cv2.resize(
        ink, (1600, 1600 * ink.shape[0] // ink.shape[1]), interpolation=cv2.INTER_CUBIC
    )
    light = np.linspace(230, 130, ink.shape[1])[None] + rng.normal(0, 4, ink.shape)
    grey = (light * (1 - 0.75 * ink.clip(0, 1))).clip(0, 255).astype(np.uint8)
    return as_png(np.repeat(grey[..., None], 3, axis=2), "JPEG")


class Server:
    def __init__(self, n_workers: int) -> None:
        command = [sys.executable, "-m", "digitcnn", "serve", "--port", "0", "--json"]
        start = time.perf_counter()
        self.process = subprocess.Popen(
            [*command, "--workers", str(n_workers)], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        told = json.loads(self.process.stdout.readline())
        self.seconds = time.perf_counter() - start
        self.port = int(told["url"].rpartition(":")[2].rstrip("/"))

    def pids(self) -> list[int]:
        own = self.process.pid
        children = Path(f"/proc/{own}/task/{own}/children")
        if not children.exists():
            return [own]
        return [own, *map(int, children.read_text(encoding="utf-8").split())]

    def megabytes(self) -> float:
        """Of memory that is in use, in all processes."""
        files = [Path(f"/proc/{pid}/statm") for pid in self.pids()]
        pages = [int(file.read_text(encoding="utf-8").split()[1]) for file in files]
        return sum(pages) * os.sysconf("SC_PAGE_SIZE") / 2**20

    def cpu_seconds(self) -> float:
        """Of all processes, since they were started."""
        ticks = 0
        for pid in self.pids():
            text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
            fields = text.rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(TIMEOUT)


def ask(
    server: Server, path: str, body: bytes, n: int, n_clients: int
) -> tuple[float, list[float]]:
    """Requests a second, and the seconds of each; an answer other than 200 raises an error."""
    taken: list[float] = []
    wrong: list[str] = []
    left = iter(range(n))
    lock = threading.Lock()

    def client() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=TIMEOUT)
        while not wrong:
            with lock:
                if next(left, None) is None:
                    break
            start = time.perf_counter()
            connection.request("POST", path, body, {"Content-Type": "image/png"})
            answer = connection.getresponse()
            content = answer.read()
            taken.append(time.perf_counter() - start)
            if answer.status != 200:
                wrong.append(content.decode())
        connection.close()

    threads = [threading.Thread(target=client) for _ in range(n_clients)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if wrong:
        raise SystemExit(f"an error was answered: {wrong[0]}")
    return n / (time.perf_counter() - start), sorted(taken)


def harm(server: Server) -> None:
    """Clients that are slow, break off, or send too much; none of them is waited for."""
    header = "POST /api/read HTTP/1.1\r\nHost: localhost\r\n"
    bodies = [
        f"{header}Content-Length: 1000\r\n\r\nabc",
        f"{header}Content-Length: 99999999999\r\n\r\n",
        f"{header}Transfer-Encoding: chunked\r\n\r\n5\r\nab",
        "no HTTP\r\n\r\n",
        header,
    ]
    for body in bodies * 20:
        with socket.create_connection(("127.0.0.1", server.port), timeout=TIMEOUT) as connection:
            connection.sendall(body.encode())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--digits", type=int, default=20_000)
    parser.add_argument("--lines", type=int, default=300)
    parser.add_argument("--photo", type=Path)
    options = parser.parse_args()
    if options.clients < 1 or min(options.digits, options.lines) < options.clients:
        parser.error("expected at least one client, and a request for each")
    X, _ = load_sample_digits()
    digit = as_png(255 - X[0].reshape(28, 28))
    line = options.photo.read_bytes() if options.photo else photographed_line()
    server = Server(options.workers)
    try:
        print(f"ready after {server.seconds:.2f} s, {server.megabytes():.0f} MB")
        # Work that is done once is done before the measurement.
        ask(server, "/api/classify", digit, 200, options.clients)
        ask(server, "/api/read?line", line, 2 * options.clients, options.clients)
        heads = ("requests", "a second", "median", "99%", "CPU", "memory")
        print(" " * 12, *(f"{head:>9}" for head in heads))
        for name, path, body, n in (
            ("digits", "/api/classify", digit, options.digits // 2),
            ("lines", "/api/read?line", line, options.lines),
            ("after harm", "/api/classify", digit, options.digits // 2),
        ):
            if name == "after harm":
                harm(server)
            before = server.cpu_seconds()
            rate, seconds = ask(server, path, body, n, options.clients)
            cpu = 1000 * (server.cpu_seconds() - before) / n
            middle, slow = (1000 * seconds[int(part * len(seconds))] for part in (0.5, 0.99))
            times = (f"{one:.1f} ms" for one in (middle, slow, cpu))
            cells = (f"{n:,}", f"{rate:.1f}", *times, f"{server.megabytes():.0f} MB")
            print(f"{name:12}", *(f"{cell:>9}" for cell in cells))
    finally:
        print(f"stopped with the exit status {server.stop()}")


if __name__ == "__main__":
    main()
