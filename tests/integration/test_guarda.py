"""The guard and its notices: freezes once, tells once, never freezes for wrong passwords."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from services.timbrado.credenciales import Credenciales
from services.timbrado.use_cases import avisos, cuentas, guarda
from shared.contracts import timbrado as c
from shared.errors import DomainError
from tests.integration.apoyo_ctis import Cm, a_la_vez, abrir, hora_actual


@pytest.fixture
def cm(base_de_datos: Callable[[str], str], tmp_path: Path) -> Iterator[Cm]:
    with abrir(base_de_datos("timbrado"), tmp_path) as uno:
        yield uno


def test_an_unusual_hour_freezes_once_is_told_and_can_be_quieted(cm: Cm) -> None:
    hora = hora_actual()
    cm.uso(30, hora - timedelta(days=10))
    cm.uso(100, hora - timedelta(days=1))
    cm.uso(2_000, hora)
    assert cm.vigilar() == 0
    with cm.engine.begin() as connection:
        connection.execute(text("UPDATE consumo_por_hora SET cantidad = 2001 WHERE hora = :h"), {"h": hora})
    hechas = a_la_vez(4, lambda _: cm.vigilar())
    assert sorted(str(h) for h in hechas) == ["0", "0", "0", "1"]
    detalle = cm.hacer(cuentas.obtener_cti, c.ObtenerCti(cuenta_id=cm.cm, cti=cm.cti))
    assert not detalle.activa
    assert detalle.motivo_bloqueo is not None
    assert detalle.motivo_bloqueo.startswith("Congelada por la guarda: 2,001 timbrados")
    assert cm.timbrar(cm.factura("G1"))[0].error == "cuenta_bloqueada"
    [aviso] = cm.avisos()
    assert (aviso.tipo, aviso.cti) == ("cti_congelada", cm.cti)
    assert (cm.bitacora()[0].accion, cm.bitacora()[0].actor) == ("congelacion", "guarda")
    cm.bloquear(False, "Es la quincena")
    assert cm.vigilar() == 0, "quiet until the next hour"
    assert cm.timbrar(cm.factura("G1"))[0].error is None
    with cm.engine.begin() as connection:
        connection.execute(
            text("UPDATE consumo_por_hora SET hora = hora - interval '1 hour' WHERE cantidad > 2000")
        )
        connection.execute(text("UPDATE ctis SET guarda_desde = guarda_desde - interval '1 hour'"))
    cm.uso(40_021, hora)
    assert cm.vigilar() == 1, "the next hour is looked at again"
    assert len(cm.avisos()) == 2


def test_the_own_limit_an_hour_needs_no_history(cm: Cm) -> None:
    cm.uso(51, hora_actual())
    assert cm.vigilar() == 0
    cm.limitar(tope_por_hora=50)
    assert cm.vigilar() == 1
    assert "su tope es de 50 por hora" in cm.avisos()[0].mensaje


def test_many_wrong_passwords_are_told_once_and_freeze_nothing(cm: Cm) -> None:
    credenciales: Credenciales = cm.timbrador._credenciales
    mala = [(cm.cti, "equivocada")]
    for _ in range(2):
        credenciales.verificar(mala * 99)
        with cm.uow() as uow:
            guarda.anotar_vistas(uow, credenciales)
        cm.vigilar()
    assert cm.avisos() == []
    credenciales.verificar(mala * 2)
    with cm.uow() as uow:
        guarda.anotar_vistas(uow, credenciales)
    for _ in range(2):
        assert cm.vigilar() == 0
    [aviso] = cm.avisos()
    assert aviso.tipo == "contrasenas_equivocadas"
    assert "200 contraseñas equivocadas" in aviso.mensaje
    assert cm.timbrar(cm.factura("W1"))[0].error is None


def test_notices_are_told_once_listed_and_read(cm: Cm) -> None:
    with cm.uow() as uow:
        for i in range(5):
            assert uow.repo.avisar(cm.cm, "prueba", cm.cti, f"Aviso {i}", f"clave-{i}") is not None
        assert uow.repo.avisar(cm.cm, "prueba", None, "Otra vez", "clave-0") is None
        assert uow.repo.avisar(uuid4(), "prueba", None, "De otra cuenta", "clave-0") is not None
        uow.commit()
    pagina = cm.hacer(avisos.listar_avisos, c.ListarAvisos(cuenta_id=cm.cm, limite=3))
    resto = cm.hacer(avisos.listar_avisos, c.ListarAvisos(cuenta_id=cm.cm, limite=3, cursor=pagina.siguiente))
    assert [a.id for a in pagina.datos + resto.datos] == [a.id for a in cm.avisos()]
    assert len(resto.datos) == 2
    uno = pagina.datos[0].id

    def leer(cuenta: UUID) -> c.Aviso:
        return cm.hacer(avisos.leer_aviso, c.LeerAviso(clave="k", cuenta_id=cuenta, aviso_id=uno))

    assert leer(cm.cm).leido_en is not None
    assert leer(cm.cm) == leer(cm.cm)
    with pytest.raises(DomainError) as exc:
        leer(uuid4())
    assert exc.value.code == "no_encontrado"
    assert [a.id for a in cm.avisos(leido=True)] == [uno]
    assert len(cm.avisos(leido=False)) == 4
    assert cm.hacer(avisos.leer_avisos, c.LeerAvisos(clave="k", cuenta_id=cm.cm)).leidos == 4
    assert cm.avisos(leido=False) == []
