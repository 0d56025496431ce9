"""The notice and the erasure of a person on a real PostgreSQL: nothing that says who it was is left, and ids still hold."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from services.clientes.domain import Mensaje
from services.clientes.use_cases import (
    perfil_principal,
    privacidad,
    registro,
    usuarios,
)
from services.clientes.use_cases.correos import escribir
from shared.contracts import clientes as c
from shared.contracts.base import dump
from shared.errors import Codigo, DomainError
from tests.integration.apoyo_distribuidores import CONTRASENA, CRED, Mundo
from tests.integration.apoyo_privacidad import cliente, llamar, mundo, rastros, suprimir, vaciar_outbox

__all__ = ["mundo"]

CORREO, MOVIL, NOMBRE = "zoila.vaca@ejemplo.mx", "+525566778899", "Zoila Vacaciones"


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


def test_de_un_perfil_suprimido_no_queda_nada(mundo: Mundo) -> None:
    perfil_id = registrado(mundo)
    suyo = cliente(mundo)
    asignar = c.AsignarPerfilPrincipal(
        clave="a", cuenta_id=mundo.cm, nic=suyo.nic, correo=CORREO, movil=MOVIL
    )
    llamar(mundo, c.ASIGNAR_PERFIL_PRINCIPAL, perfil_principal.asignar_perfil_principal, asignar)
    pendiente = mundo.alta(correo=CORREO, titular=NOMBRE)
    assert mundo.leer("SELECT 1 FROM tokens WHERE sujeto = :s", s=str(pendiente)) == [(1,)]
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
        mundo.correr(lambda uow, k=clave: escribir(uow, "otro@x.mx", dicho, k, sobre=perfil_id))
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
    assert mundo.leer("SELECT 1 FROM tokens WHERE sujeto = :s", s=str(pendiente)) == []
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


def test_la_supresion_de_uno_no_toca_los_correos_de_otros(mundo: Mundo) -> None:
    """A name may be one letter, which every text has: mails are found by whom they name, never by their text."""
    perfil_id = registrado(mundo)
    with mundo.clientes.begin() as conexion:
        conexion.execute(text("UPDATE perfiles SET nombre = 'a' WHERE perfil_id = :p"), {"p": perfil_id})
    for clave, sobre in (("ajeno", None), ("de otra", uuid4()), ("suyo", perfil_id)):
        aviso = Mensaje(asunto="Vence", parrafos=("Su cuenta maestra vence mañana.",), sin_secretos=True)
        mundo.correr(lambda uow, k=clave, s=sobre, m=aviso: escribir(uow, "otro@x.mx", m, k, sobre=s))
    ids = mundo.leer("SELECT correo_id FROM correos WHERE para = 'otro@x.mx'")
    for (correo_id,) in ids:
        mundo.correr(lambda uow, x=correo_id: uow.repo.correo_fallido(x, "no existe"))
    suprimir(mundo, perfil_id)
    assert mundo.leer("SELECT clave, texto <> '' FROM correos WHERE para = 'otro@x.mx' ORDER BY clave") == [
        ("ajeno", True),
        ("de otra", True),
        ("suyo", False),
    ]


def test_lo_que_se_avisa_al_titular_dice_de_quien_habla(mundo: Mundo) -> None:
    perfil_id = registrado(mundo)
    ((titular,),) = mundo.leer("SELECT perfil_id FROM usuarios WHERE cuenta_id = :c", c=mundo.cm)
    administrador = uuid4()
    with mundo.clientes.begin() as conexion:
        for sql in (
            (
                "INSERT INTO perfiles (perfil_id, nombre, correo, movil, hash_contrasena, creado_en, confirmado_en)"
                " VALUES (:p, 'Admin', 'admin@x.mx', '+525500000001', '$argon2id$x', now(), now())"
            ),
            (
                "INSERT INTO usuarios (cuenta_id, perfil_id, rol, creado_en)"
                " SELECT m.cuenta_id, :p, 'administrador', now() FROM cuentas_maestras m WHERE m.cuenta_id = :c"
            ),
        ):
            datos = {"c": mundo.cm, "p": administrador}
            conexion.execute(text(sql), {k: v for k, v in datos.items() if f":{k}" in sql})
    comun: dict[str, Any] = {"cuenta_id": mundo.cm, "actor": administrador}
    for contrato, caso, peticion in (
        (
            c.ADMITIR_USUARIO,
            usuarios.admitir_usuario,
            c.AdmitirUsuario(clave="1", correo=CORREO, movil=MOVIL, rol="consulta", **comun),
        ),
        (
            c.CAMBIAR_ROL_DE_USUARIO,
            usuarios.cambiar_rol,
            c.CambiarRolDeUsuario(clave="2", perfil_id=perfil_id, rol="operador", **comun),
        ),
        (
            c.ELIMINAR_USUARIO,
            usuarios.eliminar_usuario,
            c.EliminarUsuario(clave="3", perfil_id=perfil_id, **comun),
        ),
    ):
        llamar(mundo, contrato, caso, peticion)
    que_nombran = "texto LIKE '%Zoila%' AND para = (SELECT correo FROM perfiles WHERE perfil_id = :t)"
    assert (
        mundo.leer(f"SELECT sobre_perfil_id FROM correos WHERE {que_nombran}", t=titular)
        == [(perfil_id,)] * 3
    )


def test_se_van_tambien_los_correos_a_un_correo_anterior_o_por_confirmar(mundo: Mundo) -> None:
    perfil_id = registrado(mundo)

    def cambiar(correo: str) -> None:
        peticion = c.EditarPerfil(clave=correo, perfil_id=perfil_id, correo=correo, contrasena=CONTRASENA)
        llamar(mundo, c.EDITAR_PERFIL, registro.editar, peticion, CRED)

    token = "n" * 43
    cambiar("zoila.nueva@ejemplo.mx")
    with mundo.clientes.begin() as conexion:
        conexion.execute(
            text("UPDATE tokens SET huella = sha256(:t) WHERE datos ->> 'correo' = 'zoila.nueva@ejemplo.mx'"),
            {"t": token.encode()},
        )
    llamar(mundo, c.CONFIRMAR_CORREO, registro.confirmar, c.ConfirmarCorreo(clave="nn", token=token))
    # Somebody else's mails to an address that is free again stay.
    with mundo.clientes.begin() as conexion:
        conexion.execute(text("UPDATE correos SET creado_en = creado_en - interval '1 minute'"))
    cambiar("zoila.pedida@ejemplo.mx")
    mundo.correr(escribir, CORREO, Mensaje(asunto="Hola", parrafos=("Hola.",)), "de otra persona")
    assert len(mundo.leer("SELECT FROM correos WHERE para = :c", c=CORREO)) >= 3
    datos = mundo.correr(privacidad.exportar_perfil, c.ExportarDatosDePerfil(perfil_id=perfil_id))
    suyos = mundo.leer("SELECT count(*) FROM correos WHERE para LIKE 'zoila%'")[0][0] - 1
    assert len(datos.correos) == suyos
    suprimir(mundo, perfil_id)
    assert mundo.leer("SELECT clave, para FROM correos WHERE para LIKE 'zoila%' ORDER BY clave") == [
        ("de otra persona", CORREO),
        (f"supresion:{perfil_id}", "zoila.nueva@ejemplo.mx"),
    ]


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
