"""`evaluate` on the command line."""

import json
import shutil

import pytest

import keras_sentiment
from helpers.command_line import FIELDS, SMALL, mistake
from helpers.saved_runs import sign
from helpers.tiny import TOKENIZER
from keras_sentiment.config import DEFAULT_SEED
from keras_sentiment.data.corpus import open_corpus
from keras_sentiment.evaluation.perturbations import perturb
from keras_sentiment.text.tokenizer import Tokenizer

NAMES = {"config.json", "history.csv", "trained_on.npy", "baseline.npz", "tokenizer", "checksums.json"}
NAMES |= {"model.keras"}


@pytest.fixture
def run(path, tmp_path):
    """A copy of the trained run: `evaluate` writes into it."""
    return shutil.copytree(path / "run", tmp_path / "evaluated")


def test_evaluate_counts_what_predict_says(cli, run, path):
    """Text for text, on each backend."""
    status, out, _ = cli("evaluate", run, path / "data", "--json", "--quiet")
    assert status == 0
    found = json.loads(out)
    corpus = open_corpus(path / "data")
    split = corpus.splits["test"]
    status, out, _ = cli("predict", run, *split.texts())
    assert status == 0
    labels = [json.loads(line)["label"] for line in out.splitlines()]
    right = [label == corpus.labels[i] for label, i in zip(labels, split.labels, strict=True)]
    assert sum(right) / len(right) == pytest.approx(found["accuracy"])


@pytest.mark.once
def test_evaluate_prints_one_object(cli, run, path):
    status, out, _ = cli("evaluate", run, path / "data", "--json", "--quiet")
    assert status == 0
    assert out.count("\n") == 1
    found = json.loads(out)
    assert set(found) >= FIELDS
    split = open_corpus(path / "data").splits["test"]
    assert found["split"] == "test"
    assert found["examples"] == len(split) == sum(map(sum, found["confusion"]))
    recorded = json.loads((run / "metrics.json").read_text())
    assert recorded["test"][split.fingerprint] == found

    status, out, _ = cli("evaluate", run, path / "data", "--split", "validation", "--quiet")
    assert status == 0
    assert "on 12 reviews (validation)" in out
    assert "Computed in float32." in out
    status, out, _ = cli("evaluate", run, path / "data", "--precision", "mixed_bfloat16", "--json", "--quiet")
    assert (found["precision"], json.loads(out)["precision"]) == ("float32", "mixed_bfloat16")
    assert json.loads(out)["loss"] != found["loss"]
    status, out, _ = cli("evaluate", run, path / "films.csv", "--json", "--quiet")
    assert json.loads(out)["examples"] == 120
    assert set(json.loads((run / "metrics.json").read_text())) == {"test", "validation", "all"}
    names = {item.name for item in run.iterdir()}
    assert names == {*NAMES, "metrics.json", "report.html", "reports", "README.md"}
    assert "measured on 120 texts of" in (run / "report.html").read_text()


@pytest.mark.once
def test_authors_are_the_units_of_the_intervals(cli, run, path, tmp_path):
    words = (("bad", "neg"), ("good", "pos"))
    rows = [f"{words[i % 2][0]} film number {i},{words[i % 2][1]},author {i // 8}" for i in range(80)]
    (tmp_path / "authors.csv").write_text("\n".join(["text,label,author", *rows]))
    found = []
    for options in ([], ["--group-column", "author"]):
        status, out, _ = cli("evaluate", run, tmp_path / "authors.csv", "--json", "--quiet", *options)
        assert status == 0
        found.append(json.loads(out))
    assert [metrics["groups"] for metrics in found] == [None, 10]
    lows = [metrics["intervals"]["accuracy"][0] for metrics in found]
    assert lows[1] < lows[0] - 0.1  # ten authors, and not eighty reviews
    mistake(cli("evaluate", run, tmp_path / "authors.csv", "--group-column", "writer"), "writer", "author")
    mistake(
        cli("evaluate", run, path / "data", "--group-column", "author"),
        "groups of a prepared corpus",
        "--group-column author",
    )


@pytest.mark.once
def test_evaluate_compares_two_models(cli, run, path, tmp_path):
    # One that reads other words, and fewer of them.
    tokens = [*TOKENIZER.vocabulary[:-1], "more", TOKENIZER.vocabulary[-1]]
    Tokenizer(tokens).save(tmp_path / "words")
    assert cli("prepare", path / "films.csv", tmp_path / "data", "--tokenizer", tmp_path / "words")[0] == 0
    options = ["--epochs", "1", "--limit", "20", *SMALL, "--quiet"]
    assert cli("train-transformer", tmp_path / "data", tmp_path / "run", *options)[0] == 0
    arguments = ["--against", tmp_path / "run", "--split", "train", "--quiet"]
    status, out, _ = cli("evaluate", run, path / "data", *arguments, "--json")
    assert status == 0
    metrics = json.loads(out)
    found = metrics["against"]
    split = open_corpus(path / "data").splits["train"]
    right = []
    for folder in (run, tmp_path / "run"):
        results = keras_sentiment.load(folder).predict(list(split.texts()))
        right.append([r["label"] == record.label for r, record in zip(results, split.records(), strict=True)])
    ours, theirs = map(sum, right)
    assert metrics["accuracy"] == pytest.approx(ours / len(split))
    assert found["accuracy"] == pytest.approx(theirs / len(split))
    assert found["only_ours_right"] == sum(a and not b for a, b in zip(*right, strict=True))
    assert found["only_ours_right"] - found["only_theirs_right"] == ours - theirs
    low, high = found["difference_ci95"]
    assert low <= found["difference"] <= high
    assert f"Comparison with {tmp_path.name}/run" in (run / "report.html").read_text()

    status, out, _ = cli("evaluate", run, path / "data", "--against", run, "--quiet")
    assert status == 0
    # Of 12 reviews, on which two models never differ: half a review more in each of the four cells.
    assert "difference    +0.00 (95% interval -0.14 to +0.14, paired: these texts can't tell" in out
    assert "McNemar's exact test: p = 1" in out

    config = json.loads((tmp_path / "run" / "config.json").read_text())
    (tmp_path / "run" / "config.json").write_text(json.dumps({**config, "labels": ["fear", "joy"]}))
    sign(tmp_path / "run")
    mistake(cli("evaluate", run, path / "data", *arguments), tmp_path / "run", "labels")
    mistake(cli("evaluate", run, path / "data", "--against", tmp_path), tmp_path, "train")


@pytest.mark.once
def test_evaluate_counts_the_labels_that_a_perturbation_flips(cli, run, path):
    arguments = ("evaluate", run, path / "data", "--perturb")
    status, out, _ = cli(*arguments, "--json", "--quiet")
    assert status == 0
    metrics = json.loads(out)
    split = open_corpus(path / "data").splits["test"]
    model = keras_sentiment.load(run)
    texts = list(split.texts())
    before = [result["label"] for result in model.predict(texts)]
    for name, found in metrics["perturbed"].items():
        after = [result["label"] for result in model.predict(perturb(texts, name, DEFAULT_SEED))]
        assert found["flipped"] == sum(a != b for a, b in zip(before, after, strict=True))
        assert found["flipped_share"] == pytest.approx(found["flipped"] / len(split))
    # Tags are cleaned away, and nothing else is changed by them.
    unchanged = {"accuracy": metrics["accuracy"], "flipped": 0, "flipped_share": 0}
    assert metrics["perturbed"]["markup"] == unchanged
    assert "<h2>Robustness</h2>" in (run / "report.html").read_text()
    assert "texts changed by" in cli(*arguments, "--quiet")[1]


@pytest.mark.once
def test_evaluate_writes_where_it_is_told(cli, run, path, tmp_path):
    before = {item.name for item in run.iterdir()}
    arguments = ("evaluate", run, path / "data", "--output", tmp_path / "out", "--quiet")
    assert cli(*arguments)[0] == 0
    assert {item.name for item in (tmp_path / "out").iterdir()} == {"metrics.json", "report.html"}
    assert {item.name for item in run.iterdir()} == before
    status, _, error = cli(*arguments)
    assert status == 2
    assert error.count("\n") == 1
    assert str(tmp_path / "out") in error
