"""A small model file, and the corpus of those made to harm who reads them."""

import hashlib
import io
import json
import pickle
import struct
import tempfile
import zipfile
from pathlib import Path

import numpy as np

from digitcnn._utils.array_file import write_model_file

# What a model file holds, of a network that fits no architecture.
CONTENT = {
    "digitcnn": "0.1.0",
    "ensemble": None,
    "has_validation": True,
    "members": [
        {
            "name": "",
            "n_weights": 2,
            "parameters": {"architecture": "compact", "zoom_range": [0.9, 1.1], "epochs": 3},
            "fitted": {
                "classes_": [3, 7],
                "classes_dtype": "<i8",
                "feature_names_in_": ["a", "b", "c", "d"],
                "history_": {"loss": [1.5, 0.5], "accuracy": [0.5, 1.0]},
                "image_shape_": [2, 2, 1],
                "n_features_in_": 4,
                "pixel_range_": [0.0, 255.0],
                "precision_": "float32",
                "_seed": 7,
                "temperature_": 1.5,
            },
        }
    ],
}
ARRAYS = [
    np.linspace(-1, 1, 6, dtype=np.float32).reshape(3, 2),
    np.zeros(2, np.float32),
    np.array([2.0, 1.0]),
    np.array([0.5, 1.0], np.float32),
    np.array([0, 1], np.uint8),
]


def whole_model():
    """The bytes of a model file of these."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.digitcnn"
        write_model_file(path, CONTENT, ARRAYS)
        return path.read_bytes()


def take_apart(data):
    """The header and the members' bytes, in their order."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    return json.loads(members.pop("model.json")), members


def put_together(header, members, **options):
    """A zip as the model file is one, with any header and any members, sums made right."""
    entries = header.get("arrays")
    entries = entries if isinstance(entries, list) else []
    for entry, data in zip(entries, members.values(), strict=False):
        if isinstance(entry, dict):
            entry["sha256"] = hashlib.sha256(data).hexdigest()
    return zip_of([("model.json", json.dumps(header).encode()), *members.items()], **options)


def zip_of(members, compression=zipfile.ZIP_STORED, attributes=0o600, comment=b""):
    """A zip of pairs of name and bytes, of which names may be any and repeat."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, data in members:
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.compress_type = compression
            info.external_attr = attributes << 16
            archive.NameToInfo.pop(name, None)  # zipfile warns of names that repeat
            archive.writestr(info, data)
        archive.comment = comment
    return buffer.getvalue()


def npy(text, values=b""):
    """An array's bytes, with any text as its header."""
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + values


class Spy:
    """Unpickling it sets a mark."""

    mark = []

    def __reduce__(self):
        return Spy.mark.append, ("unpickled",)


def hostile_model_files(whole):
    """Named bytes, none of which is a model file, made of one that is.

    Parameters
    ----------
    whole : bytes
        A model file.

    Returns
    -------
    dict of str to bytes
    """
    header, members = take_apart(whole)
    first = next(iter(members))
    pairs = [("model.json", json.dumps(header).encode()), *members.items()]

    def with_header(**changes):
        return put_together({**header, **changes}, members)

    def with_first_array(data, **entry):
        changed = [{**header["arrays"][0], **entry}, *header["arrays"][1:]]
        return put_together({**header, "arrays": changed}, {**members, first: data})

    pickled = io.BytesIO()
    np.save(pickled, np.array([Spy()], dtype=object), allow_pickle=True)
    lengths = struct.unpack("<4s4H2LH", whole[-22:])
    files = {
        "nothing": b"",
        "a pickle": pickle.dumps(Spy()),
        "text": b"digitcnn model\n",
        "an array": npy(b"{'descr': '<f4', 'fortran_order': False, 'shape': (0,), }\n"),
        "a later version": with_header(version=2),
        "an earlier version than the first": with_header(version=0),
        "a version that equals 1": with_header(version=True),
        "a version of text": with_header(version="1"),
        "a huge version": with_header(version=10**4000),
        "another format": with_header(format="keras"),
        "a header that is a list": zip_of([("model.json", b"[]"), *members.items()]),
        "a header that is no JSON": zip_of([("model.json", b"{'a': 1}"), *members.items()]),
        "a header nested deeply": zip_of([("model.json", b"[" * 100_000), *members.items()]),
        "a header with a name twice": zip_of(
            [("model.json", pairs[0][1].replace(b"{", b'{"version": 1, ', 1)), *members.items()]
        ),
        "a header in UTF-16": zip_of(
            [("model.json", pairs[0][1].decode().encode("utf-16")), *members.items()]
        ),
        "a header of lone bytes": zip_of([("model.json", b"\xff\xfe{}"), *members.items()]),
        "no header": zip_of(pairs[1:]),
        "a header that is not first": zip_of(pairs[::-1]),
        "no arrays in the header": with_header(arrays=None),
        "arrays that are no objects": with_header(arrays=[1] * len(members)),
        "a header twice": zip_of([*pairs, pairs[0]]),
        "an array twice": zip_of([*pairs, pairs[1]]),
        "an array too many": zip_of([*pairs, ("arrays/999.npy", b"")]),
        "an array too few": zip_of(pairs[:-1]),
        "a member of another kind": zip_of([*pairs, ("config.json", b"{}")]),
        "a member outside": zip_of([*pairs, ("../../outside", b"x")]),
        "a member at an absolute place": zip_of([*pairs, ("/tmp/outside", b"x")]),
        "a member with a drive": zip_of([*pairs, ("C:\\outside", b"x")]),
        "a folder": zip_of([*pairs, ("arrays/", b"")]),
        "links": zip_of(pairs, attributes=0o120777),
        "pipes": zip_of(pairs, attributes=0o010600),
        "compressed members": zip_of(pairs, zipfile.ZIP_DEFLATED),
        "members compressed by bzip2": zip_of(pairs, zipfile.ZIP_BZIP2),
        "members compressed by LZMA": zip_of(pairs, zipfile.ZIP_LZMA),
        "a bomb": zip_of([pairs[0], (first, bytes(2**24)), *pairs[2:]], zipfile.ZIP_DEFLATED),
        "a header that is a bomb": zip_of(
            [("model.json", b"[" + b"{}," * 2**22 + b"{}]"), *pairs[1:]], zipfile.ZIP_DEFLATED
        ),
        "a header that is too long": zip_of([("model.json", b" " * 2**24), *pairs[1:]]),
        "a comment": zip_of(pairs, comment=b"comment"),
        "bytes in front": b"#!/bin/sh\n" + whole,
        "bytes behind": whole + b"\0",
        "another file behind": whole + whole,
        "a directory elsewhere": whole[:-22]
        + struct.pack("<4s4H2LH", *lengths[:6], lengths[6] + 7, 0),
        "a directory of 4 GiB": whole[:-22]
        + struct.pack("<4s4H2LH", *lengths[:5], 2**32 - 1, *lengths[6:]),
        "an encrypted member": whole.replace(b"PK\3\4\x14\0\0\0", b"PK\3\4\x14\0\1\0").replace(
            b"PK\1\2\x14\3\x14\0\0\0", b"PK\1\2\x14\3\x14\0\1\0"
        ),
        "a member that overlaps": _overlapping(pairs),
        "a directory that is far too long": zip_of([(f"{i:060}", b"") for i in range(10_000)]),
        "an object array": with_first_array(pickled.getvalue(), dtype="|O", shape=[1]),
        "an object array declared as numbers": with_first_array(pickled.getvalue(), shape=[1]),
        "an object array beside": zip_of([*pairs, ("arrays/999.npy", pickled.getvalue())]),
        "a structured array": with_first_array(members[first], dtype="f4,f4"),
        "a dtype that is a list": with_first_array(members[first], dtype=[["a", "<f4"]]),
        "text for numbers": with_first_array(members[first], dtype="<U1"),
        "big-endian numbers": with_first_array(members[first], dtype=">f4"),
        "a shape below zero": with_first_array(members[first], shape=[-1]),
        "a shape that overflows": with_first_array(members[first], shape=[2**31, 2**31, 4]),
        "a shape of nothing much": with_first_array(members[first], shape=[0, 2**62, 2**62]),
        "a shape of fractions": with_first_array(members[first], shape=[1.5]),
        "a shape of flags": with_first_array(members[first], shape=[True]),
        "a shape that is a number": with_first_array(members[first], shape=3),
        "an array of another shape": with_first_array(npy(b"{'descr': '<f4'}")),
        "an array's header that is no text": with_first_array(npy(b"\xff" * 50)),
        "an array's header without an end": with_first_array(npy(b"{'descr': '<f4'\n '''")),
        "an array's header of minus signs": with_first_array(npy(b"-" * 9000 + b"1")),
        "an array's header of brackets": with_first_array(npy(b"(" * 9000)),
        "an array's header with a call": with_first_array(npy(b"__import__('os').getpid()")),
        "an array's header of terabytes": with_first_array(
            npy(b"{'descr': '<f4', 'fortran_order': False, 'shape': (4000000000000,), }\n")
        ),
        "an array of another version": with_first_array(
            members[first].replace(b"NUMPY\1", b"NUMPY\2")
        ),
        "an array cut short": with_first_array(members[first][:-1]),
        "an array with more behind it": with_first_array(members[first] + b"\0"),
        "a wrong checksum": zip_of(
            [pairs[0], (first, members[first][:-1] + b"\x55"), *pairs[2:]],
        ),
    }
    return files


def _overlapping(pairs):
    """Two of the directory's entries lead to the same bytes."""
    data = bytearray(zip_of(pairs))
    second = data.index(b"PK\1\2", data.index(b"PK\1\2") + 1)
    third = data.index(b"PK\1\2", second + 1)
    data[third + 42 : third + 46] = data[second + 42 : second + 46]
    return bytes(data)
