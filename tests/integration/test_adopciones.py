"""A CM that stopped is cancelled by its parent alone: its own distributors go on under that parent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from services.clientes.use_cases import confirmaciones, red, usuarios
from shared.contracts import clientes as c
from shared.errors import Codigo, DomainError
from tests.integration.apoyo_distribuidores import HOY, Mundo
from tests.integration.apoyo_privacidad import mundo, vaciar_outbox
from tests.integration.test_distribuidores import a_la_vez

__all__ = ["mundo"]


def padre_de(mundo: Mundo, cuenta: UUID) -> UUID:
    return UUID(str(mundo.leer("SELECT padre_id FROM cuentas_maestras WHERE cuenta_id = :i", i=cuenta)[0][0]))


def vencida_con_distribuidores(mundo: Mundo) -> dict[str, UUID]:
    """`mundo.cm`, expired, with a sub-distributor in each state that time allows for, and a cancelled one."""
    mundo.multinivel(mundo.cm, HOY + timedelta(days=400))
    hijas = {x: mundo.activa(mundo.cm) for x in ("activo", "suspendido", "cancelado")}
    for accion in ("suspension", "cancelacion"):
        mundo.cambiar(hijas["cancelado"], accion, mundo.cm)
    mundo.cambiar(hijas["suspendido"], "suspension", mundo.cm)
    hijas |= {x: mundo.alta(mundo.cm) for x in ("sin_validar", "sin_activar")}
    mundo.confirmar(hijas["sin_activar"])
    with mundo.clientes.begin() as conexion:
        conexion.execute(
            text("UPDATE cuentas_maestras SET vence_en = now() - interval '2 days' WHERE cuenta_id = :i"),
            {"i": mundo.cm},
        )
    mundo.vigilar(datetime.now(UTC))
    assert mundo.estado(mundo.cm) == "vencido"
    return hijas


def test_una_vencida_con_distribuidores_se_cancela_y_ellos_siguen(mundo: Mundo) -> None:
    hijas = vencida_con_distribuidores(mundo)
    token = mundo.token(hijas["sin_validar"])
    vaciar_outbox(mundo)
    # It can't act on them, and its parent doesn't see them: only the parent's cancellation ends this.
    with pytest.raises(DomainError) as parada:
        mundo.cambiar(hijas["activo"], "suspension", mundo.cm)
    assert parada.value.code == Codigo.CUENTA_BLOQUEADA
    with pytest.raises(DomainError) as ajena:
        mundo.cambiar(hijas["activo"], "suspension")
    assert ajena.value.code == Codigo.NO_ENCONTRADO
    assert mundo.cambiar(mundo.cm, "cancelacion").estado == "cancelado"

    vivas = {x: i for x, i in hijas.items() if x != "cancelado"}
    assert {x: (mundo.estado(i), padre_de(mundo, i)) for x, i in vivas.items()} == {
        x: (x, mundo.raiz) for x in vivas
    }
    assert padre_de(mundo, hijas["cancelado"]) == mundo.cm
    suyas = mundo.correr(red.listar, c.ListarDistribuidores(cuenta_id=mundo.raiz))
    assert {x.cuenta_id for x in suyas.datos} == {mundo.cm, *vivas.values()}
    detalle = mundo.correr(
        red.obtener, c.ObtenerDistribuidor(cuenta_id=mundo.raiz, distribuidor_id=hijas["activo"])
    )
    ultimo = detalle.historia[0]
    assert (ultimo.accion, ultimo.de, ultimo.a, ultimo.quien) == ("adopcion", "activo", "activo", "sistema")
    assert "adopcion" not in detalle.distribuidor.acciones
    contados = vaciar_outbox(mundo)
    cambiadas = [x["cuenta_id"] for evento, x in contados if evento == "clientes.cuenta_maestra_cambiada_v1"]
    assert set(cambiadas) == {str(x) for x in (mundo.cm, *vivas.values())}
    assert {
        str(x[0])
        for x in mundo.leer(
            "SELECT DISTINCT cuenta_id FROM auditoria WHERE accion = 'clientes.adoptar_cuenta'"
        )
    } == {str(x) for x in (mundo.raiz, *vivas.values())}
    avisadas = mundo.leer("SELECT clave FROM correos WHERE asunto LIKE 'El distribuidor de %'")
    assert {x.clave.split(":")[1] for x in avisadas} == {
        str(i) for x, i in vivas.items() if x != "sin_validar"
    }

    # The parent does with them what it does with its own, and the one that was cancelled nothing more.
    assert mundo.correr(confirmaciones.ver_alta, c.VerAlta(token=token)).padre == "CM 1"
    mundo.confirmar(hijas["sin_validar"])
    for x in ("sin_validar", "sin_activar"):
        assert mundo.cambiar(hijas[x], "activacion").estado == "activo"
    assert mundo.cambiar(hijas["suspendido"], "cancelacion").estado == "cancelado"
    with pytest.raises(DomainError) as ida:
        mundo.correr(red.obtener, c.ObtenerDistribuidor(cuenta_id=mundo.cm, distribuidor_id=hijas["activo"]))
    assert ida.value.code == Codigo.NO_ENCONTRADO
    # A month later it is removed, and they are not.
    mundo.vigilar(datetime.now(UTC) + timedelta(days=32))
    assert (mundo.estado(mundo.cm), mundo.estado(hijas["activo"])) == ("eliminado", "activo")


def test_nadie_queda_en_ambos_lados(mundo: Mundo) -> None:
    mundo.multinivel(mundo.cm, HOY)
    nieta = mundo.activa(mundo.cm)
    [titular] = mundo.leer(
        "SELECT p.perfil_id, p.correo, p.movil FROM usuarios u JOIN perfiles p USING (perfil_id)"
        " WHERE u.cuenta_id = :c",
        c=nieta,
    )
    [mio] = mundo.leer("SELECT perfil_id FROM usuarios WHERE cuenta_id = :c", c=mundo.raiz)
    mundo.correr(
        usuarios.admitir_usuario,
        c.AdmitirUsuario(
            clave="u", cuenta_id=mundo.raiz, actor=mio.perfil_id, correo=titular.correo, movil=titular.movil,
            rol="consulta",
        ),
    )  # fmt: skip
    mundo.cambiar(mundo.cm, "suspension")
    with pytest.raises(DomainError, match="ambos lados") as no:
        mundo.cambiar(mundo.cm, "cancelacion")
    assert no.value.code == Codigo.CONFLICTO
    assert padre_de(mundo, nieta) == mundo.cm
    mundo.correr(
        usuarios.eliminar_usuario,
        c.EliminarUsuario(clave="e", cuenta_id=mundo.raiz, actor=mio.perfil_id, perfil_id=titular.perfil_id),
    )
    assert mundo.cambiar(mundo.cm, "cancelacion").estado == "cancelado"


def test_dos_altas_de_un_correo_no_esperan_bajo_uno(mundo: Mundo) -> None:
    mundo.multinivel(mundo.cm, HOY)
    suya, mia = mundo.alta(mundo.cm, correo="eva@x.mx"), mundo.alta(correo="eva@x.mx")
    mundo.cambiar(mundo.cm, "suspension")
    with pytest.raises(DomainError) as no:
        mundo.cambiar(mundo.cm, "cancelacion")
    assert (no.value.code, no.value.datos) == (Codigo.CONFLICTO, {"cuenta_id": str(mia)})
    mundo.cambiar(mia, "cancelacion")
    assert mundo.cambiar(mundo.cm, "cancelacion").estado == "cancelado"
    assert (mundo.estado(suya), padre_de(mundo, suya)) == ("sin_validar", mundo.raiz)


def test_cancelar_y_reactivar_a_la_vez_hacen_uno(mundo: Mundo) -> None:
    mundo.multinivel(mundo.cm, HOY)
    nieta = mundo.activa(mundo.cm)
    for _ in range(4):
        if mundo.estado(mundo.cm) == "activo":
            mundo.cambiar(mundo.cm, "suspension")
        hechos = a_la_vez(
            lambda: mundo.cambiar(mundo.cm, "cancelacion"),
            lambda: mundo.cambiar(mundo.cm, "reactivacion"),
        )
        assert sum(isinstance(x, c.Distribuidor) for x in hechos) == 1
        assert [x.code for x in hechos if isinstance(x, DomainError)] == [Codigo.CONFLICTO]
        cancelada = mundo.estado(mundo.cm) == "cancelado"
        assert padre_de(mundo, nieta) == (mundo.raiz if cancelada else mundo.cm)
        if cancelada:
            break


@pytest.mark.parametrize(
    ("cm", "sql"),
    [
        ("activo", "UPDATE cuentas_maestras SET padre_id = :raiz WHERE cuenta_id = :nieta"),
        ("suspendido", "UPDATE cuentas_maestras SET padre_id = :otra WHERE cuenta_id = :nieta"),
        ("suspendido", "UPDATE cuentas_maestras SET padre_id = NULL WHERE cuenta_id = :nieta"),
        ("suspendido", "UPDATE cuentas_maestras SET padre_id = :nieta WHERE cuenta_id = :cm"),
        (
            "suspendido",
            (
                "UPDATE cuentas_maestras SET padre_id = :raiz, estado = 'suspendido', proximo_aviso = NULL"
                " WHERE cuenta_id = :nieta"
            ),
        ),
        (
            "suspendido",
            "UPDATE cuentas_maestras SET estado = 'cancelado' WHERE cuenta_id = :cm AND :nieta IS NOT NULL",
        ),
    ],
)
def test_la_base_rehusa_cualquier_otro_padre(mundo: Mundo, cm: str, sql: str) -> None:
    mundo.multinivel(mundo.cm, HOY)
    datos = {"nieta": mundo.activa(mundo.cm), "otra": mundo.activa(), "raiz": mundo.raiz, "cm": mundo.cm}
    if cm == "suspendido":
        mundo.cambiar(mundo.cm, "suspension")
    with pytest.raises(IntegrityError), mundo.clientes.begin() as conexion:
        conexion.execute(
            text(sql.replace(":nieta IS", "CAST(:nieta AS uuid) IS")),
            {k: v for k, v in datos.items() if f":{k}" in sql},
        )
