"""Splitting: no shared texts, groups in one split, every label in every split, reproducible by seed."""

import numpy as np
import pytest

from keras_sentiment.data.config import PrepareConfig
from keras_sentiment.data.splitting import DROPPED, TEST, TRAIN, VALIDATION, assign
from keras_sentiment.errors import InputError

pytestmark = pytest.mark.once

NAMES = ["negative", "positive"]
CONFIG = PrepareConfig()


def shares(splits, size):
    return [int((splits == split).sum()) / size for split in (TRAIN, VALIDATION, TEST)]


def test_the_split_is_stratified():
    labels = np.repeat([0, 1], [300, 1000])
    splits = assign(np.arange(1300), labels, NAMES, config=CONFIG).splits
    for label, size in enumerate((300, 1000)):
        assert shares(splits[labels == label], size) == [0.8, 0.1, 0.1]


@pytest.mark.parametrize("size", range(3, 60))
def test_no_split_is_empty_with_few_reviews(size):
    labels = np.repeat([0, 1], size)
    splits = assign(np.arange(2 * size), labels, NAMES, config=CONFIG).splits
    for label in (0, 1):
        counts = np.bincount(splits[labels == label], minlength=3)
        assert counts.min() >= 1
        assert counts[TRAIN] >= counts[VALIDATION] >= 1
        assert abs(counts[TEST] - size / 10) <= 1


def test_the_split_depends_on_the_seed_and_not_on_the_order():
    rng = np.random.default_rng(0)
    texts, labels = rng.permutation(500), rng.integers(0, 2, 500)
    first = assign(texts, labels, NAMES, config=CONFIG).splits
    order = rng.permutation(500)
    again = assign(texts[order], labels[order], NAMES, config=CONFIG).splits
    np.testing.assert_array_equal(again, first[order])
    other = assign(texts, labels, NAMES, config=PrepareConfig(seed=1)).splits
    assert (other != first).any()


def test_positions_give_contiguous_blocks_in_each_label():
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.repeat([0, 1], 200))
    positions = np.empty(400, np.int64)
    for label in (0, 1):
        positions[labels == label] = rng.permutation(200) * 3
    result = assign(rng.permutation(400), labels, NAMES, config=CONFIG, positions=positions)
    for label in (0, 1):
        members = np.flatnonzero(labels == label)
        in_film_order = result.splits[members[np.argsort(positions[members])]]
        np.testing.assert_array_equal(in_film_order, np.repeat([TRAIN, VALIDATION, TEST], [160, 20, 20]))


def test_a_given_test_part_is_kept():
    is_test = np.arange(400) % 2 == 0
    labels = np.arange(400) // 2 % 2
    texts = np.arange(400)
    # Copies in test are kept, because a given test part is not changed.
    texts[[0, 4]] = 8
    result = assign(texts, labels, NAMES, config=CONFIG, given=TEST * is_test)
    np.testing.assert_array_equal(result.splits == TEST, is_test)
    assert (result.splits == VALIDATION).sum() == 20
    assert result.dropped == {"validation": 0, "train": 0}


def test_splits_share_no_text_and_copies_are_counted():
    rng = np.random.default_rng(0)
    texts, labels = rng.integers(0, 700, 1000), rng.integers(0, 2, 1000)
    is_test = rng.random(1000) < 0.2
    for part in (None, is_test):
        result = assign(texts, labels, NAMES, config=CONFIG, given=None if part is None else TEST * part)
        found = [set(texts[result.splits == split]) for split in (TRAIN, VALIDATION, TEST)]
        assert not found[0] & found[1]
        assert not found[0] & found[2]
        assert not found[1] & found[2]
        assert sum(result.dropped.values()) == (result.splits == DROPPED).sum()
        assert (result.splits == DROPPED).any() == (part is not None)  # sampled copies stay together
        # A later split has each dropped text, and train keeps the copies of its own texts.
        assert set(texts[result.splits == DROPPED]) <= found[1] | found[2]
        assert len(found[0]) < (result.splits == TRAIN).sum()


def test_contradictions_are_counted_by_text():
    texts = np.arange(40)
    labels = np.arange(40) % 2
    texts[[0, 1, 2, 3]] = 0  # each label twice
    texts[[5, 7]] = 5  # one label twice
    assert assign(texts, labels, NAMES, config=CONFIG).contradictions == 1


def test_a_group_is_in_one_split():
    rng = np.random.default_rng(0)
    groups, labels = rng.integers(0, 120, 3000), rng.integers(0, 2, 3000)
    result = assign(np.arange(3000), labels, NAMES, config=CONFIG, groups=groups)
    for group in range(120):
        assert len(set(result.splits[groups == group])) == 1
    np.testing.assert_allclose(shares(result.splits, 3000), [0.8, 0.1, 0.1], atol=0.03)


def test_groups_of_one_label_are_in_every_split():
    labels = np.repeat([0, 1], [100, 900])
    groups = np.concatenate([np.arange(100) // 30, 10 + np.arange(900) // 30])
    splits = assign(np.arange(1000), labels, NAMES, config=CONFIG, groups=groups).splits
    assert {(label, split) for label, split in zip(labels, splits, strict=True)} == {
        (label, split) for label in (0, 1) for split in (TRAIN, VALIDATION, TEST)
    }


@pytest.mark.parametrize(
    ("texts", "labels", "options", "expected"),
    [
        (np.arange(12), [0] * 10 + [1] * 2, {}, "'positive' has no review for the train split"),
        ([0] * 10 + list(range(1, 11)), [0] * 10 + [1] * 10, {}, "at least 3 different texts"),
        (np.arange(12), [0, 1] * 6, {"groups": np.arange(12) // 6}, "in 3 groups or more"),
        (
            np.arange(12),
            [0, 1] * 6,
            {"given": TEST * (np.arange(12) == 1)},
            "test part of the source has no review of label 'negative'",
        ),
        (np.arange(12), [0, 1] * 6, {"given": TEST * (np.arange(12) > -1)}, "for the train split"),
    ],
)
def test_a_label_missing_in_a_split_is_refused(texts, labels, options, expected):
    with pytest.raises(InputError, match=expected):
        assign(np.array(texts), np.array(labels), NAMES, config=CONFIG, **options)


def test_frequent_texts_stay_in_train():
    """A text with more copies than a held-out split has reviews would make up that whole split."""
    texts = np.concatenate([np.repeat([0, 1, 2], [40, 30, 5]), 10 + np.arange(125)])
    labels = np.zeros(len(texts), np.int64)
    other = np.arange(1000, 1100)
    for seed in range(5):
        splits = assign(
            np.concatenate([texts, other]),
            np.concatenate([labels, np.ones(100, np.int64)]),
            NAMES,
            config=PrepareConfig(seed=seed),
        ).splits
        assert (splits[: len(texts)][texts <= 1] == TRAIN).all()
        np.testing.assert_allclose(shares(splits[: len(texts)], 200), [0.8, 0.1, 0.1], atol=0.03)


def test_few_texts_with_many_copies_are_in_every_split():
    texts = np.concatenate([np.repeat(np.arange(6), [25, 24, 21, 18, 16, 16]), 10 + np.arange(60)])
    labels = np.repeat([0, 1], [120, 60])
    splits = assign(texts, labels, NAMES, config=CONFIG).splits
    greeting = splits[labels == 0]
    assert {TRAIN, VALIDATION, TEST} == set(greeting.tolist())
    assert (greeting == TRAIN).mean() > 0.7
    for text in range(6):
        assert len(set(splits[texts == text])) == 1
