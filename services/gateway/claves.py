"""Which routes read `Idempotency-Key`, and whether they need it: told by their code, so that /openapi.json can't lie.

    @lee_clave(OPCIONAL)
    def clave_si_viene(...):      # whatever reads the header says how, once

    uso_de(view)                  # OBLIGATORIA, OPCIONAL or None, by what the view and its own functions call

A view reaches a reader by name, directly or through functions of the gateway (`_quien()`, `pedir()`): their code is
followed, whichever branch would run.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

OBLIGATORIA, OPCIONAL = "obligatoria", "opcional"
_MARCA = "_lee_clave"
_PAQUETE = "services.gateway."


def lee_clave(uso: str) -> Callable[[F], F]:
    """Mark a function that reads the header: what it does without one."""

    def marcar(funcion: F) -> F:
        setattr(funcion, _MARCA, uso)
        return funcion

    return marcar


def uso_de(view: Any) -> str | None:
    """How a view uses the header; needing it in one branch is needing it."""
    usos = set(_usos(inspect.unwrap(view), set()))
    return OBLIGATORIA if OBLIGATORIA in usos else OPCIONAL if usos else None


def _usos(funcion: Any, vistas: set[Any]) -> Iterator[str]:
    # `type`, for Flask's proxies answer `isinstance` only within a request.
    if type(funcion) is not FunctionType or funcion in vistas or not funcion.__module__.startswith(_PAQUETE):
        return
    uso = getattr(funcion, _MARCA, None)
    if uso is not None:
        yield uso
        return
    vistas.add(funcion)
    for nombre in _nombres(funcion.__code__):
        yield from _usos(funcion.__globals__.get(nombre), vistas)


def _nombres(codigo: CodeType) -> Iterator[str]:
    yield from codigo.co_names
    for constante in codigo.co_consts:
        if isinstance(constante, CodeType):
            yield from _nombres(constante)
