"""A recipe: a model's hyperparameters with those of its input and its training.

Standard library only, like `config`.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from keras_sentiment.config import BertConfig, InputConfig, MaskedLMConfig, TransformerConfig
from keras_sentiment.errors import InputError, require
from keras_sentiment.storage.json_files import from_json
from keras_sentiment.training_config import TrainingConfig

Model = TypeVar("Model", TransformerConfig, MaskedLMConfig, BertConfig)


@dataclass(frozen=True)
class Recipe(Generic[Model]):
    """A model's hyperparameters with those of its input and its training.

    `TRANSFORMER_RECIPES` and `BERT_RECIPES` hold those that the commands start from: `default`, and
    `reference`, which imitates the published project.

    Args:
        model: `TransformerConfig` or `BertConfig`.
        inputs: how ids become rows.
        training: how `model.fit` is run.

    Raises:
        InputError: values contradict each other.

    Example:
        >>> recipe = TRANSFORMER_RECIPES["default"].replace(num_layers=1, epochs=2)
        >>> recipe.training.epochs
        2
        >>> BERT_RECIPES["default"].replace(preset="minilm").model.trainable_blocks
        4
    """

    model: Model
    inputs: InputConfig
    training: TrainingConfig

    def __post_init__(self) -> None:
        if isinstance(self.model, BertConfig) and self.model.cache_frozen:
            rate = self.training.word_dropout
            require(rate == 0, "word_dropout", rate, "0 where cache_frozen is set: it changes every text")
        if isinstance(self.model, MaskedLMConfig):
            teachers = self.training.teachers
            require(not teachers, "teachers", teachers, "left out: pretraining reads no labels")

    @property
    def reads_unlabelled(self) -> bool:
        """Whether a model learns from the texts of a corpus that have no labels."""
        counts = isinstance(self.model, TransformerConfig) and self.model.uses_cooccurrence
        return counts or isinstance(self.model, MaskedLMConfig) or bool(self.training.teachers)

    def replace(self, **changes: Any) -> Recipe[Model]:
        """Returns the recipe with hyperparameters changed by name; `None` leaves one as it is.

        A number of epochs is taken as it is: `min_steps` is 0 then, unless it is given too.

        Raises:
            InputError: there is no hyperparameter of a name, or a value is not valid.
        """
        parts: dict[str, Any] = {}
        left = {name: value for name, value in changes.items() if value is not None}
        if "epochs" in left:
            left.setdefault("min_steps", 0)
        for part in dataclasses.fields(self):
            config = getattr(self, part.name)
            given = {f.name: left.pop(f.name) for f in dataclasses.fields(config) if f.name in left}
            parts[part.name] = from_json(type(config), {**dataclasses.asdict(config), **given})
        if left:
            raise InputError(f"no hyperparameter is named {', '.join(left)}; see config.json of a run")
        return Recipe(**parts)


# The published project whose results this one is measured against: plain torch, padded to 512.
_REFERENCE_INPUTS = InputConfig(sequence_length=512, truncation="head", pad_to=512)
_REFERENCE_TRAINING = TrainingConfig(
    epochs=5,
    learning_rate=2e-4,
    warmup=0.0,
    decay="constant",
    weight_decay=0.01,
    decay_bias_and_norm=True,
    epsilon=1e-8,
    patience=0,
    restore_best_weights=False,
)

TRANSFORMER_RECIPES: dict[str, Recipe[TransformerConfig]] = {
    "default": Recipe(
        TransformerConfig(),
        InputConfig(),
        TrainingConfig(epochs=1, min_steps=300, batch_size=16),
    ),
    "reference": Recipe(
        TransformerConfig(
            activation="relu",
            norm_first=False,
            position_embedding=False,
            conv_kernel_size=0,
            pooling="mean_padded",
            embedding_dropout=0.1,
            dropout=0.1,
            attention_dropout=0.1,
            head_dropout=0.0,
            cooccurrence=False,
            initializer="torch",
            ngrams=0,
        ),
        _REFERENCE_INPUTS,
        _REFERENCE_TRAINING,
    ),
}
PRETRAINING_RECIPE: Recipe[MaskedLMConfig] = Recipe(
    MaskedLMConfig(embedding_dropout=0.0, dropout=0.0),
    InputConfig(),
    TrainingConfig(epochs=2, batch_size=16, restore_best_weights=False, patience=0),
)
BERT_RECIPES: dict[str, Recipe[BertConfig]] = {
    "default": Recipe(
        BertConfig(),
        InputConfig(),
        TrainingConfig(epochs=1, min_steps=100, learning_rate=1e-4, epsilon=1e-6),
    ),
    "reference": Recipe(
        BertConfig(preset="bert_base_en_uncased", pooling="cls", dropout=0.1, ngrams=0),
        _REFERENCE_INPUTS,
        dataclasses.replace(_REFERENCE_TRAINING, epochs=3, learning_rate=2e-5),
    ),
}
