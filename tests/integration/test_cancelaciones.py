"""Cancellations on a real PostgreSQL: one per document, whatever is lost on the way."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from lxml import etree
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from services.timbrado.cfdi import cancelacion as solicitudes
from services.timbrado.cfdi import firma
from services.timbrado.use_cases import comprobantes
from shared.contracts import timbrado as c
from shared.testing import cfdi
from shared.testing.certificados import Autoridad
from tests.integration.notaria import SECRETO, Notaria, abrir, rechazo


@pytest.fixture(scope="module")
def notaria(
    base_de_datos_modulo: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Notaria]:
    with abrir(base_de_datos_modulo("timbrado"), tmp_path_factory.mktemp("cfdi")) as una:
        yield una


def test_without_acceptance_it_is_cancelled_at_once_with_its_acuse(notaria: Notaria) -> None:
    uuid = notaria.timbrada(lineas=0)
    assert notaria.estado(uuid).es_cancelable == "Cancelable sin aceptación"
    hecha = notaria.cancelar(uuid)
    assert (hecha.estado, hecha.codigo) == ("cancelada", "201")
    assert hecha.terminada_en is not None
    acuse = etree.fromstring((hecha.acuse or "").encode())
    assert firma.verificar(acuse) == notaria.pac.certificado
    assert str(uuid).upper() in (hecha.acuse or "")
    visto = notaria.estado(uuid)
    assert (visto.estado, visto.estatus_cancelacion) == ("Cancelado", "Cancelado sin aceptación")
    assert visto.cancelacion == hecha


@pytest.mark.parametrize(
    ("aceptada", "final", "sat"), [(True, "cancelada", "Cancelado"), (False, "rechazada", "Vigente")]
)
def test_with_acceptance_it_waits_for_the_receiver(
    notaria: Notaria, aceptada: bool, final: str, sat: str
) -> None:
    uuid = notaria.timbrada()
    assert notaria.estado(uuid).es_cancelable == "Cancelable con aceptación"
    hecha = notaria.cancelar(uuid, "03")
    assert (hecha.estado, hecha.codigo, hecha.terminada_en) == ("en_proceso", "201", None)
    notaria.conciliar()
    assert notaria.filas(uuid) == ["en_proceso"]
    notaria.cancelador.responder(c.ResponderCancelacion(uuid=uuid, aceptada=aceptada))
    notaria.conciliar()
    visto = notaria.estado(uuid)
    assert visto.estado == sat
    assert visto.cancelacion is not None
    assert (visto.cancelacion.estado, visto.cancelacion.acuse) == (final, hecha.acuse)
    with notaria.banco.engine.connect() as connection:
        avisos = connection.execute(
            text("SELECT tipo FROM avisos WHERE mensaje LIKE :m"), {"m": f"%{str(uuid).upper()}%"}
        ).scalars()
        assert list(avisos) == [f"cancelacion_{final}"]
    if final == "rechazada":
        assert notaria.cancelar(uuid, "03").estado == "en_proceso"
        assert notaria.filas(uuid) == ["rechazada", "en_proceso"]


def test_a_provider_that_says_201_for_everything_cancels_nothing_before_the_sat_does(
    notaria: Notaria,
) -> None:
    uuid, libre = notaria.timbrada(), notaria.timbrada(lineas=0)
    notaria.pac.calla_la_aceptacion = True
    try:
        assert (notaria.cancelar(uuid).estado, notaria.cancelar(libre).estado) == ("en_proceso", "cancelada")
    finally:
        notaria.pac.calla_la_aceptacion = False
    notaria.cancelador.responder(c.ResponderCancelacion(uuid=uuid, aceptada=True))
    notaria.conciliar()
    assert notaria.filas(uuid) == ["cancelada"]


def test_the_same_again_is_the_first_and_another_motive_is_refused(notaria: Notaria) -> None:
    uuid = notaria.timbrada(lineas=0)
    clave = str(uuid4())
    primera = notaria.cancelar(uuid, clave=clave)
    antes = len(notaria.pac.cancelados)
    assert notaria.cancelar(uuid, clave=clave) == primera
    assert notaria.cancelar(uuid) == primera
    assert len(notaria.pac.cancelados) == antes
    assert rechazo(lambda: notaria.cancelar(uuid, "03")).code == "conflicto"
    otra = notaria.timbrada(lineas=0)
    assert rechazo(lambda: notaria.cancelar(otra, clave=clave)).code == "clave_reutilizada"
    assert notaria.filas(otra) == []


@pytest.mark.parametrize("modo", ["cancelacion_sin_respuesta_antes", "cancelacion_sin_respuesta_despues"])
@pytest.mark.parametrize("quien", ["conciliador", "cliente"])
def test_an_answer_that_is_lost_ends_in_one_cancellation_without_the_key(
    notaria: Notaria, modo: str, quien: str
) -> None:
    uuid = notaria.timbrada(lineas=0)
    notaria.fallar(modo)
    assert notaria.cancelar(uuid).estado == "solicitada"
    if quien == "conciliador":
        notaria.conciliar()
        hecha = notaria.estado(uuid).cancelacion
    else:
        hecha = notaria.cancelar(uuid)
    assert hecha is not None
    assert (hecha.estado, hecha.acuse is not None) == ("cancelada", True)
    assert notaria.filas(uuid) == ["cancelada"]
    assert notaria.en_el_sat(uuid).estado == "cancelada"
    pedidos = [s for s in notaria.pac.cancelados if s.uuid == uuid]
    assert len({s.xml for s in pedidos}) == 1
    if quien == "conciliador":
        assert pedidos[-1].csd is None


def test_many_callers_at_once_make_one_cancellation(notaria: Notaria) -> None:
    uuid = notaria.timbrada(lineas=0)
    estados: list[str] = []

    def una() -> None:
        estados.append(notaria.cancelar(uuid).estado)

    hilos = [threading.Thread(target=una) for _ in range(6)]
    for h in hilos:
        h.start()
    for h in hilos:
        h.join()
    assert set(estados) <= {"cancelada", "solicitada"}
    assert len(estados) == 6
    assert notaria.filas(uuid) == ["cancelada"]
    assert notaria.en_el_sat(uuid).veces == 1


def test_the_sat_refuses_and_it_can_be_asked_again(notaria: Notaria) -> None:
    uuid = notaria.timbrada(lineas=0)
    notaria.fallar("cancelacion_rechazar")
    hecha = notaria.cancelar(uuid)
    assert (hecha.estado, hecha.codigo) == ("rechazada", "204")
    assert "Cancele primero los relacionados" in (hecha.detalle or "")
    assert notaria.cancelar(uuid).estado == "cancelada"


def test_a_retention_receipt_is_cancelled_by_the_service_of_its_own(notaria: Notaria) -> None:
    [r] = notaria.banco.timbrar(cfdi.retencion(notaria.emisor, uuid4().int % 10**6))
    assert r.uuid is not None, r.detail
    hecha = notaria.cancelar(r.uuid)
    assert hecha.estado == "cancelada"
    folio, _ = solicitudes.leer(notaria.pac.cancelados[-1].xml)
    assert folio.retencion
    assert solicitudes.NS_RETENCION in (hecha.acuse or "")


def test_motives_and_replacements(notaria: Notaria) -> None:
    uuid, otra = notaria.timbrada(lineas=0), notaria.timbrada(lineas=0)
    for motivo, sustituye in (("01", None), ("01", uuid), ("02", otra)):
        error = rechazo(partial(notaria.cancelar, uuid, motivo, sustituye=sustituye))
        assert (error.code, list(error.errores)) == ("datos_invalidos", ["sustituye"])
    ajeno = notaria.banco.material.emisor("EMP010101AA1")
    [r] = notaria.banco.timbrar(cfdi.factura(ajeno, folio=uuid4().hex[:8]))
    assert "otro emisor" in rechazo(lambda: notaria.cancelar(uuid, "01", sustituye=r.uuid)).detail
    cancelada = notaria.timbrada(lineas=0)
    notaria.cancelar(cancelada)
    assert "está cancelado" in rechazo(lambda: notaria.cancelar(uuid, "01", sustituye=cancelada)).detail
    hecha = notaria.cancelar(uuid, "01", sustituye=otra)
    assert (hecha.estado, hecha.sustituye) == ("cancelada", otra)
    # One that we did not stamp may replace it: the SAT knows.
    assert notaria.cancelar(otra, "01", sustituye=uuid4()).estado == "cancelada"


def test_the_callers_own_signature(notaria: Notaria) -> None:
    uuid = notaria.timbrada(lineas=0)
    datos = notaria.csd()
    firmante = solicitudes.abrir(
        base64.b64decode(datos["certificado"]), base64.b64decode(datos["llave"]), SECRETO.decode()
    )

    def firmada(**cambios: Any) -> str:
        campos: dict[str, Any] = {
            "uuid": uuid, "motivo": "02", "sustituye": None, "emisor": notaria.emisor.rfc, "retencion": False
        } | cambios  # fmt: skip
        xml = solicitudes.construir(firmante, solicitudes.Folio(**campos), cfdi._ahora().astimezone())
        return base64.b64encode(xml).decode()

    for cambio in ({"uuid": uuid4()}, {"motivo": "03"}, {"emisor": "EMP010101AA1"}, {"retencion": True}):
        error = rechazo(partial(notaria.cancelar, uuid, solicitud=firmada(**cambio)))
        assert error.datos["codigo_sat"] == "203"
    alterada = base64.b64encode(base64.b64decode(firmada()).replace(b'Motivo="02"', b'Motivo="03"')).decode()
    assert rechazo(lambda: notaria.cancelar(uuid, "03", solicitud=alterada)).datos["codigo_sat"] == "302"
    assert rechazo(lambda: notaria.cancelar(uuid, solicitud="no")).code == "datos_invalidos"
    assert rechazo(lambda: notaria.cancelar(uuid, solicitud=firmada(), **datos)).code == "datos_invalidos"
    assert notaria.filas(uuid) == []
    hecha = notaria.cancelar(uuid, solicitud=firmada())
    assert hecha.estado == "cancelada"


def test_a_key_that_is_not_the_issuers(notaria: Notaria) -> None:
    uuid = notaria.timbrada(lineas=0)
    ajeno = notaria.csd(notaria.banco.material.emisor("EMP010101AA1"))
    casos: list[tuple[dict[str, str], str]] = [
        ({**notaria.csd(), "contrasena_llave": "otra"}, "contrasena_llave"),
        ({**notaria.csd(), "llave": ajeno["llave"]}, "llave"),
        ({**notaria.csd(), "certificado": "AAAA"}, "certificado"),
        (ajeno, "certificado"),
        (notaria.csd(cfdi.Emisor.nuevo(Autoridad.nueva(), notaria.emisor.rfc)), "certificado"),
    ]
    for datos, campo in casos:
        error = rechazo(partial(notaria.cancelar, uuid, **datos))
        assert (error.code, list(error.errores)) == ("datos_invalidos", [campo])
        assert not any(secreto in error.detail for secreto in datos.values())
    assert notaria.filas(uuid) == []


def test_the_key_is_stored_nowhere(notaria: Notaria) -> None:
    uuid = notaria.timbrada(lineas=0)
    notaria.cancelar(uuid)
    llave = base64.b64decode(notaria.csd()["llave"])
    with notaria.banco.engine.connect() as connection:
        fila = connection.execute(
            text("SELECT k::text FROM cancelaciones k WHERE uuid = :u"), {"u": uuid}
        ).scalar_one()
    assert SECRETO.decode() not in fila
    assert llave[-40:].hex() not in fila


def test_someone_elses_document_and_a_blocked_cti(notaria: Notaria) -> None:
    uuid = notaria.timbrada(lineas=0)
    assert rechazo(lambda: notaria.cancelar(uuid4())).code == "no_encontrado"
    csd: dict[str, Any] = dict(notaria.csd())
    p = c.CancelarTimbrado(
        clave="x", cti=notaria.banco.cti, contrasena="no-es-esta-no", uuid=uuid, motivo="02", **csd
    )
    assert rechazo(lambda: notaria.cancelador.cancelar(p)).code == "credenciales_invalidas"
    with notaria.banco.uow() as uow:
        libro = uow.repo.ctis([notaria.banco.cti])[notaria.banco.cti].libro_id
        uow.repo.libro.bloquear(libro, True)
        uow.commit()
    try:
        assert rechazo(lambda: notaria.cancelar(uuid)).code == "cuenta_bloqueada"
        assert notaria.estado(uuid).estado == "Vigente"
    finally:
        with notaria.banco.uow() as uow:
            uow.repo.libro.bloquear(libro, False)
            uow.commit()
    with notaria.banco.uow() as uow:
        ajeno = rechazo(
            lambda: comprobantes.obtener_comprobante(uow, c.ObtenerComprobante(cuenta_id=uuid4(), uuid=uuid))
        )
    assert ajeno.code == "no_encontrado"
    ajeno = rechazo(lambda: notaria.cancelador.estado_de(c.ObtenerComprobante(cuenta_id=uuid4(), uuid=uuid)))
    assert ajeno.code == "no_encontrado"


def test_the_database_refuses_two_live_requests_and_a_state_without_its_end(notaria: Notaria) -> None:
    uuid = notaria.timbrada(lineas=0)
    notaria.cancelar(uuid)
    otra = (
        "INSERT INTO cancelaciones (timbrado_id, uuid, cti, motivo, pac, solicitud, proxima_en)"
        " SELECT timbrado_id, uuid, cti, motivo, pac, solicitud, now() FROM cancelaciones WHERE uuid = :u"
    )
    for sql in (
        otra,
        "UPDATE cancelaciones SET terminada_en = NULL WHERE uuid = :u",
        "UPDATE cancelaciones SET motivo = '01' WHERE uuid = :u",
    ):
        with pytest.raises(DBAPIError), notaria.banco.engine.begin() as connection:
            connection.execute(text(sql), {"u": uuid})


def test_the_sandbox_lists_what_it_stamped(notaria: Notaria) -> None:
    uuid = notaria.timbrada(lineas=0)
    with notaria.banco.engine.connect() as connection:
        desde, hasta = connection.execute(
            text("SELECT now() - interval '1 hour', now() + interval '1 hour'")
        ).one()
    lista = notaria.pac.listar(desde, hasta)
    assert isinstance(lista, list)
    assert (uuid, notaria.emisor.rfc) in [(t.uuid, t.emisor) for t in lista]
    assert notaria.pac.listar(hasta, hasta) == []
