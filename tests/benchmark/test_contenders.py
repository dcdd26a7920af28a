"""What contenders time, and what they report of how they compute."""

import contextlib

import pytest

from helpers.saved_runs import BACKEND
from helpers.tiny import RECIPE, TOKENIZER, reviews
from keras_sentiment.benchmark import ours, peers
from keras_sentiment.benchmark.setting import Setting
from keras_sentiment.data.corpus import open_corpus
from keras_sentiment.data.preparation import prepare_corpus
from keras_sentiment.text.tokenizer import find_tokenizer
from keras_sentiment.training import fit as fitting

pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(BACKEND != "torch", reason="the other implementations run on torch"),
]


class RecordingTimer:
    """A timer that records its calls in order, and whether time counts."""

    def __init__(self):
        self.events, self.facts, self.timed = [], {}, False

    def note(self, name):
        self.events.append((name, self.timed))

    def begin(self, synchronize=None):
        self.timed = True

    def report(self, **facts):
        self.facts |= facts

    def plan(self, steps):
        self.steps = steps
        self.note("plan")

    def step(self, units):
        self.events.append((units, self.timed))

    @contextlib.contextmanager
    def untimed(self):
        self.timed = False
        yield
        self.timed = True


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_training_is_timed_from_the_untrained_model_on(corpus, monkeypatch, precision):
    """Adaptation is timed, the first step is not, and each review counts once."""
    timer = RecordingTimer()
    adapt = fitting.adapt

    def noted(*arguments):
        timer.note("adapt")
        adapt(*arguments)

    monkeypatch.setattr(fitting, "adapt", noted)
    ours.train_ours(timer, str(corpus.path), 40, RECIPE.replace(precision=precision))
    assert timer.events[:2] == [("adapt", True), ("plan", True)]
    assert all(timed for _, timed in timer.events)
    assert len(timer.events) == 2 + timer.steps
    assert sum(units for units, _ in timer.events[2:]) == 40
    assert (timer.facts["device"], timer.facts["precision"]) == ("cpu", precision)
    assert timer.facts["batch"] == "8 reviews"


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_the_plain_torch_loop_reports_its_precision(corpus, monkeypatch, precision):
    monkeypatch.setattr(peers, "SEQUENCE_LENGTH", 16)
    timer = RecordingTimer()
    peers.train_torch_loop(timer, str(corpus.path), 40, "transformer", Setting("cpu", precision, 1))
    assert timer.events == [("plan", True), (32, True), (8, True)]
    assert (timer.facts["device"], timer.facts["precision"]) == ("cpu", precision)


def test_contenders_have_the_same_reviews_and_share_of_the_unlabelled(tmp_path):
    others = [review._replace(label="") for review in reviews(50, seed=1)]
    prepare_corpus(reviews(100), tmp_path / "data", TOKENIZER, unlabelled=others, quiet=True)
    corpus = open_corpus(tmp_path / "data")
    half = len(corpus.splits["train"]) // 2
    drawn, split = ours.reviews_of(str(corpus.path), half)
    assert list(drawn.splits["train"].texts()) == list(split.texts())
    assert len(split) == half
    assert len(drawn.splits["validation"]) == 2
    assert len(drawn.unlabelled) == round(len(corpus.unlabelled) / 2)
    assert set(drawn.unlabelled.texts()) < set(corpus.unlabelled.texts())
    again, _ = ours.reviews_of(str(corpus.path), half)
    assert list(again.splits["train"].texts()) == list(split.texts())
    assert list(again.unlabelled.texts()) == list(drawn.unlabelled.texts())


@pytest.mark.real
@pytest.mark.parametrize("format", ["keras", "onnx"])
def test_scoring_is_timed_pass_by_pass(tmp_path, format):
    prepare_corpus(reviews(60), tmp_path / "data", find_tokenizer("minilm"), quiet=True)
    timer = RecordingTimer()
    ours.score_ours(timer, str(tmp_path / "data"), 8, 2, Setting("cpu", "float32", 1), format)
    assert timer.events == [("plan", True), (8, True), (8, True)]
    assert (timer.facts["device"], timer.facts["precision"]) == ("cpu", "float32")
