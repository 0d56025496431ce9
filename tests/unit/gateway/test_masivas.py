"""The rows of a bulk transfer over HTTP: what is read, what is refused and how it is told, what is sent on."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.app import crear_app
from services.gateway.masivas import ERRORES_MOSTRADOS, leer
from services.gateway.server import Frente
from shared.contracts import timbrado as c
from shared.contracts.base import load, request_hash
from shared.errors import DomainError
from tests.unit.gateway.conftest import CUENTA_A, ClienteDeMentira

RUTA = "/v1/transferencias-masivas"
FILA = st.tuples(
    st.from_regex(r"[A-Za-z0-9._@-]{3,64}", fullmatch=True),
    st.integers(1, c.CANTIDAD_MAXIMA),
    st.integers(0, 10**14 - 1),
)


def json_de(filas: list[dict[str, Any]], **opciones: Any) -> bytes:
    return orjson.dumps({"filas": filas, **opciones})


def fila(**cambios: Any) -> dict[str, Any]:
    return {"cti": "CTI-1", "cantidad": 10, "importe": "12.50", **cambios}


@given(st.lists(FILA, min_size=1, max_size=20), st.sampled_from([",", ";"]), st.booleans())
def test_json_and_csv_of_the_same_rows_are_the_same_content(
    filas: list[tuple[str, int, int]], separador: str, con_bom: bool
) -> None:
    como_json = leer(
        json_de([{"cti": i, "cantidad": n, "importe": f"{m // 100}.{m % 100:02}"} for i, n, m in filas]),
        False,
    )
    lineas = [separador.join(("cti", "cantidad", "importe"))]
    lineas += [separador.join((i, str(n), f"{m // 100}.{m % 100:02}")) for i, n, m in filas]
    como_csv = leer("\r\n".join(lineas).encode("utf-8-sig" if con_bom else "utf-8"), True)
    assert como_csv == como_json
    peticion = load(
        c.TransferirMasivamente, {"cuenta_id": CUENTA_A, "clave": "k", **como_json.columnas}
    )  # The contract's form holds for everything that is read.
    assert peticion.ctis.split(",") == [i for i, _, _ in filas]


def test_amounts_have_one_way_of_writing() -> None:
    filas = leer(json_de([fila(importe=m) for m in ("5", "5.5", "5.00", "0")]), False)
    assert filas.importes == "5.00,5.50,5.00,0.00"


@pytest.mark.parametrize(
    ("mala", "campo"),
    [
        (fila(cti="ab"), "cti"), (fila(cti="año"), "cti"), (fila(cti=7), "cti"), (fila(cti="a,b"), "cti"),
        (fila(cti="CTI-1\n"), "cti"), (fila(cantidad=0), "cantidad"), (fila(cantidad=True), "cantidad"),
        (fila(cantidad=1.0), "cantidad"), (fila(cantidad="1"), "cantidad"),
        (fila(cantidad=100_000_001), "cantidad"), (fila(importe=12.5), "importe"),
        (fila(importe="12.505"), "importe"), (fila(importe="-1.00"), "importe"), (fila(importe="1e3"), "importe"),
        (fila(importe="١٢"), "importe"), (fila(importe="1,250.00"), "importe"), (fila(importe=None), "importe"),
        (fila(precio="1.00"), "precio"), ({"cti": "CTI-1", "cantidad": 1}, "importe"), ([1], "fila"), (None, "fila"),
        ("CTI-1", "fila"),
    ],
)  # fmt: skip
def test_a_bad_row_is_named_by_number_and_field(mala: Any, campo: str) -> None:
    with pytest.raises(DomainError) as refus:
        leer(json_de([fila(), mala, fila()]), False)
    assert refus.value.datos["filas_invalidas"] == 1
    datos: dict[str, Any] = refus.value.datos
    [error] = datos["errores_por_fila"]
    assert (error["fila"], error["campo"]) == (2, campo)
    assert error["mensaje"].endswith((".", "-"))


@pytest.mark.parametrize(
    ("linea", "campo"),
    [
        ("ab,1,1.00", "cti"), ("CTI-1,1.5,1.00", "cantidad"), ("CTI-1,0,1.00", "cantidad"), ("CTI-1,,1.00", "cantidad"),
        ('CTI-1,"1,2",1.00', "cantidad"), ('"CTI-1,CTI-2",1,1.00', "cti"),
        ("CTI-1,1,$1.00", "importe"), ("CTI-1,1", "fila"), ("CTI-1,1,1.00,x", "fila"), ('CTI-1,1,"1,250.00"', "importe"),
    ],
)  # fmt: skip
def test_a_bad_line_of_a_csv_is_named_by_number_and_field(linea: str, campo: str) -> None:
    with pytest.raises(DomainError) as refus:
        leer(f"cti,cantidad,importe\nCTI-1,1,1.00\n{linea}\n".encode(), True)
    datos: dict[str, Any] = refus.value.datos
    [error] = datos["errores_por_fila"]
    assert (error["fila"], error["campo"]) == (2, campo)


def test_a_csv_as_spreadsheets_and_people_write_it() -> None:
    texto = "\ufeff Importe ;CTI; Cantidad\r\n 12.50 ;'-raro ; 7\r\n\r\n5;CTI-2;0010\r\n"
    assert leer(texto.encode(), True).columnas == {
        "ctis": "-raro,CTI-2",
        "cantidades": "7,10",
        "importes": "12.50,5.00",
    }


@pytest.mark.parametrize(
    "cuerpo",
    [
        b"", b"\xef\xbb\xbf", b"cti,cantidad\nA,1\n", b"CTI-1,1,1.00\n", "cti,cantidad,importe\nañó,1,1\n".encode("latin-1"),
        b"cti,cantidad,importe\n", b'cti,cantidad,importe\n"CTI-1,1,1.00\n', b'cti,cantidad,importe\n"a"b,1,1.00\n',
        b"\x00\x01\x02",
    ],
)  # fmt: skip
def test_what_is_no_such_csv_is_refused(cuerpo: bytes) -> None:
    with pytest.raises(DomainError) as refus:
        leer(cuerpo, True)
    assert refus.value.code == "datos_invalidos"


@pytest.mark.parametrize(
    "cuerpo",
    [
        b"", b"[]", b"{}", b'{"filas": {}}', b'{"filas": []}', b"\xff", b'{"filas": [1], "otra": 1}',
        json_de([fila()], confirmar="true"), json_de([fila()], simular=1), json_de([fila()], cuenta_id=CUENTA_A),
        b'{"filas": [' + b"[" * 2000,
    ],
)  # fmt: skip
def test_what_is_no_such_json_is_refused(cuerpo: bytes) -> None:
    with pytest.raises(DomainError) as refus:
        leer(cuerpo, False)
    assert refus.value.code == "datos_invalidos"


def test_the_first_hundred_errors_are_listed_and_all_bad_rows_counted() -> None:
    with pytest.raises(DomainError) as refus:
        leer(json_de([fila(), *[fila(cantidad=0)] * 300]), False)
    datos: dict[str, Any] = refus.value.datos
    assert (datos["filas_invalidas"], len(datos["errores_por_fila"])) == (300, ERRORES_MOSTRADOS)
    assert [e["fila"] for e in datos["errores_por_fila"]] == list(range(2, ERRORES_MOSTRADOS + 2))


def test_fifty_thousand_rows_fit_and_one_more_does_not() -> None:
    filas = [
        fila(cti=f"{n:064}", cantidad=c.CANTIDAD_MAXIMA, importe="999999999999.99")
        for n in range(c.FILAS_MAXIMAS)
    ]
    cuerpo = json_de(filas, confirmar=True)
    assert len(cuerpo) < 8 * 1024 * 1024
    leidas = leer(cuerpo, False)
    assert leidas.ctis.count(",") == c.FILAS_MAXIMAS - 1
    peticion = c.TransferirMasivamente(
        clave="k", cuenta_id=uuid4(), ctis=leidas.ctis, cantidades=leidas.cantidades, importes=leidas.importes
    )
    assert request_hash(peticion) == request_hash(peticion)
    with pytest.raises(DomainError, match="50,000"):
        leer(json_de([*filas, filas[0]]), False)


@pytest.fixture
def http(rpc: ClienteDeMentira) -> FlaskClient:
    return crear_app(rpc, rutas=("masivas",)).test_client()  # type: ignore[arg-type]


@pytest.fixture
def recibida(rpc: ClienteDeMentira) -> c.TransferenciaMasiva:
    m = c.TransferenciaMasiva(
        id=uuid4(), estado="recibida", todo_o_nada=False, filas=1, aplicadas=0, rechazadas=0, porcentaje=0,
        timbres_pedidos=10, importe_pedido=Decimal("12.50"), timbres=0, importe=Decimal(0),
        creada_en=datetime(2026, 11, 24, tzinfo=UTC),
    )  # fmt: skip
    rpc.respuesta = (m, False)
    return m


def test_a_bulk_transfer_is_sent_on_and_its_progress_is_where_location_says(
    http: FlaskClient, con_sesion: dict[str, str], rpc: ClienteDeMentira, recibida: c.TransferenciaMasiva
) -> None:
    cabeceras = {**con_sesion, "Idempotency-Key": "k1"}
    r = http.post(
        RUTA,
        data=json_de([fila()], confirmar=True, todo_o_nada=True),
        headers={**cabeceras, "Content-Type": "application/json"},
    )
    assert (r.status_code, r.headers["Location"]) == (202, f"{RUTA}/{recibida.id}"), r.text
    assert (r.get_json()["estado"], r.get_json()["importe_pedido"], r.get_json()["importe"]) == (
        "recibida",
        "12.50",
        "0.00",
    )
    csv = http.post(
        f"{RUTA}?confirmar=true&todo_o_nada=true", data=b"cti;cantidad;importe\nCTI-1;10;12.5\n",
        headers={**cabeceras, "Content-Type": "text/csv; charset=utf-8"},
    )  # fmt: skip
    assert csv.status_code == 202, csv.text
    (nombre, a), (_, b) = rpc.llamadas
    assert nombre == c.TRANSFERIR_MASIVAMENTE.nombre
    assert a == b
    assert (a.cuenta_id, a.ctis, a.cantidades, a.importes, a.todo_o_nada, a.clave) == (
        UUID(CUENTA_A), "CTI-1", "10", "12.50", True, f"{CUENTA_A}:k1",
    )  # fmt: skip


def test_a_simulation_needs_neither_key_nor_confirmation(
    http: FlaskClient, con_sesion: dict[str, str], rpc: ClienteDeMentira
) -> None:
    rechazo = c.FilaDeMasiva(
        fila=1,
        cti="CTI-1",
        cantidad=10,
        importe=Decimal("12.5"),
        estado="rechazada",
        codigo="no_existe",
        motivo="No.",
    )
    rpc.respuesta = (
        c.SimulacionMasiva(
            estado="rechazada", todo_o_nada=False, filas=1, aplicables=0, rechazadas=1, timbres=0, importe=Decimal(0),
            existencia_antes=5, existencia_despues=5, rechazos=[rechazo],
        ),
        False,
    )  # fmt: skip
    r = http.post(RUTA, json={"filas": [fila()], "simular": True}, headers=con_sesion)
    assert r.status_code == 200, r.text
    assert (r.get_json()["rechazos"][0]["codigo"], r.get_json()["importe"]) == ("no_existe", "0.00")
    assert [n for n, _ in rpc.llamadas] == [c.SIMULAR_TRANSFERENCIA_MASIVA.nombre]


@pytest.mark.parametrize(
    ("cuerpo", "consulta", "cabeceras", "status", "codigo"),
    [
        (json_de([fila()]), "", {"Idempotency-Key": "k"}, 422, "confirmacion_requerida"),
        (json_de([fila()], confirmar=True), "", {}, 400, "clave_requerida"),
        (json_de([fila()]), "?confirmar=true", {"Idempotency-Key": "k"}, 422, "datos_invalidos"),
        (json_de([fila()], confirmar=True), "", {"Content-Type": "text/plain"}, 422, "datos_invalidos"),
        (json_de([fila()], confirmar=True), "?otra=1", {"Idempotency-Key": "k"}, 422, "datos_invalidos"),
        (json_de([fila(cantidad=0)], confirmar=True), "", {"Idempotency-Key": "k"}, 422, "datos_invalidos"),
    ],
)  # fmt: skip
def test_what_is_refused_before_any_service_is_asked(
    http: FlaskClient,
    con_sesion: dict[str, str],
    rpc: ClienteDeMentira,
    cuerpo: bytes,
    consulta: str,
    cabeceras: dict[str, str],
    status: int,
    codigo: str,
) -> None:
    r = http.post(
        RUTA + consulta, data=cuerpo, headers={**con_sesion, "Content-Type": "application/json", **cabeceras}
    )
    assert (r.status_code, r.get_json()["code"]) == (status, codigo), r.text
    assert rpc.llamadas == []


def test_the_document_tells_both_bodies(http: FlaskClient) -> None:
    post = http.get("/openapi.json").get_json()["paths"][RUTA]["post"]
    assert set(post["requestBody"]["content"]) == {"application/json", "text/csv"}
    assert {"200", "202"} <= set(post["responses"])


def test_only_an_operator_transfers(http: FlaskClient, token: Any) -> None:
    lectura = {"Authorization": f"Bearer {token((CUENTA_A, 'consulta', False))}", "Idempotency-Key": "k"}
    assert http.post(RUTA, json={"filas": [fila()], "confirmar": True}, headers=lectura).status_code == 403
    assert http.post(RUTA, json={"filas": [fila()], "simular": True}, headers=lectura).status_code == 403


def test_its_body_may_be_larger_than_others() -> None:
    vistos: list[int] = []

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        vistos.append(len(environ["wsgi.input"].read()))
        start_response("200 OK", [])
        return [b""]

    frente = Frente(app, {}, 10, topes={("POST", RUTA): 100})
    estados: list[str] = []
    for ruta, largo in ((RUTA, 100), (RUTA, 101), ("/v1/otra", 11), (f"{RUTA}/x", 11)):
        environ = {"REQUEST_METHOD": "POST", "PATH_INFO": ruta, "CONTENT_LENGTH": str(largo)}
        list(
            frente(
                {**environ, "wsgi.input": io.BytesIO(b"x" * largo)},
                lambda s, *_: estados.append(s[:3]),
            )
        )
    assert (estados, vistos) == (["200", "413", "413", "413"], [100])
