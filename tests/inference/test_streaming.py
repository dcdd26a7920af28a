"""Predictions row by row, in order, a chunk at a time."""

import csv
import io
import itertools
import json

import numpy as np
import pytest

from keras_sentiment.config import InputConfig
from keras_sentiment.data.chunks import CHUNK_CHARACTERS, CHUNK_REVIEWS
from keras_sentiment.decision import Decision
from keras_sentiment.errors import InputError
from keras_sentiment.inference.classifier import Classifier
from keras_sentiment.inference.streaming import WRITERS, predict_rows
from keras_sentiment.text.tokenizer import Tokenizer

pytestmark = pytest.mark.once
WORDS = ("good", "bad", "film")
TOKENIZER = Tokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS])


class CountingEngine:
    """A model by hand: a logit is how often its word is there."""

    compiles = False

    def __call__(self, rows):
        ids = rows["token_ids"]
        counts = [(ids == TOKENIZER.vocabulary.index(word)).sum(axis=1) for word in ("bad", "good")]
        return np.stack(counts, axis=1).astype("float32") / 4


def classifier(labels=("negative", "positive")):
    return Classifier(TOKENIZER, InputConfig(sequence_length=16), Decision(labels), CountingEngine())


def texts_of_many_lengths(count):
    return [" ".join(["good"] * (i % 7) + ["bad"] * (i % 11) + ["film"] * (i % 3)) for i in range(count)]


def test_each_row_has_its_own_answer_in_order():
    texts = texts_of_many_lengths(3000)
    numbers = range(5, 5 + 3 * 3000, 3)
    found = [*itertools.chain.from_iterable(predict_rows(classifier(), zip(numbers, texts, strict=True)))]
    assert [result["row"] for result in found] == list(numbers)
    expected = classifier().predict(texts)
    assert [{"row": n, **result} for n, result in zip(numbers, expected, strict=True)] == found
    assert {result["truncated"] for result in found} == {False, True}


def test_a_chunk_is_answered_before_the_next_one_is_read():
    read_so_far = []

    def rows():
        for number in itertools.count(1):  # as long as standard input stays open
            read_so_far.append(number)
            yield number, "good"

    chunks = predict_rows(classifier(), rows())
    for chunk in (1, 2, 3):
        assert len(next(chunks)) == CHUNK_REVIEWS
        assert read_so_far[-1] <= chunk * CHUNK_REVIEWS + 1


def test_long_texts_make_small_chunks():
    long = "good film " * (CHUNK_CHARACTERS // 20)
    chunks = predict_rows(classifier(), enumerate([long] * 5))
    assert [len(chunk) for chunk in chunks] == [2, 2, 1]


def test_a_bad_row_stops_or_is_left_out():
    rows = [(1, "good"), (2, InputError("x:2: a")), (4, "bad"), (5, InputError("x:5: b")), (6, "")]
    with pytest.raises(InputError, match="x:2: a"):
        list(predict_rows(classifier(), rows))
    told = []
    (results,) = predict_rows(classifier(), rows, told.append)
    assert [(result["row"], result["label"]) for result in results] == [
        (1, "positive"),
        (4, "negative"),
        (6, "negative"),
    ]
    assert [str(error) for error in told] == ["x:2: a", "x:5: b"]
    assert list(predict_rows(classifier(), [])) == []


def results(labels=("negative", "positive")):
    rows = enumerate(["good", "bad bad", "", "good " * 50], 1)
    return list(predict_rows(classifier(labels), rows))


def written(ending, chunks, labels=("negative", "positive")):
    file = io.StringIO()
    WRITERS[ending](chunks, labels, file)
    return file.getvalue()


def test_both_kinds_of_file_hold_the_same_figures():
    labels = ("so, so", 'the "best"', "größte")
    chunks = [[{**r, "probabilities": dict(zip(labels, (0.1, 1e-17, 1 / 3), strict=True))} for r in c]
              for c in results()]  # fmt: skip
    objects = [json.loads(line) for line in written(".jsonl", chunks, labels).splitlines()]
    assert objects == chunks[0]
    table = list(csv.DictReader(io.StringIO(written(".csv", chunks, labels), newline="")))
    assert list(table[0]) == [
        "row",
        "label",
        "probability",
        "truncated",
        *(f"probability_{n}" for n in labels),
    ]
    for row, result in zip(table, objects, strict=True):
        assert (int(row["row"]), row["label"]) == (result["row"], result["label"])
        assert json.loads(row["truncated"]) is result["truncated"]
        assert float(row["probability"]) == result["probability"]
        assert {name: float(row[f"probability_{name}"]) for name in labels} == result["probabilities"]
    assert {row["truncated"] for row in table} == {"true", "false"}


def test_no_rows_are_no_results():
    assert written(".jsonl", []) == ""
    assert (
        written(".csv", []) == "row,label,probability,truncated,probability_negative,probability_positive\n"
    )


@pytest.mark.parametrize("ending", [".jsonl", ".csv"])
def test_a_chunk_is_in_the_file_when_the_next_one_is_asked_for(tmp_path, ending):
    (chunk,) = results()
    path = tmp_path / "results"

    def chunks():
        for done in range(4):
            assert path.read_text().count("\n") == len(chunk) * done + (ending == ".csv" and done > 0)
            yield chunk

    with path.open("w") as file:
        WRITERS[ending](chunks(), ("negative", "positive"), file)
