"""The mails that the system sent, as files: what whoever was written to would read."""

from __future__ import annotations

import email
import re
from email import policy

from tests.sistema import Sistema, hasta


def recibidos(sistema: Sistema, para: str) -> list[tuple[str, str]]:
    """(subject, text) of the mails to an address, oldest first."""
    hallados = []
    for archivo in (sistema.instalacion.dir / "correo").glob("*.eml"):
        correo = email.message_from_bytes(archivo.read_bytes(), policy=policy.default)
        if para in str(correo["To"]):
            cuerpo = correo.get_body(("plain",))
            assert cuerpo is not None
            hallados.append((archivo.stat().st_mtime_ns, str(correo["Subject"]), cuerpo.get_content()))
    return [(asunto, texto) for _, asunto, texto in sorted(hallados)]


def enlace(sistema: Sistema, para: str, asunto: str) -> str:
    """The token of the link in the newest mail to an address whose subject begins so, once one came."""
    texto = hasta(lambda: [t for a, t in recibidos(sistema, para) if a.startswith(asunto)])[-1]
    token = re.search(r"\?token=([\w-]+)", texto)
    assert token is not None, texto
    return token.group(1)
