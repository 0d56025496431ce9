"""Row-level security: the second wall behind each repository's tenant filter.

A transaction that serves one CM says so (`cm.cuenta` = its id, set by the unit of work for that transaction alone),
and PostgreSQL then shows and takes that CM's rows only, whatever a query forgot. Work for several CMs (timers,
events, the stamping's one-statement transactions, migrations, tools) says `*`, which `new_engine` gives every
connection to begin with. A connection that says nothing sees nothing and writes nothing.

Policies are FORCEd, because a service's role owns its tables; it is neither superuser nor BYPASSRLS
(`deploy/local/servidores/postgres.py`). Foreign keys and unique constraints are checked across CMs all the same.
A migration makes the policies and `forzar` forces them as soon as no process of an earlier version is connected:
that one's connections say nothing, and would see nothing.

A new table with a `cuenta_id` is walled by its migration, `SELECT aislar('tabla')`, or stands in `EXENTAS` with the
reason: a test compares. A policy's parts are evaluated once per statement (InitPlan), not once per row.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from sqlalchemy import Connection, text

#: The setting, and its value for work that concerns several CMs.
AJUSTE = "cm.cuenta"
TODAS = "*"
#: For the driver: this transaction, and no later one of its connection, is of one CM.
ACOTAR = f"SELECT set_config('{AJUSTE}', %s, true)"
#: `application_name` of the connections that know the setting.
APLICACION = "cuenta-maestra"

#: Frozen: a change is a new constant, run by a new migration of each service.
#: `cm_cuenta()` is the CM of the transaction, null when there is none; other text than a uuid is an error, not a hole.
AISLAMIENTO_V1 = """
CREATE FUNCTION cm_cuenta() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE AS
    $$ SELECT nullif(nullif(current_setting('cm.cuenta', true), '*'), '')::uuid $$;

CREATE FUNCTION aislar(tabla regclass, condicion text DEFAULT 'cuenta_id = (SELECT cm_cuenta())')
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', tabla);
    EXECUTE format('DROP POLICY IF EXISTS aislamiento ON %s', tabla);
    EXECUTE format('CREATE POLICY aislamiento ON %s USING'
        ' ((SELECT current_setting(''cm.cuenta'', true)) = ''*'' OR %s)', tabla, condicion);
END $$;
"""

#: Rows of a CM that name it through their parent, or that more than their own CM sees. Frozen, as the DDL.
ESPECIALES_V1: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "clientes": {
            # Itself and its direct sub-distributors: what the tree needs of them, never their clientes.
            "cuentas_maestras": "cuenta_id = (SELECT cm_cuenta()) OR padre_id = (SELECT cm_cuenta())",
        },
        "timbrado": {
            # The inner SELECT is under the policy of its own table.
            # A CTI whose cliente became a distributor moved to its own CM, and its documents are reached through it.
            "timbrados": "cuenta_id = (SELECT cm_cuenta()) OR EXISTS (SELECT FROM ctis c WHERE c.id = timbrados.cti)",
            "contrataciones": "cuenta_id = (SELECT cm_cuenta())"
            " OR EXISTS (SELECT FROM ctis c WHERE c.id = contrataciones.cti)",
            "llaves_cti": "EXISTS (SELECT FROM ctis c WHERE c.id = llaves_cti.cti)",
            "bitacora_ctis": "EXISTS (SELECT FROM ctis c WHERE c.id = bitacora_ctis.cti)",
            "cancelaciones": "EXISTS (SELECT FROM timbrados t WHERE t.id = cancelaciones.timbrado_id)",
            "transferencias_masivas_filas": "EXISTS (SELECT FROM transferencias_masivas t"
            " WHERE t.id = transferencias_masivas_filas.masiva_id)",
        },
    }
)

_LIBRO = (
    "the ledger's own: here cuenta_id is an account of the ledger, and a movement belongs to two. What is listed or"
    " read of it starts from ctis, monederos or the CM's own stock, which are walled"
)
_LIBROS = {"retenciones": _LIBRO, "cadena": _LIBRO, "bajo_umbral": _LIBRO}

#: Tables with a `cuenta_id` that have no policy, and why. The test of every table reads this.
EXENTAS_V1: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "clientes": {
            "cartera": "an index to search in: PostgreSQL uses no trigram index behind a policy, and nothing is shown"
            " from it; each row that is shown comes from clientes, which is walled",
            "cartera_texto": "the same: what the trigram index is on",
        },
        "timbrado": {
            **_LIBROS,
            "cortes": _LIBRO,
            "raices": "which CM is the root: told to every CM's work, and no secret",
        },
        "puntos": _LIBROS,
        "licencias": {},
        "facturacion": {},
    }
)
EXENTAS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        **EXENTAS_V1,
        "clientes": {
            **EXENTAS_V1["clientes"],
            "cartera_inicios": "the same: what names begin with, to find their ranges in the index by name",
        },
    }
)


def aislar_v1(servicio: str) -> str:
    """DDL that walls every table of `servicio` that exists by now: those with a `cuenta_id` (uuid), but for the
    exempt ones, and the special ones."""
    exentas = ", ".join(f"'{tabla}'" for tabla in EXENTAS_V1[servicio]) or "''"
    especiales = ESPECIALES_V1.get(servicio, {})
    propias = ", ".join(f"'{tabla}'" for tabla in especiales) or "''"
    return (
        AISLAMIENTO_V1
        + f"""
DO $aislar$
DECLARE tabla regclass;
BEGIN
    FOR tabla IN SELECT c.oid FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
        AND a.attname = 'cuenta_id' AND a.atttypid = 'uuid'::regtype AND NOT a.attisdropped
        AND c.relname NOT IN ({exentas}) AND c.relname NOT IN ({propias}) LOOP
        PERFORM aislar(tabla);
    END LOOP;
END $aislar$;
"""
        + "".join(f"SELECT aislar('{tabla}', '{condicion}');\n" for tabla, condicion in especiales.items())
    )


_SIN_FORZAR = text(
    "SELECT format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', c.oid::regclass) FROM pg_class c"
    " WHERE c.relrowsecurity AND NOT c.relforcerowsecurity AND pg_get_userbyid(c.relowner) = current_user"
    " ORDER BY c.oid"
)
_ANTERIORES = text(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = current_user"
    " AND backend_type = 'client backend' AND application_name <> :aplicacion"
)


def forzar(connection: Connection) -> bool:
    """Put the service's own role behind the policies; False while a connection of an earlier version remains.

    Does nothing when it is done already, which is the case but once in the life of a database.
    """
    ordenes = list(connection.execute(_SIN_FORZAR).scalars())
    if ordenes and connection.execute(_ANTERIORES, {"aplicacion": APLICACION}).scalar_one():
        return False
    for orden in ordenes:
        connection.execute(text(orden))
    return True
