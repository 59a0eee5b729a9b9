"""``digitcnn serve``: the web page and the HTTP API."""

import argparse
import json
import os
import secrets
import warnings
import webbrowser
from importlib.util import find_spec

from digitcnn._utils.refusals import not_installed
from digitcnn.cli._common import check_files
from digitcnn.cli._output import say, show

TOKEN_VARIABLE = "DIGITCNN_TOKEN"
_LIBRARIES = ("starlette", "uvicorn")
_SHORTEST_TOKEN = 16  # Characters: a shorter token can be guessed.


def serve(options: argparse.Namespace) -> None:
    """Serve until Ctrl-C or SIGTERM."""
    missing = [name for name in _LIBRARIES if find_spec(name) is None]
    if missing:
        raise not_installed("digitcnn serve", missing, "serve")
    from digitcnn.web.server import open_socket, run_server
    from digitcnn.web.settings import Settings, is_loopback

    check_files(model=options.model)
    folder = options.collect
    if folder is not None and os.path.lexists(folder) and not os.path.isdir(folder):
        raise NotADirectoryError(f"{folder}: expected a folder for --collect, got a file")
    token = options.token or os.environ.get(TOKEN_VARIABLE) or None
    is_safe = token is None or (token.isascii() and token.isprintable())
    if token is not None and not (is_safe and len(token) >= _SHORTEST_TOKEN):
        raise ValueError(
            f"expected a token of at least {_SHORTEST_TOKEN} printable ASCII characters, got "
            f"{len(token)} characters{'' if is_safe else ', some of them others'}. Leave --token "
            "out to get a random one"
        )
    if token is None and not is_loopback(options.host):
        token = secrets.token_urlsafe(24)
    settings = Settings(
        options.model, options.host, token, tuple(options.allow_host), options.collect
    )
    listener = open_socket(options.host, options.port)
    url = _url_of(options.host, listener.getsockname()[1], token)

    def ready() -> None:
        if options.json:
            show(json.dumps({"url": url, "token": token}))
        else:
            show(url)
            say("digitcnn serve: ready. Press Ctrl-C to stop it")
        if options.open:
            webbrowser.open(url)

    # Pillow warns of harmless flaws, such as in EXIF data; harmful ones are refused anyway.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    with listener:
        run_server(settings, listener, options.workers, ready)


def _url_of(host: str, port: int, token: str | None) -> str:
    """The page's URL. The browser keeps what follows # to itself, so the token is not sent."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    name = f"[{host}]" if ":" in host else host
    return f"http://{name}:{port}/" + (f"#token={token}" if token else "")
