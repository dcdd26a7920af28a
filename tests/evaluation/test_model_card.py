"""The model card."""

import dataclasses
import json
import shutil

import pytest
from sklearn import metrics as sklearns

from helpers.pages import bad_logits, measured
from keras_sentiment.errors import InputError
from keras_sentiment.evaluation.model_card import model_card
from keras_sentiment.evaluation.recorded import shown
from keras_sentiment.runs.metrics_file import record_metrics
from keras_sentiment.runs.run import open_run

pytestmark = pytest.mark.once


def test_untrusted_metrics_are_reported_or_shown(run, split, tmp_path):
    """No value in `metrics.json` ends in a traceback: it is refused, or the card can be written."""
    copy = shutil.copytree(run.path, tmp_path / "run")
    opened = open_run(copy)
    metrics = measured(split, bad_logits(split), opened.decision)
    file, fingerprint = copy / "metrics.json", split.fingerprint
    said = []
    for value in ([], {}, "x", 3, None, [1], 10**400, {"accuracy": "high"}):
        entries = [{**metrics, name: value} for name in metrics]
        entries += [
            {**metrics, "intervals": {**metrics["intervals"], name: value}} for name in metrics["intervals"]
        ]
        entries += [
            {**metrics, "by_length": [{**metrics["by_length"][0], "to": None, "accuracy_ci95": value}]}
        ]
        for content in [
            value,
            {"test": value},
            *({"test": {"a" * 64: e, fingerprint: e}} for e in [value, *entries]),
        ]:
            file.write_text(json.dumps(content))
            try:
                recorded = record_metrics(opened, "validation", "b" * 64, metrics)
            except InputError as error:
                said.append(str(error))
            else:
                found, _ = shown(recorded, "validation", "b" * 64)
                assert found["validation"] == {"b" * 64: metrics}
                assert "\n# run\n" in model_card(opened, found)
    assert said
    a, b, c = (letter * 64 for letter in "abc")
    file.write_text(json.dumps({"test": {a: metrics, b: metrics, c: {**metrics, "examples": "many"}}}))
    found, others = shown(record_metrics(opened, "test", b, metrics), "test", b)
    assert model_card(opened, found).count("| other data, test of some films") == 2
    assert others == 1
    assert all(line.startswith(f"{file}: it can't be read") and "\n" not in line for line in said)


def test_the_card_says_what_it_is_and_how_good(run, split, corpus, tmp_path):
    copy = shutil.copytree(run.path, tmp_path / "my model")
    opened = open_run(copy)
    logits = bad_logits(split)
    metrics = measured(split, logits, opened.decision)
    fingerprint = corpus.splits["test"].fingerprint
    record_metrics(opened, "test", "old", {"accuracy": 0.5})
    found, others = shown(record_metrics(opened, "test", fingerprint, metrics), "test", fingerprint)
    assert others == 1
    card = model_card(opened, found)
    assert "\n# my model\n" in card
    assert "from scratch, averaged with a linear model of n-grams of up to 3 tokens. It was trained" in card
    low, high = metrics["intervals"]["roc_auc"]
    assert f"{sklearns.roc_auc_score(split.labels, logits[:, 1] - logits[:, 0]):.4f}" in card
    assert f"| {low:.4f} to {high:.4f} |" in card
    assert "| test split of this data | 2025-02-03 | 30 |" in card
    tfidf = metrics["baselines"]["tfidf"]
    assert f"| {tfidf['accuracy']:.4f}, {tfidf['difference']:+.4f} (" in card
    low, high = metrics["intervals"]["recall_positive"]
    assert f"{metrics['recall_per_class']['positive']:.4f} ({low:.4f} to {high:.4f})" in card
    assert "batches of 8, at most 2 epochs" in card
    assert "trained on 240 of the train texts." in card
    assert "The epoch was chosen by validation loss." in card
    assert "fitted on" in card
    assert "in the average of logits, as it was given." in card
    assert "other data" not in card
    assert 'keras_sentiment.load("my model")' in card
    assert "longer than 6 tokens it reads its first 1 and last 5" in card
    assert str(tmp_path) not in card
    # Three labels, one of them missing in a test set, and a threshold.
    values = {**metrics, "roc_auc": None, "intervals": {**metrics["intervals"], "roc_auc": None}}
    values["absent"] = {"roc_auc": "all texts have one label"}
    config = dataclasses.replace(opened.config, threshold=0.25)
    card = model_card(dataclasses.replace(opened, config=config), {"all": {"f" * 64: values}})
    assert "| – | all texts have one label |" in card
    assert "other data, all of some films (ffffffffffff)" in card
    assert "probability is 0.25 or more" in card
    # Names are text, and a single epoch is no choice.
    one = dataclasses.replace(config, labels=("<b>x|y", "ok"), recipe=config.recipe.replace(epochs=1))
    card = model_card(dataclasses.replace(opened, config=one), {})
    assert "<b>" not in card
    assert "The epoch was chosen" not in card
    json.dumps(values)
