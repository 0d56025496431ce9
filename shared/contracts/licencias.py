"""RPC of licencias: MKL contracts of a CM, and the signed licences it generates for its clientes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from shared.contracts.base import PeticionConClave, Rpc, Vacio


@dataclass(frozen=True, kw_only=True)
class Mkl:
    """A yearly contract of a CM for one product. Valid through the whole day of `vence_en` in Mexico City."""

    id: UUID
    producto: str
    inicia_en: date
    vence_en: date
    vigente: bool
    precio_anual: Decimal = Decimal(0)


@dataclass(frozen=True, kw_only=True)
class ContratarMkl(PeticionConClave):
    """Record a contract that was paid. Without `inicia_en` it starts today.

    `precio_anual`: what a whole year costs in puntos, which each renewal of the CM pays.
    """

    cuenta_id: UUID
    actor: UUID | None = None
    producto: str
    vence_en: date
    inicia_en: date | None = None
    precio_anual: Decimal = Decimal(0)


@dataclass(frozen=True, kw_only=True)
class ListarMkl:
    """Contracts of a CM, the latest to end first."""

    cuenta_id: UUID
    limite: int = 50
    cursor: str | None = None


@dataclass(frozen=True, kw_only=True)
class PaginaMkl:
    """One page; `siguiente` is the cursor of the next, null on the last."""

    datos: list[Mkl] = field(default_factory=list)
    siguiente: str | None = None


@dataclass(frozen=True, kw_only=True)
class Licencia:
    """A licence. `documento` is the signed JSON text to deliver; `estado`: vigente, expirada or revocada."""

    id: UUID
    nic: int
    producto: str
    caracteristicas: list[str] = field(default_factory=list)
    emitida_en: datetime
    vence_en: datetime
    estado: str
    revocada_en: datetime | None = None
    documento: str


@dataclass(frozen=True, kw_only=True)
class GenerarLicencia(PeticionConClave):
    """Sign a licence of one year for a cliente. Refused (`contrato_requerido`) without a valid MKL."""

    cuenta_id: UUID
    actor: UUID | None = None
    nic: int
    producto: str
    caracteristicas: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class ListarLicencias:
    """Licences of a cliente of this CM, newest first."""

    cuenta_id: UUID
    nic: int
    limite: int = 50
    cursor: str | None = None


@dataclass(frozen=True, kw_only=True)
class PaginaLicencias:
    """One page; `siguiente` is the cursor of the next, null on the last."""

    datos: list[Licencia] = field(default_factory=list)
    siguiente: str | None = None


@dataclass(frozen=True, kw_only=True)
class RevocarLicencia(PeticionConClave):
    """Revoke a licence for good. Revoking it again answers the same."""

    cuenta_id: UUID
    actor: UUID | None = None
    licencia_id: UUID


@dataclass(frozen=True, kw_only=True)
class ValidarLicencia:
    """Is this document a licence of `producto`? `producto` empty: of any."""

    documento: str
    producto: str = ""


@dataclass(frozen=True, kw_only=True)
class Validacion:
    """`codigo`: VALIDA, EXPIRADA, REVOCADA, FIRMA_INVALIDA or PRODUCTO_DISTINTO.

    The rest is null when the signature is not ours: nothing in the document can be believed.
    """

    codigo: str
    licencia_id: UUID | None = None
    nic: int | None = None
    producto: str | None = None
    caracteristicas: list[str] = field(default_factory=list)
    vence_en: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class LlavePublica:
    """`publica` is the raw Ed25519 key (32 bytes) in base64url without padding."""

    id: str
    algoritmo: str
    publica: str


@dataclass(frozen=True, kw_only=True)
class LlavesPublicas:
    """What an application needs to verify licences offline. `revocaciones` is a signed document."""

    llaves: list[LlavePublica] = field(default_factory=list)
    revocaciones: str


CONTRATAR_MKL = Rpc("licencias", "contratar_mkl_v1", ContratarMkl, Mkl, cambia=True)
LISTAR_MKL = Rpc("licencias", "listar_mkl_v1", ListarMkl, PaginaMkl)
GENERAR_LICENCIA = Rpc("licencias", "generar_licencia_v1", GenerarLicencia, Licencia, cambia=True)
LISTAR_LICENCIAS = Rpc("licencias", "listar_licencias_v1", ListarLicencias, PaginaLicencias)
REVOCAR_LICENCIA = Rpc("licencias", "revocar_licencia_v1", RevocarLicencia, Licencia, cambia=True)
VALIDAR_LICENCIA = Rpc("licencias", "validar_licencia_v1", ValidarLicencia, Validacion)
LLAVES_PUBLICAS = Rpc("licencias", "llaves_publicas_v1", Vacio, LlavesPublicas)
