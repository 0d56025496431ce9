"""Distributors on a real PostgreSQL: what the database refuses, races, timers of two replicas, the renewal's saga."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from services.clientes.domain import vigencia
from services.clientes.use_cases import confirmaciones, red, renovaciones
from shared.contracts import clientes as c
from shared.contracts.base import dump
from shared.errors import Codigo, DomainError
from shared.persistence.base import new_engine
from tests.integration.apoyo_distribuidores import CONTRASENA, CRED, CUOTA, HOY, MKL, Mundo


@pytest.fixture
def mundo(base_de_datos: Callable[..., str]) -> Iterator[Mundo]:
    uno = Mundo(new_engine(base_de_datos("clientes"), 8))
    uno.preparar()
    yield uno
    uno.clientes.dispose()


@pytest.fixture
def saga(base_de_datos: Callable[..., str]) -> Iterator[Mundo]:
    motores = [new_engine(base_de_datos(s), 8) for s in ("clientes", "puntos", "licencias")]
    uno = Mundo(motores[0], motores[1], motores[2])
    uno.preparar()
    uno.correr(renovaciones.poner_cuota, c.PonerCuotaAnual(clave="k", cuota=CUOTA))
    uno.entregar()
    yield uno
    for motor in motores:
        motor.dispose()


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE cuentas_maestras SET estado = 'cancelado', confirmar_antes_de = NULL WHERE cuenta_id = :activa",
        "UPDATE cuentas_maestras SET estado = 'eliminado', proximo_aviso = NULL WHERE cuenta_id = :activa",
        "UPDATE cuentas_maestras SET estado = 'activo' WHERE cuenta_id = :nueva",
        "UPDATE cuentas_maestras SET padre_id = :activa WHERE cuenta_id = :nueva",
        "UPDATE cuentas_maestras SET vence_en = NULL WHERE cuenta_id = :activa",
        "UPDATE cuentas_maestras SET estado = 'suspendido' WHERE padre_id IS NULL",
        "DELETE FROM cuentas_maestras WHERE cuenta_id = :nueva",
        "UPDATE estados_de_cuenta_maestra SET motivo = 'otro'",
        "DELETE FROM estados_de_cuenta_maestra",
        (
            "INSERT INTO estados_de_cuenta_maestra (cuenta_id, accion, de, a, quien, en)"
            " VALUES (:activa, 'activacion', 'vencido', 'activo', 'padre', now())"
        ),
        "INSERT INTO transiciones_de_cuenta VALUES ('magia', 'activo', 'cancelado')",
        (
            "INSERT INTO cuentas_maestras (cuenta_id, padre_id, nombre, estado, creado_en, correo, movil,"
            " confirmar_antes_de) VALUES (gen_random_uuid(), :nueva, 'x', 'sin_validar', now(), 'a@x.mx', '1', now())"
        ),
    ],
)
def test_la_base_rehusa(mundo: Mundo, sql: str) -> None:
    datos = {"activa": mundo.cm, "nueva": mundo.alta()}
    with pytest.raises(IntegrityError), mundo.clientes.begin() as conexion:
        conexion.execute(text(sql), {k: v for k, v in datos.items() if f":{k}" in sql})


def test_de_la_alta_a_la_cancelacion(mundo: Mundo) -> None:
    cuenta = mundo.alta(nombre="Ñandú Óptica", correo="Nueva@X.mx ")
    vista = mundo.correr(confirmaciones.ver_alta, c.VerAlta(token=(token := mundo.token(cuenta))))
    assert (vista.padre, vista.correo, vista.tiene_perfil) == ("CM 1", "nueva@x.mx", False)
    confirmada = mundo.correr(
        confirmaciones.confirmar_alta, c.ConfirmarAlta(clave="k", token=token, contrasena=CONTRASENA), CRED
    )
    assert (confirmada.estado, confirmada.perfil_creado) == ("sin_activar", True)
    with pytest.raises(DomainError) as usado:
        mundo.correr(confirmaciones.ver_alta, c.VerAlta(token=token))
    assert usado.value.code == Codigo.NO_ENCONTRADO
    activada = mundo.cambiar(cuenta, "activacion")
    assert (activada.estado, activada.acciones) == ("activo", ["suspension", "renovacion"])
    assert activada.vence_en == vigencia.primer_vencimiento(datetime.now(UTC))
    assert mundo.cambiar(cuenta, "suspension").estado == "suspendido"
    assert mundo.cambiar(cuenta, "reactivacion").estado == "activo"
    with pytest.raises(DomainError, match="está activa"):
        mundo.cambiar(cuenta, "cancelacion")
    mundo.cambiar(cuenta, "suspension", motivo="No paga")
    assert mundo.cambiar(cuenta, "cancelacion").estado == "cancelado"
    detalle = mundo.correr(red.obtener, c.ObtenerDistribuidor(cuenta_id=mundo.raiz, distribuidor_id=cuenta))
    dump(detalle)
    assert [(x.accion, x.a) for x in detalle.historia] == [
        ("cancelacion", "cancelado"), ("suspension", "suspendido"), ("reactivacion", "activo"),
        ("suspension", "suspendido"), ("activacion", "activo"), ("validacion", "sin_activar"), ("alta", "sin_validar"),
    ]  # fmt: skip
    assert detalle.historia[1].motivo == "No paga"
    asuntos = [f[0] for f in mundo.leer("SELECT asunto FROM correos WHERE para = 'nueva@x.mx'")]
    # The confirmation, and each act once.
    assert len(asuntos) == 6


def test_con_el_perfil_que_ya_tiene(mundo: Mundo) -> None:
    primera = mundo.alta(correo="ana@x.mx", movil="5511112222")
    mundo.confirmar(primera)
    segunda = mundo.alta(correo="ana@x.mx", movil="5533334444")
    confirmada = mundo.confirmar(segunda, contrasena=None)
    assert not confirmada.perfil_creado
    assert mundo.leer("SELECT count(*) FROM perfiles WHERE correo = 'ana@x.mx'") == [(1,)]
    # Its móvil is another's: the form asks for one, and nothing was done.
    tercera = mundo.alta(correo="beto@x.mx", movil="5511112222")
    with pytest.raises(DomainError) as movil:
        mundo.confirmar(tercera)
    assert set(movil.value.errores) == {"movil"}
    assert mundo.confirmar(tercera, movil="5555556666").perfil_creado


def test_no_de_quien_administra_al_padre(mundo: Mundo) -> None:
    for ajeno in ("correo", "movil"):
        datos: dict[str, Any] = {ajeno: {"correo": "titular1@cm.mx", "movil": "+525590000001"}[ajeno]}
        with pytest.raises(DomainError) as no:
            mundo.alta(**datos)
        assert set(no.value.errores) == {"correo"}


def test_cada_quien_ve_solo_a_sus_directos(mundo: Mundo) -> None:
    with pytest.raises(DomainError) as sin:
        mundo.alta(mundo.cm)
    assert sin.value.code == Codigo.CONTRATO_REQUERIDO
    mundo.multinivel(mundo.cm)
    nieta = mundo.activa(mundo.cm)
    for ajeno in (mundo.raiz, nieta):
        with pytest.raises(DomainError) as no:
            mundo.cambiar(nieta, "suspension", ajeno)
        assert no.value.code == Codigo.NO_ENCONTRADO
    # What it has goes on while it is suspended; nothing hangs from a cancelled one (see test_adopciones.py).
    mundo.cambiar(mundo.cm, "suspension")
    assert mundo.estado(nieta) == "activo"
    with pytest.raises(IntegrityError), mundo.clientes.begin() as conexion:
        conexion.execute(
            text("UPDATE cuentas_maestras SET estado = 'cancelado' WHERE cuenta_id = :i"), {"i": mundo.cm}
        )


def test_un_alta_a_la_vez_por_correo_y_reenvio(mundo: Mundo) -> None:
    cuenta = mundo.alta(correo="eva@x.mx")
    with pytest.raises(DomainError, match="Reenvíele"):
        mundo.alta(correo="EVA@x.mx")
    viejo = mundo.token(cuenta)
    mundo.correr(red.reenviar, c.ReenviarAlta(clave="k", cuenta_id=mundo.raiz, distribuidor_id=cuenta))
    with pytest.raises(DomainError):
        mundo.correr(confirmaciones.ver_alta, c.VerAlta(token=viejo))
    mundo.confirmar(cuenta)
    with pytest.raises(DomainError, match="está sin activar"):
        mundo.correr(red.reenviar, c.ReenviarAlta(clave="k", cuenta_id=mundo.raiz, distribuidor_id=cuenta))


@pytest.mark.parametrize("orden", ["nombre", "vencimiento", "recientes"])
def test_las_pestanas_por_paginas(mundo: Mundo, orden: str) -> None:
    for n in range(7):
        cuenta = mundo.alta(nombre=f"Ámbar {n % 3}")
        if n % 2:
            mundo.confirmar(cuenta)
            mundo.cambiar(cuenta, "activacion")
    vistas: list[UUID] = []
    cursor = None
    while True:
        pagina = mundo.correr(
            red.listar,
            c.ListarDistribuidores(cuenta_id=mundo.raiz, orden=orden, limite=2, cursor=cursor, q="ambar"),
        )
        dump(pagina)
        vistas += [x.cuenta_id for x in pagina.datos]
        cursor = pagina.siguiente
        if cursor is None:
            break
    assert len(vistas) == len(set(vistas)) == 7
    resumen = mundo.correr(red.resumir, c.ResumirDistribuidores(cuenta_id=mundo.raiz))
    # Beside these there is the distributor that the root had.
    assert (resumen.sin_validar, resumen.activo, resumen.total) == (4, 4, 8)
    activas = mundo.correr(red.listar, c.ListarDistribuidores(cuenta_id=mundo.raiz, estado="activo"))
    assert {x.estado for x in activas.datos} == {"activo"}
    with pytest.raises(DomainError):
        mundo.correr(
            red.listar, c.ListarDistribuidores(cuenta_id=mundo.raiz, orden="recientes", cursor="WyJ4Il0")
        )


def a_la_vez(*acciones: Callable[[], Any]) -> list[Any]:
    salida: list[Any] = [None] * len(acciones)
    listos = threading.Barrier(len(acciones))

    def una(i: int) -> None:
        listos.wait()
        try:
            salida[i] = acciones[i]()
        except (DomainError, IntegrityError) as exc:
            salida[i] = exc

    hilos = [threading.Thread(target=una, args=(i,)) for i in range(len(acciones))]
    for hilo in hilos:
        hilo.start()
    for hilo in hilos:
        hilo.join()
    return salida


def test_de_dos_clics_uno_lo_hace(mundo: Mundo) -> None:
    cuenta = mundo.activa()
    hechos = a_la_vez(*(lambda: mundo.cambiar(cuenta, "suspension") for _ in range(4)))
    assert sum(isinstance(x, c.Distribuidor) for x in hechos) == 1
    assert all(isinstance(x, c.Distribuidor) or x.code == Codigo.CONFLICTO for x in hechos)
    assert mundo.leer(
        "SELECT count(*) FROM estados_de_cuenta_maestra WHERE cuenta_id = :i AND accion = 'suspension'",
        i=cuenta,
    ) == [(1,)]


def test_alta_y_cancelacion_del_padre_se_excluyen(mundo: Mundo) -> None:
    for _ in range(4):
        padre = mundo.activa()
        mundo.multinivel(padre)
        alta, _suspendida = a_la_vez(
            lambda p=padre: mundo.alta(p),  # type: ignore[misc]
            lambda p=padre: mundo.cambiar(p, "suspension"),  # type: ignore[misc]
        )
        if mundo.estado(padre) == "suspendido":
            assert mundo.cambiar(padre, "cancelacion").estado == "cancelado"
            if isinstance(alta, UUID):
                suyo = mundo.leer("SELECT padre_id FROM cuentas_maestras WHERE cuenta_id = :i", i=alta)
                assert suyo == [(mundo.raiz,)]


def test_los_dias_pasan_una_vez_con_varias_replicas(mundo: Mundo) -> None:
    activas = [mundo.activa() for _ in range(6)]
    olvidadas = [mundo.alta() for _ in range(3)]
    vence = mundo.leer("SELECT vence_en FROM cuentas_maestras WHERE cuenta_id = :i", i=activas[0])[0][0]
    assert mundo.vigilar(datetime.now(UTC)) == 0
    for dias, avisos in ((30, 1), (15, 2), (7, 3), (1, 4), (0, 4)):
        cuando = vigencia.inicio_del_dia(vigencia.dia_en_mexico(vence) - timedelta(days=dias))
        a_la_vez(*(lambda q=cuando: mundo.vigilar(q) for _ in range(3)))
        assert mundo.leer(
            "SELECT count(*) FROM correos WHERE clave LIKE :c", c=f"cuenta:{activas[0]}:por_vencer:%"
        ) == [(avisos,)]
        assert mundo.estado(activas[0]) == "activo"
    # The altas lapsed long before; thirty days on they were removed, and say nothing of anybody.
    assert {mundo.estado(x) for x in olvidadas} <= {"cancelado", "eliminado"}
    a_la_vez(*(lambda: mundo.vigilar(vence + timedelta(seconds=1)) for _ in range(3)))
    assert {mundo.estado(x) for x in activas} == {"vencido"}
    assert mundo.leer(
        "SELECT count(*) FROM estados_de_cuenta_maestra WHERE accion = 'vencimiento' AND cuenta_id = ANY(:i)",
        i=activas,
    ) == [(6,)]
    assert mundo.cambiar(activas[0], "cancelacion").estado == "cancelado"
    hoy = vigencia.dia_en_mexico(datetime.now(UTC))
    mundo.vigilar(vigencia.fin_del_dia(hoy + timedelta(days=30)))
    assert mundo.estado(activas[0]) == "cancelado"
    mundo.vigilar(vigencia.inicio_del_dia(hoy + timedelta(days=31)))
    assert mundo.leer(
        "SELECT estado, nombre, correo, movil, titular_nombre FROM cuentas_maestras WHERE cuenta_id = :i",
        i=activas[0],
    ) == [("eliminado", "Cuenta eliminada", None, None, None)]
    assert mundo.leer("SELECT count(*) FROM usuarios WHERE cuenta_id = :i", i=activas[0]) == [(0,)]
    with pytest.raises(DomainError) as no:
        mundo.correr(red.obtener, c.ObtenerDistribuidor(cuenta_id=mundo.raiz, distribuidor_id=activas[0]))
    assert no.value.code == Codigo.NO_ENCONTRADO


def test_renovarse_paga_la_cuota_y_los_contratos(saga: Mundo) -> None:
    vencia = saga.cotizar(saga.cm).vence_en
    fin = vigencia.dia_en_mexico(vencia)
    mkl = saga.contratar(saga.cm, "multinivel", fin)
    terminada = saga.contratar(saga.cm, "factudesk", HOY)
    with saga.en_licencias() as conexion:
        conexion.execute(
            text("UPDATE mkl SET inicia_en = :a, vence_en = :a WHERE id = :i"),
            {"a": HOY - timedelta(days=1), "i": terminada},
        )
        conexion.execute(text("UPDATE outbox SET carga = carga || jsonb_build_object('inicia_en', CAST(:a AS text),"
            " 'vence_en', CAST(:a AS text)) WHERE carga->>'mkl_id' = :i"),
            {"a": str(HOY - timedelta(days=1)), "i": str(terminada)})  # fmt: skip
    saga.entregar()
    cotizada = saga.cotizar(saga.cm)
    assert [(x.tipo, x.importe) for x in cotizada.conceptos] == [("cuota", CUOTA), ("mkl", MKL)]
    with pytest.raises(DomainError, match="El total cambió"):
        saga.renovar(saga.cm, total=CUOTA)
    saga.acreditar(saga.cm, "2000.00")
    pedida = saga.renovar(saga.cm)
    with pytest.raises(DomainError, match="en proceso"):
        saga.renovar(saga.cm)
    saga.entregar()
    hecha = saga.renovacion(saga.cm)
    assert (hecha.id, hecha.estado, hecha.total) == (pedida.id, "aplicada", CUOTA + MKL)
    assert hecha.vence_en == cotizada.vencera_en == vigencia.fin_del_dia(vigencia.un_anio_despues(fin))
    assert saga.saldo(saga.cm) == Decimal("100.00")
    nuevo_fin = vigencia.un_anio_despues(fin)
    with saga.en_licencias() as conexion:
        finales = dict(conexion.execute(text("SELECT id, vence_en FROM mkl")).tuples().all())
    assert finales == {mkl: nuevo_fin, terminada: HOY - timedelta(days=1)}
    assert saga.leer("SELECT vence_en FROM capacidades WHERE mkl_id = :i", i=mkl) == [(nuevo_fin,)]
    # One year ahead, not five by mistake.
    with pytest.raises(DomainError, match="ya está pagada"):
        saga.cotizar(saga.cm)


def test_el_padre_renueva_a_la_vencida_con_sus_puntos(saga: Mundo) -> None:
    vence = saga.cotizar(saga.cm).vence_en
    saga.vigilar(vence + timedelta(seconds=1))
    assert saga.estado(saga.cm) == "vencido"
    renovada = saga.renovar(saga.cm, saga.raiz)
    saga.entregar()
    # What the parent's wallet held is the parent's: the one it would have paid for reads only that it could not.
    sin = saga.renovacion(saga.cm)
    assert (sin.id, sin.estado, sin.faltan) == (renovada.id, "rechazada", None)
    assert sin.motivo is not None
    assert not any(letra.isdigit() for letra in sin.motivo)
    vista = saga.correr(
        red.obtener, c.ObtenerDistribuidor(cuenta_id=saga.raiz, distribuidor_id=saga.cm)
    ).renovacion
    assert (vista.id, vista.faltan) == (renovada.id, CUOTA)
    assert "tiene 0.00" in vista.motivo
    assert saga.estado(saga.cm) == "vencido"
    saga.acreditar(saga.raiz, str(CUOTA))
    saga.renovar(saga.cm, saga.raiz)
    saga.entregar()
    assert (saga.estado(saga.cm), saga.renovacion(saga.cm).estado) == ("activo", "aplicada")
    assert (saga.saldo(saga.raiz), saga.saldo(saga.cm)) == (Decimal(0), Decimal(0))
    with pytest.raises(DomainError) as ajena:
        saga.cotizar(saga.raiz, saga.cm)
    assert ajena.value.code == Codigo.NO_ENCONTRADO


def test_una_cancelada_mientras_se_cobraba_recibe_su_dinero(saga: Mundo) -> None:
    saga.acreditar(saga.cm, str(CUOTA))
    saga.cambiar(saga.cm, "suspension")
    saga.renovar(saga.cm)
    saga.entregar("clientes.cobro_solicitado_v1")
    assert saga.saldo(saga.cm) == 0
    saga.cambiar(saga.cm, "cancelacion")
    saga.entregar()
    hecha = saga.renovacion(saga.cm)
    assert (hecha.estado, hecha.devolucion_en is not None) == ("rechazada", True)
    assert saga.saldo(saga.cm) == CUOTA
    assert saga.estado(saga.cm) == "cancelado"


def test_un_cobro_que_llega_tarde_se_devuelve(saga: Mundo) -> None:
    saga.acreditar(saga.cm, str(CUOTA))
    saga.renovar(saga.cm)
    tarde = datetime.now(UTC) + timedelta(hours=25)
    assert saga.correr(renovaciones.vigilar_cobros, tarde) == 1
    assert saga.renovacion(saga.cm).estado == "caducada"
    saga.entregar()
    assert saga.saldo(saga.cm) == CUOTA
    assert saga.renovacion(saga.cm).devolucion_en is not None
    # And a new one can be asked for.
    saga.renovar(saga.cm)
    saga.entregar()
    assert saga.renovacion(saga.cm).estado == "aplicada"


def test_un_cobro_cuya_respuesta_se_perdio_se_devuelve(saga: Mundo) -> None:
    """puntos charged, and its answer never came: it lies among the dead letters."""
    saga.acreditar(saga.cm, str(CUOTA))
    saga.renovar(saga.cm)
    saga.entregar("clientes.cobro_solicitado_v1")
    assert saga.saldo(saga.cm) == 0
    assert saga.perder("puntos.cobro_resuelto_v1") == 2
    saga.correr(renovaciones.vigilar_cobros, datetime.now(UTC) + timedelta(hours=25))
    saga.entregar()
    assert (saga.saldo(saga.cm), saga.renovacion(saga.cm).estado) == (CUOTA, "caducada")


def test_sin_cuota_no_se_renueva(mundo: Mundo) -> None:
    with pytest.raises(DomainError, match="aún no tiene precio"):
        mundo.cotizar(mundo.cm)
