"""How many changed files the tests of this folder read."""

from hypothesis import settings

# pytest tests/fuzz --hypothesis-profile=long
settings.register_profile("long", max_examples=5_000, print_blob=True)
