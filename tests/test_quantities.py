"""Numbers in sentences."""

import pytest

from keras_sentiment.quantities import duration, figure, plural

pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0.99, "under 1 s"),
        (1, "1 s"),
        (59.6, "1 min"),
        (61, "1 min 1 s"),
        (599.6, "10 min"),
        (3599, "1 h"),
        (7260, "2 h 1 min"),
        (86400 * 3, "72 h"),
    ],
)
def test_durations(seconds, told):
    assert duration(seconds) == told


def test_one_and_many():
    found = [plural(count, "epoch") for count in (0, 1, 2, 1500)]
    assert found == ["0 epochs", "1 epoch", "2 epochs", "1,500 epochs"]
    assert [plural(2, noun) for noun in ("batch", "class", "text")] == ["2 batches", "2 classes", "2 texts"]


def test_figures_have_the_digits_that_their_texts_justify():
    assert [figure(2 / 3, texts) for texts in (99, 100, 9999, 10_000)] == ["0.67", "0.667", "0.667", "0.6667"]
