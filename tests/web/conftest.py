import pytest

from number_sheets import glyphs
from web_servers import running


@pytest.fixture(scope="session")
def collected(tmp_path_factory):
    """The folder of the shared server's corrections."""
    return tmp_path_factory.mktemp("collected")


@pytest.fixture(scope="session")
def served(collected):
    """A server that the tests share, with the default limits."""
    with running(collect=str(collected)) as one:
        yield one


@pytest.fixture(scope="session")
def client(served):
    return served.client


@pytest.fixture(scope="session")
def glyph():
    """A picture of each class, light on black."""
    return list(glyphs())
