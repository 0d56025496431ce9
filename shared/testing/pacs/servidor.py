"""What the local PACs share: they stamp for real, remember what they stamped, and fail in every way a PAC fails.

Each is an HTTP server on a port of its own. `fallar` makes the next stampings go wrong: before it is stamped, after
it, or with an answer that must not be believed. Never imports `services`: its stamps are a second opinion.

For a person: `python -m shared.testing.pacs finkok --carpeta DIR` starts one and says how to configure it.
"""

from __future__ import annotations

import base64
import threading
import tomllib
from collections import deque
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from http.server import ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from uuid import UUID, uuid4

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from lxml import etree

from shared.testing.certificados import Autoridad, ParDePrueba
from shared.testing.cfdi import NS_TFD, ZONA
from shared.testing.pacs.cable import Cable, Peticion, Salida, manejador

PREFIJO: Final = "30001000000"
"""Of the certificates of the SAT's test PACs; ours look like theirs, signed by nobody but the test authority."""
USUARIO: Final = "cuenta-maestra@prueba.mx"
SECRETO: Final = "un-secreto-de-prueba"
CONTRATO: Final = "00000000-0000-4000-8000-000000000001"
_CUELGUE: Final = 30.0


class Falla(StrEnum):
    """Ways in which the next request goes wrong, for one request each."""

    RECHAZAR = "rechazar"
    """Refuses the document for certain, with a recorded answer."""
    COLGAR_ANTES = "colgar_antes"
    """Reads, never stamps, never answers."""
    COLGAR_DESPUES = "colgar_despues"
    """Stamps, never answers."""
    CORTAR_ANTES = "cortar_antes"
    """Reads, never stamps, closes."""
    CORTAR_DESPUES = "cortar_despues"
    """Stamps, closes without an answer."""
    CORTAR_A_MEDIAS = "cortar_a_medias"
    """Stamps, closes in the middle of the answer."""
    GOTEAR = "gotear"
    """Stamps, and lets its answer drip a byte at a time, for ever."""
    BASURA = "basura"
    """Stamps, answers what is not of its protocol."""
    SELLO_FALSO = "sello_falso"
    """Answers a stamp whose SelloSAT was made with another key."""
    AJENO = "ajeno"
    """Answers another document's stamp."""
    REPETIDO_SIN_XML = "repetido_sin_xml"
    """Stamps, and says that it had done so before without giving the stamp."""
    CREDENCIALES = "credenciales"
    """Does not accept our account."""
    SIN_SALDO = "sin_saldo"
    """Our account there has no stamps left."""
    DEMASIADAS = "demasiadas"
    """HTTP 429."""
    ERROR_500 = "error_500"
    """Stamps, then breaks with HTTP 500."""
    NO_DISPONIBLE = "no_disponible"
    """HTTP 503 before anything."""
    LENTO = "lento"
    """Stamps, answers after 0.3 s: well."""


@dataclass(frozen=True, slots=True)
class Timbre:
    """One stamp that it made. `en` is aware."""

    uuid: UUID
    emisor: str
    en: datetime
    tfd: str
    documento: bytes
    """With its TFD, UTF-8."""


class Sellador:
    """Who signs: a certificate of the shape of a PAC's, of the test authority."""

    def __init__(self, autoridad: Autoridad, rfc: str, nombre: str) -> None:
        self.rfc = rfc
        self.par = autoridad.emitir(rfc, nombre, numero=_numero())
        self._otra: ParDePrueba | None = None
        self._autoridad = autoridad

    def timbrar(self, xml: bytes, *, falso: bool = False, sello: str | None = None) -> Timbre:
        """A fresh stamp of the document. `falso`: signed with another key. `sello`: of another document."""
        raiz = etree.fromstring(xml)
        en = datetime.now(ZONA).replace(microsecond=0)
        uuid = uuid4()
        fecha = en.strftime("%Y-%m-%dT%H:%M:%S")
        sello_cfd = sello or raiz.get("Sello", "")
        cadena = f"||1.1|{str(uuid).upper()}|{fecha}|{self.rfc}|{sello_cfd}|{self.par.numero}||"
        llave = (self._de_otro() if falso else self.par).llave
        firma = base64.b64encode(llave.sign(cadena.encode(), padding.PKCS1v15(), hashes.SHA256())).decode()
        tfd = (
            f'<tfd:TimbreFiscalDigital xmlns:tfd="{NS_TFD}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
            f' xsi:schemaLocation="{NS_TFD} http://www.sat.gob.mx/sitio_internet/cfd/TimbreFiscalDigital/'
            f'TimbreFiscalDigitalv11.xsd" Version="1.1" UUID="{str(uuid).upper()}" FechaTimbrado="{fecha}"'
            f' RfcProvCertif="{self.rfc}" SelloCFD="{sello_cfd}" NoCertificadoSAT="{self.par.numero}"'
            f' SelloSAT="{firma}"/>'
        )
        espacio = etree.QName(raiz).namespace
        complemento = raiz.find(f"{{{espacio}}}Complemento")
        if complemento is None:
            complemento = etree.SubElement(raiz, f"{{{espacio}}}Complemento")
            addenda = raiz.find(f"{{{espacio}}}Addenda")
            if addenda is not None:
                addenda.addprevious(complemento)
        complemento.append(etree.fromstring(tfd))
        documento = etree.tostring(raiz, encoding="UTF-8", xml_declaration=True)
        return Timbre(uuid, rfc_emisor(raiz), en, tfd, documento)

    def _de_otro(self) -> ParDePrueba:
        self._otra = self._otra or self._autoridad.emitir(self.rfc, "OTRO", numero=self.par.numero)
        return self._otra


class ServidorPac:
    """A PAC on a local port, in threads of this process; use it with `with`."""

    nombre = ""
    rfc = ""
    razon = ""

    def __init__(self, autoridad: Autoridad, puerto: int = 0) -> None:
        self.sellador = Sellador(autoridad, self.rfc, self.razon)
        self.timbres: dict[str, Timbre] = {}
        """By the document's seal."""
        self.peticiones: list[Peticion] = []
        self.timbrados = 0
        """Stamps made: as many as different documents, if nobody made it stamp twice."""
        self.aceptaciones: dict[str, str] = {}
        """UUID → code of its cancellation."""
        self._fallas: deque[Falla] = deque()
        self._candado = threading.Lock()
        self._fin = threading.Event()
        self._http = ThreadingHTTPServer(("127.0.0.1", puerto), manejador(self.servir))
        self._http.daemon_threads = True
        self._hilo = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        """Its address, without a final slash."""
        return f"http://127.0.0.1:{self._http.server_port}"

    @property
    def urls(self) -> dict[str, str]:
        """What `urls` of PACS_FILE is for this one: every service at this address."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        self._hilo.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.parar()

    def parar(self) -> None:
        """Stop listening: what connects later is refused."""
        self._fin.set()
        self._http.shutdown()
        self._http.server_close()

    def fallar(self, *fallas: Falla) -> None:
        """The next requests to stamp go wrong in these ways, one each."""
        with self._candado:
            self._fallas.extend(fallas)

    # -- what each PAC says --------------------------------------------------------------------------

    def es_timbrado(self, p: Peticion) -> bool:
        """Whether the request asks to stamp: the ones that fail."""
        raise NotImplementedError

    def atender(self, p: Peticion, falla: Falla | None) -> Salida:
        """Answer. `falla` is one of those that the protocol itself tells."""
        raise NotImplementedError

    # -- for the servers -----------------------------------------------------------------------------

    def timbrar(self, xml: bytes, falla: Falla | None, clave: str | None = None) -> tuple[Timbre, bool]:
        """The stamp to answer with, and whether the document had one. `clave`: instead of its seal."""
        identidad = clave or str(etree.fromstring(xml).get("Sello"))
        with self._candado:
            if falla is Falla.SELLO_FALSO:
                return self.sellador.timbrar(xml, falso=True), False
            if falla is Falla.AJENO:
                return self.sellador.timbrar(
                    xml, sello=base64.b64encode(b"otro documento" * 8).decode()
                ), False
            anterior = self.timbres.get(identidad)
            if anterior is not None:
                return anterior, True
            timbre = self.timbres[identidad] = self.sellador.timbrar(xml)
            self.timbrados += 1
            return timbre, False

    def cancelar(self, uuid: str, emisor: str = "") -> str:
        """The SAT's code for a cancellation: 201 the first time, 202 later, 205 unknown, 203 of somebody else."""
        with self._candado:
            hallado = next((t for t in self.timbres.values() if str(t.uuid).upper() == uuid.upper()), None)
            if hallado is None:
                return "205"
            if emisor and hallado.emisor != emisor:
                return "203"
            codigo = "202" if uuid.upper() in self.aceptaciones else "201"
            self.aceptaciones[uuid.upper()] = codigo
            return codigo

    def estado(self, uuid: str) -> str:
        """What the SAT would say of it."""
        if uuid.upper() in self.aceptaciones:
            return "Cancelado"
        conocidos = {str(t.uuid).upper() for t in self.timbres.values()}
        return "Vigente" if uuid.upper() in conocidos else "No Encontrado"

    # -- inside --------------------------------------------------------------------------------------

    def _tomar(self, p: Peticion) -> Falla | None:
        with self._candado:
            self.peticiones.append(p)
            return self._fallas.popleft() if self._fallas and self.es_timbrado(p) else None

    def servir(self, p: Peticion, cable: Cable) -> None:
        """One request, its injected failure included."""
        falla = self._tomar(p)
        if self._antes(falla, cable):
            return
        self._despues(falla, self.atender(p, falla), cable)

    def _antes(self, falla: Falla | None, cable: Cable) -> bool:
        """Failures of one that has not looked at the request; whether it was one."""
        match falla:
            case Falla.COLGAR_ANTES:
                self._fin.wait(_CUELGUE)
                cable.cortar()
            case Falla.CORTAR_ANTES:
                cable.cortar()
            case Falla.NO_DISPONIBLE:
                cable.escribir(Salida(b"Service Unavailable", 503, "text/plain"))
            case Falla.DEMASIADAS:
                cable.escribir(Salida(b"Too Many Requests", 429, "text/plain", {"Retry-After": "1"}))
            case _:
                return False
        return True

    def _despues(self, falla: Falla | None, salida: Salida, cable: Cable) -> None:
        """Failures of one that has done its work."""
        match falla:
            case Falla.COLGAR_DESPUES:
                self._fin.wait(_CUELGUE)
                cable.cortar()
            case Falla.CORTAR_DESPUES:
                cable.cortar()
            case Falla.CORTAR_A_MEDIAS:
                cable.a_medias(salida)
            case Falla.GOTEAR:
                cable.gotear(salida, self._fin)
            case Falla.BASURA:
                cable.escribir(Salida(b"<html><body>Bad gateway", 200, "text/html"))
            case Falla.ERROR_500:
                cable.escribir(Salida(b"Internal Server Error", 500, "text/plain"))
            case Falla.LENTO:
                self._fin.wait(0.3)
                cable.escribir(salida)
            case _:
                cable.escribir(salida)


@cache
def grabadas(nombre: str) -> dict[str, dict[str, str]]:
    """Recorded answers of a PAC by name: `codigo`, `mensaje`, or a whole `cuerpo`, each with its `fuente`."""
    leidas: dict[str, dict[str, str]] = tomllib.loads(
        (Path(__file__).parent / "grabadas" / f"{nombre}.toml").read_text(encoding="utf-8")
    )
    return leidas


def rfc_emisor(raiz: etree._Element) -> str:
    """Of a CFDI or a retention receipt."""
    nodo = raiz.find(f"{{{etree.QName(raiz).namespace}}}Emisor")
    return "" if nodo is None else nodo.get("Rfc") or nodo.get("RfcE") or ""


def es_retencion(xml: bytes) -> bool:
    """By its root."""
    return etree.QName(etree.fromstring(xml)).localname == "Retenciones"


def uuid_de_cancelacion(xml: bytes) -> tuple[str, str]:
    """UUID and RFC of a signed Cancelacion of the SAT (or of what a test calls so)."""
    raiz = etree.fromstring(xml)
    folio = next(iter(raiz.iter("{*}Folio", "{*}UUID")), None)
    uuid = "" if folio is None else folio.get("UUID") or (folio.text or "").strip()
    return uuid, raiz.get("RfcEmisor", "")


def acuse(uuid: str, codigo: str, rfc: str) -> str:
    """The SAT's acuse, unsigned: enough for what is read of it."""
    fecha = datetime.now(ZONA).strftime("%Y-%m-%dT%H:%M:%S")
    return (
        f'<Acuse xmlns="http://cancelacfd.sat.gob.mx" Fecha="{fecha}" RfcEmisor="{rfc}"><Folios>'
        f"<UUID>{uuid.upper()}</UUID><EstatusUUID>{codigo}</EstatusUUID></Folios></Acuse>"
    )


def _numero() -> str:
    return PREFIJO + "".join(str(d % 10) for d in uuid4().bytes[:9])
