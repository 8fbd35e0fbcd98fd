"""The ``kpsearch`` command and what its errors do to the exit status."""

from __future__ import annotations

import os
import signal
import sys

import click

from kpsearch.cli.calibrate_categories import calibrate_categories
from kpsearch.cli.compact import compact
from kpsearch.cli.compare import compare
from kpsearch.cli.dedup import dedup
from kpsearch.cli.demo import demo
from kpsearch.cli.embed import embed
from kpsearch.cli.evaluate import evaluate
from kpsearch.cli.extractors import extractors
from kpsearch.cli.index import index
from kpsearch.cli.info import info
from kpsearch.cli.query import query
from kpsearch.cli.recover import recover
from kpsearch.cli.remove import remove
from kpsearch.cli.train_categories import train_categories
from kpsearch.cli.verify import verify
from kpsearch.errors import KpsearchError
from kpsearch.version import __version__

INTERRUPTED = 130
TERMINATED = 143


class _Terminated(KeyboardInterrupt):
    """SIGTERM, made to end a command as SIGINT does: the batch is committed first."""


ENDINGS = {signal.SIGINT: KeyboardInterrupt, signal.SIGTERM: _Terminated}


def _end(number: int, _: object) -> None:
    """Interrupt the command, once: another Ctrl-C must not interrupt the commit that follows."""
    for ending in ENDINGS:  # not SIG_IGN: Python complains if one is on its way just now
        signal.signal(ending, lambda *_: None)
    raise ENDINGS[signal.Signals(number)]


def _advice(arguments: list[str]) -> str:
    """What to do after an interrupt of the command line; empty where nothing was half done."""
    match arguments[1:2]:
        case ["index" | "embed" | "dedup"]:
            return "; run it again and it goes on"
        case ["train-categories"]:
            return "; the features found so far are kept for the next run"
        case ["remove" | "compact" | "recover"]:
            return "; `kpsearch info INDEX` shows what was committed"
    return ""


class _Group(click.Group):
    """Turns our errors into a message and an exit status, never a traceback."""

    def invoke(self, ctx: click.Context) -> object:
        before = {number: signal.signal(number, _end) for number in ENDINGS}
        try:
            result = super().invoke(ctx)
            for number, handler in before.items():
                signal.signal(number, handler)
            return result
        except KpsearchError as error:
            from kpsearch.images import escape_path

            click.echo(f"kpsearch: {escape_path(str(error))}", err=True)
            ctx.exit(error.exit_code)
        except KeyboardInterrupt as error:
            for ending in ENDINGS:  # the status is settled; Python itself would reset our handlers
                signal.signal(ending, signal.SIG_IGN)
            click.echo(f"kpsearch: interrupted{_advice(sys.argv)}", err=True)
            ctx.exit(TERMINATED if isinstance(error, _Terminated) else INTERRUPTED)
        except BrokenPipeError:
            # The reader of a pipe (head, less) has seen enough.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(0)
        except OSError as error:
            from kpsearch.images import escape_path

            click.echo(f"kpsearch: {escape_path(str(error))}", err=True)
            ctx.exit(1)


@click.group(
    cls=_Group,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit status: 0 done, 1 failed, 2 usage, 3 rejects under --strict, 4 commit failed "
    "and nothing changed, 5 state unknown, 6 locked by another writer, 7 index damaged, "
    "8 duplicates found, "
    "130 or 143 interrupted.",
)
@click.version_option(__version__, prog_name="kpsearch")
def main() -> None:
    """Find pictures by their keypoints: product photos, crops, re-photographed packs."""


_COMMANDS = (
    index,
    query,
    remove,
    compact,
    verify,
    recover,
    info,
    dedup,
    evaluate,
    compare,
    embed,
    train_categories,
    calibrate_categories,
    extractors,
    demo,
)
for _command in _COMMANDS:
    main.add_command(_command)
