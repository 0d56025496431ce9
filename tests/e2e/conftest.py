"""One whole system for the end-to-end tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sistema import Sistema, sistema_en_marcha


@pytest.fixture(scope="session")
def sistema() -> Iterator[Sistema]:
    with sistema_en_marcha() as uno:
        yield uno
