"""RPC of clientes: imports of clientes from a CSV of up to 100,000 rows, worked on in the background."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from marshmallow import validate

from shared.contracts.base import PeticionConClave, Rpc
from shared.contracts.clientes.campos import LIMITE, TEXTO, opcional

FILAS_DE_IMPORTACION = 100_000
#: Rows of a piece: what one transaction writes, and one message carries.
FILAS_DE_PIEZA = 500
CARACTERES_DE_PIEZA = 4 * 1024 * 1024
CARACTERES_DE_CELDA = 12_000
_DE_CONTACTO = ("nombre", "puesto", "correo", "telefono", "movil")
#: Columns of the file, as the export writes them. `COLUMNAS_DE_LECTURA` are shown and never imported.
COLUMNAS_DE_LECTURA = ("cti", "creado_en", "ultima_emision", "saldo_timbres", "saldo_puntos", "ultima_compra")
COLUMNAS_DE_CLIENTES = (
    "nic", "cti", "nombre", "nombre_comercial", "rfc", "regimen_fiscal", "uso_cfdi", "telefono", "correo",
    "sitio_web", "calle", "numero_exterior", "numero_interior", "colonia", "localidad", "municipio", "estado",
    "codigo_postal", *(f"{quien}_{dato}" for quien in ("representante", "financiero", "tecnico") for dato in _DE_CONTACTO),
    "precio_especifico", "notas", "otros", "favorito", "baja", "color", "creado_en", "ultima_emision",
    "saldo_timbres", "saldo_puntos", "ultima_compra",
)  # fmt: skip
DUPLICADOS = ("crear", "omitir", "actualizar")
ESTADOS_DE_IMPORTACION = (
    "recibiendo", "recibida", "trabajando", "terminada", "terminada_con_rechazos", "cancelada",
)  # fmt: skip
RESULTADOS_DE_FILA = ("creado", "actualizado", "sin_cambios", "omitido", "rechazado")


@dataclass(frozen=True, kw_only=True)
class RecibirImportacion(PeticionConClave):
    """Announce a file: its rows follow in `piezas`. `huella`: SHA-256 of the file, so that a key is of one file.

    `actualizar`: a row with the NIC of an own cliente updates it; without, it is refused. `duplicados`: what a row
    without NIC does whose RFC is already in the cartera or in an earlier row: crear (with a warning), omitir or
    actualizar that cliente. `simular`: the same report, and no cliente changes.
    """

    cuenta_id: UUID
    actor: UUID | None = None
    archivo: str | None = opcional(TEXTO)
    huella: str = field(metadata={"validate": validate.Regexp(r"[0-9a-f]{64}\Z")})
    columnas: list[str] = field(metadata={"validate": validate.ContainsOnly(COLUMNAS_DE_CLIENTES)})
    filas: int = field(
        metadata={
            "validate": validate.Range(
                min=1,
                max=FILAS_DE_IMPORTACION,
                error=f"El archivo debe traer de 1 a {FILAS_DE_IMPORTACION:,} filas.",
            )
        }
    )
    piezas: int = field(metadata={"validate": validate.Range(min=1, max=FILAS_DE_IMPORTACION)})
    simular: bool = False
    actualizar: bool = False
    duplicados: str = field(default="omitir", metadata={"validate": validate.OneOf(DUPLICADOS)})


@dataclass(frozen=True, kw_only=True)
class RecibirPieza(PeticionConClave):
    """Rows of an announced file: JSON `[[linea, celda, …], …]` in the order of its `columnas`. From 1."""

    cuenta_id: UUID
    importacion_id: UUID
    numero: int = field(metadata={"validate": validate.Range(min=1, max=FILAS_DE_IMPORTACION)})
    filas: int = field(metadata={"validate": validate.Range(min=1, max=FILAS_DE_PIEZA)})
    contenido: str = field(metadata={"validate": validate.Length(max=CARACTERES_DE_PIEZA)}, repr=False)


@dataclass(frozen=True, kw_only=True)
class Importacion:
    """An import, how far it is, and what became of its rows so far.

    `estado`: recibiendo, recibida, trabajando, terminada, terminada_con_rechazos or cancelada (what was done stays
    done; `motivo` says why). `nota` is the head of its report.
    """

    id: UUID
    archivo: str
    estado: str
    simular: bool
    actualizar: bool
    duplicados: str
    filas: int
    hechas: int
    porcentaje: int
    creadas: int
    actualizadas: int
    sin_cambios: int
    omitidas: int
    rechazadas: int
    motivo: str | None = None
    nota: str
    creada_en: datetime
    iniciada_en: datetime | None = None
    terminada_en: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class ListarImportaciones:
    """Imports of a CM, newest first."""

    cuenta_id: UUID
    limite: int = field(default=50, metadata={"validate": LIMITE})
    cursor: str | None = None


@dataclass(frozen=True, kw_only=True)
class PaginaImportaciones:
    datos: list[Importacion] = field(default_factory=list)
    siguiente: str | None = None


@dataclass(frozen=True, kw_only=True)
class ObtenerImportacion:
    cuenta_id: UUID
    importacion_id: UUID


@dataclass(frozen=True, kw_only=True)
class CancelarImportacion(PeticionConClave):
    """Stop an import; rows that were done stay done. One that ended stays as it is."""

    cuenta_id: UUID
    actor: UUID | None = None
    importacion_id: UUID


@dataclass(frozen=True, kw_only=True)
class FilaDeImportacion:
    """What became of a row. `linea` as an editor counts them; `columna` and `mensaje` say what is wrong with it,
    `advertencia` what was accepted and is likely a mistake; `nic` of the cliente that it made or changed."""

    linea: int
    resultado: str
    nic: int | None = None
    columna: str | None = None
    mensaje: str | None = None
    advertencia: str | None = None


@dataclass(frozen=True, kw_only=True)
class ListarFilasDeImportacion:
    """The report of an import in the order of the file: rows that were worked on."""

    cuenta_id: UUID
    importacion_id: UUID
    resultado: str | None = field(default=None, metadata={"validate": validate.OneOf(RESULTADOS_DE_FILA)})
    limite: int = field(default=50, metadata={"validate": LIMITE})
    cursor: str | None = None


@dataclass(frozen=True, kw_only=True)
class PaginaFilasDeImportacion:
    datos: list[FilaDeImportacion] = field(default_factory=list)
    siguiente: str | None = None


RECIBIR_IMPORTACION = Rpc("clientes", "recibir_importacion_v1", RecibirImportacion, Importacion, cambia=True)


RECIBIR_PIEZA = Rpc(
    "clientes",
    "recibir_pieza_v1",
    RecibirPieza,
    Importacion,
    cambia=True,
    sin_auditar="the import is; a piece is a part of its file",
)


CANCELAR_IMPORTACION = Rpc(
    "clientes", "cancelar_importacion_v1", CancelarImportacion, Importacion, cambia=True
)


LISTAR_IMPORTACIONES = Rpc("clientes", "listar_importaciones_v1", ListarImportaciones, PaginaImportaciones)


OBTENER_IMPORTACION = Rpc("clientes", "obtener_importacion_v1", ObtenerImportacion, Importacion)


LISTAR_FILAS_DE_IMPORTACION = Rpc(
    "clientes", "listar_filas_de_importacion_v1", ListarFilasDeImportacion, PaginaFilasDeImportacion
)
