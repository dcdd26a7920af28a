"""The data of a training: reviews, soft labels, class weights and batches."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any

import keras

from keras_sentiment.batches.masked_batches import MaskedBatches
from keras_sentiment.batches.review_batches import ReviewBatches
from keras_sentiment.config import MaskedLMConfig
from keras_sentiment.data.corpus import Corpus
from keras_sentiment.data.encoded_split import Split, concatenate
from keras_sentiment.errors import InputError
from keras_sentiment.text.tokenizer import Tokenizer
from keras_sentiment.training.class_weights import balanced_weights
from keras_sentiment.training.distillation import SoftLabels
from keras_sentiment.training.run_writer import TrainingRun


@dataclasses.dataclass(frozen=True)
class FitData:
    """The data that a run trains on.

    Args:
        train: the reviews that train the model, followed by the texts that teachers have labelled.
        unlabelled: further texts, for the token embeddings only.
        validation: the validation reviews.
        soft: the soft labels of the run's teachers, if it has some.
        class_weight: weight of each label, or `None` for equal ones; also used in the validation loss.
    """

    train: Split
    unlabelled: list[Split]
    validation: Split
    soft: SoftLabels | None
    class_weight: dict[int, float] | None

    def batches(self, run: TrainingRun, tokenizer: Tokenizer) -> tuple[ReviewBatches, ReviewBatches]:
        """Returns the train and the validation batches."""
        recipe = run.config.recipe
        kind: Any = ReviewBatches
        if isinstance(recipe.model, MaskedLMConfig):
            kind = partial(MaskedBatches, mask_rate=recipe.model.mask_rate)
        shared: dict[str, Any] = {"tokenizer": tokenizer, "inputs": recipe.inputs, "devices": run.devices}
        config = recipe.training
        train = kind(
            self.train,
            batch_size=config.batch_size,
            seed=config.seed,
            word_dropout=config.word_dropout,
            # On one device `fit` gets them.
            class_weight=self.class_weight if run.devices.count > 1 else None,
            **shared,
        )
        return train, kind(self.validation, class_weight=self.class_weight, **shared)


def fit_data(
    corpus: Corpus, run: TrainingRun, limit: int | None = None, quiet: bool = False
) -> tuple[FitData, TrainingRun]:
    """Returns the data that a run trains on, and the run with the number of train reviews in its config.

    Args:
        limit: how many of the train reviews to use, a stratified draw; all by default.
        quiet: whether to show no progress.

    Raises:
        InputError: a resumed run was begun with another number of reviews; or as in `SoftLabels.of_run`.
    """
    config = run.config.recipe.training
    train, validation = corpus.splits["train"], corpus.splits["validation"]
    unlabelled = [] if corpus.unlabelled is None else [corpus.unlabelled]
    unlabelled = unlabelled if run.config.recipe.reads_unlabelled else []
    if isinstance(run.config.recipe.model, MaskedLMConfig) and unlabelled:
        train, unlabelled = concatenate(train, *unlabelled), []
    if limit is not None:
        train = train.subsample(limit, config.seed)
    begun_with = run.config.trained_reviews
    if run.resumed and begun_with != len(train):
        raise InputError(
            f"{run.path}: it was begun with {begun_with} train reviews, not {len(train)}; resume it with "
            "the command that began it"
        )
    run = run.with_data(trained_reviews=len(train))
    soft = SoftLabels.of_run(run, corpus, quiet) if config.teachers else None
    if soft is not None:
        train, unlabelled = soft.join(train), []
        # A loss for soft labels takes no others.
        probabilities = validation.targets(len(corpus.labels))
        validation = dataclasses.replace(validation, soft_labels=probabilities)
        # The teachers have drawn random numbers, which a resumed run does not repeat. The seed itself has
        # already given the initial weights of the model.
        keras.utils.set_random_seed(config.seed + 1)
    weights = balanced_weights(train, len(corpus.labels)) if config.class_weight else None
    if weights is not None:
        # A run that was killed while it was saved is calibrated again.
        weighted = dataclasses.replace(
            run.config, class_weight=tuple(weights.values()), threshold=None, calibration=None
        )
        run = dataclasses.replace(run, config=weighted)
    return FitData(train, unlabelled, validation, soft, weights), run
