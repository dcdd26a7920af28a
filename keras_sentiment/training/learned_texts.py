"""The texts that a run is trained on, and how many held-out texts of its corpus are among them."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from keras_sentiment.config import TransformerConfig
from keras_sentiment.data.corpus import Corpus
from keras_sentiment.data.encoded_split import Split
from keras_sentiment.data.fingerprint import copy_keys
from keras_sentiment.data.text_keys import TextKeys
from keras_sentiment.errors import InputError
from keras_sentiment.messages import tell
from keras_sentiment.recipes import Recipe
from keras_sentiment.runs.run_files import TRAINED_ON_FILE, short_name
from keras_sentiment.training.run_writer import TrainingRun

_HELD_OUT = ("test", "validation")


def with_learned_texts(run: TrainingRun, corpus: Corpus, *read: Split) -> TrainingRun:
    """Returns a run with the keys of all texts that it, its teachers and its encoder were trained on.

    A resumed run keeps the keys that it was begun with, since its teachers may be gone. If a teacher or an
    encoder was trained on test or validation texts of the corpus, a warning goes to standard error and into
    the run's config.

    Args:
        read: the texts that the run itself is trained on.

    Raises:
        InputError: the keys of a teacher or an encoder can't be read.
    """
    if run.resumed:
        with suppress(InputError):
            return replace(run, texts=TextKeys.read(run.checkpoints / TRAINED_ON_FILE, "begin again"))
    models = _models(run.config.recipe)
    noted = list(run.config.data["warnings"])
    for warning in _warnings(models, corpus):
        if run.devices.writes:
            tell(f"Warning: {warning}")
        if warning not in noted:
            noted.append(warning)
    own = TextKeys.of(text for split in read for text in split.texts())
    texts = own.union(*(keys for _, _, keys in models))
    return replace(run.with_data(warnings=noted), texts=texts)


def _models(recipe: Recipe[Any]) -> list[tuple[str, str, TextKeys]]:
    """Returns the name of each teacher and encoder of a recipe, whose figures it affects, and its texts."""
    found = [("teacher", path, "its figures and this model's") for path in recipe.training.teachers]
    if isinstance(recipe.model, TransformerConfig) and recipe.model.pretrained is not None:
        found.append(("encoder", recipe.model.pretrained, "this model's figures"))
    fix = "train or export it again"
    return [
        (f"the {kind} {short_name(path)}", figures, TextKeys.read(Path(path) / TRAINED_ON_FILE, fix))
        for kind, path, figures in found
    ]


def _warnings(models: list[tuple[str, str, TextKeys]], corpus: Corpus) -> list[str]:
    """Returns a line for each of these models that was trained on held-out texts of the corpus."""
    if not models:
        return []
    held_out = {name: copy_keys(corpus.splits[name].texts()) for name in _HELD_OUT}
    found = []
    for model, figures, texts in models:
        counts = {name: texts.count(keys) for name, keys in held_out.items()}
        parts = [f"{n:,} of the {len(held_out[name]):,} {name} texts" for name, n in counts.items() if n]
        if parts:
            seen = " and ".join(parts)
            found.append(f"{model} was trained on {seen}; there {figures} may be better than on new texts")
    return found
