"""A cliente that becomes a distributor, in timbrado on a real PostgreSQL: whatever happens at the same moment."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from services.timbrado.credenciales import hash_password
from services.timbrado.domain import Contrasena
from services.timbrado.use_cases import comprobantes, conversiones, cuentas, transferencias
from services.timbrado.use_cases import venta_automatica as ventas
from shared.contracts import timbrado as c
from shared.contracts.eventos import ClienteConvertido
from shared.errors import Codigo, DomainError
from tests.integration.apoyo_ctis import Cm, a_la_vez, abrir
from tests.integration.test_timbrado_pipeline import CLAVE


@pytest.fixture
def banco(base_de_datos: Callable[[str], str], tmp_path: Path) -> Iterator[Cm]:
    with abrir(base_de_datos("timbrado"), tmp_path, 20) as uno:
        yield uno


def evento(banco: Cm, nueva: UUID) -> ClienteConvertido:
    with banco.engine.connect() as connection:
        cliente = connection.execute(
            text("SELECT cliente_id FROM ctis WHERE id = :cti"), {"cti": banco.cti}
        ).scalar_one()
    return ClienteConvertido(
        cliente_id=cliente, nic=1001, cuenta_anterior_id=banco.cm, cuenta_id=nueva, nombre="Cliente",
        padre_id=banco.cm, en=datetime.now(UTC),
    )  # fmt: skip


def convertir(banco: Cm, nueva: UUID) -> None:
    banco.hacer(conversiones.pasar_ctis_a_su_cuenta, evento(banco, nueva))


def de_quien(banco: Cm) -> dict[str, UUID]:
    with banco.engine.connect() as connection:
        return {r.id: r.cuenta_id for r in connection.execute(text("SELECT id, cuenta_id FROM ctis"))}


def poner(banco: Cm, cuenta: UUID) -> c.VentaAutomatica:
    return banco.hacer(
        ventas.poner_venta_automatica,
        c.PonerVentaAutomatica(
            clave=uuid4().hex, cuenta_id=cuenta, cti=banco.cti, minimo=100, abonar=50, importe=Decimal("9.00")
        ),
    )


def test_sin_su_primera_cti_el_evento_se_intenta_de_nuevo(banco: Cm) -> None:
    adelantado = replace(evento(banco, uuid4()), cliente_id=uuid4(), nic=1002)
    with pytest.raises(DomainError) as error:
        banco.hacer(conversiones.pasar_ctis_a_su_cuenta, adelantado)
    assert error.value.code is Codigo.CONFLICTO
    assert set(de_quien(banco).values()) == {banco.cm}


def test_timbrados_y_transferencias_durante_la_conversion(banco: Cm) -> None:
    """Every stamping succeeds; each transfer is a sale of the earlier CM or is refused, and moves nothing else."""
    nueva = uuid4()
    facturas = [banco.factura(f"C{i}") for i in range(12)]

    def una(i: int) -> object:
        if i == 4:
            convertir(banco, nueva)
            return None
        if i % 2:
            return banco.hacer(
                transferencias.transferir,
                c.Transferir(
                    clave=str(i), cuenta_id=banco.cm, cti=banco.cti, cantidad=5, importe=Decimal("1.00")
                ),
            )
        return banco.timbrar(facturas[i])[0]

    hechos = a_la_vez(12, una)
    rechazadas = [h for h in hechos if isinstance(h, DomainError)]
    assert {r.code for r in rechazadas} <= {Codigo.NO_ENCONTRADO}
    timbrados = [h for h in hechos if isinstance(h, c.ResultadoDeTimbrado)]
    assert [t.error for t in timbrados] == [None] * 5
    assert set(de_quien(banco).values()) == {nueva}
    transferidas = sum(isinstance(h, c.TransferenciaHecha) for h in hechos)
    assert transferidas + len(rechazadas) == 6
    assert banco.saldo() == (20 + 5 * transferidas - 5, 0)
    banco.sano()


@pytest.mark.parametrize("antes", ["venta", "cti"])
def test_quien_esperaba_a_la_conversion_no_deja_nada_de_la_cuenta_anterior(banco: Cm, antes: str) -> None:
    """A standing order, or a further CTI, that was on its way when the cliente was converted."""
    nueva = uuid4()
    rechazo: list[DomainError] = []

    def seguir() -> None:
        try:
            if antes == "venta":
                poner(banco, banco.cm)
            else:
                banco.crear()
        except DomainError as error:
            rechazo.append(error)

    with banco.uow() as uow:
        conversiones.pasar_ctis_a_su_cuenta(uow, evento(banco, nueva))
        hilo = threading.Thread(target=seguir)
        hilo.start()
        # It has read whose the CTI was, and waits for its lock.
        espera = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        fin = time.monotonic() + 10
        with banco.engine.connect() as otra:
            while not otra.execute(text(espera)).scalar_one():
                assert time.monotonic() < fin
                otra.rollback()
                time.sleep(0.02)
        uow.commit()
    hilo.join(10)
    assert [r.code for r in rechazo] == [Codigo.NO_ENCONTRADO]
    assert set(de_quien(banco).values()) == {nueva}
    with banco.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM ventas_automaticas")).scalar_one() == 0


def test_una_cti_que_se_estaba_creando_tambien_pasa(banco: Cm) -> None:
    nueva = uuid4()
    with banco.uow() as uow:
        creada = cuentas.crear_cti(Contrasena(CLAVE, hash_password(CLAVE), True))(
            uow, c.CrearCti(clave="k", cuenta_id=banco.cm, nic=1001, tipo="estandar")
        )
        hilo = threading.Thread(target=convertir, args=(banco, nueva))
        hilo.start()
        time.sleep(0.2)
        uow.commit()
    hilo.join(10)
    assert de_quien(banco) == {banco.cti: nueva, creada.id: nueva}


def test_las_cti_pasan_con_su_historia_y_la_cuenta_anterior_ya_no_las_ve(banco: Cm) -> None:
    banco.crear()
    banco.llave()
    [r] = banco.timbrar(banco.factura("A1"))
    poner(banco, banco.cm)
    nueva = uuid4()
    convertir(banco, nueva)
    convertir(banco, nueva)

    assert set(de_quien(banco).values()) == {nueva}
    [otra] = banco.timbrar(banco.factura("A2"))
    assert otra.error is None
    assert banco.saldo() == (18, 0)
    assert banco.hacer(lambda uow, _: ventas.atender(uow), None) == 0
    pagina = banco.hacer(
        transferencias.listar_movimientos, c.ListarMovimientos(cuenta_id=nueva, cti=banco.cti, limite=50)
    )
    assert sorted(m.cantidad for m in pagina.datos) == [-1, -1, 20]
    bitacora = banco.hacer(
        cuentas.listar_bitacora, c.ListarBitacora(cuenta_id=nueva, cti=banco.cti, limite=50)
    )
    assert [a.accion for a in bitacora.datos].count("conversion") == 1
    assert r.uuid is not None
    leer = c.ObtenerComprobante(cuenta_id=nueva, uuid=r.uuid)
    assert banco.hacer(comprobantes.obtener_comprobante, leer).uuid == r.uuid
    for hacer, peticion in (
        (cuentas.obtener_cti, c.ObtenerCti(cuenta_id=banco.cm, cti=banco.cti)),
        (comprobantes.obtener_comprobante, c.ObtenerComprobante(cuenta_id=banco.cm, uuid=r.uuid)),
        (transferencias.listar_movimientos, c.ListarMovimientos(cuenta_id=banco.cm, cti=banco.cti, limite=5)),
    ):
        with pytest.raises(DomainError) as error:
            banco.hacer(hacer, peticion)
        assert error.value.code is Codigo.NO_ENCONTRADO
    # What the earlier CM sold stays in its own statement.
    suyos = banco.hacer(transferencias.listar_movimientos, c.ListarMovimientos(cuenta_id=banco.cm, limite=50))
    assert sorted(m.cantidad for m in suyos.datos) == [-20, 1000]
    banco.sano()
