"""Statements over HTTP: JSON that a stranger verifies offline with Python alone, the same as CSV and as PDF."""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import requests

from shared.ledger import verificar
from tests.sistema import Sistema, hasta

HOY = datetime.now(ZoneInfo("America/Mexico_City")).date()
#: The system of this session began today or, at worst, before midnight.
PERIODO = {"desde": str(HOY - timedelta(days=1)), "hasta": str(HOY + timedelta(days=1))}


@pytest.fixture(scope="module")
def sesion(sistema: Sistema) -> requests.Session:
    s = sistema.sesion("distribuidor")
    r = s.post(
        f"/v1/ctis/{sistema.demo['cti']['id']}/transferencias",
        json={"cantidad": 5, "importe": "12.50", "confirmar": True},
    )
    assert r.status_code == 201, r.text
    assert sistema.timbrar(sistema.factura()).status_code == 200
    return s


def sellado(sesion: requests.Session, ruta: str) -> dict[str, Any]:
    """The statement once all of it is sealed."""

    def completo() -> Any:
        r = sesion.get(ruta, params=PERIODO)
        assert r.status_code == 200, r.text
        return r.json()["sin_sellar"] == 0 and r.json()

    estado: dict[str, Any] = hasta(completo)
    return estado


def correr(tmp_path: Path, contenido: bytes, *opciones: str) -> subprocess.CompletedProcess[str]:
    """The one file that ships, in an empty folder, as somebody without the project has it."""
    (tmp_path / "verificar.py").write_bytes(Path(verificar.__file__).read_bytes())
    (tmp_path / "estado.json").write_bytes(contenido)
    return subprocess.run(
        [sys.executable, "-I", "verificar.py", "estado.json", *opciones],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize("cuenta", ["timbres", "ctis"])
def test_a_statement_verifies_offline_and_a_changed_digit_does_not(
    sistema: Sistema, sesion: requests.Session, tmp_path: Path, cuenta: str
) -> None:
    ruta = "/v1/timbres" if cuenta == "timbres" else f"/v1/ctis/{sistema.demo['cti']['id']}"
    ruta += "/estado-de-cuenta"
    estado = sellado(sesion, ruta)
    assert estado["apertura"] == {"secuencia": 0, "saldo": 0, "sello": "0" * 64}
    assert len(estado["movimientos"]) >= 2
    crudo = sesion.get(ruta, params=PERIODO).content
    hecho = correr(tmp_path, crudo, "--cierre", estado["cierre"]["sello"])
    assert hecho.returncode == 0, hecho.stdout + hecho.stderr
    assert "concuerda" in hecho.stdout
    importe = next(m["importe"] for m in estado["movimientos"] if m["importe"]).encode()
    hecho = correr(tmp_path, crudo.replace(importe, b"9" + importe, 1))
    assert hecho.returncode == 1
    assert "Línea" in hecho.stdout


def test_the_same_statement_as_csv_and_as_pdf(sistema: Sistema, sesion: requests.Session) -> None:
    ruta = f"/v1/ctis/{sistema.demo['cti']['id']}/estado-de-cuenta"
    estado = sellado(sesion, ruta)
    r = sesion.get(ruta, params=PERIODO, headers={"Accept": "text/csv"})
    assert r.headers["Content-Type"] == "text/csv; charset=utf-8"
    lineas = r.content.decode("utf-8-sig").splitlines()
    assert len(lineas) == 1 + len(estado["movimientos"])
    assert lineas[-1].endswith(estado["cierre"]["sello"])
    r = sesion.get(ruta, params=PERIODO, headers={"Accept": "application/pdf"}, timeout=90)
    assert (r.status_code, r.headers["Content-Type"]) == (200, "application/pdf"), r.text
    assert r.content.startswith(b"%PDF")
    assert 'filename="estado-de-cuenta-' in r.headers["Content-Disposition"]


def test_bad_periods_and_foreign_accounts_are_told(sistema: Sistema, sesion: requests.Session) -> None:
    ruta = f"/v1/ctis/{sistema.demo['cti']['id']}/estado-de-cuenta"
    for mal in ({}, {"desde": "ayer", "hasta": "hoy"}, {**PERIODO, "desde": str(HOY + timedelta(days=9))}):
        r = sesion.get(ruta, params=mal)
        assert (r.status_code, r.json()["code"]) == (422, "datos_invalidos"), r.text
    r = sistema.sesion("raiz").get(ruta, params=PERIODO)
    assert (r.status_code, r.json()["code"]) == (404, "no_encontrado")
    assert requests.get(sistema.url + ruta, params=PERIODO, timeout=30).status_code == 401
