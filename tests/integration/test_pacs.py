"""PACs on a real PostgreSQL: the breaker that replicas share, and the daily reconciliation against their lists."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, text

from services.timbrado.cfdi import tfd as timbre
from services.timbrado.cfdi.zonas import CENTRO
from services.timbrado.domain.pac import FALLAS_PARA_ABRIR, Disyuntor, EstadoDePac
from services.timbrado.pac.configuracion import construir
from services.timbrado.pac.enrutador import Enrutador
from services.timbrado.pac.protocolo import Desconocido, PacCompleto, Timbrado, TimbreDelPac
from services.timbrado.repository import EstadosDePacs, Repositorio
from services.timbrado.use_cases import conciliacion_pac
from services.timbrado.use_cases.conciliacion_pac import ConciliadorDePacs, limites
from shared.contracts import timbrado as c
from shared.contracts.eventos import CuentaMaestraCreada
from shared.errors import Codigo, DomainError
from shared.persistence.base import new_engine
from shared.persistence.uow import UnitOfWork
from shared.testing.pacs.__main__ import SERVIDORES
from shared.testing.pacs.servidor import Falla
from tests.integration.test_timbrado_pipeline import armar
from tests.unit.timbrado.apoyo_pac import CON_LISTA, REMOTOS, adaptador, configurar, servidor, solicitud

RAIZ = UUID("00000000-0000-4000-8000-00000000000a")
DIA = (datetime.now(CENTRO) - timedelta(days=1)).date()
INICIO, FIN = limites(DIA)


@dataclass
class PacDePapel:
    """A PAC that only has a list, to be told what it says."""

    nombre: str = "finkok"
    lista: bool = True
    lineas: list[TimbreDelPac] = field(default_factory=list)
    fallas: list[str] = field(default_factory=list)
    pedidos: list[tuple[datetime, datetime]] = field(default_factory=list)

    def listar(self, desde: datetime, hasta: datetime) -> list[TimbreDelPac] | Desconocido:
        self.pedidos.append((desde, hasta))
        if self.fallas == ["ilegible"]:
            raise ValueError(self.fallas.pop())
        if self.fallas:
            return Desconocido(self.fallas.pop())
        return [x for x in self.lineas if desde <= x.en < hasta]


@dataclass
class Banco:
    """A migrated database with a PAC of paper."""

    engine: Engine
    pac: PacDePapel
    ahora: datetime

    @property
    def pacs(self) -> dict[str, tuple[int, PacCompleto]]:
        pac: Any = self.pac
        return {self.pac.nombre: (10, pac)}

    def uow(self) -> UnitOfWork[Repositorio]:
        return UnitOfWork(self.engine, Repositorio)

    def conciliador(self) -> ConciliadorDePacs:
        """As a replica has one."""
        return ConciliadorDePacs(self.pacs, self.uow, lambda: self.ahora)

    def correr(self, conciliador: ConciliadorDePacs | None = None) -> int:
        conciliador = conciliador or self.conciliador()
        pasos = 0
        while conciliador.paso():
            pasos += 1
        return pasos

    def timbrado(self, en: datetime, emisor: str = "EMP010101AA1", **cambios: Any) -> UUID:
        """A stamping of ours, as captured moments after `en`; its UUID."""
        uuid = uuid4()
        tfd = timbre.construir(
            uuid=str(uuid).upper(),
            fecha_timbrado=en.astimezone(CENTRO).strftime("%Y-%m-%dT%H:%M:%S"),
            rfc_prov_certif="FIN1203015JA",
            sello_cfd="c2VsbG8=",
            no_certificado_sat="30001000000500003416",
            firmar=lambda _: b"firma",
        )
        fila = {
            "id": uuid4(), "huella": uuid4().bytes * 2, "emisor": emisor, "pac": "finkok", "estado": "timbrado",
            "uuid": uuid, "tfd": tfd, "creado_en": en - timedelta(seconds=1), "terminado_en": en + timedelta(seconds=1),
            **cambios,
        }  # fmt: skip
        with self.engine.begin() as connection:
            connection.execute(
                text(
                    "INSERT INTO timbrados (id, huella, cti, cuenta_id, cliente_id, emisor, receptor, tipo, total, sello,"
                    " no_certificado, pac, xml, tomado_hasta, estado, uuid, tfd, creado_en, terminado_en) VALUES (:id,"
                    " :huella, 'CTI1', gen_random_uuid(), gen_random_uuid(), :emisor, 'XAXX010101000', 'I', 116, 's',"
                    " '1', :pac, 'x', now(), :estado, :uuid, :tfd, :creado_en, :terminado_en)"
                ),
                fila,
            )
        return uuid

    def linea(self, uuid: UUID, en: datetime, emisor: str = "EMP010101AA1") -> None:
        self.pac.lineas.append(TimbreDelPac(uuid, emisor, en))

    def ambos(self, en: datetime) -> UUID:
        uuid = self.timbrado(en)
        self.linea(uuid, en)
        return uuid

    def conciliacion(self) -> c.Conciliacion:
        with self.uow() as uow:
            todas = conciliacion_pac.listar_conciliaciones(uow, c.ListarConciliaciones()).datos
            return next(x for x in todas if x.dia == DIA)

    def diferencias(self, abiertas: bool | None = None) -> dict[UUID, str]:
        with self.uow() as uow:
            pagina = conciliacion_pac.listar_diferencias(
                uow, c.ListarDiferenciasDePac(conciliacion_id=self.conciliacion().id, abiertas=abiertas)
            )
            return {d.uuid: d.tipo for d in pagina.datos}

    def avisos(self) -> list[str]:
        with self.engine.connect() as connection:
            return list(
                connection.execute(
                    text("SELECT mensaje FROM avisos WHERE cuenta_id = :r ORDER BY creado_en, id"),
                    {"r": RAIZ},
                ).scalars()
            )

    def conciliar(self, clave: str = "k") -> c.Conciliacion:
        with self.uow() as uow:
            hecha = conciliacion_pac.conciliar_pac(self.pacs)(
                uow, c.ConciliarPac(clave=clave, cuenta_id=RAIZ, pac="finkok", dia=DIA)
            )
            uow.commit()
            return hecha


@pytest.fixture
def banco(base_de_datos: Callable[[str], str]) -> Iterator[Banco]:
    engine = new_engine(base_de_datos("timbrado"), 8)
    b = Banco(
        engine,
        PacDePapel(),
        datetime.combine(DIA + timedelta(days=1), datetime.min.time(), CENTRO).replace(hour=4),
    )
    with b.uow() as uow:
        conciliacion_pac.recordar_raiz(uow, CuentaMaestraCreada(cuenta_id=RAIZ, padre_id=None, nombre="Raíz"))
        conciliacion_pac.recordar_raiz(
            uow, CuentaMaestraCreada(cuenta_id=uuid4(), padre_id=RAIZ, nombre="Otra")
        )
        uow.commit()
    yield b
    engine.dispose()


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
