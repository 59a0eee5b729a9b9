"""Forms: pages whose fields are known from a template."""

from digitcnn.reading.forms.form import Form
from digitcnn.reading.forms.page import FormField, FormPage

__all__ = ["Form", "FormField", "FormPage"]
