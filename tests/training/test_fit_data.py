"""What trains: draws of reviews and weights of classes."""

import pytest

from helpers.short_training import prepared
from helpers.tiny import make_split
from keras_sentiment.errors import InputError
from keras_sentiment.training.class_weights import balanced_weights


@pytest.mark.once
def test_limit_draws_in_proportion_and_leaves_validation_whole(corpus, tmp_path):
    _, fit = prepared(corpus, tmp_path / "run", limit=40)
    whole = corpus.splits["train"]
    assert len(fit.train.split) == 40
    assert abs(fit.train.split.labels.sum() - 40 * whole.labels.mean()) <= 1
    assert len(fit.validation.split) == len(corpus.splits["validation"])
    _, other = prepared(corpus, tmp_path / "other", limit=40, seed=5)
    assert list(fit.train.split.texts()) != list(other.train.split.texts())


@pytest.mark.once
def test_limit_below_the_number_of_labels_is_refused(corpus, tmp_path):
    with pytest.raises(InputError, match="sample of 1 review can't have all 2 labels"):
        prepared(corpus, tmp_path / "run", limit=1)
    # A mistake leaves nothing: the corrected command needs no --overwrite.
    assert not (tmp_path / "run").exists()


def test_class_weights_make_labels_count_alike(corpus, tmp_path):
    labels = [0] * 30 + [1] * 10
    weights = balanced_weights(make_split([5] * 40, labels), 2)
    assert 30 * weights[0] == pytest.approx(10 * weights[1])
    assert sum(weights[label] for label in labels) == pytest.approx(40)
    assert prepared(corpus, tmp_path / "plain")[1].class_weight is None
    weighed = prepared(corpus, tmp_path / "weighed", class_weight=True)[1]
    assert weighed.class_weight == balanced_weights(corpus.splits["train"], 2)
    assert weighed.run.config.class_weight == tuple(weighed.class_weight.values())


@pytest.mark.once
def test_validation_weighs_labels_like_train(corpus, tmp_path):
    _, fit = prepared(corpus, tmp_path / "run", class_weight=True)
    _, labels, weights = fit.validation[0]
    assert weights.tolist() == pytest.approx([fit.class_weight[label] for label in labels.tolist()])
    assert len(fit.train[0]) == 2  # `fit` gives train its weights
