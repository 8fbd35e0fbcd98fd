"""The frame of a page: its head, its looks, and what it is allowed to load, which is nothing."""

from __future__ import annotations

import base64
import hashlib
from string import Template

from kpsearch.report.markup import escape_text
from kpsearch.report.stylesheet import STYLESHEET

# The policy sees to it that a name cannot bring a script in.
_NO_SCRIPT = "script-src 'none'; object-src 'none'; base-uri 'none'; form-action 'none'"
_OWN_SCRIPT = Template(
    "default-src 'none'; img-src data:; style-src '$style'; script-src '$script';"
    " base-uri 'none'; form-action 'none'"
)
_PAGE = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy"
 content="$policy">
<title>$title</title>
<style>$style</style>
</head>
<body>
<header>
<h1>$title</h1>
$header
</header>
<main>
$main
</main>
<footer>Made by kpsearch</footer>
$script</body>
</html>
""")


def render_document(
    title: str, *, header: str, main: str, style: str = "", script: str = ""
) -> str:
    """A page as text. ``title`` is escaped; ``header``, below the title, and ``main`` are HTML.

    ``style`` is CSS that comes after that of all reports. ``script`` is JavaScript without a
    closing tag in it; a page that has one runs no other, loads nothing, and holds its pictures.
    """
    looks = f"\n{STYLESHEET}{style}\n"
    return _PAGE.substitute(
        policy=_OWN_SCRIPT.substitute(style=_digest(looks), script=_digest(script))
        if script
        else _NO_SCRIPT,
        title=escape_text(title),
        style=looks,
        header=header,
        main=main,
        script=f"<script>{script}</script>\n" if script else "",
    )


def _digest(text: str) -> str:
    """What a policy knows an inline script or style by."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
