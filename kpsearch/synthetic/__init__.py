"""A seeded catalogue of invented product packs, photographs of them, and the truth about both."""

from kpsearch.synthetic.camera import Aim, CameraOptions, aim
from kpsearch.synthetic.design import pack_size
from kpsearch.synthetic.packs import render_item
from kpsearch.synthetic.photos import Photo, photo_truth, photograph, render_photo
from kpsearch.synthetic.spec import CatalogueSpec, stranger_number
from kpsearch.synthetic.truth import Aspects, ItemTruth, item_truth
from kpsearch.synthetic.writing import write_catalogue

__all__ = [
    "Aim",
    "Aspects",
    "CameraOptions",
    "CatalogueSpec",
    "ItemTruth",
    "Photo",
    "aim",
    "item_truth",
    "pack_size",
    "photo_truth",
    "photograph",
    "render_item",
    "render_photo",
    "stranger_number",
    "write_catalogue",
]
