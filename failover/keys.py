"""Keys: where they come from, who may see them, and where they may go.

A key lives in a `Secret`, which shows itself nowhere and can't be pickled or copied. It leaves only
through `KeyRing.credential`, and only for an origin on its provider's exact list (S3). Everything
else speaks of keys by id.
"""

from __future__ import annotations

import os

from failover.dialects import PROVIDERS, Provider
from failover.errors import ConfigurationError

TYPE_CHECKING = False  # as type checkers see it; `typing` is slow to import
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import NoReturn

SCHEMES = ("", "Key ", "Bearer ", "Token ", "key ", "bearer ", "token ")
LEARNED_LIMIT = 1000


class _Unshared:
    """What holds keys is neither pickled nor copied."""

    __slots__ = ()

    def _refuse(self, *_: object) -> NoReturn:
        kind = type(self).__name__.strip("_")
        raise TypeError(f"a {kind} can't be pickled or copied; keep the settings it came from")

    __reduce__ = __reduce_ex__ = __copy__ = __deepcopy__ = _refuse


class Secret(_Unshared):
    """One key. Its value comes out of `reveal` only."""

    __slots__ = ("__value", "_id")

    def __init__(self, value: str) -> None:
        self.__value = value
        self._id = ""

    @property
    def id(self) -> str:
        """A short name that tells keys apart and gives nothing away: part of a keyed hash (D-4)."""
        if not self._id:
            self._id = key_id(self.__value)
        return self._id

    def reveal(self) -> str:
        """The key itself, for the header that is being built."""
        return self.__value

    def __repr__(self) -> str:
        return f"Secret({self.id})"


class _Guarded(_Unshared, dict):  # type: ignore[type-arg]  # `Any` is slow to import
    """Header values that would give a key away, to their provider; it shows their number only."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{len(self)} guarded values>"


def key_id(value: str) -> str:
    """Name a key without giving it away.

    Args:
        value: the key.

    Returns:
        16 hexadecimal digits of an HMAC, the same in every process.
    """
    import hmac  # noqa: PLC0415  # not needed before something fails

    return hmac.new(b"failover:key-id:1", value.encode(), "sha256").hexdigest()[:16]


class KeyRing(_Unshared):
    """The keys of every provider.

    Args:
        given: provider name to a key, several keys, or None for "not this provider". A provider
            that is not named takes its keys from the environment.
        environ: where the environment variables are; default the process' own.

    Raises:
        ConfigurationError: a key that can't be one.
    """

    __slots__ = ("_keys", "_learned", "_texts", "_values")

    def __init__(
        self, given: Mapping[str, object], environ: Mapping[str, str] | None = None
    ) -> None:
        environ = os.environ if environ is None else environ
        self._keys: dict[str, tuple[Secret, ...]] = {}
        for name, provider in PROVIDERS.items():
            texts = (
                _listed(name, given[name]) if name in given else _from_environ(provider, environ)
            )
            self._keys[name] = tuple(Secret(text) for text in dict.fromkeys(texts))
        self._values: dict[bytes, str] = _Guarded()
        self._texts: dict[str | bytes, str] = _Guarded()
        self._learned = 0
        for name, secrets in self._keys.items():
            for secret in secrets:
                self._guard(secret.reveal(), name)

    def providers(self) -> tuple[str, ...]:
        """Names of the providers that have a key."""
        return tuple(name for name, secrets in self._keys.items() if secrets)

    def ids(self, provider: str) -> tuple[str, ...]:
        """Ids of a provider's keys, in the user's order."""
        return tuple(secret.id for secret in self._keys.get(provider, ()))

    def credential(self, provider: str, key: str) -> str:
        """The value of the header that carries a key.

        Args:
            provider: whose key.
            key: its id.

        Raises:
            KeyError: there is no such key any more.
        """
        for secret in self._keys.get(provider, ()):
            if secret.id == key:
                return PROVIDERS[provider].scheme + secret.reveal()
        raise KeyError(key)

    def owner(self, value: bytes) -> str | None:
        """The provider whose key a header value is, or None."""
        return self._values.get(value)

    @property
    def values(self) -> Mapping[bytes, str]:
        """Every header value that would give a key away, to its provider."""
        return self._values

    @property
    def texts(self) -> Mapping[str | bytes, str]:
        """The same, also as text."""
        return self._texts

    def _guard(self, value: str, provider: str) -> None:
        for scheme in SCHEMES:
            spelled = scheme + value
            self._values[spelled.encode()] = provider
            self._texts[spelled] = self._texts[spelled.encode()] = provider

    def learn(self, provider: str, header: str | bytes) -> str:
        """Note the key that a caller's own request carries, so that it is guarded like ours.

        Args:
            provider: the provider the request was for.
            header: the value of its credential header; may be empty.

        Returns:
            The key's id; empty when there is no key.
        """
        if isinstance(header, bytes):  # as requests lets callers give it
            header = header.decode("latin-1")
        _, _, text = header.strip().rpartition(" ")
        if not text:
            return ""
        if text.encode() not in self._values and self._learned < LEARNED_LIMIT:
            self._learned += 1
            self._guard(text, provider)
        return key_id(text)

    def __repr__(self) -> str:
        counts = ", ".join(f"{name}: {len(keys)}" for name, keys in self._keys.items() if keys)
        return f"KeyRing({counts})"


def _listed(name: str, given: object) -> list[str]:
    """The keys a user passed for one provider."""
    if given is None:
        return []
    if isinstance(given, str):
        given = [given]
    if not isinstance(given, (list, tuple)):
        raise ConfigurationError(f"{name}= takes a key, a list of keys, or None")
    return [_checked(name, key) for key in given]


def _checked(name: str, key: object) -> str:
    if not isinstance(key, str) or not key:
        raise ConfigurationError(f"{name}=: a key must be a non-empty string")
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ConfigurationError(
            f"{name}=: a key holds white space or a character that no key has; "
            "check how it was read from its file or variable"
        )
    return key


def _from_environ(provider: Provider, environ: Mapping[str, str]) -> list[str]:
    """The keys the provider's own SDK would find, or the pool variable."""
    pool = environ.get(provider.env_pool, "") if provider.env_pool else ""
    if pool.strip():
        names = [part.strip() for part in pool.split(",") if part.strip()]
        return [_checked(provider.env_pool, key) for key in names]
    for variable in provider.env:
        if environ.get(variable, "").strip():
            return [_checked(variable, environ[variable].strip())]
    if provider.env_pair:
        parts = [environ.get(variable, "").strip() for variable in provider.env_pair]
        if all(parts):
            return [_checked(provider.env_pair[0], ":".join(parts))]
    return []
