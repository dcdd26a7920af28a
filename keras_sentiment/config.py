"""Every hyperparameter, its default and its validity check; the error tree.

Standard library only, so that a command can check its arguments and answer `--help` without
importing Keras.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

BACKENDS = ("torch", "jax", "tensorflow")
PRECISIONS = ("auto", "float32", "mixed_float16", "mixed_bfloat16")
RECIPES = ("default", "seed")
DEFAULT_SEED = 1337
SCORING_BATCH_TOKENS = 8192  # of a batch in evaluation and prediction, padding included


class InputError(ValueError):
    """A user's mistake, told in one line that names the file, the row and the fix.

    Commands print it without a traceback and exit with 2.
    """


def _require(condition: bool, name: str, value: Any, expected: str) -> None:
    if not condition:
        raise InputError(f"{name} must be {expected}. Received: {name}={value!r}")


def _require_rates(config: Any, *names: str) -> None:
    for name in names:
        value = getattr(config, name)
        _require(0 <= value < 1, name, value, "a number in [0, 1)")


def _require_choice(config: Any, name: str, *choices: str) -> None:
    value = getattr(config, name)
    _require(value in choices, name, value, " or ".join(choices))


def _require_positive(config: Any, *names: str) -> None:
    for name in names:
        value = getattr(config, name)
        _require(value > 0, name, value, "greater than 0")


@dataclass(frozen=True)
class InputConfig:
    """How the ids of a text become a row of a model's input.

    Args:
        sequence_length: int >= 3, most tokens a row holds, [CLS] and [SEP] included.
        long: what is kept of a longer text: `"truncate"` its beginning, `"head_tail"` a quarter from
            its beginning and the rest from its end: 128 and 382 of 510, as in Sun et al. 2019, "How
            to Fine-Tune BERT for Text Classification?", section 5.3.1.
        pad_to: `"longest"` pads to the batch's own bucket of lengths, a number pads every row to it.
    """

    sequence_length: int = 512
    long: Literal["truncate", "head_tail"] = "head_tail"
    pad_to: Literal["longest"] | int = "longest"

    def __post_init__(self) -> None:
        _require(self.sequence_length >= 3, "sequence_length", self.sequence_length, "at least 3")
        _require_choice(self, "long", "truncate", "head_tail")
        fits = isinstance(self.pad_to, int) and self.pad_to >= self.sequence_length
        expected = f"'longest' or a number >= sequence_length ({self.sequence_length})"
        _require(self.pad_to == "longest" or fits, "pad_to", self.pad_to, expected)


@dataclass(frozen=True)
class TransformerConfig:
    """The small Transformer encoder that is trained from scratch.

    Args:
        hidden_dim: int, width of the token embeddings and of every block; `num_heads` divides it.
        intermediate_dim: int, width of the feed-forward layer within a block.
        norm_first: whether blocks normalize their inputs (pre-norm) or their sums (post-norm).
        position_embedding: whether tokens carry a learned embedding of their position.
        pooling: `"distinct"` averages over distinct tokens, and beside the encoder's output the embeddings
            themselves; `"mean_padded"` over every position, padding included.
        embedding_dropout: float in [0, 1), on the sum of the embeddings.
        dropout: float in [0, 1), on the two outputs of a block and within its feed-forward layer.
        attention_dropout: float in [0, 1), on attention scores. Anything but 0 leaves the fused kernel.
        head_dropout: float in [0, 1), on the encoder's output after pooling.
        initializer: `"keras"` or `"torch"`, whose default initializers the weights start from.
    """

    num_layers: int = 2
    num_heads: int = 4
    hidden_dim: int = 128
    intermediate_dim: int = 256
    activation: str = "gelu"
    norm_first: bool = True
    position_embedding: bool = True
    pooling: Literal["distinct", "mean_padded"] = "distinct"
    embedding_dropout: float = 0.2
    dropout: float = 0.1
    attention_dropout: float = 0.0
    head_dropout: float = 0.3
    layer_norm_epsilon: float = 1e-5
    initializer: Literal["keras", "torch"] = "keras"

    def __post_init__(self) -> None:
        _require_positive(self, "num_layers", "num_heads", "hidden_dim", "intermediate_dim")
        _require_rates(self, "embedding_dropout", "dropout", "attention_dropout", "head_dropout")
        _require_choice(self, "pooling", "distinct", "mean_padded")
        _require_choice(self, "initializer", "keras", "torch")
        divides = self.hidden_dim % self.num_heads == 0
        _require(divides, "num_heads", self.num_heads, f"a divisor of hidden_dim ({self.hidden_dim})")


@dataclass(frozen=True)
class BertConfig:
    """A pretrained BERT with a new head.

    Args:
        preset: KerasHub preset, a local folder in KerasHub or Hugging Face layout, or `minilm`.
        trainable_blocks: int >= 0, how many of the last encoder blocks train; `"all"` trains the whole
            backbone, embeddings included.
        pooling: `"mean"` over real tokens, with a dense tanh layer of the head's own behind it;
            `"cls"` the backbone's pooler over [CLS].
        dropout: float in [0, 1), inside the blocks that train, on attention scores too: KerasHub has one
            rate. Above 0 it leaves the fused kernel.
        head_dropout: float in [0, 1), before the logits.
        cache_frozen: whether what the frozen part makes of each text is computed once and kept, float16,
            on disk while the rest trains.
    """

    preset: str = "bert_base_en_uncased"
    trainable_blocks: int | Literal["all"] = 4
    pooling: Literal["mean", "cls"] = "mean"
    dropout: float = 0.0
    head_dropout: float = 0.1
    cache_frozen: bool = False

    def __post_init__(self) -> None:
        if self.cache_frozen:
            partly = self.trainable_blocks != "all"
            _require(partly, "trainable_blocks", self.trainable_blocks, "a number where cache_frozen is set")
        valid = self.trainable_blocks == "all" or self.trainable_blocks >= 0
        _require(valid, "trainable_blocks", self.trainable_blocks, "all or a number >= 0")
        _require_rates(self, "dropout", "head_dropout")
        _require_choice(self, "pooling", "mean", "cls")


@dataclass(frozen=True)
class TrainingConfig:
    """How `model.fit` is run.

    Args:
        batch_tokens: int, tokens a batch holds, padding included: fewer rows where reviews are long.
        learning_rate: float > 0, its peak.
        warmup: float in [0, 1), share of the steps over which the rate rises from 0.
        decay: `"cosine"` lets it fall to 0 over the remaining steps, `"constant"` keeps it.
        weight_decay: float >= 0, AdamW's; not on biases and normalization unless `decay_all`.
        patience: int, epochs without a better validation loss before training stops; 0 never stops.
        keep: `"best"` ends with the weights of the epoch of least validation loss, `"last"` doesn't.
        class_weight: whether rare classes weigh more, in inverse proportion to their count.
        word_dropout: float in [0, 1), share of the tokens of a train review that is left out, others in
            each epoch.
    """

    epochs: int = 3
    batch_tokens: int = 8192
    learning_rate: float = 1e-3
    warmup: float = 0.1
    decay: Literal["cosine", "constant"] = "cosine"
    weight_decay: float = 0.01
    decay_all: bool = False
    epsilon: float = 1e-7
    patience: int = 1
    keep: Literal["best", "last"] = "best"
    class_weight: bool = False
    word_dropout: float = 0.0
    precision: str = "auto"
    seed: int = DEFAULT_SEED

    def __post_init__(self) -> None:
        _require_positive(self, "epochs", "batch_tokens", "learning_rate", "epsilon")
        _require_rates(self, "warmup", "word_dropout")
        _require(self.patience >= 0, "patience", self.patience, "at least 0")
        _require(self.seed >= 0, "seed", self.seed, "at least 0")
        _require(self.weight_decay >= 0, "weight_decay", self.weight_decay, "at least 0")
        _require_choice(self, "precision", *PRECISIONS)
        _require_choice(self, "decay", "cosine", "constant")
        _require_choice(self, "keep", "best", "last")


Model = TypeVar("Model", TransformerConfig, BertConfig)


@dataclass(frozen=True)
class Recipe(Generic[Model]):
    """A model's hyperparameters with those of its input and its training."""

    model: Model
    inputs: InputConfig
    training: TrainingConfig

    def __post_init__(self) -> None:
        if isinstance(self.model, BertConfig) and self.model.cache_frozen:
            rate = self.training.word_dropout
            _require(rate == 0, "word_dropout", rate, "0 where cache_frozen is set: it changes every text")

    def replace(self, **changes: Any) -> Recipe[Model]:
        """Returns the recipe with hyperparameters changed by name; `None` leaves one as it is.

        Raises:
            InputError: a value is not valid.
        """
        parts: dict[str, Any] = {}
        for part in dataclasses.fields(self):
            config = getattr(self, part.name)
            names = {f.name for f in dataclasses.fields(config)}
            given = {k: v for k, v in changes.items() if k in names and v is not None}
            parts[part.name] = dataclasses.replace(config, **given)
        return Recipe(**parts)


# The published project whose results this one is measured against: plain torch, padded to 512.
_SEED_INPUTS = InputConfig(sequence_length=512, long="truncate", pad_to=512)
_SEED_TRAINING = TrainingConfig(
    epochs=5,
    batch_tokens=32 * 512,
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
        TrainingConfig(epochs=1, batch_tokens=32 * 512, learning_rate=2e-3, word_dropout=0.2),
    ),
    "seed": Recipe(
        TransformerConfig(
            activation="relu",
            norm_first=False,
            position_embedding=False,
            pooling="mean_padded",
            embedding_dropout=0.1,
            dropout=0.1,
            attention_dropout=0.1,
            head_dropout=0.0,
            initializer="torch",
        ),
        _SEED_INPUTS,
        _SEED_TRAINING,
    ),
}
BERT_RECIPES: dict[str, Recipe[BertConfig]] = {
    "default": Recipe(
        BertConfig(), InputConfig(), TrainingConfig(epochs=1, learning_rate=1e-4, epsilon=1e-6)
    ),
    "seed": Recipe(
        BertConfig(pooling="cls", dropout=0.1),
        _SEED_INPUTS,
        dataclasses.replace(_SEED_TRAINING, epochs=3, learning_rate=2e-5),
    ),
}


@dataclass(frozen=True)
class RunConfig:
    """What `config.json` of a RUN_DIR holds: all that a bundle needs to turn a text into a label.

    Args:
        labels: names of the classes; a label is its position here.
        temperature: float > 0, divides the logits before the softmax.
        threshold: float in (0, 1) on the probability of `labels[1]`, two classes only; `None` takes
            the most probable label.
        versions: package name to version, of what trained it.
        data: what identifies the DATA_DIR: its source, fingerprint and counts.
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
        _require(len(self.labels) >= 2, "labels", self.labels, "two names or more")
        _require(self.temperature > 0, "temperature", self.temperature, "greater than 0")
        if self.threshold is not None:
            _require(len(self.labels) == 2, "threshold", self.threshold, "null unless there are two labels")
            _require(0 < self.threshold < 1, "threshold", self.threshold, "a number in (0, 1)")

    def to_dict(self) -> dict[str, Any]:
        """Returns the configuration as JSON's types; the model's kind is told by its own key."""
        values = dataclasses.asdict(self)
        recipe = values.pop("recipe")
        kind = "bert" if isinstance(self.recipe.model, BertConfig) else "transformer"
        return {**values, "labels": list(self.labels), "kind": kind, **recipe}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> RunConfig:
        """Returns what `to_dict` gave.

        Raises:
            InputError: a key is missing or unknown, or a value is not valid.
        """
        values = dict(values)
        try:
            kind: Any = {"bert": BertConfig, "transformer": TransformerConfig}[values.pop("kind")]
            recipe: Recipe[Any] = Recipe(
                kind(**values.pop("model")),
                InputConfig(**values.pop("inputs")),
                TrainingConfig(**values.pop("training")),
            )
            return cls(**{**values, "labels": tuple(values["labels"]), "recipe": recipe})
        except (KeyError, TypeError, AttributeError) as error:
            raise InputError(f"it lacks or mistakes a key: {error}") from error


@dataclass(frozen=True)
class PrepareConfig:
    """How a source is read and cut into splits.

    Args:
        text_column: column of a table that holds the review.
        label_column: column of a table that holds its label.
        group_column: column of a table whose equal values must not straddle two splits, or None.
        seed: of the random splits.
        held_out: float in (0, 0.4], share of the reviews in validation, and in test where the source
            has no test part of its own.
        unknown_warning: float in [0, 1], share of tokens outside the vocabulary that is worth a warning.
        pieces_warning: float >= 1, tokens a word that are worth one: English reviews have 1.3, and a
            language that the vocabulary can only spell, letter by letter, 5.
    """

    text_column: str = "text"
    label_column: str = "label"
    group_column: str | None = None
    seed: int = DEFAULT_SEED
    held_out: float = 0.1
    unknown_warning: float = 0.2
    pieces_warning: float = 3.0

    def __post_init__(self) -> None:
        _require(0 < self.held_out <= 0.4, "held_out", self.held_out, "a number in (0, 0.4]")
        _require(self.seed >= 0, "seed", self.seed, "at least 0")
