"""What strangers may give us: whatever it is, an answer or one line that says what is wrong.

The examples are the same in every run. `make test-slow` tries more of them, `FUZZ_EXAMPLES=100000` as many of
each kind.
"""

import contextlib
import datetime
import io
import json
import os
import re
import shutil
import sys
import tarfile
import zipfile
from copy import deepcopy
from pathlib import Path

import numpy as np
import onnx
import openvino
import pyarrow
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from helpers.tiny import INPUTS, RECIPE, TOKENIZER, WORDS, build, make_corpus
from keras_sentiment.data.corpus import open_corpus
from keras_sentiment.data.readers.sources import read
from keras_sentiment.data.readers.tables import TEXT_FORMATS, read_texts
from keras_sentiment.data.reviews import Review
from keras_sentiment.errors import InputError
from keras_sentiment.exporting.text_graph import text_graph
from keras_sentiment.inference.artifact import Artifact
from keras_sentiment.inference.load import load
from keras_sentiment.scripts import command_line
from keras_sentiment.text.cleaning import CLEANING_VERSION, clean
from keras_sentiment.text.tokenizer import Tokenizer
from keras_sentiment.training.run_writer import new_run

pytestmark = pytest.mark.once

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "2000"))
# What opens a model takes a tenth of a second or more.
MODELS = int(os.environ.get("FUZZ_MODELS", "500"))
MAX_MEMORY = 300 << 20
FUZZ = settings(
    database=None,
    derandomize=True,
    deadline=datetime.timedelta(seconds=60),  # longer is a hang, on however busy a machine
    suppress_health_check=list(HealthCheck),
)


def amounts(quick, many=EXAMPLES):
    """A test runs on a few examples, and on many where it is slow."""
    return pytest.mark.parametrize("examples", [quick, pytest.param(many, marks=pytest.mark.slow)])


@pytest.fixture(autouse=True)
def memory():
    """A test takes no more memory than it may, beyond what is imported; Linux alone tells a peak anew."""
    status, reset = Path("/proc/self/status"), Path("/proc/self/clear_refs")
    if not reset.exists():
        yield
        return
    before = resident(status, "VmRSS")
    reset.write_text("5")
    yield
    assert resident(status, "VmHWM") - before < MAX_MEMORY


def resident(status, name):
    return int(re.search(rf"{name}:\s+(\d+) kB", status.read_text())[1]) << 10


def told(error, *names):
    """What is wrong is said in one line that a terminal shows as it is, and names the file."""
    message = str(error)
    assert message.isprintable()
    assert len(message) < 2100
    assert not names or any(str(name) in message for name in names), message


@contextlib.contextmanager
def refused(*names):
    """The block ends well, or with an error for the user."""
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
    """Bytes after some changes at places that are counted modulo their length."""
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
    """Every container within a JSON value with each key or position in it."""
    for key, each in list(value.items() if isinstance(value, dict) else enumerate(value)):
        yield value, key
        if isinstance(each, (dict, list)):
            yield from places(each)


def edited_json(content, changes):
    """A JSON text after changes at places that are counted modulo their number."""
    value = json.loads(content)
    for place, kind, new in changes:
        found = list(places(value))
        if not found:
            break
        holder, key = found[place % len(found)]
        new = deepcopy(new)  # a later change may be made within it
        if kind == "replace":
            holder[key] = new
        elif kind == "remove":
            del holder[key]
        elif isinstance(holder, dict):
            holder["a\nnew key"] = new
        else:
            holder.insert(key, new)
    return json.dumps(value).encode()


# Sources


def table(suffix):
    """A small table of a kind that a user may have."""
    rows = [{"text": f"a {word} film", "label": label} for word in WORDS for label in ("neg", "pos")]
    if suffix == ".parquet":
        file = io.BytesIO()
        parquet.write_table(pyarrow.Table.from_pylist(rows), file)
        return file.getvalue()
    if suffix == ".jsonl":
        return "".join(json.dumps(row) + "\n" for row in rows).encode()
    separator = "\t" if suffix == ".tsv" else ","
    quoted = f'"a ""quoted"" film\n{separator} twice"{separator}pos\n'
    lines = [f"{row['text']}{separator}{row['label']}\n" for row in rows]
    return f"text{separator}label\n{''.join(lines)}{quoted}".encode()


def archive(mode):
    """A small archive in aclImdb's layout, with what is passed over."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode, format=tarfile.PAX_FORMAT) as found:
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


SOURCES = {
    **{suffix: table(suffix) for suffix in (".csv", ".tsv", ".jsonl", ".parquet")},
    ".tar": archive("w"),
    ".tar.gz": archive("w:gz"),
    ".tar.xz": archive("w:xz"),
}


@amounts(100)
@pytest.mark.parametrize("suffix", SOURCES)
def test_sources(suffix, examples, tmp_path):
    path = tmp_path / f"reviews{suffix}"

    @settings(FUZZ, max_examples=examples)
    @given(st.one_of(edits.map(lambda changes: edited(SOURCES[suffix], changes)), st.binary(max_size=300)))
    def check(content):
        path.write_bytes(content)
        with refused(path.name):
            for review in read(path, quiet=True):
                assert type(review) is Review
                assert isinstance(review.text, str)
                assert review.label.strip() == review.label != ""
        assert os.listdir(tmp_path) == [path.name]

    check()


@amounts(100)
@pytest.mark.parametrize("text_format", TEXT_FORMATS)
def test_texts_to_label(text_format, examples):
    base = table(f".{text_format}")

    @settings(FUZZ, max_examples=examples)
    @given(st.one_of(edits.map(lambda changes: edited(base, changes)), st.binary(max_size=300)))
    def check(content):
        with refused("reviews"):
            numbers = []
            for number, text in read_texts(io.BytesIO(content), "reviews", text_format, "text"):
                numbers.append(number)
                assert isinstance(text, str) or told(text, "reviews:") is None
            assert numbers == sorted(numbers)

    check()


@amounts(60)
def test_folders(examples, tmp_path):
    names = st.one_of(
        st.sampled_from(
            ["pos", "neg", "train", "test", "unsup", "1_9.txt", "a.TXT", ".git", "._1_9.txt", "x.txt"]
        ),
        st.binary(min_size=1, max_size=6).map(lambda name: os.fsdecode(name.translate(None, b"\0/"))),
    ).filter(lambda name: name.strip("."))
    files = st.lists(st.tuples(st.lists(names, min_size=1, max_size=4), st.binary(max_size=20)), max_size=6)

    @settings(FUZZ, max_examples=examples)
    @given(files)
    def check(found):
        folder = tmp_path / "folder"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for parts, content in found:
            with contextlib.suppress(OSError):  # a file that stands where a folder should
                folder.joinpath(*parts).parent.mkdir(parents=True, exist_ok=True)
                folder.joinpath(*parts).write_bytes(content)
        with refused():
            for review in read(folder, quiet=True):
                assert isinstance(review.text, str)

    check()


# Texts

PIECES = [
    "<br />",
    "<!--",
    "-->",
    "<b title=",
    "&amp;",
    "&#",
    "x41;",
    "&eacute;",
    "[MASK]",
    "##a",
    "\x85",
    "ß",
    "İ",
    "한",
]
texts = st.lists(
    st.one_of(st.sampled_from(PIECES), st.text(max_size=12), st.sampled_from(WORDS)), max_size=12
).map("".join)
LETTERS = [chr(code) for code in (*range(33, 127), *range(0xE0, 0x100), 0x3B1, 0x3C3, 0xD55C, 0x5F71)]
SPELLING = Tokenizer(
    ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS, *LETTERS[:27], *map("##{}".format, LETTERS)][:]
)


@pytest.fixture(scope="module")
def graph():
    return text_graph(SPELLING)


def ids_of(found):
    return [ids.tolist() for ids in SPELLING.encode([clean(text) for text in found])]


@amounts(300)
def test_cleaning_and_tokenizing(examples):
    @settings(FUZZ, max_examples=examples)
    @given(st.one_of(texts, st.text(st.characters(), max_size=60)))
    def check(text):
        cleaned = clean(text)
        assert cleaned == " ".join(cleaned.split())
        cleaned.encode()
        (ids,) = SPELLING.encode([cleaned])
        assert np.all((ids >= 0) & (ids < SPELLING.vocabulary_size))
        assert not set(ids.tolist()) & {SPELLING.pad_id, SPELLING.cls_id, SPELLING.sep_id, SPELLING.mask_id}

    check()


@amounts(100)
def test_the_graph_gives_the_ids_of_python(examples, graph):
    content = st.one_of(texts.map(str.encode), st.binary(max_size=60))

    @settings(FUZZ, max_examples=examples)
    @given(st.lists(content, min_size=1, max_size=20))
    def check(found):
        expected = ids_of([each.decode("utf-8", "replace") for each in found])
        assert graph(tf.constant(found)).to_list() == expected

    check()


# Folders that we wrote


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return make_corpus(tmp_path_factory.mktemp("fuzzing") / "data", 60)


@pytest.fixture(scope="module")
def bundle(corpus, tmp_path_factory):
    run = new_run(tmp_path_factory.mktemp("fuzzing") / "run", corpus, RECIPE, "torch", "float32")
    run.begin()
    run.save(build(), corpus.tokenizer())
    return run.path


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory):
    """A graph that counts words, in each format that is opened."""
    folder = tmp_path_factory.mktemp("fuzzing")
    tensor, numbers = onnx.helper.make_tensor_value_info, onnx.TensorProto.INT32
    inputs = [tensor(name, numbers, ["batch", "length"]) for name in ("token_ids", "padding_mask")]
    outputs = [tensor("logits", onnx.TensorProto.FLOAT, ["batch", 2])]
    weights = np.arange(2 * TOKENIZER.vocabulary_size, dtype="float32").reshape(-1, 2)
    constants = [
        onnx.numpy_helper.from_array(weights, "weights"),
        onnx.numpy_helper.from_array(np.array([1]), "axes"),
    ]
    nodes = [
        onnx.helper.make_node("Gather", ["weights", "token_ids"], ["embedded"]),
        onnx.helper.make_node("Cast", ["padding_mask"], ["cast"], to=onnx.TensorProto.FLOAT),
        onnx.helper.make_node("Unsqueeze", ["cast", "minus"], ["mask"]),
        onnx.helper.make_node("Mul", ["embedded", "mask"], ["kept"]),
        onnx.helper.make_node("ReduceSum", ["kept", "axes"], ["logits"], keepdims=0),
    ]
    constants.append(onnx.numpy_helper.from_array(np.array([-1]), "minus"))
    model = onnx.helper.make_model(
        onnx.helper.make_graph(nodes, "words", inputs, outputs, constants),
        opset_imports=[onnx.helper.make_opsetid("", 18)],
        ir_version=9,
    )
    paths = {}
    for format, name in (("onnx", "model.onnx"), ("openvino", "model.xml")):
        paths[format] = folder / format
        TOKENIZER.save(paths[format] / "tokenizer")
        onnx.save(model, folder / "model.onnx")
        if format == "onnx":
            shutil.copy(folder / "model.onnx", paths[format] / name)
        else:
            openvino.save_model(
                openvino.Core().read_model(folder / "model.onnx"),
                paths[format] / name,
                compress_to_fp16=False,
            )
        labels = ("negative", "positive")
        Artifact(paths[format], format, "words", labels, INPUTS, CLEANING_VERSION, 1.0, None).write()
    return paths


@amounts(60)
def test_corpora(examples, corpus, tmp_path):
    files = sorted(file.relative_to(corpus.path) for file in corpus.path.rglob("*") if file.is_file())

    @settings(FUZZ, max_examples=examples)
    @given(st.sampled_from(files), edits, json_edits)
    def check(name, raw, values):
        copy = tmp_path / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(corpus.path, copy)
        content = (copy / name).read_bytes()
        json_too = name.suffix == ".json" and raw[0][0] % 2
        (copy / name).write_bytes(edited_json(content, values) if json_too else edited(content, raw))
        with refused(copy):
            for split in open_corpus(copy).splits.values():
                assert all(len(split.ids_of(index)) == length for index, length in enumerate(split.lengths))
                assert sum(1 for _ in split.records()) == len(split)
                assert len(split.fingerprint) == 64
        assert os.listdir(tmp_path) == ["copy"]

    check()


def reseal(path, format):
    """Writes the manifest anew, as one does who means it."""
    Artifact(path, format, "words", ("negative", "positive"), INPUTS, CLEANING_VERSION, 1.0, None).write()


def answers(path):
    """A model that can be opened labels a text."""
    with refused(path):
        (result,) = load(path).predict(["a good film " * 30])
        assert 0 <= result["probability"] <= 1


@amounts(25, MODELS)
@pytest.mark.parametrize("checksums", ["checksums", "no checksums"])
def test_bundles(examples, checksums, bundle, tmp_path):
    files = sorted(file.relative_to(bundle) for file in bundle.rglob("*") if file.is_file())
    insides = ["config.json", "model.weights.h5"]

    @settings(FUZZ, max_examples=examples)
    @given(st.sampled_from([*files, *insides * 2]), edits, json_edits)
    def check(name, raw, values):
        copy = tmp_path / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(bundle, copy)
        if isinstance(name, str):
            with zipfile.ZipFile(bundle / "model.keras") as archive:
                members = {member: archive.read(member) for member in archive.namelist()}
            json_too = name == "config.json" and raw[0][0] % 4
            members[name] = edited_json(members[name], values) if json_too else edited(members[name], raw)
            with zipfile.ZipFile(copy / "model.keras", "w") as archive:
                for member, content in members.items():
                    archive.writestr(member, content)
        else:
            content = (copy / name).read_bytes()
            json_too = name.suffix == ".json" and raw[0][0] % 4
            (copy / name).write_bytes(edited_json(content, values) if json_too else edited(content, raw))
        if checksums == "no checksums":
            (copy / "checksums.json").unlink(missing_ok=True)
        answers(copy)
        assert os.listdir(tmp_path) == ["copy"]

    check()


@amounts(25, MODELS)
@pytest.mark.parametrize("format", ["onnx", "openvino"])
def test_artifacts(format, examples, artifacts, tmp_path):
    path = artifacts[format]
    files = sorted(file.relative_to(path) for file in path.rglob("*") if file.is_file())

    @settings(FUZZ, max_examples=examples)
    @given(st.sampled_from(files), edits, json_edits, st.booleans())
    def check(name, raw, values, sealed):
        copy = tmp_path / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(path, copy)
        content = (copy / name).read_bytes()
        json_too = name.suffix == ".json" and raw[0][0] % 4
        (copy / name).write_bytes(edited_json(content, values) if json_too else edited(content, raw))
        if sealed and name.name != "artifact.json":
            reseal(copy, format)
        answers(copy)
        assert os.listdir(tmp_path) == ["copy"]

    check()


@pytest.mark.parametrize("location", ["../secret", "link", "/dev/zero"])
def test_a_graph_reads_no_file_outside_its_folder(location, artifacts, tmp_path):
    path = shutil.copytree(artifacts["onnx"], tmp_path / "onnx")
    (tmp_path / "secret").write_bytes(bytes(8 * TOKENIZER.vocabulary_size))
    model = onnx.load(path / "model.onnx")
    weights = next(tensor for tensor in model.graph.initializer if tensor.name == "weights")
    onnx.external_data_helper.set_external_data(weights, location)
    weights.ClearField("raw_data")
    (path / "model.onnx").write_bytes(model.SerializeToString())
    reseal(path, "onnx")
    (path / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(InputError, match=r"External data path|external data"):
        load(path)


@pytest.mark.parametrize("format", ["onnx", "openvino"])
def test_a_graph_of_another_manifest_is_refused(format, artifacts, tmp_path):
    path = shutil.copytree(artifacts[format], tmp_path / format)
    labels = ("negative", "neutral", "positive")
    Artifact(path, format, "words", labels, INPUTS, CLEANING_VERSION, 1.0, None).write()
    with pytest.raises(InputError, match="gives no 3 finite logits"):
        load(path)


# Commands

ARGUMENTS = [
    *[
        "",
        "-",
        "--",
        ".",
        "..",
        "/",
        "/dev/null",
        "/proc/self/mem",
        "x" * 5000,
        "a\nb",
        "\x1b[2J",
        "\udcff",
        "~",
        "nan",
    ],
    *[
        "-1",
        "0",
        "1e999",
        "9" * 30,
        "--help",
        "--version",
        "--overwrite",
        "--quiet",
        "--limit",
        "--seed",
        "--input",
    ],
    *[
        "--text-column",
        "--label-column",
        "--group-column",
        "--tokenizer",
        "--output",
        "--format",
        "--on-error",
        "skip",
    ],
    *[
        "--explain",
        "--windows",
        "--json",
        "--split",
        "--against",
        "--precision",
        "auto",
        "--epochs",
        "--preset",
    ],
    *[
        "file.csv",
        "file.jsonl",
        "file.tar.gz",
        "folder",
        "out/out",
        "file.csv/out",
        "hf://x",
        "file://x",
        "http://[",
    ],
]


def test_arguments_that_were_once_told_otherwise(monkeypatch, capsys):
    for arguments in (["two\nlines"], ["prepare", "x" * 5000, "out"], ["predict", "x" * 5000, "good"]):
        monkeypatch.setattr(sys, "argv", ["keras-sentiment", *arguments])
        with pytest.raises(SystemExit) as end:
            command_line.main()
        assert end.value.code == 2
        message = capsys.readouterr().err
        assert message.startswith("Error: ")
        assert message.count("\n") == 1


# What an operating system can give: bytes that are no text come as surrogates, of which one is above.
WORD = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=5)


@amounts(100)
def test_arguments(examples, tmp_path, monkeypatch, capsys):
    commands = [name for name in command_line.COMMANDS if name != "demo"]  # which downloads what it needs
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    for name in ("file.csv", "file.jsonl", "file.tar.gz"):
        (tmp_path / name).write_bytes(b"\xff\x00")

    @settings(FUZZ, max_examples=examples)
    @given(
        st.sampled_from(commands),
        st.lists(st.one_of(st.sampled_from(ARGUMENTS), WORD), max_size=6),
    )
    def check(command, arguments):
        monkeypatch.setattr(sys, "argv", ["keras-sentiment", command, *arguments])
        try:
            command_line.main()
            status = 0
        except SystemExit as end:
            status = end.code
        printed = capsys.readouterr()
        assert status in (0, 2, None)
        if status == 2:
            assert printed.err.count("\n") == 1
            assert printed.err[:-1].isprintable()

    check()
