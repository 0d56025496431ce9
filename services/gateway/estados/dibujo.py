"""Draws a statement of account. Imports WeasyPrint, which takes a second to load, so only a drawing worker does this."""

from __future__ import annotations

import logging
from datetime import date, datetime
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined

ZONA = ZoneInfo("America/Mexico_City")
_MESES = (
    "enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre", "octubre", "noviembre",
    "diciembre",
)  # fmt: skip
_MOTIVOS = {
    "timbrado": "Timbrado",
    "transferencia": "Transferencia",
    "transferencia_masiva": "Transferencia masiva",
    "masiva": "Transferencia masiva",
    "venta_automatica": "Venta automática",
    "emision": "Emisión",
    "abasto": "Abasto",
}


def dibujar(estado: dict[str, Any]) -> bytes:
    """The PDF of a statement (its JSON, with `cuenta_maestra`, `cliente` and `emitido_en` beside)."""
    weasyprint: Any = import_module("weasyprint")  # published without types
    logging.getLogger("weasyprint").setLevel(logging.CRITICAL)
    entorno = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined
    )
    entorno.filters.update(fecha=_fecha, momento=_momento, miles=_miles, dinero=_dinero, motivo=_motivo)
    movimientos = estado["movimientos"]
    html = entorno.get_template("plantilla.html").render(
        e=estado,
        abonos=sum(m["cambio"] for m in movimientos if m["cambio"] > 0),
        cargos=-sum(m["cambio"] for m in movimientos if m["cambio"] < 0),
        importe=sum((Decimal(m["importe"]) for m in movimientos if m["importe"]), Decimal(0)),
    )
    # The page is ours and whole: neither network nor files are fetched, whatever a name in it says.
    nada = weasyprint.urls.URLFetcher(allowed_protocols=set(), allow_redirects=False)
    pdf: bytes = weasyprint.HTML(string=html, url_fetcher=nada).write_pdf()
    return pdf


def _fecha(texto: str) -> str:
    d = date.fromisoformat(texto)
    return f"{d.day} de {_MESES[d.month - 1]} de {d.year}"


def _momento(texto: str) -> str:
    en = datetime.fromisoformat(texto.replace("Z", "+00:00")).astimezone(ZONA)
    return f"{en:%d/%m/%Y %H:%M:%S}"


def _miles(n: int) -> str:
    return f"{n:,}"


def _dinero(texto: str | Decimal | None) -> str:
    return "" if texto is None else f"{Decimal(texto):,.2f}"


def _motivo(texto: str) -> str:
    return _MOTIVOS.get(texto, texto.replace("_", " ").capitalize())
