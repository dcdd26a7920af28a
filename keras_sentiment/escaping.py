r"""Escaping of untrusted text: one function for each place where it is shown.

An untrusted name, label or text may contain terminal control sequences, HTML or Markdown markup, shell
commands, or Unicode marks that reverse the order of letters. Standard library only. The HTML templates escape
markup themselves, so a text for them only goes through `visible`.
"""

from __future__ import annotations

import os
import re
import shlex
from html import escape
from pathlib import Path

_MARKUP = re.compile(r"[\\`*_{}\[\]<>|#!&~$@]|(?<=[Ww])\.|:(?=\S)|^[-+=]")
_NUMBERED = re.compile(r"^([0-9]{1,9})([.)])")
# Control characters, line separators, direction marks, zero-width characters, tags, surrogates.
_HIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f"
    # Letters and marks without a glyph, and variation selectors.
    "\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0\U000e0100-\U000e01ef]"
    # Joiners and non-joiners, except between two characters outside ASCII, as in Persian and in emoji.
    "|(?<![^\x00-\x7f])[\u200c\u200d]|[\u200c\u200d](?![^\x00-\x7f])"
)


def _escape(character: str) -> str:
    """Returns a character as a Python escape sequence if it can't be printed."""
    return character if character.isprintable() else ascii(character)[1:-1]


def printable(text: str) -> str:
    r"""Returns a text for a terminal or a log, on one line: characters that are not visible are escaped.

    Example:
        >>> print(printable("bad\x1b[2J\u202e\nname"))
        bad\x1b[2J\u202e\nname
    """
    return _HIDDEN.sub(
        lambda found: ascii(found[0])[1:-1], text if text.isprintable() else "".join(map(_escape, text))
    )


def visible(text: str) -> str:
    r"""Returns a text for a page: invisible characters and direction marks are escaped, line ends are kept.

    Joiners between letters or emoji outside ASCII are kept, because these languages need them.

    Example:
        >>> print(visible("\u202eevil\u200d.exe"))
        \u202eevil\u200d.exe
        >>> visible("می\u200cخواهم") == "می\u200cخواهم"
        True
    """
    return _HIDDEN.sub(lambda found: found[0] if found[0] in "\n\t" else ascii(found[0])[1:-1], text)


def json_text(text: str) -> str:
    r"""Returns JSON of the same value, on one line, in which invisible characters are `\u` escapes.

    Example:
        >>> print(json_text('{"text": "\x9b2J\U000e0041"}'))
        {"text": "\u009b2J\udb40\udc41"}
    """
    return _HIDDEN.sub(_json_escape, text)


def _json_escape(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[n]:02x}{units[n + 1]:02x}" for n in range(0, len(units), 2))


def markdown(text: str) -> str:
    r"""Returns a text for a line of Markdown, in which markup, links, HTML and table cells are escaped.

    Some sites still make links of e-mail addresses.

    Example:
        >>> print(markdown("<b>|[x](https://example.com)"))
        \<b\>\|\[x\](https\://example.com)
    """
    escaped = _MARKUP.sub(r"\\\g<0>", printable(" ".join(text.split())))
    return _NUMBERED.sub(r"\1\\\2", escaped)


def markdown_code(text: str) -> str:
    r"""Returns a text as inline code for a line of Markdown.

    Example:
        >>> print(markdown_code("a`b|c"))
        `a\x60b\x7cc`
    """
    text = printable(text).replace("`", r"\x60").replace("|", r"\x7c")
    return f"`{text}`"


def shell(path: str | Path) -> str:
    r"""Returns a path quoted as one word of a shell command.

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
    if "\udc80" <= character <= "\udcff":  # a byte of a file name that is not UTF-8
        return f"\\x{ord(character) - 0xDC00:02x}"
    if character.isprintable() or character.isascii():
        return _escape(character)
    return f"\\U{ord(character):08x}"  # the shell reads \x as a byte


def html(text: str) -> str:
    r"""Returns a text for an HTML element or a quoted attribute.

    Example:
        >>> print(html("<b>\u202e&"))
        &lt;b&gt;\u202e&amp;
    """
    return escape(visible(text))
