"""Clientes as lines of a CSV: the columns, and how each is written and read. What is written reads back the same."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from services.clientes.domain import ficha
from services.clientes.domain.cartera import FilaDeCartera
from services.clientes.domain.catalogos import sin_acentos
from services.clientes.domain.clientes import ClienteGuardado, precio_unitario
from shared.money import unidades_a_puntos

ETIQUETAS = ("favorito", "baja", "color")
#: Shown, and never imported.
DE_CARTERA = ("saldo_timbres", "saldo_puntos", "ultima_compra")
DE_LECTURA = ("cti", "creado_en", "ultima_emision", *DE_CARTERA)
#: Column → field and part.
_CAMPOS: dict[str, tuple[str, str]] = {
    **{campo: (campo, "") for campo in (*ficha.SIMPLES, "otros", *ETIQUETAS)},
    **{parte: ("domicilio", parte) for parte in ficha.DE_DOMICILIO},
    **{f"{quien}_{parte}": (quien, parte) for quien in ficha.CONTACTOS for parte in ficha.DE_CONTACTO},
}
#: In the order of the file, less what other services told of the cliente.
SIN_CARTERA = (
    "nic", "cti", *(c for c in ficha.SIMPLES if c not in ("notas", "precio_especifico")), *ficha.DE_DOMICILIO,
    *(f"{quien}_{parte}" for quien in ficha.CONTACTOS for parte in ficha.DE_CONTACTO),
    "precio_especifico", "notas", "otros", *ETIQUETAS, "creado_en", "ultima_emision",
)  # fmt: skip
COLUMNAS = (*SIN_CARTERA, *DE_CARTERA)
#: What a spreadsheet would run as a formula; an apostrophe before it makes it text, and one before an apostrophe
#: lets both be told apart.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "'")
_SI = frozenset({"si", "s", "true", "verdadero", "1", "x"})
_NO = frozenset({"no", "n", "false", "falso", "0", ""})


@dataclass(frozen=True, slots=True)
class FilaLeida:
    """A line as understood. `vaciar`: fields and parts whose cell is there and empty; `errores`: by column."""

    linea: int
    nic: int | None = None
    datos: dict[str, Any] = field(default_factory=dict)
    etiquetas: dict[str, Any] = field(default_factory=dict)
    vaciar: list[str] = field(default_factory=list)
    errores: dict[str, str] = field(default_factory=dict)


def columna_de(campo: str) -> str:
    """The column of a field of the form (`representante.correo` → `representante_correo`)."""
    nombre, _, parte = campo.partition(".")
    if not parte:
        return nombre
    return parte if nombre == "domicilio" else f"{nombre}_{parte}"


def escribir(
    clientes: Iterable[tuple[ClienteGuardado, FilaDeCartera]], cuales: Sequence[str] = COLUMNAS
) -> str:
    """Lines of these clientes, without the header."""
    salida = io.StringIO()
    csv.writer(salida).writerows(
        [_celda(_de_cartera(fila, c) if c in DE_CARTERA else _valor(cliente, c)) for c in cuales]
        for cliente, fila in clientes
    )
    return salida.getvalue()


def leer(columnas: Sequence[str], filas: Iterable[Sequence[Any]]) -> list[FilaLeida]:
    """Rows `[linea, celda, …]` as forms that were checked; each mistake stays with its row."""
    return [_leer_fila(columnas, fila) for fila in filas]


def _leer_fila(columnas: Sequence[str], fila: Sequence[Any]) -> FilaLeida:
    leida = FilaLeida(linea=int(fila[0]))
    if len(fila) != len(columnas) + 1:
        leida.errores["fila"] = f"Trae {len(fila) - 1} columnas en lugar de {len(columnas)}."
        return leida
    dados: dict[str, Any] = {}
    nic: int | None = None
    for columna, cruda in zip(columnas, fila[1:], strict=True):
        celda = _sin_apostrofo(cruda.strip())
        if columna == "nic":
            nic = _nic(leida, celda)
        elif columna in _CAMPOS:
            _poner(leida, dados, columna, celda)
    revisada = ficha.revisar(dados)
    leida.errores.update({columna_de(campo): mensaje for campo, mensaje in revisada.errores.items()})
    return FilaLeida(leida.linea, nic, revisada.datos, leida.etiquetas, leida.vaciar, leida.errores)


def _poner(leida: FilaLeida, dados: dict[str, Any], columna: str, celda: str) -> None:
    campo, parte = _CAMPOS[columna]
    if campo in ETIQUETAS:
        leida.etiquetas[campo] = _etiqueta(leida, campo, celda)
    elif not celda:
        leida.vaciar.append(f"{campo}.{parte}" if parte else campo)
    elif parte:
        # A spreadsheet takes the code for a number, and drops its first zero.
        dados.setdefault(campo, {})[parte] = celda.zfill(5) if _codigo_sin_cero(columna, celda) else celda
    elif campo == "precio_especifico":
        dados[campo] = _precio(leida, celda)
    elif campo == "otros":
        dados[campo] = _otros(leida, celda)
    else:
        dados[campo] = celda


def _codigo_sin_cero(columna: str, celda: str) -> bool:
    return columna == "codigo_postal" and len(celda) == 4 and celda.isascii() and celda.isdigit()


def _nic(leida: FilaLeida, celda: str) -> int | None:
    if not celda:
        return None
    if not (celda.isascii() and celda.isdigit() and len(celda) <= 18):
        leida.errores["nic"] = "El NIC es un número, o se deja vacío para dar de alta al cliente."
        return None
    return int(celda)


def _etiqueta(leida: FilaLeida, campo: str, celda: str) -> Any:
    plano = sin_acentos(celda)
    if campo == "color":
        if plano and plano not in ficha.COLORES:
            leida.errores[campo] = f"El color debe ser uno de: {', '.join(ficha.COLORES)}; o vacío."
        return plano or None
    if plano not in _SI and plano not in _NO:
        leida.errores[campo] = "Escriba sí o no."
    return plano in _SI


def _precio(leida: FilaLeida, celda: str) -> Decimal | None:
    try:
        return Decimal(celda.removeprefix("$").strip())
    except InvalidOperation:
        leida.errores["precio_especifico"] = "Escriba el precio en pesos con punto decimal, por ejemplo 0.85."
        return None


def _otros(leida: FilaLeida, celda: str) -> dict[str, str] | None:
    """JSON as the export writes it, or `nombre: valor | nombre: valor` as a person does."""
    try:
        if celda.startswith("{"):
            datos = json.loads(celda)
            if all(isinstance(valor, str) for valor in datos.values()):
                return dict(datos)
        elif all(":" in dato for dato in celda.split("|")):
            return dict(dato.split(":", 1) for dato in celda.split("|"))
    except (ValueError, RecursionError):
        pass
    leida.errores["otros"] = "Escriba los datos adicionales como nombre: valor | nombre: valor."
    return None


def _de_cartera(fila: FilaDeCartera, columna: str) -> Any:
    return unidades_a_puntos(fila.saldo_puntos) if columna == "saldo_puntos" else getattr(fila, columna)


def _valor(cliente: ClienteGuardado, columna: str) -> Any:
    campo, parte = _CAMPOS.get(columna, (columna, ""))
    valor = getattr(cliente, campo)
    if parte:
        return (valor or {}).get(parte)
    if campo == "precio_especifico":
        return precio_unitario(valor)
    return json.dumps(valor, ensure_ascii=False) if campo == "otros" and valor else valor


def _celda(valor: Any) -> str:
    if valor is None:
        return ""
    if isinstance(valor, bool):
        return "sí" if valor else "no"
    if isinstance(valor, str):
        return f"'{valor}" if valor.startswith(_FORMULA) else valor
    return valor.isoformat() if hasattr(valor, "isoformat") else str(valor)


def _sin_apostrofo(celda: str) -> str:
    return celda[1:] if celda.startswith("'") and celda[1:].startswith(_FORMULA) else celda
