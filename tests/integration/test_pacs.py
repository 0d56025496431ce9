"""PACs on a real PostgreSQL: the breaker that replicas share, and that nothing a PAC invents is captured."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from services.timbrado.cfdi import tfd as timbre
from services.timbrado.domain.pac import FALLAS_PARA_ABRIR, Disyuntor
from services.timbrado.pac.configuracion import construir
from services.timbrado.pac.enrutador import Enrutador
from services.timbrado.repository import EstadosDePacs
from services.timbrado.use_cases import conciliacion_pac
from shared.contracts import timbrado as c
from shared.errors import Codigo, DomainError
from shared.testing.pacs.__main__ import SERVIDORES
from shared.testing.pacs.servidor import Falla
from tests.integration.apoyo_pacs import RAIZ, Banco, abrir
from tests.integration.test_timbrado_pipeline import armar
from tests.unit.timbrado.apoyo_pac import REMOTOS, configurar


@pytest.fixture
def banco(base_de_datos: Callable[[str], str]) -> Iterator[Banco]:
    with abrir(base_de_datos("timbrado")) as b:
        yield b


# -- the shared breaker ------------------------------------------------------------------------------


def test_replicas_share_failures_and_one_of_them_probes(banco: Banco) -> None:
    def fallar() -> None:
        with banco.uow() as uow:
            uow.repo.anotar_falla("finkok", "HTTP 500")
            uow.commit()

    hilos = [threading.Thread(target=fallar) for _ in range(FALLAS_PARA_ABRIR)]
    for h in hilos:
        h.start()
    for h in hilos:
        h.join()
    with banco.uow() as uow:
        [e] = uow.repo.pacs()
    assert e.fallas_seguidas == FALLAS_PARA_ABRIR
    assert e.disyuntor(datetime.now(UTC)) is Disyuntor.ABIERTO
    with banco.uow() as uow:
        assert not uow.repo.tomar_sonda("finkok"), "it still rests"
    with banco.engine.begin() as connection:
        connection.execute(text("UPDATE pacs SET abierto_hasta = now() - interval '1 second'"))
    tomadas: list[bool] = []

    def sondear() -> None:
        with banco.uow() as uow:
            tomadas.append(uow.repo.tomar_sonda("finkok"))
            uow.commit()

    hilos = [threading.Thread(target=sondear) for _ in range(4)]
    for h in hilos:
        h.start()
    for h in hilos:
        h.join()
    assert sorted(tomadas) == [False, False, False, True]
    with banco.uow() as uow:
        uow.repo.anotar_exito("finkok")
        uow.commit()
        [e] = uow.repo.pacs()
    assert e.disponible(datetime.now(UTC))
    assert e.ultimo_error == "HTTP 500", "it stays to be seen"


def test_operators_pause_a_pac_and_resume_it_well(banco: Banco) -> None:
    with banco.uow() as uow:
        pausado = conciliacion_pac.pausar_pac(banco.pacs)(
            uow, c.PausarPac(clave="a", cuenta_id=RAIZ, nombre="finkok", motivo="mantenimiento")
        )
        for _ in range(FALLAS_PARA_ABRIR):
            uow.repo.anotar_falla("finkok", "HTTP 500")
        uow.commit()
    assert (pausado.pausado, pausado.motivo, pausado.prioridad) == (True, "mantenimiento", 10)
    banco.timbrado(datetime.now(UTC))
    with banco.uow() as uow:
        [visto] = conciliacion_pac.listar_pacs(banco.pacs)(uow, c.ListarPacs()).datos
        assert (visto.disyuntor, visto.timbrados, visto.ultimo_error) == ("abierto", 1, "HTTP 500")
        libre = conciliacion_pac.reanudar_pac(banco.pacs)(
            uow, c.ReanudarPac(clave="b", cuenta_id=RAIZ, nombre="finkok")
        )
        uow.commit()
    assert (libre.pausado, libre.motivo, libre.disyuntor, libre.fallas_seguidas) == (
        False,
        None,
        "cerrado",
        0,
    )
    with banco.uow() as uow, pytest.raises(DomainError) as error:
        conciliacion_pac.pausar_pac(banco.pacs)(
            uow, c.PausarPac(clave="c", cuenta_id=RAIZ, nombre="otro", motivo="x")
        )
    assert error.value.code is Codigo.NO_ENCONTRADO


def test_the_database_refuses_a_pause_without_a_reason(banco: Banco) -> None:
    with pytest.raises(Exception, match="ck_pacs_pausa"), banco.engine.begin() as connection:
        connection.execute(text("INSERT INTO pacs (nombre, pausado) VALUES ('finkok', true)"))


# -- nothing that a PAC invents is captured ----------------------------------------------------------


@pytest.mark.parametrize(
    ("nombre", "falla"), list(zip(REMOTOS, [Falla.SELLO_FALSO, Falla.AJENO] * 3, strict=False))
)
def test_a_stamp_that_is_not_the_documents_is_never_captured(
    base_de_datos: Callable[[str], str], tmp_path: Path, nombre: str, falla: Falla
) -> None:
    """The hold stays, the PAC's failure counts, and the reconciler captures the true stamp, once."""
    b = armar(base_de_datos("timbrado"), tmp_path / "material", 10)
    with SERVIDORES[nombre](b.material.autoridad) as s:
        [config] = configurar(tmp_path, s)
        pac = construir(config)
        b.envio.pacs = Enrutador([(10, pac)], EstadosDePacs(b.engine))
        xml = b.factura("A1")
        s.fallar(falla)
        [r] = b.timbrar(xml)
        assert r.error == Codigo.PENDIENTE
        assert b.saldo() == (10, 1)
        with b.engine.connect() as connection:
            fila = connection.execute(text("SELECT estado, tfd, pac FROM timbrados")).one()
            assert tuple(fila) == ("pendiente", None, nombre)
            assert connection.execute(text("SELECT fallas_seguidas FROM pacs")).scalar() == 1
        for _ in range(3):
            if not b.conciliar():
                break
        [r] = b.timbrar(xml)
    assert r.error is None
    assert r.repetido
    with b.engine.connect() as connection:
        fila = connection.execute(text("SELECT estado, tfd FROM timbrados")).one()
    assert fila.estado == "timbrado"
    assert timbre.leer(bytes(fila.tfd)).no_certificado_sat == s.sellador.par.numero
    assert b.saldo() == (9, 0)
    assert s.timbrados == 1
    b.sano()
    b.engine.dispose()
