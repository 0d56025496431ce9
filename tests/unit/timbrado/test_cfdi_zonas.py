"""Local time of every place that invoices, against what the law of time zones says."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from services.timbrado.cfdi import esquemas
from services.timbrado.cfdi.zonas import CENTRO, zona

INVIERNO, VERANO = datetime(2026, 1, 15, 12, tzinfo=UTC), datetime(2026, 7, 15, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("codigo_postal", "invierno", "verano"),
    [
        ("06000", -6, -6),  # Ciudad de México
        ("64000", -6, -6),  # Monterrey
        ("97000", -6, -6),  # Mérida
        ("31000", -6, -6),  # Chihuahua
        ("88000", -6, -5),  # Nuevo Laredo: border, with the United States
        ("26000", -6, -5),  # Piedras Negras
        ("22000", -8, -7),  # Tijuana
        ("21000", -8, -7),  # Mexicali
        ("83000", -7, -7),  # Hermosillo
        ("82000", -7, -7),  # Mazatlán
        ("23000", -7, -7),  # La Paz
        ("77500", -5, -5),  # Cancún
        ("63735", -6, -6),  # Bahía de Banderas: central, unlike the rest of Nayarit
        ("63000", -7, -7),  # Tepic
    ],
)
def test_husos(codigo_postal: str, invierno: int, verano: int) -> None:
    for momento, horas in ((INVIERNO, invierno), (VERANO, verano)):
        desfase = momento.astimezone(zona(codigo_postal)).utcoffset()
        assert desfase is not None
        assert desfase.total_seconds() == horas * 3600


def test_un_codigo_que_el_catalogo_no_ubica_es_centro() -> None:
    assert zona("no hay") is CENTRO


def test_todo_codigo_postal_del_xsd_tiene_zona() -> None:
    reglas = esquemas._cfdi().reglas["{http://www.sat.gob.mx/cfd/4}Comprobante"]
    codigos = sorted(next(r for r in reglas if r.atributo == "LugarExpedicion").valores)
    assert len(codigos) > 95_000
    assert {zona(c).key for c in codigos[::50]} == {
        "America/Mexico_City",
        "America/Matamoros",
        "America/Tijuana",
        "America/Mazatlan",
        "America/Cancun",
    }
