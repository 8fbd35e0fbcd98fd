"""``python -m kpsearch`` is the ``kpsearch`` command."""

from kpsearch.cli import main

main(prog_name="kpsearch")
