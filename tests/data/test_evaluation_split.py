"""Any source can be opened as a split to evaluate a model on."""

import pytest

from helpers.saved_runs import one_line
from helpers.tiny import TOKENIZER, reviews
from keras_sentiment.data.config import PrepareConfig
from keras_sentiment.data.evaluation_split import open_evaluation_split, require_evaluation_data
from keras_sentiment.data.preparation import prepare_corpus
from keras_sentiment.errors import InputError
from keras_sentiment.text.tokenizer import Tokenizer

pytestmark = pytest.mark.once

COLUMNS = PrepareConfig()
STARS = PrepareConfig(text_column="review", label_column="stars")


def test_a_split_of_a_prepared_corpus_is_opened(transformer, corpus):
    _, run = transformer
    for name in ("train", "validation", "test"):
        found, split = open_evaluation_split(corpus.path, name, run.tokenizer(), run.config.labels, COLUMNS)
        assert found == name
        assert list(split.texts()) == list(corpus.splits[name].texts())
    assert open_evaluation_split(corpus.path, None, run.tokenizer(), run.config.labels, COLUMNS)[0] == "test"


def test_corpus_of_another_model_is_refused(transformer, tmp_path):
    _, run = transformer
    larger = Tokenizer([*TOKENIZER.vocabulary, "more"])
    prepare_corpus(reviews(60), tmp_path / "words", larger, source="films.csv", quiet=True)
    with pytest.raises(InputError) as caught:
        open_evaluation_split(tmp_path / "words", None, run.tokenizer(), run.config.labels, COLUMNS)
    one_line(caught, tmp_path / "words", "vocabulary", "films.csv")
    named = [review._replace(label={"pos": "joy", "neg": "fear"}[review.label]) for review in reviews(60)]
    prepare_corpus(named, tmp_path / "labels", TOKENIZER, quiet=True)
    with pytest.raises(InputError) as caught:
        open_evaluation_split(tmp_path / "labels", None, run.tokenizer(), run.config.labels, COLUMNS)
    one_line(caught, tmp_path / "labels", "fear, joy", "negative, positive")


def test_source_is_read_for_the_model(transformer, tmp_path):
    _, run = transformer
    file = tmp_path / "films.csv"
    file.write_text("review,stars\na <b>GOOD</b> film,pos\nvery dull,0\n")
    name, split = open_evaluation_split(
        file,
        None,
        run.tokenizer(),
        run.config.labels,
        STARS,
    )
    assert name == "all"
    assert list(split.texts()) == ["a GOOD film", "very dull"]
    assert split.labels.tolist() == [1, 0]
    assert split[0].tolist() == TOKENIZER.encode(["a good film"])[0].tolist()
    with pytest.raises(InputError) as caught:
        open_evaluation_split(
            file,
            "test",
            run.tokenizer(),
            run.config.labels,
            STARS,
        )
    one_line(caught, file, "no test split")
    file.write_text("text,label\na good film,pos\nvery dull,joy\n")
    with pytest.raises(InputError) as caught:
        open_evaluation_split(file, None, run.tokenizer(), run.config.labels, COLUMNS)
    one_line(caught, "films.csv:3", "joy", "negative, positive")


def test_the_default_is_the_test_split(transformer, tmp_path):
    _, run = transformer
    for part, word in (("train", "good"), ("test", "fine")):
        for label in ("neg", "pos"):
            folder = tmp_path / "aclImdb" / part / label
            folder.mkdir(parents=True)
            (folder / "0_1.txt").write_text(f"{word} film")
    for asked, found, word in ((None, "test", "fine"), ("train", "train", "good")):
        name, split = open_evaluation_split(
            tmp_path / "aclImdb", asked, run.tokenizer(), run.config.labels, COLUMNS
        )
        assert (name, list(split.texts())) == (found, [f"{word} film"] * 2)
    with pytest.raises(InputError, match="no validation split"):
        open_evaluation_split(tmp_path / "aclImdb", "validation", run.tokenizer(), run.config.labels, COLUMNS)


def test_the_early_check_leaves_out_rows_where_the_evaluation_does(tmp_path):
    bad, good = ["," for _ in range(10_001)], ["a good film,positive"] * 3
    (tmp_path / "films.csv").write_text("\n".join(["text,label", *bad, *good]))
    arguments = (tmp_path / "films.csv", None, TOKENIZER, ["negative", "positive"], COLUMNS)
    with pytest.raises(InputError, match="10,000 rows"):
        require_evaluation_data(*arguments)
    require_evaluation_data(*arguments, on_error="skip")
    (tmp_path / "films.csv").write_text("\n".join(["text,label", *bad]))
    with pytest.raises(InputError, match="only 0 of 10,001 rows can be used"):
        require_evaluation_data(*arguments, on_error="skip")
