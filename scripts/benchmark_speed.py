"""`benchmark`: times training and scoring on this machine, beside comparable programs."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import os
import sys
from typing import Any

import click

from keras_sentiment.benchmark.setting import DEVICES, Setting
from keras_sentiment.config import BACKENDS, PRECISIONS
from keras_sentiment.errors import InputError, install_hint
from keras_sentiment.messages import show
from keras_sentiment.quantities import plural
from keras_sentiment.scripts.command_line import check_backend, common_options, run_command, say
from keras_sentiment.scripts.options import command, option, section
from keras_sentiment.text_table import text_table

BESIDE_PEERS = ("train-transformer", "train-bert", "score")
# This project alone, without its optimizations and then with one after another.
ALONE = ("steps-transformer", "steps-bert", "cache-frozen", "score-artifacts")
TASKS = (*BESIDE_PEERS, *ALONE)


@command(
    examples=(
        "prepare sample data/films --tokenizer minilm",
        "benchmark data/films --task score --reviews 128 --rounds 2",
    )
)
@click.argument("data_dir", type=click.Path())
@section(
    "Measurement",
    option(
        "--task",
        type=click.Choice(TASKS),
        multiple=True,
        show_default=" ".join(BESIDE_PEERS),
        help="What to time. May be given several times.",
    ),
    option(
        "--backend",
        type=click.Choice(BACKENDS),
        multiple=True,
        show_default="all that are installed",
        help="Keras backend on which this project is timed. May be given several times.",
    ),
    option(
        "--reviews",
        type=click.IntRange(min=64),
        metavar="N",
        default=512,
        show_default=True,
        help="Number of reviews for BERT; the small Transformer gets four times as many.",
    ),
    option(
        "--rounds",
        type=click.IntRange(min=1),
        metavar="N",
        default=4,
        show_default=True,
        help="Number of times that each contender is timed, in turns.",
    ),
)
@section(
    "Hardware",
    option(
        "--device",
        type=click.Choice(DEVICES),
        show_default="gpu if torch sees one, else cpu",
        help="Device on which all contenders compute.",
    ),
    option(
        "--precision",
        type=click.Choice(PRECISIONS),
        default="float32",
        show_default=True,
        help="Number format in which all contenders compute; auto takes mixed_bfloat16 where this machine is "
        "fast at it, else float32.",
    ),
    option(
        "--threads",
        type=click.IntRange(min=1),
        metavar="N",
        show_default="all cores",
        help="Number of cores that each contender may use.",
    ),
)
@option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output, and no text.")
@common_options
def benchmark(
    data_dir: str,
    task: tuple[str, ...],
    backend: tuple[str, ...],
    reviews: int,
    rounds: int,
    as_json: bool,
    device: str | None,
    precision: str,
    threads: int | None,
    quiet: bool,
) -> None:
    """Time training and prediction on this machine.

    This project and comparable programs (Hugging Face's Trainer and pipeline, a plain torch loop) are timed
    in turns on reviews of DATA_DIR, which must have been prepared with --tokenizer minilm. All contenders of
    a task use the same device, precision and number of threads; each row of the table names them.
    """
    check_backend()
    tasks = task or BESIDE_PEERS
    for name in ("accelerate", "transformers", "onnxscript", "onnxruntime", "openvino"):
        if not installed(name) and not {*BESIDE_PEERS, "score-artifacts"}.isdisjoint(tasks):
            raise InputError(f"{name} is not installed; {install_hint('benchmark')}")
    for name in backend:
        check_backend(name)
    backends = backend or tuple(filter(installed, BACKENDS))
    from keras_sentiment.benchmark import tasks as timed
    from keras_sentiment.data.corpus import open_corpus
    from keras_sentiment.machine import machine
    from keras_sentiment.text.tokenizer import find_tokenizer

    if open_corpus(data_dir).tokenizer().sha256 != find_tokenizer("minilm").sha256:
        raise InputError(f"{data_dir}: it has another vocabulary; prepare it with --tokenizer minilm")
    setting = _setting(device, precision, threads, tasks, backends)
    results: dict[str, Any] = {
        "command": " ".join(sys.argv),
        **machine(("keras-sentiment", "numpy", "scipy")),
        "gpu": _gpu_name() if setting.device == "gpu" else None,
        **dataclasses.asdict(setting),
        "tasks": [],
    }
    for name in tasks:
        progress = (lambda _: None) if quiet else say
        result = timed.compare(name, data_dir, reviews, rounds, backends, setting, progress)
        results["tasks"].append(result)
        if not as_json:
            show(table(result) + "\n")
    if as_json:
        show(json.dumps(results))
    elif not quiet:
        say("docs/speed.md explains the table. --json prints the figures for a program.")


def _setting(
    device: str | None, precision: str, threads: int | None, tasks: tuple[str, ...], backends: tuple[str, ...]
) -> Setting:
    """Returns what all contenders have, after what some of them could not do is refused."""
    from keras_sentiment.inference.engines import threads as all_threads
    from keras_sentiment.machine import cores
    from keras_sentiment.models.precision import resolve_precision

    gpu = _gpu_name() is not None
    if device == "gpu" and not gpu:
        raise InputError("--device gpu: torch sees no GPU here; leave it out")
    precision = resolve_precision(precision)
    threads = threads or all_threads()
    if threads > cores():
        raise InputError(f"--threads {threads}: there are {cores()} cores; give at most as many")
    if threads < cores() and not hasattr(os, "sched_setaffinity"):
        raise InputError("--threads: this system holds no process to some cores; leave it out")
    device = device or ("gpu" if gpu and "score-artifacts" not in tasks else "cpu")
    if "score-artifacts" in tasks and (device, precision) != ("cpu", "float32"):
        raise InputError(
            "score-artifacts: they compute on a CPU in float32; leave --device and --precision out"
        )
    if precision == "mixed_float16" and device == "cpu" and "jax" in backends:
        raise InputError("jax has no float16 products on a CPU; leave it out, as with --backend torch")
    return Setting(device, precision, threads)


def _gpu_name() -> str | None:
    import torch

    return torch.cuda.get_device_name(0) if torch.cuda.is_available() else None


def installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def table(result: dict[str, Any]) -> str:
    """Returns the figures of a task as lines to read: a table, and below it how each contender computed."""
    rows = result["rows"]
    peers = list(rows[0]["times_as_fast_as"])
    letters = dict(zip(peers, "abcdefgh", strict=False))
    named = [f"{letters.get(row['name'], ' ')}  {row['name']}" for row in rows]
    cells = [
        ("", "reviews/s", *(f"/ {letters[peer]}" for peer in peers), "of peak", "memory", "start"),
        *(
            (
                name,
                f"{row['reviews_per_second']:.1f}",
                *(f"{row['times_as_fast_as'][peer]:.1f}" for peer in peers),
                f"{row['share_of_peak']:.0%}",
                f"{row['memory_gb']:.1f} GB",
                f"{row['start_seconds']:.0f} s",
            )
            for name, row in zip(named, rows, strict=True)
        ),
    ]
    return "\n".join(
        [
            f"{result['task']}, {result['reviews']:,} reviews; peak {result['peak_gflops']:.0f} GFLOP/s",
            *text_table(cells),
            *(f"{name}: {_conditions(row)}" for name, row in zip(named, rows, strict=True)),
        ]
    )


def _conditions(row: dict[str, Any]) -> str:
    """Returns on what, and how, a contender computed."""
    versions = ", ".join(f"{package} {version}" for package, version in row["versions"].items())
    trained, precision = row["trained_parameters"], row["precision"]
    if (row["device"], precision) == ("gpu", "float32"):
        precision += " with products in TensorFloat-32"
    training = (
        f"{trained:,} parameters train, {row['seconds_before_steps']:.1f} s before the first step; "
        if trained
        else ""
    )
    return (
        f"{row['device']}, {precision}, {plural(row['threads'], 'thread')}; "
        f"batches of {row['batch']}; {training}{versions}"
    )


if __name__ == "__main__":
    run_command(benchmark)
