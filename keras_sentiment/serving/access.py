"""Whom a server answers: which names it goes by, which pages may ask it, and who has a key.

A browser sends requests for any page that its user opens. Three rules keep such pages out: the header `Host`
must name this server (a page whose name is pointed at this machine's address sends its own: DNS rebinding),
`Origin` must be this server's own page, and a POST must declare a type that no page may send elsewhere
without asking first.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
from collections.abc import Iterable
from pathlib import Path

from starlette.types import Scope

from keras_sentiment.errors import InputError
from keras_sentiment.storage.untrusted import open_regular

JSON_TYPE, BINARY_TYPE = b"application/json", b"application/octet-stream"
LOOPBACK = ("localhost", "127.0.0.1", "::1")
# They tell nothing, and are answered whatever `Host` says: a cluster's probe names the address of a
# container, and an HTTP/1.0 check may name nothing.
PROBES = ("/v2/health/live", "/v2/health/ready")
# What is answered without a key: a probe has none, and the page has to ask for one.
OPEN_ROUTES = ("/", "/openapi.json", *PROBES)
MIN_KEY_LENGTH = 16
MAX_KEY_FILE_BYTES = 1 << 16

_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^\s\[\]:/@]+)(?::[0-9]{1,5})?")
_KEY = re.compile(rf"[!-~]{{{MIN_KEY_LENGTH},}}")


class Refusal(Exception):
    """A request that is not answered.

    Args:
        status: int, of HTTP.
        error: why, in a line.
        headers: that go with it.
    """

    def __init__(self, status: int, error: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(error)
        self.status, self.error, self.headers = status, error, headers


class Access:
    """Decides on requests by their headers.

    Args:
        host: where the server was told to listen.
        allowed_hosts: names that it goes by, without ports, beside those of loopback where it listens there;
            empty allows any where it listens elsewhere.
        keys: one of which a request must bring; empty asks for none.
        address: where it listens, which a host may say in other ways (127.1); None where it's the host.
    """

    def __init__(
        self,
        host: str,
        allowed_hosts: Iterable[str] = (),
        keys: Iterable[bytes] = (),
        address: str | None = None,
    ) -> None:
        address = _plain(host if address is None else address)
        self._allowed = frozenset(map(_plain, allowed_hosts))
        own = (*LOOPBACK, _plain(host), address) if is_loopback(address) else ()
        self._hosts = self._allowed.union(own)
        self._keys = tuple(map(_digest, keys))

    def check(self, scope: Scope) -> None:
        """Raises a Refusal unless the request may be answered; nothing of its body is needed."""
        found: dict[bytes, list[bytes]] = {}
        for name, value in scope["headers"]:
            found.setdefault(name, []).append(value)
        host = b"".join(found.get(b"host", [])).decode("latin-1").lower()
        if scope["path"] not in PROBES and self._hosts and _name(host) not in self._hosts:
            raise Refusal(403, "The header Host does not name this server; start it with --allowed-host NAME")
        for origin in found.get(b"origin", []):
            self._check_origin(origin.decode("latin-1").lower(), host)
        self._check_key(scope["path"], found.get(b"authorization", []))
        if scope["method"] == "POST":
            _check_type(scope["path"], found.get(b"content-type", []))

    def _check_origin(self, origin: str, host: str) -> None:
        _, scheme_end, asking = origin.partition("://")
        # A proxy may have put another Host than the one that the browser sent.
        if not scheme_end or (asking != host and _name(asking) not in self._allowed):
            raise Refusal(
                403,
                "Another site's page must not use this server; if it is this server's own page behind a "
                "proxy, start it with --allowed-host NAME",
            )

    def _check_key(self, path: str, given: list[bytes]) -> None:
        if not self._keys or path in OPEN_ROUTES:
            return
        scheme, _, key = b"".join(given).partition(b" ")
        # Every key is compared, and in constant time, by digests of one length: how long it takes tells
        # nothing about them.
        given_digest = _digest(key)
        fitting = [hmac.compare_digest(each, given_digest) for each in self._keys]
        if scheme.lower() != b"bearer" or not any(fitting):
            error = "Send a key of this server: Authorization: Bearer KEY"
            raise Refusal(401, error, {"WWW-Authenticate": "Bearer"})


def read_keys(path: str) -> tuple[bytes, ...]:
    """Returns the keys of a file, one a line.

    Raises:
        InputError: it can't be read, holds none, or one is too short or not of ASCII letters, digits and
            signs. The message never quotes a key.
    """
    fix = "give one key a line, as `openssl rand -hex 32` prints them"
    try:
        # Links are followed: a cluster mounts its secrets behind some.
        with open_regular(Path(path), follow_links=True) as file:
            content = file.read(MAX_KEY_FILE_BYTES + 1)
        lines = content.decode("ascii").splitlines()
    except OSError as error:
        raise InputError(f"{path}: it can't be read ({error.strerror}); {fix}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: a key is not ASCII; {fix}") from None
    if len(content) > MAX_KEY_FILE_BYTES:
        raise InputError(f"{path}: it is larger than {MAX_KEY_FILE_BYTES:,} bytes; {fix}")
    keys = {number: line.strip() for number, line in enumerate(lines, 1) if line.strip()}
    for number, key in keys.items():
        if not _KEY.fullmatch(key):
            expected = f"at least {MIN_KEY_LENGTH} letters, digits and signs, without spaces"
            raise InputError(f"{path}: line {number}: a key has {expected}; {fix}")
    if not keys:
        raise InputError(f"{path}: it holds no key; {fix}")
    return tuple(key.encode() for key in keys.values())


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()


def _plain(name: str) -> str:
    """Returns a name or an address as it is compared: in one of the ways in which it can be written."""
    name = name.lower().removeprefix("[").removesuffix("]")
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return name
    return str(getattr(address, "ipv4_mapped", None) or address)


def _name(host: str) -> str | None:
    """Returns the name in a header `Host`, without the port; None where it's no such header."""
    named = _HOST.fullmatch(host)
    return _plain(named[1]) if named else None


def is_loopback(address: str) -> bool:
    """Returns whether only this machine reaches an address."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


def _check_type(path: str, given: list[bytes]) -> None:
    binary = path.startswith("/v2/models/") and path.endswith("/infer")
    types = (JSON_TYPE, BINARY_TYPE) if binary else (JSON_TYPE,)
    if binary and not given:
        return  # as Triton's client asks; a page that does so says its Origin
    # A page may send text/plain and forms to any server without asking it first.
    if not given or any(value.partition(b";")[0].strip().lower() not in types for value in given):
        names = " or ".join(kind.decode() for kind in types)
        raise Refusal(415, f"Send JSON, and say so: Content-Type: {names}")
