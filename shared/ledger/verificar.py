"""Checks statements offline: `python3 verificar.py estado.json [siguiente.json …]`. Needs nothing but Python 3.9.

Each movement of an account is sealed with a hash over the seal before it and every field of the movement. This
program works every seal of a statement out again, from its opening to its closing one, adds the movements up, and
tells in Spanish what does not agree. Several statements of one account, given in order, must follow each other.

What it proves: that no line between the two seals was changed, added, taken out or moved. A statement made up from
beginning to end agrees with itself, so compare its closing seal with one that you know from elsewhere: the printed
statement, or the opening seal of a later one (`--cierre SELLO`). Exit code: 0 it agrees, 1 it does not, 2 not read.

This file is complete in itself, so that it can be handed to a stranger; a test proves that its rule is the ledger's
(`shared/ledger/domain.py`).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import sys
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

FORMATO = "cuenta-maestra/estado-de-cuenta/1"
GENESIS = "0" * 64
_SELLO = re.compile(r"[0-9a-f]{64}")
_MOMENTO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
#: More digits than any balance or link number has; Python refuses to read far longer ones.
_ENTERO_MAXIMO = 2**63


class NoEsUnEstado(Exception):
    """The file is not a statement that this program knows; the message says what lacks."""


def sello(anterior: str, cuenta: int, secuencia: int, saldo: int, m: dict[str, Any]) -> str:
    """Seal of one link, in hex: SHA-256 over the previous seal and every field, joined by the unit separator."""
    precio = m["importe"]
    campos = (
        anterior, cuenta, secuencia, saldo, m["id"], m["operacion"], m["origen"], m["destino"], m["cantidad"],
        m["motivo"], m["referencia"], "" if precio is None else f"{Decimal(precio):.2f}", m["creado_en"],
    )  # fmt: skip
    return hashlib.sha256("\x1f".join(str(c) for c in campos).encode()).hexdigest()


def verificar(estado: Any) -> list[str]:
    """Everything that does not agree in one statement, in Spanish; empty when all does. Raises NoEsUnEstado."""
    _revisar_forma(estado)
    cuenta, apertura, cierre = estado["cuenta"]["libro_id"], estado["apertura"], estado["cierre"]
    problemas: list[str] = []
    if apertura["secuencia"] == 0 and (apertura["saldo"], apertura["sello"]) != (0, GENESIS):
        problemas.append("Apertura: una cuenta empieza con saldo cero y sello en ceros, y esta no.")
    anterior, secuencia, saldo = apertura["sello"], apertura["secuencia"], apertura["saldo"]
    for n, m in enumerate(estado["movimientos"], 1):
        linea = f"Línea {n} (movimiento {m['id']}, {m['creado_en']})"
        secuencia, saldo = secuencia + 1, saldo + _cambio(cuenta, m)
        if m["secuencia"] != secuencia:
            problemas.append(
                f"{linea}: lleva el número {m['secuencia']} y le toca el {secuencia}; falta, sobra o se movió una línea."
            )
        if cuenta not in (m["origen"], m["destino"]):
            problemas.append(f"{linea}: no es un movimiento de esta cuenta.")
        if m["saldo"] != saldo:
            problemas.append(f"{linea}: dice saldo {m['saldo']:,} y los movimientos dan {saldo:,}.")
        if sello(anterior, cuenta, m["secuencia"], m["saldo"], m) != m["sello"]:
            problemas.append(
                f"{linea}: su sello no corresponde a sus datos; se alteró esta línea o la anterior."
            )
        # Go on from what the line says, so that one bad line is told once and not on every line after it.
        anterior, secuencia, saldo = m["sello"], m["secuencia"], m["saldo"]
    return problemas + _revisar_cierre(cierre, anterior, secuencia, saldo)


def _revisar_cierre(cierre: dict[str, Any], anterior: str, secuencia: int, saldo: int) -> list[str]:
    problemas: list[str] = []
    if cierre["secuencia"] != secuencia:
        problemas.append(
            f"Cierre: termina en el número {cierre['secuencia']} y la última línea es la {secuencia}; falta o sobra una."
        )
    if cierre["saldo"] != saldo:
        problemas.append(
            f"Cierre: dice saldo {cierre['saldo']:,}, y el de apertura más los movimientos da {saldo:,}."
        )
    if cierre["sello"] != anterior:
        problemas.append("Cierre: su sello no es el de la última línea.")
    return problemas


def verificar_sucesion(antes: dict[str, Any], despues: dict[str, Any]) -> list[str]:
    """What does not agree between two statements of which the second follows the first."""
    if antes["cuenta"]["libro_id"] != despues["cuenta"]["libro_id"]:
        return ["Los dos estados son de cuentas distintas."]
    if antes["cierre"] != despues["apertura"]:
        return [
            "El cierre del primero no es la apertura del segundo: falta un periodo, o se alteró uno de los dos."
        ]
    return []


def _cambio(cuenta: int, m: dict[str, Any]) -> int:
    cantidad: int = m["cantidad"]
    return cantidad if m["destino"] == cuenta else -cantidad


# -- form -------------------------------------------------------------------------------------------------


def _revisar_forma(estado: Any) -> None:
    """Raise NoEsUnEstado unless every field that is checked is there and of its kind."""
    if not isinstance(estado, dict) or estado.get("formato") != FORMATO:
        raise NoEsUnEstado(f"No es un estado de cuenta: su campo formato no es {FORMATO}.")
    _enteros(estado.get("cuenta"), "cuenta", "libro_id")
    for nombre in ("apertura", "cierre"):
        _enteros(estado.get(nombre), nombre, "secuencia", "saldo")
        _texto(estado[nombre], nombre, "sello", _SELLO)
    if not isinstance(estado.get("movimientos"), list):
        raise NoEsUnEstado("No es un estado de cuenta: le falta la lista de movimientos.")
    for n, m in enumerate(estado["movimientos"], 1):
        lugar = f"movimientos, línea {n}"
        _enteros(m, lugar, "secuencia", "id", "origen", "destino", "cantidad", "saldo")
        for campo in ("operacion", "motivo", "referencia"):
            _texto(m, lugar, campo)
        _texto(m, lugar, "creado_en", _MOMENTO)
        _texto(m, lugar, "sello", _SELLO)
        _dinero(m, lugar)


def _enteros(objeto: Any, lugar: str, *campos: str) -> None:
    if not isinstance(objeto, dict):
        raise NoEsUnEstado(f"No es un estado de cuenta: falta {lugar}.")
    for campo in campos:
        valor = objeto.get(campo)
        if type(valor) is not int or not 0 <= valor < _ENTERO_MAXIMO:
            raise NoEsUnEstado(f"En {lugar}, {campo} debe ser un número entero sin signo.")


def _texto(objeto: dict[str, Any], lugar: str, campo: str, forma: re.Pattern[str] | None = None) -> None:
    valor = objeto.get(campo)
    # A separator inside a field could make two different movements give one text.
    if not isinstance(valor, str) or "\x1f" in valor or (forma is not None and not forma.fullmatch(valor)):
        raise NoEsUnEstado(f"En {lugar}, {campo} falta o no tiene la forma debida.")


def _dinero(m: dict[str, Any], lugar: str) -> None:
    valor = m.get("importe", "")
    if valor is None:
        return
    try:
        bien = isinstance(valor, str) and len(valor) < 32 and Decimal(valor) >= 0
        bien = bien and f"{Decimal(valor):.2f}" == valor
    except InvalidOperation:
        bien = False
    if not bien:
        raise NoEsUnEstado(f"En {lugar}, importe debe ser nulo o texto con dos decimales.")


# -- command ----------------------------------------------------------------------------------------------


def main(argumentos: list[str] | None = None) -> int:
    """The command; returns its exit code."""
    lector = argparse.ArgumentParser(
        prog="verificar", description="Verifica estados de cuenta sellados, sin conexión."
    )
    lector.add_argument(
        "estados", nargs="+", metavar="estado.json", help="uno o varios de una cuenta, en orden"
    )
    lector.add_argument("--cierre", metavar="SELLO", help="sello de cierre que debe tener el último")
    opciones = lector.parse_args(argumentos)
    leidos: list[dict[str, Any]] = []
    mal = False
    for archivo in opciones.estados:
        try:
            estado = json.loads(Path(archivo).read_text(encoding="utf-8"))
            problemas = verificar(estado)
        except (OSError, ValueError, RecursionError, NoEsUnEstado) as exc:
            print(f"{archivo}: no se pudo leer. {exc}", file=sys.stderr)
            return 2
        if leidos:
            problemas += verificar_sucesion(leidos[-1], estado)
        leidos.append(estado)
        mal = _contar(archivo, estado, problemas) or mal
    if opciones.cierre and opciones.cierre.strip().lower() != leidos[-1]["cierre"]["sello"]:
        print("El sello de cierre no es el que usted indicó: no es el mismo estado de cuenta.")
        mal = True
    return 1 if mal else 0


def _contar(archivo: str, estado: dict[str, Any], problemas: list[str]) -> bool:
    if problemas:
        print(f"{archivo}: NO concuerda.")
        for p in problemas:
            print(f"  - {p}")
        return True
    print(
        f"{archivo}: concuerda. {len(estado['movimientos']):,} movimientos; saldo de {estado['apertura']['saldo']:,}"
        f" a {estado['cierre']['saldo']:,}.\n  Sello de cierre: {estado['cierre']['sello']}"
    )
    return False


if __name__ == "__main__":
    sys.exit(main())
