"""The command line: one file a command. Each parses, calls and prints; the work is elsewhere."""

from kpsearch.cli.main import main

__all__ = ["main"]
