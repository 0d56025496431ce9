"""Row-level security: whatever a query forgets, a CM's transaction reaches its own rows alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg.errors import InsufficientPrivilege
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session

from shared.persistence.aislamiento import ESPECIALES_V1, EXENTAS, forzar
from shared.persistence.base import new_engine
from shared.persistence.uow import UnitOfWork
from shared.quien import acotada

SERVICIOS = ["clientes", "timbrado", "puntos", "licencias", "facturacion"]

#: Every table of the service's own schema with a `cuenta_id`, and whether its policy is there and forced.
# A partition is read and written through its table, whose policies it is under.
_TABLAS = text(
    "SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity AND EXISTS"
    " (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polcmd = '*' AND p.polpermissive) AS aislada"
    " FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')"
    " AND NOT c.relispartition AND (c.relrowsecurity OR EXISTS (SELECT FROM pg_attribute a"
    " WHERE a.attrelid = c.oid AND a.attname = 'cuenta_id' AND NOT a.attisdropped)) ORDER BY 1"
)


def _sesion(session: Session) -> Session:
    """The session itself where a service has its repository."""
    return session


@contextmanager
def de_la_cuenta(cuenta: UUID | None) -> Iterator[None]:
    """As the bus does for a call of this CM."""
    token = acotada.set(cuenta)
    try:
        yield
    finally:
        acotada.reset(token)


@pytest.fixture
def motor(base_de_datos: Callable[[str], str]) -> Iterator[Callable[[str], Engine]]:
    """An engine on a fresh database of a service."""
    motores: list[Engine] = []

    def crear(servicio: str) -> Engine:
        motores.append(new_engine(base_de_datos(servicio), 2))
        return motores[-1]

    yield crear
    for uno in motores:
        uno.dispose()


@pytest.mark.parametrize("servicio", SERVICIOS)
def test_every_table_of_a_cm_is_walled_or_says_why_not(servicio: str, motor: Callable[[str], Engine]) -> None:
    with motor(servicio).connect() as connection:
        tablas = {r.relname: r.aislada for r in connection.execute(_TABLAS)}
    assert {t for t, aislada in tablas.items() if not aislada} == set(EXENTAS[servicio]) & set(tablas)
    assert set(ESPECIALES_V1.get(servicio, {})) <= {t for t, aislada in tablas.items() if aislada}
    assert all(EXENTAS[servicio].values())


@pytest.mark.parametrize("servicio", SERVICIOS)
def test_a_services_role_is_one_to_which_policies_apply(
    servicio: str, motor: Callable[[str], Engine]
) -> None:
    with motor(servicio).connect() as connection:
        papel = connection.execute(
            text("SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user")
        ).one()
    assert tuple(papel) == (False, False)


# -- by raw SQL -------------------------------------------------------------------------------------------

UNA, OTRA = uuid4(), uuid4()


#: A row of a CM in a table that each service has, and in one behind it.
SIEMBRA = {
    "clientes": """
        INSERT INTO cuentas_maestras (cuenta_id, padre_id, nombre, estado, vence_en, creado_en) VALUES
            (:c, (SELECT cuenta_id FROM cuentas_maestras WHERE padre_id IS NULL), 'CM', 'activo', now(), now());
        INSERT INTO clientes (cliente_id, cuenta_id, nic, cti, nombre, creado_en) VALUES
            (:id, :c, 2000 + :n, 'CTI' || :n, 'Cliente', now())""",
    "timbrado": """
        INSERT INTO cuentas (tipo, titular) VALUES ('cti', 'CTI' || :n);
        INSERT INTO ctis (id, nic, cliente_id, cuenta_id, libro_id) SELECT 'CTI' || :n, :n, :id, :c, id
            FROM cuentas WHERE titular = 'CTI' || :n;
        INSERT INTO llaves_cti (cti, nombre, huella, termina_en, lugar, actor) VALUES
            ('CTI' || :n, 'caja', sha256(CAST('x' || :n AS bytea)), 'abcd', 1, 'x')""",
    "puntos": """
        INSERT INTO cuentas (tipo, titular) VALUES ('cliente', 'C' || :n);
        INSERT INTO monederos_cliente (cliente_id, cuenta_id, nic, nombre, libro_id) SELECT :id, :c, :n, 'C', id
            FROM cuentas WHERE titular = 'C' || :n""",
    "licencias": "INSERT INTO clientes (cliente_id, cuenta_id, nic, nombre) VALUES (:id, :c, :n, 'Cliente')",
    "facturacion": "INSERT INTO clientes (cliente_id, cuenta_id, nic, nombre) VALUES (:id, :c, :n, 'Cliente')",
}


def _sembrar(servicio: str, connection: Connection, cuenta: UUID, n: int, desde: int = 0) -> None:
    for sql in SIEMBRA[servicio].split(";")[desde:]:
        connection.execute(text(sql), {"c": cuenta, "id": uuid4(), "n": n})


#: Table → an UPDATE that touches every row that is seen.
PROBADAS = {
    "clientes": {"clientes": "nombre = nombre", "cuentas_maestras": "nombre = nombre"},
    "timbrado": {"ctis": "nic = nic", "llaves_cti": "nombre = nombre"},
    "puntos": {"monederos_cliente": "nombre = nombre"},
    "licencias": {"clientes": "nombre = nombre"},
    "facturacion": {"clientes": "nombre = nombre"},
}


def _sembrada(servicio: str, motor: Callable[[str], Engine]) -> Engine:
    engine = motor(servicio)
    with engine.begin() as connection:
        if servicio == "clientes":
            connection.execute(
                text(
                    "INSERT INTO cuentas_maestras (cuenta_id, nombre, estado, creado_en)"
                    " VALUES (gen_random_uuid(), 'Raíz', 'activo', now())"
                )
            )
        for n, cuenta in enumerate((UNA, OTRA), 1):
            _sembrar(servicio, connection, cuenta, n)
    return engine


@pytest.mark.parametrize("servicio", SERVICIOS)
def test_a_cm_reaches_no_row_of_another(servicio: str, motor: Callable[[str], Engine]) -> None:
    engine = _sembrada(servicio, motor)
    for tabla, cambio in PROBADAS[servicio].items():
        todas = _contar(engine, tabla)
        with de_la_cuenta(UNA), UnitOfWork(engine, _sesion) as uow:
            assert _uno(uow, f"SELECT count(*) FROM {tabla}") == 1
            assert _tocadas(uow, f"UPDATE {tabla} SET {cambio}") == 1
        with de_la_cuenta(UNA), UnitOfWork(engine, _sesion) as uow:
            assert _tocadas(uow, f"DELETE FROM {tabla} WHERE {_ajena(tabla)}") == 0
        assert _contar(engine, tabla) == todas
        with engine.connect() as connection:
            # What says nothing sees nothing, and so does what says nonsense.
            connection.execute(text("RESET cm.cuenta"))
            for dicho in ("", str(uuid4())):
                connection.execute(text("SELECT set_config('cm.cuenta', :d, false)"), {"d": dicho})
                assert connection.execute(text(f"SELECT count(*) FROM {tabla}")).scalar() == 0
            connection.invalidate()


@pytest.mark.parametrize("servicio", SERVICIOS)
def test_a_cm_writes_no_row_for_another(servicio: str, motor: Callable[[str], Engine]) -> None:
    engine = _sembrada(servicio, motor)
    ajena = 1 if servicio == "clientes" else 0
    with de_la_cuenta(UNA), UnitOfWork(engine, _sesion) as uow:
        with pytest.raises(ProgrammingError) as negado:
            _sembrar(servicio, uow.session.connection(), OTRA, 9, ajena)
        assert isinstance(negado.value.orig, InsufficientPrivilege)


@pytest.mark.parametrize(
    ("servicio", "tabla"),
    [
        ("timbrado", "ctis"),
        ("puntos", "monederos_cliente"),
        ("licencias", "clientes"),
        ("facturacion", "clientes"),
    ],
)
def test_a_cm_gives_no_row_to_another(servicio: str, tabla: str, motor: Callable[[str], Engine]) -> None:
    engine = _sembrada(servicio, motor)
    with de_la_cuenta(UNA), UnitOfWork(engine, _sesion) as uow:
        with pytest.raises(ProgrammingError) as negado:
            uow.session.execute(text(f"UPDATE {tabla} SET cuenta_id = :c"), {"c": OTRA})
        assert isinstance(negado.value.orig, InsufficientPrivilege)


def test_a_connection_that_never_spoke_sees_nothing(base_de_datos: Callable[[str], str]) -> None:
    import psycopg

    url = base_de_datos("puntos")
    engine = new_engine(url, 1)
    with engine.begin() as connection:
        _sembrar("puntos", connection, UNA, 1)
    engine.dispose()
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        assert connection.execute("SELECT count(*) FROM monederos_cliente").fetchone() == (0,)
        connection.execute("SELECT set_config('cm.cuenta', 'no es un uuid', true)")
        with pytest.raises(psycopg.errors.InvalidTextRepresentation):
            connection.execute("SELECT count(*) FROM monederos_cliente")


def test_each_transaction_of_a_call_is_walled_and_no_later_one(motor: Callable[[str], Engine]) -> None:
    engine = _sembrada("puntos", motor)
    cuantos = "SELECT count(*) FROM monederos_cliente"
    with de_la_cuenta(UNA), UnitOfWork(engine, _sesion) as uow:
        assert _uno(uow, cuantos) == 1
        uow.commit()
        assert _uno(uow, cuantos) == 1, "the transaction after a commit says it again"
    # The same pooled connection, given back.
    with UnitOfWork(engine, _sesion) as uow:
        assert _uno(uow, cuantos) == 2


def test_a_use_case_whose_filter_was_forgotten_shows_its_own_rows_alone(
    motor: Callable[[str], Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    from services.timbrado.repository import Repositorio
    from services.timbrado.use_cases.cuentas import obtener_cti
    from shared.contracts import timbrado as c
    from shared.errors import DomainError

    engine = _sembrada("timbrado", motor)

    def sin_filtro(repo: Repositorio, cuenta_id: UUID, cti: str) -> dict[str, Any] | None:
        fila = repo._session.execute(
            text(
                "SELECT id, nic, cliente_id, tipo, 0 AS saldo, 0 AS disponible, false AS bloqueada, creada_en"
                " FROM ctis WHERE id = :cti"
            ),
            {"cti": cti},
        ).first()
        return None if fila is None else {"id": fila.id, "nic": fila.nic}

    monkeypatch.setattr(Repositorio, "detalle_cti", sin_filtro)
    monkeypatch.setattr(c, "Cti", lambda **datos: datos)
    peticion = c.ObtenerCti(cuenta_id=UNA, cti="CTI2")
    with UnitOfWork(engine, Repositorio) as uow:
        mostrada: Any = obtener_cti(uow, peticion)
        assert mostrada == {"id": "CTI2", "nic": 2}, "the broken query does show it"
    with de_la_cuenta(UNA), UnitOfWork(engine, Repositorio) as uow, pytest.raises(DomainError):
        obtener_cti(uow, peticion)


# -- an upgrade -------------------------------------------------------------------------------------------


def test_the_wall_waits_for_the_processes_of_the_version_before(
    base_de_datos: Callable[[str], str],
) -> None:
    import psycopg

    url = base_de_datos("facturacion")
    engine = new_engine(url, 2)
    with engine.begin() as connection:
        _sembrar("facturacion", connection, UNA, 1)
        connection.execute(text("ALTER TABLE clientes NO FORCE ROW LEVEL SECURITY"))
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as anterior:
        with engine.begin() as connection:
            assert not forzar(connection)
        assert anterior.execute("SELECT count(*) FROM clientes").fetchone() == (1,)
    # Its session ends a moment after it hangs up.
    for _ in range(100):
        with engine.begin() as connection:
            if forzar(connection):
                break
            connection.execute(text("SELECT pg_sleep(0.05)"))
    with psycopg.connect(url.replace("+psycopg", "")) as callada:
        assert callada.execute("SELECT count(*) FROM clientes").fetchone() == (0,)
    engine.dispose()


def _ajena(tabla: str) -> str:
    return "cti = 'CTI2'" if tabla == "llaves_cti" else f"cuenta_id = '{OTRA}'"


def _contar(engine: Engine, tabla: str) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text(f"SELECT count(*) FROM {tabla}")).scalar_one())


def _uno(uow: UnitOfWork[Any], sql: str) -> int:
    return int(uow.session.execute(text(sql)).scalar_one())


def _tocadas(uow: UnitOfWork[Any], sql: str) -> int:
    return int(uow.session.execute(text(sql)).rowcount)  # type: ignore[attr-defined]
