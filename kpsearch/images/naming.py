"""File names made safe to print."""

from __future__ import annotations

_NAMED = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def escape_path(path: str) -> str:
    r"""``path`` as one printable line, so that a hostile name cannot break a terminal or a log.

    Undecodable bytes (surrogate escapes) and control characters become ``\xNN``, other characters
    that do not print (bidirectional overrides, line separators, exotic spaces) ``\uNNNN``, and a
    backslash is doubled: two different names never look the same.
    """
    if path.isprintable() and "\\" not in path:
        return path
    return "".join(_escape(char) for char in path)


def _escape(char: str) -> str:
    if char in _NAMED:
        return _NAMED[char]
    if char.isprintable():
        return char
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that os.fsdecode could not decode
        return f"\\x{code - 0xDC00:02x}"
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
