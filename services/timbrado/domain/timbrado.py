"""Refusals of a stamping, in words."""

from __future__ import annotations

from shared.errors import Codigo, DomainError

IDD_MAXIMO = 100

#: SAT codes that depend on the moment or on lists that change: a document that was stamped in time gets them when
#: it is sent again, so on a repeat they prove nothing (304, 305 the CSD's validity; 401 72 hours; 402 the LCO).
SEGUN_EL_MOMENTO = frozenset({"304", "305", "401", "402"})
_DEL_SELLO = frozenset({"CFDI40102", "Reten20101"})


def sin_timbres() -> DomainError:
    """No balance left."""
    return DomainError(
        Codigo.SALDO_INSUFICIENTE,
        "La cuenta de timbrado no tiene timbres disponibles. Compre o pida timbres a su distribuidor.",
    )


def pendiente() -> DomainError:
    """The PAC has not said what became of it; a repeat of the same CFDI gets the answer, at no further charge."""
    return DomainError(
        Codigo.PENDIENTE,
        "El timbrado está en proceso: el PAC aún no confirma. Envíe de nuevo el mismo CFDI en unos segundos;"
        " no se cobrará dos veces.",
        datos={"reintentar_en": 3},
    )


def idd_reutilizado() -> DomainError:
    """The caller's own document id was used for other content."""
    return DomainError(
        Codigo.CLAVE_REUTILIZADA,
        "El idd ya se usó con otro comprobante. Use un idd distinto para cada CFDI.",
    )


def sin_pac() -> DomainError:
    """Every PAC is paused or away; nothing was held."""
    return DomainError(
        Codigo.NO_DISPONIBLE,
        "Por ahora ningún PAC puede timbrar. Envíe de nuevo el mismo CFDI en unos segundos; no se cobró nada.",
        datos={"reintentar_en": 5},
    )


def puede_ser_repetido(codigo_sat: str) -> bool:
    """Whether a document refused with this code may have been stamped before: by the moment, or by newer rules.

    A broken structure or seal tells that it is not the document that was stamped.
    """
    por_matriz = codigo_sat.startswith(("CFDI40", "CRP", "NOM", "Reten")) and codigo_sat not in _DEL_SELLO
    return codigo_sat in SEGUN_EL_MOMENTO or por_matriz
