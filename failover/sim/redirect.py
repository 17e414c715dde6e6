"""Send simulated host names to the simulator, and nothing anywhere else.

``socket.getaddrinfo`` is the one place where the socket module, asyncio, anyio, trio and urllib3
all ask. While a redirect is on, a simulated name resolves to the world's loopback port, and any
other name fails to resolve, so that nothing leaves the machine unnoticed.

Trust comes by environment (``SSL_CERT_FILE`` for httpx and httpx2, ``REQUESTS_CA_BUNDLE`` for
requests), so it reaches clients *made* while the redirect is on. A client made before needs
``World.ssl_context()``. Proxy variables are set aside meanwhile.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
from typing import TYPE_CHECKING, Any, Final, Protocol

from failover.sim.server import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TRUST_VARIABLES: Final = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
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


@contextlib.contextmanager
def redirected(directory: Directory, ca_file: str) -> Iterator[None]:
    """Resolve names through a directory and trust its certificates, until the block ends.

    Args:
        directory: Says which names are simulated.
        ca_file: Path of a PEM file to trust.
    """
    genuine = socket.getaddrinfo

    def resolve(
        host: str | bytes | None,
        port: str | bytes | int | None,
        family: int = 0,
        type: int = 0,
        proto: int = 0,
        flags: int = 0,
    ) -> list[tuple[Any, ...]]:
        name = host.decode("ascii", "replace") if isinstance(host, bytes) else host or ""
        name = name.lower()
        if _is_loopback(name):
            return list(genuine(host, port, family, type, proto, flags))
        stand_in = directory.port_for(name, _port_number(port))
        if stand_in is None:
            raise socket.gaierror(socket.EAI_NONAME, f"{name} is not simulated here")
        return list(genuine(LOOPBACK, stand_in, socket.AF_INET, type, proto, 0))

    variables = dict.fromkeys(TRUST_VARIABLES, ca_file)
    absent = [form for name in PROXY_VARIABLES for form in (name, name.lower())]
    with environment(variables, absent=absent):
        socket.getaddrinfo = resolve
        try:
            yield
        finally:
            socket.getaddrinfo = genuine


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
