"""Property tests draw the same examples in every run, and no example has a time limit."""

from hypothesis import settings

settings.register_profile("kpsearch", derandomize=True, deadline=None)
settings.load_profile("kpsearch")
