"""The frame of a page: its head, its looks, and what it is allowed to load, which is nothing."""

from __future__ import annotations

from string import Template

from kpsearch.report.markup import escape_text
from kpsearch.report.stylesheet import STYLESHEET

# The page holds no script; the policy sees to it that a name cannot bring one in.
_PAGE = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy"
 content="script-src 'none'; object-src 'none'; base-uri 'none'; form-action 'none'">
<title>$title</title>
<style>
$style
</style>
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
</body>
</html>
""")


def render_document(title: str, *, header: str, main: str, style: str = "") -> str:
    """A page as text. ``title`` is escaped; ``header``, below the title, and ``main`` are HTML.

    ``style`` is CSS that comes after that of all reports.
    """
    return _PAGE.substitute(
        title=escape_text(title), style=STYLESHEET + style, header=header, main=main
    )
