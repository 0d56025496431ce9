"""The stamping pipeline on a real PostgreSQL: once per invoice, one timbre, nothing spent on a refusal."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from services.timbrado.cfdi.certificados import Confianza
from services.timbrado.cfdi.tfd import extraer
from services.timbrado.cfdi.validacion import Validador
from services.timbrado.credenciales import Credenciales, hash_password
from services.timbrado.domain import Contrasena
from services.timbrado.pac.enrutador import Enrutador
from services.timbrado.pac.protocolo import Rechazado
from services.timbrado.pac.sandbox import PacSandbox
from services.timbrado.repository import Directo, EstadosDePacs, MemoriaPostgres, Repositorio
from services.timbrado.use_cases import cuentas, transferencias
from services.timbrado.use_cases import timbrar as modulo
from services.timbrado.use_cases.conciliar import Conciliador
from services.timbrado.use_cases.envio import Envio, Hecho
from services.timbrado.use_cases.timbrar import Timbrador
from shared.contracts import timbrado as c
from shared.contracts.eventos import ClienteCreado
from shared.errors import DomainError
from shared.ledger import sealing
from shared.persistence.base import new_engine
from shared.persistence.uow import UnitOfWork
from shared.testing import cfdi

CLAVE = "una-contrasena-larga"


@dataclass
class Banco:
    """One migrated timbrado database with a CM, a CTI, and the pipeline on it."""

    engine: Engine
    material: cfdi.Material
    timbrador: Timbrador
    cm: UUID
    cti: str
    envio: Envio
    pac: PacSandbox

    def conciliar(self) -> int:
        """One round of the reconciler."""
        return Conciliador(self.envio, self.uow).conciliar()

    def uow(self) -> UnitOfWork[Repositorio]:
        return UnitOfWork(self.engine, Repositorio)

    def saldo(self) -> tuple[int, int]:
        """Balance and holds of the CTI."""
        with self.engine.connect() as connection:
            row = connection.execute(
                text("SELECT saldo, retenido FROM cuentas WHERE tipo = 'cti' AND titular = :t"),
                {"t": self.cti},
            ).one()
            return row.saldo, row.retenido

    def timbrar(
        self, *xmls: bytes, contrasena: str = CLAVE, idd: str | None = None
    ) -> list[c.ResultadoDeTimbrado]:
        lote = [
            c.SolicitudDeTimbrado(cti=self.cti, contrasena=contrasena, xml=x.decode(), idd=idd) for x in xmls
        ]
        return self.timbrador.timbrar_lote(c.LoteDeTimbrado(solicitudes=lote)).resultados

    def factura(self, folio: str) -> bytes:
        return cfdi.factura(self.material.emisor("EKU9003173C9"), folio=folio)

    def fallar(self, modo: str) -> None:
        with self.uow() as uow:
            uow.repo.inyectar_falla(modo, 1)
            uow.commit()

    def sano(self) -> None:
        """Every invariant of the ledger holds, sealed to the last movement."""
        while sealing.seal(self.engine):
            pass
        with self.engine.connect() as connection:
            assert sealing.verify(connection) == []


def armar(url: str, carpeta: Path, timbres: int) -> Banco:
    engine = new_engine(url, 20)
    material = cfdi.preparar(carpeta)

    def uow() -> UnitOfWork[Repositorio]:
        return UnitOfWork(engine, Repositorio)

    def leer(ids: list[str]) -> object:
        with uow() as u:
            return u.repo.ctis(ids)

    cm, cti = uuid4(), f"CTI{uuid4().hex[:8]}"
    with uow() as u:
        cuentas.crear_cti_estandar(
            u, ClienteCreado(cuenta_id=cm, cliente_id=uuid4(), nic=1001, nombre="Cliente", cti=cti)
        )
        cuentas.restablecer_contrasena(Contrasena(CLAVE, hash_password(CLAVE), False))(
            u, c.RestablecerContrasena(clave="a", cuenta_id=cm, cti=cti)
        )
        transferencias.emitir(u, c.Emitir(clave="b", cuenta_id=cm, cantidad=1_000))
        if timbres:
            transferencias.transferir(
                u, c.Transferir(clave="c", cuenta_id=cm, cti=cti, cantidad=timbres, importe=Decimal("10.00"))
            )
        u.commit()
    with engine.connect() as connection:
        consumo, emision = connection.execute(
            text("SELECT id FROM cuentas WHERE NOT con_limite ORDER BY tipo")
        ).scalars()
    pac = PacSandbox(material.pac, MemoriaPostgres(engine), espera=0.01)
    directo = Directo(engine)
    envio = Envio(Enrutador([(10, pac)], EstadosDePacs(engine)), uow, directo, consumo, 0.2)
    timbrador = Timbrador(
        Validador(Confianza.de_carpeta(material.autoridades)),
        envio,
        Credenciales(leer, lambda f, *a: f(*a)),  # type: ignore[arg-type]
        uow,
        directo,
        emision,
    )
    return Banco(engine, material, timbrador, cm, cti, envio, pac)


@pytest.fixture
def banco(base_de_datos: Callable[[str], str], tmp_path: Path) -> Iterator[Banco]:
    b = armar(base_de_datos("timbrado"), tmp_path, 10)
    yield b
    b.engine.dispose()


def test_a_cfdi_is_stamped_and_costs_one_timbre(banco: Banco) -> None:
    [r] = banco.timbrar(banco.factura("A1"))
    assert r.error is None
    assert r.xml is not None
    assert r.uuid is not None
    assert not r.repetido
    tfd = extraer(r.xml.encode())
    assert tfd is not None
    assert str(r.uuid).upper() in tfd.decode().upper()
    assert banco.saldo() == (9, 0)
    banco.sano()


def test_the_same_invoice_is_stamped_once_in_one_lot_and_across_lots(banco: Banco) -> None:
    xml = banco.factura("A2")
    a, b = banco.timbrar(xml, xml)
    [d] = banco.timbrar(xml)
    assert a.uuid == b.uuid == d.uuid
    assert (a.repetido, b.repetido, d.repetido) == (False, True, True)
    assert a.xml == b.xml == d.xml
    assert banco.saldo() == (9, 0)


def test_concurrent_repeats_spend_one_timbre(banco: Banco) -> None:
    xml = banco.factura("A3")
    out: list[c.ResultadoDeTimbrado] = []
    threads = [threading.Thread(target=lambda: out.extend(banco.timbrar(xml))) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(out) == 8
    assert len({r.uuid for r in out if r.error is None}) == 1
    assert {r.error for r in out} <= {None, "pendiente"}
    assert banco.saldo() == (9, 0)
    banco.sano()


def test_a_lot_spends_exactly_the_balance_in_order(banco: Banco) -> None:
    resultados = banco.timbrar(*[banco.factura(f"B{i}") for i in range(13)])
    assert [r.error for r in resultados] == [None] * 10 + ["saldo_insuficiente"] * 3
    assert banco.saldo() == (0, 0)
    banco.sano()


def test_200_concurrent_debits_of_150_timbres(base_de_datos: Callable[[str], str], tmp_path: Path) -> None:
    banco = armar(base_de_datos("timbrado"), tmp_path, 150)
    xmls = [banco.factura(f"C{i}") for i in range(200)]
    out: list[c.ResultadoDeTimbrado] = []
    lotes = [xmls[i : i + 10] for i in range(0, 200, 10)]
    threads = [threading.Thread(target=lambda lote=lote: out.extend(banco.timbrar(*lote))) for lote in lotes]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sum(r.error is None for r in out) == 150
    assert sum(r.error == "saldo_insuficiente" for r in out) == 50
    assert banco.saldo() == (0, 0)
    banco.sano()
    banco.engine.dispose()


def test_wrong_password_unknown_cti_and_blocked_cti_spend_nothing(banco: Banco) -> None:
    xml = banco.factura("D1")
    [r] = banco.timbrar(xml, contrasena="equivocada-del-todo")
    assert r.error == "credenciales_invalidas"
    banco.timbrar(xml)
    with banco.uow() as uow:
        cuentas.bloquear_cti(
            uow,
            c.BloquearCti(
                clave="x", cuenta_id=banco.cm, cti=banco.cti, bloqueada=True, motivo="Falta de pago"
            ),
        )
        uow.commit()
    [r] = banco.timbrar(banco.factura("D2"))
    assert r.error == "cuenta_bloqueada"
    assert banco.saldo() == (9, 0)


def test_a_changed_password_stops_whoever_remembers_the_old_one(banco: Banco) -> None:
    banco.timbrar(banco.factura("E1"))
    with banco.uow() as uow:
        cuentas.restablecer_contrasena(
            Contrasena("otra-contrasena-nueva", hash_password("otra-contrasena-nueva"), False)
        )(uow, c.RestablecerContrasena(clave="y", cuenta_id=banco.cm, cti=banco.cti))
        uow.commit()
    [r] = banco.timbrar(banco.factura("E2"))
    assert r.error == "credenciales_invalidas"
    [r] = banco.timbrar(banco.factura("E2"), contrasena="otra-contrasena-nueva")
    assert r.error is None
    assert banco.saldo() == (8, 0)


def test_an_idd_names_one_invoice(banco: Banco) -> None:
    xml = banco.factura("F1")
    [a] = banco.timbrar(xml, idd="mi-1")
    [b] = banco.timbrar(xml, idd="mi-1")
    [d] = banco.timbrar(banco.factura("F2"), idd="mi-1")
    assert a.uuid == b.uuid
    assert d.error == "clave_reutilizada"
    hallado = banco.timbrador.consultar(
        c.ConsultarTimbrado(cti=banco.cti, contrasena=CLAVE, uuid_o_idd="mi-1")
    )
    assert hallado.uuid == a.uuid
    assert banco.saldo() == (9, 0)


def test_broken_xml_spends_nothing(banco: Banco) -> None:
    resultados = banco.timbrar(
        b"no es xml", b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>', banco.factura("G1")
    )
    assert [r.datos.get("codigo_sat") for r in resultados] == ["301", "301", None]
    assert resultados[2].error is None
    assert banco.saldo() == (9, 0)


@pytest.mark.parametrize(
    ("modo", "error", "saldo"),
    [
        ("rechazar", "pac_rechazo", 10),
        ("tiempo_agotado_antes", "pendiente", 9),
        ("tiempo_agotado_despues", "pendiente", 9),
        ("repetido_con_xml", None, 9),
        ("repetido_sin_xml", "pendiente", 9),
        ("basura", "pendiente", 9),
    ],
)
def test_each_failure_of_the_pac_ends_with_one_tfd_or_a_free_refusal(
    banco: Banco, modo: str, error: str | None, saldo: int
) -> None:
    banco.fallar(modo)
    xml = banco.factura("H1")
    [r] = banco.timbrar(xml)
    assert r.error == error
    if error == "pendiente":
        assert banco.saldo() == (10, 1)
        assert banco.conciliar() == 1
        [r] = banco.timbrar(xml)
        assert r.error is None
        assert r.repetido
    assert banco.saldo() == (saldo, 0)
    banco.sano()


def test_a_hold_left_by_a_dead_replica_is_finished(banco: Banco) -> None:
    xml = banco.factura("I1")
    trabajo = banco.timbrador._preparar(
        c.SolicitudDeTimbrado(cti=banco.cti, contrasena=CLAVE, xml=xml.decode()),
        banco.timbrador._credenciales.verificar([(banco.cti, CLAVE)])[0],
    )
    assert not isinstance(trabajo, DomainError)
    banco.timbrador._retener([trabajo], "sandbox")
    assert banco.saldo() == (10, 1)
    [r] = banco.timbrar(xml)
    assert r.error == "pendiente"
    with banco.engine.begin() as connection:
        connection.execute(text("UPDATE timbrados SET tomado_hasta = now() - interval '1 second'"))
    assert banco.conciliar() == 1
    [r] = banco.timbrar(xml)
    assert r.repetido
    assert banco.saldo() == (9, 0)
    banco.sano()


def tarde(banco: Banco, folio: str) -> tuple[bytes, Hecho]:
    """An invoice that holds its timbre, as a slow replica has it in hand while it waits for the PAC."""
    xml = banco.factura(folio)
    trabajo = banco.timbrador._preparar(
        c.SolicitudDeTimbrado(cti=banco.cti, contrasena=CLAVE, xml=xml.decode()),
        banco.timbrador._credenciales.verificar([(banco.cti, CLAVE)])[0],
    )
    assert not isinstance(trabajo, DomainError)
    [trabajo] = banco.timbrador._retener([trabajo], "sandbox")
    return xml, Hecho(trabajo.id, trabajo.cti.id, trabajo.solicitud())


def test_a_slow_replica_finds_the_reconcilers_capture_and_spends_no_second_timbre(banco: Banco) -> None:
    xml, hecho = tarde(banco, "K1")
    respuestas = banco.pac.timbrar([hecho.solicitud])
    with banco.engine.begin() as connection:
        connection.execute(text("UPDATE timbrados SET tomado_hasta = now() - interval '1 second'"))
    assert banco.conciliar() == 1
    hechos = banco.envio.terminar([(hecho, respuestas[0], banco.pac)])
    [r] = banco.timbrar(xml)
    assert hechos[hecho.id][0] == r.uuid
    assert banco.saldo() == (9, 0)
    banco.sano()


def test_a_stamp_that_comes_after_its_hold_was_released_does_not_leave_unpaid(banco: Banco) -> None:
    _, hecho = tarde(banco, "K2")
    banco.envio.terminar([(hecho, Rechazado("CFDI40147", "no"), banco.pac)])
    assert banco.saldo() == (10, 0)
    respuestas = banco.pac.timbrar([hecho.solicitud])
    assert banco.envio.terminar([(hecho, respuestas[0], banco.pac)]) == {}
    assert banco.saldo() == (10, 0)
    banco.sano()


def test_the_database_refuses_what_the_code_would_never_do(banco: Banco) -> None:
    banco.timbrar(banco.factura("J1"))
    banco.sano()
    for sql in (
        "UPDATE movimientos SET cantidad = 5",
        "DELETE FROM movimientos",
        "DELETE FROM cadena",
        "UPDATE cuentas SET saldo = -1 WHERE tipo = 'cti'",
        "UPDATE cuentas SET retenido = saldo + 1 WHERE tipo = 'cti'",
    ):
        with pytest.raises(DBAPIError), banco.engine.begin() as connection:
            connection.execute(text(sql))


def test_a_transfer_is_refused_whole_when_stock_lacks(banco: Banco) -> None:
    with banco.uow() as uow, pytest.raises(DomainError) as exc:
        transferencias.transferir(
            uow,
            c.Transferir(clave="z", cuenta_id=banco.cm, cti=banco.cti, cantidad=5_000, importe=Decimal(1)),
        )
    assert exc.value.code == "saldo_insuficiente"
    assert "990" in exc.value.detail


def test_another_cms_cti_is_not_found(banco: Banco) -> None:
    with banco.uow() as uow, pytest.raises(DomainError) as exc:
        cuentas.obtener_cti(uow, c.ObtenerCti(cuenta_id=uuid4(), cti=banco.cti))
    assert exc.value.code == "no_encontrado"


def test_a_repeat_after_72_hours_gets_its_stored_stamp(banco: Banco, monkeypatch: pytest.MonkeyPatch) -> None:
    xml = banco.factura("TARDE")
    [primero] = banco.timbrar(xml)
    assert primero.error is None

    class _Luego(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) + timedelta(hours=80)

    monkeypatch.setattr(modulo, "datetime", _Luego)
    [nuevo] = banco.timbrar(banco.factura("NUEVA"))
    assert nuevo.datos["codigo_sat"] == "401"
    antes = banco.saldo()
    [otra] = banco.timbrar(xml)
    assert (otra.error, otra.uuid, otra.repetido, otra.xml) == (None, primero.uuid, True, primero.xml)
    assert banco.saldo() == antes
