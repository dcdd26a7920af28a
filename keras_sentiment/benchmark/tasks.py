"""Speed: who takes turns at a task, and timings -> rows of figures to compare."""

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

# A contender that pads every review alike has the same speed on a part of them.
_PADDED_SHARE = 8
# The small Transformer is ten times as fast, and a corpus of a few batches would tell little.
_TRANSFORMER_FACTOR = 4
_PEAK_STEPS = 40
_CACHED_EPOCHS = 3
_TRANSFORMER = TRANSFORMER_RECIPES["default"].replace(sequence_length=SEQUENCE_LENGTH)
# The encoder alone, as the peers have it.
_ENCODER = _TRANSFORMER.replace(ngrams=0, conv_kernel_size=0, cooccurrence=False)
_BERT = BERT_RECIPES["default"].replace(preset="minilm", sequence_length=SEQUENCE_LENGTH)
_BERT_ALONE = _BERT.replace(ngrams=0)
# What the plain loop trains, padded to 512 as it does.
_LOOPS = {
    "transformer": TRANSFORMER_RECIPES["reference"],
    "bert": BERT_RECIPES["reference"].replace(preset="minilm"),
}
_HUGGING_FACE = ("torch", "transformers", "tokenizers")
_RUNTIMES = {"onnx": "onnxruntime", "onnx_int8": "onnxruntime", "openvino": "openvino"}


@dataclass(frozen=True)
class Entry:
    """A contender, and what its work is worth.

    Args:
        operations: float, floating-point operations that a review needs on average, padding left out.
        packages: that compute.
        peer: whether others are compared with it.
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
    """Returns the figures of a task: for each contender its speed, ratios, share of the peak, memory.

    Args:
        task: `train-transformer`, `train-bert` or `score`, beside peers; or this project alone:
            `steps-transformer`, `steps-bert`, `cache-frozen` or `score-artifacts`.
        reviews: int, how many BERT gets.
        backends: of Keras, on which this project takes part beside peers.
        setting: device, precision and threads of all contenders.
        say: is told how it goes on.

    Raises:
        InputError: a contender computes otherwise than the setting says.
    """
    if task.endswith("transformer"):
        reviews *= _TRANSFORMER_FACTOR
    _, split = reviews_of(data_dir, reviews)
    field = Field(data_dir, reviews, rounds, backends, setting, split.lengths)
    entries = field.entries(task)
    peak_of = field.contender("matrix product", ours.matrix_product, setting, _PEAK_STEPS)

    def check(name: str, facts: dict[str, Any]) -> None:
        if name != peak_of.name:
            require_setting(name, setting, facts)

    timings = take_turns([peak_of, *(entry.contender for entry in entries)], rounds, say, check)
    peak = timings[peak_of.name].rate
    beside = {entry.contender.name: timings[entry.contender.name] for entry in entries if entry.peer}
    rows = [_row(entry, timings[entry.contender.name], beside, peak) for entry in entries]
    return {"task": task, "reviews": len(split), "peak_gflops": peak / 1e9, "rows": rows}


def require_setting(name: str, setting: Setting, facts: dict[str, Any]) -> None:
    """Refuses a contender that was found to compute otherwise than the others.

    Raises:
        InputError: with what was found, and the fix.
    """
    for part in ("device", "precision", "threads"):
        wanted, found = getattr(setting, part), facts[part]
        # Weights in int8 are what that format is; its other numbers are those of the setting.
        if found not in (wanted, f"{wanted}, weights int8"):
            raise InputError(
                f"{name}: its {part} is {found}, not {wanted} as that of the others; leave its backend out "
                "with --backend, or give --device cpu --precision float32 and no --threads"
            )


@dataclass(frozen=True)
class Field:
    """Who takes part in a task, all with the same reviews and the same setting.

    Args:
        lengths: int[reviews], tokens of each, without specials.
    """

    data_dir: str
    reviews: int
    rounds: int
    backends: tuple[str, ...]
    setting: Setting
    lengths: np.ndarray

    def entries(self, task: str) -> list[Entry]:
        if task == "score":
            return self._scoring()
        if task == "score-artifacts":
            return self._artifacts()
        if task == "cache-frozen":
            return self._cached()
        if task == "steps-transformer":
            return self._steps(_ENCODER, "attention_dropout", "on attention scores", _TRANSFORMER)
        if task == "steps-bert":
            return self._steps(_BERT_ALONE, "dropout", "in the blocks that train", _BERT)
        return self._training(task.removeprefix("train-"))

    def contender(
        self, name: str, work: Callable[..., None], *arguments: Any, backend: str = "torch"
    ) -> Contender:
        return Contender(name, work, arguments, self.setting.environment(backend), self.setting.threads)

    def _training(self, kind: str) -> list[Entry]:
        few = max(self.reviews // _PADDED_SHARE, 2 * peers.BATCH_SIZE)
        alone: Any = _ENCODER if kind == "transformer" else _BERT_ALONE
        default: Any = _TRANSFORMER if kind == "transformer" else _BERT
        work = self._work(default)
        loop = self.contender(
            f"plain torch loop, padded to {SEQUENCE_LENGTH}",
            peers.train_seed,
            self.data_dir,
            few,
            kind,
            self.setting,
        )
        found = [Entry(loop, work, ("torch",) if kind == "transformer" else _HUGGING_FACE, peer=True)]
        if kind == "bert":
            for label, dropout in (("its dropout", True), ("no dropout in the blocks", False)):
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
        return [*found, self._trained("keras_sentiment, torch, the default", default, self.reviews)]

    def _scoring(self) -> list[Entry]:
        operations = _operations(self._read(), MINILM[0], 0, *MINILM[2:])
        found = []
        for label, ordered in (("texts as they come", False), ("texts by length", True)):
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
        """The Keras model and what `export` makes of it."""
        operations = _operations(self._read(), MINILM[0], 0, *MINILM[2:])
        arguments = self.data_dir, self.reviews, self.rounds, self.setting
        found = []
        for name in ("keras", *_RUNTIMES):
            packages = (_RUNTIMES[name],) if name in _RUNTIMES else _keras_packages("torch", bert=True)
            contender = self.contender(name, ours.score_ours, *arguments, name)
            found.append(Entry(contender, operations, packages, peer=name in ("keras", "onnx")))
        return found

    def _steps(self, fast: Any, rate: str, where: str, default: Any) -> list[Entry]:
        """This project slowed down, and then one step after another taken back."""
        alike, size = fast.replace(batch_size=peers.BATCH_SIZE), fast.training.batch_size
        padded = alike.replace(pad_to=SEQUENCE_LENGTH)
        steps = [
            (f"padded to {SEQUENCE_LENGTH}, dropout {where}", padded.replace(**{rate: 0.1})),
            ("no dropout there: attention in one kernel", padded),
            ("batches of like lengths", alike),
        ]
        if size != peers.BATCH_SIZE:
            steps.append((f"batches of {size}", fast))
        steps.append(("what else the default has, n-grams too", default))
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
            operations = _operations(self._read(), runs, *MINILM[1:])
            found.append(Entry(contender, operations, _keras_packages("torch", bert=True), not cached))
        return found

    def _trained(self, name: str, recipe: Any, reviews: int, backend: str = "torch") -> Entry:
        recipe = recipe.replace(precision=self.setting.precision)
        contender = self.contender(name, ours.train_ours, self.data_dir, reviews, recipe, backend=backend)
        packages = _keras_packages(backend, bert=isinstance(recipe.model, BertConfig))
        return Entry(contender, self._work(recipe), packages)

    def _read(self) -> np.ndarray:
        return np.minimum(self.lengths + 2, SEQUENCE_LENGTH)

    def _work(self, recipe: Any) -> float:
        """Returns the operations of a review in training; of the convolution and the n-grams none count."""
        if isinstance(recipe.model, BertConfig):
            return _operations(self._read(), MINILM[0] - MINILM[1], *MINILM[1:])
        model = _TRANSFORMER.model
        return _operations(self._read(), 0, model.num_layers, model.hidden_dim, model.intermediate_dim)


def _keras_packages(backend: str, bert: bool) -> tuple[str, ...]:
    return ("keras", *(["keras-hub"] if bert else []), backend)


def _operations(lengths: np.ndarray, forward: float, trained: int, width: int, inner: int) -> float:
    """Floating-point operations that a review needs on average, padding left out.

    A product of matrices counts two a multiplication, and three times that where its weights train: once
    forward, twice backward.

    Args:
        lengths: float[reviews], tokens of each.
        forward: float, blocks that are only run.
        trained: int, blocks that train.
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
