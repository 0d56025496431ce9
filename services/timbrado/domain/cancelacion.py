"""Rules of a cancellation: its motives, its states, when to ask again, and the SAT's codes in words.

solicitada → cancelada | en_proceso | rechazada;  en_proceso → cancelada | rechazada;  rechazada → (asked anew)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from shared.errors import Codigo, DomainError, campo_invalido

MOTIVO_CON_RELACION: Final = "01"


class EstadoDeCancelacion(StrEnum):
    """Of one request. The last two are final."""

    SOLICITADA = "solicitada"
    """Recorded and signed; the PAC has not said what became of it."""
    EN_PROCESO = "en_proceso"
    """The SAT took it, and the receiver has three business days to accept (RMF 2.7.1.34)."""
    CANCELADA = "cancelada"
    RECHAZADA = "rechazada"
    """Refused by the SAT or by the receiver: the document stands, and may be asked again."""


FINALES: Final = frozenset({EstadoDeCancelacion.CANCELADA, EstadoDeCancelacion.RECHAZADA})

#: Seconds until the PAC is asked again, by how often it was asked: soon for what nobody knows, slower and
#: slower for what waits for a person (three business days).
_GAPS: Final = {
    EstadoDeCancelacion.SOLICITADA: (2, 5, 15, 60, 300, 1800),
    EstadoDeCancelacion.EN_PROCESO: (30, 120, 600, 1800, 3600, 10_800),
}

#: The SAT's codes for a cancellation request (Annex 20, "Estándar del servicio de cancelación"; of retenciones
#: the same with a 1 before), in words that say what to do.
CODIGOS: Final = {
    "201": "El SAT recibió la solicitud de cancelación.",
    "202": "El comprobante ya estaba cancelado o en proceso: no hace falta pedirlo de nuevo.",
    "203": "El folio fiscal no es de ese emisor. Cancele con el CSD del emisor del comprobante.",
    "204": "El comprobante no se puede cancelar: tiene comprobantes relacionados vigentes o el SAT no lo permite. "
    "Cancele primero los relacionados.",
    "205": "El SAT aún no tiene el comprobante. Si se timbró hoy, espere hasta 72 horas e intente de nuevo.",
    "206": "El comprobante no corresponde al sector primario. Use otro motivo.",
    "207": "El motivo de cancelación no es válido. Use 01, 02, 03 o 04.",
    "208": "El folio que sustituye no es válido. Indique el UUID de un CFDI vigente del mismo emisor.",
    "209": "El motivo no admite folio de sustitución. Quítelo o use el motivo 01.",
    "210": "Ya pasó el plazo para cancelar: es el mes de la declaración anual del ejercicio en que se expidió.",
    "211": "Ya pasó el plazo para cancelar la factura global.",
    "212": "La relación con el folio que sustituye no existe o no es válida. El sustituto debe relacionarlo con "
    "TipoRelacion 04.",
    "301": "El SAT no pudo leer la solicitud. Genérela de nuevo.",
    "302": "El sello de la solicitud no corresponde a su contenido. Fírmela de nuevo.",
    "303": "El sello de la solicitud no es del emisor. Firme con el CSD del emisor.",
    "304": "El CSD está revocado o caduco. Tramite uno nuevo en CertiSAT.",
    "305": "El certificado no es válido. Firme con un CSD vigente del emisor.",
    "309": "El folio fiscal de la solicitud no tiene la forma correcta.",
    "310": "La solicitud se firmó con una e.firma. Firme con el CSD del emisor.",
}


ESPERA_AL_RECEPTOR: Final = "El SAT recibió la solicitud. El receptor tiene tres días hábiles para aceptarla."
ESPERA_AL_SAT: Final = (
    "El SAT recibió la solicitud y aún no da el comprobante por cancelado. Seguimos preguntando."
)
SIN_RESPUESTA: Final = "El PAC aún no confirma que el SAT recibió la solicitud. Seguimos preguntando."
SIN_RESPUESTA_NI_CSD: Final = (
    f"{SIN_RESPUESTA} Si tarda, repita la petición con el CSD del emisor (certificado, llave y contrasena_llave): "
    "algunos PAC cancelan solo así."
)


@dataclass(frozen=True, slots=True)
class TimbradoPorCancelar:
    """What a cancellation needs of a stamped document."""

    id: UUID
    uuid: UUID
    cti: str
    cuenta_id: UUID
    cliente_id: UUID
    emisor: str
    receptor: str
    tipo: str
    total: str
    sello: str = field(repr=False)
    pac: str

    @property
    def retencion(self) -> bool:
        """A retention receipt (`tipo` R), which the SAT cancels by a service of its own."""
        return self.tipo == "R"


@dataclass(frozen=True, slots=True)
class CancelacionGuardada:
    """A request to cancel, as the repository reads it. `solicitud` is the signed XML: no secret."""

    id: UUID
    uuid: UUID
    estado: EstadoDeCancelacion
    motivo: str
    sustituye: UUID | None
    solicitud: bytes = field(repr=False)
    codigo: str | None
    detalle: str | None
    acuse: bytes | None = field(repr=False)
    intentos: int
    solicitada_en: datetime
    terminada_en: datetime | None


@dataclass(frozen=True, slots=True)
class Expediente:
    """What the sandbox's SAT keeps of a cancellation. `estado`: en_proceso, cancelada or rechazada; `estatus` in
    the SAT's words."""

    uuid: UUID
    estado: str
    motivo: str
    estatus: str
    acuse: bytes = field(repr=False)
    solicitada_en: datetime


@dataclass(frozen=True, slots=True)
class Desenlace:
    """What an answer of the PAC or of the SAT makes of a request; None keeps what was."""

    estado: EstadoDeCancelacion
    codigo: str | None = None
    detalle: str | None = None
    acuse: bytes | None = field(default=None, repr=False)


def revisar_motivo(uuid: UUID, motivo: str, sustituye: UUID | None) -> None:
    """01 names what replaces the document, the others nothing. Raises `datos_invalidos`."""
    if motivo == MOTIVO_CON_RELACION:
        if sustituye is None:
            raise campo_invalido(
                "sustituye",
                "Con el motivo 01 indique en «sustituye» el UUID del CFDI que reemplaza al cancelado. Si no hay "
                "reemplazo use el motivo 02.",
            )
        if sustituye == uuid:
            raise campo_invalido(
                "sustituye", "Un comprobante no se sustituye a sí mismo. Indique el UUID del CFDI nuevo."
            )
    elif sustituye is not None:
        raise campo_invalido(
            "sustituye",
            f"El motivo {motivo} no lleva folio de sustitución. Quite «sustituye» o use el motivo 01.",
        )


def revisar_sustituto(emisor: str, del_sustituto: str, cancelacion: str | None) -> None:
    """A replacement that we stamped is of the same issuer and stands. Raises `datos_invalidos`."""
    if del_sustituto != emisor:
        raise campo_invalido(
            "sustituye",
            f"El comprobante que sustituye es de otro emisor ({del_sustituto}). Debe ser un CFDI de {emisor}.",
        )
    if cancelacion is not None:
        raise campo_invalido(
            "sustituye",
            "El comprobante que sustituye está cancelado o en proceso de cancelarse. Indique uno vigente.",
        )


def otra_en_curso(motivo: str, estado: str) -> DomainError:
    """A document has one request at a time."""
    como = "está cancelado" if estado == EstadoDeCancelacion.CANCELADA else "tiene una cancelación en curso"
    return DomainError(
        Codigo.CONFLICTO,
        f"El comprobante ya {como} con el motivo {motivo}. Consulte su estado; solo se puede pedir de nuevo si el "
        "SAT o el receptor la rechaza.",
    )


def otra_recien_rechazada() -> DomainError:
    """A concurrent request of the same document was refused while this one waited for it."""
    return DomainError(
        Codigo.PENDIENTE,
        "Otra solicitud de cancelación del mismo comprobante acaba de ser rechazada. Intente de nuevo.",
        datos={"reintentar_en": 1},
    )


def espera(estado: EstadoDeCancelacion, intentos: int) -> float | None:
    """Seconds until the PAC is asked about it again; None when it is over."""
    gaps = _GAPS.get(estado)
    return None if gaps is None else float(gaps[min(intentos, len(gaps) - 1)])


def explicar(codigo: str, mensaje: str = "") -> str:
    """A code of the SAT in words that say what to do; a provider's own code keeps its message."""
    corto = codigo[1:] if len(codigo) == 4 and codigo.startswith("1") else codigo
    return CODIGOS.get(corto) or mensaje or f"El SAT respondió con el código {codigo}."


def segun_el_sat(actual: EstadoDeCancelacion, estado: str, estatus: str) -> Desenlace | None:
    """What the SAT's query says of a request under way; None: nothing new, or nothing known.

    `estado` Vigente/Cancelado/No Encontrado, `estatus` its EstatusCancelacion. A request that the SAT does not
    show yet is not refused: only the receiver's word is.
    """
    limpio = estatus.strip().lower()
    if estado.strip().lower() == "cancelado":
        return Desenlace(
            EstadoDeCancelacion.CANCELADA, detalle=f"El SAT lo da por cancelado. {estatus}".strip()
        )
    if actual is EstadoDeCancelacion.EN_PROCESO and limpio == "solicitud rechazada":
        return Desenlace(
            EstadoDeCancelacion.RECHAZADA,
            detalle="El receptor rechazó la cancelación: el comprobante sigue vigente. Acuérdelo con él y pídala de "
            "nuevo.",
        )
    if actual is EstadoDeCancelacion.SOLICITADA and limpio == "en proceso":
        return Desenlace(EstadoDeCancelacion.EN_PROCESO, detalle=ESPERA_AL_RECEPTOR)
    return None
