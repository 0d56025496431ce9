"""RFC of persons and companies (SAT, Anexo 20): form and the two generic ones."""

from __future__ import annotations

import re

from shared.errors import campo_invalido

GENERICOS = frozenset({"XAXX010101000", "XEXX010101000"})
_FORMA = re.compile(r"[A-ZÑ&]{3,4}\d{2}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])[A-Z\d]{2}[\dA]")


def normalizar_rfc(texto: str) -> str:
    """Upper case without spaces or hyphens."""
    return re.sub(r"[\s-]", "", texto).upper()


def validar_rfc(texto: str, campo: str = "rfc", *, genericos: bool = False) -> str:
    """The normalised RFC. Raises `datos_invalidos`; generic ones are refused unless `genericos`."""
    valor = normalizar_rfc(texto)
    if not _FORMA.fullmatch(valor):
        raise campo_invalido(
            campo, "El RFC no tiene la forma correcta: 12 caracteres si es empresa, 13 si es persona física."
        )
    if valor in GENERICOS and not genericos:
        raise campo_invalido(campo, "El RFC genérico no puede ser de un cliente. Escriba el RFC propio.")
    return valor
