r"""What a stranger wrote, as text and nothing else wherever a person reads it: a function for each medium.

A name, a label or a text of somebody else may hold what a terminal obeys, what a browser or a Markdown page
takes for markup, what a shell would run, or what turns the order of letters around. Standard library only.
A template of HTML escapes by itself, after `visible`.
"""

from __future__ import annotations

import os
import re
import shlex
from html import escape
from pathlib import Path

_MARKUP = re.compile(r"[\\`*_{}\[\]<>|#!&~$@]|(?<=[Ww])\.|:(?=\S)|^[-+=]")
_NUMBERED = re.compile(r"^([0-9]{1,9})([.)])")
# Controls, separators of lines, marks of direction, what has no width, tags, halves of characters.
_HIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
    # Two letters that are not ASCII, as of Persian, or two emojis need what joins or parts them.
    "|(?<![^\x00-\x7f])[\u200c\u200d]|[\u200c\u200d](?![^\x00-\x7f])"
)


def _escape(character: str) -> str:
    """Returns a control, a separator of lines, a mark of direction, what has no width, as it is written."""
    return character if character.isprintable() else ascii(character)[1:-1]


def printable(text: str) -> str:
    r"""Returns a text on one line, for a terminal or a log: each character is seen or escaped.

    Example:
        >>> print(printable("bad\x1b[2J\u202e\nname"))
        bad\x1b[2J\u202e\nname
    """
    return text if text.isprintable() else "".join(map(_escape, text))


def visible(text: str) -> str:
    r"""Returns a text of any language for a page: what would hide, or turn letters around, is escaped.

    What joins letters or emojis stays, but not beside ASCII, where it has nothing to join.

    Example:
        >>> print(visible("\u202eevil\u200d.exe"))
        \u202eevil\u200d.exe
        >>> visible("می\u200cخواهم") == "می\u200cخواهم"
        True
    """
    return _HIDDEN.sub(lambda found: found[0] if found[0] in "\n\t" else _escape(found[0]), text)


def json_text(text: str) -> str:
    r"""Returns JSON, as one line, that stays the same value and that no terminal obeys.

    Example:
        >>> print(json_text('{"text": "\x9b2J\U000e0041"}'))
        {"text": "\u009b2J\udb40\udc41"}
    """
    return _HIDDEN.sub(_json_escape, text)


def _json_escape(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[n]:02x}{units[n + 1]:02x}" for n in range(0, len(units), 2))


def markdown(text: str) -> str:
    r"""Returns a text within a line of Markdown: no markup, no link, no HTML, no cell of a table.

    Example:
        >>> print(markdown("<b>|[x](https://example.com)"))
        \<b\>\|\[x\](https\://example.com)
    """
    escaped = _MARKUP.sub(r"\\\g<0>", printable(" ".join(text.split())))
    return _NUMBERED.sub(r"\1\\\2", escaped)


def markdown_code(text: str) -> str:
    r"""Returns a text as code within a line of Markdown.

    Example:
        >>> print(markdown_code("a`b|c"))
        `a\x60b\x7cc`
    """
    text = printable(text).replace("`", r"\x60").replace("|", r"\x7c")
    return f"`{text}`"


def shell(path: str | Path) -> str:
    r"""Returns a path as one word of a command line that a person may paste into a shell.

    Example:
        >>> print(shell("$(cd;touch x)"), shell("-rf"), shell("two\nlines"), shell("runs/films"))
        '$(cd;touch x)' ./-rf $'two\nlines' runs/films
    """
    text = os.fspath(path)
    text = f"./{text}" if text.startswith("-") else text
    if text.isprintable():
        return shlex.quote(text)
    return f"$'{''.join(map(_shell_escape, text))}'"


def _shell_escape(character: str) -> str:
    if character in "\\'":
        return f"\\{character}"
    if "\udc80" <= character <= "\udcff":  # a byte of a file's name that is no text
        return f"\\x{ord(character) - 0xDC00:02x}"
    if character.isprintable() or character.isascii():
        return _escape(character)
    return f"\\U{ord(character):08x}"  # \x would be a byte


def html(text: str) -> str:
    r"""Returns a text within an element or a quoted attribute of HTML.

    Example:
        >>> print(html("<b>\u202e&"))
        &lt;b&gt;\u202e&amp;
    """
    return escape(visible(text))
