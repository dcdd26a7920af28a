"""What `config.json` of a run holds."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from keras_sentiment.config import (
    BertConfig,
    InputConfig,
    MaskedLMConfig,
    TrainingConfig,
    TransformerConfig,
)
from keras_sentiment.errors import InputError, require, require_labels, require_temperature
from keras_sentiment.recipes import Recipe
from keras_sentiment.storage.json_files import from_json

_KINDS = {"bert": BertConfig, "transformer": TransformerConfig, "masked_lm": MaskedLMConfig}


@dataclass(frozen=True)
class RunConfig:
    """What `config.json` of a RUN_DIR holds: all that a run needs to turn a text into a label.

    Args:
        labels: names of the classes; a label is its position here.
        temperature: float > 0, divides the logits before the softmax.
        threshold: float in (0, 1) on the probability of `labels[1]`, two classes only; `None` takes
            the most probable label.
        versions: package name to version, of what trained it.
        data: what identifies the DATA_DIR: path, source, fingerprint, counts; and how many reviews train.
        trained_by_hand: whether the model was trained further by a program of the user's, and saved back.
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
    trained_by_hand: bool = False

    def __post_init__(self) -> None:
        require_labels(self.labels)
        require_temperature(self.temperature)
        by_hand = self.trained_by_hand
        require(isinstance(by_hand, bool), "trained_by_hand", by_hand, "true or false")
        aim = self.recipe.training.threshold_for
        require(aim is None or len(self.labels) == 2, "threshold_for", aim, "left out: it's for two labels")
        if self.threshold is not None:
            require(len(self.labels) == 2, "threshold", self.threshold, "null unless there are two labels")
            require(0 < self.threshold < 1, "threshold", self.threshold, "a number in (0, 1)")

    @property
    def kind(self) -> str:
        """`transformer`, `bert`, or `masked_lm` of a pretrained encoder."""
        return next(kind for kind, config in _KINDS.items() if type(self.recipe.model) is config)

    @property
    def trained_reviews(self) -> int:
        """How many reviews train the model, those with soft labels not counted."""
        return int(self.data["trained_reviews"])

    def to_dict(self) -> dict[str, Any]:
        """Returns the configuration as JSON's types; the model's kind is told by its own key."""
        values = dataclasses.asdict(self)
        recipe = values.pop("recipe")
        return {**values, "labels": list(self.labels), "kind": self.kind, **recipe}

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
            training = from_json(TrainingConfig, values.pop("training"))
            recipe: Recipe[Any] = Recipe(from_json(kind, values.pop("model")), inputs, training)
            require_labels(values["labels"])
            config = cls(**{**values, "labels": tuple(values["labels"]), "recipe": recipe})
            # What a report says of the data.
            numbers = [config.trained_reviews, *(part["reviews"] for part in config.data["splits"].values())]
            texts = [config.data[key] for key in ("source", "fingerprint", "data_dir")]
            texts += [*config.data["warnings"], *config.versions.values()]
            if any(type(n) is not int for n in numbers) or any(type(t) is not str for t in texts):
                raise TypeError("data or versions")
            return config
        except (KeyError, TypeError, AttributeError) as error:
            raise InputError(f"it lacks or mistakes a key: {error}") from error
