"""Damaged corpora give an error of one line."""

import os
import shutil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.strategies import FUZZ, amounts, edited, edited_json, edits, json_edits, refused
from helpers.tiny import TOKENIZER, reviews
from keras_sentiment.data.corpus import open_corpus
from keras_sentiment.data.preparation import prepare_corpus

pytestmark = pytest.mark.once


@amounts(60)
def test_corpora(examples, tmp_path_factory, tmp_path):
    films = [review._replace(group=f"film {n % 20}") for n, review in enumerate(reviews(200))]
    whole = tmp_path_factory.mktemp("whole") / "data"
    prepare_corpus(films, whole, TOKENIZER, quiet=True)
    corpus = open_corpus(whole)
    files = sorted(file.relative_to(corpus.path) for file in corpus.path.rglob("*") if file.is_file())

    @settings(FUZZ, max_examples=examples)
    @given(st.sampled_from(files), edits, json_edits)
    def check(name, raw, values):
        copy = tmp_path / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(corpus.path, copy)
        content = (copy / name).read_bytes()
        json_too = name.suffix == ".json" and raw[0][0] % 2
        (copy / name).write_bytes(edited_json(content, values) if json_too else edited(content, raw))
        with refused(copy):
            for split in open_corpus(copy).splits.values():
                assert all(len(split[index]) == length for index, length in enumerate(split.lengths))
                assert sum(1 for _ in split.records()) == len(split)
                assert len(split.fingerprint) == 64
                assert split.groups is None or len(split.groups) == len(split)
        assert os.listdir(tmp_path) == ["copy"]

    check()
