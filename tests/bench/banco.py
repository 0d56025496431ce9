"""What a bench runs on: the installation, the peers, their databases, and the measuring of one cell."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import mkdtemp
from uuid import uuid4

import psycopg
from argon2 import PasswordHasher

from deploy.local import arriba, operar
from deploy.local.guardian import limpiar, vigilar
from deploy.local.instalacion import RAIZ, Instalacion
from deploy.local.procesos import nacimiento
from deploy.local.puertos import libres
from deploy.local.supervision import Supervisor
from tests.bench import pgbench
from tests.bench.carga import Medida, Pedido
from tests.bench.informe import Celda
from tests.bench.procesos import Vigia

CTIS = [f"bench{n:04d}" for n in range(1000)]
CONTRASENA = "clave-de-bench"
SISTEMAS = ("nuestro", "monolito", "nameko", "nameko_lote", "pgbench")
#: Timbres of each CTI, from the emission, so that the ledgers balance like real ones.
SALDO = 10_000_000


@dataclass(frozen=True)
class Sistema:
    """One system under test: where it listens, its database, and the roots of its process groups."""

    nombre: str
    puerto: int
    url_base: str
    raices: dict[str, list[int]]


class Banco:
    """Everything that runs during a bench."""

    def __init__(self, carpeta: Path) -> None:
        self.carpeta = carpeta
        self.inst = Instalacion(carpeta / "run")
        self.sistemas: dict[str, Sistema] = {}
        self._hijos: list[subprocess.Popen[bytes]] = []
        self._libros: tuple[int, int] = (0, 0)
        self._consumo = 0

    # --- what is measured -------------------------------------------------------------------------

    def levantar(self, nombres: list[str]) -> None:
        """Start the installation and the peers, fill their databases."""
        arriba.levantar(self.inst)
        supervisor = Supervisor(self.inst)
        pid = supervisor.pid
        assert pid is not None
        (self.carpeta / "supervisord.pid").write_text(f"{pid} {nacimiento(pid)}")
        llenar(self.inst.base("timbrado"))
        self.contar_procesos()
        for nombre in nombres:
            if nombre != "nuestro":
                getattr(self, f"_{nombre}")()

    def contar_procesos(self) -> None:
        """Know our processes by group; again after each change of their number."""
        grupos: dict[str, list[int]] = {}
        for e in Supervisor(self.inst).estados():
            if e.pid:
                grupos.setdefault(e.nombre.partition("-")[0], []).append(e.pid)
        self._servidores = {"postgres": grupos.pop("postgres"), "rabbitmq": grupos.pop("rabbitmq")}
        propios = {g: grupos.pop(g) for g in ("gateway", "timbrado")}
        otros = {"others": [p for pids in grupos.values() for p in pids]}
        self.sistemas["nuestro"] = Sistema(
            "nuestro", self.inst.puertos["http"], self.inst.base("timbrado"),
            {**propios, **self._servidores, **otros},
        )  # fmt: skip

    def replicas(self, cuantas: int) -> None:
        """Run timbrado in that many processes, warm."""
        entorno = {**os.environ, "CUENTA_MAESTRA_RUN": str(self.inst.dir)}
        subprocess.run(
            [sys.executable, "-m", "deploy.local.operar", "scale", f"timbrado={cuantas}"],
            cwd=RAIZ, env=entorno, check=True, capture_output=True,
        )  # fmt: skip
        arriba.esperar_lista(self.inst, Supervisor(self.inst))
        self.contar_procesos()
        self.calentar("nuestro")

    def _base(self, nombre: str) -> str:
        clave = uuid4().hex
        url = self.inst.postgres.asegurar_base(nombre, clave)
        entorno = {
            **os.environ,
            "SERVICIO": "timbrado",
            "DATABASE_URL": url,
            "PSYCOPG_WAIT_FUNC": "wait_selector",
        }
        subprocess.run(
            [sys.executable, "-m", "shared.persistence.migrar", "timbrado"],
            cwd=RAIZ, env=entorno, check=True, capture_output=True,
        )  # fmt: skip
        self._libros, self._consumo = llenar(url)
        return url

    def _lanzar(self, nombre: str, orden: list[str], **variables: str) -> int:
        timbrado = next(s for s in self.inst.servicios if s.nombre == "timbrado")
        entorno = {**os.environ, **self.inst.entorno(timbrado), **variables}
        with (self.carpeta / f"{nombre}.log").open("ab") as salida:
            hijo = subprocess.Popen(
                [sys.executable, "-m", *orden], cwd=RAIZ, env=entorno, stdout=salida, stderr=salida
            )
        self._hijos.append(hijo)
        (self.carpeta / f"hijo-{hijo.pid}.pid").write_text(f"{hijo.pid} {nacimiento(hijo.pid)}")
        return hijo.pid

    def _monolito(self) -> None:
        [puerto] = libres(1)
        url = self._base("peer_monolito")
        orden = ["uvicorn", "tests.bench.peers.monolito:app", "--host", "127.0.0.1", "--port", str(puerto)]
        orden += ["--workers", str(os.cpu_count()), "--loop", "uvloop", "--http", "httptools"]
        orden += ["--no-access-log", "--log-level", "warning"]
        pid = self._lanzar("monolito", orden, DATABASE_URL=url)
        raices = {"monolith": [pid], "postgres": self._servidores["postgres"]}
        self.sistemas["monolito"] = Sistema("monolito", puerto, url, raices)
        self._esperar("monolito", puerto)

    def _nameko(self) -> None:
        self._de_nameko("nameko", "orm")

    def _nameko_lote(self) -> None:
        self._de_nameko("nameko_lote", "lote")

    def _de_nameko(self, nombre: str, servicio: str) -> None:
        [puerto] = libres(1)
        url = self._base(f"peer_{nombre}")
        variables = {
            "DATABASE_URL": url,
            "AMQP_URL": self.inst.rabbit.crear_vhost(nombre),
            "HTTP_PORT": str(puerto),
        }
        modulo = "tests.bench.peers.nameko_plano"
        servicios = [self._lanzar(nombre, [modulo, servicio], **variables) for _ in range(2)]
        frente = self._lanzar(nombre, [modulo, "http"], **variables)
        raices = {"nameko-http": [frente], "nameko-service": servicios, **self._servidores}
        self.sistemas[nombre] = Sistema(nombre, puerto, url, raices)
        self._esperar(nombre, puerto)
        time.sleep(3)

    def _pgbench(self) -> None:
        url = self._base("peer_pgbench")
        raices = {"postgres": self._servidores["postgres"]}
        self.sistemas["pgbench"] = Sistema("pgbench", 0, url, raices)

    def _esperar(self, nombre: str, puerto: int) -> None:
        limite = time.monotonic() + 40
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{puerto}/", timeout=2)
                return
            except urllib.error.HTTPError:
                return
            except OSError:
                if time.monotonic() > limite:
                    registro = (self.carpeta / f"{nombre}.log").read_text()[-3000:]
                    raise RuntimeError(f"{nombre} does not answer:\n{registro}") from None
                time.sleep(0.2)

    # --- measuring --------------------------------------------------------------------------------

    def calentar(self, nombre: str) -> None:
        """Every CTI's password is verified once by every process, prepared statements are prepared."""
        if nombre != "pgbench":
            self._cargar(nombre, "/v1/timbrado/validaciones", 16, CTIS, (0, 3 * len(CTIS)), 60, repetir=True)

    def medir(
        self, celda: Celda, documentos: tuple[int, int], segundos: float, por_segundo: float | None = None
    ) -> None:
        """Run one cell once and add what came of it. `por_segundo` paces the callers."""
        sistema = self.sistemas[celda.sistema]
        self._aquietar()
        ctis = CTIS if celda.caso == "repartido" else CTIS[:1]
        with Vigia(sistema.raices) as vigia:
            if celda.sistema == "pgbench":
                primero, ultimo = self._libros
                libros = (primero, primero if celda.caso == "caliente" else ultimo)
                n, duracion, latencias = pgbench.correr(
                    self.inst.postgres, "peer_pgbench", libros, self._consumo, celda.concurrentes, segundos
                )
                m = Medida(n, n, 0, duracion, 0.0, "", latencias)
            else:
                m = self._cargar(
                    celda.sistema, "/v1/timbrado", celda.concurrentes, ctis, documentos, segundos,
                    por_segundo=por_segundo,
                )  # fmt: skip
        if celda.sistema == "nuestro":
            celda.lotes.append(self._lote_medio(m.buenas))
        celda.buenas += m.buenas
        celda.malas += m.malas
        celda.segundos += m.segundos
        celda.latencias += m.latencias
        celda.por_ronda.append(m.buenas / m.segundos if m.segundos else 0.0)
        celda.maquina.append(vigia.maquina)
        celda.ejemplo_malo = m.ejemplo_malo or celda.ejemplo_malo
        for grupo, s in ({**vigia.cpu, "load generator": m.cpu}).items():
            celda.cpu[grupo] = celda.cpu.get(grupo, 0.0) + s
        for grupo, mib in vigia.pico.items():
            celda.pico_mib[grupo] = max(mib, celda.pico_mib.get(grupo, 0.0))

    def _cargar(
        self, nombre: str, ruta: str, concurrentes: int, ctis: list[str], rango: tuple[int, int], segundos: float,
        *, repetir: bool = False, por_segundo: float | None = None,
    ) -> Medida:  # fmt: skip
        pedido = Pedido(
            self.sistemas[nombre].puerto, ruta, concurrentes, ctis, CONTRASENA, str(self.carpeta / "documentos"),
            str(self.carpeta / "indice"), *rango, segundos, repetir, por_segundo,
        )  # fmt: skip
        hecho = subprocess.run(
            [sys.executable, "-m", "tests.bench.carga"], cwd=RAIZ, input=json.dumps(asdict(pedido)),
            capture_output=True, text=True,
        )  # fmt: skip
        if hecho.returncode:
            raise RuntimeError(f"load generator: {hecho.stderr[-2000:]}")
        medida = Medida(**json.loads(hecho.stdout))
        if not medida.buenas:
            raise RuntimeError(f"{nombre} {ruta}: nothing answered well: {medida.ejemplo_malo}")
        if medida.malas:
            print(f"    {nombre}: {medida.malas} failed, e.g. {medida.ejemplo_malo}", flush=True)
        return medida

    def _aquietar(self, segundos: float = 8) -> None:
        """Let our sealer and relay finish, so that they take nothing from the next system's time."""
        limite = time.monotonic() + segundos
        with psycopg.connect(self.inst.base("timbrado").replace("+psycopg", ""), autocommit=True) as db:
            while time.monotonic() < limite:
                fila = db.execute(
                    "SELECT EXISTS (SELECT 1 FROM por_sellar) OR EXISTS (SELECT 1 FROM outbox)"
                ).fetchone()
                if fila == (False,):
                    return
                time.sleep(0.1)

    def _lote_medio(self, ultimos: int) -> float:
        """Mean stampings per lot of the newest: a lot is one transaction, whose rows share `now()`."""
        with psycopg.connect(self.inst.base("timbrado").replace("+psycopg", "")) as db:
            fila = db.execute(
                "SELECT count(*)::float / greatest(1, count(DISTINCT creado_en)) FROM"
                " (SELECT creado_en FROM timbrados ORDER BY creado_en DESC LIMIT %s) t",
                (ultimos,),
            ).fetchone()
        assert fila is not None
        return float(fila[0])

    def detener(self) -> None:
        """Stop the peers."""
        for hijo in self._hijos:
            hijo.terminate()
        for hijo in self._hijos:
            try:
                hijo.wait(8)
            except subprocess.TimeoutExpired:
                hijo.kill()


def llenar(url: str) -> tuple[tuple[int, int], int]:
    """1,000 CTI with balance; answers the ids of their accounts (first, last) and of `consumo`.

    One password with a cheap argon2 hash: verification is real, warming 1,000 costs nothing.
    """
    hash_ = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(CONTRASENA)
    with psycopg.connect(url.replace("+psycopg", "")) as db:
        tipos: dict[str, int] = dict(
            db.execute("SELECT tipo, id FROM cuentas WHERE NOT con_limite").fetchall()
        )
        db.execute(
            "INSERT INTO cuentas (tipo, titular, saldo) SELECT 'cti', t, %s FROM unnest(%s::text[]) t",
            (SALDO, CTIS),
        )
        db.execute(
            "INSERT INTO ctis (id, nic, cliente_id, cuenta_id, libro_id, hash_contrasena) SELECT titular, 1,"
            " gen_random_uuid(), gen_random_uuid(), id, %s FROM cuentas WHERE tipo = 'cti'",
            (hash_,),
        )
        db.execute(
            "WITH m AS (INSERT INTO movimientos (operacion, origen, destino, cantidad, motivo)"
            " SELECT gen_random_uuid(), %s, id, saldo, 'emision' FROM cuentas WHERE tipo = 'cti' RETURNING id)"
            " INSERT INTO por_sellar SELECT id FROM m",
            (tipos["emision"],),
        )
        fila = db.execute("SELECT min(id), max(id) FROM cuentas WHERE tipo = 'cti'").fetchone()
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as db:
        db.execute("ANALYZE")
    assert fila is not None
    return (fila[0], fila[1]), tipos["consumo"]


@contextmanager
def en_marcha(nombres: list[str], conservar: bool) -> Iterator[Banco]:
    """A bench in a folder of its own, of which nothing is left."""
    carpeta = Path(mkdtemp(prefix="cuenta-maestra-bench-", dir="/var/tmp"))
    carpeta.chmod(0o711)
    vigilar(carpeta)
    os.environ.setdefault("LOG_LEVEL", "WARNING")
    banco = Banco(carpeta)
    try:
        banco.levantar(nombres)
        yield banco
    finally:
        banco.detener()
        if conservar:
            subprocess.run(
                ["cp", "-r", str(banco.inst.dir / "registros"), *map(str, carpeta.glob("*.log")), "/var/tmp/"]
            )
        operar.clean(Instalacion(carpeta / "run"))
        limpiar(carpeta)
