"""The arguments of ``digitcnn serve``."""

import argparse

from digitcnn.architectures import PRETRAINED
from digitcnn.cli._argument_types import path, whole_number


def add_serve_arguments(serve: argparse.ArgumentParser, model_help: str) -> None:
    """Add the arguments of ``digitcnn serve`` to its parser."""
    serve.add_argument(
        "model", nargs="?", type=path, default=PRETRAINED, metavar="MODEL", help=model_help
    )
    serve.add_argument(
        "--host",
        default="127.0.0.1",
        metavar="HOST",
        help="the address to listen on: 127.0.0.1 serves this machine alone, 0.0.0.0 also others, "
        "which need a token; default: 127.0.0.1",
    )
    serve.add_argument(
        "--port",
        type=_port,
        default=8000,
        metavar="N",
        help="the port to listen on; 0 chooses a free one; default: 8000",
    )
    serve.add_argument(
        "--token",
        metavar="TOKEN",
        help="the secret that every request must send, at least 16 characters; the environment "
        "variable DIGITCNN_TOKEN sets it too; default: none on 127.0.0.1, otherwise a random one, "
        "which is printed",
    )
    serve.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="accept requests for this host name too, such as a proxy's; may be given several "
        "times",
    )
    serve.add_argument(
        "--collect",
        type=path,
        metavar="DIR",
        help="save users' corrections to this folder, which 'digitcnn train' can train on; "
        "default: they stay in the browser",
    )
    serve.add_argument(
        "--workers",
        type=whole_number(1),
        default=1,
        metavar="N",
        help="server processes; default: 1",
    )
    serve.add_argument("--open", action="store_true", help="open the page in your browser")


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) < 2**16):
        raise argparse.ArgumentTypeError(f"{text!r}: expected a port, 0 to {2**16 - 1}")
    return int(text)
