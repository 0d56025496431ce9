"""SQL of the searchable cartera: what is asked of it, and the balances that it is told. How hits are found: busqueda.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, any_, literal, select, text

from services.clientes.domain import ClienteGuardado
from services.clientes.domain.cartera import FilaDeCartera, Filtros, Lugar, Orden, Previas
from services.clientes.models import Cliente
from services.clientes.repository.base import Base, tabla
from services.clientes.repository.busqueda import Consulta

_BALANCES = text(
    "WITH n AS MATERIALIZED (SELECT * FROM unnest(CAST(:ctis AS text[]), CAST(:clientes AS uuid[]),"
    " CAST(:saldos AS bigint[]), CAST(:versiones AS bigint[]), CAST(:compras AS timestamptz[]),"
    " CAST(:previas AS bigint[])) n(cti, cliente_id, saldo, version, compra, previa)),"
    " compradas AS (SELECT cliente_id, max(compra) AS compra FROM n GROUP BY cliente_id),"
    " viejas AS MATERIALIZED (SELECT c.cti, c.cliente_id, c.saldo FROM cartera_ctis c"
    " WHERE c.cliente_id IN (SELECT cliente_id FROM n)),"
    " puestas AS (INSERT INTO cartera_ctis AS c (cti, cliente_id, saldo, version)"
    " SELECT n.cti, n.cliente_id, n.saldo, n.version FROM n JOIN cartera k ON k.cliente_id = n.cliente_id"
    " ON CONFLICT (cti) DO UPDATE SET saldo = excluded.saldo, version = excluded.version"
    " WHERE excluded.version >= c.version"
    " OR c.version = (SELECT min(n.previa) FROM n WHERE n.cti = excluded.cti)"
    " RETURNING c.cti, c.cliente_id, c.saldo),"
    " sumas AS (SELECT cliente_id, sum(saldo) AS saldo FROM (SELECT cti, cliente_id, saldo FROM puestas"
    " UNION ALL SELECT v.cti, v.cliente_id, v.saldo FROM viejas v WHERE v.cti NOT IN (SELECT cti FROM puestas)) s"
    " GROUP BY cliente_id),"
    # A rebuilding knows the purchase exactly, unless an event told of a newer link meanwhile.
    " nuevas AS (SELECT k.cliente_id, s.saldo, CASE WHEN CAST(:exacta AS boolean) AND NOT EXISTS (SELECT FROM"
    " cartera_ctis c JOIN n ON n.cti = c.cti WHERE c.cliente_id = k.cliente_id AND c.version > n.version"
    " AND c.version IS DISTINCT FROM n.previa) THEN b.compra ELSE greatest(k.ultima_compra, b.compra) END AS compra"
    " FROM sumas s JOIN compradas b USING (cliente_id) JOIN cartera k USING (cliente_id))"
    " UPDATE cartera k SET saldo_timbres = s.saldo, ultima_compra = s.compra FROM nuevas s"
    " WHERE k.cliente_id = s.cliente_id AND (k.saldo_timbres, k.ultima_compra) IS DISTINCT FROM (s.saldo, s.compra)"
)
#: Writers of one cliente's balances follow each other, so that each adds up what the one before left.
_LOCK = text(
    "SELECT cliente_id FROM cartera WHERE cliente_id = ANY(:ids) ORDER BY cliente_id FOR NO KEY UPDATE"
)
_POINTS = text(
    "UPDATE cartera k SET saldo_puntos = n.saldo, version_puntos = n.version"
    " FROM unnest(CAST(:clientes AS uuid[]), CAST(:saldos AS bigint[]), CAST(:versiones AS bigint[]),"
    " CAST(:previas AS bigint[])) n(cliente_id, saldo, version, previa) WHERE k.cliente_id = n.cliente_id"
    " AND (n.version >= k.version_puntos OR n.previa = k.version_puntos)"
    " AND (k.saldo_puntos, k.version_puntos) IS DISTINCT FROM (n.saldo, n.version)"
)
_NEW_CTIS = text(
    "WITH n AS (SELECT * FROM unnest(CAST(:ctis AS text[]), CAST(:clientes AS uuid[])) n(cti, cliente_id)),"
    " puestas AS (INSERT INTO cartera_ctis (cti, cliente_id) SELECT n.cti, n.cliente_id FROM n"
    " JOIN cartera k USING (cliente_id) ON CONFLICT (cti) DO NOTHING)"
    " SELECT 1"
)
_COUNTS = text(
    "SELECT (SELECT count(*) FROM cartera WHERE cuenta_id = :cuenta_id) AS todos,"
    " (SELECT count(*) FROM cartera WHERE cuenta_id = :cuenta_id AND favorito) AS favoritos,"
    " (SELECT count(*) FROM cartera WHERE cuenta_id = :cuenta_id AND baja) AS bajas"
)
_COLOURS = text(
    "SELECT color, count(*) AS cuantos FROM cartera WHERE cuenta_id = :cuenta_id AND color IS NOT NULL"
    " GROUP BY color ORDER BY color"
)


class Cartera(Base):
    """Search, balances and counters."""

    def normalizar(self, q: str) -> str:
        """What is looked for, as the texts are stored."""
        return str(self.session.scalar(text("SELECT cartera_normal(:q)"), {"q": q}) or "")

    def buscar_en_cartera(
        self, cuenta_id: UUID, orden: Orden, filtros: Filtros, despues: Lugar | None, limite: int
    ) -> list[FilaDeCartera]:
        """At most `limite` hits of this CM after a place, in order."""
        # Its guesses would have the planner read whole tables, and compile what takes a millisecond.
        self.session.execute(
            text("SELECT set_config('enable_seqscan', 'off', true), set_config('jit', 'off', true)")
        )
        # What may be meant in more than one way is looked for in each. They share the order, so the place is of them all.
        paginas = [
            Consulta(self.session, cuenta_id, orden, replace(filtros, palabras=palabras)).pagina(
                despues, limite
            )
            for palabras in (filtros.palabras, *filtros.palabras.otras)
        ]
        if len(paginas) == 1:
            return paginas[0]
        unas = {f.lugar.cliente_id: f for pagina in paginas for f in pagina}
        return orden.ordenar(unas.values())[:limite]

    def clientes_por_id(self, cuenta_id: UUID, ids: Sequence[UUID]) -> dict[UUID, ClienteGuardado]:
        """Clientes of this CM by id: what is shown of a hit comes from here."""
        # One value, however many: an IN of a thousand takes longer to be written than to be answered.
        suyos = Cliente.cliente_id == any_(literal(list(ids), ARRAY(Uuid)))
        consulta = select(tabla(Cliente)).where(Cliente.cuenta_id == cuenta_id, suyos)
        return {f.cliente_id: ClienteGuardado(**f._mapping) for f in self.session.execute(consulta)}

    def contar_cartera(self, cuenta_id: UUID) -> tuple[int, int, int, dict[str, int]]:
        """All, favoritos, bajas, and by colour."""
        fila = self.session.execute(_COUNTS, {"cuenta_id": cuenta_id}).one()
        colores = {r.color: r.cuantos for r in self.session.execute(_COLOURS, {"cuenta_id": cuenta_id})}
        return fila.todos, fila.favoritos, fila.bajas, colores

    def poner_saldos_de_timbres(
        self,
        ctis: Sequence[str],
        clientes: Sequence[UUID],
        saldos: Sequence[int],
        versiones: Sequence[int],
        compras: Sequence[datetime | None],
        previas: Sequence[int | None] | None = None,
    ) -> None:
        """Balances of CTI (one row each), unless a newer version is here; `previas`: or this very one is."""
        self.session.execute(_LOCK, {"ids": sorted(set(clientes))})
        self.session.execute(
            _BALANCES,
            {
                "ctis": list(ctis),
                "clientes": list(clientes),
                "saldos": list(saldos),
                "versiones": list(versiones),
                "compras": list(compras),
                "previas": list(previas or [None] * len(ctis)),
                "exacta": previas is not None,
            },
        )

    def poner_saldos_de_puntos(
        self,
        clientes: Sequence[UUID],
        saldos: Sequence[int],
        versiones: Sequence[int],
        previas: Sequence[int | None] | None = None,
    ) -> None:
        """The same of wallets, in hundredths."""
        self.session.execute(_LOCK, {"ids": sorted(set(clientes))})
        self.session.execute(
            _POINTS,
            {
                "clientes": list(clientes),
                "saldos": list(saldos),
                "versiones": list(versiones),
                "previas": list(previas or [None] * len(clientes)),
            },
        )

    def agregar_ctis_a_cartera(self, ctis: Sequence[str], clientes: Sequence[UUID]) -> None:
        """CTI by which their clientes are found from now on."""
        self.session.execute(_LOCK, {"ids": sorted(set(clientes))})
        self.session.execute(_NEW_CTIS, {"ctis": list(ctis), "clientes": list(clientes)})
        self.derivar_cartera(sorted(set(clientes)))

    def versiones_de_cartera(self, despues_de: UUID | None, limite: int) -> Previas:
        """The clientes after an id, in order, with the versions that are here before others are asked."""
        ids = list(
            self.session.scalars(
                text(
                    "SELECT cliente_id FROM clientes WHERE cliente_id > :id ORDER BY cliente_id LIMIT :limite"
                ),
                {"id": despues_de or UUID(int=0), "limite": limite},
            )
        )
        puntos = text("SELECT cliente_id, version_puntos AS v FROM cartera WHERE cliente_id = ANY(:ids)")
        ctis = text("SELECT cti, version AS v FROM cartera_ctis WHERE cliente_id = ANY(:ids)")
        return Previas(
            clientes=ids,
            puntos={r.cliente_id: r.v for r in self.session.execute(puntos, {"ids": ids})},
            ctis={r.cti: r.v for r in self.session.execute(ctis, {"ids": ids})},
        )

    def lugar_de_reconstruccion(self) -> UUID | None:
        """Where the last rebuilding stopped; None when it ended."""
        lugar: UUID | None = self.session.scalar(text("SELECT despues_de FROM cartera_reconstruccion"))
        return lugar

    def avanzar_reconstruccion(self, despues_de: UUID | None) -> None:
        """Remember how far a rebuilding has come."""
        self.session.execute(text("UPDATE cartera_reconstruccion SET despues_de = :id"), {"id": despues_de})

    def derivar_cartera(self, ids: Sequence[UUID]) -> None:
        """Work the local fields of these clientes out again."""
        self.session.execute(text("SELECT cartera_derivar(CAST(:ids AS uuid[]))"), {"ids": list(ids)})
