"""`make up` without its services: servers, secrets, supervision, scaling, crashes and the way down.

A few lines of HTTP stand in for the gateway, so that this does not depend on what the services do.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from tempfile import mkdtemp

import psycopg
import pytest

from deploy.lanzar import leer
from deploy.local import arriba, operar
from deploy.local.guardian import limpiar, vigilar
from deploy.local.instalacion import Instalacion
from deploy.local.procesos import ArranqueFallido, esperar, nacimiento
from deploy.local.supervision import SERVIDORES, Supervisor
from deploy.servicios import Servicio

BUCLE = ("0100007F", "00000000000000000000000001000000")
"""127.0.0.1 and ::1 as the kernel writes them; epmd always takes both."""
FALSO = "tests.integration.test_deploy_local"
SERVICIOS = (
    Servicio("gateway", base=False, http=True, modulo=FALSO, secretos=("TOKEN_PUBLIC_KEY_FILE",)),
    Servicio("obrero", base=False, procesos=2, modulo=FALSO),
)


class _Salud(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(str(os.getpid()).encode())


class _Servidor(HTTPServer):
    def server_bind(self) -> None:
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        super().server_bind()


def _servicio_falso() -> None:
    """What supervisord runs in this module's tests."""
    if os.environ["SERVICIO"] == "gateway":
        _Servidor(("127.0.0.1", int(os.environ["HTTP_PORT"])), _Salud).serve_forever()
    signal.pause()


@pytest.fixture(scope="module", autouse=True)
def codigo_quieto() -> Iterator[None]:
    """The code of a checkout in use changes while the tests run."""
    with pytest.MonkeyPatch.context() as parche:
        parche.setattr(arriba, "_huella", lambda: "la misma")
        yield


@pytest.fixture(scope="module")
def instalacion(codigo_quieto: None) -> Iterator[Instalacion]:
    carpeta = Path(mkdtemp(prefix="cuenta-maestra-pruebas-", dir="/var/tmp"))
    guardian = vigilar(carpeta)
    una = Instalacion(carpeta / "run", SERVICIOS)
    arriba.levantar(una)
    # Should this run be killed, its guardian ends supervisord and everything under it.
    pid = Supervisor(una).pid
    assert pid is not None
    (carpeta / "supervisord.pid").write_text(f"{pid} {nacimiento(pid)}")
    yield una
    operar.clean(una)
    assert not una.dir.exists()
    limpiar(carpeta)
    guardian.communicate()


def _pid(instalacion: Instalacion, proceso: str) -> int:
    return Supervisor(instalacion).estado(proceso).pid


def _vuelve(instalacion: Instalacion, proceso: str, viejo: int) -> bool:
    supervisor = Supervisor(instalacion)

    def otro() -> bool:
        estado = supervisor.estado(proceso)
        return estado.estado == "RUNNING" and estado.pid != viejo

    return esperar(otro, 30)


def test_todo_corre_y_la_segunda_vez_no_toca_nada(instalacion: Instalacion) -> None:
    antes = {e.nombre: e.pid for e in Supervisor(instalacion).estados()}
    assert set(antes) == {*SERVIDORES, "gateway-1", "obrero-1", "obrero-2"}
    inicio = time.monotonic()
    arriba.levantar(instalacion)
    assert time.monotonic() - inicio < 2
    assert {e.nombre: e.pid for e in Supervisor(instalacion).estados()} == antes


def test_con_otro_codigo_reinicia_los_servicios_y_no_los_servidores(
    instalacion: Instalacion, monkeypatch: pytest.MonkeyPatch
) -> None:
    antes = {e.nombre: e.pid for e in Supervisor(instalacion).estados()}
    monkeypatch.setattr(arriba, "_huella", lambda: "otra")
    arriba.levantar(instalacion)
    ahora = {e.nombre: e.pid for e in Supervisor(instalacion).estados()}
    assert {n for n in antes if antes[n] != ahora[n]} == {"gateway-1", "obrero-1", "obrero-2"}
    monkeypatch.undo()
    (instalacion.dir / "huella").write_text("la misma")


def test_los_secretos_son_de_su_dueno(instalacion: Instalacion) -> None:
    archivos = [a for c in ("secretos", "entorno") for a in (instalacion.dir / c).rglob("*") if a.is_file()]
    archivos.append(instalacion.dir / "supervisord.conf")
    assert len(archivos) > 6
    for archivo in archivos:
        assert stat.S_IMODE(archivo.stat().st_mode) == 0o600, archivo
    clave = (instalacion.dir / "secretos" / "claves" / "rabbitmq").read_text()
    assert clave not in (instalacion.dir / "supervisord.conf").read_text()


def test_cada_servicio_conoce_lo_suyo(instalacion: Instalacion) -> None:
    gateway = leer(instalacion.archivo_entorno("gateway"))
    assert "DATABASE_URL" not in gateway
    assert "TOKEN_PRIVATE_KEY_FILE" not in gateway
    assert Path(gateway["TOKEN_PUBLIC_KEY_FILE"]).read_text().startswith("-----BEGIN PUBLIC KEY-----")
    assert gateway["PSYCOPG_WAIT_FUNC"] == "wait_selector"


def test_nada_escucha_fuera_de_la_maquina(instalacion: Instalacion) -> None:
    puertos = {puerto for nombre, puerto in instalacion.puertos.items() if not nombre.startswith("metricas")}
    oidos = set()
    for tabla in ("tcp", "tcp6"):
        for renglon in Path(f"/proc/net/{tabla}").read_text().splitlines()[1:]:
            campos = renglon.split()
            direccion, puerto = campos[1].split(":")
            if campos[3] == "0A" and int(puerto, 16) in puertos:
                oidos.add(int(puerto, 16))
                assert direccion in BUCLE, f"{int(puerto, 16)} listens on {direccion}"
    assert oidos == puertos


@pytest.mark.parametrize("proceso", ["obrero-1", "postgres", "rabbitmq", "epmd"])
def test_lo_que_muere_vuelve(instalacion: Instalacion, proceso: str) -> None:
    pid = _pid(instalacion, proceso)
    os.kill(pid, signal.SIGKILL)
    assert _vuelve(instalacion, proceso, pid)
    assert esperar(instalacion.postgres.listo, 30)
    assert esperar(instalacion.rabbit.listo, 30)


def test_escalar_no_toca_a_los_demas(instalacion: Instalacion) -> None:
    antes = {e.nombre: e.pid for e in Supervisor(instalacion).estados()}
    operar.scale(instalacion, ["obrero=3", "gateway=2"])
    ahora = {e.nombre: e.pid for e in Supervisor(instalacion).estados()}
    assert set(ahora) - set(antes) == {"obrero-3", "gateway-2"}
    assert {nombre: ahora[nombre] for nombre in antes} == antes
    # Both gateways share one port.
    quienes: set[bytes] = set()

    def dos() -> bool:
        with urllib.request.urlopen(f"{instalacion.url}/salud/lista") as respuesta:
            quienes.add(respuesta.read())
        return len(quienes) == 2

    assert esperar(dos, 10)
    operar.scale(instalacion, ["obrero=1", "gateway=1"])
    assert {e.nombre for e in Supervisor(instalacion).estados()} == {*SERVIDORES, "obrero-1", "gateway-1"}
    with pytest.raises(SystemExit, match="Not understood"):
        operar.scale(instalacion, ["nadie=2"])


def test_reiniciar_uno_deja_a_los_demas(instalacion: Instalacion) -> None:
    antes = {e.nombre: e.pid for e in Supervisor(instalacion).estados()}
    operar.restart(instalacion, "obrero")
    ahora = {e.nombre: e.pid for e in Supervisor(instalacion).estados()}
    assert {n for n in antes if antes[n] != ahora[n]} == {"obrero-1"}


def test_un_proceso_que_no_arranca_se_nombra_con_su_registro(instalacion: Instalacion) -> None:
    malo = Servicio("malo", base=False, modulo="modulo_que_no_existe")
    otra = Instalacion(instalacion.dir, (malo,))
    otra.preparar()
    supervisor = Supervisor(otra)
    supervisor.escribir(servicios=True)
    supervisor.aplicar()
    with pytest.raises(ArranqueFallido, match=r"malo-1 is \w+(.|\n)*No module named modulo_que_no_existe"):
        arriba.esperar_lista(otra, supervisor, segundos=3)
    supervisor = Supervisor(instalacion)
    supervisor.escribir(servicios=True)
    supervisor.aplicar()
    arriba.esperar_lista(instalacion, supervisor)


def test_muerto_supervisord_se_levanta_de_nuevo_con_los_mismos_datos(instalacion: Instalacion) -> None:
    with instalacion.postgres.conectar() as conexion:
        conexion.execute("CREATE TABLE recuerdo (id int)")
    puertos = json.loads((instalacion.dir / "puertos.json").read_text())
    pid = Supervisor(instalacion).pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    nueva = Instalacion(instalacion.dir, SERVICIOS)
    arriba.levantar(nueva)
    with nueva.postgres.conectar() as conexion:
        assert conexion.execute("SELECT count(*) FROM recuerdo").fetchone() == (0,)
    assert json.loads((nueva.dir / "puertos.json").read_text()) == puertos


def test_abajo_no_queda_nada_y_los_datos_siguen(instalacion: Instalacion) -> None:
    operar.down(instalacion)
    marca = f"SUPERVISADO_EN={instalacion.dir}".encode()
    for archivo in Path("/proc").glob("[0-9]*/environ"):
        try:
            assert marca not in archivo.read_bytes(), archivo
        except OSError:
            continue
    operar.down(instalacion)
    arriba.levantar(instalacion)
    with instalacion.postgres.conectar() as conexion:
        conexion.execute("SELECT * FROM recuerdo")


def test_un_puerto_que_otro_tomo_se_cambia(instalacion: Instalacion) -> None:
    operar.down(instalacion)
    with socket.socket() as intruso:
        # Connections closed a moment ago still hold the port for whoever does not say this; servers do.
        intruso.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        intruso.bind(("127.0.0.1", instalacion.puertos["postgres"]))
        intruso.listen()
        nueva = Instalacion(instalacion.dir, SERVICIOS)
        arriba.levantar(nueva)
        assert nueva.puertos["postgres"] != intruso.getsockname()[1]
        with psycopg.connect(nueva.postgres.url().replace("+psycopg", "")) as conexion:
            conexion.execute("SELECT * FROM recuerdo")
    instalacion.__dict__.clear()
    instalacion.__dict__.update({"dir": nueva.dir, "servicios": nueva.servicios})


def test_hay_ayuda_para_todo() -> None:
    ayuda = subprocess.run(["make", "help"], capture_output=True, text=True, check=True).stdout
    for objetivo in (
        "up",
        "down",
        "logs",
        "ps",
        "scale",
        "check",
        "test",
        "bench",
        "chaos",
        "verify",
        "lock",
    ):
        assert f"make {objetivo} " in ayuda


if __name__ == "__main__":
    _servicio_falso()
