"""Labels do not depend on the file format, and suspicious labels give a warning."""

import json
from decimal import Decimal

import pyarrow
import pytest
from pyarrow import parquet

from helpers.tiny import TOKENIZER, reviews
from keras_sentiment.data import preparation
from keras_sentiment.data.config import PrepareConfig
from keras_sentiment.data.corpus import open_corpus
from keras_sentiment.data.doubts import Doubts
from keras_sentiment.data.evaluation_split import open_evaluation_split
from keras_sentiment.data.preparation import prepare_corpus
from keras_sentiment.data.readers.sources import read
from keras_sentiment.data.reviews import Review, doubtful_labels, fold
from keras_sentiment.data.summary import summarize
from keras_sentiment.errors import InputError, require_labels

pytestmark = pytest.mark.once

TEXTS = [review.text for review in reviews(40)]


def write(folder, labels, metadata=None):
    """Writes the same table in each format; delimited tables have the labels as text."""
    for name, delimiter in (("it.csv", ","), ("it.tsv", "\t")):
        rows = [f"text{delimiter}label", *(f"{t}{delimiter}{x}" for t, x in zip(TEXTS, labels, strict=False))]
        (folder / name).write_text("\n".join(rows) + "\n")
    rows = [json.dumps({"text": t, "label": x}) for t, x in zip(TEXTS, labels, strict=False)]
    (folder / "it.jsonl").write_text("\n".join(rows) + "\n")
    table = pyarrow.table({"text": TEXTS[: len(labels)], "label": labels})
    parquet.write_table(table.replace_schema_metadata(metadata), folder / "it.parquet")
    return [folder / f"it.{suffix}" for suffix in ("csv", "tsv", "jsonl", "parquet")]


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([1.0, 0.0, 2.0], ["1", "0", "2"]),
        ([1, 0, -3], ["1", "0", "-3"]),
        ([True, False], ["true", "false"]),
        (["True", "FALSE", "true"], ["true", "false", "true"]),
        (["1.0", "1", "0.0", "-0.0"], ["1", "1", "0", "0"]),
        (["1.10", "01", "1.00", "1e0", "tRUE", "[3]"], ["1.10", "01", "1", "1e0", "tRUE", "3"]),
        (["NA", "null", "None"], ["NA", "null", "None"]),
    ],
)
def test_labels_are_the_same_from_every_format(labels, expected, tmp_path):
    for path in write(tmp_path, labels):
        assert [review.label for review in read(path)] == expected, path


@pytest.mark.parametrize("label", [None, float("nan"), ""])
def test_a_missing_label_is_an_error(label, tmp_path):
    row = {"text": "good", "label": label}
    (tmp_path / "it.jsonl").write_text(json.dumps(row) + "\n")
    parquet.write_table(pyarrow.table({"text": ["good"], "label": [label]}), tmp_path / "it.parquet")
    for path in (tmp_path / "it.jsonl", tmp_path / "it.parquet"):
        with pytest.raises(InputError, match=r"it\.\w+:1: column 'label' is empty"):
            list(read(path))


@pytest.mark.parametrize("label", [[1, 0], "[1, 0]", "[0.5, 0.5, 0]"])
def test_several_labels_in_a_cell_are_refused(label, tmp_path):
    (tmp_path / "it.jsonl").write_text(json.dumps({"text": "good", "label": label}) + "\n")
    with pytest.raises(
        InputError, match=r"it.jsonl:1: column 'label' has several values .*a text has one label"
    ):
        list(read(tmp_path / "it.jsonl"))


def class_label(*names):
    features = {
        "text": {"dtype": "string", "_type": "Value"},
        "label": {"names": names, "_type": "ClassLabel"},
    }
    return {b"huggingface": json.dumps({"info": {"features": features}}).encode()}


def test_the_class_names_of_a_schema_become_labels(tmp_path):
    """If the schema names class 0 positive, its label is positive."""
    *_, path = write(tmp_path, [0, 1, 1, 0], class_label("positive", "negative"))
    assert [review.label for review in read(path)] == ["positive", "negative", "negative", "positive"]
    *_, path = write(tmp_path, [2, 0, 1], class_label("world", "sports", "tech"))
    assert [review.label for review in read(path)] == ["tech", "world", "sports"]
    *_, path = write(tmp_path, [0, -1], class_label("a", "b"))
    with pytest.raises(InputError, match=r"it.parquet:2: column 'label' is -1"):
        list(read(path))
    *_, path = write(tmp_path, [0, 2], class_label("a", "b"))
    with pytest.raises(InputError, match=r"it.parquet:2: .*schema has only 2 classes"):
        list(read(path))


@pytest.mark.parametrize(
    "metadata",
    [
        {b"huggingface": b"\xff"},
        {b"huggingface": b"[]"},
        {b"huggingface": b'{"info": {"features": {"label": 7}}}'},
        {b"huggingface": b'{"info": {"features": {"label": {"names": [1, 2]}}}}'},
    ],
)
def test_damaged_class_names_are_ignored(metadata, tmp_path):
    *_, path = write(tmp_path, [0, 1], metadata)
    assert [review.label for review in read(path)] == ["0", "1"]


def test_suspicious_labels_give_a_warning():
    assert doubtful_labels({"negative": 30, "Positive": 2, "positive": 30, "Neg": 1}) == []
    (warning,) = doubtful_labels({"joy": 9, "Joy": 3, "fear": 8})
    assert "'Joy' (3), 'joy' (9)" in warning
    assert "--fold-case" in warning
    three = dict.fromkeys(["Negative", "negative", "neutral", "positive", "POSITIVE"], 9)
    assert len(doubtful_labels(three)) == 2
    (warning,) = doubtful_labels({"café": 9, "cafe\u0301": 3})
    assert "differ only in case or Unicode form" in warning
    (warning,) = doubtful_labels({"NA": 9, "yes": 30})
    assert "label 'NA' (9 reviews)" in warning
    with pytest.raises(InputError, match=r"30 different labels in 40 reviews.*--label-column"):
        doubtful_labels({f"text {n}": 1 + (n < 10) for n in range(30)})


def test_fold_case_merges_labels(tmp_path):
    names = ["Joy", "JOY", "joy", "Fear", "fear", "\ufb01ne", "FINE"]
    rows = [Review(text, names[n % 7], f"{n}") for n, text in enumerate(TEXTS + [t + " plot" for t in TEXTS])]
    info = prepare_corpus(rows, tmp_path / "as they are", TOKENIZER, quiet=True)
    assert len(info["labels"]) == 7
    assert sum("differ only in case" in warning for warning in info["warnings"]) == 3
    folded = [(review.text, review.label) for review in rows]
    config = PrepareConfig(fold_case=True)
    info = prepare_corpus(read(folded, config), tmp_path / "folded", TOKENIZER, config=config, quiet=True)
    assert info["labels"] == ["fear", "fine", "joy"]
    assert info["warnings"] == []
    labels = open_corpus(tmp_path / "folded").labels
    _, split = open_evaluation_split(folded, None, TOKENIZER, labels, config)
    assert len(split) == 80
    with pytest.raises(InputError, match="label 'Joy' is not one of"):
        open_evaluation_split(folded, None, TOKENIZER, labels, PrepareConfig())
    assert fold("STRASSE") == fold("straße")


def test_renamed_labels_are_printed_and_stored(tmp_path):
    rows = [Review(text, str(n % 2), f"{n}") for n, text in enumerate(TEXTS)]
    info = prepare_corpus(rows, tmp_path / "data", TOKENIZER, quiet=True)
    assert info["label_names"] == {"0": "negative", "1": "positive"}
    assert "labels renamed: 0 -> negative, 1 -> positive" in summarize(info)


@pytest.mark.parametrize("several", ["[1, 0]", "[1 0 0]", "('pos', 'neg')", "{'pos', 'neg'}", "8,20"])
def test_printed_lists_of_labels_are_refused(several):
    with pytest.raises(InputError, match="several values"):
        list(read([("a", "pos"), ("b", several)]))


@pytest.mark.parametrize("one", ["['pos']", '["pos"]', "[pos]", ["pos"], "pos"])
def test_a_list_of_one_label_becomes_that_label(one):
    assert [review.label for review in read([("a", one)])] == ["pos"]


def test_whole_decimals_become_whole_numbers():
    values = [Decimal("1"), Decimal("0.00"), "1.00", "-2.000", Decimal("1.5"), "1.50"]
    assert [r.label for r in read([("a", value) for value in values])] == ["1", "0", "1", "-2", "1.5", "1.50"]


@pytest.mark.parametrize("word", ["#N/A", "\\N", "<NA>", ".", "-", "(null)", "NaN"])
def test_words_for_missing_values_give_a_warning(word):
    (found,) = doubtful_labels({"good": 30, "bad": 30, word: 2})
    assert f"label {word!r} (2 reviews) is used as a label" in found
    doubts = Doubts()
    for text in ("a film", word, f" {word} "):
        doubts.add(text, "it:1")
    (found,) = doubts.warnings()
    assert "texts such as NULL, which may stand for a missing text: 2" in found


def test_a_label_that_is_too_long_is_reported_with_its_row(tmp_path):
    long = "x" * 201
    for path in write(tmp_path, ["a" * 200, "b", long]):
        row = {"csv": 4, "tsv": 4, "jsonl": 3, "parquet": 3}[path.suffix[1:]]
        with pytest.raises(InputError, match=rf"^{path.name}:{row}: column 'label': a label of 201 char"):
            list(read(path, quiet=True))
    feature = {"names": ["a", "y" * 3_000_000], "_type": "ClassLabel"}
    names = json.dumps({"info": {"features": {"label": feature}}})
    parquet_file = write(tmp_path, [0, 1], {"huggingface": names})[-1]
    with pytest.raises(InputError, match=r"it\.parquet:2: column 'label': a label of 3,000,000 characters"):
        list(read(parquet_file, quiet=True))
    with pytest.raises(InputError, match="pair 2: column 'label': a label of 201 characters"):
        list(read([("a film", "pos"), ("a film", long)]))
    folder = tmp_path / "folder"
    for label in ("neg", long):
        (folder / label).mkdir(parents=True)
        (folder / label / "1.txt").write_text("a film")
    with pytest.raises(InputError, match=rf"{folder}: a label of 201 characters"):
        list(read(folder))
    grown = [("a film", "\ufdfa" * 20), ("a film", "b")]  # each becomes 18 letters in lower case
    with pytest.raises(InputError, match="a label of 360 characters"):
        prepare_corpus(read(grown, PrepareConfig(fold_case=True)), tmp_path / "out", TOKENIZER, quiet=True)
    assert not (tmp_path / "out").exists()
    with pytest.raises(InputError, match="a label of 201 characters"):
        require_labels(["a", long])


def test_a_corpus_with_a_data_json_that_is_too_large_is_not_written(tmp_path, monkeypatch):
    monkeypatch.setattr(preparation, "MAX_CONFIG_BYTES", 1000)
    with pytest.raises(InputError, match="at most 1,000 are allowed; shorten the names of the labels"):
        prepare_corpus(reviews(40), tmp_path / "out", TOKENIZER, quiet=True)
    assert list(tmp_path.iterdir()) == []
