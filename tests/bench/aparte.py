"""What is measured of ours alone: half load, one replica beside two, and the XML and cryptography by themselves."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from services.timbrado.cfdi import tfd
from services.timbrado.cfdi.certificados import Confianza, leer_certificado
from services.timbrado.cfdi.validacion import Validador
from services.timbrado.pac.protocolo import Solicitud, verificar_tfd
from shared.testing import cfdi
from tests.bench.banco import Banco
from tests.bench.informe import Aparte, Celda

_CONCURRENTES = 32
_DOCUMENTOS = 300


def a_media_carga(banco: Banco, por_segundo: float, rango: tuple[int, int], segundos: float) -> Aparte:
    """Latency while half of what it can do is asked, evenly paced; each from the moment it was due."""
    celda = Celda("nuestro", "repartido", _CONCURRENTES)
    banco.medir(celda, rango, segundos, por_segundo)
    p50, p99 = celda.percentil(0.5), celda.percentil(0.99)
    return Aparte(
        "half load",
        {"asked": round(por_segundo, 1), "per_second": round(celda.tasa, 1), "p50_ms": round(p50, 1),
         "p99_ms": round(p99, 1), "ratio": round(p99 / p50, 2) if p50 else 0.0},
        f"{celda.tasa:.0f}/s asked evenly: p50 {p50:.1f} ms, p99 {p99:.1f} ms, p99/p50 {p99 / p50:.2f} (≤ 4)",
    )  # fmt: skip


def replicas(banco: Banco, rango: tuple[int, int], segundos: float) -> Aparte:
    """The same load on two processes of timbrado and on one."""
    medio = (rango[0] + rango[1]) // 2
    dos, una = (Celda("nuestro", "repartido", _CONCURRENTES) for _ in range(2))
    banco.medir(dos, (rango[0], medio), segundos)
    banco.replicas(1)
    banco.medir(una, (medio, rango[1]), segundos)
    banco.replicas(2)
    return Aparte(
        "replicas",
        {"two": round(dos.tasa, 1), "one": round(una.tasa, 1), "ratio": round(dos.tasa / una.tasa, 2)},
        f"two {dos.tasa:.0f}/s, one {una.tasa:.0f}/s: {dos.tasa / una.tasa:.2f} at {_CONCURRENTES} callers",
    )


def criptografia(carpeta: Path) -> Aparte:
    """CPU of one process doing nothing but the XML and the cryptography of a stamping; the PAC's signature apart."""
    material = cfdi.preparar(carpeta)
    emisor = material.emisor("EKU9003173C9")
    xmls = [cfdi.factura(emisor, folio=f"X{n}") for n in range(_DOCUMENTOS)]
    validador = Validador(Confianza.de_carpeta(material.autoridades))
    Validador.precargar()
    validador.validar(xmls[0], datetime.now(UTC))
    inicio = time.process_time()
    validos = [validador.validar(x, datetime.now(UTC)) for x in xmls]
    validar = time.process_time() - inicio
    par = material.autoridad.emitir("PRU010101XX0", "X", numero="99999000000000000001")
    certificado = leer_certificado(par.der)
    inicio = time.process_time()
    timbres = [
        tfd.construir(
            uuid="11111111-2222-4333-8444-555555555555",
            fecha_timbrado="2026-01-01T00:00:00",
            rfc_prov_certif="PRU010101XX0",
            sello_cfd=v.sello,
            no_certificado_sat=certificado.numero,
            firmar=lambda cadena: par.llave.sign(cadena, padding.PKCS1v15(), hashes.SHA256()),
        )
        for v in validos
    ]
    firmar = time.process_time() - inicio
    inicio = time.process_time()
    for v, timbre in zip(validos, timbres, strict=True):
        verificar_tfd(
            Solicitud(v.huella, v.xml, v.sello, v.emisor, v.no_certificado), timbre, lambda _: certificado
        )
        tfd.insertar(v.xml, timbre)
    terminar = time.process_time() - inicio
    ms = [1000 * t / _DOCUMENTOS for t in (validar, firmar, terminar)]
    return Aparte(
        "xml and cryptography",
        {"validate": round(ms[0], 3), "sign_as_pac": round(ms[1], 3), "verify_and_insert": round(ms[2], 3)},
        f"CPU-ms of one stamping: validation {ms[0]:.2f}, the sandbox PAC's signature {ms[1]:.2f}, verifying and"
        f" inserting the TFD {ms[2]:.2f}; {sum(ms):.2f} in all",
    )


__all__ = ["Aparte", "a_media_carga", "criptografia", "replicas"]
