"""The load generator: a process of its own, raw asyncio over keep-alive connections, documents made before.

Reads one JSON object from stdin (`Pedido`) and writes one to stdout. Only a 200 with a uuid counts.
"""

from __future__ import annotations

import array
import asyncio
import base64
import json
import mmap
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import cast

import uvloop


@dataclass(slots=True)
class Pedido:
    """What to send. `documentos` is the file of XMLs end to end; `indice` their ends, 64-bit."""

    puerto: int
    ruta: str
    concurrentes: int
    ctis: list[str]
    contrasena: str
    documentos: str
    indice: str
    desde: int
    hasta: int
    segundos: float
    repetir: bool = False
    """Warm-up: the first document again and again, once per CTI and round, until `hasta` are sent."""
    por_segundo: float | None = None
    """Paced: the n-th request is due at n / por_segundo, and its latency counts from then."""


@dataclass(slots=True)
class Medida:
    """What came of it. Latencies in seconds, in order of completion."""

    enviadas: int = 0
    buenas: int = 0
    malas: int = 0
    segundos: float = 0.0
    cpu: float = 0.0
    ejemplo_malo: str = ""
    latencias: list[float] = field(default_factory=list)


class _Carga:
    def __init__(self, pedido: Pedido) -> None:
        self.p = pedido
        self.m = Medida()
        self._archivo = Path(pedido.documentos).open("rb")  # noqa: SIM115 - open as long as the process
        self._mapa = mmap.mmap(self._archivo.fileno(), 0, access=mmap.ACCESS_READ)
        self._fines = array.array("q", Path(pedido.indice).read_bytes())
        self._auth = [
            base64.b64encode(f"{cti}:{pedido.contrasena}".encode()).decode().encode() for cti in pedido.ctis
        ]
        self._siguiente = pedido.desde
        self._turnos = 0
        self._inicio = (
            f"POST {pedido.ruta} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/xml\r\n".encode()
        )

    def peticion(self) -> bytes | None:
        n = self._siguiente
        if n >= self.p.hasta or time.perf_counter() > self.fin:
            return None
        self._siguiente += 1
        self.m.enviadas += 1
        doc = self.p.desde if self.p.repetir else n
        cuerpo = self._mapa[self._fines[doc - 1] if doc else 0 : self._fines[doc]]
        auth = self._auth[n % len(self._auth)]
        return b"%bAuthorization: Basic %b\r\nContent-Length: %d\r\n\r\n%b" % (
            self._inicio, auth, len(cuerpo), cuerpo,
        )  # fmt: skip

    async def correr(self) -> Medida:
        self.comienzo = time.perf_counter()
        self.fin = self.comienzo + self.p.segundos
        cpu = time.process_time()
        self.ultima = self.comienzo
        await asyncio.gather(*(self._llamador() for _ in range(self.p.concurrentes)))
        self.m.segundos = self.ultima - self.comienzo
        self.m.cpu = time.process_time() - cpu
        return self.m

    async def _llamador(self) -> None:
        loop = asyncio.get_running_loop()
        conexion: _Conexion | None = None
        while (peticion := self.peticion()) is not None:
            if conexion is None or conexion.cerrada:
                _, conexion = await loop.create_connection(_Conexion, "127.0.0.1", self.p.puerto)
            inicio = await self._turno()
            try:
                estado, cuerpo = await asyncio.wait_for(conexion.pedir(peticion), 20)
            except (OSError, TimeoutError) as exc:
                estado, cuerpo = 0, repr(exc).encode()
                conexion.cerrar()
            self._anotar(estado, cuerpo, inicio)
        if conexion is not None:
            conexion.cerrar()

    async def _turno(self) -> float:
        """Wait until the request is due; answers when it was, so that a late one counts its wait."""
        if self.p.por_segundo is None:
            return time.perf_counter()
        debida = self.comienzo + self._turnos / self.p.por_segundo
        self._turnos += 1
        if (falta := debida - time.perf_counter()) > 0:
            await asyncio.sleep(falta)
        return debida

    def _anotar(self, estado: int, cuerpo: bytes, inicio: float) -> None:
        self.ultima = time.perf_counter()
        if estado == 200 and (self.p.repetir or cuerpo.find(b'"uuid"', 0, 200) >= 0 or b'"uuid"' in cuerpo):
            self.m.buenas += 1
            self.m.latencias.append(self.ultima - inicio)
        else:
            self.m.malas += 1
            self.m.ejemplo_malo = f"{estado} {cuerpo[:300].decode(errors='replace')}"


class _Conexion(asyncio.Protocol):
    """One keep-alive connection, one request at a time."""

    def __init__(self) -> None:
        self._datos = bytearray()
        self._largo = -1
        self._estado = 0
        self._respuesta: asyncio.Future[tuple[int, bytes]] | None = None
        self.cerrada = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are not asyncio's by inheritance.
        self._transporte = cast("asyncio.Transport", transport)

    def pedir(self, peticion: bytes) -> asyncio.Future[tuple[int, bytes]]:
        self._respuesta = asyncio.get_running_loop().create_future()
        self._datos.clear()
        self._largo = -1
        self._transporte.write(peticion)
        return self._respuesta

    def data_received(self, data: bytes) -> None:
        self._datos += data
        if self._largo < 0:
            corte = self._datos.find(b"\r\n\r\n")
            if corte < 0:
                return
            cabeza = bytes(self._datos[:corte]).lower()
            self._estado = int(cabeza[9:12])
            _, _, resto = cabeza.partition(b"content-length:")
            if not resto:
                self._terminar(ConnectionError("answer without Content-Length"))
                return
            self._largo = corte + 4 + int(resto.split(b"\r\n", 1)[0])
            self._cabeza = corte + 4
            self._cerrar_luego = b"connection: close" in cabeza
        if len(self._datos) >= self._largo:
            if self._cerrar_luego:
                self.cerrar()
            if self._respuesta is not None and not self._respuesta.done():
                self._respuesta.set_result((self._estado, bytes(self._datos[self._cabeza :])))

    def connection_lost(self, exc: Exception | None) -> None:
        self.cerrada = True
        self._terminar(ConnectionError("connection lost"))

    def _terminar(self, exc: Exception) -> None:
        if self._respuesta is not None and not self._respuesta.done():
            self._respuesta.set_exception(exc)

    def cerrar(self) -> None:
        self.cerrada = True
        self._transporte.close()


def main() -> None:
    """One run."""
    pedido = Pedido(**json.load(sys.stdin))
    medida = uvloop.run(_Carga(pedido).correr())
    json.dump(asdict(medida), sys.stdout)


if __name__ == "__main__":
    main()
