"""How mails leave: through SMTP, or as files where there is no server. The only file with smtplib and email.

`ejecutar` runs what waits for the network where it does not stop the process: eventlet's native threads in the
service, a plain call in tests.
"""

from __future__ import annotations

import os
import re
import smtplib
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email import policy
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from services.clientes.domain import PORTAL, CorreoTomado, EnvioFallido

Ejecutar = Callable[..., Any]

#: Exchanges of one sending that may each wait `timeout` seconds: connecting, greetings, TLS, sign-in, the mail itself.
_PASOS = 10
_MOTIVO = 500


def _en_linea(funcion: Callable[..., Any], *argumentos: Any) -> Any:
    return funcion(*argumentos)


@dataclass(frozen=True, kw_only=True)
class Remitente:
    """From whom mails are, and what their links begin with."""

    de: str
    portal: str

    def mensaje(self, correo: CorreoTomado) -> EmailMessage:
        """The mail as RFC 5322 wants it. Its Message-ID is that of its row: a repeat can be told by it.

        Raises `EnvioFallido` when its address can't be written.
        """
        nombre, direccion = parseaddr(self.de)
        dominio = direccion.rpartition("@")[2]
        texto, html = (
            parte.replace(PORTAL, self.portal.rstrip("/")) for parte in (correo.texto, correo.html)
        )
        mensaje = EmailMessage(policy.SMTP)
        try:
            mensaje["From"] = Address(nombre, addr_spec=direccion)
            mensaje["To"] = Address(addr_spec=_direccion(correo.para))
            mensaje["Subject"] = correo.asunto
        except (ValueError, IndexError, MessageError) as exc:
            raise EnvioFallido(
                f"La dirección o el asunto no se pueden escribir: {exc}", definitivo=True
            ) from exc
        mensaje["Date"] = format_datetime(correo.creado_en.astimezone(UTC))
        mensaje["Message-ID"] = f"<{correo.correo_id}@{dominio}>"
        # RFC 3834: no vacation notice answers it.
        mensaje["Auto-Submitted"] = "auto-generated"
        mensaje["Content-Language"] = "es-MX"
        mensaje.set_content(texto, cte="quoted-printable")
        mensaje.add_alternative(html, subtype="html", cte="quoted-printable")
        return mensaje


def _direccion(para: str) -> str:
    """An address whose domain is ASCII, as servers without SMTPUTF8 take it."""
    local, _, dominio = para.rpartition("@")
    return f"{local}@{dominio if dominio.isascii() else dominio.encode('idna').decode()}"


class Carpeta:
    """Each mail as an `.eml` in a folder: where there is no SMTP server. A file is whole or not there."""

    plazo = 5.0

    def __init__(self, carpeta: Path, remitente: Remitente) -> None:
        self._carpeta = carpeta
        self._remitente = remitente

    def enviar(self, correo: CorreoTomado) -> None:
        contenido = self._remitente.mensaje(correo).as_bytes()
        # Only harmless letters, and never a dot at the beginning: an address may have slashes.
        para = re.sub(r"[^A-Za-z0-9@._+-]", "_", correo.para)[:150]
        nombre = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}-{para}-{str(correo.correo_id)[:8]}.eml"
        try:
            self._carpeta.mkdir(parents=True, exist_ok=True, mode=0o700)
            nuevo = self._carpeta / f".{nombre}.{os.getpid()}"
            with os.fdopen(os.open(nuevo, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as salida:
                salida.write(contenido)
            nuevo.replace(self._carpeta / nombre)
        except OSError as exc:
            raise EnvioFallido(f"No se pudo escribir en {self._carpeta}: {exc}", definitivo=False) from exc

    def soltar(self) -> None:
        """Nothing is open."""


class Smtp:
    """An SMTP server: `smtp://host:port` (with STARTTLS where it is offered or `tls` asks for it), `smtps://host:port`.

    One connection serves the mails of one run. `timeout`: seconds that each exchange may take.
    """

    def __init__(
        self,
        url: str,
        remitente: Remitente,
        *,
        usuario: str | None = None,
        contrasena: str | None = None,
        timeout: float = 10.0,
        tls: ssl.SSLContext | None = None,
        ejecutar: Ejecutar = _en_linea,
    ) -> None:
        partes = urlsplit(url)
        if partes.scheme not in ("smtp", "smtps") or not partes.hostname or partes.username:
            raise ValueError("SMTP_URL must be smtp://host:port or smtps://host:port, without usuario")
        self._seguro = partes.scheme == "smtps"
        self._host = partes.hostname
        self._puerto = partes.port or (465 if self._seguro else 587)
        self._remitente = remitente
        self._usuario, self._contrasena = usuario, contrasena
        self._timeout = timeout
        self._tls = tls or ssl.create_default_context()
        self._ejecutar = ejecutar
        self._conexion: smtplib.SMTP | None = None
        self.plazo = timeout * _PASOS

    def enviar(self, correo: CorreoTomado) -> None:
        mensaje = self._remitente.mensaje(correo)
        self._ejecutar(self._enviar, mensaje, time.monotonic() + self.plazo)

    def soltar(self) -> None:
        if self._conexion is not None:
            self._ejecutar(self._cerrar)

    def _enviar(self, mensaje: EmailMessage, limite: float) -> None:
        conexion = self._conectada()
        if time.monotonic() > limite:
            self._cerrar()
            raise EnvioFallido("El servidor de correo tarda demasiado.", definitivo=False)
        try:
            conexion.send_message(mensaje)
        except smtplib.SMTPRecipientsRefused as exc:
            codigo, texto = next(iter(exc.recipients.values()))
            self._cerrar()
            raise _rechazo("destinatario", codigo, texto) from exc
        except smtplib.SMTPSenderRefused as exc:
            # Our own address or sign-in: no fault of the mail, and an operator can mend it.
            self._cerrar()
            raise EnvioFallido(
                f"Remitente rechazado: {_texto(exc.smtp_code, exc.smtp_error)}", definitivo=False
            ) from exc
        except smtplib.SMTPResponseException as exc:
            self._cerrar()
            raise _rechazo("mensaje", exc.smtp_code, exc.smtp_error) from exc
        except smtplib.SMTPNotSupportedError as exc:
            self._cerrar()
            raise EnvioFallido(
                f"El servidor no admite esa dirección: {exc}"[:_MOTIVO], definitivo=True
            ) from exc
        except (smtplib.SMTPException, OSError) as exc:
            self._cerrar()
            raise EnvioFallido(f"La conexión se cortó: {exc}"[:_MOTIVO], definitivo=False) from exc

    def _conectada(self) -> smtplib.SMTP:
        """The open connection if it still answers, or a new one."""
        if self._conexion is not None:
            with suppress(smtplib.SMTPException, OSError):
                if self._conexion.noop()[0] == 250:
                    return self._conexion
            self._cerrar()
        try:
            self._conexion = self._abrir()
        except smtplib.SMTPResponseException as exc:
            motivo = f"El servidor de correo no aceptó la conexión: {_texto(exc.smtp_code, exc.smtp_error)}"
            raise EnvioFallido(motivo, definitivo=False) from exc
        except (smtplib.SMTPException, OSError) as exc:
            motivo = f"No se pudo conectar con el servidor de correo: {exc}"[:_MOTIVO]
            raise EnvioFallido(motivo, definitivo=False) from exc
        return self._conexion

    def _abrir(self) -> smtplib.SMTP:
        conexion: smtplib.SMTP
        if self._seguro:
            conexion = smtplib.SMTP_SSL(self._host, self._puerto, timeout=self._timeout, context=self._tls)
        else:
            conexion = smtplib.SMTP(self._host, self._puerto, timeout=self._timeout)
        try:
            conexion.ehlo()
            if not self._seguro and (self._usuario or conexion.has_extn("starttls")):
                # A password never travels in clear: without STARTTLS this raises.
                conexion.starttls(context=self._tls)
                conexion.ehlo()
            if self._usuario:
                conexion.login(self._usuario, self._contrasena or "")
        except BaseException:
            conexion.close()
            raise
        return conexion

    def _cerrar(self) -> None:
        conexion, self._conexion = self._conexion, None
        if conexion is not None:
            with suppress(smtplib.SMTPException, OSError):
                conexion.quit()
            conexion.close()


def _rechazo(de: str, codigo: int, texto: bytes | str) -> EnvioFallido:
    """RFC 5321: 5xx is for good, 4xx for now."""
    return EnvioFallido(f"Rechazo del {de}: {_texto(codigo, texto)}", definitivo=500 <= codigo < 600)


def _texto(codigo: int, texto: bytes | str) -> str:
    leido = texto.decode(errors="replace") if isinstance(texto, bytes) else texto
    return f"{codigo} {' '.join(leido.split())}"[:_MOTIVO].replace("\0", "")
