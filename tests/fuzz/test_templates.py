"""Templates of forms changed at random are refused, or are templates."""

import json

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from digitcnn.reading.forms.schema import load_template
from form_sheets import FORM
from fuzz.harness import changed_bytes, changed_content, read_or_refuse, rounds

FRAMED = {**FORM, "anchors": {"frame": [10, 10, 130, 180]}}


WHOLE = [json.dumps(form, indent=1).encode() for form in (FORM, FRAMED)]
AS_BYTES = st.sampled_from(WHOLE).flatmap(changed_bytes)
AS_CONTENT = st.sampled_from([FORM, FRAMED]).flatmap(changed_content)


@pytest.mark.slow
@given(AS_BYTES | AS_CONTENT.map(lambda content: json.dumps(content).encode()))
@rounds(3)
def test_changed_template_is_refused_or_read(data):
    template = read_or_refuse(load_template, data, "form.json")
    if template is None:
        event("refused")
        return
    event("read")
    names = [name for field in template.fields for name in field.columns_of_csv]
    assert names
    assert len(set(names)) == len(names)
