"""SQL of a distributor's life: its alta, its states with their history, its parent's lists, what time brings about."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import and_, exists, or_, select, text

from services.clientes.domain.cuentas import CuentaGuardada
from services.clientes.domain.distribuidores import (
    Accion,
    Cambio,
    CambioGuardado,
    Correccion,
    FilaDistribuidor,
)
from services.clientes.domain.perfiles import PerfilGuardado
from services.clientes.models import CuentaMaestra, Perfil, Usuario
from services.clientes.repository.base import Base, tabla

_COLUMNAS = ", ".join(c.name for c in tabla(CuentaMaestra).columns)
#: The state and the version are the arbiter: of two who saw the same, one changes it.
_CAMBIAR = text(
    "UPDATE cuentas_maestras SET estado = :a, version = version + 1, confirmar_antes_de = NULL,"
    " estado_desde = CASE WHEN estado = :a THEN estado_desde ELSE :en END,"
    " vence_en = coalesce(:vence_en, vence_en), proximo_aviso = :proximo_aviso"
    f" WHERE cuenta_id = :cuenta_id AND estado = :de AND version = :version RETURNING {_COLUMNAS}"
)
_ANOTAR = text(
    "INSERT INTO estados_de_cuenta_maestra (cuenta_id, accion, de, a, quien, actor, motivo, en)"
    " VALUES (:cuenta_id, :accion, :de, :a, :quien, :actor, :motivo, :en)"
)
_CAMBIAR_VARIAS = text(
    "WITH cambiadas AS (UPDATE cuentas_maestras SET estado = :a, estado_desde = :en, version = version + 1,"
    " confirmar_antes_de = NULL, proximo_aviso = NULL WHERE cuenta_id = ANY(:ids) AND estado = :de"
    f" RETURNING {_COLUMNAS}), anotadas AS (INSERT INTO estados_de_cuenta_maestra"
    " (cuenta_id, accion, de, a, quien, motivo, en) SELECT cuenta_id, :accion, :de, :a, 'sistema', :motivo, :en"
    " FROM cambiadas) SELECT * FROM cambiadas"
)
#: Rows of one kind that are due, locked; what another replica holds is its business.
_DEBIDAS = f"SELECT {_COLUMNAS} FROM cuentas_maestras WHERE {{cual}} ORDER BY {{orden}} LIMIT :limite FOR UPDATE SKIP LOCKED"
_POR_VENCER = text(_DEBIDAS.format(cual="estado = 'activo' AND vence_en < :corte", orden="vence_en"))
_POR_AVISAR = text(_DEBIDAS.format(cual="proximo_aviso <= :corte", orden="proximo_aviso"))
#: One that was converted has its cliente inside, and its CTI: only its parent cancels it.
_POR_CADUCAR = text(
    _DEBIDAS.format(
        cual="estado = 'sin_validar' AND confirmar_antes_de < :corte AND origen <> 'conversion'",
        orden="confirmar_antes_de",
    )
)
_POR_ELIMINAR = text(
    _DEBIDAS.format(cual="estado = 'cancelado' AND estado_desde < :corte", orden="estado_desde")
)
_PONER_AVISO = text(
    "UPDATE cuentas_maestras c SET proximo_aviso = u.proximo"
    " FROM unnest(CAST(:ids AS uuid[]), CAST(:proximos AS timestamptz[])) u(id, proximo) WHERE c.cuenta_id = u.id"
)
_REENVIAR = text(
    "UPDATE cuentas_maestras SET confirmar_antes_de = :hasta, version = version + 1,"
    " correo = coalesce(:correo, correo), movil = coalesce(:movil, movil),"
    " titular_nombre = coalesce(:titular_nombre, titular_nombre)"
    f" WHERE cuenta_id = :cuenta_id AND estado = 'sin_validar' RETURNING {_COLUMNAS}"
)
_BORRAR_DATOS = text(
    "UPDATE cuentas_maestras SET nombre = 'Cuenta eliminada', rfc = NULL, correo = NULL, movil = NULL,"
    " titular_nombre = NULL WHERE cuenta_id = ANY(:ids)"
)
#: Told at its confirmation, at its conversion, or because it was born active.
_ANUNCIADAS = text(
    "SELECT cuenta_id FROM cuentas_maestras c WHERE cuenta_id = ANY(:ids) AND (origen = 'conversion'"
    " OR EXISTS (SELECT FROM estados_de_cuenta_maestra e WHERE e.cuenta_id = c.cuenta_id"
    " AND e.a IN ('sin_activar', 'activo')))"
)
_BORRAR_USUARIOS = text("DELETE FROM usuarios WHERE cuenta_id = ANY(:ids)")
_CAPACIDAD = text(
    "INSERT INTO capacidades AS c (mkl_id, cuenta_id, producto, inicia_en, vence_en, precio_anual)"
    " VALUES (:mkl_id, :cuenta_id, :producto, :inicia_en, :vence_en, :precio_anual)"
    " ON CONFLICT (mkl_id) DO UPDATE SET vence_en = greatest(c.vence_en, excluded.vence_en)"
)
_TIENE = text(
    "SELECT EXISTS (SELECT FROM capacidades WHERE cuenta_id = :cuenta_id AND producto = :producto"
    " AND inicia_en <= :dia AND vence_en >= :dia)"
)
# In order of id, as whoever else locks several.
_TOMAR_VIVAS = text(
    f"SELECT {_COLUMNAS} FROM cuentas_maestras WHERE padre_id = :id AND estado NOT IN ('cancelado', 'eliminado')"
    " ORDER BY cuenta_id FOR UPDATE"
)
_ADOPTAR = text(
    "WITH adoptadas AS (UPDATE cuentas_maestras SET padre_id = :padre_id, version = version + 1"
    f" WHERE cuenta_id = ANY(:ids) RETURNING {_COLUMNAS}), anotadas AS (INSERT INTO estados_de_cuenta_maestra"
    " (cuenta_id, accion, de, a, quien, en) SELECT cuenta_id, 'adopcion', estado, estado, 'sistema', :en FROM adoptadas)"
    " SELECT * FROM adoptadas ORDER BY cuenta_id"
)
_EN_AMBOS_LADOS = text(
    "SELECT DISTINCT p.nombre FROM usuarios u JOIN usuarios h USING (perfil_id) JOIN perfiles p USING (perfil_id)"
    " WHERE u.cuenta_id = :padre_id AND h.cuenta_id = ANY(:ids) ORDER BY p.nombre"
)
_HISTORIA = text(
    "SELECT accion, nullif(de, '') AS de, a, quien, motivo, en FROM estados_de_cuenta_maestra"
    " WHERE cuenta_id = :id ORDER BY id DESC LIMIT :limite"
)
_RESUMEN = text(
    "SELECT estado, count(*) AS cuantas FROM cuentas_maestras WHERE padre_id = :id AND estado <> 'eliminado'"
    " GROUP BY estado"
)
_LISTA = (
    "SELECT c.cuenta_id, c.nombre, c.rfc, c.estado, c.estado_desde, c.vence_en, c.creado_en, c.origen,"
    " coalesce(p.correo, c.correo) AS correo, coalesce(p.movil, c.movil) AS movil,"
    " coalesce(p.nombre, c.titular_nombre) AS titular FROM cuentas_maestras c"
    " LEFT JOIN usuarios u ON u.cuenta_id = c.cuenta_id AND u.rol = 'titular'"
    " LEFT JOIN perfiles p ON p.perfil_id = u.perfil_id"
    " WHERE c.padre_id = :padre_id AND c.estado <> 'eliminado'"
)
_SIN_ACENTOS = "translate(lower({}), 'áéíóúüñ', 'aeiouun')"
#: Order → its key as text of one type, and how a page goes on after (key, id).
ORDENES: dict[str, tuple[str, str, str]] = {
    "nombre": ("lower(c.nombre)", "lower(c.nombre), c.cuenta_id", ">"),
    "vencimiento": (
        "coalesce(c.vence_en, 'infinity')",
        "coalesce(c.vence_en, 'infinity'), c.cuenta_id",
        ">",
    ),
    "recientes": ("c.creado_en", "c.creado_en DESC, c.cuenta_id DESC", "<"),
}
_TIPOS = {"nombre": "text", "vencimiento": "timestamptz", "recientes": "timestamptz"}


class Distribuidores(Base):
    """The tree from a parent's side, and the timers' side."""

    def cuenta_para_hijas(self, cuenta_id: UUID) -> CuentaGuardada | None:
        """A CM whose state can't change until this transaction ends, while others may open accounts under it too."""
        consulta = select(tabla(CuentaMaestra)).where(CuentaMaestra.cuenta_id == cuenta_id)
        return self.una(CuentaGuardada, consulta.with_for_update(read=True))

    def tomar_cuenta(self, cuenta_id: UUID) -> CuentaGuardada | None:
        """A CM that nobody else changes until this transaction ends."""
        consulta = select(tabla(CuentaMaestra)).where(CuentaMaestra.cuenta_id == cuenta_id)
        return self.una(CuentaGuardada, consulta.with_for_update())

    def tiene_capacidad(self, cuenta_id: UUID, producto: str, dia: date) -> bool:
        """A contract of the CM for that product is in force on that day."""
        return bool(self.session.scalar(_TIENE, {"cuenta_id": cuenta_id, "producto": producto, "dia": dia}))

    def poner_capacidad(
        self,
        *,
        mkl_id: UUID,
        cuenta_id: UUID,
        producto: str,
        inicia_en: date,
        vence_en: date,
        precio_anual: Any,
    ) -> None:
        """Note a contract, or that it was extended; an older word changes nothing."""
        self.session.execute(
            _CAPACIDAD,
            {
                "mkl_id": mkl_id, "cuenta_id": cuenta_id, "producto": producto, "inicia_en": inicia_en,
                "vence_en": vence_en, "precio_anual": precio_anual,
            },
        )  # fmt: skip

    def usuario_con_contacto(self, cuenta_id: UUID, correo: str, movil: str) -> bool:
        """Whether someone who administers the CM has that correo or that móvil."""
        consulta = exists().where(
            and_(
                Usuario.cuenta_id == cuenta_id,
                Usuario.perfil_id == Perfil.perfil_id,
                or_(Perfil.correo == correo, Perfil.movil == movil),
            )
        )
        return bool(self.session.scalar(select(consulta)))

    def perfil_confirmado(self, correo: str) -> PerfilGuardado | None:
        """The confirmed perfil with that correo, locked: nobody else decides on what it administers meanwhile."""
        consulta = select(tabla(Perfil)).where(
            Perfil.correo == correo, Perfil.confirmado_en.is_not(None), Perfil.suprimido_en.is_(None)
        )
        return self.una(PerfilGuardado, consulta.with_for_update())

    def titular_de(self, cuenta_id: UUID) -> PerfilGuardado | None:
        consulta = (
            select(tabla(Perfil))
            .join(Usuario, Usuario.perfil_id == Perfil.perfil_id)
            .where(Usuario.cuenta_id == cuenta_id, Usuario.rol == "titular")
        )
        return self.una(PerfilGuardado, consulta)

    def titulares_de(self, ids: Sequence[UUID]) -> dict[UUID, PerfilGuardado]:
        """The titular of each of these CMs that has one."""
        columnas = tabla(Perfil).columns
        filas = self.session.execute(
            select(Usuario.cuenta_id, *columnas)
            .join(Perfil, Usuario.perfil_id == Perfil.perfil_id)
            .where(Usuario.cuenta_id.in_(ids), Usuario.rol == "titular")
        )
        nombres = [x.name for x in columnas]
        return {fila[0]: PerfilGuardado(**dict(zip(nombres, fila[1:], strict=True))) for fila in filas}

    def cambiar_estado(
        self, cambio: Cambio, version: int, vence_en: datetime | None, proximo_aviso: datetime | None
    ) -> CuentaGuardada | None:
        """Make a transition and record it; None when the CM is not as it was read. `vence_en` None: as it is."""
        fila = self.session.execute(
            _CAMBIAR,
            {
                "cuenta_id": cambio.cuenta_id, "a": str(cambio.a), "de": str(cambio.de), "en": cambio.en,
                "version": version, "vence_en": vence_en, "proximo_aviso": proximo_aviso,
            },
        ).one_or_none()  # fmt: skip
        if fila is None:
            return None
        self.anotar_cambio(cambio)
        return CuentaGuardada(**fila._mapping)

    def anotar_cambio(self, cambio: Cambio) -> None:
        """A line of the history; `de` None at the alta."""
        self.session.execute(
            _ANOTAR,
            {
                "cuenta_id": cambio.cuenta_id, "accion": str(cambio.accion), "de": str(cambio.de or ""),
                "a": str(cambio.a), "quien": str(cambio.quien), "actor": cambio.actor, "motivo": cambio.motivo,
                "en": cambio.en,
            },
        )  # fmt: skip

    def cambiar_varias(
        self, ids: Sequence[UUID], accion: Accion, de: str, a: str, motivo: str | None, en: datetime
    ) -> list[CuentaGuardada]:
        """The same transition, by time, of several that the caller has locked."""
        filas = self.session.execute(
            _CAMBIAR_VARIAS,
            {
                "ids": list(ids),
                "accion": str(accion),
                "de": str(de),
                "a": str(a),
                "motivo": motivo,
                "en": en,
            },
        )
        return [CuentaGuardada(**f._mapping) for f in filas]

    def por_vencer(self, corte: datetime, limite: int) -> list[CuentaGuardada]:
        """Active ones whose `vence_en` is before `corte`, locked."""
        return self._debidas(_POR_VENCER, corte, limite)

    def por_avisar(self, corte: datetime, limite: int) -> list[CuentaGuardada]:
        """Those whose next notice is due, locked."""
        return self._debidas(_POR_AVISAR, corte, limite)

    def por_caducar(self, corte: datetime, limite: int) -> list[CuentaGuardada]:
        """Altas that nobody confirmed in time, locked."""
        return self._debidas(_POR_CADUCAR, corte, limite)

    def por_eliminar(self, corte: datetime, limite: int) -> list[CuentaGuardada]:
        """Those cancelled before `corte`, locked."""
        return self._debidas(_POR_ELIMINAR, corte, limite)

    def poner_avisos(self, proximos: Sequence[tuple[UUID, datetime | None]]) -> None:
        """(CM, when it is told next)."""
        self.session.execute(
            _PONER_AVISO, {"ids": [p[0] for p in proximos], "proximos": [p[1] for p in proximos]}
        )

    def alta_sin_validar(self, padre_id: UUID, correo: str) -> CuentaGuardada | None:
        """The alta of that correo under that parent which nobody has confirmed yet."""
        consulta = select(tabla(CuentaMaestra)).where(
            CuentaMaestra.padre_id == padre_id,
            CuentaMaestra.correo == correo,
            CuentaMaestra.estado == "sin_validar",
        )
        return self.una(CuentaGuardada, consulta)

    def reenviar_alta(
        self, cuenta_id: UUID, hasta: datetime, correccion: Correccion
    ) -> CuentaGuardada | None:
        """More time to confirm, by whom `correccion` says; None when it is not sin_validar any more."""
        datos = {"cuenta_id": cuenta_id, "hasta": hasta, **correccion.__dict__}
        fila = self.session.execute(_REENVIAR, datos).one_or_none()
        return None if fila is None else CuentaGuardada(**fila._mapping)

    def anunciadas(self, ids: Sequence[UUID]) -> set[UUID]:
        """Those of whom the other services were told that they exist (`contar_creada`)."""
        return set(self.session.scalars(_ANUNCIADAS, {"ids": list(ids)}))

    def borrar_datos(self, ids: Sequence[UUID]) -> None:
        """Personal data of CMs that are removed, and who administers them."""
        self.session.execute(_BORRAR_USUARIOS, {"ids": list(ids)})
        self.session.execute(_BORRAR_DATOS, {"ids": list(ids)})

    def tomar_hijas_vivas(self, cuenta_id: UUID) -> list[CuentaGuardada]:
        """Direct sub-distributors that are neither cancelled nor removed, locked."""
        return [CuentaGuardada(**f._mapping) for f in self.session.execute(_TOMAR_VIVAS, {"id": cuenta_id})]

    def adoptar(self, padre_id: UUID, ids: Sequence[UUID], en: datetime) -> list[CuentaGuardada]:
        """Give these, which the caller has locked, another parent, and note it in their history."""
        filas = self.session.execute(_ADOPTAR, {"padre_id": padre_id, "ids": list(ids), "en": en})
        return [CuentaGuardada(**f._mapping) for f in filas]

    def en_ambos_lados(self, padre_id: UUID, ids: Sequence[UUID]) -> list[str]:
        """Names of who administers a CM and one of these."""
        return list(self.session.scalars(_EN_AMBOS_LADOS, {"padre_id": padre_id, "ids": list(ids)}))

    def historia(self, cuenta_id: UUID, limite: int) -> list[CambioGuardado]:
        """What happened to a CM, the latest first."""
        filas = self.session.execute(_HISTORIA, {"id": cuenta_id, "limite": limite})
        return [CambioGuardado(**f._mapping) for f in filas]

    def resumen_de_hijas(self, padre_id: UUID) -> dict[str, int]:
        """State → how many direct sub-distributors are in it."""
        return {f.estado: f.cuantas for f in self.session.execute(_RESUMEN, {"id": padre_id})}

    def hija(self, padre_id: UUID, cuenta_id: UUID) -> FilaDistribuidor | None:
        """One line of the parent's list."""
        fila = self.session.execute(
            text(f"{_LISTA} AND c.cuenta_id = :id"), {"padre_id": padre_id, "id": cuenta_id}
        ).one_or_none()
        return None if fila is None else FilaDistribuidor(**fila._mapping)

    def pagina_de_hijas(
        self,
        padre_id: UUID,
        *,
        estado: str | None,
        q: str | None,
        orden: str,
        despues: tuple[str, UUID] | None,
        limite: int,
    ) -> list[FilaDistribuidor]:
        """Direct sub-distributors after (key of the order, id). `q` is part of the name or of the correo."""
        llave, por, signo = ORDENES[orden]
        sql, datos = _LISTA, {"padre_id": padre_id, "limite": limite}
        if estado is not None:
            sql += " AND c.estado = :estado"
            datos["estado"] = estado
        if q:
            buscado = _SIN_ACENTOS.format("c.nombre"), _SIN_ACENTOS.format(":q")
            sql += (
                f" AND (position({buscado[1]} in {buscado[0]}) > 0"
                " OR position(lower(:q) in coalesce(p.correo, c.correo, '')) > 0)"
            )
            datos["q"] = q
        if despues is not None:
            sql += f" AND ({llave}, c.cuenta_id) {signo} (CAST(:llave AS {_TIPOS[orden]}), :id)"
            datos |= {"llave": despues[0], "id": despues[1]}
        filas = self.session.execute(text(f"{sql} ORDER BY {por} LIMIT :limite"), datos)
        return [FilaDistribuidor(**f._mapping) for f in filas]

    def _debidas(self, sql: Any, corte: datetime, limite: int) -> list[CuentaGuardada]:
        filas = self.session.execute(sql, {"corte": corte, "limite": limite})
        return [CuentaGuardada(**f._mapping) for f in filas]
