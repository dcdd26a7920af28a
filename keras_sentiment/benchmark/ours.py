"""What `benchmark` times of this project, and the machine's peak.

Each is a function of (pace, DATA_DIR, reviews): it trains or scores so many reviews of the train split, the
same ones for all, read to the same number of tokens. Imports stand within the functions, because each runs
in a process of its own that has its own backend.
"""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from keras_sentiment.benchmark.setting import Setting, keras_facts
from keras_sentiment.benchmark.turns import Pace
from keras_sentiment.config import SCORING_BATCH_TOKENS
from keras_sentiment.data.corpus import Corpus, open_corpus
from keras_sentiment.data.encoded_split import Split
from keras_sentiment.recipes import BERT_RECIPES, Recipe

SEED = 1337
SEQUENCE_LENGTH = 512
MATRIX_SIZE = 2048
# Blocks, blocks that train, width, inner width.
MINILM = (6, 4, 384, 1536)
DEEP_BLOCKS = 12
WARM_TEXTS = 32


def reviews_of(data_dir: str, count: int) -> tuple[Corpus, Split]:
    """Returns a corpus of the reviews that every contender gets, and these reviews, its train split.

    Of its unlabelled texts it has the same share as of its train reviews, and of validation, which nobody
    computes, a review a label.
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


def matrix_product(pace: Pace, setting: Setting, steps: int) -> None:
    """Products of square matrices by torch: the machine's peak. A unit is a floating-point operation."""
    import torch

    torch.set_float32_matmul_precision("high")  # changes nothing on a CPU
    dtype = getattr(torch, setting.products)
    matrix = torch.randn(MATRIX_SIZE, MATRIX_SIZE, dtype=dtype, device=setting.torch_device)
    matrix @ matrix
    pace.begin(torch.cuda.synchronize if setting.device == "gpu" else lambda: None)
    pace.plan(steps)
    for _ in range(steps):
        matrix @ matrix
        pace.step(2 * MATRIX_SIZE**3)


def train_ours(pace: Pace, data_dir: str, count: int, recipe: Recipe[Any], epochs: int = 1) -> None:
    """Trains by this project: all between the untrained model and the last step, as a user waits for it.

    So fitting the n-grams, counting neighbours of tokens and caching hidden states count. Compilations and
    the first step on torch, which compiles nothing, are warming up.
    """
    import keras

    from keras_sentiment.training.fit import prepare_fit, start_run
    from keras_sentiment.training.train import build_model

    corpus, _ = reviews_of(data_dir, count)
    with tempfile.TemporaryDirectory() as folder:
        run = start_run(Path(folder) / "run", corpus, recipe)
        model = build_model(recipe, corpus)
        pace.begin()
        fit = prepare_fit(model, corpus, run, quiet=True)
        pace.tell(batch=f"{recipe.training.batch_size} reviews", **keras_facts(fit.full_model))

        class Turns(keras.callbacks.Callback):
            # Not `async_safe`: the next step waits for its turn, and the last one is done.
            def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
                self.sizes = fit.train.batch_sizes

            def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
                pace.step(self.sizes[batch])

        def train(epochs: int, *callbacks: Any) -> None:
            # No validation: nobody's is timed.
            callbacks = (fit.callbacks[0], *callbacks)
            fit.model.fit(fit.train, epochs=epochs, callbacks=list(callbacks), shuffle=False, verbose=0)

        with pace.untimed():
            if keras.backend.backend() == "torch":
                fit.model.train_on_batch(*fit.train[0])
            else:
                train(1)  # the same batches as in the first epoch below, so each shape is compiled
        pace.plan(epochs * fit.train.num_batches)
        train(epochs, Turns())


def train_deep_bert(pace: Pace, data_dir: str, count: int, recipe: Recipe[Any], epochs: int) -> None:
    """Trains four blocks of a BERT that has `DEEP_BLOCKS` of MiniLM's width, with random weights."""
    import keras_hub

    corpus, _ = reviews_of(data_dir, count)
    width, inner = MINILM[2:]
    backbone = keras_hub.models.BertBackbone(
        corpus.tokenizer().vocabulary_size, DEEP_BLOCKS, 12, width, inner, max_sequence_length=SEQUENCE_LENGTH
    )
    with tempfile.TemporaryDirectory() as folder:
        backbone.save_to_preset(folder)
        train_ours(pace, data_dir, count, recipe.replace(preset=folder), epochs)


def score_ours(
    pace: Pace, data_dir: str, count: int, passes: int, setting: Setting, format: str = "keras"
) -> None:
    """Labels texts by this project, with an untrained head; a step is a pass over all of them.

    Args:
        format: `"keras"` for the Keras model, else that of an artifact.
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
        run = new_run(Path(folder) / "run", corpus, recipe, keras.backend.backend(), "float32")
        run.begin()
        run.finish(build_bert(recipe.model, SEQUENCE_LENGTH, len(corpus.labels)), corpus)
        if format == "keras":
            model = load_model(run, setting.precision)
            classifier, facts = run_classifier(run, model), keras_facts(model)
        else:
            exported = Path(folder) / format
            exported.mkdir()
            classifier = Classifier.of_artifact(Exporter(run, Path(folder)).write(format, exported))
            # The engines compute in float32, for OpenVINO as they tell it.
            precision = "float32, weights int8" if format == "onnx_int8" else "float32"
            facts = {"device": "cpu", "precision": precision, "threads": threads()}
        pace.tell(**{**facts, "batch": f"{SCORING_BATCH_TOKENS:,} tokens", "trained_parameters": None})
        texts = list(map(escaped, split.texts()))  # cleaned again, they are what the others read
        # jax and tensorflow compile each shape.
        classifier.predict(texts if classifier.engine.compiles else texts[:WARM_TEXTS])
        pace.begin()
        pace.plan(passes)
        for _ in range(passes):
            classifier.predict(texts)
            pace.step(len(texts))
