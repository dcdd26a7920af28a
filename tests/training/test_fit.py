"""Training: it learns, keeps the best epoch, and repeats itself bit for bit."""

import re
import threading

import keras
import numpy as np
import pytest

from helpers.short_training import SHORT, prepared, train
from helpers.tiny import MODEL, TOKENIZER, TRAINING, build, fit_all
from keras_sentiment.batches.review_batches import ReviewBatches
from keras_sentiment.decision import Decision
from keras_sentiment.errors import InputError
from keras_sentiment.inference.load import run_classifier
from keras_sentiment.metrics.figures import evaluate_logits
from keras_sentiment.runs.history import HISTORY_FIELDS
from keras_sentiment.runs.run import open_run
from keras_sentiment.training.callbacks import EpochRecord
from keras_sentiment.training.fit import prepare_fit, start_run

BACKEND = keras.backend.backend()


class Ruin(keras.callbacks.Callback):
    """Spoils the head before an epoch: every review gets one label, which is worse than anything learned."""

    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epoch:
            self.model.get_layer("logits").bias.assign([10.0, -10.0])


def validate(trained, corpus):
    """The figures of the saved model on the validation split."""
    run = open_run(trained.run.path)
    split = corpus.splits["validation"]
    logits = run_classifier(run, run.load_model()).logits(split)
    return evaluate_logits(logits, split.labels, Decision(corpus.labels))


def test_training_thread_reads_no_metrics_while_it_trains(corpus, tmp_path, monkeypatch):
    """Reading them is waiting for the device, which then has nothing to do until the next step comes."""
    threads = []
    original = EpochRecord.on_train_batch_end

    def record(self, batch, logs=None):
        threads.append(threading.current_thread())
        original(self, batch, logs)

    monkeypatch.setattr(EpochRecord, "on_train_batch_end", record)
    trained = train(corpus, tmp_path / "run", epochs=1)
    assert len(threads) == trained.fit.train.num_batches
    # On tensorflow Keras calls all callbacks from one thread.
    assert (threading.main_thread() in threads) == (BACKEND == "tensorflow")


@pytest.fixture(scope="module")
def kept_best(corpus, tmp_path_factory):
    """Five epochs, the last of them spoilt."""
    path = tmp_path_factory.mktemp("training") / "best"
    return train(corpus, path, [Ruin(4)], epochs=5, patience=0, restore_best_weights=True)


@pytest.fixture(scope="module")
def stopped(corpus, tmp_path_factory):
    """Learns nothing and is spoilt before the second of four epochs; patience for one, the last kept."""
    path = tmp_path_factory.mktemp("training") / "last"
    return train(
        corpus, path, [Ruin(1)], epochs=4, patience=1, restore_best_weights=False, learning_rate=1e-30
    )


def test_it_learns_what_can_be_learnt(kept_best, corpus):
    assert validate(kept_best, corpus)["accuracy"] >= 0.9


@pytest.mark.once
def test_history_has_a_row_an_epoch(kept_best):
    with kept_best.run.history.open() as file:
        assert file.readline().strip() == ",".join(HISTORY_FIELDS)
    rows = kept_best.history
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4, 5]
    assert rows[3]["loss"] < rows[0]["loss"]
    for row in rows:
        assert row["seconds"] > 0
        assert row["seconds"] * row["reviews_per_second"] == pytest.approx(160, rel=1e-3)
    rates = [row["learning_rate"] for row in rows]
    assert rates == sorted(rates, reverse=True)
    assert rates[0] < TRAINING.learning_rate
    assert rates[-1] == pytest.approx(0, abs=1e-4)


def test_best_epoch_is_kept(kept_best, corpus):
    losses = [row["val_loss"] for row in kept_best.history]
    assert losses[-1] > 2 * min(losses)
    found = validate(kept_best, corpus)
    assert found["loss"] == pytest.approx(min(losses), rel=1e-3)
    best = kept_best.history[losses.index(min(losses))]
    assert found["accuracy"] == pytest.approx(best["val_accuracy"], abs=1e-5)


def test_patience_ends_training_and_last_keeps_the_last(stopped, corpus):
    losses = [row["val_loss"] for row in stopped.history]
    assert len(losses) == 2
    # Far enough apart to tell below which of the two was saved.
    assert losses[1] > 1.05 * losses[0]
    assert validate(stopped, corpus)["loss"] == pytest.approx(losses[1], rel=1e-3)


@pytest.mark.once
def test_a_complete_run_holds_nothing_else(kept_best):
    names = {item.name for item in kept_best.run.path.iterdir()}
    assert names == {
        "config.json",
        "history.csv",
        "trained_on.npy",
        "baseline.npz",
        "tokenizer",
        "checksums.json",
        "model.keras",
    }


class Draws(keras.callbacks.Callback):
    """Notes the rows of every batch that is drawn, by epoch, and calls what Keras sometimes calls."""

    def __init__(self, monkeypatch):
        super().__init__()
        self.by_epoch, self.drawing = [], False
        original = ReviewBatches.__getitem__

        def noted(batches, index):
            if batches.seed is not None and self.drawing:
                self.by_epoch[-1].append(batches._plan[index][0].tolist())
            return original(batches, index)

        monkeypatch.setattr(ReviewBatches, "__getitem__", noted)

    def on_epoch_begin(self, epoch, logs=None):
        self.by_epoch.append([])
        self.drawing = True

    def on_train_end(self, logs=None):
        self.drawing = False


def test_same_seed_gives_the_same_batches_and_weights(corpus, tmp_path, monkeypatch):
    draws = Draws(monkeypatch)
    once = train(corpus, tmp_path / "once", [draws], limit=60, epochs=2)
    again = train(corpus, tmp_path / "again", [draws], limit=60, epochs=2)
    weights = zip(once.fit.model.get_weights(), again.fit.model.get_weights(), strict=True)
    assert all(np.array_equal(a, b) for a, b in weights)

    monkeypatch.undo()
    # What `fit` drew is the plan of (seed, epoch), whichever end of an epoch Keras announced before.
    assert len(draws.by_epoch) == 4
    split = corpus.splits["train"].subsample(60, TRAINING.seed)
    for number, drawn in enumerate(draws.by_epoch):
        expected = ReviewBatches(split, TOKENIZER, SHORT.inputs, TRAINING.batch_size, seed=TRAINING.seed)
        for _ in range(number):
            expected.on_epoch_end()
        expected.start_epoch(number % 2)
        assert drawn[-expected.num_batches :] == [rows.tolist() for rows, _ in expected.for_scoring()]


def test_another_seed_gives_other_weights(corpus, tmp_path):
    one, two = (prepared(corpus, tmp_path / str(seed), seed=seed)[1].model for seed in (1, 2))
    assert not np.array_equal(one.get_layer("logits").kernel.numpy(), two.get_layer("logits").kernel.numpy())


@pytest.mark.parametrize("best", [True, False])
def test_loss_that_is_not_a_number_is_no_model(corpus, tmp_path, best):
    with pytest.raises(InputError, match=r"run: the loss is not a number.*--learning-rate"):
        train(corpus, tmp_path / "run", epochs=1, learning_rate=1e30, restore_best_weights=best, patience=0)
    assert not (tmp_path / "run" / "model.keras").exists()


@pytest.mark.once
def test_words_are_dropped_in_training_only(corpus, tmp_path):
    _, fit = prepared(corpus, tmp_path / "run", word_dropout=0.5)
    tokens = {name: int(np.minimum(split.lengths, 30).sum()) for name, split in corpus.splits.items()}
    found = {}
    for name, batches in (("train", fit.train), ("validation", fit.validation)):
        found[name] = sum(
            int(inputs["padding_mask"].sum()) - 2 * len(rows) for rows, inputs in batches.for_scoring()
        )
    assert found["validation"] == tokens["validation"]
    assert found["train"] < 0.8 * tokens["train"]


@pytest.mark.once
def test_summary_counts_what_trains(corpus, tmp_path):
    _, fit = prepared(corpus, tmp_path / "run")
    fit.model.get_layer("token_embedding").trainable = False
    frozen = TOKENIZER.vocabulary_size * MODEL.hidden_dim
    frozen += fit.model.get_layer("ngrams").count_params()
    total = fit.model.count_params()
    assert f"{total:,} parameters, {total - frozen:,} trainable; 160 reviews" in fit.summary()


@pytest.mark.once
def test_ngrams_that_dont_fit_are_refused_before_the_run_begins(corpus, tmp_path, monkeypatch):
    place = "keras_sentiment.training.adaptation.available_memory"
    monkeypatch.setattr(place, lambda: 10**6)
    with pytest.raises(InputError, match=r"of 2 labels may take .* GB of memory.*--set ngrams=1"):
        prepare_fit(build(), corpus, start_run(tmp_path / "run", corpus, SHORT), quiet=True)
    assert not (tmp_path / "run").exists()
    monkeypatch.setattr(place, lambda: None)
    prepare_fit(build(), corpus, start_run(tmp_path / "run", corpus, SHORT), quiet=True)


@pytest.mark.once
def test_progress_goes_to_standard_error(corpus, tmp_path, capfd):
    run = start_run(tmp_path / "run", corpus, SHORT)
    fit = prepare_fit(build(), corpus, run, limit=60)
    fit_all(fit)
    streams = capfd.readouterr()
    assert streams.out == ""
    told = [line for line in streams.err.splitlines() if line.startswith("Epoch")]
    figures = r"train loss \d\.\d\d, accuracy \d\.\d\d; validation loss \d\.\d\d, accuracy \d\.\d\d"
    assert [re.fullmatch(rf"Epoch {n} of 2 in .* s: {figures}", line) for n, line in enumerate(told, 1)]
    assert len(told) == 2
