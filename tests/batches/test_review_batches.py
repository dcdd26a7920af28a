"""Batches: every review once, cut and padded as configured, composed anew each epoch."""

import keras
import numpy as np
import pytest

from helpers.tiny import TOKENIZER, make_split
from keras_sentiment.batches.review_batches import ReviewBatches
from keras_sentiment.config import InputConfig
from keras_sentiment.data.padding import bucket_lengths

pytestmark = pytest.mark.once

LENGTHS = [*range(1, 120), *range(1, 60), 700, 900]


INPUTS = InputConfig(sequence_length=128)


def batches(lengths=LENGTHS, inputs=INPUTS, batch_size=8, seed=7):
    return ReviewBatches(make_split(lengths), TOKENIZER, inputs, batch_size, seed=seed)


def rows_of(dataset):
    return [rows.tolist() for rows, _ in dataset.for_scoring()]


@pytest.mark.parametrize("seed", [None, 7])
def test_every_review_is_in_one_batch(seed):
    dataset = batches(seed=seed)
    assert sorted(row for batch in rows_of(dataset) for row in batch) == list(range(len(LENGTHS)))
    assert len(rows_of(dataset)) == dataset.num_batches


def test_rows_hold_specials_ids_and_padding():
    dataset = batches([3, 5], seed=None)
    inputs, labels = dataset[0]
    for line, row in enumerate(rows_of(dataset)[0]):
        ids = dataset.split[row]
        expected = [TOKENIZER.cls_id, *ids, TOKENIZER.sep_id]
        padding = inputs["token_ids"].shape[1] - len(expected)
        assert inputs["token_ids"][line].tolist() == expected + [TOKENIZER.pad_id] * padding
        assert inputs["padding_mask"][line].tolist() == [1] * len(expected) + [0] * padding
        assert labels[line] == dataset.split.labels[row]
    assert inputs["token_ids"].dtype == inputs["padding_mask"].dtype == labels.dtype == np.int32


@pytest.mark.parametrize(("truncation", "head", "tail"), [("head", 510, 0), ("head_tail", 128, 382)])
def test_long_review_is_cut(truncation, head, tail):
    dataset = batches([900], InputConfig(sequence_length=512, truncation=truncation))
    ids = dataset.split[0].tolist()
    row = dataset[0][0]["token_ids"][0].tolist()
    assert row == [TOKENIZER.cls_id, *ids[:head], *ids[900 - tail :], TOKENIZER.sep_id]


def test_review_that_just_fits_is_whole():
    for truncation in ("head", "head_tail"):
        dataset = batches([10], InputConfig(sequence_length=12, truncation=truncation))
        assert dataset[0][0]["token_ids"][0, 1:11].tolist() == dataset.split[0].tolist()


def test_word_dropout_leaves_out_a_share_in_order_and_others_each_epoch():
    dataset = ReviewBatches(make_split(LENGTHS), TOKENIZER, INPUTS, 8, seed=7, word_dropout=0.4)
    seen = []
    for epoch in (0, 1, 0):
        dataset.start_epoch(epoch)
        found = {}
        for rows, inputs in dataset.for_scoring():
            for row, ids, mask in zip(
                rows.tolist(), inputs["token_ids"], inputs["padding_mask"], strict=True
            ):
                found[row] = ids[mask == 1][1:-1].tolist()
        assert sorted(found) == list(range(len(LENGTHS)))
        for row, ids in found.items():
            whole = dataset.split[row].tolist()
            assert len(ids) == min(len(whole) - int(0.4 * len(whole)), 126)
            remaining = iter(whole)
            assert all(token in remaining for token in ids)  # a subsequence
        seen.append(found)
    assert seen[0] == seen[2]
    assert sum(seen[0][row] != seen[1][row] for row in seen[0]) > 100


def test_word_dropout_reaches_all_of_a_long_review():
    split = make_split([1000])
    split.ids[:] = np.arange(1000) % 2**16
    dataset = ReviewBatches(split, TOKENIZER, InputConfig(sequence_length=512), 8, seed=7, word_dropout=0.5)
    ids = dataset[0][0]["token_ids"][0, 1:501].astype("int64")
    assert (np.diff(ids) > 0).all()
    # The middle, 128 to 618, is what cutting alone would leave out.
    assert 200 < ((ids >= 128) & (ids < 618)).sum() < 290


def test_word_dropout_needs_a_seed():
    with pytest.raises(ValueError, match="seed"):
        ReviewBatches(make_split([5]), TOKENIZER, INPUTS, 8, word_dropout=0.5)


@pytest.mark.parametrize("inputs", [INPUTS, InputConfig(sequence_length=100, pad_to=128)])
def test_every_review_weighs_the_same(inputs):
    dataset = batches([*range(1, 120)] * 9, inputs)
    sizes = dataset.batch_sizes
    assert sorted(sizes)[1:] == [8] * (len(sizes) - 1)  # one holds what is left over
    assert sum(sizes) == 9 * 119


def test_scoring_has_a_budget_of_tokens():
    dataset = batches([*range(1, 120)] * 20, batch_size=None, seed=None)
    shapes = [dataset[i][0]["token_ids"].shape for i in range(dataset.num_batches)]
    assert all(rows * length <= 4096 for rows, length in shapes)
    assert max(rows for rows, _ in shapes) >= 4 * min(rows for rows, _ in shapes[:-1])


@pytest.mark.parametrize(("backend", "most"), [("torch", 16), ("jax", 4), ("tensorflow", 4)])
def test_few_shapes(backend, most, monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: backend)
    dataset = batches()
    shapes = [dataset[i][0]["token_ids"].shape for i in range(dataset.num_batches)]
    assert {length for _, length in shapes} <= set(bucket_lengths(dataset.inputs, few=backend != "torch"))
    # One shape a bucket, and one for what is left over at the end.
    assert len(set(shapes)) <= most + 1


def test_like_lengths_pad_less_than_half_as_much():
    def padding(dataset):
        masks = [dataset[i][0]["padding_mask"] for i in range(dataset.num_batches)]
        return sum(int((mask == 0).sum()) for mask in masks)

    assert padding(batches()) < padding(batches(inputs=InputConfig(128, pad_to=128))) / 2


def test_short_leftovers_are_not_padded_to_the_longest():
    dataset = batches([4, 9])
    enough = min(
        length
        for length in bucket_lengths(dataset.inputs, keras.backend.backend() != "torch")
        if length >= 9 + 2
    )
    assert enough < 128
    assert dataset[0][0]["token_ids"].shape == (2, enough)


def test_torch_pads_by_less_than_eight(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "torch")
    dataset = batches([*range(1, 100)] * 20)
    masks = [dataset[i][0]["padding_mask"] for i in range(dataset.num_batches)]
    assert np.mean([(mask == 0).sum(axis=1).mean() < 8 for mask in masks]) > 0.9


def test_pad_to_a_number_pads_all_rows_to_it():
    dataset = batches(inputs=InputConfig(sequence_length=100, pad_to=128))
    assert {dataset[i][0]["token_ids"].shape[1] for i in range(dataset.num_batches)} == {128}


def test_order_is_a_function_of_seed_and_epoch():
    first, second = batches(), batches()
    second.start_epoch(3)
    third = rows_of(second)
    second.start_epoch(0)
    assert rows_of(second) == rows_of(first)
    first.start_epoch(3)
    assert rows_of(first) == third != rows_of(second)
    assert rows_of(batches(seed=8)) != rows_of(batches(seed=7))


def test_composition_changes_and_number_of_batches_does_not():
    dataset = batches()
    compositions, counts = set(), set()
    for epoch in range(5):
        dataset.start_epoch(epoch)
        compositions.add(frozenset(map(frozenset, rows_of(dataset))))
        counts.add(dataset.num_batches)
    assert len(compositions) == 5
    assert len(counts) == 1


def test_first_two_batches_differ_in_shape():
    """Tensorflow takes what may vary from the first two."""
    for epoch in range(10):
        dataset = batches()
        dataset.start_epoch(epoch)
        (first, _), (second, _) = dataset[0], dataset[1]
        assert all(a != b for a, b in zip(first["token_ids"].shape, second["token_ids"].shape, strict=True))


def test_empty_split_is_refused():
    with pytest.raises(ValueError, match="at least one review"):
        batches([])
