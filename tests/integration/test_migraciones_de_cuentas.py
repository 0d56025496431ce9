"""An installation of before has its distributors and contracts as one of today does."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import uuid4

from sqlalchemy import text

from services.clientes.domain import vigencia
from services.clientes.repository import Repositorio
from services.clientes.use_cases import vida
from shared.contracts.base import load
from shared.contracts.eventos import MKL_CONTRATADA, MklContratada
from shared.persistence.base import new_engine
from shared.persistence.migrar import migrate
from shared.persistence.uow import UnitOfWork

BaseDeDatos = Callable[..., str]


def test_los_contratos_de_antes_se_cuentan_a_clientes(base_de_datos: BaseDeDatos) -> None:
    url = base_de_datos("licencias", migrada=False)
    migrate("licencias", url, "0001")
    engine = new_engine(url, 1)
    mkl, cuenta = uuid4(), uuid4()
    with engine.begin() as conexion:
        conexion.execute(
            text(
                "INSERT INTO mkl (id, cuenta_id, producto, inicia_en, vence_en)"
                " VALUES (:i, :c, 'multinivel', '2026-01-31', '2027-12-31')"
            ),
            {"i": mkl, "c": cuenta},
        )
    migrate("licencias", url)
    with engine.connect() as conexion:
        [fila] = conexion.execute(text("SELECT evento, carga FROM outbox")).all()
    engine.dispose()
    assert fila.evento == MKL_CONTRATADA.nombre
    assert load(MklContratada, dict(fila.carga)) == MklContratada(
        mkl_id=mkl,
        cuenta_id=cuenta,
        producto="multinivel",
        inicia_en=date(2026, 1, 31),
        vence_en=date(2027, 12, 31),
        precio_anual=Decimal("0.00"),
    )


def test_las_cuentas_de_antes_vencen_al_terminar_su_dia(base_de_datos: BaseDeDatos) -> None:
    url = base_de_datos("clientes", migrada=False)
    migrate("clientes", url, "0001")
    engine = new_engine(url, 1)
    raiz, cm = uuid4(), uuid4()
    # Of the same day in Mexico, although not in UTC.
    vence = datetime(2028, 3, 1, 3, 15, tzinfo=UTC)
    with engine.begin() as conexion:
        for id_, padre, hasta in ((raiz, None, None), (cm, raiz, vence)):
            conexion.execute(
                text(
                    "INSERT INTO cuentas_maestras (cuenta_id, padre_id, nombre, estado, vence_en, creado_en)"
                    " VALUES (:i, :p, 'Una', 'activo', :v, now())"
                ),
                {"i": id_, "p": padre, "v": hasta},
            )
    migrate("clientes", url)
    with UnitOfWork(engine, Repositorio) as uow:
        cuenta = uow.repo.cuenta(cm)
        assert cuenta is not None
        assert cuenta.vence_en == vigencia.fin_del_dia(date(2028, 2, 29))
        assert [x.accion for x in uow.repo.historia(cm, 10)] == ["alta"]
        # The timer works out when its first notice is due.
        assert vida.vigilar(uow, datetime.now(UTC)) == 1
        uow.commit()
        proximo = uow.session.execute(
            text("SELECT proximo_aviso FROM cuentas_maestras WHERE cuenta_id = :i"), {"i": cm}
        ).scalar_one()
    engine.dispose()
    assert proximo == vigencia.inicio_del_dia(date(2028, 1, 30))
