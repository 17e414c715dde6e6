"""Send simulated host names to the simulator, and nothing anywhere else.

Two places are wrapped. ``socket.getaddrinfo``, where the socket module, asyncio, anyio, trio and
urllib3 all ask: a simulated name gets an address of its own out of a loopback range, any other
name fails to resolve. ``socket.socket.connect``, where they all end: such an address and port lead
to the world's port, and an address that is not loopback is unreachable. (The port cannot be changed
by the first alone, since anyio connects to the port that it was asked for.)

Trust comes by environment (``SSL_CERT_FILE`` for httpx and httpx2, ``REQUESTS_CA_BUNDLE`` for
requests), so it reaches clients *made* while the redirect is on. A client made before needs
``World.ssl_context()``. Proxy variables are set aside meanwhile. Event loops that do not connect
through Python sockets (uvloop, Windows proactor) are not redirected, and find nothing.
"""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import os
import socket
import threading
from typing import TYPE_CHECKING, Any, Final, Protocol

from failover.sim.server import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TRUST_VARIABLES: Final = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
FIRST_ADDRESS: Final = ipaddress.IPv4Address("127.83.0.1")
PROXY_VARIABLES: Final = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


class Directory(Protocol):
    """Who lives where: asked for every name while a redirect is on."""

    def port_for(self, name: str, port: int) -> int | None:
        """Return the loopback port that stands for a host and port.

        Returns:
            A port, or ``None`` when the name is not simulated or its DNS is down.
        """


def _is_loopback(host: str) -> bool:
    if host in {"", "localhost"}:
        return True
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False


def _port_number(port: Any) -> int:
    text = port.decode() if isinstance(port, bytes) else str(port or 0)
    return int(text) if text.isdigit() else {"https": 443, "http": 80}.get(text, 0)


class Redirection:
    """The wrapped functions of one redirect, and the addresses it gave out.

    Args:
        directory: Says which names are simulated.
    """

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._genuine = socket.getaddrinfo
        self._names: dict[str, str] = {}
        self._lock = threading.Lock()

    def resolve(
        self,
        host: str | bytes | None,
        port: str | bytes | int | None,
        family: int = 0,
        type: int = 0,
        proto: int = 0,
        flags: int = 0,
    ) -> list[tuple[Any, ...]]:
        """Stand in for ``socket.getaddrinfo``."""
        name = (host.decode("ascii", "replace") if isinstance(host, bytes) else host or "").lower()
        if _is_loopback(name):
            return list(self._genuine(host, port, family, type, proto, flags))
        number = _port_number(port)
        if self._directory.port_for(name, number) is None:
            raise socket.gaierror(socket.EAI_NONAME, f"{name} is not simulated here")
        address = self._address_of(name)
        return list(self._genuine(address, number, socket.AF_INET, type, proto, 0))

    def target(self, family: int, address: Any) -> Any:
        """Return the address to which a connection really goes.

        Raises:
            OSError: If it would leave the machine, or if nothing is there.
        """
        if family not in {socket.AF_INET, socket.AF_INET6}:
            return address
        host, port, *_ = address
        name = self._names.get(host)
        if name is None:
            if not _is_loopback(host):
                raise OSError(errno.ENETUNREACH, f"{host} is not simulated here")
            return address
        stand_in = self._directory.port_for(name, port)
        if stand_in is None:
            raise ConnectionRefusedError(errno.ECONNREFUSED, f"{name}:{port} is down")
        return (LOOPBACK, stand_in)

    def _address_of(self, name: str) -> str:
        with self._lock:
            for address, known in self._names.items():
                if known == name:
                    return address
            address = str(FIRST_ADDRESS + len(self._names))
            self._names[address] = name
            return address


@contextlib.contextmanager
def redirected(directory: Directory, ca_file: str) -> Iterator[None]:
    """Resolve names through a directory and trust its certificates, until the block ends.

    Args:
        directory: Says which names are simulated.
        ca_file: Path of a PEM file to trust.
    """
    redirection = Redirection(directory)
    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex

    def led_connect(self: socket.socket, address: Any) -> None:
        connect(self, redirection.target(self.family, address))

    def led_connect_ex(self: socket.socket, address: Any) -> int:
        try:
            return connect_ex(self, redirection.target(self.family, address))
        except OSError as error:
            return error.errno or errno.EINVAL

    variables = dict.fromkeys(TRUST_VARIABLES, ca_file)
    absent = [form for name in PROXY_VARIABLES for form in (name, name.lower())]
    with (
        environment(variables, absent=absent),
        replaced(socket, "getaddrinfo", redirection.resolve),
        replaced(socket.socket, "connect", led_connect),
        replaced(socket.socket, "connect_ex", led_connect_ex),
    ):
        yield


@contextlib.contextmanager
def replaced(owner: Any, name: str, stand_in: Any) -> Iterator[None]:
    """Replace an attribute until the block ends, and leave no trace of an inherited one."""
    own = vars(owner).get(name)
    setattr(owner, name, stand_in)
    try:
        yield
    finally:
        if own is None:
            delattr(owner, name)
        else:
            setattr(owner, name, own)


@contextlib.contextmanager
def environment(variables: Mapping[str, str], *, absent: list[str] | None = None) -> Iterator[None]:
    """Set environment variables, and unset others, until the block ends.

    Args:
        variables: Names and their values.
        absent: Names that are unset meanwhile.
    """
    touched = {*variables, *(absent or [])}
    before = {name: os.environ[name] for name in touched if name in os.environ}
    for name in touched:
        os.environ.pop(name, None)
    os.environ.update(variables)
    try:
        yield
    finally:
        for name in touched:
            os.environ.pop(name, None)
        os.environ.update(before)
