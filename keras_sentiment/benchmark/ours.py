"""What `benchmark` times of this project, and the machine's peak.

Each is a function of (pace, DATA_DIR, reviews): it trains or scores so many reviews of the train split, the
same ones for all, read to the same number of tokens. Imports stand within the functions, because each runs
in a process of its own that has its own backend.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from keras_sentiment.benchmark.turns import Pace
from keras_sentiment.config import TransformerConfig
from keras_sentiment.data.corpus import Corpus, open_corpus
from keras_sentiment.data.encoded_split import Split
from keras_sentiment.recipes import BERT_RECIPES, Recipe

SEED = 1337
SEQUENCE_LENGTH = 512
MATRIX_SIZE = 2048
# Blocks, blocks that train, width, inner width.
MINILM = (6, 4, 384, 1536)
DEEP_BLOCKS = 12


def reviews_of(data_dir: str, count: int) -> tuple[Corpus, Split]:
    """Returns a corpus and the reviews of its train split that every contender gets.

    Next to nothing is left of its validation split.
    """
    corpus = open_corpus(data_dir)
    split = corpus.splits["train"].subsample(count, SEED)
    corpus.splits["validation"] = split.subsample(64, SEED)  # nobody's is timed, but a cache computes it
    return corpus, split


def matrix_product(pace: Pace, dtype: str, steps: int) -> None:
    """Products of square matrices by torch: the machine's peak. A unit is a floating-point operation."""
    import torch

    matrix = torch.randn(MATRIX_SIZE, MATRIX_SIZE, dtype=getattr(torch, dtype))
    matrix @ matrix
    pace.ready(steps)
    for _ in range(steps):
        matrix @ matrix
        pace.step(2 * MATRIX_SIZE**3)


def train_ours(pace: Pace, data_dir: str, count: int, recipe: Recipe[Any]) -> None:
    """Trains by this project, through `model.fit`. The first epoch, with its compilations, is warming up."""
    import keras

    from keras_sentiment.training.fit import prepare_fit, start_run

    corpus, _ = reviews_of(data_dir, count)
    with tempfile.TemporaryDirectory() as folder:
        run = start_run(Path(folder) / "run", corpus, recipe)
        sizes = recipe.inputs.sequence_length, len(corpus.labels)
        if isinstance(recipe.model, TransformerConfig):
            from keras_sentiment.models.transformer import build_transformer

            model = build_transformer(recipe.model, corpus.tokenizer().vocabulary_size, *sizes)
        else:
            from keras_sentiment.models.bert import build_bert

            model = build_bert(recipe.model, *sizes)
        fit = prepare_fit(model, corpus, run, count, quiet=True)

        class Turns(keras.callbacks.Callback):
            def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
                self.measured = epoch == 1
                if self.measured:
                    self.sizes = fit.train.batch_sizes
                    pace.ready(fit.train.num_batches)

            def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
                if self.measured:
                    pace.step(self.sizes[batch])

        # No validation: nobody's is timed.
        callbacks = [fit.callbacks[0], Turns()]
        fit.model.fit(fit.train, epochs=2, callbacks=callbacks, shuffle=False, verbose=0)


def train_deep_bert(pace: Pace, data_dir: str, count: int, cache_frozen: bool) -> None:
    """Trains four blocks of a BERT that has `DEEP_BLOCKS` of MiniLM's width, with random weights."""
    import keras_hub

    corpus, _ = reviews_of(data_dir, count)
    width, inner = MINILM[2:]
    backbone = keras_hub.models.BertBackbone(
        corpus.tokenizer().vocabulary_size, DEEP_BLOCKS, 12, width, inner, max_sequence_length=SEQUENCE_LENGTH
    )
    with tempfile.TemporaryDirectory() as folder:
        backbone.save_to_preset(folder)
        recipe = BERT_RECIPES["default"].replace(preset=folder, cache_frozen=cache_frozen)
        train_ours(pace, data_dir, count, recipe)


def score_ours(pace: Pace, data_dir: str, count: int, passes: int, format: str = "keras") -> None:
    """Labels texts by this project, with an untrained head; a step is a pass over all of them.

    Args:
        format: `"keras"` for the Keras model, else that of an artifact.
    """
    from keras_sentiment.exporting.exporter import Exporter
    from keras_sentiment.inference.classifier import Classifier
    from keras_sentiment.inference.load import load_model, run_classifier
    from keras_sentiment.models.bert import build_bert
    from keras_sentiment.models.precision import resolve_precision
    from keras_sentiment.training.fit import start_run

    corpus, split = reviews_of(data_dir, count)
    recipe = BERT_RECIPES["default"].replace(preset="minilm", sequence_length=SEQUENCE_LENGTH)
    with tempfile.TemporaryDirectory() as folder:
        run = start_run(Path(folder) / "run", corpus, recipe)
        run.begin()
        run.finish(build_bert(recipe.model, SEQUENCE_LENGTH, len(corpus.labels)), corpus)
        if format == "keras":
            classifier = run_classifier(run, load_model(run, resolve_precision("auto")))
        else:
            exported = Path(folder) / format
            exported.mkdir()
            classifier = Classifier.of_artifact(Exporter(run, Path(folder)).write(format, exported))
        texts = list(split.texts())
        classifier.predict(texts)  # jax and tensorflow compile
        pace.ready(passes)
        for _ in range(passes):
            classifier.predict(texts)
            pace.step(len(texts))
