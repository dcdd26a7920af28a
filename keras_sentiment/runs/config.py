"""The contents of a run's `config.json`."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from keras_sentiment.architecture import Architecture, BackboneConfig, require_row
from keras_sentiment.config import BertConfig, InputConfig, MaskedLMConfig, TransformerConfig
from keras_sentiment.decision import Decision
from keras_sentiment.errors import InputError, require, require_decision, require_labels, require_temperature
from keras_sentiment.recipes import Recipe
from keras_sentiment.storage.json_files import from_json
from keras_sentiment.training_config import TrainingConfig

_KINDS = {"bert": BertConfig, "transformer": TransformerConfig, "masked_lm": MaskedLMConfig}


def require_threshold_labels(config: TrainingConfig, labels: Sequence[str]) -> None:
    """Raises an InputError unless a threshold that is asked for suits the labels."""
    aim, label = config.threshold_for, config.threshold_label
    count = f"left out: a threshold is between two labels, and there are {len(labels):,}"
    require(aim is None or len(labels) == 2, "threshold_for", aim, count)
    known = label is None or label in labels
    require(known, "threshold_label", label, f"one of the labels {', '.join(labels)}")


@dataclass(frozen=True)
class ThresholdCheck:
    """The effect of a threshold on the validation reviews that it was chosen on.

    Args:
        label: the label that the threshold is for.
        aim: what it was chosen for, as in `TrainingConfig.threshold_for`.
        precision, recall: floats, of that label.
        precision_ci95, recall_ci95: their 95% intervals.
        predicted: int, how many reviews the model gives the label.
        present: int, how many reviews have the label.
    """

    label: str
    aim: str
    precision: float
    recall: float
    precision_ci95: tuple[float, ...]
    recall_ci95: tuple[float, ...]
    predicted: int
    present: int


@dataclass(frozen=True)
class Calibration:
    """What was chosen on validation for the trained model, and on how many reviews.

    Args:
        reviews: int, how many validation reviews.
        groups: int, how many independent groups of reviews, such as films; `None` if each review is one.
        fitted: whether a temperature was fitted.
        reason: why no temperature was fitted; else empty.
        ngram_weight: float in [0, 1], weight of the n-grams in the average of logits; `None` without n-grams.
        chose_ngram_weight: whether that weight was chosen on validation.
        threshold: the threshold that was chosen; `None` if none was.
    """

    reviews: int
    groups: int | None
    fitted: bool
    reason: str
    ngram_weight: float | None = None
    chose_ngram_weight: bool = False
    threshold: ThresholdCheck | None = None


@dataclass(frozen=True)
class RunConfig:
    """The contents of a RUN_DIR's `config.json`: labels, hyperparameters, calibration and data.

    Args:
        labels: names of the classes; a label is its position here.
        temperature: float > 0, divides the logits before the softmax.
        threshold: float in (0, 1) on the probability of `labels[1]`, two classes only; without it the most
            probable label is taken, after `class_weight`.
        class_weight: float > 0 for each label, by which probabilities are multiplied before the largest is
            taken; `None` means equal weights.
        calibration: what was chosen on validation; `None` before the end of training.
        versions: versions of the packages that trained the model, by name.
        data: path, source, fingerprint and counts of the DATA_DIR, and the number of reviews that train.
        trained_by_hand: whether a program of the user trained the model further and saved it here.
        architecture: what else the model is built from; `None` before the end of training.
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
    class_weight: tuple[float, ...] | None = None
    calibration: Calibration | None = None
    trained_by_hand: bool = False
    architecture: Architecture | None = None

    def __post_init__(self) -> None:
        require_labels(self.labels)
        named = all(isinstance(value, str) for value in self.versions.values())
        require(named, "versions", self.versions, "a text for each package")
        require_temperature(self.temperature)
        by_hand = self.trained_by_hand
        require(isinstance(by_hand, bool), "trained_by_hand", by_hand, "true or false")
        require_threshold_labels(self.recipe.training, self.labels)
        model, backbone = self.recipe.model, self.architecture and self.architecture.backbone
        heads = getattr(backbone or model, "num_heads", 1)
        require_row(heads, self.recipe.inputs.row_length)
        require_decision(self.labels, self.threshold, self.class_weight)

    @property
    def decision(self) -> Decision:
        """The rule that turns logits into labels."""
        return Decision(self.labels, self.temperature, self.threshold, self.class_weight)

    @property
    def kind(self) -> str:
        """`"transformer"`, `"bert"`, or `"masked_lm"` for a pretrained encoder."""
        return next(kind for kind, config in _KINDS.items() if type(self.recipe.model) is config)

    @property
    def trained_reviews(self) -> int:
        """The number of labelled reviews that train the model."""
        return self.data["trained_reviews"]

    def to_dict(self) -> dict[str, Any]:
        """Returns the configuration in types of JSON, with the kind of the model under `"kind"`."""
        values = dataclasses.asdict(self)
        recipe = values.pop("recipe")
        return {**values, "labels": list(self.labels), "kind": self.kind, **recipe}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> RunConfig:
        """Returns the configuration of which `to_dict` made `values`.

        Raises:
            InputError: a key is missing or unknown, or a value is not valid.
        """
        values = dict(values)
        try:
            kind: Any = _KINDS[values.pop("kind")]
            inputs = from_json(InputConfig, values.pop("inputs"))
            training = from_json(TrainingConfig, values.pop("training"))
            calibration = values.pop("calibration")
            if calibration is not None:
                check = calibration["threshold"]
                check = None if check is None else from_json(ThresholdCheck, check)
                calibration = from_json(Calibration, {**calibration, "threshold": check})
            architecture = values.pop("architecture")
            if architecture is not None:
                backbone = architecture.get("backbone")
                backbone = None if backbone is None else from_json(BackboneConfig, backbone)
                architecture = from_json(Architecture, {**architecture, "backbone": backbone})
            recipe: Recipe[Any] = Recipe(from_json(kind, values.pop("model")), inputs, training)
            _require_data(values["data"])
            parts = {"recipe": recipe, "calibration": calibration, "architecture": architecture}
            return from_json(cls, {**values, **parts})
        except (KeyError, TypeError, AttributeError) as error:
            raise InputError(f"it lacks or mistakes a key: {error}") from error


def _require_data(data: dict[str, Any]) -> None:
    """Raises an InputError unless `data` has the entries that reports read, in their types."""
    for key in ("source", "fingerprint", "data_dir"):
        require(type(data[key]) is str, f"data.{key}", data[key], "a text")
    reviews = {f"splits.{name}.reviews": part["reviews"] for name, part in data["splits"].items()}
    for key, value in {**reviews, "trained_reviews": data["trained_reviews"]}.items():
        require(type(value) is int and 0 <= value < 2**53, f"data.{key}", value, "a number of reviews")
    texts = data["warnings"]
    named = isinstance(texts, list) and all(isinstance(text, str) for text in texts)
    require(named, "data.warnings", texts, "a list of texts")
