"""Contracts of ilimitadas on two real databases: one charge and one year, or neither, whatever crosses."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from deploy.local import verificar
from services.timbrado.domain.ilimitada import CENTRO
from services.timbrado.use_cases import cuentas, ilimitadas, transferencias
from shared.contracts import eventos as ev
from shared.contracts import timbrado as c
from shared.errors import Codigo, DomainError
from shared.testing import cfdi
from tests.integration.apoyo_ilimitadas import EKU, Mundo, Uow, mundo_nuevo


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> cfdi.Material:
    """Certificates of the issuers, made once: a key pair each."""
    return cfdi.preparar(tmp_path_factory.mktemp("cfdi"))


@pytest.fixture
def mundo(base_de_datos: Callable[..., str], material: cfdi.Material) -> Iterator[Mundo]:
    with mundo_nuevo(base_de_datos, material) as uno:
        yield uno


@pytest.fixture
def reloj() -> Iterator[type[Uow]]:
    yield Uow
    Uow.adelanto = timedelta(0)


def test_a_year_is_charged_once_and_given_once(mundo: Mundo) -> None:
    mundo.acreditar("3000")
    antes = mundo.fila().version
    pedida = mundo.contratar(precio="2400")
    assert (pedida.estado, pedida.precio) == ("solicitada", Decimal("2400.00"))
    sin_pagar = mundo.contrato()
    assert (sin_pagar.vigente, sin_pagar.modalidad, sin_pagar.en_proceso) == (False, None, pedida)
    assert mundo.saldo() == Decimal("3000.00")
    mundo.entregar()
    activa = mundo.ver(pedida)
    assert activa.estado == "activa"
    assert activa.desde is not None
    assert activa.hasta == mundo.fila().vigente_hasta
    assert activa.hasta.astimezone(CENTRO).replace(year=activa.desde.year) == activa.desde.astimezone(CENTRO)
    assert mundo.fila().version == antes + 1
    assert mundo.saldo() == Decimal("600.00")


def test_without_puntos_it_is_refused_with_what_is_missing_and_can_be_asked_again(mundo: Mundo) -> None:
    mundo.acreditar("199.50")
    pedida = mundo.contratar("un_rfc", EKU)
    mundo.entregar()
    rechazada = mundo.ver(pedida)
    assert (rechazada.estado, rechazada.faltan) == ("rechazada", Decimal("1000.50"))
    assert "1,000.50 puntos" in (rechazada.motivo or "")
    assert mundo.fila().vigente_hasta is None
    assert [tipo for tipo, _ in mundo.avisos()] == ["ilimitada_no_contratada"]
    mundo.acreditar("5000")
    otra = mundo.contratar("un_rfc", EKU)
    mundo.entregar()
    assert mundo.ver(otra).estado == "activa"
    assert mundo.fila().rfc_contratado == EKU
    assert mundo.saldo() == Decimal("3999.50")


def test_one_request_at_a_time_also_when_many_ask_at_once(mundo: Mundo) -> None:
    mundo.acreditar("9000")
    salidas: list[object] = []

    def pedir() -> None:
        try:
            salidas.append(mundo.contratar().estado)
        except DomainError as exc:
            salidas.append(exc.code)

    hilos = [threading.Thread(target=pedir) for _ in range(6)]
    for hilo in hilos:
        hilo.start()
    for hilo in hilos:
        hilo.join()
    assert sorted(map(str, salidas)) == ["conflicto"] * 5 + ["solicitada"]
    mundo.entregar()
    assert mundo.saldo() == Decimal("6600.00")


def test_a_cancelled_request_gets_its_charge_back(mundo: Mundo) -> None:
    mundo.acreditar("3000")
    pedida = mundo.contratar()
    mundo.entregar("timbrado.cobro_solicitado_v1")
    assert mundo.saldo() == Decimal("600.00")
    assert mundo.cancelar(pedida).estado == mundo.cancelar(pedida).estado == "cancelada"
    mundo.entregar()
    cancelada = mundo.ver(pedida)
    assert cancelada.devolucion_en is not None
    assert (mundo.saldo(), mundo.fila().vigente_hasta) == (Decimal("3000.00"), None)


def test_a_charge_whose_answer_is_lost_is_given_back(mundo: Mundo) -> None:
    mundo.acreditar("3000")
    pedida = mundo.contratar()
    mundo.entregar("timbrado.cobro_solicitado_v1")
    assert mundo.saldo() == Decimal("600.00")
    assert mundo.perder("puntos.cobro_resuelto_v1") > 0
    mundo.vigilar(datetime.now(UTC) + timedelta(hours=25))
    mundo.entregar()
    assert (mundo.ver(pedida).estado, mundo.saldo()) == ("caducada", Decimal("3000.00"))


def test_a_cancellation_and_a_charge_that_cross_end_in_one_of_both(mundo: Mundo) -> None:
    mundo.acreditar("24000")
    for _ in range(4):
        pedida = mundo.contratar()
        mundo.entregar("timbrado.cobro_solicitado_v1")
        salidas: list[str] = []

        def cancelar(de: c.Contratacion = pedida, salidas: list[str] = salidas) -> None:
            try:
                salidas.append(mundo.cancelar(de).estado)
            except DomainError as exc:
                salidas.append(str(exc.code))

        hilos = [threading.Thread(target=cancelar), threading.Thread(target=mundo.entregar)]
        for hilo in hilos:
            hilo.start()
        for hilo in hilos:
            hilo.join()
        mundo.entregar()
        final = mundo.ver(pedida)
        assert (salidas[0], final.estado, final.devolucion_en is None) in (
            ("cancelada", "cancelada", False),
            ("conflicto", "activa", True),
        )
        mundo.cuadrar()


def test_a_request_without_answer_is_given_up_and_a_late_charge_given_back(
    mundo: Mundo, reloj: type[Uow]
) -> None:
    mundo.acreditar("3000")
    pedida = mundo.contratar()
    mundo.entregar("timbrado.cobro_solicitado_v1")
    tarde = datetime.now(UTC) + timedelta(hours=24, seconds=1)
    assert mundo.vigilar(tarde - timedelta(seconds=10)) == 0
    assert (mundo.vigilar(tarde), mundo.vigilar(tarde)) == (1, 0)
    assert mundo.ver(pedida).estado == "caducada"
    assert [tipo for tipo, _ in mundo.avisos()] == ["ilimitada_no_contratada"]
    # Another one may be asked for, and the first one's charge does not become its year.
    otra = mundo.contratar("un_rfc", EKU)
    mundo.entregar("puntos.cobro_resuelto_v1", "timbrado.cobro_devuelto_v1")
    assert mundo.saldo() == Decimal("3000.00")
    assert (mundo.ver(pedida).estado, mundo.ver(otra).estado) == ("caducada", "solicitada")
    mundo.entregar()
    assert (mundo.ver(otra).estado, mundo.saldo()) == ("activa", Decimal("1800.00"))


def test_a_charge_that_arrives_before_the_timer_but_too_late_is_given_back(
    mundo: Mundo, reloj: type[Uow]
) -> None:
    mundo.acreditar("3000")
    pedida = mundo.contratar()
    reloj.adelanto = timedelta(hours=25)
    mundo.entregar()
    caducada = mundo.ver(pedida)
    assert (caducada.estado, caducada.devolucion_en is None) == ("caducada", False)
    assert (mundo.saldo(), mundo.fila().vigente_hasta) == (Decimal("3000.00"), None)


def test_the_price_that_was_seen_is_a_guard_and_the_contract_keeps_its_own(mundo: Mundo) -> None:
    mundo.acreditar("3000")
    with pytest.raises(DomainError) as caso:
        mundo.contratar(precio="2399.99")
    assert (caso.value.code, caso.value.datos) == (Codigo.CONFLICTO, {"precio": "2400.00"})
    pedida = mundo.contratar(precio="2400.00")
    mundo.en_timbrado(
        ilimitadas.poner_tarifas, c.PonerTarifas(clave="u", abierta=Decimal(1), un_rfc=Decimal(1))
    )
    mundo.entregar()
    assert mundo.ver(pedida).precio == Decimal("2400.00")
    assert mundo.saldo() == Decimal("600.00")
    for mala in ("0", "-1", "0.001"):
        with pytest.raises(DomainError):
            mundo.en_timbrado(
                ilimitadas.poner_tarifas, c.PonerTarifas(clave="v", abierta=Decimal(mala), un_rfc=Decimal(1))
            )


def test_refusals_before_anything_is_asked(mundo: Mundo) -> None:
    with mundo.timbrado.begin() as conexion:
        conexion.execute(text("DELETE FROM tarifas WHERE modalidad = 'abierta'"))
    with pytest.raises(DomainError) as caso:
        mundo.contratar()
    assert caso.value.code is Codigo.CONFLICTO
    with pytest.raises(DomainError) as caso:
        mundo.contratar("un_rfc", "XAXX010101000")
    assert list(caso.value.errores) == ["rfc"]
    estandar = f"E{uuid4().hex[:8]}"
    mundo.en_timbrado(
        cuentas.crear_cti_estandar,
        ev.ClienteCreado(cuenta_id=mundo.cm, cliente_id=uuid4(), nic=1002, nombre="Y", cti=estandar),
    )
    for cuenta, cti, codigo in (
        (uuid4(), mundo.cti, Codigo.NO_ENCONTRADO),
        (mundo.cm, "NADIE", Codigo.NO_ENCONTRADO),
        (mundo.cm, estandar, Codigo.DATOS_INVALIDOS),
    ):
        with pytest.raises(DomainError) as caso:
            mundo.en_timbrado(
                ilimitadas.contratar,
                c.ContratarIlimitada(clave="k", cuenta_id=cuenta, cti=cti, modalidad="un_rfc", rfc=EKU),
            )
        assert caso.value.code is codigo
    with pytest.raises(DomainError) as caso:
        mundo.en_timbrado(
            transferencias.transferir,
            c.Transferir(clave="t", cuenta_id=mundo.cm, cti=mundo.cti, cantidad=1, importe=Decimal(1)),
        )
    assert list(caso.value.errores) == ["cti"]
    with mundo.timbrado.connect() as conexion:
        assert conexion.execute(text("SELECT count(*) FROM contrataciones")).scalar() == 0


def test_another_cms_contract_is_not_there(mundo: Mundo) -> None:
    mundo.acreditar("3000")
    pedida = mundo.contratar()
    for caso_de_uso, peticion in (
        (ilimitadas.obtener, c.ObtenerContratacion(cuenta_id=uuid4(), contratacion_id=pedida.id)),
        (
            ilimitadas.cancelar,
            c.CancelarContratacion(clave="k", cuenta_id=uuid4(), contratacion_id=pedida.id),
        ),
        (ilimitadas.listar, c.ListarContrataciones(cuenta_id=uuid4(), cti=mundo.cti)),
    ):
        with pytest.raises(DomainError) as caso:
            mundo.en_timbrado(caso_de_uso, peticion)
        assert caso.value.code is Codigo.NO_ENCONTRADO
    mundo.entregar()


def test_renewals_follow_each_other_and_pages_show_them(mundo: Mundo) -> None:
    mundo.acreditar("9000")
    ids = []
    for _ in range(3):
        ids.append(mundo.contratar().id)
        mundo.entregar()
    primera = mundo.en_timbrado(
        ilimitadas.listar, c.ListarContrataciones(cuenta_id=mundo.cm, cti=mundo.cti, limite=2)
    )
    resto = mundo.en_timbrado(
        ilimitadas.listar,
        c.ListarContrataciones(cuenta_id=mundo.cm, cti=mundo.cti, limite=2, cursor=primera.siguiente),
    )
    todas = [*primera.datos, *resto.datos]
    assert [x.id for x in reversed(todas)] == ids
    tercera, segunda, uno = todas
    assert (uno.hasta, segunda.hasta) == (segunda.desde, tercera.desde)
    assert tercera.hasta == mundo.fila().vigente_hasta
    assert resto.siguiente is None


def test_another_modalidad_rules_from_the_new_year_on(mundo: Mundo) -> None:
    mundo.acreditar("9000")
    mundo.contratar()
    mundo.entregar()
    renovacion = mundo.contratar("un_rfc", EKU)
    mundo.entregar()
    desde = mundo.ver(renovacion).desde
    assert desde is not None
    # The year that runs was paid as open, and stays so to its end.
    assert mundo.fila().rfc_contratado is None
    version = mundo.fila().version
    contrato = mundo.contrato()
    assert (contrato.modalidad, contrato.rfc, contrato.vigente) == ("abierta", None, True)
    assert [x.id for x in contrato.siguientes] == [renovacion.id]
    # Nor is the end of the first year told, which is followed by another.
    assert mundo.vigilar(desde - timedelta(seconds=1)) == 0
    assert mundo.fila().rfc_contratado is None
    hilos = [threading.Thread(target=mundo.vigilar, args=(desde,)) for _ in range(3)]
    for hilo in hilos:
        hilo.start()
    for hilo in hilos:
        hilo.join()
    assert (mundo.fila().rfc_contratado, mundo.fila().version) == (EKU, version + 1)
    assert (mundo.contrato().modalidad, mundo.contrato().siguientes) == ("un_rfc", [])


def test_the_database_refuses_two_requests_and_a_year_that_is_also_given_back(mundo: Mundo) -> None:
    mundo.acreditar("3000")
    pedida = mundo.contratar()
    mundo.entregar()
    for sql in (
        "UPDATE contrataciones SET devolucion_en = now()",
        "UPDATE contrataciones SET hasta = desde",
        "UPDATE contrataciones SET estado = 'cancelada'",
        "UPDATE contrataciones SET rfc = 'X'",
        "UPDATE ctis SET tipo = 'estandar'",
    ):
        with pytest.raises(IntegrityError), mundo.timbrado.begin() as conexion:
            conexion.execute(text(sql))
    assert mundo.ver(pedida).estado == "activa"


def test_the_books_show_a_year_without_its_charge_and_a_charge_without_its_year(mundo: Mundo) -> None:
    mundo.acreditar("9000")
    mundo.pagar()
    bases = {"timbrado": mundo.timbrado, "puntos": mundo.puntos}
    mundo.cuadrar()
    for engine, rompe, repara, dice in (
        (
            mundo.puntos,
            "UPDATE cargos SET unidades = unidades + 1",
            "UPDATE cargos SET unidades = unidades - 1",
            "price",
        ),
        (
            mundo.puntos,
            "UPDATE cargos SET estado = 'devuelto', devuelto_en = now()",
            "UPDATE cargos SET estado = 'cobrado', devuelto_en = NULL",
            "no charge",
        ),
    ):
        with engine.begin() as conexion:
            conexion.execute(text(rompe))
        assert any(dice in p for p in verificar.verificar(bases, plazo=0)), dice
        with engine.begin() as conexion:
            conexion.execute(text(repara))
    with mundo.timbrado.begin() as conexion:
        conexion.execute(text("CREATE TEMP TABLE copia ON COMMIT DROP AS SELECT * FROM contrataciones"))
        conexion.execute(text("DELETE FROM contrataciones"))
        conexion.execute(text("CREATE TABLE copia_de_prueba AS SELECT * FROM copia"))
    assert any("no contract" in p for p in verificar.verificar(bases, plazo=0))
    with mundo.timbrado.begin() as conexion:
        conexion.execute(text("INSERT INTO contrataciones SELECT * FROM copia_de_prueba"))
        conexion.execute(text("DROP TABLE copia_de_prueba"))
