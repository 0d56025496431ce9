"""The HTTP server as a process: limits, keep-alive, several processes on one port, graceful stop."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from deploy.local.puertos import libres

RAIZ = Path(__file__).resolve().parents[3]
MAXIMO = 64 * 1024

Lanzar = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def puerto() -> int:
    return int(libres(1)[0])


@pytest.fixture
def lanzar(puerto: int) -> Iterator[Lanzar]:
    procesos: list[subprocess.Popen[str]] = []

    def uno(**extra: str) -> subprocess.Popen[str]:
        p = subprocess.Popen(
            [sys.executable, "-m", "tests.unit.gateway.servidor_de_prueba"],
            cwd=RAIZ,
            env={**os.environ, "HTTP_PORT": str(puerto), "HTTP_MAX_BODY": str(MAXIMO), **extra},
            stdout=subprocess.PIPE,
            text=True,
        )
        procesos.append(p)
        assert p.stdout is not None
        for linea in p.stdout:
            if linea.startswith("listo"):
                return p
        raise AssertionError("the server did not start")

    yield uno
    for p in procesos:
        p.kill()
        p.wait()


def _abrir(puerto: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", puerto), timeout=15)


def _hasta_cerrar(s: socket.socket) -> bytes:
    partes = []
    while parte := s.recv(65536):
        partes.append(parte)
    return b"".join(partes)


def test_sirve_y_conserva_la_conexion(lanzar: Lanzar, puerto: int) -> None:
    lanzar()
    with requests.Session() as sesion:
        for _ in range(3):
            r = sesion.post(f"http://127.0.0.1:{puerto}/eco", data=b"x" * 1000, timeout=10)
            assert r.text == "1000"
        r = sesion.get(f"http://127.0.0.1:{puerto}/salud/viva", timeout=10)
        assert r.json() == {"estado": "viva"}
        assert r.headers["X-Content-Type-Options"] == "nosniff"
    with _abrir(puerto) as s:
        for _ in range(2):
            s.sendall(b"GET /salud/viva HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b"200 OK" in s.recv(65536)


def test_la_direccion_de_quien_llama_tras_un_proxy(lanzar: Lanzar, puerto: int) -> None:
    lanzar(PROXIES_DE_CONFIANZA="127.0.0.1, 10.0.0.0/8")
    peticion = (
        b"GET /direccion HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 1.1.1.1, 203.0.113.9\r\n"
        b"X_Forwarded_For: 2.2.2.2\r\nX-Forwarded-For: 10.0.0.2\r\nConnection: close\r\n\r\n"
    )
    with _abrir(puerto) as s:
        s.sendall(peticion)
        assert _hasta_cerrar(s).endswith(b"\r\n\r\n203.0.113.9")
    # By another way in it is whoever connects.
    with socket.create_connection(("127.0.0.1", puerto), 15, source_address=("127.0.0.2", 0)) as s:
        s.sendall(peticion)
        assert _hasta_cerrar(s).endswith(b"\r\n\r\n127.0.0.2")


def test_cuerpo_demasiado_grande(lanzar: Lanzar, puerto: int) -> None:
    lanzar()
    url = f"http://127.0.0.1:{puerto}/eco"
    assert requests.post(url, data=b"x" * MAXIMO, timeout=10).text == str(MAXIMO)
    declarado = requests.post(url, data=b"x" * (MAXIMO * 20), timeout=10)
    assert (declarado.status_code, declarado.json()["code"]) == (413, "cuerpo_demasiado_grande")
    assert declarado.headers["Connection"] == "close"
    por_trozos = requests.post(url, data=(b"x" * 16_384 for _ in range(80)), timeout=10)
    assert (por_trozos.status_code, por_trozos.json()["code"]) == (413, "cuerpo_demasiado_grande")
    assert requests.post(url, data=(b"x" * 1000 for _ in range(3)), timeout=10).text == "3000"


def test_lo_que_sobra_de_un_cuerpo_no_es_otra_peticion(lanzar: Lanzar, puerto: int) -> None:
    lanzar()
    with _abrir(puerto) as s:
        s.sendall(
            b"POST /eco HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999\r\n\r\n"
            b"GET /salud/viva HTTP/1.1\r\nHost: x\r\n\r\n"
        )
        respuesta = _hasta_cerrar(s)
    assert respuesta.count(b"HTTP/1.1 ") == 1
    assert b"413" in respuesta.split(b"\r\n")[0]


def test_trozos_mal_formados(lanzar: Lanzar, puerto: int) -> None:
    lanzar()
    with _abrir(puerto) as s:
        s.sendall(
            b"POST /eco HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhola\r\n0\r\n\r\n"
        )
        assert b" 400 " in _hasta_cerrar(s).split(b"\r\n")[0]


def test_cabeceras_lentas_se_cierran(lanzar: Lanzar, puerto: int) -> None:
    lanzar(PRUEBA_PLAZO_CABECERAS="0.5")
    with _abrir(puerto) as s:
        s.sendall(b"GET /salud/viva HTTP/1.1\r\n")
        inicio = time.monotonic()
        try:
            for _ in range(40):
                s.sendall(b"X: y\r\n")
                time.sleep(0.1)
        except OSError:
            pass
        assert time.monotonic() - inicio < 3
    assert requests.get(f"http://127.0.0.1:{puerto}/salud/viva", timeout=10).status_code == 200


def test_direccion_demasiado_larga(lanzar: Lanzar, puerto: int) -> None:
    lanzar()
    r = requests.get(f"http://127.0.0.1:{puerto}/" + "a" * 9000, timeout=10)
    assert (r.status_code, r.json()["code"]) == (414, "datos_invalidos")
    assert "demasiado larga" in r.json()["detail"]


@pytest.mark.parametrize(
    ("peticion", "status"),
    [
        (b"GET /salud/viva HTTP/9.9\r\n\r\n", 505),
        (b"GET /salud/viva HTTP/uno\r\n\r\n", 400),
        (b"cualquier cosa que no es HTTP\r\n\r\n", 400),
        (b"GET /salud/viva HTTP/1.1\r\nX: " + b"y" * 70_000 + b"\r\n\r\n", 431),
        (b"GET /salud/viva HTTP/1.1\r\n" + b"X: y\r\n" * 150 + b"\r\n", 431),
        (b"POST /eco HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST /eco HTTP/1.1\r\nContent-Length: +4\r\n\r\nhola", 400),
        (b"POST /eco HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\nhola", 400),
    ],
)
def test_lo_que_no_es_una_peticion_recibe_un_problema(
    lanzar: Lanzar, puerto: int, peticion: bytes, status: int
) -> None:
    lanzar()
    with _abrir(puerto) as s:
        s.sendall(peticion)
        cabeza, _, cuerpo = _hasta_cerrar(s).partition(b"\r\n\r\n")
    assert cabeza.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"application/problem+json" in cabeza
    assert b"Connection: close" in cabeza
    problema = json.loads(cuerpo)
    assert (problema["status"], problema["code"]) == (status, "datos_invalidos")
    assert problema["detail"]


def test_una_falla_no_cuenta_nada(lanzar: Lanzar, puerto: int) -> None:
    lanzar()
    r = requests.get(f"http://127.0.0.1:{puerto}/falla", timeout=10)
    assert (r.status_code, r.json()["code"]) == (500, "error_interno")
    assert "secreto" not in r.text
    assert r.headers["X-Correlation-Id"] == r.json()["correlation_id"]


def test_al_parar_termina_lo_que_esta_en_curso(lanzar: Lanzar, puerto: int) -> None:
    proceso = lanzar()
    ociosa = _abrir(puerto)
    ociosa.sendall(b"GET /salud/viva HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b"200 OK" in ociosa.recv(65536)
    with ThreadPoolExecutor(8) as pool:
        futuros = [
            pool.submit(requests.get, f"http://127.0.0.1:{puerto}/lento", timeout=10) for _ in range(8)
        ]
        time.sleep(0.5)
        proceso.terminate()
        respuestas = [f.result() for f in futuros]
    assert [r.status_code for r in respuestas] == [200] * 8
    assert {r.headers["Connection"] for r in respuestas} == {"close"}
    assert proceso.wait(timeout=5) == 0
    assert ociosa.recv(10) == b""
    ociosa.close()


def test_dos_procesos_en_un_puerto(lanzar: Lanzar, puerto: int) -> None:
    uno, _dos = lanzar(), lanzar()
    url = f"http://127.0.0.1:{puerto}/salud/viva"
    assert all(requests.get(url, timeout=10).status_code == 200 for _ in range(10))
    uno.terminate()
    assert uno.wait(timeout=10) == 0
    assert all(requests.get(url, timeout=10).status_code == 200 for _ in range(10))
