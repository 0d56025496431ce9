"""Who asks, in the request being served, and the one way from a route to a service."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from flask import current_app, g, request

from services.gateway.claves import OBLIGATORIA, OPCIONAL, lee_clave
from services.gateway.llamante import direccion
from shared.contracts.base import Req, Resp, Rpc
from shared.errors import Codigo, DomainError
from shared.messaging.rpc_client import RpcClient
from shared.quien import Quien, quien

_CLAVE = re.compile(r"[\x21-\x7e]{1,200}")
CLAVE = "Idempotency-Key"
REPETIDA = "Idempotent-Replayed"


@dataclass(frozen=True, slots=True)
class CuentaPermitida:
    """An account that a perfil administers, as clientes says, or its token when clientes is away.

    `estado` is the CM's when clientes last said it, or when the token was signed.
    """

    cuenta_id: UUID
    rol: str
    es_raiz: bool
    estado: str = "activo"


@dataclass(frozen=True, slots=True)
class Perfil:
    """A person with a valid session; `nics` are the clientes of which it is the perfil principal."""

    perfil_id: UUID
    sesion_id: UUID
    nombre: str
    cuentas: tuple[CuentaPermitida, ...] = ()
    nics: tuple[int, ...] = field(default=())
    segundo_factor: bool = False
    """It has a second factor: what is worth much needs a recent code (`paso.py`)."""
    segundo_factor_en: int = 0
    """When this session's code was last verified, in Unix seconds; 0: never."""


@dataclass(frozen=True, slots=True)
class Contexto:
    """A perfil acting for one account."""

    perfil_id: UUID
    sesion_id: UUID
    nombre: str
    cuenta_id: UUID
    rol: str
    es_raiz: bool
    ip: str
    estado: str = "activo"


def actual() -> Contexto:
    """Who asks and for which account; only in a route with `@requiere_sesion` or `@requiere_raiz`."""
    contexto: Contexto | None = g.get("contexto")
    if contexto is None:
        raise RuntimeError("this route has no @requiere_sesion")
    return contexto


def perfil_actual() -> Perfil:
    """Who asks, whether or not an account is involved; only in a route that requires a session."""
    perfil: Perfil | None = g.get("perfil")
    if perfil is None:
        raise RuntimeError("this route has no @requiere_perfil or @requiere_sesion")
    return perfil


def ip() -> str:
    """Address of the caller."""
    return direccion(request.environ) or ""


def cliente() -> RpcClient:
    """The process's RPC client."""
    rpc: RpcClient = current_app.extensions["rpc"]
    return rpc


def llamar(contrato: Rpc[Req, Resp], peticion: Req, plazo: float | None = None) -> Resp:
    """Call a service; a stored answer is told to the caller in `Idempotent-Replayed: true`."""
    quien.set(_quien_pide())
    respuesta, repetida = cliente().llamar_con_marca(contrato, peticion, plazo)
    if repetida:
        g.repetida = True
    return respuesta


def _quien_pide() -> Quien:
    """For the audit log of whoever serves the call: a key of the CM, a perfil, or nobody that we know."""
    perfil: Perfil | None = g.get("perfil")
    if (
        llave := getattr(perfil, "llave_id", None) or getattr(g.get("contexto"), "llave_id", None)
    ) is not None:
        return Quien("llave", str(llave), ip())
    return Quien("anonimo", "", ip()) if perfil is None else Quien("perfil", str(perfil.perfil_id), ip())


@lee_clave(OBLIGATORIA)
def clave_idempotencia(ambito: UUID | str | None = None) -> str:
    """The request's Idempotency-Key within its account, so that two accounts never collide.

    `ambito` stands for the account where there is none (a cliente's perfil, a public route).
    """
    valor = request.headers.get(CLAVE, "")
    if not _CLAVE.fullmatch(valor):
        raise DomainError(
            Codigo.CLAVE_REQUERIDA,
            f"Envíe la cabecera {CLAVE} con un identificador único de esta operación (por ejemplo un UUID,"
            " de 1 a 200 caracteres visibles sin espacios) y repítalo igual si reintenta.",
            errores={CLAVE: ["Es obligatoria: un UUID nuevo por operación."]},
        )
    return f"{ambito or actual().cuenta_id}:{valor}"


@lee_clave(OPCIONAL)
def clave_si_viene(ambito: UUID | str | None = None) -> str:
    """The same where repeating is harmless: without the header each request is its own operation."""
    if CLAVE in request.headers:
        return clave_idempotencia(ambito)
    return f"{ambito or actual().cuenta_id}:{uuid4()}"
