"""SW Sapien's REST, locally: authenticate, stamp v2 of the API 4, retentions, cancel by XML, datawarehouse."""

from __future__ import annotations

import re
import time
from datetime import date
from typing import Any

import orjson
from lxml import etree

from shared.testing.pacs.cable import Peticion, Salida
from shared.testing.pacs.servidor import (
    SECRETO,
    USUARIO,
    Falla,
    ServidorPac,
    acuse,
    grabadas,
    uuid_de_cancelacion,
)

_SELLOS = ("/v4/cfdi33/stamp/v2", "/retencion/stamp/v3")
_POR_PAGINA = 2


class ServidorSw(ServidorPac):
    """`tokens`: those that are good; empty it and the next request gets 401."""

    nombre = "sw"
    rfc = "LSO1306189R5"
    razon = "LUNA SOFT DE PRUEBA"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.tokens: set[str] = set()
        self.autenticaciones = 0
        self._clientes: dict[str, str] = {}

    @property
    def urls(self) -> dict[str, str]:
        return dict.fromkeys(("servicios", "api"), self.url)

    def es_timbrado(self, p: Peticion) -> bool:
        return p.ruta in _SELLOS

    def atender(self, p: Peticion, falla: Falla | None) -> Salida:
        if p.ruta == "/v2/security/authenticate":
            return self._autenticar(orjson.loads(p.cuerpo))
        if p.cabeceras.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
            return _grabada("token", 401)
        if p.ruta in _SELLOS:
            return self._sello(p, falla)
        if p.ruta in ("/cfdi33/cancel/xml", "/retencion/cancel/xml"):
            uuid, rfc = uuid_de_cancelacion(_archivo(p))
            codigo = self.cancelar(uuid, rfc)
            return _json(
                {"data": {"acuse": acuse(uuid, codigo, rfc), "uuid": {uuid: codigo}}, "status": "success"}
            )
        if p.ruta == "/datawarehouse/v1/live/":
            return self._lista(p)
        return _json({"message": "Not found", "status": "error"}, 404)

    def _autenticar(self, datos: dict[str, str]) -> Salida:
        self.autenticaciones += 1
        if (datos.get("user"), datos.get("password")) != (USUARIO, SECRETO):
            return _grabada("credenciales", 401)
        token = f"a.b.{self.autenticaciones}"
        self.tokens.add(token)
        vence = int(time.time()) + 7200
        return _json(
            {"data": {"token": token, "expires_in": vence, "tokeninput": "bearer"}, "status": "success"}
        )

    def _sello(self, p: Peticion, falla: Falla | None) -> Salida:
        if falla is Falla.CREDENCIALES:
            self.tokens.clear()
            return _grabada("credenciales", 401)
        if falla in (Falla.RECHAZAR, Falla.SIN_SALDO):
            return _grabada(falla.value, 400)
        xml = _archivo(p)
        if (str(etree.QName(etree.fromstring(xml)).localname) == "Retenciones") != p.ruta.startswith(
            "/retencion"
        ):
            return _json({"message": "301 - XML mal formado", "data": None, "status": "error"}, 400)
        sello = etree.fromstring(xml).get("Sello", "")
        cliente = p.cabeceras.get("customid", "")
        duplicado = self._clientes.setdefault(cliente, sello) if cliente else sello
        timbre, repetido = self.timbrar(xml, falla, duplicado)
        datos = {
            "tfd": f'<?xml version="1.0" encoding="utf-8"?>{timbre.tfd}',
            "cfdi": timbre.documento.decode(),
        }
        if p.ruta == "/retencion/stamp/v3":
            datos = {"retencion": timbre.documento.decode()}
        if falla is Falla.REPETIDO_SIN_XML:
            return _json(
                {"message": grabadas("sw")["repetido"]["mensaje"], "data": None, "status": "error"}, 400
            )
        if repetido:
            nombre = "repetido" if duplicado == sello else "customid"
            mensaje = grabadas("sw")[nombre]["mensaje"]
            return _json({"message": mensaje, "messageDetail": None, "data": datos, "status": "error"}, 400)
        return _json({"data": datos, "status": "success"})

    def _lista(self, p: Peticion) -> Salida:
        desde, hasta = (
            date.fromisoformat(p.argumento("startDate")),
            date.fromisoformat(p.argumento("endDate")),
        )
        pagina = int(p.argumento("page") or 1)
        todos = [t for t in self.timbres.values() if desde <= t.en.date() <= hasta]
        filas = [
            {"uuid": str(t.uuid), "emisorRfc": t.emisor, "fechaTimbrado": f"{t.en:%Y-%m-%dT%H:%M:%S}"}
            for t in todos[(pagina - 1) * _POR_PAGINA : pagina * _POR_PAGINA]
        ]
        paginas = -(-len(todos) // _POR_PAGINA)
        meta = {"page": str(pagina), "perPage": str(_POR_PAGINA), "pageCount": str(paginas)}
        return _json({"data": {"metaData": meta, "records": filas}, "status": "success"})


def _archivo(p: Peticion) -> bytes:
    borde = re.search(r"boundary=(\S+)", p.cabeceras["content-type"])
    assert borde is not None
    parte = p.cuerpo.split(f"--{borde[1]}".encode())[1]
    cabeza, _, contenido = parte.partition(b"\r\n\r\n")
    assert b'name="xml"' in cabeza
    return contenido.removesuffix(b"\r\n")


def _grabada(nombre: str, estado: int) -> Salida:
    return Salida(grabadas("sw")[nombre]["cuerpo"].encode(), estado)


def _json(datos: dict[str, Any], estado: int = 200) -> Salida:
    return Salida(orjson.dumps(datos), estado)
