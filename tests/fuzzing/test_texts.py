"""Any text, table or folder is read, or gives an error of one line."""

import io
import json
import os
import shutil
import tarfile

import numpy as np
import pyarrow
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import ipc, parquet

from helpers.readers import read_texts
from helpers.same_rows import packed
from helpers.strategies import FOLDERS, FUZZ, amounts, archive, edited, edits, make_folder, refused, told
from helpers.tiny import WORDS
from keras_sentiment.data.config import TABLE_FORMATS, PrepareConfig
from keras_sentiment.data.readers.sources import read
from keras_sentiment.data.readers.unlabelled import read_unlabelled
from keras_sentiment.data.reviews import Review
from keras_sentiment.evaluation.perturbations import markup
from keras_sentiment.exporting.text_graph import text_graph
from keras_sentiment.text.cleaning import clean, escaped
from keras_sentiment.text.tokenizer import Tokenizer

pytestmark = pytest.mark.once


def table(suffix):
    """A small table in a format of a user."""
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


ROWS = pyarrow.table(
    {
        "text": [f"a good film number {n}" * (n % 5) for n in range(40)],
        "label": ["pos", "neg"] * 20,
        "number": list(range(40)),
        "list": [[1, 2]] * 40,
        "struct": [{"a": 1}] * 40,
    }
)


def parquet_file(**options):
    file = io.BytesIO()
    parquet.write_table(ROWS, file, **options)
    return file.getvalue()


def arrow_file(new, **options):
    file = io.BytesIO()
    with new(file, ROWS.schema, options=ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(ROWS, max_chunksize=16)
    return file.getvalue()


SOURCES = {
    **{suffix: [table(suffix)] for suffix in (".csv", ".tsv", ".jsonl")},
    ".json": [json.dumps(ROWS.select(["text", "label"]).to_pylist()).encode()],
    ".parquet": [
        table(".parquet"),
        parquet_file(compression="gzip"),
        parquet_file(compression="none", use_dictionary=False),
        parquet_file(row_group_size=7),
        parquet_file(
            data_page_version="2.0", use_dictionary=False, column_encoding={"text": "DELTA_BYTE_ARRAY"}
        ),
    ],
    ".arrow": [
        arrow_file(ipc.new_file),
        arrow_file(ipc.new_stream),
        arrow_file(ipc.new_file, compression="zstd"),
        arrow_file(ipc.new_stream, compression="lz4"),
    ],
    ".tar": [archive("w"), archive("w", tarfile.GNU_FORMAT)],
    ".tar.gz": [archive("w:gz")],
    ".tar.xz": [archive("w:xz")],
    **{f".csv.{ending}": [packed(table(".csv"), ending)] for ending in ("gz", "bz2", "xz", "zst", "zip")},
}


@amounts(60)
@pytest.mark.parametrize("suffix", SOURCES)
def test_sources(suffix, examples, tmp_path):
    path = tmp_path / f"reviews{suffix}"
    bases = st.sampled_from(SOURCES[suffix])
    configs = st.sampled_from([PrepareConfig(), PrepareConfig(group_column="number")])
    if ".tar" in suffix:
        configs = st.just(PrepareConfig())

    @settings(FUZZ, max_examples=examples)
    @given(st.one_of(st.builds(edited, bases, edits), st.binary(max_size=300)), configs)
    def check(content, config):
        path.write_bytes(content)
        with refused(path.name):
            for review in read(path, config, quiet=True):
                assert type(review) is Review
                assert isinstance(review.text, str)
                assert review.label.strip() == review.label != ""
        with refused(path.name):
            assert all(isinstance(review.text, str) for review in read_unlabelled(path, quiet=True))
        assert os.listdir(tmp_path) == [path.name]

    check()


@amounts(60)
@pytest.mark.parametrize("text_format", TABLE_FORMATS)
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


@amounts(100)
def test_folders(examples, tmp_path):
    @settings(FUZZ, max_examples=examples)
    @given(FOLDERS)
    def check(found):
        folder = tmp_path / "folder"
        shutil.rmtree(folder, ignore_errors=True)
        make_folder(folder, found)
        with refused():
            assert all(isinstance(review.text, str) for review in read(folder, quiet=True))
        with refused():
            assert all(isinstance(review.text, str) for review in read_unlabelled(folder, quiet=True))

    check()


PIECES = [
    "<br />",
    "<!--",
    "-->",
    "<b title=",
    "&amp;",
    "&#",
    "x41;",
    "&eacute;",
    "&lt;",
    "lt;br&gt;",
    "&#92;",
    "\\n",
    " ",
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
        assert clean(escaped(cleaned)) == cleaned
        assert clean(markup(escaped(cleaned), np.random.default_rng(len(text)))) == cleaned
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
