"""A made LCO, as the SAT writes it."""

from __future__ import annotations

from collections.abc import Iterable
from xml.sax.saxutils import quoteattr


def lista(lineas: Iterable[tuple[str, str, str, str]], fecha: str = "2026-11-24T00:00:00") -> bytes:
    """The XML of (RFC, number, state, obligations)."""
    contribuyentes = "".join(
        f"<lco:Contribuyente RFC={quoteattr(rfc)}><lco:Certificado ValidezObligaciones={quoteattr(obligaciones)} "
        f"EstatusCertificado={quoteattr(estado)} noCertificado={quoteattr(numero)} "
        'FechaFinal="2027-12-04T15:39:30" FechaInicio="2023-12-04T15:39:30"></lco:Certificado></lco:Contribuyente>'
        for rfc, numero, estado, obligaciones in lineas
    )
    return (
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?><lco:LCO '
        'xmlns:lco="http:/www.sat.gob.mx/cfd/LCO" '
        f'Fecha="{fecha}">{contribuyentes}</lco:LCO>'
    ).encode()
