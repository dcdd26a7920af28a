"""Changes of a text that keep its sentiment: a robust model keeps its label."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from sklearn import metrics

from keras_sentiment.config import DEFAULT_SEED
from keras_sentiment.data.encoded_split import Split
from keras_sentiment.inference.classifier import Classifier
from keras_sentiment.text.cleaning import escaped

_WORD = re.compile(r"[^\W\d_]{4,}")
_SPACE = re.compile(r" ")
TYPOS = 0.1  # share of the words with four letters or more
MARKUP = 0.1  # share of the spaces
_MARKUP = ("<br /><br />", "&nbsp;", "</p> <p>", " <i> ")
_NEUTRAL = (
    "I saw it on a Tuesday.",
    "It was shown in the afternoon.",
    "I had read about it in the newspaper.",
    "There were about forty people in the room.",
)


def typos(text: str, rng: np.random.Generator) -> str:
    """Swaps two inner letters in one word of ten.

    Belinkov & Bisk 2018, "Synthetic and Natural Noise Both Break Neural Machine Translation", section 4.
    """

    def swap(word: re.Match[str]) -> str:
        letters = word[0]
        if rng.random() >= TYPOS:
            return letters
        place = int(rng.integers(1, len(letters) - 2))
        return letters[:place] + letters[place + 1] + letters[place] + letters[place + 2 :]

    return _WORD.sub(swap, text)


def markup(text: str, rng: np.random.Generator) -> str:
    """Replaces one space in ten by HTML, which cleaning removes."""
    return _SPACE.sub(lambda space: str(rng.choice(_MARKUP)) if rng.random() < MARKUP else space[0], text)


def neutral(text: str, rng: np.random.Generator) -> str:
    """Appends a sentence without sentiment.

    Ribeiro et al. 2020, "Beyond Accuracy: Behavioral Testing of NLP Models with CheckList", section 2.
    """
    return f"{text} {rng.choice(_NEUTRAL)}"


PERTURBATIONS: dict[str, Callable[[str, np.random.Generator], str]] = {
    "typos": typos,
    "markup": markup,
    "neutral": neutral,
}


def perturb(texts: Iterable[str], name: str, seed: int) -> list[str]:
    """Returns cleaned texts, each changed by a perturbation, the same for the same seed.

    The result is raw text: cleaning it removes the HTML that was put in and changes nothing else.

    Args:
        texts: cleaned texts.
        name: a key of `PERTURBATIONS`.
        seed: int, of the random choices.
    """
    rng = np.random.default_rng(seed)
    return [PERTURBATIONS[name](escaped(text), rng) for text in texts]


def perturbed(
    classifier: Classifier, split: Split, logits: np.ndarray, quiet: bool = True
) -> dict[str, dict[str, Any]]:
    """Returns the figures of a model on changed reviews.

    Args:
        classifier: the model.
        split: the reviews.
        logits: float[reviews, num_classes], of the unchanged reviews.
        quiet: whether to show no progress.

    Returns:
        For each name in `PERTURBATIONS`: `accuracy`; `flipped`, the number of predicted labels that changed;
        `flipped_share`, their share.
    """
    decision, labels = classifier.decision, np.asarray(split.labels)
    before = decision.choose(decision.probabilities(logits))
    found = {}
    for name in PERTURBATIONS:
        texts = perturb(split.texts(), name, DEFAULT_SEED)
        changed = classifier.logits(Split.from_texts(texts, classifier.tokenizer), quiet)
        after = decision.choose(decision.probabilities(changed))
        flipped = int((after != before).sum())
        found[name] = {
            "accuracy": float(metrics.accuracy_score(labels, after)),
            "flipped": flipped,
            "flipped_share": flipped / len(labels),
        }
    return found
