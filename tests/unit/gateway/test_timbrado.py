"""Credentials of the stamping routes, whatever comes in the header."""

from __future__ import annotations

import base64

import pytest

from services.gateway.timbrado import credenciales
from shared.errors import Codigo, DomainError


def test_cti_y_contrasena_con_acentos() -> None:
    valor = base64.b64encode("CTI1:señal:uno".encode()).decode()
    assert credenciales({"HTTP_AUTHORIZATION": f"Basic {valor}"}) == ("CTI1", "señal:uno")


@pytest.mark.parametrize(
    "valor", ["", "Basic", "Basic ñ", "Basic \xff\xfe", "Basic !!", "Basic /w==", "Basic Q1RJ", "Bearer x"]
)
def test_lo_ilegible_pide_credenciales(valor: str) -> None:
    with pytest.raises(DomainError) as exc:
        credenciales({"HTTP_AUTHORIZATION": valor})
    assert exc.value.code == Codigo.NO_AUTENTICADO
