"""The server's page: one HTML document that loads nothing, and the policy that a browser enforces on it."""

from __future__ import annotations

import base64
import hashlib
import re
from importlib.resources import files

# What the document marks by name, between these elements.
_INSERTED = re.compile(r"<(style|script)>/\* (.+?) \*/</\1>")


def read_page() -> tuple[str, str]:
    """Returns the page, and a `Content-Security-Policy` that allows its own script and style and no other."""
    hashes = {}

    def inserted(found: re.Match[str]) -> str:
        element, names = found[1], found[2].split(", ")
        content = "\n" + "\n".join(map(_read, names))
        hashes[element] = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        return f"<{element}>{content}</{element}>"

    page = _INSERTED.sub(inserted, _read("page.html"))
    policy = (
        f"default-src 'none'; script-src 'sha256-{hashes['script']}'; style-src 'sha256-{hashes['style']}'; "
        "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return page, policy


def _read(name: str) -> str:
    return files("keras_sentiment.serving").joinpath(name).read_text("utf-8")
