"""`evaluate` on the command line."""

import json

import pytest

import keras_sentiment
from helpers.command_line import FIELDS, SMALL, mistake
from helpers.tiny import TOKENIZER
from keras_sentiment.config import DEFAULT_SEED
from keras_sentiment.data.corpus import open_corpus
from keras_sentiment.evaluation.perturbations import perturb
from keras_sentiment.text.tokenizer import Tokenizer

pytestmark = pytest.mark.once

FIELDS |= {"intervals", "f1_per_class"}
NAMES = {"config.json", "history.csv", "tokenizer", "checksums.json", "model.keras"}
SMALL += ["--set", "ngram_buckets=4096", "--set", "ngram_weight=0.2"]


def test_evaluate_prints_one_object(cli, path):
    status, out, _ = cli("evaluate", path / "run", path / "data", "--json", "--quiet")
    assert status == 0
    assert out.count("\n") == 1
    found = json.loads(out)
    assert set(found) >= FIELDS
    corpus = open_corpus(path / "data")
    split = corpus.splits["test"]
    assert found["split"] == "test"
    assert found["examples"] == len(split) == sum(map(sum, found["confusion"]))
    recorded = json.loads((path / "run" / "metrics.json").read_text())
    assert recorded["test"][split.fingerprint] == found

    # Text for text, what `predict` says of the same reviews.
    status, out, _ = cli("predict", path / "run", *split.texts())
    assert status == 0
    labels = [json.loads(line)["label"] for line in out.splitlines()]
    right = [label == corpus.labels[i] for label, i in zip(labels, split.labels, strict=True)]
    assert sum(right) / len(right) == pytest.approx(found["accuracy"])

    status, out, _ = cli("evaluate", path / "run", path / "data", "--split", "validation", "--quiet")
    assert status == 0
    assert "12 reviews (validation)" in out
    status, out, _ = cli("evaluate", path / "run", path / "films.csv", "--json", "--quiet")
    assert json.loads(out)["examples"] == 120
    assert set(json.loads((path / "run" / "metrics.json").read_text())) == {"test", "validation", "all"}
    names = {item.name for item in (path / "run").iterdir()}
    assert names == {*NAMES, "metrics.json", "report.html", "README.md"}
    assert "120 reviews of" in (path / "run" / "report.html").read_text()


def test_evaluate_compares_two_models(cli, path, tmp_path):
    # One that reads other words, and fewer of them.
    tokens = [*TOKENIZER.vocabulary[:-1], "more", TOKENIZER.vocabulary[-1]]
    Tokenizer(tokens).save(tmp_path / "words")
    assert cli("prepare", path / "films.csv", tmp_path / "data", "--tokenizer", tmp_path / "words")[0] == 0
    options = ["--epochs", "1", "--limit", "20", *SMALL, "--quiet"]
    assert cli("train-transformer", tmp_path / "data", tmp_path / "run", *options)[0] == 0
    arguments = ["--against", tmp_path / "run", "--split", "train", "--quiet"]
    status, out, _ = cli("evaluate", path / "run", path / "data", *arguments, "--json")
    assert status == 0
    metrics = json.loads(out)
    found = metrics["against"]
    split = open_corpus(path / "data").splits["train"]
    right = []
    for folder in (path / "run", tmp_path / "run"):
        results = keras_sentiment.load(folder).predict(list(split.texts()))
        right.append([r["label"] == record.label for r, record in zip(results, split.records(), strict=True)])
    ours, theirs = map(sum, right)
    assert metrics["accuracy"] == pytest.approx(ours / len(split))
    assert found["accuracy"] == pytest.approx(theirs / len(split))
    assert found["only_ours_right"] == sum(a and not b for a, b in zip(*right, strict=True))
    assert found["only_ours_right"] - found["only_theirs_right"] == ours - theirs
    low, high = found["difference_ci95"]
    assert low <= found["difference"] <= high
    assert "Against" in (path / "run" / "report.html").read_text()

    status, out, _ = cli("evaluate", path / "run", path / "data", "--against", path / "run", "--quiet")
    assert status == 0
    assert "difference        +0.0000  (+0.0000 to +0.0000, paired)" in out
    assert "McNemar's exact p = 1" in out

    config = json.loads((tmp_path / "run" / "config.json").read_text())
    (tmp_path / "run" / "config.json").write_text(json.dumps({**config, "labels": ["fear", "joy"]}))
    mistake(cli("evaluate", path / "run", path / "data", *arguments), tmp_path / "run", "labels")
    mistake(cli("evaluate", path / "run", path / "data", "--against", tmp_path), tmp_path, "train")


def test_threshold_is_chosen_for_what_the_option_says(cli, path, tmp_path):
    arguments = ["train-transformer", path / "data", tmp_path / "run", "--epochs", "1", *SMALL, "--quiet"]
    mistake(cli(*arguments, "--threshold-for", "recall"), "f1 or precision=P", "recall")
    assert not (tmp_path / "run").exists()
    assert cli(*arguments, "--threshold-for", "f1")[0] == 0
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert 0 < config["threshold"] < 1
    status, out, _ = cli("evaluate", tmp_path / "run", path / "data", "--quiet")
    assert status == 0
    assert f"positive from {config['threshold']:.4f} on" in out
    for text in ("good " * 9, "bad " * 9, "a film"):
        _, out, _ = cli("predict", tmp_path / "run", text)
        result = json.loads(out)
        above = result["probabilities"]["positive"] >= config["threshold"]
        assert (result["label"] == "positive") is above


def test_evaluate_counts_the_labels_that_a_perturbation_flips(cli, path):
    arguments = ("evaluate", path / "run", path / "data", "--perturb")
    status, out, _ = cli(*arguments, "--json", "--quiet")
    assert status == 0
    metrics = json.loads(out)
    split = open_corpus(path / "data").splits["test"]
    model = keras_sentiment.load(path / "run")
    texts = list(split.texts())
    before = [result["label"] for result in model.predict(texts)]
    for name, found in metrics["perturbed"].items():
        after = [result["label"] for result in model.predict(perturb(texts, name, DEFAULT_SEED))]
        assert found["flipped"] == sum(a != b for a, b in zip(before, after, strict=True))
        assert found["flipped_share"] == pytest.approx(found["flipped"] / len(split))
    # Tags are cleaned away, and nothing else is changed by them.
    unchanged = {"accuracy": metrics["accuracy"], "flipped": 0, "flipped_share": 0}
    assert metrics["perturbed"]["markup"] == unchanged
    assert "Does it keep its label?" in (path / "run" / "report.html").read_text()
    assert "with typos" in cli(*arguments, "--quiet")[1]
