"""Passwords that anybody would try first are refused; long ones that nobody else has are not."""

from __future__ import annotations

import pytest

from services.clientes import domain
from shared.errors import Codigo, DomainError


def exigir(contrasena: str) -> None:
    domain.exigir_contrasena_fuerte(
        contrasena, correo="ana.lopez@ferrelopez.mx", nombre="Ana Sofía López Núñez"
    )


@pytest.mark.parametrize(
    ("contrasena", "porque"),
    [
        ("aaaaaaaaaa", "repite"),
        ("abababababab", "repite"),
        ("abcdabcdabcd", "repite"),
        ("1234567890", "secuencia"),
        ("0987654321", "secuencia"),
        ("abcdefghijk", "secuencia"),
        ("QWERTYuiop", "secuencia"),
        ("asdfghjklñ", "secuencia"),
        ("1q2w3e4r5t", "secuencia"),
        ("contraseña", "usadas"),
        ("Contraseña123", "usadas"),
        ("P4ssw0rd2026!", "usadas"),
        ("bienvenidos1", "usadas"),
        ("  mexico2026", "usadas"),
        ("FACTURACION-2026", "usadas"),
        ("ana.lopez@ferrelopez.mx", "correo"),
        ("mi ferrelopez 9", "correo"),
        ("la de lopez 77", "correo o su nombre"),
        ("sofia camina lejos", "nombre"),
        ("NUÑEZ a caballo", "nombre"),
    ],
)
def test_debil(contrasena: str, porque: str) -> None:
    with pytest.raises(DomainError, match=porque) as error:
        exigir(contrasena)
    assert error.value.code is Codigo.DATOS_INVALIDOS
    assert list(error.value.errores) == ["contrasena"]
    assert "Elija otra" in error.value.detail


@pytest.mark.parametrize(
    "contrasena",
    [
        "una contraseña larga",
        "caballo grapa batería correcto",
        "nXz7-Qp2vLmR",
        "el perro come a las 5",
        "Ana come tunas",
        "abcdefgh-perro",
    ],
)
def test_fuerte(contrasena: str) -> None:
    exigir(contrasena)
