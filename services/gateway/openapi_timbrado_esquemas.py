"""Schemas of the stamping routes in the OpenAPI document (`openapi_timbrado.py`)."""

from __future__ import annotations

from typing import Any

_UUID = {"type": "string", "format": "uuid"}
_TEXTO = {"type": "string"}
_TEXTO_O_NADA = {"type": ["string", "null"]}
_MOMENTO = {"type": "string", "format": "date-time"}

ESQUEMAS: dict[str, Any] = {
    "TimbradoEntrada": {
        "type": "object",
        "additionalProperties": False,
        "required": ["xml"],
        "properties": {
            "xml": {
                "type": "string",
                "description": "CFDI 4.0 o comprobante de retenciones 2.0, sellado y sin timbre.",
            },
            "idd": {
                "type": ["string", "null"],
                "maxLength": 100,
                "description": "Identificador del documento en su sistema: el mismo recibe el mismo timbre.",
            },
        },
    },
    "ComprobanteTimbrado": {
        "type": "object",
        "required": ["uuid", "idd", "repetido", "xml"],
        "properties": {
            "uuid": _UUID,
            "idd": _TEXTO_O_NADA,
            "repetido": {"type": "boolean", "description": "Ya estaba timbrado: no se cobró de nuevo."},
            "xml": {"type": "string", "description": "El comprobante con su timbre."},
            "cancelacion": {
                "oneOf": [{"$ref": "#/components/schemas/CancelacionDeTimbrado"}, {"type": "null"}],
                "description": "Solo al descargar: su última solicitud de cancelación, si hay.",
            },
        },
    },
    "ValidacionDeCfdi": {
        "type": "object",
        "required": ["valido"],
        "properties": {"valido": {"type": "boolean"}, "idd": _TEXTO_O_NADA},
    },
    "CancelacionDeTimbradoEntrada": {
        "type": "object",
        "additionalProperties": False,
        "required": ["motivo"],
        "description": "Con el CSD (`certificado`, `llave`, `contrasena_llave`) o con la `solicitud` ya firmada.",
        "properties": {
            "motivo": {
                "type": "string",
                "enum": ["01", "02", "03", "04"],
                "description": "01 con errores y con relación · 02 con errores sin relación · 03 no se llevó a cabo la "
                "operación · 04 operación nominativa relacionada en la factura global.",
            },
            "sustituye": {
                "type": ["string", "null"],
                "format": "uuid",
                "description": "Con el motivo 01, y solo con él: UUID del CFDI que reemplaza al cancelado.",
            },
            "certificado": {
                "type": ["string", "null"],
                "description": "El .cer del CSD del emisor, en base64.",
            },
            "llave": {
                "type": ["string", "null"],
                "description": "El .key del CSD, en base64. Se usa para firmar esta solicitud; no se guarda.",
            },
            "contrasena_llave": _TEXTO_O_NADA,
            "solicitud": {
                "type": ["string", "null"],
                "description": "El XML `Cancelacion` del SAT, de este UUID y motivo, firmado por usted con el CSD del "
                "emisor; en base64.",
            },
        },
    },
    "CancelacionDeTimbrado": {
        "type": "object",
        "required": ["uuid", "estado", "motivo", "solicitada_en"],
        "properties": {
            "uuid": _UUID,
            "estado": {
                "type": "string",
                "enum": ["solicitada", "en_proceso", "cancelada", "rechazada"],
                "description": "solicitada: el PAC aún no confirma · en_proceso: el receptor tiene tres días hábiles "
                "para aceptar · cancelada · rechazada: puede pedirse de nuevo.",
            },
            "motivo": _TEXTO,
            "sustituye": _TEXTO_O_NADA,
            "codigo": {
                "type": ["string", "null"],
                "description": "Del SAT: 201 recibida, 202 ya cancelada, 203 no es del emisor, 204 no cancelable, 205 "
                "no existe …",
            },
            "detalle": {"type": ["string", "null"], "description": "Qué pasó y qué hacer, en español."},
            "acuse": {"type": ["string", "null"], "description": "El acuse del SAT (XML)."},
            "solicitada_en": _MOMENTO,
            "terminada_en": {"type": ["string", "null"], "format": "date-time"},
        },
    },
    "EstadoDeTimbrado": {
        "type": "object",
        "required": ["uuid", "estado"],
        "properties": {
            "uuid": _UUID,
            "estado": {"type": "string", "enum": ["Vigente", "Cancelado", "No Encontrado"]},
            "es_cancelable": {
                "type": "string",
                "description": "Cancelable sin aceptación, Cancelable con aceptación, No cancelable, o vacío.",
            },
            "estatus_cancelacion": {
                "type": "string",
                "description": "En proceso, Plazo vencido, Solicitud rechazada … o vacío.",
            },
            "codigo": {"type": "string", "description": "La respuesta del servicio de consulta del SAT."},
            "cancelacion": {
                "oneOf": [{"$ref": "#/components/schemas/CancelacionDeTimbrado"}, {"type": "null"}]
            },
        },
    },
    "ErrorDeTimbrado": {
        "type": "object",
        "description": "`application/problem+json` (RFC 9457). Los programas leen `code` y `codigo_sat`; las personas, "
        "`detail`.",
        "required": ["type", "title", "status", "code", "detail", "errores", "correlation_id"],
        "properties": {
            "type": _TEXTO,
            "title": _TEXTO,
            "status": {"type": "integer"},
            "code": {
                "type": "string",
                "examples": ["cfdi_invalido", "saldo_insuficiente", "credenciales_invalidas", "pendiente"],
            },
            "detail": {"type": "string", "description": "Qué está mal, en qué nodo, y qué hacer."},
            "codigo_sat": {
                "type": "string",
                "description": "Del SAT: 301 estructura, 302 sello, 303 CSD de otro, 304/305 vigencia, 306 no es CSD, "
                "307 ya timbrado, 308 CSD no expedido por el SAT, 401 más de 72 horas, 402 LCO, 403 fecha, "
                "CFDI40xxx …",
            },
            "nodo": {"type": "string", "description": "Dónde, por ejemplo `Comprobante/Emisor/@Rfc`."},
            "problemas": {
                "type": "array",
                "description": "Todos los problemas que se hallaron, el primero incluido, si son más de uno (a lo más 20).",
                "items": {
                    "type": "object",
                    "properties": {"codigo": _TEXTO, "nodo": _TEXTO_O_NADA, "detalle": _TEXTO},
                },
            },
            "errores": {"type": "object", "additionalProperties": {"type": "array", "items": _TEXTO}},
            "reintentar_en": {"type": "number", "description": "Segundos; también en `Retry-After`."},
            "correlation_id": _TEXTO,
        },
    },
    "InduxsoftEntrada": {
        "type": "object",
        "required": ["cti", "pwd", "xml"],
        "properties": {
            "cti": _TEXTO,
            "pwd": _TEXTO,
            "xml": {"type": "string", "description": "Base64 de UTF-8, o texto con `nb64`."},
            "idd": _TEXTO_O_NADA,
            "nb64": {"type": ["boolean", "string"]},
        },
    },
    "InduxsoftConsulta": {
        "type": "object",
        "required": ["cti", "pwd"],
        "properties": {
            "cti": _TEXTO,
            "pwd": _TEXTO,
            "uuid": _TEXTO,
            "idd": _TEXTO,
            "nb64": {"type": ["boolean", "string"]},
        },
    },
    "InduxsoftSalida": {
        "type": "object",
        "required": ["success"],
        "properties": {
            "success": {"type": "boolean"},
            "data": {
                "type": "object",
                "properties": {
                    "uuid": _TEXTO,
                    "xml": _TEXTO,
                    "idd": _TEXTO,
                    "tpo": {"type": "string", "enum": ["cfdi", "cr"]},
                },
            },
            "message": _TEXTO,
        },
    },
}
