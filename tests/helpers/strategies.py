"""Hypothesis strategies for texts, files and damage, and checks of the answers."""

import contextlib
import datetime
import io
import json
import os
import re
import tarfile
from copy import deepcopy

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from keras_sentiment.errors import InputError
from keras_sentiment.inference.load import load

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "2000"))
MAX_MEMORY = 300 << 20
FUZZ = settings(
    database=None,
    derandomize=True,
    deadline=datetime.timedelta(seconds=60),  # a longer time means that the program hangs
    suppress_health_check=list(HealthCheck),
)


def amounts(quick, many=EXAMPLES):
    """Runs a test with a few examples, and with many if it is marked slow."""
    return pytest.mark.parametrize("examples", [quick, pytest.param(many, marks=pytest.mark.slow)])


def resident(status, name):
    return int(re.search(rf"{name}:\s+(\d+) kB", status.read_text())[1]) << 10


# Tests that open a model take at least a tenth of a second for each example.
MODELS = int(os.environ.get("FUZZ_MODELS", "500"))


def told(error, *names):
    """Checks that a message is one printable line that names the file."""
    message = str(error)
    assert message.isprintable()
    assert len(message) < 2100
    assert not names or any(str(name) in message for name in names), message


@contextlib.contextmanager
def refused(*names):
    """Checks that the block succeeds or raises an InputError."""
    try:
        yield
    except InputError as error:
        told(error, *names)


ODD_BYTES = [
    b"\0",
    b"\xff",
    b"\xed\xa0\x80",
    b'"',
    b"\n",
    b"\r",
    b",",
    b"\t",
    b"\xef\xbb\xbf",
    b"\x7f" * 8,
    b"{",
    b"[",
    b"\\",
    b"\\u0000",
    b"\xe2\x80\xa8",
    b"\x1b[31m",
    b"1e999",
    b"NaN",
    b"9" * 5000,
    b"[" * 2000,
    b'{"text":' * 500,
    b"a" * 70_000,
    b"\xff\xff\xff\x7f",
    b"\xff" * 4,
    b"\0\0\0\x80",
    b"7777",
]
edits = st.lists(
    st.tuples(
        st.integers(0, 1 << 20),
        st.sampled_from(["write", "insert", "cut", "end", "repeat"]),
        st.one_of(st.binary(min_size=1, max_size=8), st.sampled_from(ODD_BYTES)),
    ),
    min_size=1,
    max_size=6,
)


def edited(content, changes):
    """Bytes after some changes; positions are taken modulo the length."""
    for place, kind, new in changes:
        place %= len(content) + 1
        if kind == "write":
            content = content[:place] + new + content[place + len(new) :]
        elif kind == "insert":
            content = content[:place] + new + content[place:]
        elif kind == "cut":
            content = content[:place] + content[place + len(new) :]
        elif kind == "end":
            content = content[:place]
        else:
            content = content[:place] + content[max(0, place - 40) : place] * 20 + content[place:]
    return content


ODD_VALUES = st.sampled_from(
    [
        *[
            None,
            True,
            False,
            -1,
            0,
            1,
            3,
            0.5,
            -0.0,
            1e308,
            10**12,
            10**30,
            "",
            "x",
            "a\nb",
            "\x1b[2J",
            "\ud800",
        ],
        *[
            "../x",
            "/x",
            "keras_hub>TransformerEncoder",
            "Lambda",
            "é" * 3000,
            [],
            {},
            [[]],
            [0],
            [None],
            {"a": 1},
        ],
        {"class_name": "Lambda"},
    ]
)
json_edits = st.lists(
    st.tuples(st.integers(0, 1 << 20), st.sampled_from(["replace", "remove", "add"]), ODD_VALUES),
    min_size=1,
    max_size=3,
)


def places(value):
    """Each container in a JSON value, with each of its keys or indices."""
    for key, each in list(value.items() if isinstance(value, dict) else enumerate(value)):
        yield value, key
        if isinstance(each, (dict, list)):
            yield from places(each)


def edited_json(content, changes):
    """A JSON text after some changes; places are taken modulo their number."""
    value = json.loads(content)
    for place, kind, new in changes:
        found = list(places(value))
        if not found:
            break
        holder, key = found[place % len(found)]
        new = deepcopy(new)  # a later change may change it
        if kind == "replace":
            holder[key] = new
        elif kind == "remove":
            del holder[key]
        elif isinstance(holder, dict):
            holder["a\nnew key"] = new
        else:
            holder.insert(key, new)
    return json.dumps(value).encode()


# A folder of a user: the path of each file and its content.
NAMES = st.one_of(
    st.sampled_from(
        ["pos", "neg", "train", "test", "unsup", "1_9.txt", "a.TXT", ".git", "._1_9.txt", "x.txt"]
    ),
    st.sampled_from(
        ["9" * 200 + "_1.txt", "9" * 25 + "_1.txt", "a\nb.txt", "\x1b[31m.txt", "1_7.html", "é" * 90]
    ),
    st.binary(min_size=1, max_size=6).map(lambda name: os.fsdecode(name.translate(None, b"\0/"))),
).filter(lambda name: name.strip("."))
FOLDERS = st.lists(
    st.tuples(
        st.lists(NAMES, min_size=1, max_size=4),
        st.sampled_from(["file", "file", "file", "pipe", "link", "loop", "nowhere", "folder"]),
        st.binary(max_size=20),
    ),
    max_size=8,
)


def make_folder(folder, found):
    """Makes a folder from an example of FOLDERS."""
    folder.mkdir()
    for parts, kind, content in found:
        path = folder.joinpath(*parts)
        with contextlib.suppress(OSError):  # the path of a parent folder may be a file
            path.parent.mkdir(parents=True, exist_ok=True)
            if os.path.lexists(path):  # it may be a pipe, which would wait for a reader
                continue
            if kind == "file":
                path.write_bytes(content)
            elif kind == "pipe":
                os.mkfifo(path)
            elif kind == "folder":
                path.mkdir()
            else:
                path.symlink_to({"link": "/etc/hostname", "loop": path.name, "nowhere": "nowhere"}[kind])


def answers(path):
    """Checks that a model that can be opened labels a text."""
    with refused(path):
        (result,) = load(path).predict(["a good film " * 30])
        assert 0 <= result["probability"] <= 1


def archive(mode, kind=tarfile.PAX_FORMAT):
    """A small archive in aclImdb's layout, with members that are skipped."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode, format=kind) as found:
        for name in (
            "train/pos/1_9.txt",
            "train/neg/2_1.txt",
            "test/pos/" + "x" * 120 + ".txt",
            "imdb.vocab",
        ):
            member = tarfile.TarInfo(f"aclImdb/{name}")
            member.size = 11
            found.addfile(member, io.BytesIO(b"a good film"))
        for kind in (tarfile.SYMTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE):
            member = tarfile.TarInfo("aclImdb/train/pos/7_7.txt")
            member.type, member.linkname = kind, "/etc/passwd"
            found.addfile(member)
    return file.getvalue()
