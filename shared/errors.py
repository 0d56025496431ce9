"""The one error that crosses a boundary, and the closed list of its codes.

Codigo (what a program reads)          DomainError (code + Spanish detail + fields)
├── what the caller sent is wrong      datos_invalidos, clave_requerida, cfdi_invalido …
├── who the caller is                  no_autenticado, no_permitido, no_encontrado
├── the state of things                conflicto, clave_reutilizada, saldo_insuficiente …
└── us                                 no_disponible, pendiente, error_interno

A `detail` is shown to people: Spanish (es-MX), and it says what to do next. It never carries a secret.
The gateway maps each code to one HTTP status (`services/gateway/errors.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum


class Codigo(StrEnum):
    """Stable error codes. Adding one is a contract change; renaming one is never done."""

    DATOS_INVALIDOS = "datos_invalidos"
    CUERPO_DEMASIADO_GRANDE = "cuerpo_demasiado_grande"
    CLAVE_REQUERIDA = "clave_requerida"
    CONFIRMACION_REQUERIDA = "confirmacion_requerida"
    CFDI_INVALIDO = "cfdi_invalido"
    NO_AUTENTICADO = "no_autenticado"
    CREDENCIALES_INVALIDAS = "credenciales_invalidas"
    #: Answered no more, since it told that a correo has no owner; a replica of an earlier version still may.
    PERFIL_SIN_CONFIRMAR = "perfil_sin_confirmar"
    SEGUNDO_FACTOR_REQUERIDO = "segundo_factor_requerido"
    NO_PERMITIDO = "no_permitido"
    NO_ENCONTRADO = "no_encontrado"
    CONFLICTO = "conflicto"
    CLAVE_REUTILIZADA = "clave_reutilizada"
    ENLACE_VENCIDO = "enlace_vencido"
    SALDO_INSUFICIENTE = "saldo_insuficiente"
    CUENTA_BLOQUEADA = "cuenta_bloqueada"
    CONTRATO_REQUERIDO = "contrato_requerido"
    DEMASIADOS_INTENTOS = "demasiados_intentos"
    PENDIENTE = "pendiente"
    PAC_RECHAZO = "pac_rechazo"
    NO_DISPONIBLE = "no_disponible"
    ERROR_INTERNO = "error_interno"


class DomainError(Exception):
    """A refusal that the caller can understand and act on.

    `errores` maps a field of the request to its messages; `datos` carries facts that a program
    needs (`codigo_sat` of a refused CFDI, `reintentar_en` seconds), as JSON-able plain values.
    """

    def __init__(
        self,
        code: Codigo,
        detail: str,
        *,
        errores: Mapping[str, Sequence[str]] | None = None,
        datos: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail
        self.errores: dict[str, list[str]] = {k: list(v) for k, v in (errores or {}).items()}
        self.datos: dict[str, object] = dict(datos or {})

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}"


def campo_invalido(campo: str, mensaje: str) -> DomainError:
    """`datos_invalidos` for one field: the message is both the detail and the field's error."""
    return DomainError(Codigo.DATOS_INVALIDOS, mensaje, errores={campo: [mensaje]})


def no_encontrado(que: str) -> DomainError:
    """404 for a thing that is not there, or that belongs to someone else (the same answer)."""
    return DomainError(Codigo.NO_ENCONTRADO, f"No existe {que}. Revise el identificador e intente de nuevo.")


def cfdi_invalido(codigo_sat: str, detail: str, *, nodo: str | None = None) -> DomainError:
    """A CFDI refused by a SAT rule. `codigo_sat` is the SAT's code (301, 302, CFDI40102 …)."""
    datos: dict[str, object] = {"codigo_sat": codigo_sat}
    if nodo:
        datos["nodo"] = nodo
    return DomainError(Codigo.CFDI_INVALIDO, f"{codigo_sat}: {detail}", datos=datos)
