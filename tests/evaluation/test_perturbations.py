"""Perturbations change a text as little as they say, and never what it says of the film."""

import re
from collections import Counter

import numpy as np
import pytest

from helpers.hard_texts import HARD_TEXTS
from helpers.tiny import hostile_to_cleaning
from keras_sentiment.evaluation.perturbations import PERTURBATIONS, perturb
from keras_sentiment.text.cleaning import clean

pytestmark = pytest.mark.once

WORDS = ["a", "dull", "plot", "but", "wonderful", "actors", "carry", "this", "naïve", "film", "of", "1999"]
TEXTS = [" ".join(np.random.default_rng(i).permutation(WORDS * 10)) for i in range(20)]


@pytest.mark.parametrize("name", PERTURBATIONS)
def test_every_one_changes_long_texts_and_the_seed_decides_how(name):
    found = perturb(TEXTS, name, 1)
    assert found == perturb(TEXTS, name, 1) != perturb(TEXTS, name, 2)
    assert all(changed != text for changed, text in zip(found, TEXTS, strict=True))
    assert perturb(["", "a", "ab abc"], name, 1)[:1] != [None]


def test_typos_swap_two_inner_neighbours_of_a_word_in_ten():
    swapped = 0
    for changed, text in zip(perturb(TEXTS, "typos", 1), TEXTS, strict=True):
        for new, old in zip(changed.split(), text.split(), strict=True):
            if new == old:
                continue
            swapped += 1
            assert Counter(new) == Counter(old)
            assert (new[0], new[-1]) == (old[0], old[-1])
            different = [i for i, (a, b) in enumerate(zip(new, old, strict=True)) if a != b]
            assert different == [different[0], different[0] + 1]
    long = sum(len(word) >= 4 and word.isalpha() for text in TEXTS for word in text.split())
    assert 0.05 < swapped / long < 0.15


def test_cleaning_takes_markup_away():
    for changed, text in zip(perturb(TEXTS, "markup", 1), TEXTS, strict=True):
        assert re.search("<|&", changed)
        assert clean(changed).split() == text.split()


@pytest.mark.parametrize("raw", [*HARD_TEXTS[:-2], *(text for text, _ in hostile_to_cleaning(6))])
def test_a_cleaned_text_is_changed_by_its_perturbation_alone(raw):
    """Once what is put in has been cleaned away; cleaned as it is, it might become another text."""
    text = clean(raw)
    for name, change in PERTURBATIONS.items():
        (found,) = perturb([text], name, 1)
        expected = text if name == "markup" else change(text, np.random.default_rng(1)).strip()
        assert clean(found) == expected


def test_a_neutral_sentence_comes_last():
    for changed, text in zip(perturb(TEXTS, "neutral", 1), TEXTS, strict=True):
        assert re.fullmatch(r" [A-Z][\w ]+\.", changed.removeprefix(text))
