"""Tables for the tests of prediction on Ray."""

import csv
import glob
import json

import pytest
from pyarrow import parquet

from keras_sentiment.cluster.partition import partition
from keras_sentiment.cluster.plan import Plan
from keras_sentiment.data.config import TableConfig

WORDS = ("good", "fine", "bad", "dull", "film", "the")


def texts(count):
    return [" ".join(WORDS[(i * k) % 6] for k in range(i % 90)) + f' {i % 100}\n"q"' for i in range(count)]


def write_csv(path, count=40):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("id", "text"), *enumerate(texts(count))])
    return path


def rows_in(folder):
    files = sorted(glob.glob(f"{folder}/part-*.parquet"))
    return [row for file in files for row in parquet.read_table(file).to_pylist()]


def names(folder):
    return sorted(item.name for item in folder.iterdir())


def same_as_one_process(run, artifact, source, out, *options):
    """Checks that the rows of a folder equal the predictions of one process for the same file."""
    alone = out.with_name(f"{out.name}.jsonl")
    assert run(artifact.path, "--input", source, "--output", alone, "--quiet", *options)[0] == 0
    expected = [json.loads(line) for line in alone.read_text().splitlines()]
    found = rows_in(out)
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        assert (ours["label"], ours["truncated"]) == (theirs["label"], theirs["truncated"])
        assert ours["probability"] == pytest.approx(theirs["probability"], abs=1e-5)
        assert ours["probabilities"] == pytest.approx(theirs["probabilities"], abs=1e-5)
    return found


def plan_of(artifact, path):
    return Plan.of(artifact, False, partition([path], TableConfig()))
