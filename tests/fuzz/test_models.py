"""Model files changed at random are refused, or read as what they declare."""

import copy
import io
import json
import zipfile

import numpy as np
import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from digitcnn.serialization.schema import read_model
from fuzz.harness import changed_bytes, changed_content, read_or_refuse, rounds
from hostile_files import hostile_model_files, put_together, take_apart, whole_model, zip_of

WHOLE = whole_model()
HEADER, MEMBERS = take_apart(WHOLE)
# Those of megabytes are read often enough by the other tests.
HOSTILE = [data for data in hostile_model_files(WHOLE).values() if len(data) < 20_000]


@st.composite
def with_changed_array(draw):
    """One array's bytes are others, perhaps declared otherwise too, and its sum is right."""
    number = draw(st.integers(0, len(MEMBERS) - 1))
    header, members = copy.deepcopy(HEADER), dict(MEMBERS)
    name = list(members)[number]
    members[name] = draw(changed_bytes(members[name]))
    if draw(st.booleans()):
        header["arrays"][number] = draw(changed_content(header["arrays"][number]))
    return put_together(header, members)


@st.composite
def with_changed_members(draw):
    """The zip's members are too many, too few, in another order or otherwise kept."""
    pairs = [("model.json", json.dumps(HEADER).encode()), *MEMBERS.items()]
    number = draw(st.integers(0, len(pairs) - 1))
    name, data = pairs[number]
    names = ["../x", "/tmp/x", "x", name + "/", "arrays/9.npy", "model.json", name]
    other = draw(st.sampled_from(names))
    how = draw(st.sampled_from(["add", "take out", "rename", "shuffle", "nothing"]))
    if how == "add":
        pairs.insert(number, (other, data))
    elif how == "take out":
        del pairs[number]
    elif how == "rename":
        pairs[number] = other, data
    elif how == "shuffle":
        pairs = draw(st.permutations(pairs))
    return zip_of(
        pairs,
        compression=draw(st.sampled_from([zipfile.ZIP_STORED] * 3 + [8, 12, 14])),
        attributes=draw(st.sampled_from([0o600, 0o600, 0o120777, 0o010600, 0o040700, 0o777])),
        comment=draw(st.just(b"") | st.binary(max_size=5)),
    )


@pytest.mark.slow
@given(
    st.one_of(
        changed_bytes(WHOLE),
        changed_content(HEADER).map(lambda header: put_together(header, MEMBERS)),
        with_changed_array(),
        with_changed_members(),
        st.sampled_from(HOSTILE).flatmap(changed_bytes),
    )
)
@rounds(6)
def test_changed_model_is_refused_or_read_as_it_declares(data):
    model = read_or_refuse(read_model, data, "m.digitcnn")
    if model is None:
        event("refused")
        return
    event("read as it was" if data == WHOLE else "read as it declares")
    header, members = take_apart(data)
    declared = [np.load(io.BytesIO(member)) for member in members.values()]
    weights = [array for network in model.networks for array in network.weights]
    same_type = [array for array in declared if array.dtype == np.float32][: len(weights)]
    for one, other in zip(weights, same_type, strict=True):
        np.testing.assert_array_equal(one, other)
        assert np.isfinite(one).all()
    network, fitted = model.networks[0], header["members"][0]["fitted"]
    assert network.classes.tolist() == fitted["classes_"]
    assert list(network.image_shape) == fitted["image_shape_"]
    assert network.temperature == fitted["temperature_"]
    assert np.isfinite(network.pixel_range).all()
