"""Time, memory and file size of `train-transformer` for different numbers of labels.

`python -m tests.studies.many_labels [LABELS:TEXTS:WORDS …]` generates TEXTS texts of about WORDS words per
label, prepares them, and trains the default model in its own process. It prints a row per setting: the time
of training, its peak memory, the size of model.keras, and the accuracy on the test split.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

SETTINGS = ("2:1000:12", "40:50:12", "120:20:12", "1000:20:12", "1000:10:100")
_COMMAND = [sys.executable, "-c", "from keras_sentiment.scripts.command_line import main; main()"]
_WORDS = 20_000


def write_texts(path: Path, labels: int, texts: int, words: int, seed: int = 0) -> None:
    """Writes a table of texts. One word in five is from twelve words of the label, the others from all words.

    The frequencies of words follow Zipf's law.
    """
    rng = np.random.default_rng(seed)
    syllables = [a + b for a in "bdfgklmnprstvz" for b in "aeiou"]
    names = ["".join(rng.choice(syllables, rng.integers(1, 5))) for _ in range(_WORDS)]
    shares = 1 / np.arange(1, _WORDS + 1)
    shares /= shares.sum()
    own = rng.integers(100, _WORDS, (labels, 12))
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["text", "label"])
        for label in range(labels):
            for _ in range(texts):
                length = max(4, rng.poisson(words))
                chosen = rng.choice(_WORDS, length, p=shares)
                told = rng.random(length) < 0.2
                chosen[told] = rng.choice(own[label], int(told.sum()))
                table.writerow([" ".join(names[word] for word in chosen), f"label_{label:04}"])


def measure(folder: Path, labels: int, texts: int, words: int) -> str:
    """Returns a row of the table."""
    write_texts(folder / "texts.csv", labels, texts, words)
    run = folder / "run"
    prepare = ["prepare", folder / "texts.csv", folder / "data", "--tokenizer", "learn", "--quiet"]
    subprocess.run([*_COMMAND, *prepare], check=True, capture_output=True)
    begun = time.monotonic()
    train = subprocess.Popen(
        [*_COMMAND, "train-transformer", folder / "data", run, "--quiet"], stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(train.pid, 0)
    seconds = time.monotonic() - begun
    if status:
        raise SystemExit(f"training ended with {os.waitstatus_to_exitcode(status)}")
    evaluate = [*_COMMAND, "evaluate", run, folder / "data", "--json"]
    found = json.loads(subprocess.run(evaluate, check=True, capture_output=True, text=True).stdout)
    memory, size = usage.ru_maxrss / 1e6, (run / "model.keras").stat().st_size / 1e6
    what = f"{labels:,} | {labels * texts:,} of {words} words"
    return f"| {what} | {seconds:.0f} s | {memory:.1f} GB | {size:.0f} MB | {found['accuracy']:.3f} |"


def main() -> None:
    """Prints the table."""
    print(
        "| labels | texts | time | memory | model.keras | accuracy |\n|---|---|---|---|---|---|", flush=True
    )
    for setting in sys.argv[1:] or SETTINGS:
        with tempfile.TemporaryDirectory() as folder:
            print(measure(Path(folder), *map(int, setting.split(":"))), flush=True)


if __name__ == "__main__":
    main()
