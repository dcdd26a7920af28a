"""Sets of texts stored as hashes: copies, files, and damaged files."""

import io
import json
import pickle
from contextlib import ExitStack

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.strategies import FUZZ
from keras_sentiment.data.fingerprint import copy_key, copy_keys
from keras_sentiment.data.review_index import ReviewIndex
from keras_sentiment.data.reviews import Review
from keras_sentiment.data.splitting import TEST, Assignment
from keras_sentiment.data.text_keys import NO_TEXTS, TextKeys
from keras_sentiment.errors import InputError

pytestmark = pytest.mark.once

texts = st.lists(st.text("aäAß é", max_size=3), max_size=12)


@settings(FUZZ, max_examples=100)
@given(texts, texts)
def test_copies_are_counted(known, others):
    """Each copy counts, for any order of the texts and any number of known copies."""
    keys = {copy_key(text) for text in known}
    expected = sum(copy_key(text) in keys for text in others)
    found = TextKeys.of(known)
    assert found.count(copy_keys(others)) == expected
    assert found.union(TextKeys.of(reversed(known)), NO_TEXTS).count(copy_keys(others)) == expected
    assert len(found) == len(keys)
    both = found.union(TextKeys.of(others))
    assert both.count(copy_keys([*known, *others])) == len(known) + len(others)


def test_copies_may_differ_in_case_accents_and_spaces():
    known = TextKeys.of(["A good film, über alles."])
    copies = ["a GOOD film,uber  alles.", "A good film, u\u0308ber alles."]
    assert known.count(copy_keys([*copies, "A good film, under alles."])) == len(copies)


def test_keys_equal_those_of_the_index(tmp_path):
    names = ["good", "bad", "née"]
    with ExitStack() as files:
        index = ReviewIndex(tmp_path / "index", files)
        for name in names:
            index.add(Review(name, name, ""), name, copy_key(name))
        held_out = index.held_out(Assignment(np.full(len(names), TEST, np.int8), {}, 0))
    assert sorted(held_out.tolist()) == TextKeys.of(names).keys.tolist()


@pytest.mark.parametrize("count", [0, 1, 1000])
def test_what_was_written_is_read(count, tmp_path):
    known = TextKeys.of(map(str, range(count)))
    for _ in range(2):
        known.write(tmp_path / "keys.npy")
        assert [item.name for item in tmp_path.iterdir()] == ["keys.npy"]
        assert TextKeys.read(tmp_path / "keys.npy", "").keys.tolist() == known.keys.tolist()
    assert (tmp_path / "keys.npy").stat().st_size == 128 + 8 * count


class Hostile:
    def __reduce__(self):
        return pytest.fail, ("a pickle was opened",)


def saved(array, **options):
    file = io.BytesIO()
    np.save(file, array, **options)
    return file.getvalue()


WHOLE = saved(np.arange(9, dtype="<u8"))


@pytest.mark.parametrize(
    "content",
    [
        None,
        b"",
        b"no array",
        WHOLE[:-8],
        WHOLE[:40],
        saved(np.arange(9, dtype="<u8")[::-1]),
        saved(np.zeros(2, "<u8")),
        saved(np.arange(9, dtype="<i8")),
        saved(np.arange(9, dtype=">u8")),
        saved(np.arange(8, dtype="<u8").reshape(2, 4)),
        saved(np.array([Hostile()], object), allow_pickle=True),
        pickle.dumps(Hostile()),
        json.dumps([1, 2]).encode(),
    ],
)
def test_damaged_lists_of_keys_are_refused(content, tmp_path):
    file = tmp_path / "keys.npy"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(
        InputError, match=r"keys\.npy: the list of known texts can't be read .*; train again$"
    ) as caught:
        TextKeys.read(file, "train again")
    assert str(caught.value).startswith(str(file))
