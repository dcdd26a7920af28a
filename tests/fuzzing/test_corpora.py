"""Damaged corpora are refused in one line."""

import os
import shutil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.strategies import FUZZ, amounts, edited, edited_json, edits, json_edits, refused
from keras_sentiment.data.corpus import open_corpus

pytestmark = pytest.mark.once


@amounts(60)
def test_corpora(examples, corpus, tmp_path):
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
        assert os.listdir(tmp_path) == ["copy"]

    check()
