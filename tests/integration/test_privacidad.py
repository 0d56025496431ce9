"""Erasures on a real PostgreSQL: nothing that says who somebody was is left in any table, and ids still hold together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError

from services.clientes.domain import Mensaje, vigencia
from services.clientes.use_cases import (
    avisos,
    clasificacion,
    clientes,
    importaciones,
    perfil_principal,
    privacidad,
    red,
    registro,
    usuarios,
)
from services.clientes.use_cases.correos import escribir
from services.facturacion import use_cases as facturacion
from services.facturacion.repository import Repositorio as RepositorioFacturacion
from services.licencias import use_cases as licencias
from services.licencias.repository import Repositorio as RepositorioLicencias
from services.puntos import use_cases as puntos
from services.puntos.repository import Repositorio as RepositorioPuntos
from shared.contracts import clientes as c
from shared.contracts import eventos as ev
from shared.contracts.base import EVENTOS, Rpc, dump, load
from shared.errors import Codigo, DomainError
from shared.persistence.base import new_engine
from shared.persistence.uow import UnitOfWork
from tests.integration.apoyo_distribuidores import CONTRASENA, CRED, Mundo

CORREO, MOVIL, NOMBRE = "zoila.vaca@ejemplo.mx", "+525566778899", "Zoila Vacaciones"


@pytest.fixture
def mundo(base_de_datos: Callable[..., str]) -> Iterator[Mundo]:
    uno = Mundo(new_engine(base_de_datos("clientes"), 4))
    uno.preparar()
    yield uno
    uno.clientes.dispose()


def llamar(mundo: Mundo, contrato: Rpc[Any, Any], caso: Callable[..., Any], peticion: Any, *mas: Any) -> Any:
    """As the bus does: its answer is kept, and it leaves its entry in the audit log."""

    def servir(uow: UnitOfWork[Any]) -> Any:
        assert uow.first_answer(contrato.nombre, peticion) is None
        respuesta = caso(uow, peticion, *mas)
        uow.remember_answer(contrato.nombre, peticion.clave, dump(respuesta))
        return respuesta

    return mundo.correr(servir)


def auditar(mundo: Mundo) -> None:
    """What the outbox holds for the audit log, written to it."""
    for evento, carga in mundo.leer("SELECT evento, carga FROM outbox ORDER BY id"):
        if evento == "clientes.auditoria_v1":
            asiento = load(ev.AsientoDeAuditoria, carga)
            mundo.correr(lambda uow, a=asiento: uow.repo.anotar_asiento(vars(a)))


def vaciar_outbox(mundo: Mundo) -> list[tuple[str, dict[str, Any]]]:
    auditar(mundo)
    with mundo.clientes.begin() as conexion:
        return [
            (f.evento, f.carga)
            for f in conexion.execute(text("DELETE FROM outbox RETURNING evento, carga")).all()
        ]


def rastros(engine: Engine, *buscados: str) -> set[str]:
    """`table.column` of the whole database where one of these texts is, in any letter case."""
    hallados = set()
    with engine.connect() as conexion:
        columnas = conexion.execute(
            text(
                "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'"
                " AND data_type IN ('text', 'jsonb', 'ARRAY', 'character varying')"
            )
        ).all()
        assert len(columnas) > 80
        for tabla, columna in columnas:
            hay = conexion.execute(
                text(f'SELECT EXISTS (SELECT FROM "{tabla}" WHERE lower("{columna}"::text) LIKE ANY(:b))'),
                {"b": [f"%{b.lower()}%" for b in buscados]},
            ).scalar_one()
            if hay:
                hallados.add(f"{tabla}.{columna}")
    return hallados


def registrado(mundo: Mundo) -> UUID:
    """Somebody who registered with the notice in force, confirmed, and left traces all over."""
    peticion = c.RegistrarPerfil(
        clave=str(uuid4()),
        nombre=NOMBRE,
        correo=CORREO,
        movil=MOVIL,
        contrasena=CONTRASENA,
        aviso_version="1",
    )
    llamar(mundo, c.REGISTRAR_PERFIL, registro.registrar, peticion, CRED)
    ((perfil_id,),) = mundo.leer("SELECT perfil_id FROM perfiles WHERE correo = :c", c=CORREO)
    assert mundo.leer("SELECT count(*) FROM consentimientos") == [(0,)]
    token = "k" * 43
    with mundo.clientes.begin() as conexion:
        conexion.execute(
            text("UPDATE tokens SET huella = sha256(:t) WHERE sujeto = :s"),
            {"t": token.encode(), "s": str(perfil_id)},
        )
    llamar(mundo, c.CONFIRMAR_CORREO, registro.confirmar, c.ConfirmarCorreo(clave="cc", token=token))
    editar = c.EditarPerfil(clave="ee", perfil_id=perfil_id, nombre=f"{NOMBRE} Nueva")
    llamar(mundo, c.EDITAR_PERFIL, registro.editar, editar, CRED)
    with mundo.clientes.begin() as conexion:
        conexion.execute(
            text(
                "INSERT INTO sesiones (sesion_id, perfil_id, origen_ip, creada_en, vence_en, agente) VALUES"
                " (gen_random_uuid(), :p, '203.0.113.77', now(), now() + interval '1 day', 'Zoila/1.0')"
            ),
            {"p": perfil_id},
        )
        conexion.execute(
            text(
                "INSERT INTO segundos_factores (perfil_id, secreto, creado_en, confirmado_en)"
                " VALUES (:p, 's', now(), now())"
            ),
            {"p": perfil_id},
        )
    return UUID(str(perfil_id))


def suprimir(mundo: Mundo, perfil_id: UUID, **como: Any) -> c.Supresion:
    peticion = c.SuprimirPerfil(
        **{"clave": str(uuid4()), "perfil_id": perfil_id, "contrasena": CONTRASENA, "confirmar": True, **como}
    )
    hecha: c.Supresion = llamar(mundo, c.SUPRIMIR_PERFIL, privacidad.suprimir_perfil, peticion, CRED)
    return hecha


def cliente(mundo: Mundo, **datos: Any) -> c.Cliente:
    peticion = c.CrearCliente(
        clave=str(uuid4()), cuenta_id=mundo.cm, **{"nombre": "Tornillos Godínez", **datos}
    )
    creado: c.Cliente = llamar(mundo, c.CREAR_CLIENTE, clientes.crear_cliente, peticion)
    return creado


def test_de_un_perfil_suprimido_no_queda_nada(mundo: Mundo) -> None:
    perfil_id = registrado(mundo)
    suyo = cliente(mundo)
    asignar = c.AsignarPerfilPrincipal(
        clave="a", cuenta_id=mundo.cm, nic=suyo.nic, correo=CORREO, movil=MOVIL
    )
    llamar(mundo, c.ASIGNAR_PERFIL_PRINCIPAL, perfil_principal.asignar_perfil_principal, asignar)
    pendiente = mundo.alta(correo=CORREO, titular=NOMBRE)
    # One that was invited with another móvil: its correo is in the invitation, its token and the answer.
    titular = mundo.leer("SELECT perfil_id FROM usuarios WHERE cuenta_id = :c", c=mundo.cm)[0][0]
    invitar = c.AdmitirUsuario(
        clave="i", cuenta_id=mundo.cm, actor=titular, correo=CORREO, movil="+525500000000", rol="consulta"
    )
    assert llamar(mundo, c.ADMITIR_USUARIO, usuarios.admitir_usuario, invitar).estado == "invitado"
    # Mails to others that say who it is: one that was given up, which would be kept, and one that waits.
    dicho = Mensaje(
        asunto="Un usuario menos", parrafos=(f"{NOMBRE} Nueva ya no administra.",), sin_secretos=True
    )
    for clave in ("fallido", "pendiente"):
        mundo.correr(escribir, "otro@x.mx", dicho, clave)
    ((fallido,),) = mundo.leer("SELECT correo_id FROM correos WHERE clave = 'fallido'")
    mundo.correr(lambda uow: uow.repo.correo_fallido(fallido, "no existe"))
    assert mundo.leer("SELECT texto <> '' FROM correos WHERE clave = 'fallido'") == [(True,)]
    with mundo.clientes.begin() as conexion:
        conexion.execute(
            text(
                "INSERT INTO invitaciones VALUES (gen_random_uuid(), :c, :p, 'consulta', :q, now(), now() + interval '1 h')"
            ),
            {"c": mundo.raiz, "p": CORREO, "q": perfil_id},
        )
    datos = mundo.correr(privacidad.exportar_perfil, c.ExportarDatosDePerfil(perfil_id=perfil_id))
    escrito = str(dump(datos))
    assert (datos.perfil.correo, datos.segundo_factor.activo, datos.clientes[0].nic) == (
        CORREO,
        True,
        suyo.nic,
    )
    assert [x.version for x in datos.consentimientos] == [1]
    assert len(datos.correos) >= 3
    assert "argon2" not in escrito
    assert "huella" not in escrito
    assert len(rastros(mundo.clientes, CORREO, NOMBRE, MOVIL[1:], "203.0.113.77")) > 6

    with pytest.raises(DomainError, match="confirmar"):
        suprimir(mundo, perfil_id, confirmar=False)
    with pytest.raises(DomainError, match="contraseña"):
        suprimir(mundo, perfil_id, contrasena="otra cosa distinta")
    assert suprimir(mundo, perfil_id).conservado
    # Its last mail goes, and with it the address; what else the outbox told leaves for the other services.
    with mundo.clientes.begin() as conexion:
        ((correo_id, efimero),) = conexion.execute(
            text("SELECT correo_id, efimero FROM correos WHERE para = :p"), {"p": CORREO}
        ).all()
    assert efimero
    mundo.correr(lambda uow: uow.repo.correo_enviado(correo_id, uow.ahora))
    assert mundo.leer("SELECT texto FROM correos WHERE clave = 'fallido'") == [("",)]
    ((pendiente_de_irse, texto),) = mundo.leer(
        "SELECT correo_id, texto FROM correos WHERE clave = 'pendiente'"
    )
    assert NOMBRE in texto
    mundo.correr(lambda uow: uow.repo.correo_fallido(pendiente_de_irse, "no existe"))
    vaciar_outbox(mundo)
    assert mundo.leer("SELECT count(*) FROM auditoria WHERE accion = 'clientes.suprimir_perfil_v1'") == [(1,)]
    assert rastros(mundo.clientes, CORREO, NOMBRE, MOVIL[1:], "Zoila", "203.0.113.77") == set()

    assert mundo.leer("SELECT nombre, correo FROM perfiles WHERE perfil_id = :p", p=perfil_id) == [
        ("Perfil suprimido", f"suprimido-{perfil_id}@invalid")
    ]
    assert mundo.leer("SELECT perfil_principal_id FROM clientes WHERE nic = :n", n=suyo.nic) == [(None,)]
    assert mundo.estado(pendiente) == "sin_validar"
    assert mundo.leer("SELECT version, origen_ip FROM consentimientos WHERE perfil_id = :p", p=perfil_id) == [
        (1, "")
    ]
    with pytest.raises(DomainError) as nadie:
        suprimir(mundo, perfil_id)
    assert nadie.value.code == Codigo.NO_ENCONTRADO
    # The correo and the móvil are free again, and another erasure meets no one.
    otro = registrado_de_nuevo(mundo)
    assert otro != perfil_id
    suprimir(mundo, otro)


def registrado_de_nuevo(mundo: Mundo) -> UUID:
    with mundo.clientes.begin() as conexion:
        return UUID(
            str(
                conexion.execute(
                    text(
                        "INSERT INTO perfiles (perfil_id, nombre, correo, movil, hash_contrasena, creado_en)"
                        " SELECT gen_random_uuid(), 'Otra', :c, :m, p.hash_contrasena, now() FROM perfiles p"
                        " WHERE p.suprimido_en IS NULL LIMIT 1 RETURNING perfil_id"
                    ),
                    {"c": CORREO, "m": MOVIL},
                ).scalar_one()
            )
        )


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE perfiles SET correo = 'a@x.mx' WHERE suprimido_en IS NOT NULL",
        "UPDATE perfiles SET suprimido_en = NULL WHERE suprimido_en IS NOT NULL",
        "DELETE FROM perfiles WHERE suprimido_en IS NOT NULL",
        "UPDATE perfiles SET suprimido_en = now() WHERE suprimido_en IS NULL",
        "UPDATE consentimientos SET en = now()",
        "UPDATE consentimientos SET origen_ip = '10.0.0.1'",
        "DELETE FROM consentimientos",
        "TRUNCATE consentimientos",
        (
            "INSERT INTO usuarios (cuenta_id, perfil_id, rol, creado_en) SELECT m.cuenta_id, p.perfil_id, 'consulta',"
            " now() FROM cuentas_maestras m, perfiles p WHERE p.suprimido_en IS NOT NULL"
        ),
        (
            "INSERT INTO sesiones (sesion_id, perfil_id, origen_ip, creada_en, vence_en) SELECT gen_random_uuid(),"
            " perfil_id, '', now(), now() FROM perfiles WHERE suprimido_en IS NOT NULL"
        ),
    ],
)
def test_la_base_no_deja_volver(mundo: Mundo, sql: str) -> None:
    suprimir(mundo, registrado(mundo))
    with pytest.raises(IntegrityError), mundo.clientes.begin() as conexion:
        conexion.execute(text(sql))


def test_quien_sostiene_una_cuenta_la_entrega_antes(mundo: Mundo) -> None:
    def titular() -> UUID:
        return UUID(str(mundo.leer("SELECT perfil_id FROM usuarios WHERE cuenta_id = :c", c=mundo.cm)[0][0]))

    el_titular, otro = titular(), registrado(mundo)
    with pytest.raises(DomainError, match="CM 2") as no:
        suprimir(mundo, el_titular)
    assert no.value.code == Codigo.CONFLICTO
    with mundo.clientes.begin() as conexion:
        for sql in (
            "UPDATE usuarios SET rol = 'administrador' WHERE cuenta_id = :c",
            (
                "INSERT INTO usuarios (cuenta_id, perfil_id, rol, creado_en) SELECT :c, perfil_id, 'titular', now()"
                " FROM perfiles WHERE correo = :p"
            ),
        ):
            conexion.execute(text(sql), {"c": mundo.cm, "p": CORREO})
    suprimir(mundo, el_titular)
    assert titular() == otro


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


def editar(mundo: Mundo, nic: int) -> None:
    mundo.correr(
        clientes.editar_cliente, c.EditarCliente(clave="x", cuenta_id=mundo.cm, nic=nic, notas="De nuevo")
    )


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


def test_versiones_del_aviso(mundo: Mundo) -> None:
    perfil_id = registrado(mundo)
    consulta = c.ConsultarPrivacidad(perfil_id=perfil_id)
    antes = mundo.correr(privacidad.consultar_privacidad, consulta)
    assert (antes.version, antes.aceptada, antes.por_aceptar) == (1, 1, False)
    publicar = c.PublicarAviso(clave="p", actor=perfil_id, texto="Aviso nuevo. " * 20)
    nueva = llamar(mundo, c.PUBLICAR_AVISO, privacidad.publicar_aviso, publicar)
    assert nueva.version == 2
    despues = mundo.correr(privacidad.consultar_privacidad, consulta)
    assert (despues.version, despues.aceptada, despues.por_aceptar) == (2, 1, True)
    with pytest.raises(DomainError, match="versión 2"):
        mundo.correr(privacidad.aceptar_aviso, c.AceptarAviso(clave="1", perfil_id=perfil_id, version=1))
    dos = [
        mundo.correr(privacidad.aceptar_aviso, c.AceptarAviso(clave=k, perfil_id=perfil_id, version=2))
        for k in ("2", "3")
    ]
    assert dos[0] == dos[1]
    assert not mundo.correr(privacidad.consultar_privacidad, consulta).por_aceptar
    primera = mundo.correr(privacidad.listar_avisos, c.ListarVersionesDeAviso(limite=1))
    segunda = mundo.correr(
        privacidad.listar_avisos, c.ListarVersionesDeAviso(limite=1, cursor=primera.siguiente)
    )
    assert ([x.version for x in primera.datos + segunda.datos], segunda.siguiente) == ([2, 1], None)
    suyos = mundo.correr(privacidad.listar_consentimientos, c.ListarConsentimientos(perfil_id=perfil_id))
    assert [x.version for x in suyos.datos] == [2, 1]


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
