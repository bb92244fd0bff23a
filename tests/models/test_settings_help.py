"""Every setting of every model is explained, in the words nearest to the model."""

from __future__ import annotations

from dataclasses import fields

import pytest

from models.registry import get, registered
from models.settings_help import explained


@pytest.mark.parametrize("name", registered())
def test_every_setting_is_explained(name):
    settings_class = get(name).model.settings_class
    found = {one.name: one for one in explained(settings_class)}
    assert list(found) == [field.name for field in fields(settings_class)]
    assert [name for name, one in found.items() if len(one.about) < 10] == []


def test_choices_are_listed_and_lines_of_an_explanation_joined():
    found = {one.name: one for one in explained(get("cgcnn").model.settings_class)}
    assert found["ties"].values == "shell, cut, padded" and found["fold"].values == "true, false"
    assert "\n" not in found["ties"].about and found["ties"].about.endswith("where there are fewer than k.")
