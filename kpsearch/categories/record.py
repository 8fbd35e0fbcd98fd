"""What a classifier's file says of itself: JSON among the properties of the ONNX model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import xxhash

from kpsearch.categories.calibration import Calibration
from kpsearch.categories.labels import Label, categories_of
from kpsearch.categories.onnx_metadata import properties, with_property, without_property
from kpsearch.categories.views import VIEWS
from kpsearch.errors import KpsearchError, UnusableModel
from kpsearch.options import EmbeddingOptions
from kpsearch.version import __version__

PROPERTY = "kpsearch.categories"
FORMAT_VERSION = 1
TEMPERATURES = (1e-3, 1e3)
"""Between which a temperature lies that a training or a calibration may have found."""
_UNREADABLE = (ValueError, OverflowError, RecursionError)
"""What numbers beyond all bounds, and lists within lists, raise besides."""


@dataclass(frozen=True, slots=True, eq=False)
class ClassifierRecord:
    """All about a classifier but its weights."""

    labels: tuple[Label, ...]
    """Of its outputs, in their order."""
    preprocessing: EmbeddingOptions
    views: tuple[float, ...] = VIEWS
    """Shares of the shorter side: its outputs are the average over them."""
    temperature: float = 1.0
    """What its outputs are divided by before softmax: Guo et al. 2017, section 4.2."""
    calibration: Calibration | None = None
    facts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """JSON values for the reader of a model card, by what they tell of: its training, its
    calibration."""

    @property
    def categories(self) -> tuple[str, ...]:
        """The distinct categories of the labels."""
        return categories_of(self.labels)

    def written_to(self, model: bytes) -> bytes:
        """An ONNX model with this record in place of any that it had."""
        value = {**_as_json(self), "model_hash": _hash_of_rest(model)}
        return with_property(model, PROPERTY, json.dumps(value, sort_keys=True))

    @classmethod
    def read_from(cls, path: str, model: bytes) -> ClassifierRecord:
        """The record in an ONNX model; raises `UnusableModel`, naming ``path``.

        Damage to the model itself is found, too: OpenCV would crash on some of it, and take the
        rest for another model.
        """
        try:
            text = properties(model).get(PROPERTY)
        except ValueError as error:
            raise UnusableModel(f"{path}: no ONNX model: {error}") from error
        if text is None:
            raise UnusableModel(
                f"{path}: an ONNX model, but not one made by `kpsearch train-categories`"
            )
        try:
            value = json.loads(text)
            record, written = _from_json(value), value["model_hash"]
        except (LookupError, TypeError, AttributeError, *_UNREADABLE) as error:
            raise UnusableModel(f"{path}: its categories cannot be read: {error!r}") from error
        except KpsearchError as error:
            raise UnusableModel(f"{path}: its categories cannot be read: {error}") from error
        if written != _hash_of_rest(model):
            raise UnusableModel(f"{path}: is damaged, not the model that was written; train again")
        return record


def identity(path: str, model: bytes) -> str:
    """xxh3-128 of all that a prediction of likelihoods follows from; raises `UnusableModel`.

    A classifier that is calibrated anew is still the same.
    """
    record = ClassifierRecord.read_from(path, model)
    facts = [record.labels, asdict(record.preprocessing), record.views]
    text = json.dumps([*facts, _hash_of_rest(model)], sort_keys=True)
    return xxhash.xxh3_128_hexdigest(text.encode())


def _hash_of_rest(model: bytes) -> str:
    """xxh3-128 of a model without its record."""
    return xxhash.xxh3_128_hexdigest(without_property(model, PROPERTY))


def _as_json(record: ClassifierRecord) -> dict[str, Any]:
    known = record.calibration
    return {
        "format_version": FORMAT_VERSION,
        "kpsearch_version": __version__,
        "labels": [list(label) for label in record.labels],
        "preprocessing": asdict(record.preprocessing),
        "views": list(record.views),
        "temperature": record.temperature,
        "calibration": known
        and {"scores": known.scores.tolist(), "counts": known.counts, "source": known.source},
        "facts": record.facts,
    }


def _from_json(value: Mapping[str, Any]) -> ClassifierRecord:
    if value["format_version"] != FORMAT_VERSION:
        found = value["format_version"]
        raise UnusableModel(f"format version {found}, this kpsearch reads {FORMAT_VERSION}")
    record = ClassifierRecord(
        labels=tuple(Label(str(category), str(sub)) for category, sub in value["labels"]),
        preprocessing=_preprocessing(value["preprocessing"]),
        views=tuple(float(share) for share in value["views"]),
        temperature=float(value["temperature"]),
        facts={str(of): dict(said) for of, said in value["facts"].items()},
    )
    if len(set(record.labels)) < max(len(record.labels), 1):
        raise UnusableModel("its labels are not distinct")
    if not TEMPERATURES[0] <= record.temperature <= TEMPERATURES[1]:
        raise UnusableModel(f"a temperature of {record.temperature}")
    if not record.views or not all(0 < share <= 1 for share in record.views):
        raise UnusableModel(f"views of {record.views}")
    calibration = value["calibration"]
    if calibration is None:
        return record
    return replace(record, calibration=_calibration(calibration, record.categories))


def _preprocessing(value: Mapping[str, Any]) -> EmbeddingOptions:
    if not (value["size"] is None or isinstance(value["size"], int)):
        raise UnusableModel(f"an input of {value['size']} px")
    channels = {name: tuple(map(float, value[name])) for name in ("mean", "std")}
    return EmbeddingOptions(**{**value, **channels, "scale": float(value["scale"])})


def _calibration(value: Mapping[str, Any], categories: tuple[str, ...]) -> Calibration:
    scores = np.array(value["scores"], np.float64)
    counts = {str(name): int(n) for name, n in value["counts"].items()}
    fits = scores.ndim == 1 and len(scores) == sum(counts.values()) > 0
    if not fits or not ((scores >= 0) & (scores <= 1 + 1e-9)).all():
        raise UnusableModel("its calibration is not what was written")
    if not set(counts) <= set(categories) or min(counts.values()) < 1:
        raise UnusableModel("it is calibrated on categories that are not its own")
    return Calibration(np.sort(scores), counts, str(value["source"]))
