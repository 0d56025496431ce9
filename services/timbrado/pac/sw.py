"""SW Sapien (REST). Forms as in its public SDKs (lunasoft/sw-sdk-*) and knowledge base.

Stamping is `stamp/v2` of the API 4, which gives the bare TFD; `customid` is our huella, so that a repeat within
72 hours is answered with its first stamp even if the document was sealed anew.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import orjson

from services.timbrado.pac.http import NoConectado, Respuesta, SinRespuesta, cabecera, multiparte
from services.timbrado.pac.lectura import (
    Ilegible,
    acuse,
    codigo_en,
    de_cuenta,
    de_http,
    del_sat,
    dias_de,
    es_retencion,
    folio,
    momento,
    no_cancelado,
    rechazo,
    repetido,
    timbre_de,
)
from services.timbrado.pac.protocolo import (
    Desconocido,
    NoEnviado,
    Resultado,
    ResultadoDeCancelacion,
    Solicitud,
    SolicitudDeCancelacion,
    Timbrado,
    TimbreDelPac,
)
from services.timbrado.pac.remoto import PacRemoto

_RENOVAR_ANTES: Final = 60.0
"""Seconds before a token ends at which it is asked for again."""
_DURACION: Final = 3600.0
"""Seconds that a token is kept when the answer does not say how long it lasts."""
_REPETIDOS: Final = ("307", "CFDI3307")
"""Stamped before; by the document's seal, or by our customid."""


class SwSapien(PacRemoto):
    """`usuario` is the e-mail. Its token is renewed shortly before it ends, and once when it is refused."""

    tipo = "sw"
    URLS = {  # noqa: RUF012 (of the class on purpose)
        "servicios": "https://services.sw.com.mx",
        "api": "https://api.sw.com.mx",
    }
    lista = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._token = ""
        self._token_hasta = 0.0
        self._autenticando = threading.Lock()

    def _timbrar_uno(self, s: Solicitud) -> Resultado:
        ruta = "/retencion/stamp/v3" if es_retencion(s.xml) else "/v4/cfdi33/stamp/v2"
        cuerpo, tipo = multiparte("xml", s.xml)
        respuesta = self._autorizada(
            "servicios", "POST", ruta, cuerpo, {"Content-Type": tipo, "customid": s.huella.hex()}
        )
        if isinstance(respuesta, NoEnviado | Desconocido):
            return respuesta
        datos = _json(respuesta)
        xml = _xml_de(datos)
        if datos.get("status") == "success":
            if xml is None:
                raise Ilegible("éxito sin timbre")
            return Timbrado(timbre_de(xml), repetido=False)
        mensaje = str(datos.get("message") or "")
        codigo = codigo_en(mensaje)
        if codigo in _REPETIDOS:
            return repetido(xml) if xml is not None else Desconocido(f"SW respondió {codigo} sin el timbre")
        if del_sat(codigo):
            return rechazo(codigo, f"{mensaje} {datos.get('messageDetail') or ''}")
        if de_cuenta(mensaje):
            return NoEnviado(f"SW: {mensaje[:120]}")
        return Desconocido(f"SW: {mensaje[:120] or 'error sin mensaje'}")

    def _cancelar(self, s: SolicitudDeCancelacion) -> ResultadoDeCancelacion:
        ruta = "/retencion/cancel/xml" if s.retencion else "/cfdi33/cancel/xml"
        cuerpo, tipo = multiparte("xml", s.xml)
        respuesta = self._autorizada("servicios", "POST", ruta, cuerpo, {"Content-Type": tipo})
        if isinstance(respuesta, NoEnviado | Desconocido):
            return respuesta
        datos = _json(respuesta)
        contenido = datos.get("data")
        if datos.get("status") == "success" and isinstance(contenido, dict):
            folios = contenido.get("uuid") if isinstance(contenido.get("uuid"), dict) else {}
            por_uuid = {str(k).upper(): str(v) for k, v in (folios or {}).items()}
            codigo = por_uuid.get(str(s.uuid).upper())
            if codigo:
                return acuse(codigo, "", str(contenido.get("acuse") or "").encode())
            raise Ilegible("cancelación sin el UUID")
        mensaje = f"{datos.get('message') or ''} {datos.get('messageDetail') or ''}".strip()
        return no_cancelado("SW", codigo_en(mensaje), mensaje)

    def _listar(self, desde: datetime, hasta: datetime) -> list[TimbreDelPac] | Desconocido:
        inicio, fin = dias_de(desde, hasta)
        lineas: list[TimbreDelPac] = []
        pagina, paginas = 1, 1
        while pagina <= paginas:
            ruta = f"/datawarehouse/v1/live/?startDate={inicio}&endDate={fin}&page={pagina}"
            respuesta = self._autorizada("api", "GET", ruta)
            if isinstance(respuesta, NoEnviado | Desconocido):
                return Desconocido(respuesta.motivo)
            datos = _json(respuesta)
            contenido = datos.get("data")
            if datos.get("status") != "success" or not isinstance(contenido, dict):
                return Desconocido(f"SW: {str(datos.get('message') or '')[:120]}")
            for r in contenido.get("records") or []:
                lineas.append(
                    TimbreDelPac(
                        folio(str(r.get("uuid"))),
                        str(r.get("emisorRfc") or ""),
                        momento(str(r.get("fechaTimbrado"))),
                    )
                )
            meta = contenido.get("metaData") or contenido.get("metadata") or {}
            paginas = int(meta.get("pageCount") or 1)
            pagina += 1
        return lineas

    # -- token ---------------------------------------------------------------------------------------

    def _autorizada(
        self,
        servicio: str,
        metodo: str,
        ruta: str,
        cuerpo: bytes = b"",
        cabeceras: Mapping[str, str] | None = None,
    ) -> Respuesta | NoEnviado | Desconocido:
        """Send with a token. A refused token never got the document in: it is renewed once and sent again."""
        for intento in (1, 2):
            token = self._autenticar()
            if not isinstance(token, str):
                return token
            respuesta = self._pedir(
                servicio, metodo, ruta, cuerpo, {**(cabeceras or {}), "Authorization": f"Bearer {token}"}
            )
            if respuesta.estado != 401 or intento == 2:
                break
            with self._autenticando:
                if self._token == token:
                    self._token = ""
        return de_http(respuesta) or respuesta

    def _autenticar(self) -> str | NoEnviado:
        with self._autenticando:
            if self._token and time.time() < self._token_hasta - _RENOVAR_ANTES:
                return self._token
            cuerpo = orjson.dumps({"user": self.cuenta.usuario, "password": self.cuenta.secreto})
            try:
                respuesta = self._pedir(
                    "servicios",
                    "POST",
                    "/v2/security/authenticate",
                    cuerpo,
                    {"Content-Type": "application/json"},
                )
                datos = _json(respuesta)
            except (NoConectado, SinRespuesta, Ilegible) as error:
                # Whatever became of it, no document has been sent yet.
                return NoEnviado(f"SW no autentica: {error}")
            contenido = datos.get("data")
            if (
                datos.get("status") != "success"
                or not isinstance(contenido, dict)
                or not contenido.get("token")
            ):
                return NoEnviado(
                    f"SW no acepta nuestras credenciales: {str(datos.get('message') or '')[:80]}"
                )
            try:
                self._token = cabecera(str(contenido["token"]))
            except ValueError:
                return NoEnviado("SW dio un token ilegible")
            self._token_hasta = _vence(contenido.get("expires_in"))
            return self._token


def _json(respuesta: Respuesta) -> dict[str, Any]:
    try:
        datos = orjson.loads(respuesta.cuerpo)
    except orjson.JSONDecodeError as error:
        raise Ilegible("respuesta ilegible") from error
    if not isinstance(datos, dict):
        raise Ilegible("respuesta ilegible")
    return datos


def _xml_de(datos: dict[str, Any]) -> bytes | None:
    """The bare TFD, or the stamped document; retentions and other versions name it otherwise."""
    contenido = datos.get("data")
    if not isinstance(contenido, dict):
        return None
    for nombre in ("tfd", "cfdi", "retencion"):
        if isinstance(contenido.get(nombre), str) and contenido[nombre].strip():
            return str(contenido[nombre]).encode()
    return None


def _vence(valor: object) -> float:
    """When a token ends: SW gives seconds since 1970; a small number would be a duration."""
    try:
        segundos = float(str(valor))
    except ValueError:
        segundos = _DURACION
    return segundos if segundos > 1_000_000_000 else time.time() + segundos
