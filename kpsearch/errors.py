"""Every exception that kpsearch raises on purpose.

KpsearchError
├── ImageRejected      a picture that cannot be used: data, not a failure of the job
├── UsageError         what was asked for makes no sense                     (exit 2)
│   ├── UnknownName    no such extractor, scorer or verifier
│   └── NotInstalled   an optional part that this machine does not have
├── UnusableFile       a ground truth, a run or embeddings that cannot be used  (exit 1)
│   └── UnusableModel  a deep model's file that cannot be run on pictures
├── IndexMissing       no index at this path                                 (exit 1)
├── IndexMismatch      the index and the request disagree (features, vocabulary)
├── WrongFolder        most of the first pictures were rejected              (exit 1)
├── CommitFailed       nothing changed on disk                               (exit 4)
├── CommitUncertain    the disk's state is unknown: run verify               (exit 5)
├── IndexLocked        another writer holds the index, embeddings, decisions (exit 6)
└── IndexDamaged       a file of the index is not what was written           (exit 7)
"""


class KpsearchError(Exception):
    """Base of all deliberate errors; ``exit_code`` is what the command line returns."""

    exit_code = 1


class ImageRejected(KpsearchError):
    """One picture cannot be used: ``code`` names the reason, ``text`` explains it."""

    def __init__(self, path: str, code: str, text: str) -> None:
        super().__init__(path, code, text)
        self.path = path
        self.code = code
        self.text = text

    def __str__(self) -> str:
        return f"{self.path}: {self.code}: {self.text}"


class UsageError(KpsearchError):
    """What was asked for cannot be meant."""

    exit_code = 2


class UnknownName(UsageError):
    """No registered implementation has this name."""


class NotInstalled(UsageError):
    """What was asked for needs something that is not installed; the text says how to get it."""


class UnusableFile(KpsearchError):
    """A file to read that is missing, damaged, or not what it is taken for."""


class UnusableModel(UnusableFile):
    """A file that is no deep model, or none that makes a vector of one picture."""


class IndexMissing(KpsearchError):
    """There is no index at the path given."""


class IndexMismatch(KpsearchError):
    """The index was made with other options than the ones asked for now."""


class WrongFolder(KpsearchError):
    """More than half of the first pictures were rejected: probably not the folder meant."""


class CommitFailed(KpsearchError):
    """A commit did not happen; the index is as it was before."""

    exit_code = 4


class CommitUncertain(KpsearchError):
    """A commit may or may not have reached the disk."""

    exit_code = 5


class IndexLocked(KpsearchError):
    """Another writer is at work on the index, or on the file of embeddings or decisions."""

    exit_code = 6


class IndexDamaged(KpsearchError):
    """A file of the index is missing or is not what was written."""

    exit_code = 7
