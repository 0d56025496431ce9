"""The transport knows whether a request may have arrived: against servers that behave badly at each step."""

from __future__ import annotations

import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from services.timbrado.pac.http import MAXIMO, NoConectado, SinRespuesta, Transporte, multiparte
from shared.testing.certificados import Autoridad

RAIZ = Path(__file__).resolve().parents[3]


@contextmanager
def servidor(conversar: Callable[[socket.socket], None]) -> Iterator[int]:
    """A port on which each connection is `conversar`'s."""
    with socket.create_server(("127.0.0.1", 0)) as oyente:

        def atender() -> None:
            while True:
                try:
                    conexion, _ = oyente.accept()
                except OSError:
                    return
                threading.Thread(target=_una, args=(conversar, conexion), daemon=True).start()

        threading.Thread(target=atender, daemon=True).start()
        yield oyente.getsockname()[1]
        oyente.shutdown(socket.SHUT_RDWR)


def _una(conversar: Callable[[socket.socket], None], conexion: socket.socket) -> None:
    with conexion:
        try:
            conversar(conexion)
        except OSError:
            return


def leer_peticion(conexion: socket.socket) -> bytes:
    datos = b""
    while b"\r\n\r\n" not in datos:
        datos += conexion.recv(65536) or b"\r\n\r\n"
    cabeza, _, cuerpo = datos.partition(b"\r\n\r\n")
    largo = next(
        (int(x.split(b":")[1]) for x in cabeza.split(b"\r\n") if x.lower().startswith(b"content-length")), 0
    )
    while len(cuerpo) < largo:
        cuerpo += conexion.recv(65536)
    return cuerpo


def pedir(puerto: int, plazo: float = 1.0) -> object:
    return Transporte(f"http://127.0.0.1:{puerto}", conectar=0.5, plazo=plazo).pedir("POST", "/x", b"cuerpo")


def test_a_refused_connection_never_arrived() -> None:
    with socket.create_server(("127.0.0.1", 0)) as oyente:
        puerto = oyente.getsockname()[1]
    with pytest.raises(NoConectado, match="rechazada"):
        pedir(puerto)


def test_a_name_that_does_not_resolve_never_arrived() -> None:
    with pytest.raises(NoConectado, match="no se resuelve"):
        Transporte("http://no-existe.invalid", conectar=1).pedir("POST", "/", b"x")


def test_a_host_that_never_accepts_never_arrived() -> None:
    # A full backlog drops what comes: the connection is never made.
    with socket.socket() as oyente:
        oyente.bind(("127.0.0.1", 0))
        oyente.listen(0)
        puerto = oyente.getsockname()[1]
        llenan = [socket.socket() for _ in range(4)]
        for s in llenan:
            s.setblocking(False)
            s.connect_ex(("127.0.0.1", puerto))
        with pytest.raises(NoConectado, match="a tiempo"):
            Transporte(f"http://127.0.0.1:{puerto}", conectar=0.2).pedir("POST", "/", b"x")
        for s in llenan:
            s.close()


def test_a_certificate_that_nobody_vouches_for_never_gets_the_request(tmp_path: Path) -> None:
    par = Autoridad.nueva().emitir("AAA010101AAA", "localhost")
    pem = tmp_path / "par.pem"
    pem.write_bytes(
        par.llave.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        + par.cert.public_bytes(Encoding.PEM)
    )
    contexto = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    contexto.load_cert_chain(pem)
    recibido: list[bytes] = []

    def conversar(conexion: socket.socket) -> None:
        with contexto.wrap_socket(conexion, server_side=True) as segura:
            recibido.append(segura.recv(10))

    with servidor(conversar) as puerto, pytest.raises(NoConectado, match="TLS"):
        Transporte(f"https://127.0.0.1:{puerto}", conectar=1).pedir("POST", "/", b"x")
    assert recibido == []


@pytest.mark.parametrize(
    "conversar",
    [
        pytest.param(lambda c: threading.Event().wait(3), id="accepts, never reads"),
        pytest.param(lambda c: (leer_peticion(c), threading.Event().wait(3)), id="reads, never answers"),
        pytest.param(leer_peticion, id="reads, closes"),
        pytest.param(lambda c: None, id="closes at once"),
        pytest.param(lambda c: (leer_peticion(c), c.sendall(b"esto no es HTTP\r\n\r\n")), id="not HTTP"),
        pytest.param(
            lambda c: (leer_peticion(c), c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nmedia")),
            id="cut in the middle",
        ),
        pytest.param(
            lambda c: (
                leer_peticion(c),
                c.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"),
            ),
            id="cut in a chunk",
        ),
        pytest.param(
            lambda c: (leer_peticion(c), c.sendall(b"HTTP/1.1 200 OK\r\nX: ")), id="cut in the headers"
        ),
    ],
)
def test_what_happens_after_sending_may_have_arrived(conversar: Callable[[socket.socket], None]) -> None:
    with servidor(conversar) as puerto, pytest.raises(SinRespuesta):
        pedir(puerto, plazo=0.4)


@pytest.mark.parametrize("inicio", [b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n",
                                    b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"])  # fmt: skip
def test_an_answer_that_drips_ends_at_the_deadline(inicio: bytes) -> None:
    fin = threading.Event()

    def conversar(conexion: socket.socket) -> None:
        leer_peticion(conexion)
        conexion.sendall(inicio)
        while not fin.wait(0.05):
            conexion.sendall(b"X-Mas: 1\r\n")

    with servidor(conversar) as puerto, pytest.raises(SinRespuesta, match="agotado"):
        pedir(puerto, plazo=0.5)
    fin.set()


def test_an_answer_without_end_is_not_kept_in_memory() -> None:
    def conversar(conexion: socket.socket) -> None:
        leer_peticion(conexion)
        conexion.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            conexion.sendall(b"x" * 1_000_000)

    with servidor(conversar) as puerto, pytest.raises(SinRespuesta, match="grande"):
        pedir(puerto, plazo=20)
    assert MAXIMO < 16 * 1024 * 1024


def test_statuses_are_answers_and_redirections_are_not_followed() -> None:
    def conversar(conexion: socket.socket) -> None:
        leer_peticion(conexion)
        conexion.sendall(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n")

    with servidor(conversar) as puerto:
        respuesta = Transporte(f"http://127.0.0.1:{puerto}/raiz/").pedir("POST", "/x", b"c")
    assert respuesta.estado == 302
    assert respuesta.cabeceras["location"] == "http://127.0.0.1:1/"


def test_a_connection_is_used_again_and_a_stale_one_is_not() -> None:
    conexiones = [0]

    def conversar(conexion: socket.socket) -> None:
        conexiones[0] += 1
        for _ in range(2):
            cuerpo = leer_peticion(conexion)
            conexion.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(cuerpo), cuerpo))

    with servidor(conversar) as puerto:
        transporte = Transporte(f"http://127.0.0.1:{puerto}")
        # The server closes each connection after two: the third finds that out before it writes.
        for texto in (b"uno", b"dos", b"tres"):
            assert transporte.pedir("POST", "/", texto).cuerpo == texto
            if texto == b"dos":
                threading.Event().wait(0.1)
        transporte.cerrar()
    assert conexiones[0] == 2


def test_a_request_whose_time_is_over_is_not_sent() -> None:
    recibido: list[bytes] = []

    def conversar(conexion: socket.socket) -> None:
        while True:
            recibido.append(leer_peticion(conexion))
            conexion.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    with servidor(conversar) as puerto:
        transporte = Transporte(f"http://127.0.0.1:{puerto}")
        transporte.pedir("POST", "/", b"uno")
        for _ in range(2):  # with a connection at hand, and it is kept
            with pytest.raises(NoConectado, match="sin tiempo"):
                transporte.pedir("POST", "/", b"dos", plazo=0)
        with pytest.raises(NoConectado, match="sin tiempo"):
            Transporte(f"http://127.0.0.1:{puerto}").pedir("POST", "/", b"tres", plazo=0)
        transporte.pedir("POST", "/", b"cuatro")
    assert recibido == [b"uno", b"cuatro"]


def test_a_multipart_body_never_holds_its_own_border() -> None:
    _, tipo = multiparte("xml", b"a")
    borde = tipo.partition("boundary=")[2].encode()
    cuerpo, otro = multiparte("xml", b"--" + borde + b"--")
    assert otro.partition("boundary=")[2].encode() != borde
    assert cuerpo.count(otro.partition("boundary=")[2].encode()) == 2


def test_only_http_addresses_are_taken() -> None:
    with pytest.raises(ValueError, match="not an http"):
        Transporte("ftp://pac.example")


def par_tls(carpeta: Path) -> tuple[Path, Path]:
    """Files of a certificate authority and of a server of 127.0.0.1 that it vouches for."""
    ca, llave = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    nombre = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "CA de prueba")])
    ahora = datetime.now(UTC)

    def hacer(sujeto: x509.Name, publica: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder().subject_name(sujeto).issuer_name(nombre).public_key(publica)
            .serial_number(x509.random_serial_number()).not_valid_before(ahora - timedelta(days=1))
            .not_valid_after(ahora + timedelta(days=1))
        )  # fmt: skip

    raiz = (
        hacer(nombre, ca.public_key())
        .add_extension(x509.BasicConstraints(True, None), True)
        .sign(ca, SHA256())
    )
    san = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    hoja = hacer(x509.Name([]), llave.public_key()).add_extension(san, True).sign(ca, SHA256())
    archivo_ca, archivo = carpeta / "ca.pem", carpeta / "servidor.pem"
    archivo_ca.write_bytes(raiz.public_bytes(Encoding.PEM))
    archivo.write_bytes(
        llave.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        + hoja.public_bytes(Encoding.PEM)
    )
    return archivo_ca, archivo


def test_over_tls_it_answers_and_its_deadline_is_kept(tmp_path: Path) -> None:
    archivo_ca, archivo = par_tls(tmp_path)
    contexto = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    contexto.load_cert_chain(archivo)
    goteo = threading.Event()

    def conversar(conexion: socket.socket) -> None:
        with contexto.wrap_socket(conexion, server_side=True) as segura:
            while True:
                cuerpo = leer_peticion(segura)
                segura.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(cuerpo))
                while goteo.is_set():
                    segura.sendall(b"x")
                    time.sleep(0.05)
                segura.sendall(cuerpo)

    with servidor(conversar) as puerto:
        transporte = Transporte(
            f"https://127.0.0.1:{puerto}", conectar=2, plazo=2, autoridades=str(archivo_ca)
        )
        for texto in (b"uno", b"dos"):
            assert transporte.pedir("POST", "/", texto).cuerpo == texto
        goteo.set()
        with pytest.raises(SinRespuesta, match="agotado"):
            transporte.pedir("POST", "/", b"x" * 9999, plazo=0.4)
        goteo.clear()
        with pytest.raises(NoConectado, match="TLS"):
            Transporte(f"https://127.0.0.1:{puerto}", conectar=2).pedir("POST", "/", b"x")


_VERDE = """
import eventlet
eventlet.monkey_patch()
import socket, threading, time
from concurrent.futures import ThreadPoolExecutor
from services.timbrado.pac.http import SinRespuesta, Transporte
latidos = [0]
def latir():
    while True:
        latidos[0] += 1
        eventlet.sleep(0.01)
eventlet.spawn(latir)
oyente = socket.create_server(("127.0.0.1", 0))
def atender():
    while True:
        conexion, _ = oyente.accept()
        eventlet.spawn(una, conexion)
def una(conexion):
    conexion.recv(65536)
    eventlet.sleep(0.3)
    conexion.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\n")
    eventlet.sleep(0.1 if latidos[0] < 1000 else 9)
    conexion.sendall(b"ok")
    eventlet.sleep(9)
eventlet.spawn(atender)
t = Transporte(f"http://127.0.0.1:{oyente.getsockname()[1]}", plazo=3)
with ThreadPoolExecutor(8) as obreros:
    hechas = list(obreros.map(lambda _: t.pedir("POST", "/", b"x").cuerpo, range(8)))
assert hechas == [b"ok"] * 8, hechas
assert latidos[0] > 10, latidos
corto = Transporte(f"http://127.0.0.1:{oyente.getsockname()[1]}", plazo=0.2)
try:
    corto.pedir("POST", "/", b"x")
    raise SystemExit("no deadline")
except SinRespuesta:
    print("verde")
"""


def test_it_works_in_green_threads_without_stopping_the_others() -> None:
    hecho = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _VERDE], cwd=RAIZ, capture_output=True, text=True, timeout=60
    )
    assert hecho.stdout.strip() == "verde", hecho.stderr
