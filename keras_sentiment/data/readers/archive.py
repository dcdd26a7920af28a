"""Reading of tar archives in aclImdb's layout, as a stream, and the download of aclImdb."""

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

IMDB = "imdb"  # the source name of the download
IMDB_URL = "https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz"
IMDB_SHA256 = "c40f74a18d3b61f90feba1e17730e0d38e8b97c05fde7008942e91923d1658fe"
CACHE = Path("~/.cache/keras_sentiment")
SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
MEMBER = re.compile(r"(?:.*/)??(?:(?P<split>train|test)/)?(?P<label>pos|neg|unsup)/(?P<name>[^/]+\.txt)")
# Limits for skipped members: reviews that were not asked for (aclImdb has 50,000 unlabelled ones), and other
# files. Two more for each review are allowed, because macOS adds a file to each.
MAX_SKIPPED_REVIEWS, MAX_OTHERS = 200_000, 10_000
TIMEOUT_SECONDS = 30
CHUNK_BYTES = 1 << 20


def read_archive(path: Path, unlabelled: bool = False, encoding: str | None = None) -> Iterator[Review]:
    """Yield the reviews of a tar archive in aclImdb's layout, without extracting it to disk.

    Only regular files `pos/*.txt` and `neg/*.txt` are read, or `unsup/*.txt`; links, devices and other files
    are skipped.

    Args:
        path: the archive, compressed or not.
        unlabelled: whether to read the unlabelled texts of `unsup`, with an empty label, instead of `pos` and
            `neg`.
        encoding: encoding of the reviews; by default that of the byte order mark, else UTF-8.

    Raises:
        InputError: the archive is damaged, has no reviews or too many other files, or a review has another
            encoding.
    """
    found = skipped = others = 0
    try:
        with contextlib.ExitStack() as files:
            opened = unpacked(open_file(path, str(path), files), str(path))
            for member in members(cast(IO[bytes], io.BufferedReader(opened.file, CHUNK_BYTES))):
                review = _review(member, path.name, unlabelled, encoding)
                if review is not None:
                    found += 1
                    yield review
                elif member.is_file and MEMBER.fullmatch(member.name):
                    skipped += 1
                else:
                    others += 1
                if skipped > MAX_SKIPPED_REVIEWS + 2 * found or others > MAX_OTHERS + 2 * (found + skipped):
                    unused = skipped + others
                    raise InputError(
                        f"{path}: {unused:,} of its first {found + unused:,} files are not reviews; extract "
                        "it and name the folder"
                    )
    except (tarfile.TarError, OSError) as error:
        reason = f"it is damaged or not a tar archive ({error})"
        raise InputError(f"{path}: {reason}; download or copy it again") from None
    if not found:
        wanted = "unsup/*.txt" if unlabelled else "pos/*.txt and neg/*.txt"
        raise InputError(f"{path}: it has no {wanted}; extract it and name the folder of the reviews")


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
    """Return the path of a file from the web, which is downloaded once and kept in `folder`.

    Args:
        url: address of the file.
        sha256: expected SHA-256 of the file, in hexadecimal digits.
        folder: the folder for downloads.
        quiet: whether to show no progress.

    Raises:
        InputError: the download failed, or the file has another SHA-256; no file is kept then.
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
                raise InputError(
                    f"{url}: the SHA-256 of the download is {found} instead of {sha256}; it was removed, so "
                    "try again"
                )
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise InputError(
            f"{url}: it can't be downloaded ({reason}); download it in another way and give its path, or use "
            "the source `sample`, which needs no network"
        ) from None
    return path


def _fetch(url: str, path: Path, quiet: bool) -> str:
    """Download a URL to `path` and return its SHA-256."""
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
        raise OSError(f"the connection closed after {received:,} of {size:,} bytes")
    return digest.hexdigest()
