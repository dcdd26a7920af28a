"""Readers of archives: aclImdb's .tar.gz, read as a stream, and its download."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import io
import re
import tarfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, cast

from keras_sentiment.data.readers.compression import open_file, unpacked
from keras_sentiment.data.readers.folders import UNLABELLED, position_of
from keras_sentiment.data.readers.lines import decode
from keras_sentiment.data.readers.tar_members import Member, members
from keras_sentiment.data.reviews import Review, require_size
from keras_sentiment.errors import InputError
from keras_sentiment.messages import tell
from keras_sentiment.progress import Progress
from keras_sentiment.storage.atomic import staged_path

IMDB = "imdb"  # the word for it
IMDB_URL = "https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz"
IMDB_SHA256 = "c40f74a18d3b61f90feba1e17730e0d38e8b97c05fde7008942e91923d1658fe"
CACHE = Path("~/.cache/keras_sentiment")
SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
MEMBER = re.compile(r"(?:.*/)??(?:(?P<split>train|test)/)?(?P<label>pos|neg|unsup)/(?P<name>[^/]+\.txt)")
# Members that are passed over: reviews of the other kind, of which aclImdb has 50,000, and what is no review.
# Beside them, two for each review: macOS adds a file to each.
MAX_PASSED_REVIEWS, MAX_OTHERS = 200_000, 10_000
TIMEOUT_SECONDS = 30
CHUNK_BYTES = 1 << 20


def read_archive(path: Path, unlabelled: bool = False, encoding: str | None = None) -> Iterator[Review]:
    """Yield the reviews of a tar archive in aclImdb's layout, without extracting it to disk.

    Args:
        unlabelled: those of `unsup`, with an empty label, instead of those of `pos` and `neg`.
        encoding: of the reviews; by default that of a byte order mark, else UTF-8.

    Links, devices and whatever else is not a plain `pos/*.txt` or `neg/*.txt` file are passed over.

    Raises:
        InputError: if the archive is damaged, holds no reviews, or a review is not UTF-8; or if it holds far
            more of what is not read.
    """
    found = passed = others = 0
    try:
        with contextlib.ExitStack() as files:
            opened = unpacked(open_file(path, str(path), files), str(path))
            for member in members(cast(IO[bytes], io.BufferedReader(opened.file, CHUNK_BYTES))):
                review = _review(member, path.name, unlabelled, encoding)
                if review is not None:
                    found += 1
                    yield review
                elif member.is_file and MEMBER.fullmatch(member.name):
                    passed += 1
                else:
                    others += 1
                if passed > MAX_PASSED_REVIEWS + 2 * found or others > MAX_OTHERS + 2 * (found + passed):
                    left = passed + others
                    raise InputError(
                        f"{path}: {left:,} of its first {found + left:,} members are not read; unpack it and "
                        "name the folder"
                    )
    except (tarfile.TarError, OSError) as error:
        raise InputError(f"{path}: damaged or not a tar archive ({error}); fetch it again") from None
    if not found:
        wanted = "unsup/*.txt" if unlabelled else "pos/*.txt and neg/*.txt"
        raise InputError(f"{path}: no {wanted} inside; unpack it and name the folder")


def _review(member: Member, archive_name: str, unlabelled: bool, encoding: str | None) -> Review | None:
    place = PurePosixPath(member.name)
    if not member.is_file or place.name.startswith("._"):
        return None
    match = MEMBER.fullmatch("/".join(place.parts[-3:]))
    if match is None or (match["label"] == UNLABELLED) != unlabelled:
        return None
    require_size(member.size, f"{archive_name}: {member.name}")
    split = match["split"]
    source = f"{split}/{match['label']}/{match['name']}" if split else f"{match['label']}/{match['name']}"
    text = decode(member.read(), f"{archive_name}: {member.name}", encoding)
    if unlabelled:
        return Review(text, "", source)
    return Review(text, match["label"], source, split=split, position=position_of(match["name"]))


def download(
    url: str = IMDB_URL, sha256: str = IMDB_SHA256, folder: Path = CACHE, *, quiet: bool = False
) -> Path:
    """Return the path of a file from the web, fetched once and kept in `folder`.

    Args:
        url: where it is.
        sha256: what its bytes must hash to.
        folder: where it is kept under its own name.
        quiet: no progress bar on standard error.

    Raises:
        InputError: without a network, or if the bytes differ; nothing is kept then.
    """
    folder = folder.expanduser()
    path = folder / url.rsplit("/", 1)[-1]
    if path.exists():
        return path
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with staged_path(path) as staging:
            found = _fetch(url, staging, quiet)
            if found != sha256:
                raise InputError(f"{url}: SHA-256 is {found}, not {sha256}; nothing was kept, try again")
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise InputError(
            f"cannot download {url} ({reason}); fetch it elsewhere and give its path, "
            "or use the source `sample`, which needs no network"
        ) from None
    return path


def _fetch(url: str, path: Path, quiet: bool) -> str:
    """Write what a URL answers to `path` and return its SHA-256."""
    if not quiet:
        tell(f"Downloading {url}")
    digest = hashlib.sha256()
    with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as answer, path.open("wb") as file:
        size = int(answer.headers.get("Content-Length") or 0)
        received = 0
        with Progress("Downloading", size // 1_000_000 or None, "MB", quiet=quiet) as progress:
            while chunk := answer.read(CHUNK_BYTES):
                file.write(chunk)
                digest.update(chunk)
                received += len(chunk)
                progress.update(received // 1_000_000 - progress.done)
    if size and received != size:
        raise OSError(f"the connection closed after {received} of {size} bytes")
    return digest.hexdigest()
