"""Names of labels."""

import pytest

from keras_sentiment.data.reviews import match_label, name_labels
from keras_sentiment.errors import InputError

pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (["pos", "neg"], {"pos": "positive", "neg": "negative"}),
        (["1", "0"], {"1": "positive", "0": "negative"}),
        (["Positive", "NEGATIVE"], {"Positive": "positive", "NEGATIVE": "negative"}),
        (["Neg", "neg", "pos"], {"Neg": "negative", "neg": "negative", "pos": "positive"}),
        (["neg", "neutral", "pos"], {"neg": "neg", "neutral": "neutral", "pos": "pos"}),
        (["0", "1", "2"], {"0": "0", "1": "1", "2": "2"}),
    ],
)
def test_names_of_labels(found, expected):
    assert name_labels(found) == expected


def test_more_labels_than_a_model_has_are_counted():
    assert len(name_labels(f"intent {number}" for number in range(1000))) == 1000
    with pytest.raises(InputError, match=r"1,200 different labels, such as 'intent 0', .* at most 1,000"):
        name_labels(f"intent {number}" for number in range(1200))


@pytest.mark.parametrize(
    "found", [["pos"], ["pos", "positive"], ["joy"], [], ["a\nb", "c"], map(str, range(2000))]
)
def test_labels_that_cannot_be_used(found):
    if found == ["pos", "positive"]:
        # Two names of one polarity are two labels, because the other polarity is missing.
        assert name_labels(found) == {"pos": "pos", "positive": "positive"}
        return
    with pytest.raises(InputError):
        name_labels(found)


def test_labels_of_a_source_match_those_of_a_model():
    labels = ["negative", "positive"]
    assert [match_label(name, labels) for name in ("pos", "0", "NEG", "positive")] == [1, 0, 0, 1]
    assert match_label("0", ["0", "1", "2"]) == 0
    with pytest.raises(InputError, match="'joy' is not one of"):
        match_label("joy", labels)
