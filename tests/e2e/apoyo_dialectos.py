"""Clients of the dialects for end-to-end tests: who stamps, and what it costs."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from zoneinfo import ZoneInfo

import pytest

from tests.sistema import Sistema

CENTRO = ZoneInfo("America/Mexico_City")


@pytest.fixture(scope="module", autouse=True)
def timbres(sistema: Sistema) -> None:
    r = sistema.sesion("distribuidor").post(
        f"/v1/ctis/{sistema.demo['cti']['id']}/transferencias",
        json={"cantidad": 100, "importe": "50.00", "confirmar": True},
    )
    assert r.status_code == 201, r.text


@pytest.fixture
def quien(sistema: Sistema) -> tuple[str, str]:
    return sistema.demo["cti"]["id"], sistema.demo["cti"]["contrasena"]


@contextmanager
def cuesta(sistema: Sistema, timbres: int) -> Iterator[None]:
    """The CTI of the demonstration spends exactly so many in this block."""
    antes = _saldo(sistema)
    yield
    assert antes - _saldo(sistema) == timbres


def _saldo(sistema: Sistema) -> int:
    r = sistema.sesion("distribuidor").get(f"/v1/ctis/{sistema.demo['cti']['id']}")
    return int(r.json()["saldo"])


def infinito(quien: tuple[str, str]) -> str:
    """A token of SW's that does not expire: base64url of the credentials."""
    return base64.urlsafe_b64encode(":".join(quien).encode()).decode()
