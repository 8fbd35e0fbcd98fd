"""Answers made visible: match pictures, and a page that shows a whole run of queries."""

from kpsearch.report.document import render_document
from kpsearch.report.draw import match_picture
from kpsearch.report.files import write_picture
from kpsearch.report.folder import write_match_report
from kpsearch.report.gallery import Gallery, make_folder
from kpsearch.report.page import write_page
from kpsearch.report.views import AnswerView, HitView, Missing, Picture, Shown

__all__ = [
    "AnswerView",
    "Gallery",
    "HitView",
    "Missing",
    "Picture",
    "Shown",
    "make_folder",
    "match_picture",
    "render_document",
    "write_match_report",
    "write_page",
    "write_picture",
]
