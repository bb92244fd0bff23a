"""What every refusal of a file promises: one line that begins with the file and gives the true reason."""

from collections.abc import Callable

import pytest

from datasets.errors import InputError


def assert_refused(read: Callable[[], object], name: str, message: str) -> None:
    """The file called `name` is refused with `message`, and called damaged only where the message says so."""
    with pytest.raises(InputError) as caught:
        read()
    said = str(caught.value)
    assert said.startswith(f"{name}: ") and message in said and "\n" not in said and "Error" not in said
    assert ("damaged or truncated?" in said) == ("damaged or truncated?" in message)
