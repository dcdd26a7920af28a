"""The hyperparameters of training, with their defaults and checks; standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from keras_sentiment.config import DEFAULT_SEED, PRECISIONS
from keras_sentiment.errors import require, require_choice, require_positive, require_rates


def least_precision(aim: str) -> float | None:
    """Returns the P of the aim `precision=P` of a threshold, or `None` of `f1`.

    Raises:
        InputError: it is neither.
    """
    if aim == "f1":
        return None
    name, _, value = aim.partition("=")
    try:
        least = float(value)
    except ValueError:
        least = 0.0
    expected = "f1 or precision=P with P in (0, 1)"
    require(name == "precision" and 0 < least < 1, "threshold_for", aim, expected)
    return least


@dataclass(frozen=True)
class CheckpointConfig:
    """How often a training is saved, to be resumed after an interruption; the result is the same.

    Args:
        steps: int, steps from one checkpoint to the next.
        max_to_keep: int, how many of them stay on disk.

    Raises:
        InputError: a value is not valid.

    Example:
        >>> checkpoints = CheckpointConfig(steps=50)
        >>> run = train(corpus, "runs/small", checkpoints=checkpoints, quiet=True)  # doctest: +SKIP
    """

    steps: int = 200
    max_to_keep: int = 2

    def __post_init__(self) -> None:
        require_positive(self, "steps", "max_to_keep")


@dataclass(frozen=True)
class TrainingConfig:
    """How `model.fit` is run.

    Args:
        epochs: int, largest number of passes over the train reviews; more to make `min_steps` steps.
        min_steps: int >= 0, smallest number of steps: few reviews are passed over more often to reach it.
            Early stopping begins after it.
        batch_size: int, reviews a batch; in pretraining, their mean, as there batches have as many tokens.
        learning_rate: float > 0, the largest of the schedule.
        warmup: float in [0, 1), share of the steps over which the rate rises from 0.
        decay: `"cosine"` lets it fall to 0 over the remaining steps, `"constant"` keeps it.
        weight_decay: float >= 0, AdamW's; not on biases and normalization unless `decay_bias_and_norm`.
        epsilon: float > 0, AdamW's.
        patience: int, epochs without a better validation loss before training stops; 0 never stops.
        restore_best_weights: whether the weights of the epoch with the smallest validation loss are kept.
        class_weight: whether each label is weighted in the losses of train and validation by the inverse of
            its count. Probabilities are corrected to those without weights; the predicted label is the one
            with the largest weight times probability.
        threshold_for: what the threshold between two labels is chosen for on validation: the largest `"f1"`
            of `threshold_label`, or `"precision=P"`, at least that precision on new texts in 95% of draws;
            `None` takes the most probable label.
        threshold_label: the label whose F1 or precision is meant; by default the second one.
        word_dropout: float in [0, 1), share of the tokens of a train review that are left out, at random in
            each epoch.
        teachers: runs or artifacts, whose soft labels of the unlabelled texts are learned with the labels.
        precision: `"auto"`, `"float32"`, `"mixed_float16"` or `"mixed_bfloat16"`.
        seed: int >= 0, of all random numbers.

    Raises:
        InputError: a value is not valid.

    Example:
        >>> config = TrainingConfig(epochs=2, learning_rate=5e-4, class_weight=True)
    """

    epochs: int = 3
    min_steps: int = 0
    batch_size: int = 32
    learning_rate: float = 1e-3
    warmup: float = 0.1
    decay: Literal["cosine", "constant"] = "cosine"
    weight_decay: float = 0.01
    decay_bias_and_norm: bool = False
    epsilon: float = 1e-7
    patience: int = 1
    restore_best_weights: bool = True
    class_weight: bool = False
    threshold_for: str | None = None
    threshold_label: str | None = None
    word_dropout: float = 0.0
    teachers: tuple[str, ...] = ()
    precision: str = "auto"
    seed: int = DEFAULT_SEED

    def __post_init__(self) -> None:
        require_positive(self, "epochs", "batch_size", "learning_rate", "epsilon")
        require_rates(self, "warmup", "word_dropout")
        require(self.patience >= 0, "patience", self.patience, "at least 0")
        require(self.min_steps >= 0, "min_steps", self.min_steps, "at least 0")
        require(self.seed >= 0, "seed", self.seed, "at least 0")
        require(self.weight_decay >= 0, "weight_decay", self.weight_decay, "at least 0")
        require_choice(self, "precision", *PRECISIONS)
        require_choice(self, "decay", "cosine", "constant")
        if self.threshold_for is not None:
            least_precision(self.threshold_for)
        else:
            label = self.threshold_label
            require(label is None, "threshold_label", label, "left out unless threshold_for is given")
