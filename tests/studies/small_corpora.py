"""The default model on few texts, compared with its two parts and with a baseline.

`python -m tests.studies.small_corpora [KIND:TEXTS …] [--draws N] [--aclimdb FOLDER]` draws texts from the
packaged reviews, trains the default model on them, and measures it on 1,000 others. KIND is `reviews`,
`sentences` (one sentence of each review, with its label) or `stars` (the ratings of an aclImdb folder, in
five classes). A row per draw shows the accuracy, log loss and calibration error of the default model, the
log losses of its n-grams alone and its encoder alone, and the accuracy and log loss of TF-IDF with logistic
regression.
"""

from __future__ import annotations

import argparse
import re
import tempfile
from pathlib import Path

import numpy as np
from sklearn.metrics import log_loss

import keras_sentiment as ks
from keras_sentiment.inference.load import load_model, run_classifier
from keras_sentiment.metrics.figures import evaluate_logits
from keras_sentiment.models.ngrams import ngram_layer

SETTINGS = ("reviews:400", "reviews:1200", "sentences:640", "sentences:3200")
NEW = 1000
_STEPS = (1, 2, 4, 8, 10)  # the highest rating of each class
_COLUMNS = ("weight", "T", "accuracy", "tfidf", "loss", "n-grams", "encoder", "tfidf", "ece")


def packaged(folder: Path) -> list[tuple[str, str]]:
    """Returns the packaged train reviews in random order."""
    corpus = ks.prepare("sample", folder, quiet=True)
    records = list(corpus.splits["train"].records())
    return [(records[i].text, records[i].label) for i in np.random.default_rng(0).permutation(len(records))]


def rated(folder: Path) -> list[tuple[str, str]]:
    """Returns the reviews of an aclImdb folder with ratings in five classes, in random order."""
    files = sorted(folder.glob("*/*_*.txt"))
    found = []
    for i in np.random.default_rng(0).permutation(len(files)):
        rating = int(files[i].stem.split("_")[1])
        if rating:
            found.append((files[i].read_text("utf-8"), str(1 + int(np.searchsorted(_STEPS, rating)))))
    return found


def sentence(text: str) -> str:
    """Returns the last sentence of 5 to 30 words, or an empty text."""
    fitting = [part for part in re.split(r"(?<=[.!?])\s+", text) if 5 <= len(part.split()) <= 30]
    return fitting[-1] if fitting else ""


def measure(pairs: list[tuple[str, str]], texts: int, draw: int, folder: Path) -> dict[str, float]:
    """Trains on some texts and returns the metrics on others."""
    begin = draw * (texts + NEW) % (len(pairs) - texts - NEW)
    known, new = pairs[begin : begin + texts], pairs[begin + texts : begin + texts + NEW]
    corpus = ks.prepare(known, folder / "data", quiet=True, overwrite=True)
    recipe = ks.TRANSFORMER_RECIPES["default"].replace(seed=draw)
    run = ks.train(corpus, folder / "run", recipe, quiet=True, overwrite=True)
    model = load_model(run)
    layer = ngram_layer(model)
    weight, logits = layer.share, {}
    for name, share in (("loss", weight), ("n-grams", 1.0), ("encoder", 0.0)):
        layer.share = share
        classifier = run_classifier(run, model)
        logits[name] = classifier.logits(classifier.encode([text for text, _ in new]))
    labels = np.array([run.config.labels.index(label) for _, label in new])
    found = evaluate_logits(logits["loss"], labels, run.decision)
    right, tfidf = run.baseline().score([text for text, _ in new], labels)
    classes = list(range(len(run.config.labels)))
    return {
        "weight": weight,
        "T": run.config.temperature,
        "accuracy": found["accuracy"],
        "tfidf accuracy": float(right.mean()),
        "loss": found["loss"],
        **{name: log_loss(labels, _softmax(logits[name]), labels=classes) for name in ("n-grams", "encoder")},
        "tfidf": float(tfidf.mean()),
        "ece": found["ece"],
    }


def _softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("settings", nargs="*", default=SETTINGS)
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--aclimdb", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        reviews = packaged(folder / "sample")
        kinds = {
            "reviews": reviews,
            "sentences": [(sentence(t), label) for t, label in reviews if sentence(t)],
        }
        if arguments.aclimdb:
            kinds["stars"] = rated(arguments.aclimdb)
        print(f"{'':16}" + "".join(f"{column:>9}" for column in _COLUMNS))
        for setting in arguments.settings:
            kind, texts = setting.split(":")
            rows = []
            for draw in range(arguments.draws):
                rows.append(measure(kinds[kind], int(texts), draw, folder))
                print(f"{setting:16}" + "".join(f"{value:9.4f}" for value in rows[-1].values()), flush=True)
            mean = {name: np.mean([row[name] for row in rows]) for name in rows[0]}
            print(f"{'mean':16}" + "".join(f"{value:9.4f}" for value in mean.values()))
            worse = [row["loss"] - min(row["n-grams"], row["encoder"]) for row in rows]
            told = f"{np.mean(worse):+.4f}, at most {max(worse):+.4f}"
            print(f"{'':16}log loss less that of the better part: {told}", flush=True)


if __name__ == "__main__":
    main()
