"""Which requests a server answers, by their headers Host, Origin, Content-Type and Authorization.

A browser sends requests for any page that its user opens. Three rules refuse requests of other sites' pages.
`Host` must name this server: with DNS rebinding, another site's name leads to this machine, but the browser
still sends that name. `Origin` must be this server's own page. A POST must have a content type that a browser
sends to another site only after a preflight request, which this server refuses.
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
# They reveal nothing, so they are answered with any `Host`: a cluster's probe sends the address of a
# container, and an HTTP/1.0 check may send no `Host`.
PROBES = ("/v2/health/live", "/v2/health/ready")
# These are answered without a key: a probe has none, and the page has the field for it.
OPEN_ROUTES = ("/", "/openapi.json", *PROBES)
MIN_KEY_LENGTH = 16
MAX_KEY_FILE_BYTES = 1 << 16

_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^\s\[\]:/@]+)(?::[0-9]{1,5})?")
_KEY = re.compile(rf"[!-~]{{{MIN_KEY_LENGTH},}}")


class Refusal(Exception):
    """A request that is refused.

    Args:
        status: int, the HTTP status.
        error: the reason, on one line.
        headers: of the response.
    """

    def __init__(self, status: int, error: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(error)
        self.status, self.error, self.headers = status, error, headers


class Access:
    """Checks the headers of requests.

    Args:
        host: the value of `--host`.
        allowed_hosts: names of the server in the header `Host`, without ports. On a loopback address the
            loopback names are allowed, too; on any other address an empty list allows every name.
        keys: the API keys; a request must have one of them. Empty: no key is needed.
        address: the address on which the server listens; `host` may write it another way, such as 127.1.
            None: the same as `host`.
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
        """Raises a Refusal unless the request may be answered. The body is not read."""
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
        # A proxy may have replaced the Host that the browser sent.
        if not scheme_end or (asking != host and _name(asking) not in self._allowed):
            raise Refusal(
                403,
                "Pages of other sites may not use this server; if this is the server's own page behind a "
                "proxy, start the server with --allowed-host NAME",
            )

    def _check_key(self, path: str, given: list[bytes]) -> None:
        if not self._keys or path in OPEN_ROUTES:
            return
        scheme, _, key = b"".join(given).partition(b" ")
        # All keys are compared, by digests of equal length and in constant time, so that the time of the
        # comparison reveals nothing about them.
        given_digest = _digest(key)
        fitting = [hmac.compare_digest(each, given_digest) for each in self._keys]
        if scheme.lower() != b"bearer" or not any(fitting):
            error = "This server needs a key: send the header Authorization: Bearer KEY"
            raise Refusal(401, error, {"WWW-Authenticate": "Bearer"})


def read_keys(path: str) -> tuple[bytes, ...]:
    """Returns the keys in a file, which has one on each line.

    Raises:
        InputError: the file can't be read or has no keys, or a key is too short or has other characters than
            ASCII letters, digits and signs. The message never quotes a key.
    """
    fix = "give one key a line, as `openssl rand -hex 32` prints them"
    try:
        # Links are followed, because Kubernetes mounts secrets as links.
        with open_regular(Path(path), follow_links=True) as file:
            content = file.read(MAX_KEY_FILE_BYTES + 1)
        lines = content.decode("ascii").splitlines()
    except OSError as error:
        raise InputError(f"{path}: the file can't be read ({error.strerror}); {fix}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: a key has characters that are not ASCII; {fix}") from None
    if len(content) > MAX_KEY_FILE_BYTES:
        raise InputError(f"{path}: the file is larger than {MAX_KEY_FILE_BYTES:,} bytes; {fix}")
    keys = {number: line.strip() for number, line in enumerate(lines, 1) if line.strip()}
    for number, key in keys.items():
        if not _KEY.fullmatch(key):
            expected = f"at least {MIN_KEY_LENGTH} letters, digits and signs, without spaces"
            raise InputError(f"{path}: line {number}: a key must have {expected}; {fix}")
    if not keys:
        raise InputError(f"{path}: the file has no keys; {fix}")
    return tuple(key.encode() for key in keys.values())


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()


def _plain(name: str) -> str:
    """Returns a name or an address in lower case and in its usual form, for comparisons."""
    name = name.lower().removeprefix("[").removesuffix("]")
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return name
    return str(getattr(address, "ipv4_mapped", None) or address)


def _name(host: str) -> str | None:
    """Returns the name in a header `Host`, without the port; None if the header is not valid."""
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
        return  # Triton's client sends no type; a page that does the same still sends its Origin
    # A browser sends text/plain and forms to other sites without a preflight request.
    if not given or any(value.partition(b";")[0].strip().lower() not in types for value in given):
        names = " or ".join(kind.decode() for kind in types)
        raise Refusal(415, f"Send JSON with the header Content-Type: {names}")
