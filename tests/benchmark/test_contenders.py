"""What contenders time, and what they tell of how they compute."""

import contextlib

import pytest

from helpers.saved_runs import BACKEND
from helpers.tiny import RECIPE, TOKENIZER, reviews
from keras_sentiment.benchmark import ours, peers
from keras_sentiment.benchmark.setting import Setting
from keras_sentiment.data.corpus import open_corpus
from keras_sentiment.data.preparation import prepare_corpus
from keras_sentiment.training import fit as fitting

pytestmark = [pytest.mark.once, pytest.mark.skipif(BACKEND != "torch", reason="peers are torch's")]


class Recorded:
    """A pace that records what it is told, in order, and whether it is timed."""

    def __init__(self):
        self.events, self.facts, self.timed = [], {}, False

    def note(self, name):
        self.events.append((name, self.timed))

    def begin(self, synchronize=None):
        self.timed = True

    def tell(self, **facts):
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
def test_all_that_is_training_is_timed(corpus, monkeypatch, precision):
    """Adaptation too, but not the first step; and every review once."""
    pace = Recorded()
    adapt = fitting.adapt

    def noted(*arguments):
        pace.note("adapt")
        adapt(*arguments)

    monkeypatch.setattr(fitting, "adapt", noted)
    ours.train_ours(pace, str(corpus.path), 40, RECIPE.replace(precision=precision))
    assert pace.events[:2] == [("adapt", True), ("plan", True)]
    assert all(timed for _, timed in pace.events)
    assert len(pace.events) == 2 + pace.steps
    assert sum(units for units, _ in pace.events[2:]) == 40
    assert (pace.facts["device"], pace.facts["precision"]) == ("cpu", precision)
    assert pace.facts["batch"] == "8 reviews"


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_the_plain_loop_tells_what_its_products_are(corpus, monkeypatch, precision):
    monkeypatch.setattr(peers, "SEQUENCE_LENGTH", 16)
    pace = Recorded()
    peers.train_seed(pace, str(corpus.path), 40, "transformer", Setting("cpu", precision, 1))
    assert pace.events == [("plan", True), (32, True), (8, True)]
    assert (pace.facts["device"], pace.facts["precision"]) == ("cpu", precision)


def test_contenders_have_the_same_reviews_and_their_share_of_the_unlabelled(tmp_path):
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
