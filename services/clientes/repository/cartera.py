"""SQL of the searchable cartera.

A page is found in `cartera`, in one of its indexes, and shown from `clientes`. Two ways, by how common the hits are:
- common: along the index of the order. The index itself tells who can't match (bits of trigrams, labels), so only
  the likely ones are read. A window of it is looked at before anything else.
- rare: all hits by the index of the text (or a label's, or a balance's), sorted. Bounded: more than `_TODOS` are not
  rare, and the walk goes on.
The planner could not choose: it knows nothing of how often an infix occurs in one CM.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, text

from services.clientes.domain import ClienteGuardado
from services.clientes.domain.cartera import FilaDeCartera, Filtros, Lugar, Orden, Previas
from services.clientes.models import Cliente
from services.clientes.repository.base import Base, tabla

#: Entries of the order's index looked at first, and then, each with the hits in it from which walking on is cheaper
#: than finding and sorting all; all entries that are left.
_VENTANAS = ((1_000, 2), (16_000, 10))
_RESTO = 2**31
#: Of a word's trigrams so many are asked of the index, the rarest among so many clientes.
_TRIGRAMAS = 3
_MUESTRA = 100
#: Hits that are still sorted all.
_TODOS = 6_000
#: The index reads the list of each trigram that it is asked for: of a mail's twenty the common ones cost the most and
#: tell the least. How common, a few clientes of the CM tell, always the same ones, whose pages are at hand.
_RAROS = text(
    "WITH m AS MATERIALIZED (SELECT t.texto FROM (SELECT cliente_id FROM cartera WHERE cuenta_id = :cuenta_id"
    " LIMIT :muestra) k JOIN cartera_texto t ON t.cliente_id = k.cliente_id)"
    " SELECT g FROM unnest(CAST(:trigramas AS text[])) g"
    " ORDER BY (SELECT count(*) FROM m WHERE strpos(m.texto, g) > 0), g"
)
_SOMBRA = ("b1", "b2", "b3", "b4", "favorito", "baja", "color")

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
        # Its guess of an infix would have the planner read whole tables.
        self.session.execute(text("SELECT set_config('enable_seqscan', 'off', true)"))
        consulta = _Consulta(self.session, cuenta_id, orden, filtros)
        filas: list[FilaDeCartera] = []
        for nula in (False, True) if orden.nula else (False,):
            if despues is not None and (despues.clave is None) != nula:
                if nula:
                    despues = None
                else:
                    continue
            filas += consulta.tramo(nula, despues, limite - len(filas))
            if len(filas) >= limite:
                break
            despues = None
        return filas

    def clientes_por_id(self, cuenta_id: UUID, ids: Sequence[UUID]) -> dict[UUID, ClienteGuardado]:
        """Clientes of this CM by id: what is shown of a hit comes from here."""
        consulta = select(tabla(Cliente)).where(Cliente.cuenta_id == cuenta_id, Cliente.cliente_id.in_(ids))
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


class _Consulta:
    """One search: its conditions as SQL, and the ways to its hits."""

    def __init__(self, session: Any, cuenta_id: UUID, orden: Orden, filtros: Filtros) -> None:
        self._session = session
        self._orden = orden
        self._valores: dict[str, Any] = {"cuenta_id": cuenta_id}
        self._indice: list[str] = []
        self._fila: list[str] = []
        self._texto: list[str] = []
        self._trigramas: tuple[str, ...] = ()
        self._etiquetas(filtros)
        self._palabras(filtros)
        for campo, (desde, hasta) in (("saldo_timbres", filtros.timbres), ("saldo_puntos", filtros.puntos)):
            for valor, signo in ((desde, ">="), (hasta, "<=")):
                if valor is not None:
                    nombre = f"v{len(self._valores)}"
                    self._valores[nombre] = valor
                    self._fila.append(f"k.{campo} {signo} :{nombre}")
        #: Whether hits may be rare, and an index other than the order's finds them.
        self._selectivo = bool(self._texto or self._fila or filtros.favorito or filtros.baja or filtros.color)

    def _etiquetas(self, filtros: Filtros) -> None:
        for campo in ("favorito", "baja"):
            valor = getattr(filtros, campo)
            if valor is not None:
                self._indice.append(f"v.{campo}" if valor else f"NOT v.{campo}")
        if filtros.color is not None:
            self._valores["color"] = filtros.color
            self._indice.append("v.color = :color")

    def _palabras(self, filtros: Filtros) -> None:
        for n, patron in enumerate(filtros.palabras.patrones):
            self._valores[f"p{n}"] = patron
            self._texto.append(f"t.texto LIKE :p{n}")
        self._trigramas = filtros.palabras.trigramas
        if filtros.palabras.trigramas:
            bits = self._session.execute(
                text("SELECT * FROM cartera_bits(CAST(:t AS text[]))"),
                {"t": list(filtros.palabras.trigramas)},
            ).one()
            for n, valor in enumerate(bits, 1):
                if valor:
                    self._valores[f"m{n}"] = valor
                    self._indice.append(f"v.b{n} & :m{n} = :m{n}")

    def tramo(self, nula: bool, despues: Lugar | None, limite: int) -> list[FilaDeCartera]:
        """Hits with a key, or those without one, after a place."""
        lugar, filas, probada = despues, list[FilaDeCartera](), not self._selectivo
        for ventana, bastantes in _VENTANAS:
            halladas = self._recorrer(nula, lugar, ventana, limite - len(filas))
            filas += halladas
            if len(filas) >= limite:
                return filas
            fin = self._fin_de(nula, lugar, ventana)
            if fin is None:
                return filas
            if not probada and len(halladas) < bastantes:
                probada = True
                todas = self._todos(nula, despues, limite)
                if todas is not None:
                    return todas
            lugar = fin
            if probada:
                break
        # Too many to sort: the walk ends by itself where the page is full.
        return filas + self._recorrer(nula, lugar, _RESTO, limite - len(filas))

    def _recorrer(self, nula: bool, despues: Lugar | None, ventana: int, limite: int) -> list[FilaDeCartera]:
        clave = self._orden.clave
        juntar = ""
        if self._fila:
            juntar += " JOIN cartera k ON k.cliente_id = v.cliente_id"
        if self._texto:
            juntar += " JOIN cartera_texto t ON t.cliente_id = v.cliente_id"
        sql = (
            f"SELECT v.cliente_id, v.clave, k.saldo_timbres, k.saldo_puntos, k.ultima_compra FROM"
            f" (SELECT v.cliente_id, v.clave FROM"
            f" (SELECT cliente_id, {clave} AS clave, {', '.join(_SOMBRA)} FROM cartera"
            f" WHERE {self._donde(nula, despues)} ORDER BY {self._por('')} LIMIT :ventana) v{juntar}"
            f"{_y(self._indice + self._fila + self._texto)} ORDER BY {self._por('v.', 'clave')} LIMIT :limite) v"
            f" JOIN cartera k ON k.cliente_id = v.cliente_id ORDER BY {self._por('v.', 'clave')}"
        )
        return self._filas(sql, {"ventana": ventana, "limite": limite, **self._desde(despues)})

    def _fin_de(self, nula: bool, despues: Lugar | None, ventana: int) -> Lugar | None:
        """The last entry of a window; None when the index ends in it."""
        fila = self._session.execute(
            text(
                f"SELECT {self._orden.clave} AS clave, cliente_id FROM cartera"
                f" WHERE {self._donde(nula, despues)} ORDER BY {self._por('')} OFFSET :salto LIMIT 1"
            ),
            {**self._valores, **self._desde(despues), "salto": ventana - 1},
        ).one_or_none()
        return None if fila is None else Lugar(fila.clave, fila.cliente_id)

    def _todos(self, nula: bool, despues: Lugar | None, limite: int) -> list[FilaDeCartera] | None:
        """The first of all hits, sorted; None when there are too many to sort."""
        if self._texto:
            origen = (
                f"SELECT t.cliente_id FROM cartera_texto t WHERE t.cuenta_id = :cuenta_id AND"
                f" {' AND '.join(self._por_trigramas())} LIMIT :todos"
            )
        else:
            origen = (
                "SELECT v.cliente_id FROM cartera v"
                f" WHERE v.cuenta_id = :cuenta_id AND {' AND '.join(self._indice + _de_v(self._fila))} LIMIT :todos"
                if self._indice or self._fila
                else ""
            )
        clave = self._orden.clave
        condiciones = [
            "(SELECT contadas FROM n) < :todos",
            "v.cuenta_id = :cuenta_id",
            self._tras("v.", nula, despues),
            *self._indice,
            *_de_v(self._fila),
        ]
        # One statement, because finding is the dear part: whoever has no hit still answers how many there were.
        sql = (
            f"WITH h AS MATERIALIZED ({origen}), n AS MATERIALIZED (SELECT count(*) AS contadas FROM h),"
            f" f AS (SELECT v.cliente_id, v.{clave} AS clave, v.saldo_timbres, v.saldo_puntos, v.ultima_compra"
            f" FROM h JOIN cartera v ON v.cliente_id = h.cliente_id WHERE {' AND '.join(condiciones)}"
            f" ORDER BY {self._por('v.')} LIMIT :limite)"
            f" SELECT n.contadas, f.* FROM n LEFT JOIN f ON true ORDER BY {self._por('f.', 'clave')}"
        )
        valores = {"todos": _TODOS, "limite": limite, **self._desde(despues)}
        filas = self._session.execute(text(sql), {**self._valores, **valores}).all()
        if filas[0].contadas >= _TODOS:
            return None
        return [_fila(r) for r in filas if r.cliente_id is not None]

    def _por_trigramas(self) -> list[str]:
        """The words as conditions, of which the index is asked only for the rarest trigrams of each."""
        palabras = [str(self._valores[f"p{n}"]) for n in range(len(self._texto))]
        if all(len(palabra.strip("% ")) <= _TRIGRAMAS + 2 for palabra in palabras):
            return self._texto
        valores = {**self._valores, "muestra": _MUESTRA, "trigramas": list(self._trigramas)}
        raros = list(self._session.scalars(_RAROS, valores))
        # Of each word, because those of one word come together and tell nothing of the others.
        elegidos = {g for palabra in palabras for g in [g for g in raros if g in palabra][:_TRIGRAMAS]}
        condiciones = []
        for n, trigrama in enumerate(sorted(elegidos)):
            self._valores[f"g{n}"] = f"%{trigrama}%"
            condiciones.append(f"t.texto LIKE :g{n}")
        # With something appended the text is no longer what is indexed: these are looked at row by row.
        return condiciones + [c.replace("t.texto", "(t.texto || '')") for c in self._texto]

    def _donde(self, nula: bool, despues: Lugar | None) -> str:
        return f"cuenta_id = :cuenta_id AND {self._tras('', nula, despues)}"

    def _tras(self, de: str, nula: bool, despues: Lugar | None) -> str:
        clave, signo = f"{de}{self._orden.clave}", "<" if self._orden.descendente else ">"
        if nula:
            return f"{clave} IS NULL" + (f" AND {de}cliente_id {signo} :tras_id" if despues else "")
        if despues is None:
            return f"{clave} IS NOT NULL"
        return f"({clave}, {de}cliente_id) {signo} (:tras_clave, :tras_id)"

    def _desde(self, despues: Lugar | None) -> dict[str, Any]:
        if despues is None:
            return {}
        valores: dict[str, Any] = {"tras_id": despues.cliente_id}
        return valores if despues.clave is None else {**valores, "tras_clave": despues.clave}

    def _por(self, de: str, clave: str | None = None) -> str:
        sentido = " DESC" if self._orden.descendente else ""
        return f"{de}{clave or self._orden.clave}{sentido}, {de}cliente_id{sentido}"

    def _filas(self, sql: str, valores: Mapping[str, Any]) -> list[FilaDeCartera]:
        return [_fila(r) for r in self._session.execute(text(sql), {**self._valores, **valores})]


def _fila(r: Any) -> FilaDeCartera:
    return FilaDeCartera(
        lugar=Lugar(r.clave, r.cliente_id),
        saldo_timbres=r.saldo_timbres,
        saldo_puntos=r.saldo_puntos,
        ultima_compra=r.ultima_compra,
    )


def _y(condiciones: Sequence[str]) -> str:
    return f" WHERE {' AND '.join(condiciones)}" if condiciones else ""


def _de_v(condiciones: Sequence[str]) -> list[str]:
    return [c.replace("k.", "v.", 1) for c in condiciones]
