"""What the contracts look like now, what they looked like when last declared, and what between them breaks."""

from __future__ import annotations

import ast
import importlib
import json
import re
from pathlib import Path
from typing import Any

from shared.contracts.base import EVENTOS, RPCS, describe

CARPETA = Path(__file__).parent / "snapshots"
for _modulo in ("clientes", "eventos", "facturacion", "licencias", "puntos", "timbrado"):
    importlib.import_module(f"shared.contracts.{_modulo}")

Familia = dict[str, dict[str, Any]]
_ANIDADO = re.compile(r"((?:List\[)*)Nested(\{.*\})([^{}]*)", re.DOTALL)


def _plano(campos: dict[str, str], prefijo: str = "") -> dict[str, str]:
    """Fields by their path: a nested payload's own come after it as `campo.subcampo`."""
    out: dict[str, str] = {}
    for nombre, tipo in campos.items():
        anidado = _ANIDADO.fullmatch(tipo)
        if anidado is None:
            out[prefijo + nombre] = tipo
        else:
            out[prefijo + nombre] = f"{anidado[1]}Nested{anidado[3]}"
            out |= _plano(ast.literal_eval(anidado[2]), f"{prefijo}{nombre}.")
    return out


def actuales() -> dict[str, Familia]:
    """Every contract as the code has it, by family: one per service, and `eventos`."""
    familias: dict[str, Familia] = {}
    for nombre, rpc in sorted(RPCS.items()):
        familias.setdefault(rpc.servicio, {})[nombre] = {
            "cambia": rpc.cambia,
            "secretos": sorted(rpc.secretos),
            "peticion": _plano(describe(rpc.peticion)),
            "respuesta": _plano(describe(rpc.respuesta)),
        }
    familias["eventos"] = {
        nombre: {"carga": _plano(describe(evento.carga))} for nombre, evento in sorted(EVENTOS.items())
    }
    return familias


def declarados() -> dict[str, Familia]:
    """The same as last written by `python -m tests.contract.renovar`."""
    return {ruta.stem: json.loads(ruta.read_text()) for ruta in sorted(CARPETA.glob("*.json"))}


def rupturas(antes: dict[str, Familia], ahora: dict[str, Familia]) -> list[str]:
    """Every change that breaks a reader or a writer that is already deployed."""
    out: list[str] = []
    for familia, contratos in antes.items():
        for nombre, viejo in contratos.items():
            nuevo = ahora.get(familia, {}).get(nombre)
            if nuevo is None:
                out.append(f"{nombre}: removed")
                continue
            for parte, valor in viejo.items():
                if isinstance(valor, dict):
                    out += _rupturas_de_campos(f"{nombre}.{parte}", valor, nuevo[parte])
                elif parte == "cambia" and valor != nuevo[parte]:
                    out.append(f"{nombre}: `cambia` was {valor}")
    return out


def _rupturas_de_campos(donde: str, viejos: dict[str, str], nuevos: dict[str, str]) -> list[str]:
    out: list[str] = []
    for campo, tipo in viejos.items():
        if campo not in nuevos:
            out.append(f"{donde}.{campo}: field removed")
        elif nuevos[campo] != tipo:
            out.append(f"{donde}.{campo}: {tipo} became {nuevos[campo]}")
    for campo in nuevos.keys() - viejos.keys():
        padre = campo.rpartition(".")[0]
        # What is required within a new optional payload burdens nobody who does not send it.
        if (not padre or padre in viejos) and not nuevos[campo].removesuffix("|null").endswith("?"):
            out.append(f"{donde}.{campo}: new required field")
    return out
