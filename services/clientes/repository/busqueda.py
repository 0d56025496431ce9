"""SQL of one search of the cartera.

A page is found in `cartera`, in one of its indexes, and shown from `clientes`. Two ways, by how common the hits are:
- common: along the index of the order. The index itself tells who can't match (bits of trigrams, labels), so only
  the likely ones are read. A window of it is looked at before anything else.
- rare: all hits by the index of the text (or a label's, or a balance's), sorted. Bounded: more than `_TODOS` are not
  rare, and the walk goes on.
By name a name's first two words are left out of the text: names that begin alike are a range of the names' index. There
they are side by side and a walk might pass all others first, so the page begins with their ranges.
The planner could not choose: it knows nothing of how often an infix occurs in one CM.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from math import ceil
from typing import Any
from uuid import UUID

from sqlalchemy import text

from services.clientes.domain.cartera import FilaDeCartera, Filtros, Lugar, Orden

#: Entries of the order's index looked at first, and the hits in them from which walking on is surely cheaper than
#: finding and sorting all (by name, where hits stand together, as many tell less of what follows); all entries that are
#: left.
_VENTANA = 1_000
_BASTANTES = 3
_BASTANTES_JUNTAS = 6
_RESTO = 2**31
#: Of a word's trigrams so many are asked of the index (one in three, if more; of several words, that among them), the
#: rarest among so many clientes.
_TRIGRAMAS = 3
_MUESTRA = 200
#: Beginnings of names of which the ranges are read in one statement. Any of them may fill the page.
_INICIOS = 8
#: Hits that are still sorted all. At a million clientes so many cost as much as the walk to a page of them.
_TODOS = 1_500
#: With so many hits among them there are too many to sort.
_COMUN = 3
#: The index reads the list of each trigram that it is asked for: of a mail's twenty the common ones cost the most and
#: tell the least. How common, a few clientes of the CM tell, always the same ones, whose pages are at hand.
_MUESTREO = (
    "WITH m AS MATERIALIZED (SELECT t.inicio, t.resto FROM cartera_texto t WHERE t.cuenta_id = :cuenta_id"
    " ORDER BY t.cliente_id LIMIT :muestra)"
    " SELECT g.g, (SELECT count(*) FROM m t WHERE {}) AS halladas FROM unnest(CAST(:trigramas AS text[])) g(g)"
    " ORDER BY (SELECT count(*) FROM m t WHERE strpos({}, g.g) > 0), g.g"
)
#: Part of all clientes from which a CM's own list in the index of the text costs more than the hits of others do.
_GRANDE = 0.1
_PARTE = text(
    "SELECT coalesce(sum(f), 0) AS parte, (SELECT tableoid::regclass::text FROM cartera_texto WHERE cuenta_id = :cuenta_id"
    " ORDER BY cliente_id LIMIT 1) AS tabla"
    " FROM pg_stats s, unnest(s.most_common_vals::text::uuid[], s.most_common_freqs) m(v, f)"
    " WHERE s.schemaname = 'public' AND s.tablename = 'cartera' AND s.attname = 'cuenta_id' AND v = :cuenta_id"
)
_ENTERO = "(' ' || t.inicio || t.resto)"
_ANTES = "({0}nombre, {0}cliente_id) <= (:hasta_clave, :hasta_id)"
_SOMBRA = ("b1", "b2", "b3", "b4", "favorito", "baja", "color")


class Consulta:
    """One search: its conditions as SQL, and the ways to its hits."""

    def __init__(self, session: Any, cuenta_id: UUID, orden: Orden, filtros: Filtros) -> None:
        self._session = session
        self._orden = orden
        #: Where words are looked for by an index.
        self._texto = "t.resto" if orden.clave == "nombre" else _ENTERO
        self._valores: dict[str, Any] = {"cuenta_id": cuenta_id}
        self._indice: list[str] = []
        self._fila: list[str] = []
        self._patrones: list[str] = []
        self._trigramas: tuple[str, ...] = ()
        self._raros: list[str] = []
        self._etiquetas(filtros)
        self._palabras(filtros)
        for campo, (desde, hasta) in (("saldo_timbres", filtros.timbres), ("saldo_puntos", filtros.puntos)):
            for valor, signo in ((desde, ">="), (hasta, "<=")):
                if valor is not None:
                    nombre = f"v{len(self._valores)}"
                    self._valores[nombre] = valor
                    self._fila.append(f"k.{campo} {signo} :{nombre}")
        #: Whether an index other than the order's and the text's finds hits.
        self._acotada = bool(self._fila or filtros.favorito or filtros.baja or filtros.color)

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
            self._patrones.append(patron)
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

    def pagina(self, despues: Lugar | None, limite: int) -> list[FilaDeCartera]:
        """The first hits after a place. Those without a key come last, and are walked apart."""
        filas: list[FilaDeCartera] = []
        for nula in (False, True) if self._orden.nula else (False,):
            if len(filas) == limite or (despues is not None and despues.clave is None and not nula):
                continue
            desde = despues if despues is not None and (despues.clave is None) == nula else None
            vistas, fin = self._mirar(nula, desde, limite - len(filas))
            filas += vistas
            if fin is None:
                continue
            bastantes = _BASTANTES_JUNTAS if self._orden.clave == "nombre" else _BASTANTES
            if len(vistas) < bastantes and (self._por_texto or self._acotada):
                if self._por_texto and self._orden.clave == "nombre":
                    return filas + self._por_nombre(fin, limite - len(filas))
                todas = self._todos(despues, None, limite)
                if todas is not None:
                    return todas
            # Too many to sort: the walk ends by itself where the page is full.
            filas += self._recorrer(nula, fin, limite - len(filas))
        return filas

    def _por_nombre(self, despues: Lugar, limite: int) -> list[FilaDeCartera]:
        """The first hits by name: those that begin with what is looked for, and up to the last of them the others."""
        juntas = self._por_inicios(despues, limite)
        hasta = juntas[-1].lugar if len(juntas) == limite else None
        otras = self._todos(despues, hasta, limite)
        if otras is None:
            otras = self._recorrer(False, despues, limite, hasta)
        unas = {f.lugar.cliente_id: f for f in (*juntas, *otras)}.values()
        return sorted(unas, key=lambda f: (f.lugar.clave, f.lugar.cliente_id))[:limite]

    def _mirar(
        self, nula: bool, despues: Lugar | None, limite: int
    ) -> tuple[list[FilaDeCartera], Lugar | None]:
        """The hits in a window of the order's index, and the last entry of it: None when the page is full, or the index
        ends in it."""
        # One statement, because the entries move: one more or less before its end, and one would be missed or met twice.
        sql = (
            f"WITH v AS MATERIALIZED ({self._entradas(nula, despues, None)}),"
            f" h AS MATERIALIZED ({self._halladas('v')}),"
            " fin AS (SELECT v.cliente_id, v.clave FROM v WHERE (SELECT count(*) FROM h) < :limite"
            f" ORDER BY {self._por('v.', 'clave')} OFFSET :ventana - 1 LIMIT 1)"
            " SELECT h.cliente_id, h.clave, k.saldo_timbres, k.saldo_puntos, k.ultima_compra, false AS es_fin"
            " FROM h JOIN cartera k ON k.cliente_id = h.cliente_id"
            " UNION ALL SELECT cliente_id, clave, 0, 0, NULL, true FROM fin"
            f" ORDER BY es_fin, {self._por('', 'clave')}"
        )
        valores = {"ventana": _VENTANA, "limite": limite, **_lugares(despues, None)}
        filas = self._session.execute(text(sql), {**self._valores, **valores}).all()
        fin = filas.pop() if filas and filas[-1].es_fin else None
        return [_fila(r) for r in filas], None if fin is None else Lugar(fin.clave, fin.cliente_id)

    def _recorrer(
        self, nula: bool, despues: Lugar | None, limite: int, hasta: Lugar | None = None
    ) -> list[FilaDeCartera]:
        """The first hits along the order's index."""
        sql = (
            "SELECT v.cliente_id, v.clave, k.saldo_timbres, k.saldo_puntos, k.ultima_compra FROM"
            f" ({self._halladas(f'({self._entradas(nula, despues, hasta)})')}) v"
            f" JOIN cartera k ON k.cliente_id = v.cliente_id ORDER BY {self._por('v.', 'clave')}"
        )
        return self._filas(sql, {"ventana": _RESTO, "limite": limite, **_lugares(despues, hasta)})

    def _entradas(self, nula: bool, despues: Lugar | None, hasta: Lugar | None) -> str:
        """Entries of the order's index. The limit keeps the planner from another one."""
        return (
            f"SELECT cliente_id, {self._orden.clave} AS clave, {', '.join(_SOMBRA)} FROM cartera"
            f" WHERE {self._donde(nula, despues, hasta)} ORDER BY {self._por('')} LIMIT :ventana"
        )

    def _halladas(self, entradas: str) -> str:
        """Those of the entries that match, the first ones."""
        juntar = " JOIN cartera k ON k.cliente_id = v.cliente_id" if self._fila else ""
        return (
            f"SELECT v.cliente_id, v.clave FROM {entradas} v{juntar}{self._con_texto()}"
            f"{_y(self._indice + self._fila + self._en(_ENTERO))} ORDER BY {self._por('v.', 'clave')} LIMIT :limite"
        )

    def _por_inicios(self, despues: Lugar, limite: int) -> list[FilaDeCartera]:
        """The first by name of those that begin with something looked for."""
        inicios = self._session.execute(
            text(
                f"SELECT p.inicio, p.fin FROM cartera_inicios p WHERE {self._inicios()} AND p.fin > :tras_clave"
                " ORDER BY p.inicio"
            ),
            {**self._valores, **_lugares(despues, None)},
        ).all()
        # The place is no condition of the index: it would start from there, and pass all that come before the range.
        sql = (
            "SELECT v.cliente_id, v.clave, k.saldo_timbres, k.saldo_puntos, k.ultima_compra FROM"
            " (SELECT v.* FROM unnest(CAST(:inicios AS text[]), CAST(:fines AS text[])) p(inicio, fin), LATERAL"
            f" (SELECT v.cliente_id, v.nombre AS clave FROM cartera v{self._con_texto()}"
            " WHERE v.cuenta_id = :cuenta_id AND v.nombre >= greatest(p.inicio, :tras_clave) AND v.nombre < p.fin"
            " AND NOT (v.nombre = :tras_clave AND v.cliente_id <= :tras_id)"
            f"{_tambien(self._indice + _de_v(self._fila) + self._en(_ENTERO))}"
            f" ORDER BY v.nombre, v.cliente_id LIMIT :limite) v ORDER BY v.clave, v.cliente_id LIMIT :limite) v"
            " JOIN cartera k ON k.cliente_id = v.cliente_id ORDER BY v.clave, v.cliente_id"
        )
        filas: list[FilaDeCartera] = []
        # Names in order of their beginnings are in order.
        for n in range(0, len(inicios), _INICIOS):
            lote = inicios[n : n + _INICIOS]
            valores = {
                "inicios": [i.inicio for i in lote],
                "fines": [i.fin for i in lote],
                "limite": limite - len(filas),
                **_lugares(despues, None),
            }
            filas += self._filas(sql, valores)
            if len(filas) >= limite:
                break
        return filas

    def _todos(self, despues: Lugar | None, hasta: Lugar | None, limite: int) -> list[FilaDeCartera] | None:
        """The first of all hits, sorted; None when there are too many to sort.

        By name, without those that only begin with what is looked for: their ranges have been read.
        """
        if self._por_texto:
            de_donde, cuya = self._de_la_cuenta
            condicion = " AND ".join([cuya, *self._por_trigramas()])
            halladas = f"SELECT t.cliente_id FROM {de_donde} t WHERE {condicion}"
        else:
            etiquetas = _tambien(self._indice + _de_v(self._fila))
            halladas = f"SELECT v.cliente_id FROM cartera v WHERE v.cuenta_id = :cuenta_id{etiquetas}"
        clave = self._orden.clave
        condiciones = [
            "(SELECT contadas FROM n) < :todos",
            "v.cuenta_id = :cuenta_id",
            *self._tras_todo("v.", despues),
            *([_ANTES.format("v.")] if hasta else []),
            *self._indice,
            *_de_v(self._fila),
        ]
        # By a label words are only probable. They are looked at last, in order, until the page is full.
        texto = [] if self._por_texto else self._en(_ENTERO)
        # One statement, because finding is the dear part: whoever has no hit still answers how many there were.
        sql = (
            f"WITH h AS MATERIALIZED ({halladas} LIMIT :todos),"
            f" n AS MATERIALIZED (SELECT count(*) AS contadas FROM h),"
            f" f AS (SELECT v.* FROM (SELECT v.cliente_id, v.{clave} AS clave, v.saldo_timbres, v.saldo_puntos,"
            f" v.ultima_compra FROM h JOIN cartera v ON v.cliente_id = h.cliente_id WHERE {' AND '.join(condiciones)}"
            f" ORDER BY {self._por('v.', nulas=True)} OFFSET 0) v{self._con_texto() if texto else ''}{_y(texto)}"
            f" ORDER BY {self._por('v.', 'clave', nulas=True)} LIMIT :limite)"
            f" SELECT n.contadas, f.* FROM n LEFT JOIN f ON true ORDER BY {self._por('f.', 'clave', nulas=True)}"
        )
        valores = {"todos": _TODOS, "limite": limite, **_lugares(despues, hasta)}
        filas = self._session.execute(text(sql), {**self._valores, **valores}).all()
        if filas[0].contadas >= _TODOS:
            return None
        return [_fila(r) for r in filas if r.cliente_id is not None]

    def _con_texto(self) -> str:
        if not self._patrones:
            return ""
        return " JOIN cartera_texto t ON t.cuenta_id = :cuenta_id AND t.cliente_id = v.cliente_id"

    def _en(self, donde: str) -> list[str]:
        """That all words are there."""
        return [f"{donde} LIKE :p{n}" for n in range(len(self._patrones))]

    def _inicios(self) -> str:
        """Beginnings of names with something looked for in them."""
        algunos = []
        for n, patron in enumerate(self._patrones):
            algunos.append(f"p.inicio LIKE :p{n}")
            if patron.startswith("% "):
                self._valores[f"q{n}"] = patron.removeprefix("% ")
                algunos.append(f"p.inicio LIKE :q{n}")
        return f"p.cuenta_id = :cuenta_id AND ({' OR '.join(algunos)})"

    @cached_property
    def _de_la_cuenta(self) -> tuple[str, str]:
        """The table to look in, and the condition that a row of it is the CM's."""
        fila = self._session.execute(_PARTE, {"cuenta_id": self._valores["cuenta_id"]}).one()
        if fila.tabla is None or fila.parte < _GRANDE:
            return "cartera_texto", "t.cuenta_id = :cuenta_id"
        # No index is asked for what IS NOT DISTINCT; nor would the part be found by it.
        return fila.tabla, "t.cuenta_id IS NOT DISTINCT FROM :cuenta_id"

    @cached_property
    def _por_texto(self) -> bool:
        """Whether words are looked for that are not common: so say a few clientes (by name, leaving out what names begin
        with). Remembers which trigrams are rare among them."""
        if not self._patrones:
            return False
        valores = {**self._valores, "muestra": _MUESTRA, "trigramas": list(self._trigramas)}
        consulta = text(_MUESTREO.format(" AND ".join(self._en(self._texto)), self._texto))
        muestreo = self._session.execute(consulta, valores).all()
        self._raros = [fila.g for fila in muestreo]
        return all(fila.halladas < _COMUN for fila in muestreo)

    def _por_trigramas(self) -> list[str]:
        """The words as conditions, of which the index is asked only for the rarest trigrams of each."""
        condiciones = []
        for n, palabra in enumerate(self._patrones):
            raros = [g for g in self._raros if g in palabra]
            cuantos = max(_TRIGRAMAS, len(raros) // 3) / len(self._patrones)
            clara = _solo(palabra, raros[: ceil(cuantos)])
            self._valores[f"g{n}"] = clara
            condiciones.append(f"{self._texto} LIKE :g{n}")
            if clara != palabra:
                # With something appended the text is no longer what is indexed: this is looked at row by row.
                condiciones.append(f"({self._texto} || '') LIKE :p{n}")
        return condiciones

    def _donde(self, nula: bool, despues: Lugar | None, hasta: Lugar | None) -> str:
        antes = f" AND {_ANTES.format('')}" if hasta else ""
        return f"cuenta_id = :cuenta_id AND {self._tras('', nula, despues)}{antes}"

    def _tras(self, de: str, nula: bool, despues: Lugar | None) -> str:
        clave, signo = f"{de}{self._orden.clave}", "<" if self._orden.descendente else ">"
        if nula:
            return f"{clave} IS NULL" + (f" AND {de}cliente_id {signo} :tras_id" if despues else "")
        if despues is None:
            return f"{clave} IS NOT NULL"
        return f"({clave}, {de}cliente_id) {signo} (:tras_clave, :tras_id)"

    def _tras_todo(self, de: str, despues: Lugar | None) -> list[str]:
        """After a place, and those without a key after those that have one."""
        if despues is None:
            return []
        con_clave = despues.clave is not None
        sin_clave = f" OR {de}{self._orden.clave} IS NULL" if con_clave and self._orden.nula else ""
        return [f"({self._tras(de, not con_clave, despues)}{sin_clave})"]

    def _por(self, de: str, clave: str | None = None, *, nulas: bool = False) -> str:
        sentido = " DESC" if self._orden.descendente else ""
        ultimas = " NULLS LAST" if nulas and self._orden.nula else ""
        return f"{de}{clave or self._orden.clave}{sentido}{ultimas}, {de}cliente_id{sentido}"

    def _filas(self, sql: str, valores: Mapping[str, Any]) -> list[FilaDeCartera]:
        return [_fila(r) for r in self._session.execute(text(sql), {**self._valores, **valores})]


def _solo(palabra: str, trigramas: Sequence[str]) -> str:
    """A word's pattern with nothing of it but these trigrams, each in its place: the index looks for no others."""
    if not trigramas:
        return palabra
    dichas = {
        n
        for g in trigramas
        for m in re.finditer(f"(?={re.escape(g)})", palabra)
        for n in range(m.start(), m.start() + 3)
    }
    letras = re.finditer(r"\\?.", palabra, re.DOTALL)
    return "".join(m[0] if m[0] == "%" or m.start() in dichas else "_" for m in letras)


def _fila(r: Any) -> FilaDeCartera:
    return FilaDeCartera(
        lugar=Lugar(r.clave, r.cliente_id),
        saldo_timbres=r.saldo_timbres,
        saldo_puntos=r.saldo_puntos,
        ultima_compra=r.ultima_compra,
    )


def _lugares(despues: Lugar | None, hasta: Lugar | None) -> dict[str, Any]:
    valores: dict[str, Any] = {}
    if despues is not None:
        valores["tras_id"] = despues.cliente_id
        if despues.clave is not None:
            valores["tras_clave"] = despues.clave
    if hasta is not None:
        valores |= {"hasta_clave": hasta.clave, "hasta_id": hasta.cliente_id}
    return valores


def _y(condiciones: Sequence[str]) -> str:
    return f" WHERE {' AND '.join(condiciones)}" if condiciones else ""


def _tambien(condiciones: Sequence[str]) -> str:
    return "".join(f" AND {c}" for c in condiciones)


def _de_v(condiciones: Sequence[str]) -> list[str]:
    return [c.replace("k.", "v.", 1) for c in condiciones]
