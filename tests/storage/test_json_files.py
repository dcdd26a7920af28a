"""JSON files with a format version."""

import json

import pytest

from keras_sentiment.errors import InputError
from keras_sentiment.storage.json_files import parse_object, read_versioned

pytestmark = pytest.mark.once


def read(path):
    return read_versioned(path / "config.json", 2, "a trained model", "train one")


def test_the_format_version_is_left_out(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"format_version": 2, "labels": ["a", "b"]}))
    assert read(tmp_path) == {"labels": ["a", "b"]}


@pytest.mark.parametrize(("version", "fix"), [(1, "train one"), (3, "update keras-sentiment")])
def test_another_format_version_is_refused_with_the_fix(tmp_path, version, fix):
    (tmp_path / "config.json").write_text(json.dumps({"format_version": version}))
    with pytest.raises(InputError) as caught:
        read(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}: its format version is {version}, and this program reads version 2; {fix}"
    )


@pytest.mark.parametrize(
    "text", [None, "", "[]", "{}", '{"format_version": "two"}', '{"format_version": []}']
)
def test_a_file_without_a_format_version_is_refused(tmp_path, text):
    if text is not None:
        (tmp_path / "config.json").write_text(text)
    with pytest.raises(InputError, match=r"not a trained model \(no readable config\.json\); train one"):
        read(tmp_path)


def test_the_message_about_a_long_number_names_no_python_function():
    with pytest.raises(InputError, match=r"it is not JSON \(a whole number of more than 4,300 digits; write"):
        parse_object('{"a": ' + "9" * 5000 + "}", "it")
