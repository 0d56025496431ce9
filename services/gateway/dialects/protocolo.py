"""What every foreign protocol shares: a request as its code reads it, and answers in the protocol's own form.

A dialect answers *everything* its own way, also a body that is too large or an error of ours: its client
knows no other form. What differs from one to another is in `induxsoft`, `finkok` and `sw`.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from werkzeug.exceptions import HTTPException
from werkzeug.formparser import FormDataParser
from werkzeug.http import HTTP_STATUS_CODES

from services.gateway.batcher import Batcher
from services.gateway.errors import error_interno
from services.gateway.llamante import direccion
from shared.contracts.timbrado import RECUPERAR_TIMBRADO, ResultadoDeTimbrado, SolicitudDeTimbrado
from shared.errors import Codigo, DomainError, campo_invalido, cfdi_invalido
from shared.messaging.rpc_client import RpcClient

Environ = dict[str, Any]
StartResponse = Callable[[str, list[tuple[str, str]]], Any]

#: Errors after which the same call, sent again, is right: nothing was refused, and a stamping repeats for free.
REPETIBLES = frozenset({Codigo.PENDIENTE, Codigo.NO_DISPONIBLE, Codigo.DEMASIADOS_INTENTOS})

#: Longest CTI id and password that are sent to timbrado; the same bounds as HTTP Basic (`timbrado.py`).
CTI_MAXIMO, CONTRASENA_MAXIMA = 64, 128

_ANFITRION = re.compile(r"[A-Za-z0-9.\-]{1,253}(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:[0-9]{1,5})?")


@dataclass(frozen=True, slots=True)
class Respuesta:
    """An HTTP answer."""

    cuerpo: bytes
    tipo: str
    estado: int = 200
    headers: tuple[tuple[str, str], ...] = ()


class Peticion:
    """A request, read as the dialects need it."""

    def __init__(self, environ: Environ) -> None:
        self._environ = environ
        self.metodo: str = environ["REQUEST_METHOD"]
        # WSGI hands the path over as latin-1 (PEP 3333).
        self.ruta: str = environ.get("PATH_INFO", "").encode("latin-1").decode(errors="replace")
        self.consulta: str = environ.get("QUERY_STRING", "")
        self.tipo: str = environ.get("CONTENT_TYPE", "")
        self.cuerpo: bytes = environ["wsgi.input"].read()
        #: Address of the application, as the server saw it.
        self.ip: str | None = direccion(environ)

    def cabecera(self, nombre: str) -> str | None:
        """A header as text (UTF-8 where it is, else latin-1), or None."""
        valor: str | None = self._environ.get("HTTP_" + nombre.upper().replace("-", "_"))
        if valor is None:
            return None
        crudo = valor.encode("latin-1", "replace")
        try:
            return crudo.decode()
        except UnicodeDecodeError:
            return valor

    @property
    def aplicacion(self) -> str | None:
        """The proof of a registered application, for dialects whose messages have no room for it."""
        return self.cabecera("X-Aplicacion") or None

    def archivo(self, campo: str) -> bytes:
        """A field of a multipart form, whether sent as file or as text; or the body itself when that is the XML."""
        if not self.tipo.lower().startswith("multipart/form-data"):
            if self.cuerpo.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
                return self.cuerpo
            raise campo_invalido(
                campo, f"Envíe el XML en el campo «{campo}» de un formulario multipart/form-data."
            )
        entrada = {
            **self._environ,
            "wsgi.input": BytesIO(self.cuerpo),
            "CONTENT_LENGTH": str(len(self.cuerpo)),
        }
        try:
            analizador = FormDataParser(max_form_memory_size=len(self.cuerpo) + 1, max_form_parts=50)
            _, textos, archivos = analizador.parse_from_environ(entrada)
        except (HTTPException, ValueError):
            raise campo_invalido(
                campo, "El formulario multipart/form-data está mal formado. Revíselo."
            ) from None
        if campo in archivos:
            contenido: bytes = archivos[campo].read()
            return contenido
        if campo in textos:
            return str(textos[campo]).encode()
        raise campo_invalido(campo, f"Falta el campo «{campo}» con el XML.")

    def base(self) -> str:
        """`https://host` under which the caller knows us: what a proxy says it was, else the Host header."""
        esquema = (self.cabecera("X-Forwarded-Proto") or "").partition(",")[0].strip().lower()
        if esquema not in ("http", "https"):
            esquema = self._environ.get("wsgi.url_scheme", "http")
        for candidato in (self.cabecera("X-Forwarded-Host"), self.cabecera("Host")):
            anfitrion = (candidato or "").partition(",")[0].strip()
            if _ANFITRION.fullmatch(anfitrion):
                return f"{esquema}://{anfitrion}"
        return f"{esquema}://{self._environ.get('SERVER_NAME', 'localhost')}:{self._environ.get('SERVER_PORT', '80')}"


class Dialecto(ABC):
    """A WSGI application that speaks one foreign protocol."""

    @abstractmethod
    def atender(self, peticion: Peticion) -> Respuesta:
        """Serve one request. A `DomainError` that it raises is answered by `fallo`."""

    @abstractmethod
    def fallo(self, error: DomainError) -> Respuesta:
        """The protocol's own form of an error."""

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        try:
            respuesta = self.atender(Peticion(environ))
        except DomainError as exc:
            respuesta = self.fallo(exc)
        except Exception as exc:  # noqa: BLE001 - the last place where it can still be told in the protocol's form
            respuesta = self.fallo(error_interno(exc))
        return _enviar(respuesta, start_response)

    def rechazar(self, error: DomainError, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request whose body the front refused (`server.py`)."""
        return _enviar(self.fallo(error), start_response)


def credencial(cti: str | None, contrasena: str | None) -> tuple[str, str]:
    """CTI id and password, or `no_autenticado` where they lack or can't be any."""
    if cti and contrasena and len(cti) <= CTI_MAXIMO and len(contrasena) <= CONTRASENA_MAXIMA:
        return cti, contrasena
    raise DomainError(
        Codigo.NO_AUTENTICADO, "Envíe el id de su CTI como usuario y la contraseña de la CTI como contraseña."
    )


def timbrar(batcher: Batcher, cliente: RpcClient, solicitud: SolicitudDeTimbrado) -> ResultadoDeTimbrado:
    """Stamp; a document that already bears its TFD is a repeat like any other, if the stamp is ours.

    A 307 without the stamp is never told: Finkok's clients would ask for it for ever, and SW's would take
    whatever they find for the CFDI.
    """
    try:
        return batcher.timbrar(solicitud)
    except DomainError as exc:
        if exc.datos.get("codigo_sat") != "307":
            raise
    try:
        return cliente.llamar(RECUPERAR_TIMBRADO, solicitud)
    except DomainError as exc:
        if exc.code is not Codigo.NO_ENCONTRADO:
            raise
        raise cfdi_invalido(
            "301",
            "El comprobante ya trae un TimbreFiscalDigital que no emitimos nosotros. Quítelo si es un comprobante"
            " nuevo; si no, ya está timbrado.",
            nodo="Complemento/TimbreFiscalDigital",
        ) from None


def texto_xml(crudo: bytes) -> str:
    """A CFDI's bytes as text, without BOM. Not UTF-8 is a document that the SAT's structure check refuses (301)."""
    try:
        return crudo.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise cfdi_invalido(
            "301", "El comprobante no está en UTF-8. Guárdelo con esa codificación y séllelo de nuevo."
        ) from None


def sin_csd(como: str) -> DomainError:
    """What asks us to seal or sign with a CSD that we would have to keep: we keep none, and say what to do."""
    return campo_invalido(
        "certificado",
        f"Cuenta Maestra no guarda certificados (CSD) de los emisores, así que no puede sellar ni firmar por usted. {como}",
    )


def _enviar(r: Respuesta, start_response: StartResponse) -> Iterable[bytes]:
    linea = f"{r.estado} {HTTP_STATUS_CODES.get(r.estado, 'Error')}"
    start_response(linea, [("Content-Type", r.tipo), ("Content-Length", str(len(r.cuerpo))), *r.headers])
    return [r.cuerpo]
