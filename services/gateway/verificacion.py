"""The address with which the SAT tells whether a document is good: what its QR code holds, printed or answered."""

from __future__ import annotations

from decimal import Decimal
from urllib.parse import quote

CFDI = "https://verificacfdi.facturaelectronica.sat.gob.mx/default.aspx"
RETENCION = "https://prodretencionverificacion.clouda.sat.gob.mx/"


def url(
    *,
    raiz: str,
    uuid: str,
    emisor: str,
    receptor: str,
    extranjero: str = "",
    total: str | Decimal,
    sello: str,
) -> str:
    """Annex 20, I.D (CFDI) and II.C (`raiz` Retenciones): id, re, rr or nr, tt, fe.

    `receptor`: its RFC; a foreign one of a CR has none, and `extranjero` is its number, which may be missing too.
    `sello`: the issuer's, whose last eight characters tell. Percent-encoded, for an RFC with & or Ñ and a seal with +,
    but for what the Annex's own example writes plain.
    """
    campos = (
        ("id", uuid),
        ("re", emisor),
        ("rr", receptor) if receptor else ("nr", extranjero),
        ("tt", _total(total)),
        ("fe", sello[-8:]),
    )
    base = RETENCION if raiz == "Retenciones" else CFDI
    return base + "?" + "&".join(f"{nombre}={quote(valor, safe='/=')}" for nombre, valor in campos if valor)


def _total(valor: str | Decimal) -> str:
    """Without zeros that say nothing, as Annex 20 wants it: `100.0`, `1250.5`; nothing when there is none."""
    if valor == "":
        return ""
    texto = f"{Decimal(valor):.6f}".rstrip("0")
    return f"{texto}0" if texto.endswith(".") else texto
