"""A prepared corpus on disk: overwriting, and the messages about damaged ones."""

import io
import json
import pickle

import numpy as np
import pytest

from helpers.made_up import contents, make_reviews
from keras_sentiment.data.config import PrepareConfig
from keras_sentiment.data.corpus import open_corpus
from keras_sentiment.data.evaluation_split import open_evaluation_split
from keras_sentiment.data.preparation import prepare_corpus
from keras_sentiment.errors import InputError

pytestmark = pytest.mark.once


def test_only_a_corpus_is_overwritten(tmp_path, tokenizer):
    path = tmp_path / "data"
    path.mkdir()
    prepare_corpus(make_reviews(), path, tokenizer, quiet=True)
    before = contents(tmp_path)
    with pytest.raises(InputError, match="--overwrite"):
        prepare_corpus(make_reviews(seed=1), path, tokenizer, quiet=True)
    assert contents(tmp_path) == before
    prepare_corpus(make_reviews(seed=1), path, tokenizer, overwrite=True, quiet=True)
    assert contents(tmp_path) != before
    assert [item.name for item in tmp_path.iterdir()] == ["data"]

    (path / "thesis.txt").write_text("years of work")
    strange = tmp_path / "home"
    strange.mkdir()
    (strange / "letter.txt").write_text("dear")
    (tmp_path / "file").write_text("text")
    before = contents(tmp_path)
    for taken in (path, strange, tmp_path / "file"):
        with pytest.raises(InputError, match=str(taken)):
            prepare_corpus(make_reviews(), taken, tokenizer, overwrite=True, quiet=True)
    assert contents(tmp_path) == before


def test_a_link_to_a_corpus_stays_a_link(tmp_path, tokenizer):
    prepare_corpus(make_reviews(), tmp_path / "there", tokenizer, quiet=True)
    (tmp_path / "here").symlink_to(tmp_path / "there")
    prepare_corpus(make_reviews(100), tmp_path / "here", tokenizer, overwrite=True, quiet=True)
    assert (tmp_path / "here").is_symlink()
    assert open_corpus(tmp_path / "there").info["splits"]["train"]["reviews"] == 80


def test_folders_that_are_not_a_corpus_are_refused(tmp_path, prepared):
    for path in (tmp_path, tmp_path / "missing"):
        with pytest.raises(InputError, match="not a prepared corpus"):
            open_corpus(path)
    (prepared / "data.json").write_text("{")
    with pytest.raises(InputError, match="not a prepared corpus"):
        open_corpus(prepared)


def test_a_later_format_is_refused(prepared):
    info = json.loads((prepared / "data.json").read_text("utf-8"))
    (prepared / "data.json").write_text(json.dumps({**info, "format_version": 2}))
    with pytest.raises(InputError, match="format version is 2"):
        open_corpus(prepared)


def test_other_cleaning_rules_are_refused(prepared):
    info = json.loads((prepared / "data.json").read_text("utf-8"))
    (prepared / "data.json").write_text(json.dumps({**info, "cleaning_version": 0}))
    with pytest.raises(InputError, match=r"version 0 of the cleaning rules.*prepare it again"):
        open_corpus(prepared)


@pytest.mark.parametrize("name", ["ids.npy", "offsets.npy", "labels.npy", "texts.jsonl"])
def test_missing_and_truncated_files_are_an_error(prepared, name):
    file = prepared / "validation" / name
    data = file.read_bytes()
    file.unlink()
    with pytest.raises(InputError, match="validation: the corpus is damaged"):
        open_corpus(prepared)
    if name.endswith(".npy"):
        file.write_bytes(data[:-4])
        with pytest.raises(InputError, match="validation: the corpus is damaged"):
            open_corpus(prepared)


def write_header(file, header):
    """Writes an array of a header without data."""
    file.write_bytes(np.lib.format.magic(1, 0) + len(header).to_bytes(2, "little") + header.encode())


def zipped(array):
    """The bytes that `np.savez` writes; `np.load` reads them too."""
    file = io.BytesIO()
    np.savez(file, array)
    return file.getvalue()


HEADER = "{{'descr': '{}', 'fortran_order': False, 'shape': {}}}\n"


class Hostile:
    def __reduce__(self):
        return pytest.fail, ("a pickle was opened",)


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("ids.npy", lambda file: np.save(file, np.array([Hostile()], object))),
        ("ids.npy", lambda file: file.write_bytes(pickle.dumps(Hostile()))),
        ("ids.npy", lambda file: file.write_bytes(zipped(np.array([Hostile()], object)))),
        ("ids.npy", lambda file: write_header(file, HEADER.format("<u2", "(1000000000000,)"))),
        ("ids.npy", lambda file: write_header(file, HEADER.format("<u2", "(10000000000000000000000,)"))),
        ("ids.npy", lambda file: write_header(file, HEADER.format("<u2", "(-1,)"))),
        ("ids.npy", lambda file: write_header(file, HEADER.format("<u2", "(9L,)"))),
        ("ids.npy", lambda file: write_header(file, "{'descr': ((((")),
        ("ids.npy", lambda file: np.save(file, np.load(file) + np.uint16(60_000))),
        ("ids.npy", lambda file: np.save(file, np.load(file).astype("float32"))),
        ("ids.npy", lambda file: np.save(file, np.load(file)[:, None])),
        ("offsets.npy", lambda file: np.save(file, np.append(np.load(file)[-2::-1], np.load(file)[-1]))),
        ("offsets.npy", lambda file: np.save(file, np.append(-1, np.load(file)[1:]))),
        ("labels.npy", lambda file: np.save(file, np.load(file) + np.int32(1))),
        ("labels.npy", lambda file: np.save(file, np.load(file) - np.int32(1))),
    ],
)
def test_forged_arrays_are_refused(prepared, name, damage):
    damage(prepared / "validation" / name)
    with pytest.raises(InputError, match="validation: the corpus is damaged") as caught:
        open_corpus(prepared)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "damage",
    [
        lambda lines: lines[:-1],
        lambda lines: [*lines, lines[0]],
        lambda lines: [*lines[:-1], b"{\n"],
        lambda lines: [*lines[:-1], b"[" * 100_000],
        lambda lines: [*lines[:-1], b'{"text": 1, "label": "negative", "source": ""}\n'],
        lambda lines: [*lines[:-1], b'{"text": "\\ud800", "label": "negative", "source": ""}\n'],
        lambda lines: [*lines[:-1], b'{"text": "good", "label": "joy", "source": ""}\n'],
        lambda lines: [*lines[:-1], b"\xff\n"],
    ],
)
def test_damaged_texts_are_an_error(prepared, damage):
    file = prepared / "validation" / "texts.jsonl"
    file.write_bytes(b"".join(damage(file.read_bytes().splitlines(keepends=True))))
    with pytest.raises(InputError, match=r"texts\.jsonl"):
        list(open_corpus(prepared).splits["validation"].records())


@pytest.mark.parametrize(
    "changes", [{"labels": "ab"}, {"labels": ["a", "a"]}, {"splits": {}}, {"tokenizer": None}]
)
def test_a_damaged_data_json_is_an_error(prepared, changes):
    info = json.loads((prepared / "data.json").read_text("utf-8"))
    (prepared / "data.json").write_text(json.dumps({**info, **changes}))
    with pytest.raises(InputError, match=r"data\.json: a key is missing or wrong"):
        open_corpus(prepared)


@pytest.mark.parametrize(
    "content", ["[" * 100_000, '{"format_version": Infinity}', '{"format_version": 1e999}']
)
def test_an_unreadable_data_json_is_an_error(prepared, content):
    (prepared / "data.json").write_text(content)
    with pytest.raises(InputError, match="not a prepared corpus"):
        open_corpus(prepared)


def test_another_tokenizer_is_an_error(prepared):
    file = prepared / "tokenizer" / "vocab.txt"
    file.write_text("\n".join(reversed(file.read_text("utf-8").split("\n")[:-1])) + "\n", "utf-8")
    with pytest.raises(InputError, match="its tokenizer is not the one"):
        open_corpus(prepared)


def test_labels_that_do_not_match_the_texts_are_refused(prepared):
    """Otherwise, metrics of other labels would have the fingerprint of these texts."""
    file = prepared / "test" / "labels.npy"
    np.save(file, 1 - np.load(file))
    with pytest.raises(InputError, match=r"texts\.jsonl:1: the row is damaged"):
        _ = open_corpus(prepared).splits["test"].fingerprint


@pytest.mark.parametrize("change", [np.flip, lambda ids: np.where(np.arange(len(ids)) == 3, 5, ids)])
def test_ids_that_do_not_match_the_texts_are_refused(prepared, change):
    file = prepared / "test" / "ids.npy"
    ids = np.load(file)
    np.save(file, change(ids).astype(ids.dtype))
    corpus = open_corpus(prepared)
    with pytest.raises(InputError, match="its token ids do not match its texts"):
        open_evaluation_split(corpus, "test", corpus.tokenizer(), corpus.labels, PrepareConfig())
