"""What a foreign page uses with a CM's publishable key: the form's script, its texts, and the alta itself.

No session and no cookie takes part. The page's origin is compared with those of the key here and in clientes, not
only by the browser; an answer names that one origin, or none.
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
import time
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import jwt
import marshmallow as ma
from flask import Response, g, request
from flask.views import MethodView
from flask_smorest import Blueprint
from marshmallow import validate

from services.gateway import auth
from services.gateway.auth import publica
from services.gateway.contexto import CLAVE, clave_si_viene, ip, llamar
from services.gateway.limites import limitar, limitar_origen
from services.gateway.schemas import esquema_de
from shared.contracts import clientes as c
from shared.errors import Codigo, DomainError, campo_invalido
from shared.quien import origen

blp = Blueprint("publico", __name__, description="Alta de distribuidores desde un sitio externo")

CABECERA_LLAVE = "X-Llave-Publica"
_ARCHIVOS = Path(__file__).resolve().parents[1] / "publico"
_FORMA = re.compile(r"pk_[A-Za-z0-9_-]{32}")
_ALTAS = "/v1/publico/altas"
_ZONA = ZoneInfo("America/Mexico_City")
_FORMULARIO = "/v1/publico/llaves/"

#: Per address: looks at a form, and altas with and without the ticket of a form. Per key: altas from anywhere, those
#: with a ticket apart from those without, so that who never opened the form can't close it.
_POR_MINUTO = (60, 60)
_CON_BOLETO, _SIN_BOLETO = (20, 3600), (10, 3600)
_POR_LLAVE = (300, 3600)
#: Seconds that a person needs at the least to fill the form; who is faster waits for the rest.
_MINIMO = 2

_CSP_PAGINA = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none';"
    " style-src '{estilo}'; frame-ancestors {marcos}"
)


class SolicitudDeInscripcion(esquema_de(c.SolicitarAlta, "llave", "origen")):  # type: ignore[misc]
    """What a form sends. A person never fills `sitio_web`: its label asks to leave it empty."""

    acepta_aviso = ma.fields.Boolean(
        required=True,
        validate=validate.Equal(True, error="Para registrarse, lea y acepte el aviso de privacidad."),
        metadata={"description": "Siempre true: se leyó y aceptó el aviso de privacidad."},
    )
    sitio_web = ma.fields.String(
        load_default="", validate=[c.SIN_NULOS, validate.Length(max=500)], metadata={"description": "Vacío."}
    )
    boleto = ma.fields.String(
        load_default=None,
        validate=[c.SIN_NULOS, validate.Length(max=1000)],
        metadata={"description": "El del formulario; sin él se admiten menos altas por hora."},
    )


class SolicitudDeAlta(SolicitudDeInscripcion):
    """The same with a publishable key."""

    llave = ma.fields.String(
        load_default=None,
        validate=c.LLAVE_PUBLICA,
        metadata={"description": f"La llave pública, si no va en la cabecera {CABECERA_LLAVE}."},
    )


class FormularioSalida(esquema_de(c.Formulario, "origenes")):  # type: ignore[misc]
    """Texts of the form."""


@blp.before_request
def _revisar_origen() -> None:
    """May the page that asks read the answer? Said before anything can fail, so that it can read the errors too."""
    sitio = request.headers.get("Origin")
    if sitio is None or not request.path.startswith((_ALTAS, _FORMULARIO)) or es_propio(sitio):
        return
    limitar("publico", origen(ip()), *_POR_MINUTO)
    if len(sitio) <= 300 and "\0" not in sitio:
        # A preflight does not carry the header: any key of that site will do, and the call itself is checked whole.
        llave = None if request.method == "OPTIONS" else _llave_dicha()
        if sitio_permitido(sitio, llave):
            g.sitio = sitio


def sitio_permitido(sitio: str, llave: str | None) -> bool:
    """Whether pages of this origin may use the key, or some key when none is known yet."""
    return llamar(c.PERMITIR_ORIGEN, c.PermitirOrigen(origen=sitio, llave=llave)).permitido


@blp.after_request
def _permitir(respuesta: Response) -> Response:
    """CORS for that one origin. Never with credentials."""
    if request.path.startswith((_ALTAS, _FORMULARIO)):
        respuesta.vary.add("Origin")
        sitio = g.get("sitio")
        if sitio is not None:
            respuesta.headers["Access-Control-Allow-Origin"] = sitio
            respuesta.headers["Access-Control-Expose-Headers"] = "Retry-After, X-Correlation-Id"
            if request.method == "OPTIONS":
                respuesta.headers["Access-Control-Allow-Methods"] = "GET, POST"
                respuesta.headers["Access-Control-Allow-Headers"] = f"Content-Type, {CABECERA_LLAVE}, {CLAVE}"
                respuesta.headers["Access-Control-Max-Age"] = "600"
    return respuesta


@blp.route("/v1/publico/llaves/<llave>")
class UnFormulario(MethodView):
    @publica
    @blp.response(200, FormularioSalida)
    def get(self, llave: str) -> Any:
        """Textos del formulario de una llave pública: título, aviso de privacidad y su versión."""
        limitar("publico-formulario", origen(ip()), *_POR_MINUTO)
        return _formulario(llave, sitio_ajeno())


@blp.route(_ALTAS)
class AltasPublicas(MethodView):
    @publica
    @blp.arguments(SolicitudDeAlta)
    @blp.response(202, esquema_de(c.AltaRecibida))
    def post(self, datos: dict[str, Any]) -> Any:
        """Pide el alta como distribuidor de la Cuenta Maestra de la llave. La respuesta es la misma para todo correo.

        La cabecera Origin debe ser de un sitio de la llave. Con `Idempotency-Key` un reintento no pide dos veces.
        """
        llave = _llave_dicha() or datos["llave"]
        if llave is None:
            raise campo_invalido("llave", f"Envíe la llave pública en la cabecera {CABECERA_LLAVE}.")
        if request.headers.get("Origin") is None:
            raise DomainError(
                Codigo.NO_PERMITIDO,
                "Falta la cabecera Origin con el sitio del formulario. El navegador la envía por sí mismo.",
            )
        sitio = sitio_ajeno()
        if sitio is not None and g.get("sitio") is None and not sitio_permitido(sitio, llave):
            raise DomainError(
                Codigo.NO_PERMITIDO,
                "Este sitio no puede usar esa llave. Agregue su origen a una llave pública de su Cuenta Maestra.",
            )
        return pedir(datos, llave, sitio)


@blp.route("/publico/alta.js")
class Guion(MethodView):
    @publica
    @blp.doc(responses={200: {"description": "El formulario, para incluirlo en una página."}})
    def get(self) -> Response:
        """El formulario de alta: `<script src="…/publico/alta.js" data-llave="pk_…" async></script>`."""
        cuerpo, etiqueta = _archivo("alta.js")
        respuesta = Response(cuerpo, content_type="text/javascript; charset=utf-8")
        respuesta.headers["Cache-Control"] = "public, max-age=300"
        respuesta.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        respuesta.headers["Access-Control-Allow-Origin"] = "*"
        respuesta.set_etag(etiqueta)
        respuesta.make_conditional(request)
        return respuesta


@blp.route("/publico/alta")
class Pagina(MethodView):
    @publica
    @blp.doc(
        responses={
            200: {"description": "Página con el formulario.", "content": {"text/html": {}}},
            404: {
                "description": "La misma página, que dice que no está disponible.",
                "content": {"text/html": {}},
            },
        }
    )
    def get(self) -> Response:
        """El formulario de alta en una página propia; sólo los sitios de la llave la pueden mostrar en un marco."""
        limitar("publico-formulario", origen(ip()), *_POR_MINUTO)
        llave, estado, marcos = request.args.get("llave", ""), 200, "'none'"
        try:
            marcos = " ".join(["'self'", *_formulario(llave, None).origenes])
        except DomainError as error:
            if error.code not in (Codigo.NO_ENCONTRADO, Codigo.DATOS_INVALIDOS):
                raise
            # The page says so itself, as it does on a foreign page.
            estado = 404
        cuerpo = _archivo("alta.html")[0].decode().replace("{llave}", html.escape(llave[:100], quote=True))
        respuesta = Response(cuerpo, estado, content_type="text/html; charset=utf-8")
        respuesta.headers["Content-Security-Policy"] = _politica("alta.html", marcos)
        respuesta.headers["Cache-Control"] = "no-cache"
        respuesta.set_etag(hashlib.sha256(f"{marcos}\n{cuerpo}".encode()).hexdigest()[:32])
        if estado == 200:
            respuesta.make_conditional(request)
        return respuesta


@blp.route("/publico/aviso-de-privacidad")
class Aviso(MethodView):
    @publica
    @blp.doc(
        responses={
            200: {"description": "El aviso de privacidad vigente, para leerlo.", "content": {"text/html": {}}}
        }
    )
    def get(self) -> Response:
        """El aviso de privacidad de Cuenta Maestra, que enlaza el formulario de alta."""
        limitar("publico-formulario", origen(ip()), *_POR_MINUTO)
        aviso = llamar(c.LEER_AVISO, c.LeerAviso())
        # Days are those of Mexico: what was published in the evening is not of tomorrow.
        pie = f"Versión {aviso.version}, publicada el {aviso.publicado_en.astimezone(_ZONA):%d/%m/%Y}."
        cuerpo = (
            _archivo("aviso.html")[0].decode().replace("{texto}", _parrafos(aviso.texto) + f"<p>{pie}</p>")
        )
        respuesta = Response(cuerpo, content_type="text/html; charset=utf-8")
        respuesta.headers["Content-Security-Policy"] = _politica("aviso.html", "'none'")
        respuesta.headers["Cache-Control"] = "no-cache"
        return respuesta


def _politica(pagina: str, marcos: str) -> str:
    """The policy of a page of ours: of styles, only the one that is written in it."""
    estilo = _archivo(pagina)[0].partition(b"<style>")[2].partition(b"</style>")[0]
    huella = base64.b64encode(hashlib.sha256(estilo).digest()).decode()
    return _CSP_PAGINA.format(estilo=f"sha256-{huella}", marcos=marcos)


def _parrafos(markdown: str) -> str:
    """Headings, lists and paragraphs; every text is escaped, so that a notice can't carry markup of its own."""
    bloques: list[tuple[str, str]] = []
    sigue = False
    for linea in markdown.splitlines():
        texto = html.escape(linea.strip())
        marca, _, resto = texto.partition(" ")
        if marca in ("#", "##", "###", "-"):
            bloques.append(("li" if marca == "-" else f"h{len(marca)}", resto))
            sigue = marca == "-"
        elif texto and sigue:
            bloques[-1] = (bloques[-1][0], f"{bloques[-1][1]} {texto}")
        elif texto:
            bloques.append(("p", texto))
            sigue = True
        else:
            sigue = False
    cuerpo = "".join(f"<{etiqueta}>{texto}</{etiqueta}>" for etiqueta, texto in bloques)
    return re.sub(r"((?:<li>.*?</li>)+)", r"<ul>\1</ul>", cuerpo)


def pedir(datos: dict[str, Any], llave: str | None, sitio: str | None) -> Any:
    """An alta with a key, or the root's inscription without one; both have the same limits."""
    trampa, boleto = datos.pop("sitio_web"), datos.pop("boleto")
    datos.pop("llave", None)
    limite = _SIN_BOLETO if boleto is None else _CON_BOLETO
    con = "" if boleto is not None else "-sin-boleto"
    limitar_origen(f"publico-altas{con}", ip(), *limite)
    if boleto is not None:
        _revisar_boleto(boleto, llave)
    if trampa:
        # A program that fills every field. It is told what everybody is, and nothing is done.
        return _formulario_vacio()
    # One bucket for all strangers: last, so that what is refused anyway takes nothing of it.
    limitar(f"publico-altas-por-llave{con}", llave or "", *_POR_LLAVE)
    ambito = f"publico:{llave or 'raiz'}"
    clave = clave_si_viene(ambito)
    return llamar(
        c.SOLICITAR_ALTA,
        c.SolicitarAlta(clave=clave, llave=llave, origen=sitio, origen_ip=ip(), **datos),
    )


def sitio_ajeno() -> str | None:
    """Origin of the page that asks; None for our own pages and for what is no page."""
    sitio = request.headers.get("Origin")
    return None if sitio is None or es_propio(sitio) else sitio


def es_propio(sitio: str) -> bool:
    """Our own pages: the same host, whatever stands in front of us for TLS."""
    return urlsplit(sitio).netloc == request.host


def _formulario(llave: str, sitio: str | None) -> c.Formulario:
    return llamar(c.CONSULTAR_FORMULARIO, c.ConsultarFormulario(llave=limpia(llave), origen=sitio))


def _formulario_vacio() -> dict[str, str]:
    return {"mensaje": "Gracias. Le enviamos un correo con un enlace para confirmar su registro."}


def _llave_dicha() -> str | None:
    """The key of the request: in the path of the form, or in the header."""
    de_la_ruta = (request.view_args or {}).get("llave")
    dicha = de_la_ruta or request.headers.get(CABECERA_LLAVE) or _llave_del_cuerpo()
    return limpia(dicha) if isinstance(dicha, str) else None


def limpia(llave: str) -> str:
    """A key as it was given, or one that nobody has when it has not even the form: neither the bus nor PostgreSQL
    takes every text."""
    return llave if _FORMA.fullmatch(llave) else "pk_"


def _llave_del_cuerpo() -> Any:
    cuerpo = request.get_json(silent=True) if request.method == "POST" else None
    return cuerpo.get("llave") if isinstance(cuerpo, dict) else None


def _revisar_boleto(boleto: str, llave: str | None) -> None:
    """The ticket of a form of this key, given some seconds ago and not a day. Raises 422 or 429."""
    caduco = campo_invalido("boleto", "El formulario estuvo abierto demasiado tiempo. Recárguelo y repita.")
    try:
        datos = jwt.decode(
            boleto, auth._llave_publica(), algorithms=["EdDSA"], options={"require": ["exp", "iat"]}
        )
    except jwt.InvalidTokenError:
        raise caduco from None
    if datos.get("uso") != "alta" or datos.get("llave") != llave:
        raise caduco
    faltan = _MINIMO - (int(time.time()) - int(datos["iat"]))
    if faltan > 0:
        raise DomainError(
            Codigo.DEMASIADOS_INTENTOS,
            "Espere unos segundos y vuelva a enviar el formulario.",
            datos={"reintentar_en": faltan},
        )


@lru_cache(maxsize=8)
def _archivo(nombre: str) -> tuple[bytes, str]:
    cuerpo = (_ARCHIVOS / nombre).read_bytes()
    return cuerpo, hashlib.sha256(cuerpo).hexdigest()[:32]
