"""A recipe: a model's hyperparameters with those of its input and its training; and what a run keeps of it.

Standard library only, like `config`.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from keras_sentiment.config import (
    BertConfig,
    InputConfig,
    MaskedLMConfig,
    TrainingConfig,
    TransformerConfig,
)
from keras_sentiment.errors import InputError, require, require_labels, require_temperature
from keras_sentiment.storage.json_files import from_json

Model = TypeVar("Model", TransformerConfig, MaskedLMConfig, BertConfig)


@dataclass(frozen=True)
class Recipe(Generic[Model]):
    """A model's hyperparameters with those of its input and its training."""

    model: Model
    inputs: InputConfig
    training: TrainingConfig

    def __post_init__(self) -> None:
        if isinstance(self.model, BertConfig) and self.model.cache_frozen:
            rate = self.training.word_dropout
            require(rate == 0, "word_dropout", rate, "0 where cache_frozen is set: it changes every text")
        if isinstance(self.model, MaskedLMConfig):
            teachers = self.training.teachers
            require(not teachers, "teachers", teachers, "left out: pretraining learns no labels")

    def replace(self, **changes: Any) -> Recipe[Model]:
        """Returns the recipe with hyperparameters changed by name; `None` leaves one as it is.

        Raises:
            InputError: there is no hyperparameter of a name, or a value is not valid.
        """
        parts: dict[str, Any] = {}
        left = {name: value for name, value in changes.items() if value is not None}
        for part in dataclasses.fields(self):
            config = getattr(self, part.name)
            given = {f.name: left.pop(f.name) for f in dataclasses.fields(config) if f.name in left}
            parts[part.name] = from_json(type(config), {**dataclasses.asdict(config), **given})
        if left:
            raise InputError(f"no hyperparameter is named {', '.join(left)}; see config.json of a run")
        return Recipe(**parts)


# The published project whose results this one is measured against: plain torch, padded to 512.
_SEED_INPUTS = InputConfig(sequence_length=512, long="truncate", pad_to=512)
_SEED_TRAINING = TrainingConfig(
    epochs=5,
    learning_rate=2e-4,
    warmup=0.0,
    decay="constant",
    weight_decay=0.01,
    decay_all=True,
    epsilon=1e-8,
    patience=0,
    keep="last",
)

TRANSFORMER_RECIPES: dict[str, Recipe[TransformerConfig]] = {
    "default": Recipe(
        TransformerConfig(),
        InputConfig(),
        TrainingConfig(epochs=1, batch_size=16),
    ),
    "seed": Recipe(
        TransformerConfig(
            activation="relu",
            norm_first=False,
            position_embedding=False,
            local_width=0,
            pooling="mean_padded",
            embedding_dropout=0.1,
            dropout=0.1,
            attention_dropout=0.1,
            head_dropout=0.0,
            cooccurrence=False,
            initializer="torch",
            ngrams=0,
        ),
        _SEED_INPUTS,
        _SEED_TRAINING,
    ),
}
PRETRAINING_RECIPE: Recipe[MaskedLMConfig] = Recipe(
    MaskedLMConfig(embedding_dropout=0.0, dropout=0.0),
    InputConfig(),
    TrainingConfig(epochs=2, batch_size=16, keep="last", patience=0),
)
BERT_RECIPES: dict[str, Recipe[BertConfig]] = {
    "default": Recipe(
        BertConfig(),
        InputConfig(),
        TrainingConfig(epochs=1, learning_rate=1e-4, epsilon=1e-6),
    ),
    "seed": Recipe(
        BertConfig(pooling="cls", dropout=0.1, ngrams=0),
        _SEED_INPUTS,
        dataclasses.replace(_SEED_TRAINING, epochs=3, learning_rate=2e-5),
    ),
}

_KINDS = {"bert": BertConfig, "transformer": TransformerConfig, "masked_lm": MaskedLMConfig}


@dataclass(frozen=True)
class RunConfig:
    """What `config.json` of a RUN_DIR holds: all that a bundle needs to turn a text into a label.

    Args:
        labels: names of the classes; a label is its position here.
        temperature: float > 0, divides the logits before the softmax.
        threshold: float in (0, 1) on the probability of `labels[1]`, two classes only; `None` takes
            the most probable label.
        versions: package name to version, of what trained it.
        data: what identifies the DATA_DIR: its source, fingerprint and counts; and, of a bundle, how many
            of its train reviews trained it.
    """

    labels: tuple[str, ...]
    recipe: Recipe[Any]
    cleaning_version: int
    backend: str
    precision: str
    versions: dict[str, str]
    data: dict[str, Any]
    temperature: float = 1.0
    threshold: float | None = None

    def __post_init__(self) -> None:
        require_labels(self.labels)
        require_temperature(self.temperature)
        aim = self.recipe.training.threshold_for
        require(aim is None or len(self.labels) == 2, "threshold_for", aim, "left out: it's for two labels")
        if self.threshold is not None:
            require(len(self.labels) == 2, "threshold", self.threshold, "null unless there are two labels")
            require(0 < self.threshold < 1, "threshold", self.threshold, "a number in (0, 1)")

    @property
    def trained_reviews(self) -> int:
        """How many reviews trained it; all of train where an earlier version did not write it down."""
        return int(self.data.get("trained_reviews", self.data["splits"]["train"]["reviews"]))

    def to_dict(self) -> dict[str, Any]:
        """Returns the configuration as JSON's types; the model's kind is told by its own key."""
        values = dataclasses.asdict(self)
        recipe = values.pop("recipe")
        kind = next(kind for kind, config in _KINDS.items() if type(self.recipe.model) is config)
        return {**values, "labels": list(self.labels), "kind": kind, **recipe}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> RunConfig:
        """Returns what `to_dict` gave.

        Raises:
            InputError: a key is missing or unknown, or a value is not valid.
        """
        values = dict(values)
        try:
            kind: Any = _KINDS[values.pop("kind")]
            inputs = from_json(InputConfig, values.pop("inputs"))
            training = {**values.pop("training")}
            if "batch_tokens" in training:  # of runs before batches were counted in reviews
                training["batch_size"] = max(1, training.pop("batch_tokens") // inputs.row_length)
            recipe: Recipe[Any] = Recipe(
                from_json(kind, values.pop("model")), inputs, from_json(TrainingConfig, training)
            )
            require_labels(values["labels"])
            config = cls(**{**values, "labels": tuple(values["labels"]), "recipe": recipe})
            # What a report says of the data.
            numbers = [config.trained_reviews, *(part["reviews"] for part in config.data["splits"].values())]
            texts = [config.data["source"], config.data["fingerprint"], *config.versions.values()]
            if any(type(n) is not int for n in numbers) or any(type(t) is not str for t in texts):
                raise TypeError("data or versions")
            return config
        except (KeyError, TypeError, AttributeError) as error:
            raise InputError(f"it lacks or mistakes a key: {error}") from error
