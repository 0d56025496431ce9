"""Other people's client libraries, unmodified, against us: by URL alone they stamp, recover and cancel.

satcfdi's Finkok and SW clients, SW's own Node.js library, zeep and PHP's SoapClient over our WSDL, and a client
of Induxsoft's published contract. Each stamps twice and gets one UUID for one timbre.
"""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import time
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
import requests
import zeep
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat
from lxml import etree
from satcfdi.cfdi import CFDI
from satcfdi.create.cancela.cancelacion import Cancelacion, Folio
from satcfdi.exceptions import ResponseError
from satcfdi.models import Signer
from satcfdi.pacs import CancelReason
from satcfdi.pacs.finkok import DocumentStatus, Finkok
from satcfdi.pacs.swsapien import SWSapien

from deploy.local import instalar
from shared.testing import cfdi
from tests.e2e.apoyo_dialectos import CENTRO, _saldo, cuesta, infinito, quien, timbres
from tests.sistema import Sistema

__all__ = ["quien", "timbres"]


AJENOS = Path(__file__).parent / "clientes_ajenos"
RFC = "EKU9003173C9"
BOM = b"\xef\xbb\xbf"


def csd(sistema: Sistema, contrasena: str) -> tuple[bytes, bytes]:
    """The test issuer's certificate and key as the SAT hands them out: DER, the key encrypted."""
    par = sistema.emisor.par
    cifra = BestAvailableEncryption(contrasena.encode())
    return par.der, par.llave.private_bytes(Encoding.DER, PrivateFormat.PKCS8, cifra)


def firmada(sistema: Sistema, uuid: str) -> Cancelacion:
    """A signed request made by satcfdi. Its default is the machine's clock, which here is not the SAT's."""
    cer, key = csd(sistema, "12345678a")
    folio = Folio(uuid, CancelReason.COMPROBANTE_EMITIDO_CON_ERRORES_SIN_RELACION.value)
    ahora = datetime.now(CENTRO).replace(tzinfo=None, microsecond=0)
    return Cancelacion(Signer.load(certificate=cer, key=key, password="12345678a"), folio, fecha=ahora)


def uuid_de(xml: str | bytes) -> str:
    raiz = etree.fromstring(xml.encode() if isinstance(xml, str) else xml)
    hallado = raiz.find(".//{http://www.sat.gob.mx/TimbreFiscalDigital}TimbreFiscalDigital")
    assert hallado is not None
    return str(hallado.get("UUID"))


def finkok(sistema: Sistema, quien: tuple[str, str]) -> Finkok:
    """satcfdi's client with another host, and nothing else."""

    class Aqui(Finkok):  # type: ignore[misc]
        host = sistema.url

    return Aqui(*quien)


def sw(sistema: Sistema, token: str) -> SWSapien:
    """satcfdi's client with another host, and nothing else."""

    class Aqui(SWSapien):  # type: ignore[misc]
        def _host(self, service: str = "services") -> str:
            return sistema.url

    return Aqui(token=token)


def test_satcfdi_como_cliente_de_finkok(sistema: Sistema, quien: tuple[str, str]) -> None:
    cliente = finkok(sistema, quien)
    factura = CFDI.from_string(sistema.factura())
    with cuesta(sistema, 1):
        hecho = cliente.stamp(factura)
        assert uuid_de(hecho.xml) == hecho.document_id
        for otra_vez in (cliente.stamp, cliente.quick_stamp, cliente.stamped):
            assert otra_vez(factura).document_id == hecho.document_id
    pendiente = cliente.pending_stamp(hecho.document_id)
    assert (pendiente.status, pendiente.document_id) == (DocumentStatus.FINISHED, hecho.document_id)
    acuse = cliente.cancel_comprobante(firmada(sistema, hecho.document_id))
    assert acuse.code == "201"
    assert b"Acuse" in acuse.acuse
    assert b"Acuse" in cliente.get_receipt(RFC, hecho.document_id).acuse
    with pytest.raises(ResponseError, match="603"):
        cliente.stamped(CFDI.from_string(sistema.factura()))
    with pytest.raises(ResponseError, match="300"):
        finkok(sistema, (quien[0], "otra-cosa")).stamp(factura)


def test_satcfdi_como_cliente_de_sw(sistema: Sistema, quien: tuple[str, str]) -> None:
    # Its own sign-in fails before it asks anything (it reads an attribute that it never set): a token, as SW gives.
    r = requests.post(
        f"{sistema.url}/security/authenticate", headers={"user": quien[0], "password": quien[1]}, timeout=30
    )
    cliente = sw(sistema, r.json()["data"]["token"])
    factura = CFDI.from_string(sistema.factura())
    with cuesta(sistema, 1):
        hecho = cliente.stamp(factura, ref_id="pedido-de-sw")
        assert uuid_de(hecho.xml) == hecho.document_id
        with pytest.raises(ResponseError) as repetido:
            cliente.stamp(factura)
    respuesta = repetido.value.response.json()
    assert respuesta["message"].startswith("307. ")
    assert respuesta["data"]["uuid"] == hecho.document_id
    [registro] = cliente.recover(hecho.document_id)["data"]["records"]
    assert requests.get(registro["urlXml"], timeout=30).content == hecho.xml
    acuse = cliente.cancel_comprobante(firmada(sistema, hecho.document_id))
    assert acuse.code == {hecho.document_id: "201"}
    assert "Acuse" in acuse.acuse
    with pytest.raises(ResponseError, match="401"):
        sw(sistema, "no-es-token").stamp(factura)


def test_zeep_como_odoo(sistema: Sistema, quien: tuple[str, str]) -> None:
    timbrar = zeep.Client(f"{sistema.url}/servicios/soap/stamp.wsdl").service
    xml = sistema.factura()
    with cuesta(sistema, 1):
        hecho = timbrar.stamp(xml, *quien)
        assert not hecho.Incidencias
        assert (uuid_de(hecho.xml), hecho.CodEstatus) == (
            hecho.UUID,
            "Comprobante timbrado satisfactoriamente",
        )
        otra = timbrar.stamp(xml, *quien)
        assert (otra.UUID, otra.xml, otra.Incidencias) == (hecho.UUID, hecho.xml, None)
        assert timbrar.stamped(xml, *quien).xml == hecho.xml
    cliente = zeep.Client(f"{sistema.url}/servicios/soap/cancel.wsdl")
    tipos = cliente.type_factory("apps.services.soap.core.views")
    uno = tipos.UUID()
    uno.UUID, uno.Motivo = hecho.UUID, "02"
    # Finkok's users encrypt the key anew with the account's password.
    cer, key = csd(sistema, quien[1])
    for _ in range(2):
        r = cliente.service.cancel(tipos.UUIDArray(uno), *quien, RFC, cer, key, True)
        assert r.CodEstatus is None
        assert r.Folios.Folio[0].EstatusUUID in ("201", "202")
        assert "Acuse" in r.Acuse


def correr(programa: str, archivo: str, **entrada: Any) -> dict[str, Any]:
    """Run a client with its input as JSON; what it printed."""
    hecho = subprocess.run(
        [programa, str(AJENOS / archivo)],
        input=json.dumps(entrada),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert hecho.returncode == 0, hecho.stderr
    salida: dict[str, Any] = json.loads(hecho.stdout)
    return salida


@pytest.mark.skipif(
    shutil.which("php") is None, reason="PHP is not installed: deploy/local/instalar.py --ajenos"
)
def test_el_soapclient_de_php(sistema: Sistema, quien: tuple[str, str]) -> None:
    comun = {"base": sistema.url, "username": quien[0], "password": quien[1]}
    with cuesta(sistema, 1):
        r = correr("php", "finkok.php", xml=sistema.factura().decode(), **comun)
    primera, segunda = r["primera"]["stampResult"], r["segunda"]["stampResult"]
    assert uuid_de(primera["xml"]) == primera["UUID"] == segunda["UUID"]
    assert primera["xml"] == segunda["xml"] == r["recuperada"]["stampedResult"]["xml"]
    assert r["mala"]["stampResult"]["Incidencias"]["Incidencia"][0]["CodigoError"] == "300"
    assert r["pendiente"]["query_pendingResult"]["status"] == "F"
    assert r["operaciones"] == 5
    cer, key = csd(sistema, quien[1])
    r = correr(
        "php", "finkok.php", uuid=primera["UUID"], taxpayer_id=RFC, cer=base64.b64encode(cer).decode(),
        key=base64.b64encode(key).decode(), **comun,
    )  # fmt: skip
    [folio] = r["cancelada"]["cancelResult"]["Folios"]["Folio"]
    assert (folio["UUID"], folio["EstatusUUID"]) == (primera["UUID"], "201")
    assert r["acuse"]["get_receiptResult"]["success"] is True
    assert r["estado"]["get_sat_statusResult"]["sat"]["Estado"] in ("Vigente", "Cancelado")


@pytest.mark.skipif(
    shutil.which("node") is None, reason="Node is not installed: deploy/local/instalar.py --ajenos"
)
def test_la_biblioteca_de_sw_para_node(sistema: Sistema, quien: tuple[str, str]) -> None:
    instalar.preparar_ajenos()
    comun = {"puerto": urlsplit(sistema.url).port, "user": quien[0], "password": quien[1]}
    xml, otro = sistema.factura().decode(), sistema.factura().decode()
    with cuesta(sistema, 2):
        r = correr("node", "sw.js", xml=xml, otro=otro, **comun)
    assert r["mala"] == {
        "error": {"status": "error", "message": 401, "messageDetail": "Unauthorized"},
        "data": None,
    }
    hecho = r["v4"]["data"]["data"]
    assert uuid_de(hecho["cfdi"]) == hecho["uuid"]
    assert base64.b64decode(hecho["qrCode"]).startswith(b"\x89PNG")
    assert r["repetido"]["error"]["message"] == "307. El comprobante contiene un timbre previo."
    assert r["repetido"]["error"]["data"] == hecho
    segundo = base64.b64decode(r["b64"]["data"]["data"]["cfdi"])
    assert uuid_de(segundo) in r["v1"]["error"]["data"]["tfd"]
    assert r["roto"]["error"]["message"].startswith("301 - ")
    assert r["saldo"]["data"]["data"]["saldoTimbres"] == _saldo(sistema)
    solicitud = etree.tostring(firmada(sistema, hecho["uuid"]).to_xml(), encoding="UTF-8").decode()
    r = correr("node", "sw.js", cancelacion=solicitud, **comun)
    assert r["cancelada"]["data"]["data"]["uuid"] == {hecho["uuid"]: "201"}


class Induxsoft:
    """A client by the published contract and nothing else: `continue` waits and sends again with the token."""

    def __init__(self, base: str, cti: str, pwd: str) -> None:
        self._base, self._quien = base, {"cti": cti, "pwd": pwd}

    def __call__(self, ruta: str, **datos: Any) -> Any:
        token = ""
        for _ in range(5):
            r = requests.post(
                f"{self._base}{ruta}",
                json={**self._quien, "token": token, "just-seal": False, **datos},
                timeout=60,
            )
            assert r.status_code == 200
            cuerpo = r.json()
            if cuerpo["success"]:
                return cuerpo["data"]
            partes = cuerpo["message"].split("|")
            if len(partes) < 4 or partes[-2] != "continue":
                raise RuntimeError(partes[-1])
            token = partes[-3]
            time.sleep(3)
        raise TimeoutError


def test_un_cliente_del_contrato_de_induxsoft(sistema: Sistema, quien: tuple[str, str]) -> None:
    cliente = Induxsoft(sistema.url, *quien)
    xml = sistema.factura()
    with cuesta(sistema, 1):
        hecho = cliente("/comprobantes/timbrar/", xml=base64.b64encode(BOM + xml).decode(), idd="venta-77")
        crudo = base64.b64decode(hecho["xml"])
        assert crudo.startswith(BOM)
        assert (uuid_de(crudo.removeprefix(BOM)), hecho["idd"], hecho["tpo"]) == (
            hecho["uuid"],
            "venta-77",
            "cfdi",
        )
        assert cliente("/comprobantes/timbrar/", xml=xml.decode(), nb64=True)["uuid"] == hecho["uuid"]
        assert cliente("/comprobantes/descargar/", uuid="venta-77")["content"] == hecho["xml"]
    cer, key = csd(sistema, "12345678a")
    firma = {"cer": base64.b64encode(cer).decode(), "key": base64.b64encode(key).decode(), "kpw": "12345678a"}
    cancelar = "/comprobantes/cancelaciones/solicitar/"
    assert cliente(cancelar, uuid=hecho["uuid"], motivo="02", **firma) is None
    [acuse] = cliente("/comprobantes/cancelaciones/acuses/", uuid=hecho["uuid"])
    assert "Acuse" in acuse[hecho["uuid"]]
    with pytest.raises(RuntimeError, match="contraseña"):
        Induxsoft(sistema.url, quien[0], "otra-cosa")("/comprobantes/timbrar/", xml=xml.decode(), nb64=True)


def test_una_constancia_de_retenciones_por_cada_dialecto(sistema: Sistema, quien: tuple[str, str]) -> None:
    xml = cfdi.retencion(sistema.emisor, uuid4().hex[:12])
    with cuesta(sistema, 1):
        finkok = zeep.Client(f"{sistema.url}/servicios/soap/retentions.wsdl").service
        hecho = finkok.stamp(xml, *quien)
        assert (uuid_de(hecho.xml), hecho.Incidencias) == (hecho.UUID, None)
        assert finkok.stamped(xml, *quien).UUID == hecho.UUID
        por_json = Induxsoft(sistema.url, *quien)("/cr/timbrado/", xml=xml.decode(), nb64=True)
        assert (por_json["uuid"], por_json["tpo"]) == (hecho.UUID, "cr")
        r = requests.post(
            f"{sistema.url}/retencion/stamp/v4",
            files={"xml": ("xml", xml, "text/xml")},
            headers={"Authorization": f"Bearer {infinito(quien)}"},
            timeout=30,
        )
        assert r.json()["data"]["uuid"] == hecho.UUID
        assert r.json()["data"]["noCertificadoCFDI"] == sistema.emisor.numero
    cer, key = csd(sistema, quien[1])
    cliente = zeep.Client(f"{sistema.url}/servicios/soap/retentions.wsdl")
    tipos = cliente.type_factory("apps.services.soap.core.views")
    uno = tipos.UUID()
    uno.UUID, uno.Motivo = hecho.UUID, "03"
    r = cliente.service.cancel(tipos.UUIDArray(uno), *quien, RFC, cer, key, False)
    assert (r.CodEstatus, r.Folios.Folio[0].UUID) == (None, hecho.UUID)
