"""RFC of persons and companies (SAT, Anexo 20): form, date, check digit, and the two generic ones."""

from __future__ import annotations

import re
from datetime import date

from shared.errors import campo_invalido

GENERICOS = frozenset({"XAXX010101000", "XEXX010101000"})
_FORMA = re.compile(r"[A-ZÑ&]{3,4}(\d{2})(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])[A-Z\d]{2}[\dA]")
#: Places of the characters in the SAT's table for the check digit.
_VALORES = {letra: valor for valor, letra in enumerate("0123456789ABCDEFGHIJKLMN&OPQRSTUVWXYZ Ñ")}


def normalizar_rfc(texto: str) -> str:
    """Upper case without spaces or hyphens."""
    return re.sub(r"[\s-]", "", texto).upper()


def validar_rfc(texto: str, campo: str = "rfc", *, genericos: bool = False) -> str:
    """The normalised RFC. Raises `datos_invalidos`; generic ones are refused unless `genericos`.

    The check digit is not looked at: the SAT itself has given RFC whose digit is not the one of its own rule
    (`digito_correcto` tells, so that people can be warned).
    """
    valor = normalizar_rfc(texto)
    forma = _FORMA.fullmatch(valor)
    if not forma:
        raise campo_invalido(
            campo, "El RFC no tiene la forma correcta: 12 caracteres si es empresa, 13 si es persona física."
        )
    if not _existe(*map(int, forma.groups())):
        raise campo_invalido(
            campo, "La fecha dentro del RFC no existe en el calendario. Revise sus seis números."
        )
    if valor in GENERICOS and not genericos:
        raise campo_invalido(campo, "El RFC genérico no puede ser de un cliente. Escriba el RFC propio.")
    return valor


def es_persona_fisica(rfc: str) -> bool:
    """Whether a valid RFC is a person's (13 characters) and not a company's (12)."""
    return len(rfc) == 13


def digito_correcto(rfc: str) -> bool:
    """Whether the last character of a valid RFC is the one that the SAT's rule (modulo 11) gives.

    The generic ones have none, and are right as they are.
    """
    if rfc in GENERICOS:
        return True
    suma = sum(_VALORES[letra] * (13 - lugar) for lugar, letra in enumerate(rfc[:-1].rjust(12)))
    return rfc[-1] == "0123456789A"[(11 - suma % 11) % 11]


def _existe(anio: int, mes: int, dia: int) -> bool:
    """A day of the calendar. The century is not written: 2000, which has its 29 February, forgives the most."""
    try:
        date(2000 + anio, mes, dia)
    except ValueError:
        return False
    return True
