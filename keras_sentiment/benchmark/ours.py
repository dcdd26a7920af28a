"""The contenders of this project, and matrix products that measure the machine's peak speed.

Each contender is a function of (timer, DATA_DIR, number of reviews, ...) that trains on reviews of the train
split or labels them. All contenders get the same reviews, cut to the same number of tokens. Imports are
inside the functions, because each contender runs in its own process with its own backend.
"""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from keras_sentiment.benchmark.setting import Setting, keras_facts
from keras_sentiment.benchmark.turns import Timer
from keras_sentiment.config import SCORING_BATCH_TOKENS
from keras_sentiment.data.corpus import Corpus, open_corpus
from keras_sentiment.data.encoded_split import Split
from keras_sentiment.recipes import BERT_RECIPES, Recipe

SEED = 1337
SEQUENCE_LENGTH = 512
MATRIX_SIZE = 2048
# Number of blocks, of trainable blocks, width, and width of the feed-forward network.
MINILM = (6, 4, 384, 1536)
DEEP_BLOCKS = 12
WARM_UP_TEXTS = 32


def reviews_of(data_dir: str, count: int) -> tuple[Corpus, Split]:
    """Returns a corpus with `count` train reviews, and its train split.

    The corpus keeps the same share of the unlabelled texts, and one validation review per label, because no
    contender computes validation.
    """
    corpus = open_corpus(data_dir)
    train, unlabelled = corpus.splits["train"], corpus.unlabelled
    split = train.subsample(count, SEED)
    if unlabelled is not None:
        size = round(len(unlabelled) * len(split) / len(train))
        drawn = np.random.default_rng(SEED).choice(len(unlabelled), size, replace=False)
        unlabelled = unlabelled.take(np.sort(drawn)) if size else None
    splits = {**corpus.splits, "train": split, "validation": split.subsample(len(corpus.labels), SEED)}
    return dataclasses.replace(corpus, splits=splits, unlabelled=unlabelled), split


def matrix_product(timer: Timer, setting: Setting, steps: int) -> None:
    """Multiplies square matrices with torch. The units are floating-point operations."""
    import torch

    torch.set_float32_matmul_precision("high")  # has no effect on a CPU
    dtype = getattr(torch, setting.products)
    matrix = torch.randn(MATRIX_SIZE, MATRIX_SIZE, dtype=dtype, device=setting.torch_device)
    matrix @ matrix
    timer.begin(torch.cuda.synchronize if setting.device == "gpu" else lambda: None)
    timer.plan(steps)
    for _ in range(steps):
        matrix @ matrix
        timer.step(2 * MATRIX_SIZE**3)


def train_ours(timer: Timer, data_dir: str, count: int, recipe: Recipe[Any], epochs: int = 1) -> None:
    """Trains with this project, and times everything between the untrained model and the last step.

    The time includes fitting the n-grams, counting neighbours of tokens and caching hidden states. It
    excludes compilation and, on torch, which does not compile, the first step.
    """
    import keras

    from keras_sentiment.training.fit import prepare_fit, start_run
    from keras_sentiment.training.train import build_model

    corpus, _ = reviews_of(data_dir, count)
    with tempfile.TemporaryDirectory() as folder:
        run = start_run(Path(folder) / "run", corpus, recipe)
        model = build_model(recipe, corpus)
        timer.begin()
        fit = prepare_fit(model, corpus, run, quiet=True)
        timer.report(batch=f"{recipe.training.batch_size} reviews", **keras_facts(fit.full_model))

        class CountSteps(keras.callbacks.Callback):
            # The callback is not `async_safe`, so that Keras finishes a step before it calls it.
            def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
                self.sizes = fit.train.batch_sizes

            def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
                timer.step(self.sizes[batch])

        def train(epochs: int, *callbacks: Any) -> None:
            # Validation is left out, because it is not timed.
            callbacks = (fit.callbacks[0], *callbacks)
            fit.model.fit(fit.train, epochs=epochs, callbacks=list(callbacks), shuffle=False, verbose=0)

        with timer.untimed():
            if keras.backend.backend() == "torch":
                fit.model.train_on_batch(*fit.train[0])
            else:
                train(1)  # compiles each shape: the batches are those of the first epoch below
        timer.plan(epochs * fit.train.num_batches)
        train(epochs, CountSteps())


def train_deep_bert(timer: Timer, data_dir: str, count: int, recipe: Recipe[Any], epochs: int) -> None:
    """Trains the last four blocks of a random BERT of `DEEP_BLOCKS` blocks and MiniLM's width."""
    import keras_hub

    corpus, _ = reviews_of(data_dir, count)
    width, inner = MINILM[2:]
    backbone = keras_hub.models.BertBackbone(
        corpus.tokenizer().vocabulary_size, DEEP_BLOCKS, 12, width, inner, max_sequence_length=SEQUENCE_LENGTH
    )
    with tempfile.TemporaryDirectory() as folder:
        backbone.save_to_preset(folder)
        train_ours(timer, data_dir, count, recipe.replace(preset=folder), epochs)


def score_ours(
    timer: Timer, data_dir: str, count: int, passes: int, setting: Setting, format: str = "keras"
) -> None:
    """Labels texts with this project, by a model with an untrained head. A step is a pass over all texts.

    Args:
        format: `"keras"` for the Keras model, or the format of an artifact.
    """
    import keras

    from keras_sentiment.exporting.exporter import Exporter
    from keras_sentiment.inference.classifier import Classifier
    from keras_sentiment.inference.engines import threads
    from keras_sentiment.inference.load import load_model, run_classifier
    from keras_sentiment.models.bert import build_bert
    from keras_sentiment.models.precision import allow_tf32
    from keras_sentiment.text.cleaning import escaped
    from keras_sentiment.training.run_writer import new_run

    allow_tf32()
    corpus, split = reviews_of(data_dir, count)
    recipe = BERT_RECIPES["default"].replace(preset="minilm", sequence_length=SEQUENCE_LENGTH)
    with tempfile.TemporaryDirectory() as folder:
        new = new_run(Path(folder) / "run", corpus, recipe, keras.backend.backend(), "float32")
        new.begin()
        run = new.finish(build_bert(recipe.model, SEQUENCE_LENGTH, len(corpus.labels)), corpus)
        if format == "keras":
            model = load_model(run, setting.precision)
            classifier, facts = run_classifier(run, model), keras_facts(model)
        else:
            exported = Path(folder) / format
            exported.mkdir()
            classifier = Classifier.of_artifact(Exporter(run, Path(folder)).write(format, exported))
            # `engines` also sets OpenVINO to float32.
            precision = "float32, weights int8" if format == "onnx_int8" else "float32"
            facts = {"device": "cpu", "precision": precision, "threads": threads()}
        timer.report(**{**facts, "batch": f"{SCORING_BATCH_TOKENS:,} tokens", "trained_parameters": None})
        # Cleaning these texts again gives what the other contenders read.
        texts = list(map(escaped, split.texts()))
        # jax and tensorflow compile each shape, so they warm up with all texts.
        classifier.predict(texts if classifier.engine.compiles else texts[:WARM_UP_TEXTS])
        timer.begin()
        timer.plan(passes)
        for _ in range(passes):
            classifier.predict(texts)
            timer.step(len(texts))
