"""The private servers: own passwords, own databases, and they survive what chaos does to them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psycopg
import pytest

from deploy.local.procesos import nacimiento
from tests.conftest import RAIZ, BaseDeDatos, Servidores, Vhost


def dsn(url: str) -> str:
    return url.replace("postgresql+psycopg", "postgresql")


def test_una_base_nueva_es_de_su_servicio(base_de_datos: BaseDeDatos) -> None:
    url = base_de_datos("ajeno", migrada=False)
    with psycopg.connect(dsn(url)) as conexion:
        conexion.execute("CREATE TABLE t (id int)")
        assert conexion.execute("SHOW default_toast_compression").fetchone() == ("lz4",)
        assert conexion.execute("SHOW synchronous_commit").fetchone() == ("on",)


def test_un_servicio_no_entra_en_la_base_de_otro(base_de_datos: BaseDeDatos) -> None:
    una, otra = base_de_datos("uno", migrada=False), base_de_datos("dos", migrada=False)
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(dsn(una).rpartition("/")[0] + "/" + otra.rpartition("/")[2])
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(dsn(una).rpartition("/")[0] + "/postgres")


def test_una_clave_equivocada_no_entra(base_de_datos: BaseDeDatos) -> None:
    url = base_de_datos("tres", migrada=False)
    usuario, _, resto = dsn(url).rpartition("@")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(f"{usuario}x@{resto}")


def test_cada_vhost_es_otro(vhost: Vhost) -> None:
    assert vhost() != vhost()


@pytest.mark.parametrize("cual", ["postgres", "rabbit"])
def test_muere_vuelve_se_congela_y_sigue(servidores_caos: Servidores, cual: str) -> None:
    servidor = getattr(servidores_caos, cual)
    servidor.matar()
    assert not servidor.listo()
    servidor.arrancar()
    assert servidor.listo()
    servidor.congelar()
    assert not servidor.listo()
    servidor.descongelar()
    assert servidor.listo()


def test_lo_confirmado_sobrevive_a_kill_9(servidores_caos: Servidores) -> None:
    url = dsn(servidores_caos.base_de_datos("duradera", migrada=False))
    with psycopg.connect(url) as conexion:
        conexion.execute("CREATE TABLE t (id int)")
        conexion.execute("INSERT INTO t SELECT generate_series(1, 1000)")
    servidores_caos.postgres.matar()
    servidores_caos.postgres.arrancar()
    with psycopg.connect(url) as conexion:
        assert conexion.execute("SELECT count(*) FROM t").fetchone() == (1000,)


def test_el_guardian_termina_lo_que_deja_una_corrida_muerta(tmp_path: Path) -> None:
    programa = textwrap.dedent(
        """
        import sys, time
        from pathlib import Path
        from deploy.local.guardian import vigilar
        from deploy.local.procesos import Proceso
        dir = Path(sys.argv[1]); dir.mkdir()
        guardian = vigilar(dir)
        proceso = Proceso("dormilon", dir)
        proceso.arrancar(["sleep", "600"], {"PATH": "/usr/bin:/bin"})
        print(proceso.pid, flush=True)
        time.sleep(600)
        """
    )
    carpeta = tmp_path / "servidores"
    corrida = subprocess.Popen(
        [sys.executable, "-c", programa, str(carpeta)], cwd=RAIZ, stdout=subprocess.PIPE, text=True
    )
    assert corrida.stdout is not None
    pid = int(corrida.stdout.readline())
    assert nacimiento(pid)
    os.kill(corrida.pid, signal.SIGKILL)
    corrida.wait()
    corrida.stdout.close()
    limite = time.monotonic() + 10
    while (nacimiento(pid) or carpeta.exists()) and time.monotonic() < limite:
        time.sleep(0.05)
    assert nacimiento(pid) is None
    assert not carpeta.exists()
