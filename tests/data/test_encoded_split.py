"""Encoded splits: subsets, encoding and pickling."""

import pickle

import numpy as np
import pytest

from helpers.made_up import VOCABULARY, make_reviews
from keras_sentiment.data.chunks import in_chunks
from keras_sentiment.data.corpus import open_corpus
from keras_sentiment.data.encoded_split import Split
from keras_sentiment.data.reviews import Review
from keras_sentiment.errors import InputError
from keras_sentiment.text.cleaning import clean
from keras_sentiment.text.tokenizer import Tokenizer

pytestmark = pytest.mark.once


def test_chunks_are_bounded():
    texts = ["a" * 10] * 3000 + ["b" * 5_000_000, "c" * 3_000_000, "d" * 3_000_000]
    chunks = list(in_chunks(iter(texts)))
    assert [text for chunk in chunks for text in chunk] == texts
    assert [len(chunk) for chunk in chunks] == [1024, 1024, 952, 1, 1, 1]


def assert_same_reviews(split: Split, indices, part: Split) -> None:
    records = list(split.records())
    assert list(part.records()) == [records[i] for i in indices]
    assert len(part) == len(indices)
    for place, index in enumerate(indices):
        np.testing.assert_array_equal(part[place], split[index])
        assert part.labels[place] == split.labels[index]


def test_take(prepared):
    split = open_corpus(prepared).splits["train"]
    for indices in ([0, 3, 4, 159], [], range(160)):
        assert_same_reviews(split, list(indices), split.take(indices))
    assert split.take(range(160)).fingerprint == split.fingerprint
    assert split.take(range(159)).fingerprint != split.fingerprint
    assert_same_reviews(split, [7], split.take([2, 7]).take([1]))
    for wrong in ([3, 3], [4, 3], [-1], [160]):
        with pytest.raises(ValueError, match="indices"):
            split.take(wrong)


def test_subsample_is_stratified_and_seeded(tokenizer):
    names = ["a"] * 90 + ["b"] * 9 + ["c"]
    split = Split.from_texts([f"worda {i}" for i in range(100)], tokenizer, ["a", "b", "c"], names)
    for size, counts in ((50, [45, 4, 1]), (20, [17, 2, 1]), (3, [1, 1, 1]), (99, [89, 9, 1])):
        np.testing.assert_allclose(np.bincount(split.subsample(size, 0).labels, minlength=3), counts, atol=1)
        assert len(split.subsample(size, 0)) == size
    texts = [list(split.subsample(50, seed).texts()) for seed in (0, 0, 1)]
    assert texts[0] == texts[1] != texts[2]
    assert split.subsample(100, 0) is split
    with pytest.raises(InputError, match="3 labels"):
        split.subsample(2, 0)


def test_a_split_in_memory_equals_the_prepared_one(prepared, tokenizer):
    split = open_corpus(prepared).splits["test"]
    by_source = {review.source: review for review in make_reviews()}
    reviews = [by_source[record.source] for record in split.records()]
    memory = Split.from_reviews(reviews, tokenizer, ["negative", "positive"])
    assert_same_reviews(split, range(len(split)), memory)
    assert memory.fingerprint == split.fingerprint
    assert memory.ids.dtype == split.ids.dtype
    with pytest.raises(InputError, match="made:0: label 'neg'"):
        Split.from_reviews(make_reviews(), tokenizer, ["anger", "joy"])
    with pytest.raises(InputError, match="empty: the review has no"):
        Split.from_reviews([Review("<br>", "pos", "empty")], tokenizer, ["negative", "positive"])


def test_unlabelled_texts_are_encoded(tokenizer):
    split = Split.from_texts(["worda", "", "<b>wordb</b> wordc"], tokenizer)
    assert split.lengths.tolist() == [1, 0, 2]
    assert split.labels.tolist() == [-1, -1, -1]
    assert list(split.texts()) == ["worda", "", "wordb wordc"]
    assert len(Split.from_texts([], tokenizer)) == 0


def test_splits_can_be_pickled(prepared, tokenizer):
    split = open_corpus(prepared).splits["train"]
    for each in (split.take([1, 2]), Split.from_texts(["worda"], tokenizer)):
        copy = pickle.loads(pickle.dumps(each))
        assert_same_reviews(each, range(len(each)), copy)


@pytest.mark.parametrize(
    "raw", ["&amp;lt;worda&amp;gt; wordb", r"worda &#92;n wordb", "&lt;b x=worda&gt; wordb"]
)
def test_encoding_again_does_not_clean_again(tokenizer, raw):
    """Each of these texts would change if it were cleaned again."""
    other = Tokenizer([*VOCABULARY[:5], *"<>&;=\\nltgbx", *reversed(VOCABULARY[5:])])
    assert clean(clean(raw)) != clean(raw)
    split = Split.from_texts([raw, "wordc"], tokenizer, ["a", "b"], ["b", "a"])
    again = split.encoded_by(other)
    assert_same_reviews(again, [0, 1], Split.from_texts([raw, "wordc"], other, ["a", "b"], ["b", "a"]))
    assert list(again.records()) == list(split.records())
    np.testing.assert_array_equal(again[0], other.encode([clean(raw)])[0])
    assert_same_reviews(split, [0, 1], again.encoded_by(tokenizer))
