"""Speed: who takes turns at a task, and timings -> rows of figures to compare."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_sentiment.benchmark import ours, peers
from keras_sentiment.benchmark.ours import DEEP_BLOCKS, MINILM, SEQUENCE_LENGTH, reviews_of
from keras_sentiment.benchmark.turns import Contender, Timing, take_turns
from keras_sentiment.models.precision import cpu_multiplies_bfloat16
from keras_sentiment.recipes import BERT_RECIPES, TRANSFORMER_RECIPES

PACKAGES = ("keras", "keras-hub", "torch", "tensorflow", "jax", "transformers", "accelerate", "tokenizers")
# A peer that pads every review alike has the same speed on a part of them.
_PADDED_SHARE = 8
# The small Transformer is ten times as fast, and a corpus of a few batches would tell little.
_TRANSFORMER_FACTOR = 4
_PEAK_STEPS = 40
_TRANSFORMER = TRANSFORMER_RECIPES["default"].replace(sequence_length=SEQUENCE_LENGTH)
# The encoder alone, as the peers have it.
_ENCODER = _TRANSFORMER.replace(ngrams=0, conv_kernel_size=0)
_BERT = BERT_RECIPES["default"].replace(preset="minilm", sequence_length=SEQUENCE_LENGTH)


@dataclass(frozen=True)
class Entry:
    """A contender, and what its work is worth.

    Args:
        operations: float, floating-point operations that a review needs on average, padding left out.
        peer: whether others are compared with it.
    """

    contender: Contender
    operations: float
    peer: bool = False


def compare(
    task: str,
    data_dir: str,
    reviews: int,
    rounds: int,
    backends: tuple[str, ...],
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Returns the figures of a task: for each contender its speed, ratios, share of the peak, memory.

    Args:
        task: `train-transformer`, `train-bert` or `score`, beside peers; or this project alone:
            `steps-transformer`, `steps-bert`, `cache-frozen` or `score-artifacts`.
        reviews: int, how many BERT gets.
        backends: of Keras, on which this project takes part beside peers.
        say: is told how it goes on.
    """
    # Where the CPU does not multiply it in hardware, nobody would use it.
    bfloat16 = cpu_multiplies_bfloat16()
    if task.endswith("transformer"):
        reviews *= _TRANSFORMER_FACTOR
    _, split = reviews_of(data_dir, reviews)
    entries = _Field(data_dir, reviews, rounds, backends, bfloat16, split.lengths).entries(task)
    peaks = [
        _contender(f"matrix product, {dtype}", ours.matrix_product, dtype, _PEAK_STEPS)
        for dtype in ("float32", *(["bfloat16"] if bfloat16 else []))
    ]
    timings = take_turns([*peaks, *(entry.contender for entry in entries)], rounds, say)
    peak = max(timings[contender.name].rate for contender in peaks)
    beside = {entry.contender.name: timings[entry.contender.name] for entry in entries if entry.peer}
    rows = [
        _row(entry.contender.name, timings[entry.contender.name], beside, entry.operations / peak)
        for entry in entries
    ]
    return {"task": task, "reviews": len(split), "peak_gflops": peak / 1e9, "rows": rows}


def _contender(name: str, work: Callable[..., None], *arguments: Any, backend: str = "torch") -> Contender:
    return Contender(name, work, arguments, {"KERAS_BACKEND": backend})


@dataclass(frozen=True)
class _Field:
    """Who takes part in a task, all with the same reviews.

    Args:
        lengths: int[reviews], tokens of each, without specials.
    """

    data_dir: str
    reviews: int
    rounds: int
    backends: tuple[str, ...]
    bfloat16: bool
    lengths: np.ndarray

    def entries(self, task: str) -> list[Entry]:
        if task == "score":
            return self._scoring()
        if task == "score-artifacts":
            return self._artifacts()
        if task == "cache-frozen":
            return self._cached()
        if task.startswith("steps-"):
            return self._steps(task)
        return self._training(task.removeprefix("train-"))

    def _training(self, kind: str) -> list[Entry]:
        few = max(self.reviews // _PADDED_SHARE, 2 * peers.BATCH_SIZE)
        operations = self._transformer_work() if kind == "transformer" else self._bert_work()
        found = []
        for autocast in (False, True) if self.bfloat16 else (False,):
            name = f"seed's loop, {'bfloat16 autocast' if autocast else 'float32'}"
            contender = _contender(name, peers.train_seed, self.data_dir, few, kind, autocast)
            found.append(Entry(contender, operations, peer=True))
        if kind == "transformer":
            found += self._ours(ours.train_ours, operations, _ENCODER)
            return [
                *found,
                self._trained("keras_sentiment, torch, its own parts too", _TRANSFORMER, operations),
            ]
        precision = "bfloat16" if self.bfloat16 else "float32"
        for label, dropout in (("its dropout", True), ("no dropout", False)):
            name = f"Hugging Face Trainer, {precision}, {label}"
            arguments = self.data_dir, self.reviews, dropout, self.bfloat16
            found.append(Entry(_contender(name, peers.train_hugging_face, *arguments), operations, peer=True))
        return [*found, *self._ours(ours.train_ours, operations, _BERT)]

    def _scoring(self) -> list[Entry]:
        operations = _operations(self._read(), MINILM[0], 0, *MINILM[2:])
        name = "Hugging Face pipeline, batch 32"
        arguments = self.data_dir, self.reviews, self.rounds
        peer = Entry(_contender(name, peers.score_hugging_face, *arguments), operations, peer=True)
        return [peer, *self._ours(ours.score_ours, operations, self.rounds)]

    def _artifacts(self) -> list[Entry]:
        """The Keras model and what `export` makes of it."""
        operations = _operations(self._read(), MINILM[0], 0, *MINILM[2:])
        arguments = self.data_dir, self.reviews, self.rounds
        return [
            Entry(
                _contender(name, ours.score_ours, *arguments, name),
                operations,
                peer=name in ("keras", "onnx"),
            )
            for name in ("keras", "onnx", "onnx_int8", "openvino")
        ]

    def _steps(self, task: str) -> list[Entry]:
        """This project slowed down, and then one step after another taken back."""
        fast: Any
        if task == "steps-transformer":
            fast, where, rate, operations = (
                _ENCODER,
                "on attention scores",
                "attention_dropout",
                self._transformer_work(),
            )
            last = self._trained("convolution, n-grams fitted before", _TRANSFORMER, operations)
        else:
            fast, where, rate, operations = _BERT, "in the blocks that train", "dropout", self._bert_work()
            cached = _BERT.replace(cache_frozen=True)
            last = self._trained("frozen blocks cached", cached, self._bert_work(frozen=0))
        alike = fast.replace(precision="float32", batch_size=peers.BATCH_SIZE)
        padded, size = alike.replace(pad_to=SEQUENCE_LENGTH), fast.training.batch_size
        steps = [
            (f"padded to {SEQUENCE_LENGTH}, dropout {where}", padded.replace(**{rate: 0.1})),
            ("no dropout there: attention in one kernel", padded),
            ("batches of like lengths", alike),
        ]
        if size != peers.BATCH_SIZE:
            steps.append((f"batches of {size}", fast.replace(precision="float32")))
        if self.bfloat16:
            steps.append(("bfloat16", fast))
        first, *others = [self._trained(name, recipe, operations) for name, recipe in steps]
        return [dataclasses.replace(first, peer=True), *others, last]

    def _cached(self) -> list[Entry]:
        def entry(name: str, cached: bool) -> Entry:
            operations = self._bert_work(frozen=0 if cached else DEEP_BLOCKS - MINILM[1])
            work = ours.train_deep_bert
            return Entry(_contender(name, work, self.data_dir, self.reviews, cached), operations, not cached)

        return [
            entry(f"{DEEP_BLOCKS} blocks", False),
            entry(f"{DEEP_BLOCKS} blocks, frozen ones cached", True),
        ]

    def _trained(self, name: str, recipe: Any, operations: float) -> Entry:
        contender = _contender(name, ours.train_ours, self.data_dir, self.reviews, recipe)
        return Entry(contender, operations)

    def _ours(self, work: Callable[..., None], operations: float, last: Any) -> list[Entry]:
        """This project on each backend."""
        arguments = self.data_dir, self.reviews, last
        return [
            Entry(_contender(f"keras_sentiment, {name}", work, *arguments, backend=name), operations)
            for name in self.backends
        ]

    def _read(self) -> np.ndarray:
        return np.minimum(self.lengths + 2, SEQUENCE_LENGTH)

    def _transformer_work(self) -> float:
        model = _TRANSFORMER.model
        return _operations(self._read(), 0, model.num_layers, model.hidden_dim, model.intermediate_dim)

    def _bert_work(self, frozen: int = MINILM[0] - MINILM[1]) -> float:
        return _operations(self._read(), frozen, *MINILM[1:])


def _operations(lengths: np.ndarray, forward: int, trained: int, width: int, inner: int) -> float:
    """Floating-point operations that a review needs on average, padding left out.

    A product of matrices counts two a multiplication, and three times that where its weights train: once
    forward, twice backward.

    Args:
        lengths: float[reviews], tokens of each.
        forward, trained: int, blocks that are only run, and that train.
    """
    projections = 2 * (4 * width**2 + 2 * width * inner) * lengths
    attention = 4 * width * lengths.astype("float64") ** 2
    return float((forward + 3 * trained) * (projections + attention).mean())


def _row(name: str, timing: Timing, beside: dict[str, Timing], seconds_at_peak: float) -> dict[str, Any]:
    return {
        "name": name,
        "reviews": timing.units,
        "seconds": timing.seconds,
        "reviews_per_second": timing.rate,
        "times_as_fast_as": {peer: timing.rate / theirs.rate for peer, theirs in beside.items()},
        "share_of_peak": timing.rate * seconds_at_peak,
        "start_seconds": timing.start_seconds,
        "memory_gb": timing.memory_bytes / 1e9,
    }
