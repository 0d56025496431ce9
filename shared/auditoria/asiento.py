"""An audit entry: who, from where, what, and before and after, without secrets and without personal data.

What identifies a person stays out for good, so that an erasure need not touch the chain: ids stay, a correo becomes
`a***@dominio`, a phone its last digits, a name its initials. Secrets are not there at all, masked or not.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID, uuid4

from shared.contracts.base import PeticionConClave, Rpc
from shared.contracts.eventos import AsientoDeAuditoria
from shared.correlation import correlation
from shared.quien import Quien

#: Longest text, longest list that is written out, and bytes of one part of an entry.
TEXTO, LISTA, PARTE = 200, 10, 2_000

_SECRETO = re.compile(
    r"contrasena|secret|token|hash|huella|cookie|acceso$|^renovacion$|privada|^clave$|^llave$|^codigo$|^codigos"
    r"|codigo_(totp|verificacion|recuperacion)|semilla|^uri$|^qr|^xml$|^documento$|^archivo$|^solicitud$"
)
_CORREO = re.compile(r"correo|usuario$|email|^para$")
#: An address within a text of any name: what a server answered, what somebody wrote as a reason.
_DIRECCION = re.compile(r"[^\s<>\"'(),;:]+@[^\s<>\"'(),;:]+")
_TELEFONO = re.compile(r"movil|telefono|celular|whatsapp")
_NOMBRE = re.compile(r"^nombre|apellido|razon_social|representante|^contacto|^titular$|^perfil$")
_OMITIDO = re.compile(
    r"^notas|observacion|comentario|calle|domicilio|direccion|colonia|curp|fecha_nacimiento|sitio_web"
)
#: Parts of a form whose every text says something of a person, whatever its name.
_DE_PERSONA = frozenset({"financiero", "tecnico", "domicilio", "otros"})
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def correo(valor: str) -> str:
    """`ana@empresa.mx` → `a***@empresa.mx`."""
    local, arroba, dominio = valor.rpartition("@")
    return f"{local[:1]}***@{dominio}" if arroba else telefono(valor)


def telefono(valor: str) -> str:
    """`+525512345678` → `***5678`."""
    return f"***{valor[-4:]}" if len(valor) > 6 else "***"


def nombre(valor: str) -> str:
    """`Ana Ruiz` → `A*** R***`."""
    return " ".join(f"{parte[0]}***" for parte in valor.split()[:6])


def rfc(valor: str) -> str:
    """`RUAA800101AB1` → `RUA***`: the birth date of a person is in it."""
    return f"{valor[:3]}***"


_MASCARAS: tuple[tuple[re.Pattern[str], Callable[[str], str]], ...] = (
    (_CORREO, correo),
    (_TELEFONO, telefono),
    (re.compile(r"^rfc|_rfc"), rfc),
    (_NOMBRE, nombre),
    (_OMITIDO, lambda valor: f"({len(valor)} caracteres)"),
)


def mostrar(valor: Any, nombre_de_campo: str = "") -> Any:
    """A value as an entry may show it: plain, masked, bounded. Fields that are secret are left out."""
    if is_dataclass(valor) and not isinstance(valor, type):
        omitidos = valor.NO_HASH if isinstance(valor, PeticionConClave) else frozenset()
        return _campos(
            ((f.name, getattr(valor, f.name)) for f in fields(valor) if f.repr and f.name not in omitidos),
            nombre_de_campo,
        )
    if isinstance(valor, Mapping):
        return _campos(((str(k), v) for k, v in valor.items()), nombre_de_campo)
    if isinstance(valor, Sequence | set | frozenset) and not isinstance(valor, str | bytes):
        if len(valor) > LISTA:
            return f"({len(valor)} elementos)"
        return [mostrar(v, nombre_de_campo) for v in valor]
    return _simple(valor, nombre_de_campo)


def _campos(pares: Iterable[tuple[str, Any]], padre: str) -> dict[str, Any]:
    # Whatever a contact says is of a person: each of its texts is masked as that contact is.
    persona = bool(_NOMBRE.search(padre)) or padre in _DE_PERSONA
    return {
        k: mostrar(v, "nombre" if persona and isinstance(v, str) and not _reconocido(k) else k)
        for k, v in pares
        if v is not None and not _SECRETO.search(k)
    }


def _reconocido(campo: str) -> bool:
    return any(patron.search(campo) for patron, _ in _MASCARAS)


def _simple(valor: Any, campo: str) -> Any:
    if isinstance(valor, Enum):
        valor = valor.value
    if valor is None or isinstance(valor, bool | int):
        # A phone that came as a number is a phone.
        return telefono(str(valor)) if _TELEFONO.search(campo) and type(valor) is int else valor
    if isinstance(valor, datetime | date):
        return valor.isoformat()
    if isinstance(valor, bytes):
        return f"({len(valor)} bytes)"
    texto = str(valor)
    if isinstance(valor, Decimal | UUID):
        return texto
    for patron, mascara in _MASCARAS:
        if patron.search(campo):
            return mascara(texto)
    texto = _DIRECCION.sub(lambda m: correo(m[0]), texto)
    return texto if len(texto) <= TEXTO else f"{texto[:TEXTO]}…"


def canonico(partes: Mapping[str, Any]) -> str:
    """The JSON that is stored and sealed as it is: keys in order, no blanks, each part bounded."""
    dichas = {k: _acotar(v) for k, v in partes.items() if v}
    return _json(dichas)


def _acotar(parte: Any) -> Any:
    texto = _json(parte)
    if len(texto.encode()) <= PARTE:
        return parte
    claves = [k[:40] for k in parte][:40] if isinstance(parte, dict) else []
    return {"recortado": f"({len(texto)} caracteres)", "campos": claves}


def _json(valor: Any) -> str:
    texto = json.dumps(valor, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    # A lone half of a surrogate pair, which JSON lets by, is not UTF-8.
    return texto.encode("utf-8", "replace").decode()


@dataclass(slots=True)
class Nota:
    """What a use case adds to the entry of the call that it serves."""

    objeto: str = ""
    antes: Any = None
    despues: Any = None
    cuentas: tuple[UUID, ...] = field(default=())


def de_llamada(
    contrato: Rpc[Any, Any],
    peticion: PeticionConClave,
    respuesta: Mapping[str, Any],
    nota: Nota,
    en: datetime,
    q: Quien,
) -> list[AsientoDeAuditoria]:
    """The entry of a call that changed something, in the log of each CM that it concerns."""
    dicha = mostrar(peticion)
    # Before calls said who asks in their headers, requests did.
    if q.tipo == "sistema" and (actor := str(getattr(peticion, "actor", "") or "")):
        q = Quien("perfil", actor, str(getattr(peticion, "origen_ip", "") or ""))
    propia = getattr(peticion, "cuenta_id", None) or getattr(peticion, "padre_id", None)
    cuentas = nota.cuentas or ((propia,) if isinstance(propia, UUID) else ())
    return de_hecho(
        contrato.nombre,
        cuentas=cuentas,
        objeto=nota.objeto or _objeto(dicha, respuesta),
        detalle={
            "peticion": {k: v for k, v in dicha.items() if k != "cuenta_id"},
            "antes": mostrar(nota.antes),
            "despues": mostrar(nota.despues) or mostrar(respuesta),
        },
        en=en,
        q=q,
    )


def de_hecho(
    accion: str,
    *,
    cuentas: Sequence[UUID],
    objeto: str,
    detalle: Mapping[str, Any],
    en: datetime,
    q: Quien,
    resultado: str = "hecho",
) -> list[AsientoDeAuditoria]:
    """The entry of something that was done, or refused, once per CM; of none: the platform's own log."""
    texto = canonico(detalle)
    return [
        AsientoDeAuditoria(
            id=uuid4(),
            cuenta_id=cuenta,
            en=en,
            accion=accion,
            actor_tipo=q.tipo,
            actor=_limpio(q.id, 100),
            ip=_limpio(q.ip, 64),
            correlacion=_limpio(correlation.get(), 64),
            objeto=_limpio(objeto, 120),
            resultado=resultado,
            detalle=texto,
        )
        for cuenta in (cuentas or (None,))
    ]


def _objeto(peticion: Mapping[str, Any], respuesta: Mapping[str, Any]) -> str:
    """What was acted upon: the id that the request names, or else what the answer says was made."""
    propias = {peticion.get("cuenta_id"), peticion.get("padre_id"), None}
    for parte, primeros in ((peticion, ("cti", "nic")), (respuesta, ("nic", "id", "cuenta_id"))):
        otros = (k for k in parte if k in _IDS or (k.endswith("_id") and k not in _DE_QUIEN))
        for campo in (*primeros, *otros):
            valor = parte.get(campo)
            if isinstance(valor, str | int) and not isinstance(valor, bool) and valor not in propias:
                return f"{_NOMBRES.get(campo, campo.removesuffix('_id'))}:{valor}"
    return ""


_IDS = frozenset({"id", "pac", "producto"})
#: Who asks, or in whose name: not what is acted upon.
_DE_QUIEN = frozenset({"cuenta_id", "padre_id", "titular_perfil_id", "sesion_id"})
_NOMBRES = {"nic": "cliente"}


def _limpio(texto: str, largo: int) -> str:
    """No control character: the chain joins fields with one."""
    return _CONTROL.sub(" ", texto)[:largo]
