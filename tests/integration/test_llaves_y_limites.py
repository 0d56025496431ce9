"""Passwords that overlap, generated keys, and limits, exact with several replicas."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import copy
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from services.timbrado.credenciales import Credenciales
from services.timbrado.use_cases import cuentas, guarda, llaves
from shared.contracts import timbrado as c
from shared.errors import DomainError
from tests.integration.apoyo_ctis import OTRA, Cm, a_la_vez, abrir
from tests.integration.test_timbrado_pipeline import CLAVE


@pytest.fixture
def cm(base_de_datos: Callable[[str], str], tmp_path: Path) -> Iterator[Cm]:
    with abrir(base_de_datos("timbrado"), tmp_path) as uno:
        yield uno


def test_the_earlier_password_works_until_its_overlap_ends(cm: Cm) -> None:
    assert cm.timbrar(cm.factura("P1"))[0].error is None
    hecho = cm.restablecer(OTRA, horas=24)
    assert hecho.contrasena is None
    assert hecho.anterior_hasta is not None
    assert abs(hecho.anterior_hasta - datetime.now(UTC) - timedelta(hours=24)) < timedelta(minutes=1)
    # This process remembers the old version: both are told right within the same call.
    assert cm.timbrar(cm.factura("P2"))[0].error is None
    assert cm.timbrar(cm.factura("P3"), contrasena=OTRA)[0].error is None
    cm.restablecer("una-tercera-contrasena", horas=1)
    assert cm.timbrar(cm.factura("P4"))[0].error == "credenciales_invalidas", "only one earlier one"
    assert cm.timbrar(cm.factura("P4"), contrasena=OTRA)[0].error is None
    cm.restablecer("una-cuarta-contrasena")
    for vieja in (OTRA, "una-tercera-contrasena"):
        assert cm.timbrar(cm.factura("P5"), contrasena=vieja)[0].error == "credenciales_invalidas"
    assert cm.timbrar(cm.factura("P5"), contrasena="una-cuarta-contrasena")[0].error is None
    assert cm.saldo() == (95, 0)
    cm.sano()


def test_an_overlap_that_ended_is_refused_and_its_hash_erased(cm: Cm) -> None:
    cm.restablecer(OTRA, horas=1)
    with cm.engine.begin() as connection:
        connection.execute(text("UPDATE ctis SET anterior_hasta = now() - interval '1 second'"))
    assert cm.timbrar(cm.factura("P6"))[0].error == "credenciales_invalidas"
    cm.vigilar()
    with cm.engine.connect() as connection:
        assert connection.execute(text("SELECT hash_anterior, anterior_hasta FROM ctis")).one() == (
            None,
            None,
        )


def test_the_very_same_password_set_again_is_never_answered_401(cm: Cm) -> None:
    assert cm.timbrar(cm.factura("V1"))[0].error is None
    cm.restablecer(CLAVE)
    xmls = [cm.factura(f"V{i}") for i in range(2, 6)]
    assert [r.error for r in cm.timbrar(*xmls)] == [None] * 4
    assert cm.saldo() == (95, 0)
    cm.sano()


def test_a_changed_password_gives_no_earlier_stamp_either(cm: Cm) -> None:
    xml = cm.factura("V7")
    assert cm.timbrar(xml)[0].error is None
    cm.restablecer(OTRA)
    assert cm.timbrar(xml)[0].error == "credenciales_invalidas"
    [r] = cm.timbrar(xml, contrasena=OTRA)
    assert (r.error, r.repetido) == (None, True)


def test_right_and_changed_credentials_in_one_lot_get_their_own_answers(cm: Cm) -> None:
    llave = cm.llave()
    assert llave.llave is not None
    lote = [(CLAVE, "L1"), (llave.llave, "L2")]

    def timbrar() -> list[str | None]:
        solicitudes = [
            c.SolicitudDeTimbrado(cti=cm.cti, contrasena=k, xml=cm.factura(f).decode()) for k, f in lote
        ]
        return [
            r.error for r in cm.timbrador.timbrar_lote(c.LoteDeTimbrado(solicitudes=solicitudes)).resultados
        ]

    assert timbrar() == [None, None]
    cm.restablecer(OTRA)
    lote = [(CLAVE, "L3"), (llave.llave, "L4"), (OTRA, "L5")]
    assert timbrar() == ["credenciales_invalidas", None, None]
    cm.sano()


def test_a_key_stamps_until_it_is_revoked(cm: Cm) -> None:
    una, otra = cm.llave("Caja 1"), cm.llave("Caja 2")
    assert una.llave is not None
    assert otra.llave is not None
    assert una.termina_en == una.llave[-4:]
    assert cm.timbrar(cm.factura("K1"), contrasena=una.llave)[0].error is None
    assert cm.timbrar(cm.factura("K2"), contrasena=otra.llave)[0].error is None
    revocar = c.RevocarLlave(clave="k", cuenta_id=cm.cm, cti=cm.cti, llave_id=una.id)
    primera = cm.hacer(llaves.revocar_llave, revocar)
    assert cm.hacer(llaves.revocar_llave, revocar) == primera
    assert cm.timbrar(cm.factura("K3"), contrasena=una.llave)[0].error == "credenciales_invalidas"
    assert cm.timbrar(cm.factura("K3"), contrasena=otra.llave)[0].error is None
    assert cm.timbrar(cm.factura("K4"))[0].error is None
    assert [a.accion for a in cm.bitacora()][:3] == ["llave_revocada", "llave_creada", "llave_creada"]
    with cm.engine.connect() as connection:
        guardado = connection.execute(text("SELECT k::text FROM llaves_cti k")).scalars().all()
    assert not any(una.llave in fila for fila in guardado)
    cm.sano()


def test_a_revoked_key_reads_nothing_either(cm: Cm) -> None:
    llave = cm.llave()
    assert llave.llave is not None
    [hecho] = cm.timbrar(cm.factura("K5"), contrasena=llave.llave)
    consulta = c.ConsultarTimbrado(cti=cm.cti, contrasena=llave.llave, uuid_o_idd=str(hecho.uuid))
    assert cm.timbrador.consultar(consulta).uuid == hecho.uuid
    cm.hacer(llaves.revocar_llave, c.RevocarLlave(clave="k", cuenta_id=cm.cm, cti=cm.cti, llave_id=llave.id))
    with pytest.raises(DomainError) as exc:
        cm.timbrador.consultar(consulta)
    assert exc.value.code == "credenciales_invalidas"


def test_at_most_twenty_live_keys_also_at_once_and_a_revoked_one_makes_room(cm: Cm) -> None:
    hechas = a_la_vez(24, lambda i: cm.llave(f"Caja {i}"))
    creadas = [h for h in hechas if not isinstance(h, DomainError)]
    assert len(creadas) == 20
    assert {h.code for h in hechas if isinstance(h, DomainError)} == {"conflicto"}
    cm.hacer(
        llaves.revocar_llave,
        c.RevocarLlave(clave="k", cuenta_id=cm.cm, cti=cm.cti, llave_id=creadas[7].id),
    )
    cm.llave("Una más")
    pagina = cm.hacer(llaves.listar_llaves, c.ListarLlaves(cuenta_id=cm.cm, cti=cm.cti, limite=15))
    resto = cm.hacer(
        llaves.listar_llaves,
        c.ListarLlaves(cuenta_id=cm.cm, cti=cm.cti, limite=15, cursor=pagina.siguiente),
    )
    todas = pagina.datos + resto.datos
    assert len({k.id for k in todas}) == 21
    assert [k.id for k in todas if k.revocada_en is not None] == [creadas[7].id]
    with pytest.raises(DBAPIError), cm.engine.begin() as connection:
        connection.execute(
            text("UPDATE llaves_cti SET revocada_en = NULL WHERE id = :id"), {"id": creadas[7].id}
        )


def test_the_last_day_of_use_is_written_by_the_timer_and_only_forward(cm: Cm) -> None:
    llave = cm.llave()
    assert llave.llave is not None
    cm.timbrar(cm.factura("U1"), contrasena=llave.llave)
    credenciales: Credenciales = cm.timbrador._credenciales
    with cm.uow() as uow:
        guarda.anotar_vistas(uow, credenciales)
    hoy = datetime.now(UTC).date()
    with cm.uow() as uow:
        uow.repo.llaves_usadas({llave.id: hoy - timedelta(days=3)})
        uow.commit()
    [leida] = cm.hacer(llaves.listar_llaves, c.ListarLlaves(cuenta_id=cm.cm, cti=cm.cti)).datos
    assert leida.usada_el == hoy


def test_another_cms_keys_and_limits_are_not_found(cm: Cm) -> None:
    llave, ajena = cm.llave(), uuid4()
    peticiones: list[tuple[Any, Any]] = [
        (llaves.listar_llaves, c.ListarLlaves(cuenta_id=ajena, cti=cm.cti)),
        (llaves.crear_llave, c.CrearLlave(clave="k", cuenta_id=ajena, cti=cm.cti, nombre="x")),
        (llaves.revocar_llave, c.RevocarLlave(clave="k", cuenta_id=ajena, cti=cm.cti, llave_id=llave.id)),
        (llaves.revocar_llave, c.RevocarLlave(clave="k", cuenta_id=cm.cm, cti=cm.cti, llave_id=uuid4())),
        (llaves.consultar_limites, c.ConsultarLimites(cuenta_id=ajena, cti=cm.cti)),
        (llaves.poner_limites, c.PonerLimites(clave="k", cuenta_id=ajena, cti=cm.cti)),
        (cuentas.obtener_cti, c.ObtenerCti(cuenta_id=cm.cm, cti="con\0nulo")),
    ]
    for use_case, peticion in peticiones:
        with pytest.raises(DomainError) as exc:
            cm.hacer(use_case, peticion)
        assert exc.value.code == "no_encontrado"


def test_limits_hold_from_the_commit_on_in_a_process_that_remembers_the_cti(cm: Cm) -> None:
    assert cm.timbrar(cm.factura("M1"))[0].error is None
    puestos = cm.limitar(rfcs=["cacx7605101p8"], redes=["203.0.113.9/24"])
    assert (puestos.rfcs, puestos.redes) == (["CACX7605101P8"], ["203.0.113.0/24"])
    [r] = cm.timbrar(cm.factura("M2"))
    assert r.error == "no_permitido"
    assert "EKU9003173C9" in (r.detail or "")
    cm.limitar(rfcs=["EKU9003173C9"], redes=["203.0.113.9/24"])
    xml = cm.factura("M2").decode()

    def desde(ip: str | None) -> str | None:
        solicitud = c.SolicitudDeTimbrado(cti=cm.cti, contrasena=CLAVE, xml=xml, ip=ip)
        return cm.timbrador.timbrar_lote(c.LoteDeTimbrado(solicitudes=[solicitud])).resultados[0].error

    assert desde("198.51.100.1") == "no_permitido"
    assert desde(None) == "no_permitido"
    assert desde("203.0.113.200") is None
    cm.limitar()
    assert cm.hacer(llaves.consultar_limites, c.ConsultarLimites(cuenta_id=cm.cm, cti=cm.cti)) == c.Limites()
    antes, despues = (a.detalle for a in cm.bitacora() if a.accion == "limites").__next__().values()
    assert antes["rfcs"] == ["EKU9003173C9"]
    assert despues["rfcs"] == []


def test_stampings_a_minute_are_exact_with_two_replicas_and_hot_lots(cm: Cm) -> None:
    cm.limitar(por_minuto=37)
    otra = copy(cm.timbrador)
    otra._credenciales = Credenciales(cm.timbrador._credenciales._read, lambda f, *a: f(*a))
    xmls = [cm.factura(f"X{i}") for i in range(100)]
    lotes = [xmls[i : i + 10] for i in range(0, 100, 10)]
    out: list[c.ResultadoDeTimbrado] = []

    def timbrar(i: int) -> None:
        solicitudes = [c.SolicitudDeTimbrado(cti=cm.cti, contrasena=CLAVE, xml=x.decode()) for x in lotes[i]]
        replica = (cm.timbrador, otra)[i % 2]
        out.extend(replica.timbrar_lote(c.LoteDeTimbrado(solicitudes=solicitudes)).resultados)

    a_la_vez(10, timbrar)
    assert sum(r.error is None for r in out) == 37
    excedidos = [r for r in out if r.error is not None]
    assert {r.error for r in excedidos} == {"demasiados_intentos"}
    assert all(1 <= r.datos["reintentar_en"] <= 60 for r in excedidos)
    # A repeat of what was stamped is free of the limit, and what is older than a minute no longer counts.
    hecho = next(x for x in xmls if cm.timbrar(x)[0].repetido)
    assert cm.timbrar(hecho)[0].repetido
    with cm.engine.begin() as connection:
        connection.execute(text("UPDATE timbrados SET creado_en = creado_en - interval '61 seconds'"))
    assert cm.timbrar(cm.factura("Y1"))[0].error is None
    assert cm.saldo() == (62, 0)
    cm.sano()
