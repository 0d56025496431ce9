"""SQL of imports: a piece of rows is written in as many statements as one row is."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import Any
from uuid import UUID

from sqlalchemy import select, text

from services.clientes.domain import ClienteGuardado
from services.clientes.domain.importaciones import ABANDONO, RETENCION, Importacion, Resultado
from services.clientes.models import Cliente
from services.clientes.repository.base import Base, tabla
from shared.pagination import Posicion

_VISTAS = ", ".join(campo.name for campo in fields(Importacion))
_COLUMNAS = ", ".join(columna.name for columna in tabla(Cliente).columns)
#: What an import may change of a cliente.
_EDITABLES = (
    "nombre", "nombre_comercial", "rfc", "telefono", "correo", "representante", "financiero", "tecnico", "notas",
    "precio_especifico", "regimen_fiscal", "uso_cfdi", "sitio_web", "domicilio", "otros", "favorito", "baja", "color",
)  # fmt: skip

_RECIBIR = text(
    "INSERT INTO importaciones (id, cuenta_id, actor, archivo, simular, actualizar, duplicados, columnas, filas, piezas)"
    " VALUES (:id, :cuenta_id, :actor, :archivo, :simular, :actualizar, :duplicados, CAST(:columnas AS text[]), :filas,"
    f" :piezas) RETURNING {_VISTAS}"
)
_EN_CURSO = text("SELECT count(*) FROM importaciones WHERE cuenta_id = :cuenta_id AND terminada_en IS NULL")
_OLVIDAR_FILAS = text(
    "DELETE FROM importaciones_filas WHERE importacion_id IN (SELECT id FROM importaciones WHERE cuenta_id = :cuenta_id"
    " AND terminada_en < now() - make_interval(days => :dias))"
)
_OLVIDAR = text(
    "DELETE FROM importaciones WHERE cuenta_id = :cuenta_id AND (terminada_en < now() - make_interval(days => :dias)"
    " OR (estado = 'recibiendo' AND creada_en < now() - make_interval(hours => :horas)))"
)
_PIEZA = text(
    "INSERT INTO importaciones_piezas (importacion_id, numero, cuenta_id, filas, contenido)"
    " VALUES (:id, :numero, :cuenta_id, :filas, :contenido) ON CONFLICT DO NOTHING"
)
_COMPLETAR = text(
    "UPDATE importaciones i SET estado = 'recibida', turno = now() FROM (SELECT count(*) AS piezas, sum(filas) AS filas"
    " FROM importaciones_piezas WHERE importacion_id = :id) p"
    " WHERE i.id = :id AND i.estado = 'recibiendo' AND p.piezas = i.piezas AND p.filas = i.filas"
)
_TOMAR = text(
    f"SELECT {_VISTAS} FROM importaciones WHERE estado IN ('recibida', 'trabajando') AND turno <= now()"
    " ORDER BY turno LIMIT 1 FOR UPDATE SKIP LOCKED"
)
_LEER_PIEZA = text(
    "SELECT contenido FROM importaciones_piezas WHERE importacion_id = :id AND numero = :numero"
)
_POSPONER = text("UPDATE importaciones SET turno = now() + make_interval(secs => :segundos) WHERE id = :id")
_AVANZAR = text(
    "UPDATE importaciones SET estado = CAST(:estado AS text), piezas_hechas = piezas_hechas + 1,"
    " creadas = creadas + :creado,"
    " actualizadas = actualizadas + :actualizado, sin_cambios = sin_cambios + :sin_cambios,"
    " omitidas = omitidas + :omitido, rechazadas = rechazadas + :rechazado, turno = clock_timestamp(),"
    " iniciada_en = coalesce(iniciada_en, now()),"
    " terminada_en = CASE WHEN CAST(:estado AS text) <> 'trabajando' THEN clock_timestamp() END WHERE id = :id"
)
_BORRAR_PIEZA = text("DELETE FROM importaciones_piezas WHERE importacion_id = :id AND numero = :numero")
_BORRAR_PIEZAS = text("DELETE FROM importaciones_piezas WHERE importacion_id = :id")
_CANCELAR = text(
    "UPDATE importaciones SET estado = 'cancelada', motivo = :motivo, terminada_en = clock_timestamp()"
    f" WHERE id = :id AND terminada_en IS NULL RETURNING {_VISTAS}"
)
_NICS = text("SELECT nextval('nic') FROM generate_series(1, CAST(:cuantos AS integer))")
_CREAR = text(
    f"INSERT INTO clientes ({_COLUMNAS}) SELECT {_COLUMNAS} FROM jsonb_populate_recordset(NULL::clientes,"
    " CAST(:filas AS jsonb))"
)
_CAMBIAR = text(
    "UPDATE clientes c SET "
    + ", ".join(f"{campo} = n.{campo}" for campo in _EDITABLES)
    + ", version = c.version + 1"
    " FROM jsonb_populate_recordset(NULL::clientes, CAST(:filas AS jsonb)) n WHERE c.cliente_id = n.cliente_id"
)
_RFCS = text(
    "SELECT rfc, array_agg(nic ORDER BY nic) FROM clientes WHERE cuenta_id = :cuenta_id"
    " AND rfc = ANY(CAST(:rfcs AS text[])) GROUP BY rfc"
)
_LINEAS_DE_RFC = text(
    "SELECT rfc, min(linea) AS linea FROM importaciones_filas WHERE importacion_id = :id"
    " AND rfc = ANY(CAST(:rfcs AS text[])) AND rfc IS NOT NULL AND resultado <> 'rechazado' GROUP BY rfc"
)
_LINEAS_DE_NIC = text(
    "SELECT nic, min(linea) AS linea FROM importaciones_filas WHERE importacion_id = :id"
    " AND nic = ANY(CAST(:nics AS bigint[])) AND nic IS NOT NULL AND resultado <> 'rechazado' GROUP BY nic"
)
_RESULTADOS = text(
    "INSERT INTO importaciones_filas (importacion_id, cuenta_id, linea, resultado, nic, rfc, columna, mensaje,"
    " advertencia)"
    " SELECT :id, :cuenta_id, t.* FROM unnest(CAST(:lineas AS integer[]), CAST(:resultados AS text[]),"
    " CAST(:nics AS bigint[]), CAST(:rfcs AS text[]), CAST(:columnas AS text[]), CAST(:mensajes AS text[]),"
    " CAST(:advertencias AS text[])) t"
)


class Importaciones(Base):
    """Imports, their pieces and what became of each row."""

    def recibir_importacion(self, valores: dict[str, Any]) -> Importacion:
        """Announce one; its pieces follow."""
        return Importacion(*self.session.execute(_RECIBIR, valores).one())

    def importaciones_en_curso(self, cuenta_id: UUID) -> int:
        """Imports of a CM that have not ended."""
        return int(self.session.execute(_EN_CURSO, {"cuenta_id": cuenta_id}).scalar_one())

    def olvidar_importaciones(self, cuenta_id: UUID) -> None:
        """Remove a CM's reports of long ago, and the files that never came whole."""
        self.session.execute(_OLVIDAR_FILAS, {"cuenta_id": cuenta_id, "dias": RETENCION})
        self.session.execute(_OLVIDAR, {"cuenta_id": cuenta_id, "dias": RETENCION, "horas": ABANDONO})

    def importacion(
        self, cuenta_id: UUID, importacion_id: UUID, *, bloquear: bool = False
    ) -> Importacion | None:
        """One of this CM; None if it is not there or is someone else's."""
        fila = self.session.execute(
            text(
                f"SELECT {_VISTAS} FROM importaciones WHERE id = :id AND cuenta_id = :cuenta_id"
                + (" FOR UPDATE" if bloquear else "")
            ),
            {"id": importacion_id, "cuenta_id": cuenta_id},
        ).first()
        return Importacion(*fila) if fila else None

    def importaciones(self, cuenta_id: UUID, desde: Posicion | None, limite: int) -> list[Importacion]:
        """Imports of a CM after a position, newest first."""
        valores: dict[str, Any] = {"cuenta_id": cuenta_id, "limite": limite}
        filtro = ""
        if desde is not None:
            filtro = " AND (creada_en, id) < (:en, :despues)"
            valores |= {"en": desde.en, "despues": desde.id}
        filas = self.session.execute(
            text(
                f"SELECT {_VISTAS} FROM importaciones WHERE cuenta_id = :cuenta_id{filtro}"
                " ORDER BY creada_en DESC, id DESC LIMIT :limite"
            ),
            valores,
        )
        return [Importacion(*fila) for fila in filas]

    def recibir_pieza(self, imp: Importacion, numero: int, filas: int, contenido: str) -> None:
        """Keep rows; with the last piece the import waits to be worked on."""
        self.session.execute(
            _PIEZA,
            {
                "id": imp.id,
                "numero": numero,
                "cuenta_id": imp.cuenta_id,
                "filas": filas,
                "contenido": contenido,
            },
        )
        self.session.execute(_COMPLETAR, {"id": imp.id})

    def tomar_importacion(self) -> Importacion | None:
        """Lock the one whose turn it is, if any; no two workers take the same."""
        fila = self.session.execute(_TOMAR).first()
        return Importacion(*fila) if fila else None

    def pieza(self, importacion_id: UUID, numero: int) -> str:
        """The rows of a piece, as they came."""
        return str(self.session.execute(_LEER_PIEZA, {"id": importacion_id, "numero": numero}).scalar_one())

    def posponer_importacion(self, importacion_id: UUID, segundos: float) -> None:
        """Something went wrong with it: let others have their turn first."""
        self.session.execute(_POSPONER, {"id": importacion_id, "segundos": segundos})

    def avanzar_importacion(self, imp: Importacion, cuantas: dict[str, int], estado: str) -> None:
        """Count the rows of the next piece, and forget them."""
        self.session.execute(_AVANZAR, {"id": imp.id, "estado": estado, **cuantas})
        self.session.execute(_BORRAR_PIEZA, {"id": imp.id, "numero": imp.piezas_hechas + 1})

    def cancelar_importacion(self, importacion_id: UUID, motivo: str) -> Importacion | None:
        """End a locked import where it is; None when it had ended."""
        fila = self.session.execute(_CANCELAR, {"id": importacion_id, "motivo": motivo}).first()
        if fila is None:
            return None
        self.session.execute(_BORRAR_PIEZAS, {"id": importacion_id})
        return Importacion(*fila)

    def nics_por_rfc(self, cuenta_id: UUID, rfcs: Sequence[str]) -> dict[str, list[int]]:
        """Which clientes of this CM have these RFC."""
        filas = self.session.execute(_RFCS, {"cuenta_id": cuenta_id, "rfcs": list(rfcs)})
        return {rfc: list(nics) for rfc, nics in filas}

    def lineas_anteriores(
        self, importacion_id: UUID, rfcs: Sequence[str], nics: Sequence[int]
    ) -> tuple[dict[str, int], dict[int, int]]:
        """The first line of this file that had each of these RFC and NIC."""
        por_rfc = self.session.execute(_LINEAS_DE_RFC, {"id": importacion_id, "rfcs": list(rfcs)})
        por_nic = self.session.execute(_LINEAS_DE_NIC, {"id": importacion_id, "nics": list(nics)})
        return {f.rfc: f.linea for f in por_rfc}, {f.nic: f.linea for f in por_nic}

    def leer_clientes(self, cuenta_id: UUID, nics: Iterable[int]) -> list[ClienteGuardado]:
        """As `tomar_clientes`, without locking."""
        consulta = select(tabla(Cliente)).where(Cliente.cuenta_id == cuenta_id, Cliente.nic.in_(sorted(nics)))
        return [ClienteGuardado(**fila._mapping) for fila in self.session.execute(consulta)]

    def nuevos_nics(self, cuantos: int) -> list[int]:
        """The next NIC. A rolled back transaction leaves gaps, which are no harm."""
        return [int(nic) for nic in self.session.execute(_NICS, {"cuantos": cuantos}).scalars()]

    def agregar_clientes(self, clientes: Sequence[ClienteGuardado]) -> None:
        """Many new clientes in one statement."""
        self.session.execute(_CREAR, {"filas": _json(clientes)})

    def cambiar_clientes(self, clientes: Sequence[ClienteGuardado]) -> None:
        """The form and labels of many locked clientes, in one statement; their versions rise."""
        self.session.execute(_CAMBIAR, {"filas": _json(clientes)})

    def anotar_filas(self, imp: Importacion, resultados: Sequence[Resultado]) -> None:
        """Keep what became of the rows of a piece."""
        self.session.execute(
            _RESULTADOS,
            {
                "id": imp.id,
                "cuenta_id": imp.cuenta_id,
                "lineas": [r.linea for r in resultados],
                "resultados": [r.resultado for r in resultados],
                "nics": [r.nic for r in resultados],
                "rfcs": [r.rfc for r in resultados],
                "columnas": [r.columna for r in resultados],
                "mensajes": [r.mensaje for r in resultados],
                "advertencias": [r.advertencia for r in resultados],
            },
        )

    def filas_de_importacion(
        self, importacion_id: UUID, resultado: str | None, despues: int, limite: int
    ) -> list[Any]:
        """(linea, resultado, nic, columna, mensaje, advertencia) of rows after a line, in order."""
        filtro = " AND resultado = :resultado" if resultado is not None else ""
        return list(
            self.session.execute(
                text(
                    "SELECT linea, resultado, nic, columna, mensaje, advertencia FROM importaciones_filas"
                    f" WHERE importacion_id = :id AND linea > :despues{filtro} ORDER BY linea LIMIT :limite"
                ),
                {"id": importacion_id, "despues": despues, "limite": limite, "resultado": resultado},
            )
        )


def _json(clientes: Sequence[ClienteGuardado]) -> str:
    return json.dumps([cliente.__dict__ for cliente in clientes], default=str)
