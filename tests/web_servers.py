"""Servers of the page and the API, in threads of the tests' process."""

import contextlib
import io
import threading
from types import SimpleNamespace

import httpx
from PIL import Image

from digitcnn.web.app import make_app
from digitcnn.web.server import Server, open_socket
from digitcnn.web.settings import Limits, Settings
from number_sheets import compose, on_paper


def png(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format="PNG")
    return file.getvalue()


def sheet(*rows):
    """A picture of rows of numbers, as PNG."""
    return png(on_paper(compose(rows)))


@contextlib.contextmanager
def running(limits=None, **settings):
    """A server on a free port: its `url`, a `client` and the `server` itself."""
    settings = Settings(**settings, limits=Limits(**(limits or {})))
    ready = threading.Event()
    listener = open_socket(settings.host, 0)
    server = Server(settings, make_app(settings), ready.set)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        assert ready.wait(30)
        port = listener.getsockname()[1]
        url = f"http://127.0.0.1:{port}"
        # An environment's proxy is for other machines.
        with httpx.Client(base_url=url, timeout=30, trust_env=False) as client:
            yield SimpleNamespace(url=url, port=port, client=client, server=server)
    finally:
        server.should_exit = True
        thread.join(30)
        listener.close()
        assert not thread.is_alive()
