"""The words that a label depends on: those that a model counts, wherever they stand."""

import dataclasses

import numpy as np
import pytest

from helpers.served import FILLING, INPUTS, TOKENIZER, WEIGHTS, WordEngine, make_classifier
from keras_sentiment.config import EXPLAINED_SPANS
from keras_sentiment.data.padding import padded_rows
from keras_sentiment.inference.classifier import Classifier
from keras_sentiment.inference.occlusion import Span, spans, unread_span, without
from keras_sentiment.text.cleaning import clean

pytestmark = pytest.mark.once


def made_up(seed: int, count: int) -> str:
    rng = np.random.default_rng(seed)
    return " ".join(rng.choice([*WEIGHTS, *FILLING[:7]], count))


@pytest.mark.parametrize("seed", range(5))
def test_contributions_are_the_weights_of_a_model_that_adds_them(seed):
    text = made_up(seed, 30)
    found = make_classifier().explain(text)
    sign = 1 if found["label"] == "positive" else -1
    assert [word["text"] for word in found["words"]] == text.split()
    for word in found["words"]:
        assert word["contribution"] == pytest.approx(sign * WEIGHTS.get(word["text"], 0), abs=1e-5)


def test_the_word_that_decides_comes_first():
    classifier = make_classifier()
    text = "The plot, <b>not</b> very good, is a film"
    found = classifier.explain(text)
    assert max(found["words"], key=lambda word: word["contribution"])["text"] == "good,"
    assert {key: found[key] for key in ("label", "probability")} == {
        key: classifier.predict([text])[0][key] for key in ("label", "probability")
    }
    assert all(text[word["start"] : word["end"]] == word["text"] for word in found["words"])


def test_leaving_out_named_words_moves_more_than_leaving_out_random_ones():
    classifier, rng = make_classifier(), np.random.default_rng(0)
    for seed in range(20):
        text = made_up(seed, 40)
        found = classifier.explain(text)
        named = sorted(found["words"], key=lambda word: -word["contribution"])[:4]
        drawn = rng.choice(found["words"], 4, replace=False)

        def left(words, text=text, label=found["label"]):
            gone = {word["start"] for word in words}
            kept = [text[part.start : part.end] for part in spans(text) if part.start not in gone]
            return classifier.predict([" ".join(kept)])[0]["probabilities"][label]

        assert left(named) < found["probability"]
        assert left(named) <= left(drawn)


@pytest.mark.parametrize("count", [0, 1, 63, 64, 65, 127, 128, 129, 1000])
def test_spans_are_few_in_order_and_leave_out_no_word(count):
    text = "  ".join(f"word{number}" for number in range(count))
    found = spans(text)
    assert len(found) == min(count, EXPLAINED_SPANS)
    assert " ".join(text[part.start : part.end] for part in found).split() == text.split()
    sizes = [len(text[part.start : part.end].split()) for part in found]
    assert not sizes or max(sizes) - min(sizes) <= 1


def test_all_is_scored_in_one_call():
    """Batched by length, so as few batches as the tokens need."""
    engine = WordEngine()
    make_classifier(engine).explain(made_up(0, 60))
    assert sum(texts for texts, _ in engine.shapes) == 61
    assert len(engine.shapes) <= 2
    assert max(length for _, length in engine.shapes) <= INPUTS.sequence_length


def test_contributions_of_a_sure_model_still_tell_words_apart():
    """Where the probability is 1 in float64, and its fall 0."""
    words = make_classifier().explain("good fine " * 16)["words"]
    assert words[0]["contribution"] == pytest.approx(2, abs=1e-4)
    assert words[1]["contribution"] == pytest.approx(0.75, abs=1e-4)


def test_it_explains_the_label_that_a_threshold_chose():
    found = make_classifier(threshold=0.999).explain("good film")
    assert found["label"] == "negative"
    assert found["words"][0]["contribution"] == pytest.approx(-2, abs=1e-5)


@pytest.mark.parametrize(
    "text",
    ["", " \n", "<br />", "\ud800", "\U0001f600 good", "good\x00bad", "电影 good 很好", "&amp;lt;b&gt;"],
)
def test_any_text_has_an_explanation(text):
    found = make_classifier().explain(text)
    assert all(np.isfinite(word["contribution"]) for word in found["words"])
    assert all(text[word["start"] : word["end"]] == word["text"] for word in found["words"])
    assert len(without(text, spans(text))) == len(found["words"])


def test_tags_are_no_words_and_chinese_characters_are():
    text = '<a href="good">电影</a> is<br>good'
    assert [text[part.start : part.end] for part in spans(text)] == ["电", "影", "is", "good"]


@pytest.mark.parametrize("truncation", ["head", "head_tail"])
@pytest.mark.parametrize("seed", range(5))
def test_the_unread_part_is_what_can_change_without_changing_the_row(truncation, seed):
    """Another word in place of any unread word gives the same row; in place of a read one another row."""
    inputs = dataclasses.replace(INPUTS, sequence_length=20, truncation=truncation)
    rng = np.random.default_rng(seed)
    # Some words have several tokens; tags and white space have none.
    pieces = ["good", "bad", "film,", "very-dull", "a", "<br/>", "&amp;", "\u200b", "(the)", "电影"]
    text = "  ".join(rng.choice(pieces, rng.integers(25, 60)))

    def row(written):
        return padded_rows(TOKENIZER.encode([clean(written)]), 20, TOKENIZER, inputs)["token_ids"].tolist()

    unread = unread_span(text, TOKENIZER, inputs)
    assert unread is not None
    count = len(TOKENIZER.encode([clean(text[unread.start : unread.end])])[0])
    assert row(text) == row(f"{text[: unread.start]}{' plot' * count}{text[unread.end :]}")
    # No word beside it is unread, too.
    for word in spans(text, unread):
        tokens = len(TOKENIZER.encode([clean(text[word.start : word.end])])[0])
        if tokens:
            assert row(text) != row(f"{text[: word.start]}{' 99' * tokens}{text[word.end :]}")


def test_what_is_not_read_is_no_word_of_the_explanation():
    text = "good " * 30 + "dull " * 100 + "bad " * 46
    found = make_classifier().explain(text)
    unread = text[found["unread"]["start"] : found["unread"]["end"]]
    read = text[: found["unread"]["start"]] + text[found["unread"]["end"] :]
    assert found["truncated"]
    assert unread.split() == ["good"] * 15 + ["dull"] * 99
    assert " ".join(word["text"] for word in found["words"]).split() == read.split()
    assert "not read by the model" in found._repr_html_()
    assert unread in found._repr_html_()


@pytest.mark.parametrize("text", ["", "good film", "<br> " * 500, "a " * 62])
def test_a_text_that_fits_has_no_unread_part(text):
    found = make_classifier().explain(text)
    assert (found["unread"], found["truncated"]) == (None, False)
    assert "grey" not in found._repr_html_()


def test_in_windows_all_is_read():
    model = make_classifier()
    classifier = Classifier(model.tokenizer, model.inputs, model.decision, model.engine, windows=True)
    assert classifier.explain("good film " * 200)["unread"] is None


@pytest.mark.parametrize(
    ("before", "after"), [(0, 9), (1, 500), (40, 40), (500, 1), (9, 0), (0, 0), (300, 300)]
)
def test_no_run_of_words_reaches_over_the_unread_part(before, after):
    text = "a " * before + "unread " * 50 + "b " * after
    unread = Span(2 * before, 2 * before + 50 * 7 - 1)
    found = spans(text, unread)
    assert len(found) == min(before + after, EXPLAINED_SPANS)
    assert all(part.end <= unread.start or part.start >= unread.end for part in found)
    covered = " ".join(text[part.start : part.end] for part in found).split()
    assert covered == ["a"] * before + ["b"] * after


def test_a_comment_leaves_the_unread_part_open():
    """Its words have tokens one by one, and none together, so their places are not known."""
    assert unread_span("<!-- a b --> " + "good film " * 100, TOKENIZER, INPUTS) is None
