"""Whom a server answers: which names it goes by, which pages may ask it, and who has a key.

A browser sends requests for any page that its user opens. Three rules keep such pages out: the header `Host`
must name this server (a page whose name is pointed at this machine's address sends its own: DNS rebinding),
`Origin` must be this server's own page, and a POST must declare a type that no page may send elsewhere
without asking first.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
from collections.abc import Iterable
from pathlib import Path

from starlette.types import Scope

from keras_sentiment.errors import InputError
from keras_sentiment.storage.untrusted import open_regular

JSON_TYPE, BINARY_TYPE = b"application/json", b"application/octet-stream"
LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
# What is answered without a key: a probe has none, and the page has to ask for one.
OPEN_ROUTES = ("/", "/openapi.json", "/v2/health/live", "/v2/health/ready")
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
        host: where the server listens.
        allowed_hosts: names that it goes by, without ports; empty for loopback's where `host` is loopback,
            and elsewhere any.
        keys: one of which a request must bring; empty asks for none.
    """

    def __init__(self, host: str, allowed_hosts: Iterable[str] = (), keys: Iterable[bytes] = ()) -> None:
        own = f"[{host}]" if ":" in host else host
        default = (*LOOPBACK, own) if _is_loopback(host) else ()
        self._hosts = frozenset(name.lower() for name in tuple(allowed_hosts) or default)
        self._keys = tuple(keys)

    def check(self, scope: Scope) -> None:
        """Raises a Refusal unless the request may be answered; nothing of its body is needed."""
        found: dict[bytes, list[bytes]] = {}
        for name, value in scope["headers"]:
            found.setdefault(name, []).append(value)
        host = b"".join(found.get(b"host", [])).decode("latin-1").lower()
        self._check_host(host)
        for origin in found.get(b"origin", []):
            if origin.decode("latin-1").lower().partition("://")[2] != host:
                raise Refusal(403, "Another site's page must not use this server")
        self._check_key(scope["path"], found.get(b"authorization", []))
        if scope["method"] == "POST":
            _check_type(scope["path"], found.get(b"content-type", []))

    def _check_host(self, host: str) -> None:
        if not self._hosts:
            return
        named = _HOST.fullmatch(host)
        if not named or named[1] not in self._hosts:
            raise Refusal(403, "The header Host does not name this server; start it with --allowed-host NAME")

    def _check_key(self, path: str, given: list[bytes]) -> None:
        if not self._keys or path in OPEN_ROUTES:
            return
        scheme, _, key = b"".join(given).partition(b" ")
        # Every key is compared, and in constant time: how long it takes tells nothing about them.
        fitting = [hmac.compare_digest(each, key) for each in self._keys]
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


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _check_type(path: str, given: list[bytes]) -> None:
    binary = path.startswith("/v2/models/") and path.endswith("/infer")
    types = (JSON_TYPE, BINARY_TYPE) if binary else (JSON_TYPE,)
    if binary and not given:
        return  # as Triton's client asks; a page that does so says its Origin
    # A page may send text/plain and forms to any server without asking it first.
    if not given or any(value.partition(b";")[0].strip().lower() not in types for value in given):
        names = " or ".join(kind.decode() for kind in types)
        raise Refusal(415, f"Send JSON, and say so: Content-Type: {names}")
