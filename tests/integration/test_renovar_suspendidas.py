"""What renewing does to a suspension: the parent that pays lifts it, the CM itself does not."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from services.clientes.domain import vigencia
from services.clientes.use_cases import red
from shared.contracts import clientes as c
from shared.errors import DomainError
from tests.integration.apoyo_distribuidores import CUOTA, Mundo
from tests.integration.test_distribuidores import saga

__all__ = ["saga"]


@pytest.mark.parametrize("vencida", [False, True])
def test_el_padre_que_renueva_a_la_suspendida_la_reactiva(saga: Mundo, vencida: bool) -> None:
    """Manual, Renovar una cuenta: from the tab Suspendidos to Activo, whether its year had ended or not."""
    saga.cambiar(saga.cm, "suspension")
    if vencida:
        with saga.clientes.begin() as conexion:
            conexion.execute(
                text("UPDATE cuentas_maestras SET vence_en = now() - interval '3 days' WHERE cuenta_id = :i"),
                {"i": saga.cm},
            )
        with pytest.raises(DomainError, match="Renuévela"):
            saga.cambiar(saga.cm, "reactivacion")
    vencera = saga.cotizar(saga.cm, saga.raiz).vencera_en
    saga.acreditar(saga.raiz, str(CUOTA))
    saga.renovar(saga.cm, saga.raiz)
    saga.entregar()
    assert (saga.renovacion(saga.cm).estado, saga.estado(saga.cm)) == ("aplicada", "activo")
    detalle = saga.correr(red.obtener, c.ObtenerDistribuidor(cuenta_id=saga.raiz, distribuidor_id=saga.cm))
    assert [(x.accion, x.a) for x in detalle.historia[:2]] == [
        ("reactivacion", "activo"),
        ("renovacion", "suspendido"),
    ]
    assert detalle.distribuidor.vence_en == vencera
    [(aviso, texto)] = saga.leer(
        "SELECT c.proximo_aviso, m.texto FROM cuentas_maestras c, correos m WHERE c.cuenta_id = :i"
        " AND m.asunto LIKE '%se renovó'",
        i=saga.cm,
    )
    assert aviso == vigencia.proximo_aviso(vencera, datetime.now(UTC))
    assert "Está activa de nuevo" in texto


def test_la_suspendida_despues_de_pedirse_la_renovacion_sigue_suspendida(saga: Mundo) -> None:
    saga.acreditar(saga.raiz, str(CUOTA))
    saga.renovar(saga.cm, saga.raiz)
    saga.cambiar(saga.cm, "suspension")
    saga.entregar()
    assert (saga.renovacion(saga.cm).estado, saga.estado(saga.cm)) == ("aplicada", "suspendido")


def test_la_suspendida_renueva_y_sigue_suspendida(saga: Mundo) -> None:
    saga.acreditar(saga.cm, str(CUOTA))
    saga.cambiar(saga.cm, "suspension")
    saga.renovar(saga.cm)
    saga.entregar()
    assert (saga.renovacion(saga.cm).estado, saga.estado(saga.cm)) == ("aplicada", "suspendido")
