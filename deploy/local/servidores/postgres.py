"""PostgreSQL: what one does with a server, and a private cluster."""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from deploy.local.procesos import ArranqueFallido, Proceso, cola, esperar

AJUSTES = Path(__file__).resolve().parents[2] / "postgres" / "postgresql.conf"
TEMPORAL = Path("/var/tmp")  # noqa: S108 - a folder that every account reaches; names in it are random or hashed


def binarios_postgres() -> Path | None:
    """Return the folder of the newest PostgreSQL server binaries on this machine."""
    carpetas = [ruta.parent for ruta in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if carpetas:
        return max(carpetas, key=lambda carpeta: int(carpeta.parent.name))
    otro = shutil.which("initdb")
    return Path(otro).resolve().parent if otro else None


class Postgres:
    """What one does with a PostgreSQL server, wherever it runs. `clave` is the superuser's password."""

    def __init__(self, puerto: int, clave: str, anfitrion: str = "127.0.0.1") -> None:
        self.puerto = puerto
        self.clave = clave
        self.anfitrion = anfitrion

    def url(self, base: str = "postgres", usuario: str = "postgres", clave: str | None = None) -> str:
        """Return the SQLAlchemy URL of a database."""
        return f"postgresql+psycopg://{self._autoridad(usuario, clave)}/{quote(base)}"

    def _autoridad(self, usuario: str, clave: str | None) -> str:
        clave = self.clave if clave is None else clave
        return f"{quote(usuario)}:{quote(clave)}@{self.anfitrion}:{self.puerto}"

    def conectar(self, base: str = "postgres") -> psycopg.Connection[tuple[object, ...]]:
        """Open a superuser connection that commits by itself."""
        dsn = f"postgresql://{self._autoridad('postgres', None)}/{quote(base)}"
        return psycopg.connect(dsn, autocommit=True, connect_timeout=2)

    def listo(self) -> bool:
        """Say whether the server answers a query."""
        try:
            with self.conectar() as conexion:
                conexion.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def asegurar_base(self, nombre: str, clave: str) -> str:
        """Create the role and the database of a service when missing; return the database's URL.

        The role owns its database and can connect to no other one. It is one to which row-level security applies.
        """
        papel = sql.Identifier(nombre)
        with self.conectar() as conexion:
            verbo = "ALTER" if _existe(conexion, "pg_roles", "rolname", nombre) else "CREATE"
            conexion.execute(
                sql.SQL("{} ROLE {} LOGIN NOSUPERUSER NOBYPASSRLS PASSWORD {}").format(
                    sql.SQL(verbo), papel, sql.Literal(clave)
                )
            )
            if not _existe(conexion, "pg_database", "datname", nombre):
                conexion.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(papel, papel))
            for base in (papel, sql.Identifier("postgres")):
                conexion.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(base))
        return self.url(nombre, nombre, clave)

    def copiar_base(self, plantilla: str, nombre: str, dueno: str) -> None:
        """Create a database as a copy of another one that nobody is connected to."""
        orden = sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {}").format(
            sql.Identifier(nombre), sql.Identifier(plantilla), sql.Identifier(dueno)
        )
        with self.conectar() as conexion:
            conexion.execute(orden)
            conexion.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(nombre)))

    def borrar_base(self, nombre: str) -> None:
        """Drop a database with whoever is still connected to it."""
        with self.conectar() as conexion:
            conexion.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(nombre))
            )


def _existe(conexion: psycopg.Connection[tuple[object, ...]], tabla: str, campo: str, valor: str) -> bool:
    consulta = sql.SQL("SELECT 1 FROM {} WHERE {} = %s").format(sql.Identifier(tabla), sql.Identifier(campo))
    return conexion.execute(consulta, (valor,)).fetchone() is not None


class PostgresPrivado(Postgres):
    """A cluster of its own in `dir`. `fsync=False` is for throw-away tests alone."""

    def __init__(self, dir: Path, puerto: int, clave: str, *, fsync: bool = True) -> None:
        super().__init__(puerto, clave)
        # The pid file and the log stay in our own folder: the data may have to live elsewhere.
        self.dir = dir
        self._fsync = fsync
        self._usuario = _usuario_postgres()
        self.datos = _alcanzable(dir / "datos", self._usuario)
        self._proceso = Proceso("postgres", dir)

    def preparar(self) -> None:
        """Create the cluster when missing and give it the settings of `deploy/postgres`."""
        self.dir.mkdir(parents=True, exist_ok=True)
        if not (self.datos / "PG_VERSION").exists():
            self._crear()
        conf = self.datos / "postgresql.conf"
        conf.write_text(AJUSTES.read_text())
        self._entregar(conf)

    def _crear(self) -> None:
        # Made beside and renamed when whole: an interrupted initdb leaves what looks like a cluster.
        nuevo = self.datos.with_name(self.datos.name + ".nuevo")
        shutil.rmtree(nuevo, ignore_errors=True)
        nuevo.mkdir(parents=True, mode=0o700)
        self._entregar(nuevo)
        # initdb runs as another account, which cannot open the pipe that we would like to give it.
        with tempfile.NamedTemporaryFile("w", prefix="cuenta-maestra-", dir=TEMPORAL) as archivo:
            archivo.write(self.clave + "\n")
            archivo.flush()
            self._entregar(Path(archivo.name))
            orden = [
                *self._como_dueno(),
                str(self._binario("initdb")),
                f"--pgdata={nuevo}",
                "--username=postgres",
                "--auth=scram-sha-256",
                f"--pwfile={archivo.name}",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
                *([] if self._fsync else ["--no-sync"]),
            ]
            hecho = subprocess.run(orden, text=True, capture_output=True, cwd="/")
        if hecho.returncode:
            raise ArranqueFallido(f"initdb failed in {nuevo}:\n{hecho.stderr}")
        nuevo.replace(self.datos)

    def _entregar(self, ruta: Path) -> None:
        if self._usuario:
            shutil.chown(ruta, self._usuario)

    def orden(self) -> list[str]:
        """Return the command that runs the server in the foreground."""
        ajustes = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.puerto),
            # TCP alone: a socket path in a deep folder passes the 107 bytes that Linux allows.
            "unix_socket_directories": "",
        }
        if not self._fsync:
            ajustes |= {"fsync": "off", "full_page_writes": "off", "shared_buffers": "128MB"}
        opciones = [parte for nombre, valor in ajustes.items() for parte in ("-c", f"{nombre}={valor}")]
        return [*self._como_dueno(), str(self._binario("postgres")), "-D", str(self.datos), *opciones]

    def entorno(self) -> dict[str, str]:
        """Return the whole environment of the server."""
        return {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8", "TZ": "UTC"}

    @property
    def pid(self) -> int | None:
        """The postmaster's pid when this object, or one before it, started the server."""
        return self._proceso.pid

    def lanzar(self) -> None:
        """Start the server without waiting for it."""
        self.preparar()
        self._proceso.arrancar(self.orden(), self.entorno())

    def esperar(self, segundos: float = 30) -> None:
        """Wait until the server answers."""

        def responde() -> bool:
            if self.pid is None:
                # After a kill -9 the old shared memory is in use for an instant, and PostgreSQL gives up.
                self.lanzar()
            return self.listo()

        if not esperar(responde, segundos):
            raise ArranqueFallido(f"PostgreSQL does not answer:\n{cola(self._proceso.registro)}")

    def arrancar(self, segundos: float = 30) -> None:
        """Start the server and wait until it answers."""
        self.lanzar()
        self.esperar(segundos)

    def detener(self) -> None:
        """Stop the server: sessions are closed, transactions in flight are rolled back."""
        self._proceso.terminar(signal.SIGINT)

    def matar(self) -> None:
        """kill -9 of the server and of all its sessions."""
        self._proceso.matar()

    def congelar(self) -> None:
        """Freeze the server and its sessions: connections stay open and nothing answers."""
        self._proceso.enviar(signal.SIGSTOP, familia=True)

    def descongelar(self) -> None:
        """Let a frozen server go on."""
        self._proceso.enviar(signal.SIGCONT, familia=True)

    def borrar(self) -> None:
        """Stop the server and delete its data."""
        self._proceso.terminar(signal.SIGQUIT)
        shutil.rmtree(self.datos, ignore_errors=True)
        shutil.rmtree(self.dir, ignore_errors=True)

    def _como_dueno(self) -> list[str]:
        if not self._usuario:
            return []
        setpriv = shutil.which("setpriv") or "/usr/bin/setpriv"
        return [setpriv, f"--reuid={self._usuario}", f"--regid={self._usuario}", "--init-groups", "--"]

    @staticmethod
    def _binario(nombre: str) -> Path:
        carpeta = binarios_postgres()
        if carpeta is None:
            raise ArranqueFallido("PostgreSQL is not installed (Debian: apt-get install postgresql)")
        return carpeta / nombre


def _usuario_postgres() -> str | None:
    """Return the account to run PostgreSQL as; None means our own, because only root may not."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        return "nobody"


def _alcanzable(carpeta: Path, usuario: str | None) -> Path:
    """Return the folder, or one under /var/tmp when the account cannot reach it (a clone under /root)."""
    if usuario is None:
        return carpeta
    cuenta = pwd.getpwnam(usuario)
    for padre in carpeta.parents:
        if not padre.exists():
            continue
        datos = padre.stat()
        permiso = datos.st_mode & 0o001
        if datos.st_gid == cuenta.pw_gid:
            permiso = datos.st_mode & 0o010
        if datos.st_uid == cuenta.pw_uid:
            permiso = datos.st_mode & 0o100
        if not permiso:
            huella = hashlib.sha256(str(carpeta.resolve()).encode()).hexdigest()[:16]
            return TEMPORAL / f"cuenta-maestra-{huella}"
    return carpeta
