"""The rows of a bulk transfer as they come: JSON or CSV, read strictly and fast into columns of text.

No marshmallow, whose 40 µs per row are 2 s of 50,000: whole columns are checked at once, and only when something
is not as it should be does a loop by hand look for the rows to name. It runs in a native thread when there is much
to read, so that the other requests go on. Nothing here needs the request or a database: whether a CTI exists, and
the stock, are the service's to say.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from shared.contracts.timbrado import (
    CANTIDAD_MAXIMA,
    COLUMNA_CANTIDADES,
    COLUMNA_CTIS,
    COLUMNA_IMPORTES,
    FILAS_MAXIMAS,
)
from shared.errors import Codigo, DomainError, campo_invalido
from shared.messaging.cpu import offload

CAMPOS = ("cti", "cantidad", "importe")
OPCIONES = ("todo_o_nada", "simular", "confirmar")
ERRORES_MOSTRADOS = 100
#: Bytes from which reading is worth a thread of its own.
_MUCHO = 64 * 1024

_cti = re.compile(r"[A-Za-z0-9._@-]{3,64}").fullmatch
_importe = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,2})?").fullmatch
_cantidad = re.compile(r"[0-9]{1,9}").fullmatch
_columna_ctis = re.compile(COLUMNA_CTIS).match
_columna_cantidades = re.compile(COLUMNA_CANTIDADES).match
_columna_importes = re.compile(COLUMNA_IMPORTES).match

_OBLIGATORIO = "Este campo es obligatorio."
_DESCONOCIDO = "Este campo no existe. Quítelo o revise cómo está escrito."
_MENSAJES = {
    "cti": "Escriba el identificador de la CTI: de 3 a 64 letras sin acento, números o . _ @ -",
    "cantidad": f"Escriba un número entero de 1 a {CANTIDAD_MAXIMA:,}, sin comas.",
    "importe": "Escriba el importe en pesos con punto y a lo más dos decimales, por ejemplo 1250.00.",
}


@dataclass(frozen=True, slots=True)
class Filas:
    """What was read: the columns of the contract, and the options that a JSON body brings along."""

    ctis: str
    cantidades: str
    importes: str
    opciones: dict[str, bool] = field(default_factory=dict)

    @property
    def columnas(self) -> dict[str, str]:
        """As the contract names them."""
        return {"ctis": self.ctis, "cantidades": self.cantidades, "importes": self.importes}


class _Errores:
    """Bad rows: the first are kept, all are counted."""

    def __init__(self) -> None:
        self.filas = 0
        self.lista: list[dict[str, object]] = []

    def anotar(self, fila: int, malos: dict[str, str]) -> None:
        self.filas += 1
        for campo, mensaje in malos.items():
            if len(self.lista) < ERRORES_MOSTRADOS:
                self.lista.append({"fila": fila, "campo": campo, "mensaje": mensaje})

    def levantar(self) -> None:
        """Raise `datos_invalidos` if any row is bad."""
        if self.filas:
            cuantas = "Una fila tiene" if self.filas == 1 else f"{self.filas:,} filas tienen"
            raise DomainError(
                Codigo.DATOS_INVALIDOS,
                f"{cuantas} datos no válidos; no se aplicó ninguna. Corríjalas y envíe de nuevo.",
                errores={"filas": [f"Fila {e['fila']}, {e['campo']}: {e['mensaje']}" for e in self.lista]},
                datos={"filas_invalidas": self.filas, "errores_por_fila": self.lista},
            )


def leer(cuerpo: bytes, es_csv: bool) -> Filas:
    """Rows of a request's body. Raises `datos_invalidos` listing the bad ones, each with its number from 1."""
    lector = _de_csv if es_csv else _de_json
    if len(cuerpo) < _MUCHO:
        return lector(cuerpo)
    filas: Filas = offload(lector, cuerpo)
    return filas


def _de_json(cuerpo: bytes) -> Filas:
    try:
        datos = orjson.loads(cuerpo)
    except orjson.JSONDecodeError:
        raise campo_invalido("cuerpo", "El cuerpo no se pudo leer: envíe JSON válido en UTF-8.") from None
    if not isinstance(datos, dict):
        raise campo_invalido("cuerpo", "El cuerpo debe ser un objeto JSON con la lista filas.")
    filas = datos.pop("filas", None)
    if not isinstance(filas, list):
        raise campo_invalido("filas", "Debe ser una lista de filas con cti, cantidad e importe.")
    opciones = _opciones(datos)
    _contar(len(filas))
    try:
        if set(map(len, filas)) == {len(CAMPOS)}:
            ctis, cantidades, importes = ([fila[campo] for fila in filas] for campo in CAMPOS)
            if set(map(type, cantidades)) == {int}:
                buenas = _de_un_golpe(ctis, cantidades, importes, opciones)
                if buenas:
                    return buenas
    except (KeyError, TypeError):
        pass
    return _de_una_en_una(filas, opciones)


def _de_un_golpe(
    ctis: Sequence[str], cantidades: Sequence[int], importes: Sequence[str], opciones: dict[str, bool]
) -> Filas | None:
    """The rows when all are good and their amounts have two decimals; None when they have to be looked at."""
    filas = Filas(",".join(ctis), ",".join(map(str, cantidades)), ",".join(importes), opciones)
    # An id or an amount with a comma in it would pass for two.
    buenas = (
        min(cantidades) >= 1
        and max(cantidades) <= CANTIDAD_MAXIMA
        and filas.ctis.count(",") == filas.importes.count(",") == len(ctis) - 1
        and _columna_ctis(filas.ctis)
        and _columna_importes(filas.importes)
    )
    return filas if buenas else None


def _de_una_en_una(filas: list[Any], opciones: dict[str, bool]) -> Filas:
    errores = _Errores()
    ctis: list[str] = []
    cantidades: list[int] = []
    importes: list[str] = []
    for fila in filas:
        malos = _revisar(fila)
        if malos:
            errores.anotar(len(ctis) + errores.filas + 1, malos)
            continue
        ctis.append(fila["cti"])
        cantidades.append(fila["cantidad"])
        importes.append(fila["importe"])
    errores.levantar()
    return _columnas(ctis, map(str, cantidades), importes, opciones)


def _revisar(fila: Any) -> dict[str, str] | None:
    """What is wrong with a row, by field; None when nothing is, which is told with the fewest steps."""
    try:
        cti, cantidad, importe = fila["cti"], fila["cantidad"], fila["importe"]
        if (
            len(fila) == 3
            and type(cantidad) is int
            and 1 <= cantidad <= CANTIDAD_MAXIMA
            and _cti(cti)
            and _importe(importe)
        ):
            return None
    except (KeyError, TypeError):
        pass
    if not isinstance(fila, dict):
        return {"fila": "La fila debe ser un objeto con cti, cantidad e importe."}
    malos = dict.fromkeys(sorted(set(fila).difference(CAMPOS)), _DESCONOCIDO)
    for campo in CAMPOS:
        if campo not in fila:
            malos[campo] = _OBLIGATORIO
        elif not _vale(campo, fila[campo]):
            malos[campo] = _MENSAJES[campo]
    return malos


def _vale(campo: str, valor: Any) -> bool:
    if campo == "cantidad":
        return type(valor) is int and 1 <= valor <= CANTIDAD_MAXIMA
    return isinstance(valor, str) and bool((_cti if campo == "cti" else _importe)(valor))


def _opciones(datos: dict[str, Any]) -> dict[str, bool]:
    ajenas = sorted(set(datos).difference(OPCIONES))
    malas = [nombre for nombre in OPCIONES if not isinstance(datos.get(nombre, False), bool)]
    if ajenas or malas:
        errores = {nombre: [_DESCONOCIDO] for nombre in ajenas} | {
            nombre: ["Debe ser true o false."] for nombre in malas
        }
        raise DomainError(
            Codigo.DATOS_INVALIDOS,
            "Algunos datos no son válidos. Corrija los campos señalados e intente de nuevo.",
            errores=errores,
        )
    return datos


def _de_csv(cuerpo: bytes) -> Filas:
    try:
        texto = cuerpo.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise campo_invalido(
            "cuerpo", "El CSV no está en UTF-8. Guárdelo como «CSV UTF-8» y envíelo de nuevo."
        ) from None
    cabecera = texto.partition("\n")[0]
    lector = csv.reader(
        io.StringIO(texto, newline=""), delimiter=";" if ";" in cabecera else ",", strict=True
    )
    try:
        titulos = [celda.strip().lower() for celda in next(lector, [])]
        if sorted(titulos) != sorted(CAMPOS):
            raise campo_invalido("cuerpo", "La primera línea del CSV debe ser: cti,cantidad,importe")
        return _de_celdas([fila for fila in lector if fila], [titulos.index(campo) for campo in CAMPOS])
    except csv.Error as exc:
        raise campo_invalido(
            "cuerpo",
            f"La línea {lector.line_num} del CSV no se pudo leer: revise sus comillas. ({exc})",
        ) from None


def _de_celdas(filas: list[list[str]], lugares: list[int]) -> Filas:
    _contar(len(filas))
    if set(map(len, filas)) == {len(CAMPOS)}:
        ctis, cantidades, importes = ([fila[lugar] for fila in filas] for lugar in lugares)
        # int() alone would take blanks, signs and the digits of other scripts.
        juntas = ",".join(cantidades)
        if juntas.count(",") == len(filas) - 1 and _columna_cantidades(juntas):
            buenas = _de_un_golpe(ctis, list(map(int, cantidades)), importes, {})
            if buenas:
                return buenas
    return _de_celdas_una_en_una(filas, lugares)


def _de_celdas_una_en_una(filas: list[list[str]], lugares: list[int]) -> Filas:
    errores = _Errores()
    ctis: list[str] = []
    cantidades: list[str] = []
    importes: list[str] = []
    a, b, c = lugares
    for celdas in filas:
        if len(celdas) != len(CAMPOS):
            errores.anotar(
                len(ctis) + errores.filas + 1,
                {"fila": f"Trae {len(celdas)} columnas en lugar de {len(CAMPOS)}."},
            )
            continue
        # Our own CSV puts an apostrophe before what a spreadsheet would take for a formula.
        cti, cantidad, importe = celdas[a].strip().lstrip("'"), celdas[b].strip(), celdas[c].strip()
        if _cti(cti) and _importe(importe) and _cantidad(cantidad) and 1 <= int(cantidad) <= CANTIDAD_MAXIMA:
            ctis.append(cti)
            cantidades.append(str(int(cantidad)))
            importes.append(importe)
        else:
            malos = _malas_celdas(cti, cantidad, importe)
            errores.anotar(len(ctis) + errores.filas + 1, malos)
    errores.levantar()
    return _columnas(ctis, cantidades, importes, {})


def _malas_celdas(cti: str, cantidad: str, importe: str) -> dict[str, str]:
    valores = {"cti": cti, "cantidad": int(cantidad) if _cantidad(cantidad) else 0, "importe": importe}
    return {campo: _MENSAJES[campo] for campo, valor in valores.items() if not _vale(campo, valor)}


def _contar(filas: int) -> None:
    if not filas:
        raise campo_invalido("filas", "Envíe al menos una fila.")
    if filas > FILAS_MAXIMAS:
        raise campo_invalido(
            "filas",
            f"Envíe como máximo {FILAS_MAXIMAS:,} filas por operación (llegaron {filas:,}); divida las demás en otra.",
        )


def _columnas(ctis: list[str], cantidades: Any, importes: list[str], opciones: dict[str, bool]) -> Filas:
    # One way of writing each amount, so that JSON and CSV of the same rows are the same content.
    enteros = [m if m[-3:-2] == "." else _dos_decimales(m) for m in importes]
    return Filas(",".join(ctis), ",".join(cantidades), ",".join(enteros), opciones)


def _dos_decimales(importe: str) -> str:
    entero, _, decimales = importe.partition(".")
    return f"{entero}.{decimales:0<2}"
