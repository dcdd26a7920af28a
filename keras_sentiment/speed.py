"""Speed: who takes turns at a task, and timings -> rows of figures to compare."""

from __future__ import annotations

import importlib.util
import os
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from keras_sentiment import contenders
from keras_sentiment.bundle import package_versions
from keras_sentiment.config import BACKENDS
from keras_sentiment.contenders import SEQUENCE_LENGTH, reviews_of
from keras_sentiment.pace import Contender, Timing, take_turns
from keras_sentiment.precision import cpu_multiplies_bfloat16
from keras_sentiment.recipes import BERT_RECIPES, TRANSFORMER_RECIPES

_PACKAGES = ("keras", "keras-hub", "torch", "tensorflow", "jax", "transformers", "accelerate", "tokenizers")
# A peer that pads every review alike has the same speed on a part of them.
_PADDED_SHARE = 8
# The small Transformer is ten times as fast, and a corpus of a few batches would tell little.
_TRANSFORMER_FACTOR = 4
_PEAK_STEPS = 40
_DEFAULT = TRANSFORMER_RECIPES["default"]
_FEWER_WORDS = "keras_sentiment, torch, its word dropout"
# Blocks, blocks that train, width, inner width.
_MINILM = (6, 4, 384, 1536)


def compare(
    task: str, data_dir: str, reviews: int, rounds: int, say: Callable[[str], None]
) -> dict[str, Any]:
    """Returns the figures of a task: for each contender its speed, ratios, share of the peak, memory.

    Args:
        task: `train-transformer`, `train-bert` or `score`.
        reviews: int, how many BERT gets.
        say: is told how it goes on.
    """
    # Where the CPU does not multiply it in hardware, nobody would use it.
    bfloat16 = cpu_multiplies_bfloat16()
    if task == "train-transformer":
        reviews *= _TRANSFORMER_FACTOR
    peers = _peers(task, data_dir, reviews, rounds, bfloat16)
    peaks = [
        _contender(f"matrix product, {dtype}", contenders.matrix_product, dtype, _PEAK_STEPS)
        for dtype in ("float32", *(["bfloat16"] if bfloat16 else []))
    ]
    timings = take_turns([*peaks, *peers, *_ours(task, data_dir, reviews, rounds)], rounds, say)
    peak = max(timings.pop(contender.name).rate for contender in peaks)
    _, split = reviews_of(data_dir, reviews)
    rows = []
    for name, timing in timings.items():
        left_out = _DEFAULT.training.word_dropout if name == _FEWER_WORDS else 0.0
        lengths = np.minimum((1 - left_out) * split.lengths + 2, SEQUENCE_LENGTH)
        seconds_at_peak = _useful_operations(lengths, task) / peak
        rows.append(_row(name, timing, {peer.name: timings[peer.name] for peer in peers}, seconds_at_peak))
    return {"task": task, "reviews": len(split), "peak_gflops": peak / 1e9, "rows": rows}


def _contender(name: str, work: Callable[..., None], *arguments: Any, backend: str = "torch") -> Contender:
    return Contender(name, work, arguments, {"KERAS_BACKEND": backend})


def _peers(task: str, data_dir: str, reviews: int, rounds: int, bfloat16: bool) -> list[Contender]:
    if task == "score":
        name = "Hugging Face pipeline, batch 32"
        return [_contender(name, contenders.score_hugging_face, data_dir, reviews, rounds)]
    kind = task.removeprefix("train-")
    few = max(reviews // _PADDED_SHARE, 2 * contenders.BATCH_SIZE)
    found = [_contender("seed's loop, float32", contenders.train_seed, data_dir, few, kind, False)]
    if bfloat16:
        name = "seed's loop, bfloat16 autocast"
        found.append(_contender(name, contenders.train_seed, data_dir, few, kind, True))
    if kind == "bert":
        precision = "bfloat16" if bfloat16 else "float32"
        for name, dropout in (("its dropout", True), ("no dropout", False)):
            found.append(
                _contender(
                    f"Hugging Face Trainer, {precision}, {name}",
                    contenders.train_hugging_face,
                    *(data_dir, reviews, dropout, bfloat16),
                )
            )
    return found


def _ours(task: str, data_dir: str, reviews: int, rounds: int) -> list[Contender]:
    # All words, as the peers read them.
    default = _DEFAULT.replace(sequence_length=SEQUENCE_LENGTH, word_dropout=0.0)
    bert = BERT_RECIPES["default"].replace(preset="minilm", sequence_length=SEQUENCE_LENGTH)
    work: Callable[..., None] = contenders.score_ours if task == "score" else contenders.train_ours
    last = {"train-transformer": default, "train-bert": bert, "score": rounds}[task]
    found = [
        _contender(f"keras_sentiment, {backend}", work, data_dir, reviews, last, backend=backend)
        for backend in BACKENDS
        if importlib.util.find_spec(backend)
    ]
    if task == "train-transformer":
        found.insert(1, _contender(_FEWER_WORDS, work, data_dir, reviews, _DEFAULT))
    return found


def _useful_operations(lengths: np.ndarray, task: str) -> float:
    """Floating-point operations that a review needs on average, padding left out.

    A product of matrices counts two a multiplication, and three times that where its weights train: once
    forward, twice backward.
    """
    blocks, trained, width, inner = _MINILM
    if task == "train-transformer":
        model = _DEFAULT.model
        blocks = trained = model.num_layers
        width, inner = model.hidden_dim, model.intermediate_dim
    times = blocks if task == "score" else blocks - trained + 3 * trained
    projections = 2 * (4 * width**2 + 2 * width * inner) * lengths
    attention = 4 * width * lengths.astype("float64") ** 2
    return float(times * (projections + attention).mean())


def _row(name: str, timing: Timing, peers: dict[str, Timing], seconds_at_peak: float) -> dict[str, Any]:
    return {
        "name": name,
        "reviews": timing.units,
        "seconds": timing.seconds,
        "reviews_per_second": timing.rate,
        "times_as_fast_as": {peer: timing.rate / theirs.rate for peer, theirs in peers.items()},
        "share_of_peak": timing.rate * seconds_at_peak,
        "start_seconds": timing.start_seconds,
        "memory_gb": timing.memory_bytes / 1e9,
    }


def machine() -> dict[str, Any]:
    """Returns what speed depends on: the processor, its cores, the versions."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": package_versions(_PACKAGES),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())
