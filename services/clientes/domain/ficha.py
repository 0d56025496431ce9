"""The form of a cliente: how each field is written, what is refused, and what is only warned of.

The same rules serve the portal's form, the API and an import of a hundred thousand rows, so they take and give
plain values, and tell every mistake of a form at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from services.clientes.domain.catalogos import (
    REGIMENES,
    USOS_CFDI,
    USOS_DE_PERSONA_FISICA,
    codigo_es_de,
    estado,
)
from services.clientes.domain.clientes import ClienteGuardado, con_control, precio_unitario
from shared.errors import Codigo, DomainError
from shared.rfc import digito_correcto, es_persona_fisica, validar_rfc

CONTACTOS = ("representante", "financiero", "tecnico")
DE_CONTACTO = ("nombre", "puesto", "correo", "telefono", "movil")
DE_DOMICILIO = (
    "calle", "numero_exterior", "numero_interior", "colonia", "localidad", "municipio", "estado", "codigo_postal",
)  # fmt: skip
#: Fields that are made of others, and which.
PARTES: dict[str, tuple[str, ...]] = {**dict.fromkeys(CONTACTOS, DE_CONTACTO), "domicilio": DE_DOMICILIO}
SIMPLES = (
    "nombre", "nombre_comercial", "rfc", "regimen_fiscal", "uso_cfdi", "telefono", "correo", "sitio_web",
    "notas", "precio_especifico",
)  # fmt: skip
#: Every field of the form, as an edit or an import may change it.
CAMPOS = (*SIMPLES, *PARTES, "otros")

COLORES = ("rojo", "naranja", "amarillo", "verde", "azul", "morado", "rosa", "gris")
OTROS_MAXIMOS = 20
PRECIO_MAXIMO = Decimal("999999.9999")
_LARGO, _LARGOS = 200, {"notas": 4_000, "correo": 254}

_correo = re.compile(
    r"[-!#$%&'*+/=?^`{}|~\w]+(?:\.[-!#$%&'*+/=?^`{}|~\w]+)*"
    r"@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,24}",
    re.ASCII,
).fullmatch
_sitio = re.compile(
    r"https?://(?:[a-z0-9-]+\.)+[a-z]{2,24}(?::\d{1,5})?(?:[/?#]\S*)?", re.IGNORECASE
).fullmatch
_extension = re.compile(r"\W*(?:\bext(?:ensi[oó]n)?|\bx|#)\W*(\d{1,8})\s*\Z", re.IGNORECASE).search
_no_admitidos = re.compile(r"[\x00\ud800-\udfff]").search


@dataclass(frozen=True, slots=True)
class Ficha:
    """What was understood of a form, and what was not: field (`representante.correo`) → message."""

    datos: dict[str, Any] = field(default_factory=dict)
    errores: dict[str, str] = field(default_factory=dict)

    def exigir(self) -> dict[str, Any]:
        """The fields as stored. Raises `datos_invalidos` with every mistake."""
        if not self.errores:
            return self.datos
        primero = next(iter(self.errores.values()))
        raise DomainError(
            Codigo.DATOS_INVALIDOS,
            primero
            if len(self.errores) == 1
            else "Hay datos del cliente por corregir. Revise los señalados.",
            errores={campo: [mensaje] for campo, mensaje in self.errores.items()},
        )


def revisar(dados: Mapping[str, Any]) -> Ficha:
    """The given fields as stored: normalised, empty text as null, contacts and address as plain values."""
    ficha = Ficha()
    for campo, valor in dados.items():
        if campo in PARTES:
            ficha.datos[campo] = _parte(ficha, campo, valor) if valor is not None else None
        elif campo == "otros":
            ficha.datos[campo] = _anotar(ficha, campo, _otros, valor) if valor is not None else None
        elif campo == "precio_especifico":
            ficha.datos[campo] = _anotar(ficha, campo, _precio, valor) if valor is not None else None
        else:
            ficha.datos[campo] = _texto(ficha, campo, campo, valor) if valor is not None else None
    if "nombre" in ficha.datos and ficha.datos["nombre"] is None and "nombre" not in ficha.errores:
        ficha.errores["nombre"] = "Escriba el nombre."
    return ficha


def cambios(
    guardado: ClienteGuardado, datos: Mapping[str, Any], vaciar: Iterable[str] = ()
) -> dict[str, Any]:
    """What an edit changes, whole fields: parts that it does not name stay, and what is the same is left out.

    `vaciar` names fields (`notas`) or parts (`representante.correo`) to empty.
    """
    nuevos: dict[str, Any] = {}
    for campo, valor in datos.items():
        parte = campo in PARTES and valor is not None
        nuevos[campo] = {**(getattr(guardado, campo) or {}), **valor} if parte else valor
    for nombre in vaciar:
        campo, _, parte_de = nombre.partition(".")
        if parte_de:
            quedan = dict(nuevos.get(campo, getattr(guardado, campo)) or {})
            quedan.pop(parte_de, None)
            nuevos[campo] = quedan or None
        else:
            nuevos[campo] = None
    return {campo: valor for campo, valor in nuevos.items() if valor != getattr(guardado, campo)}


def advertencias(datos: Mapping[str, Any]) -> dict[str, str]:
    """What is accepted and likely a mistake, by field; `datos` are fields of the form as stored."""
    avisos: dict[str, str] = {}
    rfc = datos.get("rfc")
    if rfc:
        _avisar_de_rfc(avisos, rfc, datos.get("regimen_fiscal"), datos.get("uso_cfdi"))
    domicilio = datos.get("domicilio") or {}
    codigo, nombre = domicilio.get("codigo_postal"), domicilio.get("estado")
    if codigo and nombre and not codigo_es_de(codigo, nombre):
        avisos["domicilio.codigo_postal"] = (
            f"El código postal {codigo} no parece ser de {nombre}. Revise el código o el estado."
        )
    return avisos


def aviso_de_rfc_repetido(nics: Iterable[int]) -> str:
    """Legal (one RFC may have several accounts), and likely the same cliente twice."""
    lista = ", ".join(str(nic) for nic in nics)
    return f"Otro cliente de su cartera ya tiene este RFC (NIC {lista}). Revise que no sea el mismo."


def normalizar_telefono(texto: str) -> str:
    """`+` and digits, with `ext. N` behind when it has an extension; what is no Mexican or international number
    stays as it was written, because a form that refuses a phone is left empty."""
    escrito = " ".join(texto.split())
    hallada = _extension(escrito)
    base, extension = escrito, ""
    if hallada:
        base, extension = escrito[: hallada.start()], f" ext. {hallada[1]}"
    if re.search(r"[^\d\s().+-]", base):
        return escrito
    digitos = re.sub(r"\D", "", base)
    if base.startswith("+"):
        return f"+{_sin_uno(digitos)}{extension}" if 8 <= len(digitos) <= 15 else escrito
    for prefijo in ("044", "045", "01"):
        if len(digitos) == 10 + len(prefijo) and digitos.startswith(prefijo):
            digitos = digitos[len(prefijo) :]
    if len(digitos) == 10:
        return f"+52{digitos}{extension}"
    if len(digitos) in (12, 13) and len(_sin_uno(digitos)) == 12 and digitos.startswith("52"):
        return f"+{_sin_uno(digitos)}{extension}"
    return escrito


def _sin_uno(digitos: str) -> str:
    """Without the 1 that Mexican mobiles had after 52 until 2019."""
    return "52" + digitos[3:] if len(digitos) == 13 and digitos.startswith("521") else digitos


def _avisar_de_rfc(avisos: dict[str, str], rfc: str, regimen: str | None, uso: str | None) -> None:
    fisica = es_persona_fisica(rfc)
    quien = "una persona física" if fisica else "una persona moral"
    if not digito_correcto(rfc):
        avisos["rfc"] = "El dígito verificador del RFC no coincide. Revise que esté bien escrito."
    if regimen in REGIMENES and not REGIMENES[regimen][0 if fisica else 1]:
        avisos["regimen_fiscal"] = f"El régimen {regimen} no es para {quien}, como indica el RFC."
    if uso in USOS_DE_PERSONA_FISICA and not fisica:
        avisos["uso_cfdi"] = f"El uso de CFDI {uso} no es para {quien}, como indica el RFC."


def _parte(ficha: Ficha, campo: str, valor: Mapping[str, Any]) -> dict[str, str] | None:
    partes = {
        parte: limpio
        for parte, dado in valor.items()
        if dado is not None and (limpio := _texto(ficha, f"{campo}.{parte}", parte, dado)) is not None
    }
    return partes or None


def _texto(ficha: Ficha, nombre: str, campo: str, valor: str) -> str | None:
    limpio = " ".join(valor.split()) if campo == "nombre" else valor.strip()
    if not limpio:
        return None
    largo = _LARGOS.get(campo, _LARGO)
    if len(limpio) > largo:
        ficha.errores[nombre] = f"Escriba a lo más {largo:,} caracteres."
        return None
    if _no_admitidos(limpio) or (campo == "nombre" and con_control(limpio)):
        ficha.errores[nombre] = "El texto tiene caracteres que no se admiten."
        return None
    regla = _REGLAS.get(campo)
    return limpio if regla is None else _anotar(ficha, nombre, regla, limpio)


def _anotar(ficha: Ficha, nombre: str, regla: Callable[[Any], Any], valor: Any) -> Any:
    try:
        return regla(valor)
    except DomainError as exc:
        ficha.errores[nombre] = exc.detail
    except ValueError as exc:
        ficha.errores[nombre] = str(exc)
    return None


def _uno_de(existe: Callable[[str], bool], mensaje: str) -> Callable[[str], str]:
    def regla(valor: str) -> str:
        clave = valor.upper()
        if not existe(clave):
            raise ValueError(mensaje)
        return clave

    return regla


def _escribir_correo(valor: str) -> str:
    correo = valor.lower()
    if not _correo(correo):
        raise ValueError("El correo no tiene la forma correcta, por ejemplo ana@empresa.mx.")
    return correo


def _escribir_sitio(valor: str) -> str:
    sitio = valor if "://" in valor else f"https://{valor}"
    if not _sitio(sitio) or len(sitio) > _LARGO:
        raise ValueError("El sitio web no tiene la forma correcta, por ejemplo https://empresa.mx.")
    return sitio


def _escribir_estado(valor: str) -> str:
    nombre = estado(valor)
    if nombre is None:
        raise ValueError(
            "No es un estado de México. Escriba su nombre, por ejemplo Jalisco o Ciudad de México."
        )
    return nombre


def _escribir_codigo_postal(valor: str) -> str:
    if not (len(valor) == 5 and valor.isascii() and valor.isdigit()):
        raise ValueError("El código postal lleva cinco números, por ejemplo 06000.")
    return valor


def _precio(valor: Decimal) -> Decimal | None:
    if not valor.is_finite() or not 0 <= valor <= PRECIO_MAXIMO:
        raise ValueError("El precio debe ser de 0 a 999,999.9999 pesos.")
    return precio_unitario(valor)


def _otros(valor: Mapping[str, str]) -> dict[str, str] | None:
    limpios = {n.strip(): v.strip() for n, v in valor.items() if v.strip()}
    if len(limpios) > OTROS_MAXIMOS:
        raise ValueError(f"Escriba a lo más {OTROS_MAXIMOS} datos adicionales.")
    for nombre, texto in limpios.items():
        if not 1 <= len(nombre) <= 60 or len(texto) > 500 or _no_admitidos(nombre + texto):
            raise ValueError(
                "Cada dato adicional lleva un nombre de 1 a 60 caracteres y un valor de hasta 500."
            )
    return limpios or None


_REGLAS: dict[str, Callable[[str], str]] = {
    "rfc": validar_rfc,
    "correo": _escribir_correo,
    "telefono": normalizar_telefono,
    "movil": normalizar_telefono,
    "sitio_web": _escribir_sitio,
    "estado": _escribir_estado,
    "codigo_postal": _escribir_codigo_postal,
    "regimen_fiscal": _uno_de(
        REGIMENES.__contains__, "No es una clave de régimen fiscal del SAT, por ejemplo 601 o 612."
    ),
    "uso_cfdi": _uno_de(USOS_CFDI.__contains__, "No es una clave de uso de CFDI del SAT, por ejemplo G03."),
}
