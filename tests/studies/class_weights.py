"""Whether probabilities stay calibrated if a model is trained with class weights, on generated texts.

`python -m tests.studies.class_weights [--texts N]` generates texts with the labels `rare` (5%) and `usual`,
whose true posterior is known. It trains the default model on them without and with `class_weight`, and
measures both on 4,000 other texts: log loss, log loss of the true posterior, calibration errors, F1 and
recall of the rare label, and a table of predicted and true shares of the rare label.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from scipy.special import expit
from sklearn.metrics import log_loss

import keras_sentiment as ks
from keras_sentiment.metrics.figures import evaluate_logits

NEW = 4000
_WORDS = np.linspace(-2.0, 2.0, 25)  # log-odds that each word adds to the rare label
_BINS = ((0.0, 0.05), (0.05, 0.2), (0.2, 0.5), (0.5, 0.7), (0.7, 1.0))


def generate(count: int, seed: int) -> tuple[list[str], np.ndarray, list[str]]:
    """Returns texts, the true probability of the rare label for each, and labels drawn from it."""
    rng = np.random.default_rng(seed)
    words = rng.integers(0, len(_WORDS), (count, 6))
    posterior = expit(-5.6 + _WORDS[words].sum(axis=1))
    filler = rng.integers(0, 3000, (count, 4))
    texts = [
        " ".join([*(f"sign{w}" for w in row), *(f"other{w}" for w in others)])
        for row, others in zip(words, filler, strict=True)
    ]
    return texts, posterior, np.where(rng.random(count) < posterior, "rare", "usual").tolist()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--texts", type=int, default=8000)
    arguments = parser.parse_args()
    texts, _, labels = generate(arguments.texts, 0)
    new, posterior, drawn = generate(NEW, 1)
    print(f"{np.mean(np.array(labels) == 'rare'):.1%} of {len(texts):,} texts are rare")
    truth = np.array(drawn) == "rare"
    print(f"log loss of the true posterior {log_loss(truth, posterior):.4f}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pairs = list(zip(texts, labels, strict=True))
        corpus = ks.prepare(pairs, folder / "data", tokenizer="learn", vocabulary_size=4000, quiet=True)
        for weighted in (False, True):
            recipe = ks.TRANSFORMER_RECIPES["default"].replace(class_weight=weighted)
            run = ks.train(corpus, folder / "run", recipe, quiet=True, overwrite=True)
            classifier = ks.load(run)
            logits = classifier.logits(classifier.encode(new))
            known = np.array([corpus.labels.index(label) for label in drawn])
            found = evaluate_logits(logits, known, run.decision)
            rare = classifier.decision.probabilities(logits)[:, corpus.labels.index("rare")]
            print(
                f"class_weight={weighted}: T {run.config.temperature:.3f}, weights {run.config.class_weight}"
            )
            print(
                f"  log loss {found['loss']:.4f}, calibration error {found['ece']:.4f}, class-wise "
                f"{found['class_ece']:.4f}, F1 of rare {found['f1_per_class']['rare']:.3f}, recall "
                f"{found['recall_per_class']['rare']:.3f}"
            )
            for low, high in _BINS:
                inside = (rare >= low) & (rare < high)
                if inside.any():
                    print(
                        f"  predicted {rare[inside].mean():.3f}: {truth[inside].mean():.3f} are rare, "
                        f"posterior {posterior[inside].mean():.3f}, {int(inside.sum()):,} texts"
                    )


if __name__ == "__main__":
    main()
