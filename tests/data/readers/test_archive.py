"""Tar archives in aclImdb's layout: reading, damage, decompression bombs; the download of aclImdb."""

import bz2
import gzip
import hashlib
import http.server
import io
import tarfile
import threading
from pathlib import Path

import pytest

from helpers.readers import REVIEWS, error_of, write_tree
from keras_sentiment.data.readers import archive as archive_reader
from keras_sentiment.data.readers import compression, tar_members
from keras_sentiment.data.readers.archive import download, read_archive
from keras_sentiment.data.readers.sources import read
from keras_sentiment.errors import InputError

pytestmark = pytest.mark.once


def make_archive(path: Path, files: dict[str, str], prefix: str = "aclImdb/") -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, text in files.items():
            data = text.encode()
            member = tarfile.TarInfo(prefix + name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


def facts(reviews) -> set:
    return {(r.text, r.label, r.source, r.split, r.position) for r in reviews}


def test_an_archive_has_the_same_reviews_as_its_folder(tmp_path):
    write_tree(tmp_path / "aclImdb", REVIEWS)
    archive = make_archive(tmp_path / "a.tar.gz", dict(reversed(REVIEWS.items())))
    assert facts(read(archive)) == facts(read(tmp_path / "aclImdb"))


def test_members_that_are_not_reviews_are_skipped(tmp_path):
    path = tmp_path / "odd.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name, kind in (
            ("aclImdb/train/pos/1_9.txt", tarfile.SYMTYPE),
            ("aclImdb/train/pos/2_9.txt", tarfile.LNKTYPE),
            ("aclImdb/train/pos/3_9.txt", tarfile.FIFOTYPE),
            ("aclImdb/train/pos/4_9.txt", tarfile.DIRTYPE),
        ):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "/etc/passwd"
            archive.addfile(member)
        for name in (
            "aclImdb/README",
            "aclImdb/train/unsup/0_0.txt",
            "aclImdb/train/pos/._5_9.txt",
            "aclImdb/train/pos/7_9.txt.bak",
            "aclImdb/repos/8_9.txt",
            "pos/6_9.txt",
        ):
            member = tarfile.TarInfo(name)
            member.size = 4
            archive.addfile(member, io.BytesIO(b"text"))
    assert [r.source for r in read(path)] == ["pos/6_9.txt"]


def test_an_archive_is_read_as_a_stream(tmp_path):
    archive = make_archive(tmp_path / "a.tar.gz", {f"train/pos/{i}_9.txt": "x" * 3000 for i in range(5000)})
    reviews = read_archive(archive)
    assert next(reviews).position == 0
    assert not list(tmp_path.glob("aclImdb*"))


@pytest.mark.parametrize("cut", [0.01, 0.5, 0.9])
def test_a_truncated_archive_is_an_error(tmp_path, cut):
    # A truncated stream must not be read as a smaller archive.
    path = make_archive(tmp_path / "a.tar.gz", {f"pos/{i}_9.txt": str(i) * 50 for i in range(500)})
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * cut)])
    assert str(path) in error_of(path)


def test_damage_in_an_archive_is_not_taken_for_its_end(tmp_path):
    # tarfile reads a damaged header or a missing end as the end of the archive.
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as archive:
        for i in range(9):
            member = tarfile.TarInfo(f"pos/{i}_9.txt")
            member.size = 4
            archive.addfile(member, io.BytesIO(b"text"))
    data = path.read_bytes()
    path.write_bytes(data[:4096] + b"?" + data[4097:])
    assert "damaged" in error_of(path)
    path.write_bytes(data[: 9 * 1024])
    assert "damaged" in error_of(path)


def bomb(path: Path, kind: bytes, size: int) -> Path:
    """An archive of a few kilobytes with one member of `size` NUL bytes."""
    member = tarfile.TarInfo("pos/1_9.txt")
    member.type, member.size = kind, size
    with bz2.open(path, "wb") as file:
        file.write(member.tobuf())
        for _ in range(0, size, 1 << 20):
            file.write(bytes(1 << 20))
    return path


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (tarfile.REGTYPE, "pos/1_9.txt: the review has 40,000,000 bytes"),
        (tarfile.XHDTYPE, "header of a member"),
        (tarfile.GNUTYPE_LONGNAME, "header of a member"),
    ],
)
def test_a_member_larger_than_a_review_is_refused(tmp_path, kind, expected):
    assert expected in error_of(bomb(tmp_path / "a.tar.bz2", kind, 40_000_000))


def headed(content: bytes, kind: bytes = tarfile.XHDTYPE, count: int = 1) -> bytes:
    """An archive of one review, with headers before it."""
    header = tarfile.TarInfo("x")
    header.type, header.size = kind, len(content)
    member = tarfile.TarInfo("pos/1_9.txt")
    member.size = 4
    before = header.tobuf(tarfile.USTAR_FORMAT) + content + bytes(-len(content) % 512)
    return before * count + member.tobuf() + b"good" + bytes(508) + bytes(1024)


def record(key: bytes, value: bytes) -> bytes:
    """A record of a PAX header, which begins with its length."""
    rest = b" " + key + b"=" + value + b"\n"
    size = len(rest) + len(str(len(rest) + len(str(len(rest)))))
    return str(size).encode() + rest


def test_extended_headers_are_read_as_in_tarfile(tmp_path):
    path = tmp_path / "a.tar"
    name = b"aclImdb/train/neg/" + b"x" * 200 + b".txt"
    for content, kind in (
        (name + b"\0", tarfile.GNUTYPE_LONGNAME),
        (record(b"mtime", b"1.5") + record(b"path", name), tarfile.XHDTYPE),
    ):
        path.write_bytes(headed(content, kind))
        with tarfile.open(path) as archive:
            assert [member.name.encode() for member in archive] == [name]
        assert [review.source.encode() for review in read_archive(path)] == [name.removeprefix(b"aclImdb/")]
    for content, kind in ((b"", tarfile.XGLTYPE), (record(b"comment", b"x"), tarfile.XGLTYPE)):
        path.write_bytes(headed(content, kind))
        assert [review.source for review in read_archive(path)] == ["pos/1_9.txt"]


@pytest.mark.parametrize(
    ("content", "count", "expected"),
    [
        # tarfile takes 22 seconds for 120,000 digits, and half an hour for a million.
        (b"1" * 60_000, 1, "a PAX header is damaged"),
        (b"1" * 1_000_000, 1, "the header of a member is larger than 65,536 bytes"),
        (record(b"comment", b"x"), 2000, "more than 8 headers before a member"),
        (record(b"size", b"-4"), 1, "the size of a member is not a number"),
        (b"9999999 path=x\n", 1, "a PAX header is damaged"),
    ],
)
def test_oversized_headers_are_refused(tmp_path, monkeypatch, content, count, expected):
    # The reader must not use tarfile to read these headers.
    monkeypatch.setattr(tarfile.TarFile, "next", None)
    path = tmp_path / "a.tar.gz"
    path.write_bytes(gzip.compress(headed(content, count=count)))
    assert expected in error_of(path)


def test_a_sparse_member_is_skipped(tmp_path):
    path = tmp_path / "a.tar"
    sparse = headed(b"", tarfile.GNUTYPE_SPARSE)
    path.write_bytes(sparse)
    assert [review.source for review in read_archive(path)] == ["pos/1_9.txt"]
    path.write_bytes(sparse[:482] + b"\1" + sparse[483:])
    assert "damaged" in error_of(path)
    block = bytearray(sparse[:512])
    block[482] = 1
    header = bytes(block[:148]) + b"        " + bytes(block[156:])
    header = header[:148] + b"%06o\0 " % sum(header) + header[156:]
    more = (bytes(504) + b"\1" + bytes(7)) * (tar_members.MAX_HEADERS + 1)
    path.write_bytes(header + more + sparse[512:])
    assert "more than 8 headers" in error_of(path)


def test_a_decompression_bomb_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(compression, "MAX_UNPACKED_BYTES", 100_000)
    path = make_archive(tmp_path / "a.tar.gz", {f"pos/{i}_9.txt": "text" for i in range(300)})
    assert "it has more than 100,000 bytes when decompressed" in error_of(path)


def test_an_archive_without_reviews_is_an_error(tmp_path):
    (tmp_path / "text.tar.gz").write_text("no archive")
    assert "not a tar archive" in error_of(tmp_path / "text.tar.gz")
    assert "no pos/*.txt" in error_of(make_archive(tmp_path / "b.tar.gz", {"README": "x"}))


@pytest.fixture
def server(tmp_path):
    folder = tmp_path / "served"
    folder.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=str(folder))

        def log_message(self, *arguments):
            pass

        def do_GET(self):
            if self.path != "/short.tar.gz":
                return super().do_GET()
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"few")

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}", folder
        running.shutdown()
        thread.join()


def test_download(tmp_path, server, capsys):
    url, folder = server
    archive = make_archive(folder / "small.tar.gz", REVIEWS)
    sha256 = hashlib.sha256(archive.read_bytes()).hexdigest()
    cache = tmp_path / "new" / "cache"
    path = download(f"{url}/small.tar.gz", sha256, cache)
    assert {r.source: r.text for r in read_archive(path)} == REVIEWS
    assert "small" in capsys.readouterr().err
    archive.unlink()
    assert download(f"{url}/small.tar.gz", sha256, cache, quiet=True) == path
    assert capsys.readouterr() == ("", "")
    assert list(cache.iterdir()) == [path]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("small.tar.gz", "the SHA-256 of the download is"),
        ("missing.tar.gz", "File not found"),
        ("short.tar.gz", "after 3 of 1,000 bytes"),
    ],
)
def test_a_failed_download_leaves_no_file(tmp_path, server, name, expected):
    url, folder = server
    make_archive(folder / "small.tar.gz", REVIEWS)
    with pytest.raises(InputError, match=expected):
        download(f"{url}/{name}", "0" * 64, tmp_path / "cache", quiet=True)
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_download_without_a_network_is_an_error(tmp_path, server):
    url, _ = server
    closed = url.rsplit(":", 1)[0] + ":1"
    with pytest.raises(InputError, match=r"can't be downloaded .* `sample`"):
        download(f"{closed}/small.tar.gz", "0" * 64, tmp_path / "cache", quiet=True)
    assert list((tmp_path / "cache").iterdir()) == []


def test_the_number_of_skipped_members_is_limited(tmp_path, monkeypatch):
    monkeypatch.setattr(archive_reader, "MAX_OTHERS", 5)
    monkeypatch.setattr(archive_reader, "MAX_SKIPPED_REVIEWS", 5)
    folders = make_archive(tmp_path / "a.tar.gz", {f"d{n}/x": "" for n in range(6)} | REVIEWS)
    assert "6 of its first 6 files are not reviews; extract it" in error_of(folders)
    unsup = {f"train/unsup/{n}_0.txt": "x" for n in range(6)}
    labelled = make_archive(tmp_path / "b.tar.gz", unsup | REVIEWS)
    assert "6 of its first 6 files are not reviews" in error_of(labelled)
    assert len(list(read_archive(labelled, unlabelled=True))) == 6
    after = make_archive(tmp_path / "c.tar.gz", REVIEWS | unsup | {f"d{n}/x": "" for n in range(9)})
    assert len(list(read(after))) == len(REVIEWS)
