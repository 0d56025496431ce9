"""The daily reconciliation against the PACs' lists, on a real PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from services.timbrado.cfdi import tfd as timbre
from services.timbrado.cfdi.zonas import CENTRO
from services.timbrado.domain.pac import EstadoDePac
from services.timbrado.pac.protocolo import Timbrado
from services.timbrado.use_cases import conciliacion_pac
from services.timbrado.use_cases.conciliacion_pac import ConciliadorDePacs
from shared.contracts import timbrado as c
from shared.errors import Codigo, DomainError
from shared.persistence.uow import UnitOfWork
from tests.integration.apoyo_pacs import DIA, FIN, INICIO, RAIZ, Banco, abrir
from tests.unit.timbrado.apoyo_pac import CON_LISTA, adaptador, servidor, solicitud


@pytest.fixture
def banco(base_de_datos: Callable[[str], str]) -> Iterator[Banco]:
    with abrir(base_de_datos("timbrado")) as b:
        yield b


# -- the daily reconciliation ------------------------------------------------------------------------


def test_a_day_that_agrees_has_no_differences(banco: Banco) -> None:
    for hora in (0, 7, 12, 23):
        banco.ambos(INICIO + timedelta(hours=hora, minutes=3))
    banco.ambos(FIN - timedelta(seconds=1))
    banco.correr()
    hecha = banco.conciliacion()
    assert (hecha.estado, hecha.en_pac, hecha.aqui, hecha.diferencias) == ("terminada", 5, 5, 0)
    assert banco.diferencias() == {}
    assert banco.avisos() == []
    # The PAC was asked for the whole day and its edges, once, without gaps.
    assert banco.pac.pedidos[0][0] < INICIO
    assert banco.pac.pedidos[-1][1] > FIN
    assert all(a[1] == b[0] for a, b in zip(banco.pac.pedidos, banco.pac.pedidos[1:], strict=False))
    assert banco.correr() == 0


def test_each_kind_of_difference_is_shown_and_told_to_the_root_once(banco: Banco) -> None:
    banco.ambos(INICIO + timedelta(hours=1))
    solo_aqui = banco.timbrado(INICIO + timedelta(hours=2))
    solo_alla = uuid4()
    banco.linea(solo_alla, INICIO + timedelta(hours=3))
    otro = banco.timbrado(INICIO + timedelta(hours=4))
    banco.linea(otro, INICIO + timedelta(hours=4), "OTR010101AA1")
    # Of other days, or of another PAC: none of this day's business.
    banco.timbrado(INICIO - timedelta(hours=1))
    banco.timbrado(FIN + timedelta(hours=1))
    banco.timbrado(INICIO + timedelta(hours=5), pac="sw")
    banco.correr()
    assert banco.diferencias() == {
        solo_aqui: "falta_en_pac", solo_alla: "falta_aqui", otro: "emisor_distinto"
    }  # fmt: skip
    hecha = banco.conciliacion()
    assert (hecha.en_pac, hecha.aqui, hecha.diferencias, hecha.abiertas) == (3, 3, 3, 3)
    [aviso] = banco.avisos()
    assert "3 diferencias" in aviso
    # Again, with nothing changed: the same differences, no second notice.
    banco.conciliar("otra")
    banco.correr()
    assert len(banco.diferencias()) == 3
    assert banco.avisos() == [aviso]


def test_clocks_that_differ_at_midnight_are_no_difference(banco: Banco) -> None:
    """The PAC says 23:59:59 of the day before, its TFD says 00:00:00: both sides have it."""
    for nuestra in (INICIO, FIN - timedelta(seconds=1)):
        uuid = banco.timbrado(nuestra)
        banco.linea(uuid, nuestra + timedelta(seconds=-1 if nuestra == INICIO else 1))
    banco.correr()
    assert banco.diferencias() == {}


def test_what_is_found_later_is_resolved(banco: Banco) -> None:
    tarde = uuid4()
    en = INICIO + timedelta(hours=3)
    banco.linea(tarde, en)
    banco.timbrado(en, estado="pendiente", uuid=None, tfd=None, terminado_en=None)
    banco.correr()
    assert banco.diferencias(abiertas=True) == {tarde: "falta_aqui"}
    assert banco.avisos() == [], "one of our pendientes explains it"
    with banco.engine.begin() as connection:
        connection.execute(
            text("UPDATE timbrados SET estado = 'timbrado', uuid = :u, tfd = 'x', terminado_en = now()"),
            {"u": tarde},
        )
    # The next day's planning resolves it without asking the PAC again.
    banco.ahora += timedelta(days=1)
    pedidos = len(banco.pac.pedidos)
    banco.conciliador()._programar()
    assert banco.diferencias(abiertas=True) == {}
    assert banco.diferencias(abiertas=False) == {tarde: "falta_aqui"}
    assert len(banco.pac.pedidos) == pedidos


def test_a_new_run_closes_what_no_longer_differs(banco: Banco) -> None:
    solo_aqui = banco.timbrado(INICIO + timedelta(hours=2))
    banco.correr()
    assert banco.diferencias(abiertas=True) == {solo_aqui: "falta_en_pac"}
    banco.linea(solo_aqui, INICIO + timedelta(hours=2))
    assert banco.conciliar("otra").estado == "pendiente"
    banco.correr()
    assert banco.diferencias(abiertas=True) == {}
    assert banco.conciliacion().diferencias == 0


def test_it_waits_until_three_in_the_morning_and_leaves_out_pacs_without_a_list(banco: Banco) -> None:
    banco.ahora = banco.ahora.replace(hour=2, minute=59)
    assert banco.correr() == 0
    banco.pac.lista = False
    banco.ahora = banco.ahora.replace(hour=3)
    assert banco.correr() == 0
    with pytest.raises(DomainError) as error:
        banco.conciliar()
    assert error.value.code is Codigo.DATOS_INVALIDOS
    assert "pac" in error.value.errores
    banco.pac.lista = True
    assert banco.correr() > 0


def test_days_on_which_nothing_ran_are_made_up_for(banco: Banco) -> None:
    banco.correr()

    def dias() -> list[date]:
        with banco.uow() as uow:
            filas = conciliacion_pac.listar_conciliaciones(uow, c.ListarConciliaciones(pac="finkok")).datos
        return sorted(x.dia for x in filas)

    assert dias() == [DIA], "a new installation does not look back"
    banco.ahora += timedelta(days=3)
    banco.conciliador()._programar()
    assert dias() == [DIA + timedelta(days=d) for d in range(4)]
    banco.ahora += timedelta(days=30)
    banco.conciliador()._programar()
    assert len(dias()) == 4 + 7


@pytest.mark.parametrize("dia", [date(2020, 1, 1), datetime.now(CENTRO).date(), date(2999, 1, 1)])
def test_only_days_that_ended_are_reconciled(banco: Banco, dia: date) -> None:
    with banco.uow() as uow, pytest.raises(DomainError) as error:
        conciliacion_pac.conciliar_pac(banco.pacs)(
            uow, c.ConciliarPac(clave="k", cuenta_id=RAIZ, pac="finkok", dia=dia)
        )
    assert "dia" in error.value.errores


def test_a_list_that_is_not_given_is_asked_for_later_and_at_last_told(banco: Banco) -> None:
    banco.pac.fallas = ["HTTP 500"]
    assert banco.correr() == 1
    hecha = banco.conciliacion()
    assert (hecha.estado, hecha.detalle) == ("en_curso", "HTTP 500")
    with banco.engine.begin() as connection:
        assert connection.execute(text("SELECT tomada_hasta > now() FROM conciliaciones")).scalar()
        connection.execute(text("UPDATE conciliaciones SET tomada_hasta = now(), intentos = 11"))
    banco.pac.fallas = ["HTTP 500"]
    banco.correr()
    assert banco.conciliacion().estado == "fallida"
    [aviso] = banco.avisos()
    assert "HTTP 500" in aviso
    banco.conciliar("otra")
    banco.correr()
    assert banco.conciliacion().estado == "terminada"


def test_a_list_that_can_not_be_read_waits_like_one_that_is_not_given(banco: Banco) -> None:
    banco.pac.fallas = ["ilegible"]
    assert banco.correr() == 1
    assert banco.conciliacion().detalle == "no se pudo leer su lista"


def test_a_death_anywhere_resumes_where_it_was(banco: Banco, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each step is lost once, before and after its commit: the result is the same."""
    uuids = {banco.ambos(INICIO + timedelta(hours=h)) for h in range(0, 24, 2)}
    falta = banco.timbrado(INICIO + timedelta(hours=9))
    vivo = ConciliadorDePacs.paso
    muertes = [0]

    def morir_antes(self: ConciliadorDePacs) -> bool:
        """The list was read, and its transaction never committed."""
        original = UnitOfWork.commit
        cuenta = [0]

        def commit(uow: UnitOfWork[Any]) -> None:
            cuenta[0] += 1
            if cuenta[0] == 2:
                raise MemoryError("kill -9")
            original(uow)

        monkeypatch.setattr(UnitOfWork, "commit", commit)
        try:
            return vivo(self)
        except MemoryError:
            muertes[0] += 1
            return True
        finally:
            monkeypatch.setattr(UnitOfWork, "commit", original)

    for _ in range(20):
        conciliador = banco.conciliador()
        conciliador._programado = DIA
        with banco.uow() as uow:
            uow.repo.programar_conciliaciones(["finkok"], DIA)
            uow.commit()
        morir_antes(conciliador)
        with banco.engine.begin() as connection:  # its lease ends, another replica takes over
            connection.execute(text("UPDATE conciliaciones SET tomada_hasta = now()"))
        if not conciliador.paso():
            break
    assert muertes[0] > 5
    hecha = banco.conciliacion()
    assert (hecha.estado, hecha.en_pac, hecha.aqui) == ("terminada", len(uuids), len(uuids) + 1)
    assert banco.diferencias() == {falta: "falta_en_pac"}
    with banco.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM conciliacion_lineas")).scalar() == 0


def test_two_replicas_share_the_work_and_end_it_once(banco: Banco) -> None:
    for hora in range(24):
        banco.ambos(INICIO + timedelta(hours=hora))
    solo = banco.timbrado(INICIO + timedelta(hours=1, minutes=1))
    hilos = [threading.Thread(target=banco.correr) for _ in range(3)]
    for h in hilos:
        h.start()
    for h in hilos:
        h.join()
    banco.correr()
    hecha = banco.conciliacion()
    assert (hecha.en_pac, hecha.aqui, hecha.diferencias) == (24, 25, 1)
    assert banco.diferencias() == {solo: "falta_en_pac"}
    assert len(banco.avisos()) == 1


def test_differences_are_paged_with_no_gap(banco: Banco) -> None:
    for minuto in range(7):
        banco.timbrado(INICIO + timedelta(minutes=minuto))
    banco.correr()
    vistas: list[UUID] = []
    cursor: str | None = None
    while True:
        with banco.uow() as uow:
            pagina = conciliacion_pac.listar_diferencias(
                uow,
                c.ListarDiferenciasDePac(conciliacion_id=banco.conciliacion().id, limite=3, cursor=cursor),
            )
        vistas += [d.uuid for d in pagina.datos]
        cursor = pagina.siguiente
        if cursor is None:
            break
    assert len(vistas) == len(set(vistas)) == 7
    with banco.uow() as uow, pytest.raises(DomainError) as error:
        conciliacion_pac.listar_diferencias(uow, c.ListarDiferenciasDePac(conciliacion_id=uuid4()))
    assert error.value.code is Codigo.NO_ENCONTRADO


@pytest.mark.parametrize("nombre", CON_LISTA)
def test_real_adapters_reconcile_through_their_protocol(banco: Banco, tmp_path: Path, nombre: str) -> None:
    with servidor(nombre) as s:
        pac = adaptador(tmp_path, s)
        lote = [solicitud(1), solicitud(2), solicitud(3)]
        for sol, r in zip(lote, pac.timbrar(lote), strict=True):
            assert isinstance(r, Timbrado)
            leido = timbre.leer(r.tfd)
            en = datetime.fromisoformat(leido.fecha_timbrado).replace(tzinfo=CENTRO)
            ayer = en - timedelta(days=1)
            # The server's list is moved to yesterday, and so is what we have.
            t = s.timbres[sol.sello]
            s.timbres[sol.sello] = replace(t, en=ayer)
            if sol is not lote[2]:
                nuestra = timbre.construir(
                    uuid=leido.uuid, fecha_timbrado=ayer.strftime("%Y-%m-%dT%H:%M:%S"),
                    rfc_prov_certif=leido.rfc_prov_certif, sello_cfd=leido.sello_cfd,
                    no_certificado_sat=leido.no_certificado_sat, firmar=lambda _: b"x",
                )  # fmt: skip
                banco.timbrado(ayer, sol.emisor, pac=nombre, uuid=UUID(leido.uuid), tfd=nuestra)
        perdido = s.timbres[lote[2].sello].uuid
        conciliador = ConciliadorDePacs({nombre: (10, pac)}, banco.uow, lambda: banco.ahora)
        banco.correr(conciliador)
    hecha = banco.conciliacion()
    assert (hecha.estado, hecha.pac, hecha.en_pac, hecha.aqui) == ("terminada", nombre, 3, 2)
    assert banco.diferencias() == {perdido: "falta_aqui"}


def test_a_state_without_a_row_is_well() -> None:
    assert EstadoDePac("nuevo").disponible(datetime.now(UTC))
