"""Training: from a corpus and a recipe to a complete run."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import keras

from keras_sentiment.batches.review_batches import ReviewBatches
from keras_sentiment.config import BertConfig, MaskedLMConfig
from keras_sentiment.data.corpus import Corpus, open_corpus
from keras_sentiment.errors import InputError
from keras_sentiment.models.architecture import take_weights
from keras_sentiment.models.layers import warn_unless_adapted
from keras_sentiment.models.ngrams import adapted_layers
from keras_sentiment.models.precision import precision_of
from keras_sentiment.models.transformer import build_masked_lm, build_transformer, load_encoder_weights
from keras_sentiment.progress import phase
from keras_sentiment.recipes import TRANSFORMER_RECIPES, Recipe
from keras_sentiment.runs.calibration import calibrated
from keras_sentiment.runs.checks import require_trainable
from keras_sentiment.runs.run import Run, open_encoder, open_run
from keras_sentiment.training.class_weights import balanced_weights, without_class_weights
from keras_sentiment.training.finish import finish
from keras_sentiment.training.fit import Fit, prepare_fit, start_run
from keras_sentiment.training.learned_texts import with_learned_texts
from keras_sentiment.training.run_writer import new_run
from keras_sentiment.training_config import CheckpointConfig


def train(
    corpus: Corpus | str | Path,
    run_dir: str | Path,
    recipe: Recipe[Any] = TRANSFORMER_RECIPES["default"],
    *,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    overwrite: bool = False,
    resume: bool = False,
    limit: int | None = None,
    devices: int | None = None,
    cache_dir: str | Path | None = None,
    checkpoints: CheckpointConfig | None = None,
    quiet: bool = False,
) -> Run:
    """Trains the model of a recipe on a corpus with `model.fit`, calibrates it on validation and saves it.

    Args:
        corpus: a prepared corpus, or its folder.
        run_dir: the folder to make.
        recipe: one of `TRANSFORMER_RECIPES` or `BERT_RECIPES`, with `replace` for other hyperparameters.
        callbacks: your own callbacks, called before those of the run. The learning rate is a schedule of the
            recipe, so callbacks that set it (`ReduceLROnPlateau`) fail. Their state is not saved in
            checkpoints: in a resumed run they see the rest, and two calls of `fit` if an epoch was
            interrupted.
        overwrite: replace the run in that folder.
        resume: go on with the run in that folder, with the recipe that it was begun with. Without a run it
            begins one; a complete run is returned as it is.
        limit: int, how many of the train reviews to use, a stratified draw; all by default.
        devices: int, on jax: how many devices of this machine share a batch; all by default.
        cache_dir: folder that keeps the hidden states of a recipe with `cache_frozen` for later runs.
        checkpoints: how often checkpoints are written, and how many are kept.
        quiet: whether to show no progress.

    Returns:
        The complete run: evaluate, export or load it.

    Raises:
        InputError: the folder is taken, the recipe doesn't fit the corpus, the loss became NaN; or no
            threshold reaches its aim; the run is then saved without one.
        KeyboardInterrupt: after Ctrl-C or SIGTERM; a checkpoint is saved, and `resume=True` goes on.
        TypeError: an argument is of another kind.

    Example:
        >>> recipe = TRANSFORMER_RECIPES["default"].replace(sequence_length=64, num_layers=1, epochs=2)
        >>> board = keras.callbacks.TensorBoard("logs")
        >>> run = train(corpus, "runs/small", recipe, callbacks=[board], quiet=True)
        >>> evaluation = evaluate(run, corpus)
    """
    _require_classifier(recipe)
    if cache_dir is not None and not (isinstance(recipe.model, BertConfig) and recipe.model.cache_frozen):
        raise InputError(f"cache_dir is for a BERT with cache_frozen. Received: cache_dir={cache_dir}")
    corpus = corpus if isinstance(corpus, Corpus) else open_corpus(corpus)
    recipe = require_trainable(corpus, run_dir, recipe, overwrite, resume)
    fit = begin_training(
        corpus, run_dir, recipe, overwrite, resume, limit, devices, cache_dir, checkpoints, quiet
    )
    if fit is None:
        return open_run(run_dir)
    try:
        for arguments in fit.calls(callbacks):
            fit.model.fit(**arguments)
        return finish(fit, corpus)
    finally:  # a program goes on after Ctrl-C, and may resume
        fit.run.leave()


def begin_training(
    corpus: Corpus,
    run_dir: str | Path,
    recipe: Recipe[Any],
    overwrite: bool = False,
    resume: bool = False,
    limit: int | None = None,
    devices: int | None = None,
    cache_dir: str | Path | None = None,
    checkpoints: CheckpointConfig | None = None,
    quiet: bool = False,
) -> Fit | None:
    """Returns the arguments of `model.fit` for the model of a recipe; `None` if the run is complete.

    Args:
        recipe: what `require_trainable` returned for it.

    Other Args and Raises: as in `train`.
    """
    run = start_run(run_dir, corpus, recipe, overwrite, resume, devices)
    if run.resumed and run.complete:
        run.end()
        return None
    quiet = quiet or not run.devices.writes
    with _loading(recipe, quiet):
        model = build_model(recipe, corpus)
    folder = None if cache_dir is None else Path(cache_dir)
    try:
        return prepare_fit(model, corpus, run, limit, quiet, folder, checkpoints)
    except BaseException:
        run.leave()
        raise


def save_run(
    model: keras.Model,
    corpus: Corpus | str | Path,
    run_dir: str | Path,
    recipe: Recipe[Any],
    *,
    overwrite: bool = False,
) -> Run:
    """Saves a model that was trained by hand as a run, calibrated on validation.

    The hyperparameters of the recipe's `training` are recorded as they are: set them to those that you used.
    With `class_weight` the balanced weights of the train split are removed from the logits.

    Args:
        model: a model of the recipe's architecture, in any precision, however compiled.
        corpus: the corpus that it was trained on, or its folder. The train split counts as trained on, and so
            do the unlabelled texts if the recipe reads them.
        run_dir: the folder to make.
        recipe: the recipe of the model and its inputs.
        overwrite: replace the run in that folder.

    Returns:
        The complete run: evaluate, export or load it.

    Warns:
        UserWarning: the model was not adapted (`adapt_model`).

    Raises:
        InputError: the folder is not empty, the model has another architecture, or its logits are not
            numbers; a teacher or an encoder of the recipe is missing; or no threshold reaches its aim, and
            the run is then saved without one.

    Example:
        >>> recipe = TRANSFORMER_RECIPES["default"].replace(num_layers=1, sequence_length=64)
        >>> tokenizer, splits = corpus.tokenizer(), corpus.splits
        >>> model = build_transformer(recipe.model, tokenizer.vocabulary_size, 64, num_classes=2)
        >>> train_batches = ReviewBatches(splits["train"], tokenizer, recipe.inputs, batch_size=16, seed=1)
        >>> adapt_model(model, train_batches)
        >>> model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        >>> history = model.fit(train_batches, epochs=1, verbose=0)
        >>> run = save_run(model, corpus, "runs/by_hand", recipe)
    """
    _require_classifier(recipe)
    corpus = corpus if isinstance(corpus, Corpus) else open_corpus(corpus)
    recipe = require_trainable(corpus, run_dir, recipe, overwrite)
    run = new_run(run_dir, corpus, recipe, keras.backend.backend(), "float32", overwrite)
    split = corpus.splits["validation"]
    batches = ReviewBatches(split, corpus.tokenizer(), recipe.inputs)
    saved = take_weights(_untrained(recipe, corpus), model, next(batches.for_scoring())[1])
    for layer in adapted_layers(saved):
        warn_unless_adapted(layer, "the run is of a model without it")
    config = dataclasses.replace(run.config, precision=precision_of(model), trained_by_hand=True)
    if recipe.training.class_weight:
        weights = tuple(balanced_weights(corpus.splits["train"], len(corpus.labels)).values())
        without_class_weights(saved, weights)
        config = dataclasses.replace(config, class_weight=weights)
    config, missed = calibrated(config, saved, batches)
    unlabelled = [corpus.unlabelled] if corpus.unlabelled and recipe.reads_unlabelled else []
    run = dataclasses.replace(run, config=config)
    run = with_learned_texts(run, corpus, corpus.splits["train"], *unlabelled)
    try:
        run.begin()
        finished = run.finish(saved, corpus)
    finally:
        run.leave()
    if missed:
        raise InputError(f"{run.path}: {missed}")
    return finished


def build_model(recipe: Recipe[Any], corpus: Corpus) -> keras.Model:
    """Returns the untrained model of a recipe, for the vocabulary and the labels of a corpus.

    Raises:
        InputError: its pretrained weights can't be loaded, or don't fit.
    """
    model = _untrained(recipe, corpus)
    pretrained = None if isinstance(recipe.model, BertConfig) else recipe.model.pretrained
    if pretrained is not None:
        load_encoder_weights(model, open_encoder(pretrained, corpus.tokenizer()).load_model())
    return model


def _loading(recipe: Recipe[Any], quiet: bool) -> AbstractContextManager[None]:
    """Says that pretrained weights are loaded, if the model of a recipe has some."""
    config = recipe.model
    name = config.preset if isinstance(config, BertConfig) else config.pretrained
    if name is None:
        return nullcontext()
    return phase(f"Loading the pretrained {name}", f"Loaded the pretrained {name}", quiet)


def _untrained(recipe: Recipe[Any], corpus: Corpus) -> keras.Model:
    config, sequence_length = recipe.model, recipe.inputs.sequence_length
    vocabulary_size, num_classes = corpus.tokenizer().vocabulary_size, len(corpus.labels)
    if isinstance(config, BertConfig):
        from keras_sentiment.models.bert import build_bert  # imports KerasHub, and so TensorFlow

        return build_bert(config, sequence_length, num_classes)
    if isinstance(config, MaskedLMConfig):
        return build_masked_lm(config, vocabulary_size, sequence_length)
    return build_transformer(config, vocabulary_size, sequence_length, num_classes)


def _require_classifier(recipe: Any) -> None:
    if not isinstance(recipe, Recipe):
        example = 'TRANSFORMER_RECIPES["default"].replace(epochs=2)'
        raise TypeError(f"recipe must be a Recipe, such as {example}. Received: a {type(recipe).__name__}")
    if isinstance(recipe.model, MaskedLMConfig):
        raise InputError("this recipe is for `keras-sentiment pretrain`, whose encoder gives no labels")
