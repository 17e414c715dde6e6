"""Throw-away certificates: one authority for the process, one context for each set of names.

The authority exists in memory only; its public half is written to the file that a world hands to
HTTP clients as their trust store.
"""

from __future__ import annotations

import ssl
import threading
from functools import cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    import trustme

WRONG_NAME: Final = "wrong-host.invalid"
"""The only name in the certificate that a host with bad TLS presents."""


@cache
def authority() -> trustme.CA:
    """Return the certificate authority of this process, made at the first use.

    Raises:
        ImportError: If the ``sim`` extra is not installed.
    """
    try:
        import trustme  # noqa: PLC0415 - an extra, wanted only when a world starts
    except ImportError as missing:
        raise ImportError("the simulators need: pip install 'failover[sim]'") from missing
    return trustme.CA(organization_name="failover simulators")


def ca_pem() -> bytes:
    """Return the authority's certificate in PEM form."""
    return authority().cert_pem.bytes()


@cache
def _context_for(names: tuple[str, ...]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.num_tickets = 0
    authority().issue_cert(*names).configure_cert(context)
    return context


class Presenter:
    """Choose the certificate of each TLS handshake by the name the client asks for.

    One listener serves every simulated host. A host under ``bad_tls`` presents a certificate for
    another name.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._known = frozenset(names)
        self._wrong: set[str] = set()
        self._asked = threading.local()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.num_tickets = 0
        authority().issue_cert(*sorted(self._known)).configure_cert(self.context)
        self.context.sni_callback = self._choose

    def misname(self, names: Iterable[str]) -> None:
        """Present the wrong certificate for exactly these names from now on."""
        self._wrong = set(names)

    def asked(self) -> str:
        """Return the name asked for in this thread's last handshake, or an empty string."""
        name: str = getattr(self._asked, "name", "")
        return name

    def _choose(self, sock: ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> None:
        self._asked.name = name or ""
        if name in self._wrong:
            sock.context = _context_for((WRONG_NAME,))
        elif name and name not in self._known:
            sock.context = _context_for((name,))
