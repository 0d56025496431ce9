"""Erasures of clientes and of CMs that are removed: nothing of them is left in any table, here or in the other services."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import MagicMock
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError

from services.clientes.domain import vigencia
from services.clientes.service.distribuidores import Distribuidores
from services.clientes.use_cases import (
    avisos,
    clasificacion,
    clientes,
    conversiones,
    importaciones,
    privacidad,
    red,
    renovaciones,
    usuarios,
    vida,
)
from services.facturacion import use_cases as facturacion
from services.facturacion.repository import Repositorio as RepositorioFacturacion
from services.licencias import use_cases as licencias
from services.licencias.repository import Repositorio as RepositorioLicencias
from services.puntos import use_cases as puntos
from services.puntos.repository import Repositorio as RepositorioPuntos
from shared.contracts import clientes as c
from shared.contracts import eventos as ev
from shared.contracts.base import EVENTOS, dump, load
from shared.errors import Codigo, DomainError
from shared.persistence.base import new_engine
from shared.persistence.uow import UnitOfWork
from tests.integration.apoyo_distribuidores import Mundo
from tests.integration.apoyo_privacidad import (
    cliente,
    editar,
    llamar,
    mundo,
    rastros,
    suprimir,
    vaciar_outbox,
)

__all__ = ["mundo"]


def test_de_un_cliente_suprimido_no_queda_nada(mundo: Mundo) -> None:
    suyo = cliente(
        mundo,
        rfc="GODE561231GR8",
        correo="jefe.godinez@ejemplo.mx",
        notas="Paga tarde, dice Godínez",
        representante=c.Contacto(nombre="Eulalio Godínez", movil="5544332211"),
        domicilio=c.Domicilio(calle="Calle Godínez 5"),
        otros={"alias": "El Godínez"},
    )
    importacion = uuid4()
    with mundo.clientes.begin() as conexion:
        for sql in (
            (
                "INSERT INTO importaciones (id, cuenta_id, simular, actualizar, duplicados, columnas, estado, filas,"
                " piezas, piezas_hechas, creadas, rechazadas, iniciada_en, terminada_en, archivo) VALUES (:i, :c, false,"
                " false, 'crear', '{nombre,rfc}', 'terminada_con_rechazos', 2, 1, 1, 1, 1, now(), now(), 'Godínez.csv')"
            ),
            (
                "INSERT INTO importaciones_piezas VALUES (:i, 1, :c, 2,"
                ' \'[[2,"Tornillos Godínez","GODE561231GR8"]]\')'
            ),
            (
                "INSERT INTO importaciones_filas (importacion_id, linea, cuenta_id, resultado, nic, rfc, mensaje)"
                " VALUES (:i, 2, :c, 'creado', :n, 'GODE561231GR8', NULL),"
                " (:i, 3, :c, 'rechazado', NULL, 'GODE561231GR8', 'El RFC GODE561231GR8 ya está')"
            ),
        ):
            datos = {"i": importacion, "c": mundo.cm, "n": suyo.nic}
            conexion.execute(text(sql), {k: v for k, v in datos.items() if f":{k}" in sql})
    visto = mundo.correr(
        privacidad.exportar_cliente, c.ExportarDatosDeCliente(cuenta_id=mundo.cm, nic=suyo.nic)
    )
    assert visto.cliente.rfc == visto.importaciones[0].rfc == "GODE561231GR8"
    quedan = ("Godínez", "godinez", "GODE561231GR8", "5544332211")
    assert len(rastros(mundo.clientes, *quedan)) > 8

    def pedir(**como: Any) -> Any:
        peticion = c.SuprimirCliente(
            **{"clave": str(uuid4()), "cuenta_id": mundo.cm, "nic": suyo.nic, "confirmar": True, **como}
        )
        return llamar(mundo, c.SUPRIMIR_CLIENTE, privacidad.suprimir_cliente, peticion)

    with pytest.raises(DomainError, match="Bajas"):
        pedir()
    baja = c.ClasificarCliente(clave="b", cuenta_id=mundo.cm, nic=suyo.nic, baja=True)
    llamar(mundo, c.CLASIFICAR_CLIENTE, clasificacion.clasificar_cliente, baja)
    with pytest.raises(DomainError, match="confirmar"):
        pedir(confirmar=False)
    with pytest.raises(DomainError) as ajena:
        pedir(cuenta_id=mundo.raiz)
    assert ajena.value.code == Codigo.NO_ENCONTRADO
    assert any("artículo 30" in x for x in pedir().conservado)
    contados = vaciar_outbox(mundo)
    assert [x["nic"] for evento, x in contados if evento == "clientes.cliente_suprimido_v1"] == [suyo.nic]
    assert rastros(mundo.clientes, *quedan) == set()
    hallado = mundo.correr(clientes.obtener_cliente, c.ObtenerCliente(cuenta_id=mundo.cm, nic=suyo.nic))
    assert (hallado.nombre, hallado.cti, hallado.suprimido_en is None) == (
        "Cliente suprimido",
        suyo.cti,
        False,
    )
    for otra_vez in (pedir, lambda: editar(mundo, suyo.nic)):
        with pytest.raises(DomainError, match="se suprimieron"):
            otra_vez()


def test_de_una_cuenta_eliminada_no_queda_nada(mundo: Mundo) -> None:
    mundo.multinivel(mundo.cm, mundo_lejos())
    cuenta = mundo.alta(
        nombre="Distribuidora Ñoña", correo="nona@distrib.mx", movil="5599887766", titular="Nona Ñ."
    )
    mundo.confirmar(cuenta)
    mundo.cambiar(cuenta, "activacion")
    perfil = mundo.leer("SELECT perfil_id FROM usuarios WHERE cuenta_id = :c", c=cuenta)[0][0]
    dejar_rastros(mundo, cuenta, perfil)
    for accion in ("suspension", "cancelacion"):
        peticion = c.CambiarDistribuidor(
            clave=accion, cuenta_id=mundo.raiz, distribuidor_id=cuenta, accion=accion, motivo="Murió Don Ñoño"
        )
        llamar(mundo, c.CAMBIAR_DISTRIBUIDOR, red.cambiar, peticion)
    hoy = vigencia.dia_en_mexico(datetime.now(UTC))
    with pytest.raises(IntegrityError), mundo.clientes.begin() as conexion:
        conexion.execute(text("UPDATE estados_de_cuenta_maestra SET motivo = '(suprimido)'"))
    assert {
        "correos.asunto", "importaciones.archivo", "avisos_por_correo.ultimo", "estados_de_cuenta_maestra.motivo",
    } <= rastros(mundo.clientes, "Ñoñ")  # fmt: skip
    vaciar_outbox(mundo)
    mundo.vigilar(vigencia.inicio_del_dia(hoy + timedelta(days=31)))
    assert mundo.estado(cuenta) == "eliminado"
    contados = vaciar_outbox(mundo)
    assert [x["cuenta_id"] for evento, x in contados if evento == "clientes.cuenta_suprimida_v1"] == [
        str(cuenta)
    ]
    assert mundo.leer("SELECT objeto FROM auditoria WHERE accion = 'clientes.suprimir_cuenta'") == [
        (f"cuenta:{cuenta}",)
    ]
    # The person is still there, in its own perfil, and nowhere else.
    assert rastros(mundo.clientes, "Ñoñ") == set()
    assert mundo.leer(
        "SELECT accion, motivo FROM estados_de_cuenta_maestra WHERE cuenta_id = :c ORDER BY id", c=cuenta
    )[-3:] == [("suspension", "(suprimido)"), ("cancelacion", "(suprimido)"), ("eliminacion", None)]
    for sql in (
        "UPDATE estados_de_cuenta_maestra SET motivo = 'otro'",
        "DELETE FROM estados_de_cuenta_maestra",
    ):
        with pytest.raises(IntegrityError), mundo.clientes.begin() as conexion:
            conexion.execute(text(sql))
    assert rastros(mundo.clientes, "nona@distrib.mx", "5599887766", "Nona Ñ.") <= {
        "perfiles.correo", "perfiles.movil", "perfiles.nombre",
    }  # fmt: skip
    suprimir(mundo, UUID(str(perfil)))


def test_los_informes_de_una_cuenta_eliminada_se_borran_por_partes(
    mundo: Mundo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of millions of rows no transaction deletes all: the removal waits until they are few."""
    monkeypatch.setattr(vida, "FILAS", 2)
    cuenta = mundo.alta(correo="nona@distrib.mx")
    mundo.cambiar(cuenta, "cancelacion")
    with mundo.clientes.begin() as conexion:
        conexion.execute(
            text(
                "WITH i AS (INSERT INTO importaciones (id, cuenta_id, estado, simular, actualizar, duplicados, columnas,"
                " filas, piezas, creada_en) VALUES (gen_random_uuid(), :c, 'recibida', false, false, 'crear', '{nombre}',"
                " 5, 1, now()) RETURNING id, cuenta_id)"
                " INSERT INTO importaciones_filas (importacion_id, cuenta_id, linea, resultado) SELECT i.id, i.cuenta_id, n,"
                " 'creado' FROM i, generate_series(2, 6) n"
            ),
            {"c": cuenta},
        )
    despues = vigencia.inicio_del_dia(vigencia.dia_en_mexico(datetime.now(UTC)) + timedelta(days=31))
    for quedan in (3, 1):
        assert mundo.vigilar(despues) == vida.LOTE
        assert mundo.leer("SELECT count(*) FROM importaciones_filas") == [(quedan,)]
        assert mundo.estado(cuenta) == "cancelado"
    assert mundo.vigilar(despues) == 1
    assert mundo.leer("SELECT count(*) FROM importaciones_filas") == [(0,)]
    assert mundo.estado(cuenta) == "eliminado"


def test_lo_que_no_se_puede_hacer_no_detiene_a_lo_demas(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each thing that time brings about has a transaction of its own."""
    hechas: list[str] = []

    def rota(uow: Any, ahora: datetime) -> int:
        raise RuntimeError("no cabe en ocho segundos")

    def sana(uow: Any, ahora: datetime) -> int:
        hechas.append("sana")
        return 0

    monkeypatch.setattr(vida, "TURNOS", (rota, sana))
    monkeypatch.setattr(renovaciones, "vigilar_cobros", sana)
    servicio = Distribuidores()
    servicio.bus = MagicMock()
    servicio.vigilar_cuentas()
    assert hechas == ["sana", "sana"]
    assert servicio.bus.uow.return_value.__enter__.return_value.commit.call_count == 2


def test_de_lo_que_nunca_se_anuncio_no_se_anuncia_la_supresion(mundo: Mundo) -> None:
    """The others would wait for its creation, and give up in a dead letter each."""
    mundo.multinivel(mundo.cm, mundo_lejos())
    olvidada, confirmada = mundo.alta(), mundo.alta()
    mundo.confirmar(confirmada)
    suyo = cliente(mundo)
    convertir = c.ConvertirCliente(
        clave="v", cuenta_id=mundo.cm, nic=suyo.nic, correo="v@x.mx", movil="5577770001", confirmar=True
    )
    convertida = mundo.correr(conversiones.convertir_cliente, convertir).distribuidor_id
    mundo.cambiar(confirmada, "cancelacion")
    mundo.cambiar(convertida, "cancelacion", mundo.cm)
    contados = vaciar_outbox(mundo)
    ahora = datetime.now(UTC)
    # Nobody confirms it in 31 days, and 31 days after its cancellation it is removed.
    for dias in (31, 62):
        mundo.correr(vida.vigilar, ahora + timedelta(days=dias))
    assert {mundo.estado(x) for x in (olvidada, confirmada, convertida)} == {"eliminado"}
    contados += vaciar_outbox(mundo)

    def de(evento: str) -> set[str]:
        return {x["cuenta_id"] for nombre, x in contados if nombre == f"clientes.{evento}_v1"}

    sabidas = {str(confirmada), str(convertida)}
    assert (de("cuenta_suprimida"), de("cuenta_maestra_creada") & {str(olvidada), *sabidas}) == (
        sabidas,
        sabidas,
    )
    assert mundo.leer("SELECT count(*) FROM auditoria WHERE accion = 'clientes.suprimir_cuenta'") == [(3,)]


def dejar_rastros(mundo: Mundo, cuenta: UUID, perfil: UUID) -> None:
    """Mails that name the CM, to people who stay; a notice that waits to be told; a file that it imported."""
    otro = mundo.leer("SELECT perfil_id FROM usuarios WHERE cuenta_id = :c", c=mundo.cm)[0][0]
    with mundo.clientes.begin() as conexion:
        conexion.execute(
            text(
                "INSERT INTO usuarios (cuenta_id, perfil_id, rol, creado_en) VALUES (:c, :p, 'operador', now())"
            ),
            {"c": cuenta, "p": otro},
        )
    quien = {"cuenta_id": cuenta, "actor": perfil, "perfil_id": otro}
    mundo.correr(usuarios.cambiar_rol, c.CambiarRolDeUsuario(clave="r", rol="consulta", **quien))
    mundo.correr(usuarios.eliminar_usuario, c.EliminarUsuario(clave="e", **quien))
    for i in range(2):
        mundo.correr(
            avisos.avisar_por_correo,
            ev.AvisoCreado(
                aviso_id=uuid4(),
                cuenta_id=cuenta,
                tipo="guarda",
                mensaje=f"De Ñoña {i}",
                en=datetime.now(UTC),
            ),
        )
    mundo.correr(
        importaciones.recibir_importacion,
        c.RecibirImportacion(
            clave="i", cuenta_id=cuenta, actor=perfil, archivo="Los de Ñoña.csv", simular=False, actualizar=False,
            duplicados="crear", columnas=["nombre"], filas=2, piezas=2, huella="h",
        ),
    )  # fmt: skip
    importacion = mundo.leer("SELECT id FROM importaciones WHERE cuenta_id = :c", c=cuenta)[0][0]
    pieza = c.RecibirPieza(
        clave="p",
        cuenta_id=cuenta,
        importacion_id=importacion,
        numero=1,
        filas=1,
        contenido='[[2,"Ñoña hija"]]',
    )
    mundo.correr(importaciones.recibir_pieza, pieza)


def mundo_lejos() -> Any:
    return vigencia.dia_en_mexico(datetime.now(UTC)) + timedelta(days=300)


@pytest.mark.parametrize(
    ("servicio", "casos", "repositorio", "tabla_cuenta", "tabla_cliente"),
    [
        ("licencias", licencias, RepositorioLicencias, "cuentas", "clientes"),
        ("facturacion", facturacion, RepositorioFacturacion, "cuentas", "clientes"),
        ("puntos", puntos, RepositorioPuntos, "monederos_cm", "monederos_cliente"),
    ],
)
def test_los_demas_servicios_olvidan_el_nombre(
    base_de_datos: Callable[..., str], servicio: str, casos: Any, repositorio: Any, tabla_cuenta: str,
    tabla_cliente: str,
) -> None:  # fmt: skip
    motor = new_engine(base_de_datos(servicio), 2)
    cuenta, id_ = uuid4(), uuid4()

    def correr(caso: Callable[..., Any], carga: Any) -> None:
        with UnitOfWork(motor, repositorio) as uow:
            caso(uow, load(type(carga), dump(carga)))
            uow.commit()

    ahora = datetime.now(UTC)
    suprimida = ev.CuentaSuprimida(cuenta_id=cuenta, en=ahora)
    suprimido = ev.ClienteSuprimido(cliente_id=id_, nic=1001, en=ahora)
    # Before their creation came, the bus has to bring them again.
    for caso, carga in ((casos.olvidar_cuenta, suprimida), (casos.olvidar_cliente, suprimido)):
        with pytest.raises(DomainError, match=f"^{Codigo.CONFLICTO}:"):
            correr(caso, carga)
    creada = ev.CuentaMaestraCreada(cuenta_id=cuenta, padre_id=uuid4(), nombre="Ñoña S.A.")
    creado = ev.ClienteCreado(cuenta_id=cuenta, cliente_id=id_, nic=1001, nombre="Ñoño", cti="CTI0001001")
    crear_cuenta = getattr(casos, "anotar_cuenta", None) or casos.abrir_monedero_de_cuenta
    crear_cliente = getattr(casos, "anotar_cliente", None) or casos.abrir_monedero_de_cliente
    correr(crear_cuenta, creada)
    correr(crear_cliente, creado)
    with motor.begin() as conexion:
        conexion.execute(
            text(
                "INSERT INTO idempotency (contrato, clave, huella, respuesta) VALUES"
                """ ('facturacion.registrar_factura_v1', 'k', '', '{"nic": 1001, "cliente": "Ñoño"}')"""
            )
            if servicio == "facturacion"
            else text("SELECT 1")
        )
    for _ in range(2):
        correr(casos.olvidar_cuenta, suprimida)
        correr(casos.olvidar_cliente, suprimido)
        # Their creation, delivered late and again, brings no name back.
        correr(crear_cuenta, creada)
        correr(crear_cliente, creado)
    with motor.connect() as conexion:
        assert conexion.execute(text(f"SELECT nombre FROM {tabla_cuenta}")).all() == [("Cuenta eliminada",)]
        assert conexion.execute(text(f"SELECT nombre FROM {tabla_cliente}")).all() == [("Cliente suprimido",)]
    assert {str(e) for e in EVENTOS} >= {"clientes.cuenta_suprimida_v1", "clientes.cliente_suprimido_v1"}
    assert rastros_simples(motor, "Ñoñ") == set()
    motor.dispose()


def rastros_simples(motor: Engine, buscado: str) -> set[str]:
    with motor.connect() as conexion:
        columnas = conexion.execute(
            text(
                "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'"
                " AND data_type IN ('text', 'jsonb')"
            )
        ).all()
        return {
            f"{t}.{k}"
            for t, k in columnas
            if conexion.execute(
                text(f'SELECT EXISTS (SELECT FROM "{t}" WHERE "{k}"::text LIKE :b)'), {"b": f"%{buscado}%"}
            ).scalar_one()
        }
