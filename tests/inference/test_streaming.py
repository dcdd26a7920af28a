"""Predictions row by row, in order, a chunk at a time."""

import itertools

import numpy as np
import pytest

from keras_sentiment.config import InputConfig
from keras_sentiment.data.chunks import CHUNK_CHARACTERS, CHUNK_REVIEWS
from keras_sentiment.decision import Decision
from keras_sentiment.errors import InputError
from keras_sentiment.inference.classifier import Classifier
from keras_sentiment.inference.streaming import KeptColumns, predict_rows
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


def predicted(rows, *options):
    """Chunks of results for rows of a text or an error."""
    tables = ((n, text if isinstance(text, InputError) else {"text": text}) for n, text in rows)
    return predict_rows(classifier(), tables, "text", lambda row: {}, *options)


def test_each_row_has_its_own_answer_in_order():
    texts = texts_of_many_lengths(3000)
    numbers = range(5, 5 + 3 * 3000, 3)
    found = [*itertools.chain.from_iterable(predicted(zip(numbers, texts, strict=True)))]
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

    chunks = predicted(rows())
    for chunk in (1, 2, 3):
        assert len(next(chunks)) == CHUNK_REVIEWS
        assert read_so_far[-1] <= chunk * CHUNK_REVIEWS + 1


def test_long_texts_make_small_chunks():
    long = "good film " * (CHUNK_CHARACTERS // 20)
    chunks = predicted(enumerate([long] * 5))
    assert [len(chunk) for chunk in chunks] == [2, 2, 1]


def test_a_bad_row_stops_or_is_left_out():
    rows = [(1, "good"), (2, InputError("x:2: a")), (4, "bad"), (5, InputError("x:5: b")), (6, "")]
    with pytest.raises(InputError, match="x:2: a"):
        list(predicted(rows))
    told = []
    (results,) = predicted(rows, told.append)
    assert [(result["row"], result["label"]) for result in results] == [
        (1, "positive"),
        (4, "negative"),
        (6, "negative"),
    ]
    assert [str(error) for error in told] == ["x:2: a", "x:5: b"]
    assert list(predicted([])) == []


def test_columns_stay_and_give_way_to_ours():
    rows = [(2, {"text": "good", "label": "7", "id": "a"}), (3, {"text": "bad", "id": "b"})]
    (found,) = predict_rows(classifier(), rows, "text", KeptColumns(None))
    assert [(r["text"], r.get("input_label"), r["label"], r["id"]) for r in found] == [
        ("good", "7", "positive", "a"),
        ("bad", None, "negative", "b"),
    ]
    (found,) = predict_rows(classifier(), rows, "text", KeptColumns(["id"]))
    assert [list(r) for r in found] == [
        ["row", "id", "label", "probability", "probabilities", "truncated"]
    ] * 2
    assert KeptColumns([])(rows[0][1]) == {}
    with pytest.raises(InputError, match="columns 'label' and 'input_label'; rename one"):
        KeptColumns(None)({"text": "", "label": "", "input_label": ""})
    assert KeptColumns(["input_label"])({"label": 1, "input_label": 2}) == {"input_label": 2}
