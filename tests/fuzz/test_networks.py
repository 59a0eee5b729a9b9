"""Model files of a real network, changed at random, are refused or give a network that predicts."""

import numpy as np
import pytest
from hypothesis import event, given
from hypothesis import strategies as st

import digitcnn
from conftest import make_classifier
from fuzz.harness import changed_bytes, changed_content, read_or_refuse, rounds
from hostile_files import put_together, take_apart


@pytest.fixture(scope="module")
def whole(digits, tmp_path_factory):
    """A trained network's file."""
    X, y = digits
    path = tmp_path_factory.mktemp("network") / "m.digitcnn"
    make_classifier(epochs=1).fit(X[:200], y[:200]).save(path)
    return path.read_bytes()


@pytest.mark.slow
@given(st.data())
@rounds(0.2)
def test_changed_network_is_refused_or_predicts(whole, data):
    header, members = take_apart(whole)
    changes = st.one_of(
        changed_content(header).map(lambda content: put_together(content, members)),
        changed_member(header, "parameters").map(lambda content: put_together(content, members)),
        changed_member(header, "fitted").map(lambda content: put_together(content, members)),
        changed_bytes(whole),
    )
    clf = read_or_refuse(digitcnn.load, data.draw(changes), "m.digitcnn")
    if clf is None:
        event("refused")
        return
    try:
        probabilities = clf.predict_proba(np.zeros((2, clf.n_features_in_), np.uint8))
    except ValueError as error:
        if "device=" not in str(error) and "with pixels in" not in str(error):
            raise
        event("loaded, for a device or pixels that are not here")
        return
    event("loaded, and it predicts")
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-3)


def changed_member(header, part):
    """Headers of which one part of the network is changed."""
    (member,) = header["members"]
    return changed_content(member[part]).map(
        lambda changed: {**header, "members": [{**member, part: changed}]}
    )
