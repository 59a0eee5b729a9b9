"""What ``digitcnn serve`` takes."""

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
        help="the address to listen on; other machines reach it only if this is one of the "
        "network's, such as 0.0.0.0, and then a token is needed; default: 127.0.0.1",
    )
    serve.add_argument(
        "--port",
        type=_port,
        default=8000,
        metavar="N",
        help="the port to listen on; 0 takes a free one; default: 8000",
    )
    serve.add_argument(
        "--token",
        metavar="TOKEN",
        help="what every call must bring; so does the environment variable DIGITCNN_TOKEN; "
        "default: none on 127.0.0.1, else one is made and printed",
    )
    serve.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="a name that browsers know the server by, behind a proxy; may be given several times",
    )
    serve.add_argument(
        "--collect",
        type=path,
        metavar="DIR",
        help="keep corrections in this folder, as 'digitcnn train' takes them; default: in the "
        "browser alone",
    )
    serve.add_argument(
        "--workers",
        type=whole_number(1),
        default=1,
        metavar="N",
        help="how many processes answer; default: 1",
    )
    serve.add_argument("--open", action="store_true", help="open the page in a browser")


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) < 2**16):
        raise argparse.ArgumentTypeError(f"{text!r}: expected a port, 0 to {2**16 - 1}")
    return int(text)
