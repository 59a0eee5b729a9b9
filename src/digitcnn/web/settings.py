"""What a server is started with, and what it lets its clients ask for."""

import ipaddress
from dataclasses import dataclass, field

from digitcnn._utils.workers import usable_cores
from digitcnn.architectures import PRETRAINED

_MIB = 2**20


@dataclass(frozen=True, slots=True)
class Limits:
    """What one client, and all of them together, may ask for.

    Attributes
    ----------
    body : int
        Bytes of a request's body.
    json : int
        Bytes of one in JSON, which takes some twenty times as much memory when it is parsed.
    buffered : int
        Bytes of all bodies that are held in memory at a time.
    pictures : int
        Of one request.
    seconds : float
        That a request may take, from its header to the last byte of its answer.
    header_seconds : float
        That a connection may take to send a request's header, or to read on in an answer.
    connections : int
        That may be open at a time.
    threads : int
        That read pictures.
    waiting : int
        Requests that wait for a thread.
    collected : int
        Corrections that are kept in the folder.
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
    """What a server is started with.

    Attributes
    ----------
    model : str
        "pretrained" or a model file.
    host : str
        The address that it listens on.
    token : str or None
        What each call must bring; None where anyone may call.
    allowed_hosts : tuple of str
        Names that clients know it by, beside its own addresses.
    collect : str or None
        The folder that corrections are kept in; None where none are.
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
    """An address in numbers, with or without brackets; None for a name."""
    try:
        return ipaddress.ip_address(host.removeprefix("[").removesuffix("]").partition("%")[0])
    except ValueError:
        return None
