"""The manual's "CTI Ilimitada" over HTTP: paid by the year in puntos, for any RFC or one, by registered applications."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import text

from services.timbrado.domain.ilimitada import CENTRO
from shared.persistence.base import new_engine
from shared.testing import cfdi
from shared.testing.aplicaciones import prueba, publica
from tests.sistema import Sistema, hasta

CLAVE = "una-contrasena-larga"
TARIFAS = {"abierta": "24.00", "un_rfc": "12.50"}
OTRO = "URE180429TM6"


@dataclass
class Ilimitada:
    """A cliente's new ilimitada, and an application that may use it."""

    sistema: Sistema
    cm: requests.Session
    raiz: requests.Session
    llave: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    cti: str = ""
    aplicacion: str = ""

    def preparar(self) -> None:
        assert self.raiz.put("/v1/operacion/tarifas-ilimitadas", json=TARIFAS).status_code == 200
        nic = self.sistema.demo["cliente"]["nic"]
        r = self.cm.post(f"/v1/clientes/{nic}/ctis", json={"tipo": "ilimitada", "contrasena": CLAVE})
        assert r.status_code == 201, r.text
        self.cti = r.json()["id"]
        r = self.raiz.post(
            "/v1/operacion/aplicaciones",
            json={"nombre": "FactuDesk", "plataforma": "windows", "llave_publica": publica(self.llave)},
        )
        assert r.status_code == 201, r.text
        self.aplicacion = r.json()["id"]

    def contratar(self, **cuerpo: Any) -> requests.Response:
        cuerpo = {"modalidad": "abierta", "confirmar": True, **cuerpo}
        return self.cm.post(f"/v1/ctis/{self.cti}/contrataciones", json=cuerpo)

    def contratada(self, **cuerpo: Any) -> dict[str, Any]:
        """Ask, and wait until puntos has answered."""
        r = self.contratar(**cuerpo)
        assert (r.status_code, r.json().get("estado")) == (202, "solicitada"), r.text
        return self.resuelta(r.json()["id"])

    def resuelta(self, id: str) -> dict[str, Any]:
        def vista() -> dict[str, Any] | None:
            una: dict[str, Any] = self.cm.get(f"/v1/contrataciones/{id}").json()
            return None if una["estado"] == "solicitada" else una

        una: dict[str, Any] = hasta(vista)
        # A process that just refused the CTI looks at it again within 0.2 s.
        time.sleep(0.25)
        return una

    def timbrar(self, xml: bytes | None = None, **cabeceras: str) -> requests.Response:
        xml = xml or self.sistema.factura()
        cabeceras = {"X-Aplicacion": self.prueba(xml), **cabeceras}
        return self.sistema.timbrar(xml, **self.sistema.basica(cti=self.cti, contrasena=CLAVE), **cabeceras)

    def prueba(self, xml: bytes, **datos: Any) -> str:
        return prueba(self.llave, self.aplicacion, self.cti, xml, **datos)

    def factura_de(self, rfc: str) -> bytes:
        emisor = cfdi.preparar(self.sistema.instalacion.dir / "cfdi").emisor(rfc)
        return cfdi.factura(emisor, folio=uuid4().hex[:12])

    def puntos(self) -> Decimal:
        return Decimal(self.cm.get("/v1/puntos").json()["disponible"])

    def contrato(self) -> dict[str, Any]:
        visto: dict[str, Any] = self.cm.get(f"/v1/ctis/{self.cti}/contrato").json()
        return visto

    def vence(self, momento: datetime) -> None:
        """Move the end of its year, and have every process read it anew: what passing time does by itself."""
        engine = new_engine(self.sistema.instalacion.base("timbrado"), 1)
        with engine.begin() as conexion:
            conexion.execute(
                text("UPDATE ctis SET vigente_hasta = :m WHERE id = :i"), {"m": momento, "i": self.cti}
            )
            conexion.execute(
                text("UPDATE cuentas SET version = version + 1 WHERE tipo = 'cti' AND titular = :i"),
                {"i": self.cti},
            )
        engine.dispose()


@pytest.fixture
def ilimitada(sistema: Sistema) -> Ilimitada:
    una = Ilimitada(sistema, sistema.sesion("distribuidor"), sistema.sesion("raiz"))
    una.preparar()
    return una


def test_cti_ilimitada_pago_anual_en_puntos(ilimitada: Ilimitada) -> None:
    s = ilimitada.cm
    catalogo = s.get("/v1/catalogo/ctis-ilimitadas").json()["datos"]
    assert {t["modalidad"]: t["precio"] for t in catalogo} == TARIFAS
    r = ilimitada.timbrar()
    assert (r.status_code, r.json()["code"]) == (402, "contrato_requerido"), r.text
    r = ilimitada.contratar(confirmar=False)
    assert (r.status_code, r.json()["code"]) == (422, "confirmacion_requerida")
    r = ilimitada.contratar(precio="23.99")
    assert (r.status_code, r.json()["code"]) == (409, "conflicto"), r.text
    antes = ilimitada.puntos()
    contrato = ilimitada.contratada(precio="24.00")
    assert contrato["estado"] == "activa", contrato
    assert ilimitada.puntos() == antes - Decimal("24.00")
    linea = s.get("/v1/puntos/movimientos?limite=1").json()["datos"][0]
    assert (linea["id"], linea["concepto"], linea["referencia"]) == (contrato["id"], "cargo", ilimitada.cti)
    desde, fin = (datetime.fromisoformat(contrato[k]).astimezone(CENTRO) for k in ("desde", "hasta"))
    assert (fin.year, fin.time()) == (desde.year + 1, desde.time())
    visto = ilimitada.contrato()
    assert (visto["vigente"], visto["modalidad"], visto["en_proceso"]) == (True, "abierta", None)
    cti = s.get(f"/v1/ctis/{ilimitada.cti}").json()
    assert (cti["tipo"], cti["saldo"], cti["vigente_hasta"]) == ("ilimitada", 0, contrato["hasta"])
    for _ in range(3):
        assert ilimitada.timbrar().status_code == 200
    r = s.post(
        f"/v1/ctis/{ilimitada.cti}/transferencias",
        json={"cantidad": 1, "importe": "1.00", "confirmar": True},
    )
    assert (r.status_code, list(r.json()["errores"])) == (422, ["cti"])
    csv = s.get(f"/v1/ctis/{ilimitada.cti}/contrataciones", headers={"Accept": "text/csv"})
    assert contrato["id"] in csv.text
    r = s.delete(f"/v1/contrataciones/{contrato['id']}")
    assert (r.status_code, r.json()["code"]) == (409, "conflicto")
    for ruta in (f"/v1/ctis/{ilimitada.cti}/contrataciones", f"/v1/contrataciones/{contrato['id']}"):
        assert ilimitada.raiz.get(ruta).status_code == 404
    r = s.put("/v1/operacion/tarifas-ilimitadas", json=TARIFAS)
    assert (r.status_code, r.json()["code"]) == (403, "no_permitido")


def test_cti_ilimitada_sin_puntos_suficientes_no_se_contrata(ilimitada: Ilimitada) -> None:
    caras = {"abierta": "9999999.00", "un_rfc": "9999999.00"}
    assert ilimitada.raiz.put("/v1/operacion/tarifas-ilimitadas", json=caras).status_code == 200
    antes = ilimitada.puntos()
    contrato = ilimitada.contratada()
    assert contrato["estado"] == "rechazada"
    assert Decimal(contrato["faltan"]) == Decimal("9999999.00") - antes
    assert ilimitada.puntos() == antes
    assert ilimitada.timbrar().status_code == 402


def test_cti_ilimitada_cancelar_mientras_se_cobra(ilimitada: Ilimitada) -> None:
    antes = ilimitada.puntos()
    clave = {"Idempotency-Key": str(uuid4())}
    ruta = f"/v1/ctis/{ilimitada.cti}/contrataciones"
    cuerpo = {"modalidad": "abierta", "confirmar": True}
    pedida = ilimitada.cm.post(ruta, json=cuerpo, headers=clave).json()
    ilimitada.cm.delete(f"/v1/contrataciones/{pedida['id']}")
    # Whichever was first: one charge and one year, or the puntos are back and there is none.
    otra_vez = ilimitada.cm.post(ruta, json=cuerpo, headers=clave)
    assert (otra_vez.json(), otra_vez.headers["Idempotent-Replayed"]) == (pedida, "true")
    final = ilimitada.resuelta(pedida["id"])
    pagado = Decimal("24.00") if final["estado"] == "activa" else Decimal(0)
    assert final["estado"] in ("activa", "cancelada")
    hasta(lambda: ilimitada.puntos() == antes - pagado)
    assert ilimitada.contrato()["vigente"] is (final["estado"] == "activa")


def test_cti_ilimitada_abierta_o_restringida_a_un_rfc(ilimitada: Ilimitada) -> None:
    for rfc in (None, "XAXX010101000", "NO-ES-UN-RFC"):
        r = ilimitada.contratar(modalidad="un_rfc", rfc=rfc)
        assert (r.status_code, list(r.json()["errores"])) == (422, ["rfc"]), r.text
    contrato = ilimitada.contratada(modalidad="un_rfc", rfc="eku9003173c9")
    assert (contrato["estado"], contrato["rfc"], contrato["precio"]) == ("activa", "EKU9003173C9", "12.50")
    assert ilimitada.timbrar().status_code == 200
    ajena = ilimitada.factura_de(OTRO)
    r = ilimitada.timbrar(ajena)
    assert (r.status_code, r.json()["code"]) == (403, "no_permitido"), r.text
    assert "EKU9003173C9" in r.json()["detail"]
    # Open, once its year begins: now, because the one before has ended.
    ilimitada.vence(datetime.now(UTC) - timedelta(seconds=1))
    assert ilimitada.contratada(modalidad="abierta")["estado"] == "activa"
    assert ilimitada.contrato()["modalidad"] == "abierta"
    assert ilimitada.timbrar(ajena).status_code == 200
    assert ilimitada.timbrar().status_code == 200


def test_cti_ilimitada_solo_aplicaciones_registradas(ilimitada: Ilimitada) -> None:
    assert ilimitada.contratada()["estado"] == "activa"
    xml = ilimitada.sistema.factura()
    desconocida = prueba(ilimitada.llave, uuid4(), ilimitada.cti, xml)
    ajena = prueba(Ed25519PrivateKey.generate(), ilimitada.aplicacion, ilimitada.cti, xml)
    casos = {
        "V10 o posteriores": "",
        "no está registrada": desconocida,
        "V10 o posterior.": ilimitada.prueba(xml, version="9.4"),
        "La hora de su equipo": ilimitada.prueba(xml, momento=1_700_000_000),
        "La firma de la aplicación": ajena,
        "no corresponde a este comprobante": ilimitada.prueba(ilimitada.sistema.factura()),
        "no tiene la forma correcta": "algo",
    }
    for dice, cabecera in casos.items():
        r = ilimitada.timbrar(xml, **{"X-Aplicacion": cabecera})
        assert (r.status_code, r.json()["code"]) == (403, "no_permitido"), r.text
        assert dice in r.json()["detail"]
    assert (
        ilimitada.timbrar(xml, **{"X-Aplicacion": ilimitada.prueba(xml, version="10.1.3")}).status_code == 200
    )
    # An estándar needs no proof, and a wrong one does not harm it.
    cti = ilimitada.sistema.demo["cti"]["id"]
    r = ilimitada.cm.post(
        f"/v1/ctis/{cti}/transferencias", json={"cantidad": 1, "importe": "1.00", "confirmar": True}
    )
    assert r.status_code == 201
    assert (
        ilimitada.sistema.timbrar(ilimitada.sistema.factura(), **{"X-Aplicacion": "algo"}).status_code == 200
    )
    # Only the root registers and revokes; a revocation is known everywhere within seconds.
    r = ilimitada.cm.delete(f"/v1/operacion/aplicaciones/{ilimitada.aplicacion}")
    assert (r.status_code, r.json()["code"]) == (403, "no_permitido")
    r = ilimitada.raiz.delete(f"/v1/operacion/aplicaciones/{ilimitada.aplicacion}")
    assert r.json()["revocada_en"]
    hasta(lambda: [ilimitada.timbrar().status_code for _ in range(3)] == [403] * 3)
    listadas = ilimitada.raiz.get("/v1/operacion/aplicaciones?limite=200").json()["datos"]
    assert [a["revocada_en"] for a in listadas if a["id"] == ilimitada.aplicacion] == [
        r.json()["revocada_en"]
    ]
    r = ilimitada.raiz.post(
        "/v1/operacion/aplicaciones",
        json={"nombre": "Otra", "plataforma": "web", "llave_publica": publica(ilimitada.llave)},
    )
    assert (r.status_code, r.json()["code"]) == (409, "conflicto")


def test_cti_ilimitada_renovacion(ilimitada: Ilimitada) -> None:
    primera = ilimitada.contratada()
    for _ in range(4):
        assert ilimitada.timbrar().status_code == 200
    segunda = ilimitada.contratada(modalidad="un_rfc", rfc=OTRO)
    assert (segunda["desde"], segunda["estado"]) == (primera["hasta"], "activa")
    visto = ilimitada.contrato()
    assert (visto["modalidad"], visto["vigente_hasta"]) == ("abierta", segunda["hasta"])
    assert [x["id"] for x in visto["siguientes"]] == [segunda["id"]]
    # The present year goes on as it was paid, in every process.
    for _ in range(4):
        assert ilimitada.timbrar().status_code == 200
    ilimitada.vence(datetime.now(UTC) - timedelta(seconds=1))
    for _ in range(4):
        r = ilimitada.timbrar()
        assert (r.status_code, r.json()["code"]) == (402, "contrato_requerido"), r.text
    assert ilimitada.contratada()["estado"] == "activa"
    for _ in range(4):
        assert ilimitada.timbrar().status_code == 200
    lista = ilimitada.cm.get(f"/v1/ctis/{ilimitada.cti}/contrataciones?limite=2").json()
    assert len(lista["datos"]) == 2
    resto = ilimitada.cm.get(f"/v1/ctis/{ilimitada.cti}/contrataciones?cursor={lista['siguiente']}").json()
    assert [x["id"] for x in resto["datos"]] == [primera["id"]]


def test_cti_ilimitada_every_book_balances(ilimitada: Ilimitada) -> None:
    ilimitada.sistema.cuadrar()
