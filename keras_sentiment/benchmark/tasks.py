"""The tasks of `benchmark`: their contenders, and the figures that their timings give."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_sentiment.benchmark import ours, peers
from keras_sentiment.benchmark.ours import DEEP_BLOCKS, MINILM, SEQUENCE_LENGTH, reviews_of
from keras_sentiment.benchmark.setting import Setting
from keras_sentiment.benchmark.turns import Contender, Timing, take_turns
from keras_sentiment.config import BertConfig
from keras_sentiment.errors import InputError
from keras_sentiment.machine import package_versions
from keras_sentiment.recipes import BERT_RECIPES, TRANSFORMER_RECIPES

# The plain torch loop pads every review to the same length, so an eighth of the reviews gives its speed.
_PADDED_SHARE = 8
# The small Transformer is ten times as fast as BERT, so it gets more reviews.
_TRANSFORMER_FACTOR = 4
_PEAK_STEPS = 40
_CACHED_EPOCHS = 3
_TRANSFORMER = TRANSFORMER_RECIPES["default"].replace(sequence_length=SEQUENCE_LENGTH)
# The encoder without the parts that the other implementations lack.
_ENCODER = _TRANSFORMER.replace(ngrams=0, conv_kernel_size=0, cooccurrence=False)
_BERT = BERT_RECIPES["default"].replace(preset="minilm", sequence_length=SEQUENCE_LENGTH)
_BERT_ALONE = _BERT.replace(ngrams=0)
# The network and the padding of the plain torch loop.
_LOOPS = {
    "transformer": TRANSFORMER_RECIPES["reference"],
    "bert": BERT_RECIPES["reference"].replace(preset="minilm"),
}
_HUGGING_FACE = ("torch", "transformers", "tokenizers")
_RUNTIMES = {"onnx": "onnxruntime", "onnx_int8": "onnxruntime", "openvino": "openvino"}


@dataclass(frozen=True)
class Entry:
    """A contender and what is needed to compute its figures.

    Args:
        contender: the contender.
        operations: float, the mean number of floating-point operations per review, without padding.
        packages: the packages whose versions are shown.
        peer: whether the speeds of all contenders are divided by its speed.
    """

    contender: Contender
    operations: float
    packages: tuple[str, ...]
    peer: bool = False


def compare(
    task: str,
    data_dir: str,
    reviews: int,
    rounds: int,
    backends: tuple[str, ...],
    setting: Setting,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Runs a task and returns the speed, speed ratios, share of the peak and memory of each contender.

    Args:
        task: a comparison with other implementations (`train-transformer`, `train-bert` or `score`), or of
            variants of this project (`steps-transformer`, `steps-bert`, `cache-frozen` or `score-artifacts`).
        data_dir: the folder of a prepared corpus.
        reviews: int, the number of reviews for BERT.
        rounds: int, the number of turns that each contender takes.
        backends: the Keras backends on which this project is compared with others.
        setting: device, precision and threads of all contenders.
        say: a function that shows a line of progress.

    Raises:
        InputError: a contender does not compute as the setting says.
    """
    if task.endswith("transformer"):
        reviews *= _TRANSFORMER_FACTOR
    _, split = reviews_of(data_dir, reviews)
    contenders = Contenders(data_dir, reviews, rounds, backends, setting, split.lengths)
    entries = contenders.entries(task)
    peak_of = contenders.contender("matrix product", ours.matrix_product, setting, _PEAK_STEPS)

    def check(name: str, facts: dict[str, Any]) -> None:
        if name != peak_of.name:
            require_setting(name, setting, facts)

    timings = take_turns([peak_of, *(entry.contender for entry in entries)], rounds, say, check)
    peak = timings[peak_of.name].rate
    beside = {entry.contender.name: timings[entry.contender.name] for entry in entries if entry.peer}
    rows = [_row(entry, timings[entry.contender.name], beside, peak) for entry in entries]
    return {"task": task, "reviews": len(split), "peak_gflops": peak / 1e9, "rows": rows}


def require_setting(name: str, setting: Setting, facts: dict[str, Any]) -> None:
    """Checks that a contender computes as the setting says.

    Raises:
        InputError: its device, precision or number of threads differs.
    """
    for part in ("device", "precision", "threads"):
        wanted, found = getattr(setting, part), facts[part]
        # The int8 artifact has int8 weights, and computes everything else in float32.
        if found not in (wanted, f"{wanted}, weights int8"):
            raise InputError(
                f"{name}: its {part} is {found}, not {wanted}; leave its backend out "
                "with --backend, or give --device cpu --precision float32 and no --threads"
            )


@dataclass(frozen=True)
class Contenders:
    """The contenders of the tasks, with the same reviews and the same setting.

    Args:
        data_dir: the folder of a prepared corpus.
        reviews: int, the number of reviews.
        rounds: int, the number of passes over the texts in tasks that score.
        backends: the Keras backends on which this project is compared with others.
        setting: device, precision and threads.
        lengths: int[reviews], the number of tokens of each review, without [CLS] and [SEP].
    """

    data_dir: str
    reviews: int
    rounds: int
    backends: tuple[str, ...]
    setting: Setting
    lengths: np.ndarray

    def entries(self, task: str) -> list[Entry]:
        """Returns the contenders of a task."""
        if task == "score":
            return self._scoring()
        if task == "score-artifacts":
            return self._artifacts()
        if task == "cache-frozen":
            return self._cached()
        if task == "steps-transformer":
            return self._steps(_ENCODER, "attention_dropout", "on attention scores", _TRANSFORMER)
        if task == "steps-bert":
            return self._steps(_BERT_ALONE, "dropout", "in the trainable blocks", _BERT)
        return self._training(task.removeprefix("train-"))

    def contender(
        self, name: str, work: Callable[..., None], *arguments: Any, backend: str = "torch"
    ) -> Contender:
        return Contender(name, work, arguments, self.setting.environment(backend), self.setting.threads)

    def _training(self, kind: str) -> list[Entry]:
        few = max(self.reviews // _PADDED_SHARE, 2 * peers.BATCH_SIZE)
        alone: Any = _ENCODER if kind == "transformer" else _BERT_ALONE
        default: Any = _TRANSFORMER if kind == "transformer" else _BERT
        work = self._training_operations(default)
        loop = self.contender(
            f"plain torch loop, padded to {SEQUENCE_LENGTH}",
            peers.train_torch_loop,
            self.data_dir,
            few,
            kind,
            self.setting,
        )
        found = [Entry(loop, work, ("torch",) if kind == "transformer" else _HUGGING_FACE, peer=True)]
        if kind == "bert":
            for label, dropout in (("default dropout", True), ("no dropout in the blocks", False)):
                name = f"Hugging Face Trainer, {label}"
                arguments = self.data_dir, self.reviews, dropout, self.setting
                contender = self.contender(name, peers.train_hugging_face, *arguments)
                found.append(Entry(contender, work, (*_HUGGING_FACE, "accelerate"), peer=True))
        found.append(self._trained("keras_sentiment, torch, the loop's network", _LOOPS[kind], few))
        alike = alone.replace(batch_size=peers.BATCH_SIZE)
        found += [
            self._trained(f"keras_sentiment, {name}, network alone", alike, self.reviews, backend=name)
            for name in self.backends
        ]
        return [*found, self._trained("keras_sentiment, torch, default recipe", default, self.reviews)]

    def _scoring(self) -> list[Entry]:
        operations = _operations(self._row_lengths(), MINILM[0], 0, *MINILM[2:])
        found = []
        for label, ordered in (("texts in the given order", False), ("texts sorted by length", True)):
            given = self.data_dir, self.reviews, self.rounds, ordered, self.setting
            name = f"Hugging Face pipeline, {label}"
            contender = self.contender(name, peers.score_hugging_face, *given)
            found.append(Entry(contender, operations, _HUGGING_FACE, peer=True))
        arguments = self.data_dir, self.reviews, self.rounds, self.setting
        for name in self.backends:
            contender = self.contender(f"keras_sentiment, {name}", ours.score_ours, *arguments, backend=name)
            found.append(Entry(contender, operations, _keras_packages(name, bert=True)))
        return found

    def _artifacts(self) -> list[Entry]:
        """Returns the Keras model and its artifacts."""
        operations = _operations(self._row_lengths(), MINILM[0], 0, *MINILM[2:])
        arguments = self.data_dir, self.reviews, self.rounds, self.setting
        found = []
        for name in ("keras", *_RUNTIMES):
            packages = (_RUNTIMES[name],) if name in _RUNTIMES else _keras_packages("torch", bert=True)
            contender = self.contender(name, ours.score_ours, *arguments, name)
            found.append(Entry(contender, operations, packages, peer=name in ("keras", "onnx")))
        return found

    def _steps(self, fast: Any, rate: str, where: str, default: Any) -> list[Entry]:
        """Returns variants of this project, from the slowest to the default; each adds one optimization."""
        alike, size = fast.replace(batch_size=peers.BATCH_SIZE), fast.training.batch_size
        padded = alike.replace(pad_to=SEQUENCE_LENGTH)
        steps = [
            (f"padded to {SEQUENCE_LENGTH}, dropout {where}", padded.replace(**{rate: 0.1})),
            ("without this dropout, fused attention", padded),
            ("batches of similar lengths", alike),
        ]
        if size != peers.BATCH_SIZE:
            steps.append((f"batches of {size}", fast))
        steps.append(("default recipe, with n-grams", default))
        first, *others = [self._trained(name, recipe, self.reviews) for name, recipe in steps]
        return [dataclasses.replace(first, peer=True), *others]

    def _cached(self) -> list[Entry]:
        frozen, found = DEEP_BLOCKS - MINILM[1], []
        for name, cached in (("in every epoch", False), ("computed once", True)):
            recipe = _BERT_ALONE.replace(cache_frozen=cached, precision=self.setting.precision)
            arguments = self.data_dir, self.reviews, recipe, _CACHED_EPOCHS
            contender = self.contender(
                f"{_CACHED_EPOCHS} epochs, frozen blocks {name}", ours.train_deep_bert, *arguments
            )
            runs = frozen / _CACHED_EPOCHS if cached else frozen
            operations = _operations(self._row_lengths(), runs, *MINILM[1:])
            found.append(Entry(contender, operations, _keras_packages("torch", bert=True), not cached))
        return found

    def _trained(self, name: str, recipe: Any, reviews: int, backend: str = "torch") -> Entry:
        recipe = recipe.replace(precision=self.setting.precision)
        contender = self.contender(name, ours.train_ours, self.data_dir, reviews, recipe, backend=backend)
        packages = _keras_packages(backend, bert=isinstance(recipe.model, BertConfig))
        return Entry(contender, self._training_operations(recipe), packages)

    def _row_lengths(self) -> np.ndarray:
        return np.minimum(self.lengths + 2, SEQUENCE_LENGTH)

    def _training_operations(self, recipe: Any) -> float:
        """Returns the operations per review in training, without those of the convolution and the n-grams."""
        if isinstance(recipe.model, BertConfig):
            return _operations(self._row_lengths(), MINILM[0] - MINILM[1], *MINILM[1:])
        model = _TRANSFORMER.model
        return _operations(self._row_lengths(), 0, model.num_layers, model.hidden_dim, model.intermediate_dim)


def _keras_packages(backend: str, bert: bool) -> tuple[str, ...]:
    return ("keras", *(["keras-hub"] if bert else []), backend)


def _operations(lengths: np.ndarray, forward: float, trained: int, width: int, inner: int) -> float:
    """Returns the mean number of floating-point operations per review, without padding.

    A multiplication and an addition count as two operations. Trainable blocks count three times: the backward
    pass needs twice as many operations as the forward pass.

    Args:
        lengths: int[reviews], the number of tokens of each review.
        forward: float, the number of frozen blocks.
        trained: int, the number of trainable blocks.
        width: int, width of the blocks.
        inner: int, width of their feed-forward networks.
    """
    projections = 2 * (4 * width**2 + 2 * width * inner) * lengths
    attention = 4 * width * lengths.astype("float64") ** 2
    return float((forward + 3 * trained) * (projections + attention).mean())


def _row(entry: Entry, timing: Timing, beside: dict[str, Timing], peak: float) -> dict[str, Any]:
    return {
        "name": entry.contender.name,
        **timing.facts,
        "versions": package_versions(entry.packages),
        "reviews": timing.units,
        "seconds": timing.seconds,
        "reviews_per_second": timing.rate,
        "times_as_fast_as": {peer: timing.rate / theirs.rate for peer, theirs in beside.items()},
        "share_of_peak": timing.rate * entry.operations / peak,
        "start_seconds": timing.start_seconds,
        "memory_gb": timing.memory_bytes / 1e9,
    }
