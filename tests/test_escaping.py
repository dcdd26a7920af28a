"""Escaping of untrusted text for a terminal, JSON, HTML, Markdown and a shell."""

import ast
import json
import os
import re
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from keras_sentiment import escaping

pytestmark = pytest.mark.once

ROOT = Path(__file__).parents[1]
OBEYED = (
    "\x00\x07\x1b\r\x7f\x85\x9b\u061c\u200b\u200e\u200f\u2028\u2029\u202a\u202e\u2066\u2069\ufeff\U000e0041"
    "\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0\U000e0100\U000e01ef"
)
MARKS = "`*_[](){}<>|#!&~$@:/.-+=1w\\'\" a\n\t\u200d\udcff"
TEXTS = st.text(st.characters(), max_size=30) | st.text(st.sampled_from(OBEYED + MARKS))


@given(TEXTS)
def test_text_for_a_terminal_has_no_control_characters(text):
    found = escaping.printable(text)
    assert found.isprintable()
    assert (text.isprintable() and not set(OBEYED) & set(text)) == (found == text)
    assert not set(OBEYED) & set(found)


@given(TEXTS)
def test_json_stays_the_same_value(text):
    found = escaping.json_text(json.dumps({"text": text}, ensure_ascii=False))
    assert json.loads(found) == {"text": text}
    assert not set(OBEYED) & set(found)
    found.encode()


@given(TEXTS)
def test_text_for_a_page_has_no_markup_and_no_hidden_characters(text):
    class Parsed(HTMLParser):
        texts: list[str]

        def handle_starttag(self, tag, attributes):
            assert (tag, [name for name, _ in attributes]) == ("b", ["title"])
            self.texts = [attributes[0][1]]

        def handle_data(self, data):
            self.texts.append(data)

    parsed = Parsed()
    found = escaping.html(text)
    parsed.feed(f"<b title='{found}'>{found}</b>")
    parsed.close()
    shown = escaping.visible(text)
    assert parsed.texts == ([shown, shown] if shown else [shown])
    assert not set(OBEYED) & set(shown)


def test_joiners_between_letters_are_kept():
    for text in ("می\u200cخواهم", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "naïve café", "שלום"):
        assert escaping.visible(text) == text
    assert escaping.visible("pay\u200dpal \u200cx") == r"pay\u200dpal \u200cx"


@given(TEXTS)
def test_text_for_markdown_has_no_markup(text):
    """It is checked in a heading, a list item and a table cell, by CommonMark with GitHub's tables."""
    shown = escaping.printable(" ".join(text.split()))
    found = escaping.markdown(text)
    page = f"# {found}\n\n- {found}\n\n{found}: x\n\n|a|b|\n|-|-|\n| {found} | c |\n"
    tokens = MarkdownIt("commonmark", {"linkify": False}).enable(["table", "strikethrough"]).parse(page)
    inline = [token for token in tokens if token.type == "inline"]
    for token in inline:
        assert {child.type for child in token.children} <= {"text", "text_special"}
    contents = ["".join(child.content for child in token.children) for token in inline]
    kinds = [token.type for token in tokens if token.type in ("heading_open", "hr", "html_block", "tr_open")]
    assert kinds == ["heading_open", "tr_open", "tr_open"]
    assert (
        contents
        == [text.strip() for text in (shown, shown, f"{shown}: x", "a", "b", shown, "c")][0 if shown else 1 :]
        or not shown
    )


@pytest.mark.parametrize(
    "text", ["https://example.com", "www.example.com", "WWW.x", "ftp://a.b", "mailto:a@b.c", "$x$", "~~x~~"]
)
def test_text_for_markdown_has_no_links(text):
    """GitHub links http://, https://, ftp://, mailto: and www., and reads $...$ as a formula."""
    found = escaping.markdown(f"see {text}")
    assert not re.search(r"(?<!\\):/|(?<!\\):a|[Ww]\.|(?<!\\)[$~]", found)


@given(TEXTS)
def test_text_for_markdown_code_is_one_code_span(text):
    tokens = (
        MarkdownIt("commonmark").enable("table").parse(f"|a|b|\n|-|-|\n|{escaping.markdown_code(text)}|c|\n")
    )
    inline = [token for token in tokens if token.type == "inline"]
    assert len(inline) == 4
    assert [child.type for child in inline[2].children] in (["code_inline"], ["text"])


def test_a_path_is_one_word_of_a_shell_command(tmp_path):
    paths = ["$(cd;touch PWNED)", "`touch PWNED`", "a\nb\x1b\x9b\u202e'\\", "-rf", "~", "é", "", "x y", "!!"]
    for path in [*paths, "\udcff\udc80"]:
        word = escaping.shell(path)
        assert word.isprintable()
        line = f"printf '%s\\0' x {word}"
        said = subprocess.run(
            ["bash", "-c", line], capture_output=True, cwd=tmp_path, env={"LC_ALL": "C.UTF-8"}, check=True
        )
        assert said.stdout.split(b"\0")[1].removeprefix(b"./") == os.fsencode(path)
    assert not list(tmp_path.iterdir())


SOURCES = [*(ROOT / "keras_sentiment").rglob("*.py"), *(ROOT / "scripts").glob("*.py")]
# parity.py is a process that answers its parent in JSON.
ALONE = {"messages.py", "parity.py"}


@pytest.mark.parametrize(
    "path", [path for path in SOURCES if path.name not in ALONE], ids=lambda path: path.name
)
def test_only_messages_prints(path):
    """Only `messages` may call `print` or `click.echo`, or write to a standard stream."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            assert name not in ("print", "click.echo", "click.secho", "tqdm.write"), f"{path}:{node.lineno}"
            assert not name.startswith(("sys.stderr.write", "sys.stdout.write")), f"{path}:{node.lineno}"
