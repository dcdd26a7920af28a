"""Prepare labelled texts, train a sentiment classifier, evaluate it and predict with it.

    corpus = keras_sentiment.prepare("reviews.csv", "data")
    run = keras_sentiment.train(corpus, "runs/small", keras_sentiment.TRANSFORMER_RECIPES["default"])
    keras_sentiment.evaluate(run, corpus.path).save()
    keras_sentiment.load(run.path).predict(["A gem."])

Importing the package imports neither Keras nor NumPy. The first name that needs Keras imports it and chooses
its backend: torch, unless the environment variable KERAS_BACKEND names another one.
"""

from __future__ import annotations

import importlib
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from keras_sentiment.errors import InputError

if TYPE_CHECKING:
    from keras_sentiment.batches.review_batches import ReviewBatches
    from keras_sentiment.config import BertConfig, InputConfig, TransformerConfig
    from keras_sentiment.data.config import PrepareConfig
    from keras_sentiment.data.corpus import Corpus, open_corpus
    from keras_sentiment.data.preparation import prepare
    from keras_sentiment.evaluation.evaluate import Evaluation, evaluate
    from keras_sentiment.exporting.exporter import export
    from keras_sentiment.inference.artifact import Artifact
    from keras_sentiment.inference.classifier import Classifier
    from keras_sentiment.inference.load import load
    from keras_sentiment.models.bert import build_bert
    from keras_sentiment.models.layers import register_layers
    from keras_sentiment.models.transformer import build_transformer
    from keras_sentiment.recipes import BERT_RECIPES, TRANSFORMER_RECIPES, Recipe
    from keras_sentiment.runs.run import Run, open_run
    from keras_sentiment.training.adaptation import adapt_model
    from keras_sentiment.training.train import save_run, train
    from keras_sentiment.training_config import CheckpointConfig, TrainingConfig

__version__ = version("keras-sentiment")
__all__ = [
    "BERT_RECIPES",
    "TRANSFORMER_RECIPES",
    "Artifact",
    "BertConfig",
    "CheckpointConfig",
    "Classifier",
    "Corpus",
    "Evaluation",
    "InputConfig",
    "InputError",
    "PrepareConfig",
    "Recipe",
    "ReviewBatches",
    "Run",
    "TrainingConfig",
    "TransformerConfig",
    "adapt_model",
    "build_bert",
    "build_transformer",
    "evaluate",
    "export",
    "load",
    "open_corpus",
    "open_run",
    "prepare",
    "register_layers",
    "save_run",
    "train",
]

_MODULES = {
    "batches.review_batches": ["ReviewBatches"],
    "config": ["BertConfig", "InputConfig", "TransformerConfig"],
    "data.config": ["PrepareConfig"],
    "data.corpus": ["Corpus", "open_corpus"],
    "data.preparation": ["prepare"],
    "evaluation.evaluate": ["Evaluation", "evaluate"],
    "exporting.exporter": ["export"],
    "inference.artifact": ["Artifact"],
    "inference.classifier": ["Classifier"],
    "inference.load": ["load"],
    "models.bert": ["build_bert"],
    "models.layers": ["register_layers"],
    "models.transformer": ["build_transformer"],
    "recipes": ["BERT_RECIPES", "TRANSFORMER_RECIPES", "Recipe"],
    "runs.run": ["Run", "open_run"],
    "training.adaptation": ["adapt_model"],
    "training.train": ["save_run", "train"],
    "training_config": ["CheckpointConfig", "TrainingConfig"],
}  # fmt: skip
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
