"""The settings of a server, and its limits for clients."""

import ipaddress
from dataclasses import dataclass, field

from digitcnn._utils.workers import usable_cores
from digitcnn.architectures import PRETRAINED

_MIB = 2**20


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits for each request, and for all requests together.

    Attributes
    ----------
    body : int
        Size of a request's body in bytes.
    json : int
        Size of a JSON body in bytes. Parsing needs about twenty times as much memory.
    buffered : int
        Size in bytes of all bodies in memory at the same time.
    pictures : int
        Pictures or pages in a request.
    seconds : float
        Time for a request, from its header to the last byte of its answer.
    header_seconds : float
        Time for a client to send a request's header, and to continue reading an answer.
    connections : int
        Connections that are open at the same time.
    threads : int
        Threads that read pictures.
    waiting : int
        Requests that wait for a thread.
    collected : int
        Corrections in the folder.
    """

    body: int = 32 * _MIB
    json: int = 4 * _MIB
    buffered: int = 256 * _MIB
    pictures: int = 1000
    seconds: float = 60.0
    header_seconds: float = 10.0
    connections: int = 512
    threads: int = field(default_factory=usable_cores)
    waiting: int = 64
    collected: int = 100_000


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of a server.

    Attributes
    ----------
    model : str
        "pretrained" or a model file.
    host : str
        The address to listen on.
    token : str or None
        The secret that each request to the API must send; None needs none.
    allowed_hosts : tuple of str
        Host names that clients may use, besides the server's own.
    collect : str or None
        The folder to save corrections to; None saves none.
    limits : Limits
    """

    model: str = PRETRAINED
    host: str = "127.0.0.1"
    token: str | None = None
    allowed_hosts: tuple[str, ...] = ()
    collect: str | None = None
    limits: Limits = field(default_factory=Limits)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    address = as_address(host)
    return host.lower() == "localhost" if address is None else address.is_loopback


def as_address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """A numeric address, with or without brackets; None for a name."""
    try:
        return ipaddress.ip_address(host.removeprefix("[").removesuffix("]").partition("%")[0])
    except ValueError:
        return None
