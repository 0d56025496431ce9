"""Peer: one FastAPI process per core with psycopg async, the same checks and the same durable work per stamping.

Written as a good engineer would: one statement per transaction, prepared; connections kept; argon2 once and
then HMAC. It has no bus, no batching, no sealing and no relay of the outbox, so it is a hard peer.
psycopg_pool is not among the project's dependencies; a LIFO of open connections does the same here.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import os
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast
from uuid import UUID, uuid4

import orjson
import psycopg
from fastapi import FastAPI, Request, Response

from services.timbrado.cfdi.certificados import Confianza
from services.timbrado.cfdi.tfd import insertar
from services.timbrado.cfdi.validacion import CfdiValido, Validador
from services.timbrado.credenciales import verify_password
from services.timbrado.domain import CtiGuardada
from services.timbrado.pac.protocolo import Solicitud, Timbrado, verificar_tfd
from services.timbrado.pac.sandbox import PacSandbox
from shared.errors import DomainError

Conexion = psycopg.AsyncConnection[tuple[Any, ...]]
CONEXIONES = 10

_CTI = (
    "SELECT c.id, c.nic, c.cliente_id, c.cuenta_id, c.tipo, c.libro_id, c.hash_contrasena, l.version, l.bloqueada"
    " FROM ctis c JOIN cuentas l ON l.id = c.libro_id WHERE c.id = %s"
)
_RETENER = (
    "WITH nuevo AS (INSERT INTO timbrados (id, huella, cti, cuenta_id, cliente_id, idd, emisor, receptor, tipo,"
    " total, sello, no_certificado, pac, xml, tomado_hasta) VALUES (%(id)s, %(huella)s, %(cti)s, %(cuenta)s,"
    " %(cliente)s, NULL, %(emisor)s, %(receptor)s, %(tipo)s, %(total)s, %(sello)s, %(numero)s, 'sandbox', %(xml)s,"
    " now() + interval '10 s') ON CONFLICT DO NOTHING RETURNING id),"
    " tomada AS (UPDATE cuentas SET retenido = retenido + 1 WHERE id = %(libro)s AND version = %(version)s"
    " AND NOT bloqueada AND saldo - retenido >= 1 AND EXISTS (SELECT 1 FROM nuevo) RETURNING id),"
    " retenida AS (INSERT INTO retenciones (id, cuenta_id, cantidad) SELECT nuevo.id, tomada.id, 1"
    " FROM nuevo, tomada)"
    " SELECT (SELECT count(*) FROM nuevo), (SELECT count(*) FROM tomada)"
)
_RECORDAR = "INSERT INTO pac_sandbox.timbres (huella, tfd) VALUES (%s, %s) ON CONFLICT DO NOTHING"
_CAPTURAR = (
    "WITH tomada AS (DELETE FROM retenciones WHERE id = %(id)s RETURNING cuenta_id),"
    " puesta AS (UPDATE cuentas SET saldo = saldo - 1, retenido = retenido - 1 FROM tomada"
    " WHERE cuentas.id = tomada.cuenta_id),"
    " hecho AS (INSERT INTO movimientos (operacion, origen, destino, cantidad, motivo, referencia)"
    " SELECT %(id)s, cuenta_id, %(consumo)s, 1, 'timbrado', %(uuid)s::text FROM tomada RETURNING id),"
    " cola AS (INSERT INTO por_sellar SELECT id FROM hecho),"
    " marcado AS (UPDATE timbrados SET estado = 'timbrado', uuid = %(uuid)s, tfd = %(tfd)s, terminado_en = now()"
    " WHERE id = %(id)s AND estado = 'pendiente')"
    " INSERT INTO outbox (evento_id, evento, carga) SELECT %(evento)s, 'timbrado.timbres_consumidos_v1',"
    " %(carga)s::jsonb FROM tomada"
)


class _MemoriaDiferida:
    """Keeps nothing: the caller writes what the PAC stamped, without stopping the event loop."""

    def guardar(self, filas: Sequence[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
        return dict(filas)

    def guardar_si_sana(self, filas: Sequence[tuple[bytes, bytes]]) -> dict[bytes, bytes] | None:
        return self.guardar(filas)

    def buscar(self, huellas: Sequence[bytes]) -> dict[bytes, bytes]:
        return {}

    def falla(self) -> str | None:
        return None


class _Credenciales:
    """argon2 once per process and CTI, then HMAC: the rule of the real service, awaited."""

    def __init__(self) -> None:
        self._llave = secrets.token_bytes(32)
        self._conocidas: dict[str, tuple[bytes, CtiGuardada]] = {}

    async def verificar(self, encabezado: str) -> CtiGuardada | None:
        cti, _, contrasena = base64.b64decode(encabezado.removeprefix("Basic ")).decode().partition(":")
        mac = hmac.new(self._llave, f"{cti}\0{contrasena}".encode(), hashlib.sha256).digest()
        conocida = self._conocidas.get(cti)
        if conocida is not None and hmac.compare_digest(conocida[0], mac):
            return conocida[1]
        async with conexion() as db:
            fila = await (await db.execute(_CTI, (cti,))).fetchone()
        if fila is None:
            return None
        guardada = CtiGuardada(*fila)
        if not await asyncio.to_thread(verify_password, guardada.hash_contrasena or "", contrasena):
            return None
        self._conocidas[cti] = (mac, guardada)
        return guardada


class _Estado:
    """What one worker process has, filled when it starts."""

    conexiones: asyncio.LifoQueue[Conexion]
    validador: Validador
    pac: PacSandbox
    credenciales: _Credenciales
    consumo: int


estado = _Estado()


@asynccontextmanager
async def conexion() -> AsyncIterator[Conexion]:
    """A connection of this process's pool."""
    una = await estado.conexiones.get()
    try:
        yield una
    finally:
        estado.conexiones.put_nowait(una)


@asynccontextmanager
async def _vida(_: FastAPI) -> AsyncIterator[None]:
    Validador.precargar()
    estado.validador = Validador(Confianza.de_carpeta(Path(os.environ["CFDI_AUTORIDADES_DIR"])))
    estado.pac = PacSandbox(Path(os.environ["PAC_SANDBOX_DIR"]), _MemoriaDiferida())
    estado.credenciales = _Credenciales()
    estado.conexiones = asyncio.LifoQueue()
    url = os.environ["DATABASE_URL"].replace("+psycopg", "")
    for _i in range(CONEXIONES):
        una = await psycopg.AsyncConnection.connect(url, autocommit=True, prepare_threshold=1)
        estado.conexiones.put_nowait(una)
    async with conexion() as db:
        fila = await (await db.execute("SELECT id FROM cuentas WHERE tipo = 'consumo'")).fetchone()
    assert fila is not None
    estado.consumo = fila[0]
    yield
    while not estado.conexiones.empty():
        await estado.conexiones.get_nowait().close()


app = FastAPI(lifespan=_vida)


@app.post("/v1/timbrado")
async def timbrar(request: Request) -> Response:
    """Validate, hold, stamp, capture, answer."""
    cti = await estado.credenciales.verificar(request.headers["authorization"])
    if cti is None:
        return Response(status_code=401)
    try:
        valido = estado.validador.validar(await request.body(), datetime.now(UTC))
    except DomainError as exc:
        return Response(orjson.dumps({"detail": exc.detail}), 422, media_type="application/json")
    id_ = uuid4()
    async with conexion() as db:
        fila = await (await db.execute(_RETENER, _retencion(id_, cti, valido))).fetchone()
        if fila != (1, 1):
            await db.execute("DELETE FROM timbrados WHERE id = %s AND estado = 'pendiente'", (id_,))
            return Response(status_code=409)
    solicitud = Solicitud(valido.huella, valido.xml, valido.sello, valido.emisor, valido.no_certificado)
    tfd = cast("Timbrado", estado.pac.timbrar([solicitud])[0]).tfd
    async with conexion() as db:
        await db.execute(_RECORDAR, (valido.huella, tfd))
    uuid = UUID(str(verificar_tfd(solicitud, tfd, estado.pac.certificado_de).uuid))
    async with conexion() as db:
        await db.execute(_CAPTURAR, _captura(id_, cti, uuid, tfd))
    texto = str(uuid).upper()
    cuerpo = {"uuid": texto, "idd": texto, "repetido": False, "xml": insertar(valido.xml, tfd).decode()}
    return Response(orjson.dumps(cuerpo), media_type="application/json")


@app.post("/v1/timbrado/validaciones")
async def validar(request: Request) -> Response:
    """The checks alone; the bench warms the credentials with it."""
    cti = await estado.credenciales.verificar(request.headers["authorization"])
    return Response(b'{"valido":true}', 200 if cti else 401, media_type="application/json")


def _retencion(id_: UUID, cti: CtiGuardada, v: CfdiValido) -> dict[str, Any]:
    return {
        "id": id_, "huella": v.huella, "cti": cti.id, "cuenta": cti.cuenta_id, "cliente": cti.cliente_id,
        "emisor": v.emisor, "receptor": v.receptor, "tipo": v.tipo, "total": v.total, "sello": v.sello,
        "numero": v.no_certificado, "xml": v.xml, "libro": cti.libro_id, "version": cti.version,
    }  # fmt: skip


def _captura(id_: UUID, cti: CtiGuardada, uuid: UUID, tfd: bytes) -> dict[str, Any]:
    consumo = {
        "cti": cti.id, "cuenta_id": str(cti.cuenta_id), "cliente_id": str(cti.cliente_id), "cantidad": 1,
        "en": datetime.now(UTC).isoformat(),
    }  # fmt: skip
    return {
        "id": id_, "consumo": estado.consumo, "uuid": uuid, "tfd": tfd, "evento": uuid4(),
        "carga": orjson.dumps({"consumos": [consumo]}).decode(),
    }  # fmt: skip
