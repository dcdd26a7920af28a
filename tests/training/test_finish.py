"""The end of a run: calibrated on validation, and every output uses it."""

import dataclasses
import json

import keras
import numpy as np
import pytest
from click.testing import CliRunner
from scipy.special import log_softmax
from sklearn.metrics import precision_score, recall_score

import keras_sentiment
from helpers.calibrated import loss
from helpers.tiny import RECIPE, make_corpus, train
from keras_sentiment.errors import InputError
from keras_sentiment.inference.load import run_classifier
from keras_sentiment.metrics.calibration import fit_temperature
from keras_sentiment.metrics.thresholds import with_precision
from keras_sentiment.runs.history import read_history
from keras_sentiment.runs.run import open_run
from keras_sentiment.scripts.command_line import commands

pytestmark = pytest.mark.once

AIM = "precision=0.7"
# Hard enough that the temperature is another than 1, by more than chance.
HARD = RECIPE.replace(sequence_length=5, epochs=1, ngram_l2=200.0, threshold_for=AIM)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return make_corpus(tmp_path_factory.mktemp("calibration") / "data", 800)


@pytest.fixture(scope="module")
def trained(corpus, tmp_path_factory):
    return train(corpus, tmp_path_factory.mktemp("calibration") / "run", HARD)


def test_run_is_calibrated_on_validation(trained, corpus):
    opened = open_run(trained.path)
    assert opened.config == trained.config
    split = corpus.splits["validation"]
    logits = run_classifier(opened, opened.load_model()).logits(split)
    assert 0 < (logits.argmax(axis=1) != split.labels).mean() < 0.5
    temperature = opened.config.temperature
    assert temperature != 1
    assert temperature == pytest.approx(fit_temperature(logits, split.labels).value, rel=1e-3)
    assert loss(logits, split.labels, temperature) < loss(logits, split.labels, 1.0)

    values = json.loads((trained.path / "config.json").read_text())
    assert values["training"]["threshold_for"] == AIM
    p = opened.decision.probabilities(logits)
    found = with_precision(p[:, 1], split.labels == 1, 0.7)
    assert values["threshold"] == pytest.approx(found.value, abs=1e-4)
    check = opened.config.calibration.threshold
    assert (check.label, check.aim) == ("positive", AIM)
    assert check.precision == precision_score(split.labels, opened.decision.choose(p)) >= 0.7
    assert check.recall == recall_score(split.labels, opened.decision.choose(p))
    assert check.precision_ci95[0] < check.precision < check.precision_ci95[1]
    assert opened.config.calibration.reviews == len(split)


def test_a_threshold_may_be_meant_for_the_first_label(corpus, tmp_path):
    run = train(corpus, tmp_path / "run", HARD.replace(threshold_label="negative"))
    split = corpus.splits["validation"]
    predicted = run.decision.choose(
        run.decision.probabilities(run_classifier(run, run.load_model()).logits(split))
    )
    check = run.config.calibration.threshold
    assert check.label == "negative"
    assert check.precision == precision_score(split.labels, predicted, pos_label=0) >= 0.7
    assert check.predicted == (predicted == 0).sum()


def test_an_unknown_label_for_a_threshold_is_refused(corpus, tmp_path):
    with pytest.raises(InputError, match=r"threshold_label.*negative, positive"):
        train(corpus, tmp_path / "run", HARD.replace(threshold_label="good"))
    assert not (tmp_path / "run").exists()


def test_every_output_uses_both(trained, corpus):
    texts = list(corpus.splits["test"].texts())
    classifier = keras_sentiment.load(trained.path)
    logits = classifier.logits(corpus.splits["test"])
    values = json.loads((trained.path / "config.json").read_text())
    p = np.exp(log_softmax(logits.astype("float64") / values["temperature"], axis=1))
    for result, row in zip(classifier.predict(texts), p, strict=True):
        assert result["probabilities"]["positive"] == pytest.approx(row[1], abs=1e-5)
        assert result["label"] == ("positive" if row[1] >= values["threshold"] else "negative")


def test_config_is_calibrated_before_there_is_a_model(corpus, tmp_path, monkeypatch):
    """A process that is killed between the two leaves no run of another temperature."""
    seen = []

    def noted(model, policy):
        (config,) = tmp_path.rglob("config.json")
        assert not (config.parent / "model.keras").exists()
        seen.append(json.loads(config.read_text())["temperature"])
        return model

    monkeypatch.setattr("keras_sentiment.models.precision.with_precision", noted)
    run = train(corpus, tmp_path / "run", HARD)
    assert seen == [run.config.temperature]
    assert run.config.temperature != 1
    assert not list(run.path.glob(".*"))


def test_an_aim_out_of_reach_is_said_and_the_model_kept(corpus, tmp_path):
    with pytest.raises(InputError) as caught:
        train(corpus, tmp_path / "run", HARD.replace(threshold_for="precision=0.999"))
    message = str(caught.value)
    assert "\n" not in message
    assert "precision 0.999" in message
    assert "the model is saved without one, and the label is the most probable one" in message
    assert message.endswith("use it as it is, or train again with another --threshold-for")
    assert open_run(tmp_path / "run").config.threshold is None


def test_more_than_two_labels_have_no_threshold(trained):
    with pytest.raises(InputError, match=r"threshold_for.*two labels"):
        dataclasses.replace(trained.config, labels=("a", "b", "c"), threshold=None)


def test_the_command_refuses_an_aim_before_it_trains(corpus, tmp_path):
    arguments = ["train-transformer", str(corpus.path), str(tmp_path / "run"), "--threshold-for", "recall"]
    result = CliRunner().invoke(commands, arguments)
    assert isinstance(result.exception, InputError)
    assert not (tmp_path / "run").exists()


class Ruin(keras.callbacks.Callback):
    """Makes the validation loss large from the second epoch on."""

    def on_epoch_begin(self, epoch, logs=None):
        if epoch:
            self.model.get_layer("logits").bias.assign([30.0, -30.0])


def test_early_stopping_and_the_epoch_that_was_kept_are_told(corpus, tmp_path, capfd):
    recipe = RECIPE.replace(sequence_length=5, epochs=6, patience=2)
    run = keras_sentiment.train(corpus, tmp_path / "run", recipe, callbacks=[Ruin()])
    told = capfd.readouterr().err.splitlines()
    assert [line.split(" in ")[0] for line in told if line.startswith("Epoch")] == [
        f"Epoch {n} of 6" for n in (1, 2, 3)
    ]
    assert "Stopped after epoch 3 of 6: the validation loss has not improved for 2 epochs." in told
    loss = read_history(run)[0]["val_loss"]
    assert f"Kept the weights of epoch 1, validation loss {loss:.2f}." in told


def test_ctrl_c_while_calibrating_says_how_to_go_on_and_it_is_true(corpus, tmp_path, monkeypatch):
    place, recipe = "keras_sentiment.training.finish.calibrated", HARD.replace(threshold_for=None)

    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(place, interrupted)
        with pytest.raises(KeyboardInterrupt, match=r"run is saved so far. Go on .* --resume"):
            keras_sentiment.train(corpus, tmp_path / "run", recipe, quiet=True)
    resumed = keras_sentiment.train(corpus, tmp_path / "run", recipe, resume=True, quiet=True)
    whole = keras_sentiment.train(corpus, tmp_path / "whole", recipe, quiet=True)
    assert resumed.config.temperature == whole.config.temperature
    assert read_history(resumed)[0]["val_loss"] == read_history(whole)[0]["val_loss"]
