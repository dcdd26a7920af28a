"""Tiny corpora and models: ten words, two blocks, hidden size 8."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_sentiment.config import BertConfig, InputConfig, TransformerConfig
from keras_sentiment.data.corpus import Corpus, open_corpus
from keras_sentiment.data.encoded_split import Split
from keras_sentiment.data.preparation import prepare_corpus
from keras_sentiment.data.reviews import Review
from keras_sentiment.models.transformer import build_transformer
from keras_sentiment.recipes import Recipe
from keras_sentiment.runs.run import Run
from keras_sentiment.text.tokenizer import Tokenizer
from keras_sentiment.training.finish import finish
from keras_sentiment.training.fit import Fit, prepare_fit, start_run
from keras_sentiment.training.run_writer import new_run
from keras_sentiment.training_config import TrainingConfig

WORDS = ("good", "bad", "film", "plot", "the", "a", "dull", "fine", "very", "not")
TOKENIZER = Tokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS])

MODEL = TransformerConfig(
    num_layers=2,
    num_heads=2,
    hidden_dim=8,
    intermediate_dim=16,
    embedding_dropout=0.0,
    dropout=0.0,
    head_dropout=0.0,
    ngram_buckets=64,
    ngram_weight=0.5,
)
INPUTS = InputConfig(sequence_length=40)
TRAINING = TrainingConfig(epochs=2, batch_size=8, learning_rate=1e-2, precision="float32")
RECIPE = Recipe(MODEL, INPUTS, TRAINING)


def reviews(count: int, seed: int = 0) -> list[Review]:
    """Different reviews of 1 to 60 words; a review with more `good` than `bad` is positive."""
    rng = np.random.default_rng(seed)
    found: dict[str, Review] = {}
    while len(found) < count:
        words = rng.choice(WORDS, rng.integers(3, 60))
        label = "pos" if rng.random() < 0.5 else "neg"
        words[: len(words) // 2] = "good" if label == "pos" else "bad"
        text = " ".join(rng.permutation(words))
        found.setdefault(text, Review(text, label, f"line {len(found)}"))
    return list(found.values())


def hostile_to_cleaning(count: int) -> list[tuple[str, str]]:
    """Texts and labels that match if the text is cleaned once, and contradict if it is cleaned twice."""
    other = {"good": "bad", "bad": "good"}
    return [
        (f"the {' '.join([other[word]] * 3)} &lt;b title={' '.join([word] * (10 + n))}&gt;", label)
        for n in range(count // 2)
        for word, label in (("good", "pos"), ("bad", "neg"))
    ]


def make_corpus(path: Path, count: int = 200) -> Corpus:
    """A prepared corpus of generated reviews."""
    prepare_corpus(reviews(count), path, TOKENIZER, source="made up", tokenizer_name="tiny", quiet=True)
    return open_corpus(path)


def make_split(lengths: Sequence[int], labels: Sequence[int] | None = None) -> Split:
    """Reviews of random token ids, with the given numbers of tokens."""
    rng = np.random.default_rng(1)
    ids = rng.integers(5, TOKENIZER.vocabulary_size, sum(lengths)).astype("uint16")
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype("int64")
    found = np.arange(len(lengths)) % 2 if labels is None else np.asarray(labels)
    return Split(ids, offsets, found.astype("int32"), lambda: iter(()))


def build(config: TransformerConfig = MODEL, num_classes: int = 2) -> keras.Model:
    """An untrained tiny Transformer."""
    return build_transformer(config, TOKENIZER.vocabulary_size, INPUTS.sequence_length, num_classes)


def make_bert_preset(folder: Path, num_layers: int = 2) -> str:
    """A tiny BERT with random weights, as a preset folder with its vocabulary; returns its path."""
    import keras_hub

    keras_hub.models.BertBackbone(
        TOKENIZER.vocabulary_size, num_layers, 2, 8, 16, dropout=0.0, max_sequence_length=40
    ).save_to_preset(str(folder))
    TOKENIZER.save(folder)
    return str(folder)


def save_run(
    path: Path, corpus: Corpus, model: keras.Model, recipe: Recipe[Any] = RECIPE, precision: str = "float32"
) -> Run:
    """A complete run of a model, trained or untrained."""
    run = new_run(path, corpus, recipe, keras.backend.backend(), precision)
    run.begin()
    return run.finish(model, corpus)


def make_bert(preset: str, corpus: Corpus, path: Path) -> tuple[keras.Model, Run]:
    """A tiny BERT with one trainable block, and the run that it is saved in."""
    from keras_sentiment.models.bert import build_bert

    config = BertConfig(preset, trainable_blocks=1, ngram_buckets=64)
    model = build_bert(config, 16, 2)
    return model, save_run(path, corpus, model, Recipe(config, INPUTS, TRAINING))


def train(corpus: Corpus, path: Path, recipe: Recipe = RECIPE, **options: Any) -> Run:
    """Trains a tiny Transformer into a run, like the command."""
    run = start_run(path, corpus, recipe)
    model = build_transformer(
        recipe.model, corpus.tokenizer().vocabulary_size, recipe.inputs.sequence_length, len(corpus.labels)
    )
    fit = prepare_fit(model, corpus, run, quiet=True, **options)
    fit_all(fit)
    return finish(fit, corpus)


def fit_all(fit: Fit, callbacks: Sequence[keras.callbacks.Callback] = ()) -> None:
    """Calls `model.fit` like the commands."""
    for arguments in fit.calls():
        fit.model.fit(**{**arguments, "callbacks": [*callbacks, *arguments["callbacks"]]})
