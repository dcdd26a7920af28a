"""Class weights change which label is taken, and not what a probability means."""

import keras
import numpy as np
import pytest
from scipy.special import expit

import keras_sentiment
from helpers.tiny import RECIPE, make_corpus, train
from keras_sentiment.data.preparation import prepare
from keras_sentiment.models.ngrams import ngram_layer
from keras_sentiment.training.class_weights import balanced_weights, without_class_weights
from keras_sentiment.training.train import build_model

# Words by how much they speak for the rare label: what a text of one of each says is known exactly.
EVIDENCE = {f"word{place}": weight for place, weight in enumerate(np.linspace(-1.5, 1.5, 7))}
RARE = -2.5


def posterior(words):
    return expit(RARE + sum(EVIDENCE[word] for word in words))


def rare_texts(count, seed):
    rng = np.random.default_rng(seed)
    texts, p = [], []
    for _ in range(count):
        words = rng.choice(list(EVIDENCE), 3)
        texts.append(" ".join([*words, *(str(n) for n in rng.integers(0, 50, 2))]))
        p.append(posterior(words))
    labels = np.where(rng.random(count) < p, "rare", "usual")
    return texts, np.array(p), labels


@pytest.mark.parametrize("ngrams", [0, 2])
def test_logits_lose_the_logarithm_of_the_weights(tmp_path, ngrams):
    corpus = make_corpus(tmp_path / "data", 40)
    model = build_model(RECIPE.replace(ngrams=ngrams), corpus)
    inputs = {name: np.array([[2, 7, 8, 3]], "int32") for name in ("token_ids", "padding_mask")}
    before = keras.ops.convert_to_numpy(model(inputs))
    without_class_weights(model, [0.5, 4.0])
    after = keras.ops.convert_to_numpy(model(inputs))
    # Logits matter up to what is added to all of them.
    np.testing.assert_allclose(np.diff(before - after), [[np.log(4.0 / 0.5)]], atol=1e-5)
    assert (ngram_layer(model) is not None) == bool(ngrams)


@pytest.mark.once
def test_probabilities_of_a_weighted_model_hold(tmp_path):
    """Made-up texts whose posterior is known: weighted or not, both models learn it."""
    texts, _, labels = rare_texts(3000, 0)
    corpus = prepare(
        list(zip(texts, labels, strict=True)),
        tmp_path / "data",
        tokenizer="learn",
        vocabulary_size=120,
        quiet=True,
    )
    new, p, _ = rare_texts(4000, 1)
    recipe = keras_sentiment.TRANSFORMER_RECIPES["default"].replace(
        sequence_length=16, num_layers=1, hidden_dim=32, num_heads=2, intermediate_dim=32, epochs=3
    )
    run = train(corpus, tmp_path / "run", recipe.replace(class_weight=True))
    weights = balanced_weights(corpus.splits["train"], 2)
    place = corpus.labels.index("rare")
    assert run.config.class_weight == tuple(weights.values())
    assert weights[place] > 3
    classifier = keras_sentiment.load(run)
    found = classifier.probabilities(new)[:, place]
    # Of the texts that are said to be rare with about so much, so many are.
    for low, high in ((0.0, 0.05), (0.05, 0.2), (0.2, 0.5), (0.5, 1.0)):
        inside = (found >= low) & (found < high)
        if inside.sum() > 50:
            assert p[inside].mean() == pytest.approx(found[inside].mean(), abs=0.07)
    assert found.mean() == pytest.approx(p.mean(), rel=0.25)
    # The label is the one of the largest weight times probability: more of the rare one.
    taken = np.array([result["label"] == "rare" for result in classifier.predict(new)])
    weighted = found * weights[place] > (1 - found) * weights[1 - place]
    np.testing.assert_array_equal(taken, weighted)
    assert taken.sum() > 2 * (found > 0.5).sum()
