"""Compressed tables: reading, damage, and decompression bombs."""

import gzip
import io
import lzma
import zipfile
from functools import partial

import pytest

from helpers.readers import error_of, write_file
from helpers.same_rows import ROWS, packed, parquet_bytes, separated
from keras_sentiment.data.config import PrepareConfig, TableConfig
from keras_sentiment.data.readers import compression, decompressors
from keras_sentiment.data.readers.sources import read
from keras_sentiment.data.readers.tables import open_table
from keras_sentiment.data.readers.unlabelled import read_unlabelled
from keras_sentiment.errors import InputError

pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    ("ending", "damage"),
    # A zstd file need not have a checksum, so a change may not be found.
    [
        (ending, damage)
        for ending in ("gz", "bz2", "xz", "zip", "zst")
        for damage in ("cut", "changed")
        if (ending, damage) != ("zst", "changed")
    ],
)
def test_damaged_files_are_an_error(tmp_path, ending, damage):
    data = packed(separated() * 20, ending)
    middle = len(data) // 2
    data = data[:middle] if damage == "cut" else data[:middle] + b"\x5a" * 9 + data[middle + 9 :]
    message = error_of(
        write_file(tmp_path / f"it.csv.{ending}", data), PrepareConfig(columns=("i", "text", "label"))
    )
    assert "damaged" in message or "can't be decompressed" in message or "repeats" in message


def test_a_file_with_a_large_decompressed_size_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(compression, "MAX_UNPACKED_BYTES", 100_000)
    for ending in ("gz", "bz2", "xz", "zst", "zip"):
        path = write_file(tmp_path / f"it.csv.{ending}", packed(separated() + b"\n" * 1_000_000, ending))
        assert "it has more than 100,000 bytes when decompressed" in error_of(path)


@pytest.mark.parametrize("ending", ["bz2", "xz", "zst"])
def test_a_file_with_a_high_decompression_ratio_is_refused(tmp_path, monkeypatch, ending):
    monkeypatch.setattr(compression, "FREE_BYTES", 100_000)
    path = write_file(tmp_path / f"it.csv.{ending}", packed(separated() + b" " * 3_000_000, ending))
    assert "its decompression ratio is above 1,000" in error_of(path)


def test_xz_is_decompressed_as_in_lzma_with_a_memory_limit(tmp_path):
    whole = separated()
    path = tmp_path / "it.csv.xz"
    write_file(path, lzma.compress(whole[:500]) + bytes(8) + lzma.compress(whole[500:]) + bytes(4))
    assert len(list(read(path))) == len(ROWS)
    write_file(path, lzma.compress(whole) + b"garbage")
    assert "damaged" in error_of(path)
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 30}]
    write_file(path, lzma.compress(whole, filters=filters))
    assert "it.csv.xz: decompression needs more than 96 MB of memory; decompress it yourself" in error_of(
        path
    )


def test_a_large_zstd_window_is_not_reported_as_damage(tmp_path):
    # A frame header with a window of 2 GB, as `zstd --long=31` writes it, and a block of five bytes.
    data = b"\x28\xb5\x2f\xfd\x00\xa8" + (5 << 3 | 1).to_bytes(3, "little") + b"a,b\n\n"
    path = write_file(tmp_path / "it.csv.zst", data)
    assert "it.csv.zst: decompression needs more than 128 MB of memory; decompress it yourself" in error_of(
        path
    )


def test_a_zip_with_many_files_or_lzma_is_refused(tmp_path):
    path = tmp_path / "it.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("it.csv", separated())
    assert "it is compressed with LZMA; extract it" in error_of(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("it.csv", separated())
    data = path.read_bytes()
    end = data.index(b"PK\5\6")
    size = (compression.MAX_ZIP_DIRECTORY + 1).to_bytes(4, "little")
    path.write_bytes(data[: end + 12] + size + data[end + 16 :])
    assert "it has too many files" in error_of(path)
    # A .zip of more than 4 GB has the size in a second record.
    large = b"PK\6\6" + bytes(36) + size + bytes(12) + b"PK\6\7" + bytes(16)
    path.write_bytes(data[:end] + large + data[end:])
    assert "it has too many files" in error_of(path)


def test_a_zip_must_have_exactly_one_table(tmp_path):
    path = tmp_path / "it.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/train.csv", separated(delimiter=";"))
        archive.writestr("__MACOSX/a/._train.csv", b"\0")
        archive.writestr("a/", b"")
        archive.writestr("README", b"x")
    assert len(list(read(path))) == len(ROWS)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("test.csv", b"")
    assert "it has a/train.csv, test.csv, and it must have exactly one table; extract it" in error_of(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("pos/1.txt.x", b"")
    assert "it has no table, and it must have exactly one table" in error_of(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("it.parquet", parquet_bytes())
    assert "can't be read from a compressed file; decompress it" in error_of(path)
    path.rename(tmp_path / "it.xlsx")
    assert "a spreadsheet; save it as CSV UTF-8" in error_of(tmp_path / "it.xlsx")


def test_formats_that_need_seeking_are_not_read_from_a_pipe(tmp_path):
    class Pipe(io.BytesIO):
        def seekable(self):
            return False

    for name, data, expected in (
        ("it.parquet", parquet_bytes(), "Parquet can't be read from a pipe; give its path"),
        ("it.zip", packed(separated(), "zip"), "can't be read from a pipe; give its path"),
    ):
        with pytest.raises(InputError, match=expected), open_table(Pipe(data), name, TableConfig(), {}):
            pass


def test_concatenated_streams_are_one_file(tmp_path):
    whole = separated()
    half = whole.index(b"\n", len(whole) // 2) + 1
    path = write_file(tmp_path / "it.csv.gz", gzip.compress(whole[:half]) + gzip.compress(whole[half:]))
    assert len(list(read(path))) == len(ROWS)
    path = write_file(tmp_path / "it.csv.zst", packed(whole[:half], "zst") + packed(whole[half:], "zst"))
    assert len(list(read(path))) == len(ROWS)


def test_the_format_is_that_of_the_table_in_the_zip(tmp_path):
    path = tmp_path / "archive.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("IMDB Dataset.csv", "text,label\ngood,a\nbad,b\n")
    assert [(review.text, review.label) for review in read(path, quiet=True)] == [("good", "a"), ("bad", "b")]
    assert [review.text for review in read_unlabelled(path, quiet=True)] == ["good", "bad"]


def test_a_zip_without_a_table_is_an_error(tmp_path):
    path = tmp_path / "archive.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("reviews.docx", "text")
    assert "it has no table, and it must have exactly one table" in error_of(path)
    path.write_text("text,label\n")
    assert "archive.zip: its format is unknown; name it with --input-format" in error_of(path)


def test_gzip_is_decompressed_as_in_python(tmp_path):
    whole = separated()
    path = tmp_path / "it.csv.gz"
    named = io.BytesIO()
    with gzip.GzipFile("a name" * 5000, "wb", fileobj=named) as file:
        file.write(whole[500:])
    empty = gzip.compress(b"") * 1000
    write_file(path, empty + gzip.compress(whole[:500]) + bytes(9000) + named.getvalue() + empty + bytes(4))
    assert len(list(read(path))) == len(ROWS)
    write_file(path, gzip.compress(whole) + b"garbage")
    assert "damaged" in error_of(path)
    data = bytearray(gzip.compress(whole))
    data[-6] ^= 1  # a byte of the checksum
    assert "damaged" in error_of(write_file(path, bytes(data)))
    for size in (1, 2, 20, len(data) - 1):  # the file ends in the header, the content or the checksum
        packed_file = decompressors.Gzip(io.BytesIO(gzip.compress(whole)[:size]))
        with pytest.raises(EOFError):
            list(iter(partial(packed_file.read, 7), b""))


def test_gzip_headers_are_not_parsed_in_python(tmp_path, monkeypatch):
    """Parsing in Python would be slow for a long name or many members."""
    calls = 0

    class Counted(io.BytesIO):
        def read(self, size=-1):
            nonlocal calls
            calls += 1
            return super().read(size)

    header = b"\x1f\x8b\x08\x08" + bytes(6) + b"n" * 1_000_000 + b"\0"
    body = gzip.compress(b"text")[10:]
    packed_file = decompressors.Gzip(Counted(header + body))
    assert packed_file.read(100) == b"text"
    assert packed_file.read(100) == b""
    assert calls < 300


def test_skippable_zstd_frames_are_skipped(tmp_path):
    passed_over = b"\x5f\x2a\x4d\x18" + (100).to_bytes(4, "little") + bytes(100)
    path = write_file(tmp_path / "it.csv.zst", passed_over * 2 + packed(separated(), "zst") + passed_over)
    assert len(list(read(path))) == len(ROWS)
    assert "it has no reviews" in error_of(write_file(path, passed_over * 100))
