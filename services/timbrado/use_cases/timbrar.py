"""The stamping pipeline: validate → hold → PAC → capture, for a lot of CFDI that arrived together.

The hold is committed before the PAC is called; capture or release after its answer (domain: Stamping).
Wherever the process dies, what is left is a row in `timbrados` in state pendiente with its hold, and
the reconciler (`conciliar.py`) finishes it. Only a definite refusal releases a hold.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from services.timbrado import domain
from services.timbrado.cfdi.tfd import insertar
from services.timbrado.cfdi.validacion import CfdiValido, Validador
from services.timbrado.credenciales import Credenciales
from services.timbrado.domain import ilimitada, uso
from services.timbrado.pac.protocolo import Rechazado, Solicitud
from services.timbrado.use_cases.aplicaciones import Admitir, negar_ilimitada
from services.timbrado.use_cases.envio import Envio, Hecho
from services.timbrado.use_cases.recuperar import huella_de, previo
from shared.contracts import timbrado as c
from shared.crash import crash_point
from shared.errors import Codigo, DomainError, campo_invalido, no_encontrado
from shared.ledger.domain import Rechazo, Retencion
from shared.persistence.uow import UnitOfWork

if TYPE_CHECKING:
    from services.timbrado.domain import CtiGuardada
    from services.timbrado.repository import Directo, Repositorio, TimbradoConocido

MAXIMO_POR_LOTE = 128


@dataclass(slots=True)
class _Trabajo:
    """One invoice of the lot on its way; `cti`, `idd` and what follows are the first request's."""

    id: UUID
    valido: CfdiValido
    cti: CtiGuardada
    idd: str | None
    contrasena: str = field(default="", repr=False)
    ip: str | None = None
    caduco: bool = False
    """Its CTI changed since this process verified the credential."""
    tfd: bytes | None = None
    uuid: UUID | None = None
    repetido: bool = False
    error: DomainError | None = None

    def solicitud(self) -> Solicitud:
        v = self.valido
        return Solicitud(v.huella, v.xml, v.sello, v.emisor, v.no_certificado, v.receptor, v.total)


class Timbrador:
    """The pipeline with what it needs: validator, PAC, credentials, and a way to open transactions."""

    def __init__(
        self,
        validador: Validador,
        envio: Envio,
        credenciales: Credenciales,
        uow: Callable[[], UnitOfWork[Repositorio]],
        directo: Directo,
        emision: int,
        admitir: Admitir = negar_ilimitada,
    ) -> None:
        self._validador = validador
        self._envio = envio
        self._credenciales = credenciales
        self._uow = uow
        self._directo = directo
        self._emision = emision
        self._admitir = admitir

    # -- calls ---------------------------------------------------------------------------------------

    def timbrar_lote(self, peticion: c.LoteDeTimbrado) -> c.ResultadosDeTimbrado:
        """One result per request, in order. One request's failure never touches another's."""
        solicitudes = peticion.solicitudes
        if len(solicitudes) > MAXIMO_POR_LOTE:
            raise campo_invalido("solicitudes", f"Envíe como máximo {MAXIMO_POR_LOTE} comprobantes por lote.")
        trabajos: list[_Trabajo | DomainError] = []
        por_huella: dict[bytes, _Trabajo] = {}
        self._validador.anticipar([s.xml for s in solicitudes])
        ctis = self._credenciales.verificar([(s.cti, s.contrasena) for s in solicitudes])
        for solicitud, cti in zip(solicitudes, ctis, strict=True):
            trabajo = self._preparar(solicitud, cti)
            if isinstance(trabajo, _Trabajo):
                # The same invoice twice in one lot is one job; its second request is a repeat.
                trabajo = por_huella.setdefault(trabajo.valido.huella, trabajo)
            trabajos.append(trabajo)
        if por_huella:
            self._procesar(list(por_huella.values()))
        previos = self._previos(solicitudes, ctis, trabajos)
        vistos: set[UUID] = set()
        resultados = []
        for i, (solicitud, trabajo) in enumerate(zip(solicitudes, trabajos, strict=True)):
            resultados.append(previos.get(i) or _resultado(solicitud, trabajo, vistos))
        return c.ResultadosDeTimbrado(resultados=resultados)

    def validar(self, s: c.SolicitudDeTimbrado) -> c.ResultadoDeTimbrado:
        """The same checks as stamping, free: an error, or nothing but the idd."""
        [cti] = self._credenciales.verificar([(s.cti, s.contrasena)], al_dia=True)
        trabajo = self._preparar(s, cti)
        return _error(s, trabajo) if isinstance(trabajo, DomainError) else c.ResultadoDeTimbrado(idd=s.idd)

    def consultar(self, p: c.ConsultarTimbrado) -> c.ResultadoDeTimbrado:
        """A CFDI that this CTI stamped, by UUID or idd."""
        [cti] = self._credenciales.verificar([(p.cti, p.contrasena)], al_dia=True)
        if cti is None:
            raise domain.credenciales_invalidas()
        with self._uow() as uow:
            hallado = uow.repo.timbrado_de(cti.id, p.uuid_o_idd)
            if hallado is None:
                raise no_encontrado("un comprobante timbrado con ese UUID o idd")
            if hallado.tfd is None:
                raise domain.pendiente()
            return c.ResultadoDeTimbrado(
                uuid=hallado.uuid,
                xml=insertar(bytes(hallado.xml), bytes(hallado.tfd)).decode(),
                idd=hallado.idd or str(hallado.uuid).upper(),
                repetido=True,
            )

    # -- steps ---------------------------------------------------------------------------------------

    def _preparar(self, s: c.SolicitudDeTimbrado, cti: CtiGuardada | None) -> _Trabajo | DomainError:
        try:
            if cti is None:
                raise domain.credenciales_invalidas()
            if s.idd is not None and not 1 <= len(s.idd) <= domain.IDD_MAXIMO:
                raise campo_invalido("idd", f"El idd debe tener de 1 a {domain.IDD_MAXIMO} caracteres.")
            valido = self._validador.validar(s.xml.encode(), datetime.now(UTC))
            cti = self._revisar_uso(cti, valido.emisor, s)
            if cti.tipo == domain.TipoCti.ILIMITADA:
                cti = self._admitir(cti, valido.emisor, s)
            return _Trabajo(uuid4(), valido, cti, s.idd, s.contrasena, s.ip)
        except DomainError as exc:
            return exc

    def _previos(
        self,
        solicitudes: Sequence[c.SolicitudDeTimbrado],
        ctis: Sequence[CtiGuardada | None],
        trabajos: Sequence[_Trabajo | DomainError],
    ) -> dict[int, c.ResultadoDeTimbrado]:
        """By place in the lot, earlier stamps of documents that only time or newer rules refuse."""
        tardias: dict[bytes, list[int]] = {}
        for i, (s, cti, trabajo) in enumerate(zip(solicitudes, ctis, trabajos, strict=True)):
            if cti is None or not isinstance(trabajo, DomainError):
                continue
            if domain.puede_ser_repetido(str(trabajo.datos.get("codigo_sat", ""))):
                tardias.setdefault(huella_de(s.xml.encode())[0], []).append(i)
        if not tardias:
            return {}
        with self._uow() as uow:
            conocidos = uow.repo.conocidos(list(tardias), [])
        return {
            i: previo(k, solicitudes[i].idd)
            for k in conocidos
            if k.tfd is not None
            for i in tardias.get(bytes(k.huella), [])
        }

    def _revisar_uso(self, cti: CtiGuardada, emisor: str, s: c.SolicitudDeTimbrado) -> CtiGuardada:
        """The CTI to spend with; what a remembered one refuses is read again, since its limits may have been eased."""
        try:
            uso.revisar(cti, emisor, s.ip)
            return cti
        except DomainError:
            [actual] = self._credenciales.verificar([(s.cti, s.contrasena)], al_dia=True)
            if actual is None:
                raise domain.credenciales_invalidas() from None
            uso.revisar(actual, emisor, s.ip)
            return actual

    def _procesar(self, trabajos: list[_Trabajo]) -> None:
        pac = self._envio.pacs.elegir()
        if pac is None:
            self._sin_pac(trabajos)
            return
        nuevos = self._retener(trabajos, pac.nombre)
        if not nuevos:
            return
        crash_point("timbrado.despues_de_retener")
        hechos = [Hecho(t.id, t.cti.id, t.solicitud()) for t in nuevos]
        respuestas = self._envio.enviar(hechos, pac)
        crash_point("timbrado.despues_del_pac")
        tfds = self._envio.terminar(respuestas)
        crash_point("timbrado.despues_de_captura")
        resultados = {h.id: r for h, r, _ in respuestas}
        for t in nuevos:
            match resultados[t.id]:
                case Rechazado(codigo, mensaje):
                    t.error = DomainError(
                        Codigo.PAC_RECHAZO, f"{codigo}: {mensaje}", datos={"codigo_sat": codigo}
                    )
                case _ if t.id in tfds:
                    t.uuid, t.tfd = tfds[t.id]
                case _:
                    t.error = domain.pendiente()

    def _sin_pac(self, trabajos: list[_Trabajo]) -> None:
        """No PAC may be asked: repeats get their stamp all the same, the others are refused and hold nothing."""
        with self._uow() as uow:
            _responder_repetidos(uow, trabajos)
            conocidas = {bytes(k.huella) for k in uow.repo.conocidos([t.valido.huella for t in trabajos], [])}
        for t in trabajos:
            if t.error is not None and t.valido.huella not in conocidas:
                t.error = domain.sin_pac()

    def _retener(self, trabajos: list[_Trabajo], pac: str) -> list[_Trabajo]:
        """Commit the holds; answers the jobs that now hold a timbre. The others got their result."""
        crash_point("timbrado.antes_de_retener")
        # A limit of stampings a minute is counted under the account's lock: the long way does it.
        directos = [t for t in trabajos if t.cti.por_minuto is None]
        retenidos: set[UUID] = set()
        if directos:
            retenidos = self._directo.retener([self._fila(t) for t in directos], pac, self._envio.plazo)
        resto = [t for t in trabajos if t.id not in retenidos]
        if resto:
            retenidos |= self._retener_con_motivos(resto, pac)
            # A changed credential is verified anew within the call: whoever has the right one is not told 401.
            if vigentes := self._reverificar([t for t in resto if t.caduco]):
                retenidos |= self._retener_con_motivos(vigentes, pac)
        return [t for t in trabajos if t.id in retenidos]

    def _retener_con_motivos(self, trabajos: list[_Trabajo], pac: str) -> set[UUID]:
        """The long way, that says why: repeats get their stamp, refusals their reason; answers those that hold."""
        with self._uow() as uow:
            # Accounts before invoices, as in `Directo`, or two lots could wait for each other.
            cuentas = uow.repo.libro.tomar([t.cti.libro_id for t in trabajos])
            for t in trabajos:
                t.caduco = t.cti.version != cuentas[t.cti.libro_id].version
            trabajos = [t for t in trabajos if not t.caduco]
            if not trabajos:
                return set()
            creados = uow.repo.abrir_timbrados([self._fila(t) for t in trabajos], pac, self._envio.plazo)
            repetidos = [t for t in trabajos if t.id not in creados]
            if repetidos:
                _responder_repetidos(uow, repetidos)
            nuevos = [t for t in trabajos if t.id in creados]
            if not nuevos:
                return set()
            _limitar(uow, nuevos)
            por_retener = [t for t in nuevos if t.error is None]
            rechazos = uow.repo.libro.retener(
                [Retencion(t.id, t.cti.libro_id, 1, t.cti.version, self._cargo(t.cti)) for t in por_retener]
            )
            for t, rechazo in zip(por_retener, rechazos, strict=True):
                if rechazo is not None:
                    t.error = _rechazo(rechazo)
            fallidos = [t.id for t in nuevos if t.error is not None]
            if fallidos:
                uow.repo.olvidar(fallidos)
            uow.commit()
        return {t.id for t in nuevos if t.error is None}

    def _reverificar(self, caducos: list[_Trabajo]) -> list[_Trabajo]:
        """Verify once more those whose CTI changed meanwhile; answers the jobs that may try the hold again.

        One that changes yet again stays without a result, which is told as pendiente: the repeat will see it.
        """
        for t in caducos:
            self._credenciales.olvidar(t.cti.id)
        ctis = self._credenciales.verificar([(t.cti.id, t.contrasena) for t in caducos])
        for t, cti in zip(caducos, ctis, strict=True):
            try:
                if cti is None:
                    raise domain.credenciales_invalidas()
                uso.revisar(cti, t.valido.emisor, t.ip)
                if cti.tipo == domain.TipoCti.ILIMITADA:
                    ilimitada.revisar(cti, t.valido.emisor, datetime.now(UTC))
                t.cti = cti
            except DomainError as exc:
                t.error = exc
        return [t for t in caducos if t.error is None]

    def _fila(self, t: _Trabajo) -> dict[str, Any]:
        v = t.valido
        return {
            "ids": t.id, "huellas": v.huella, "ctis": t.cti.id, "cuentas": t.cti.cuenta_id,
            "clientes": t.cti.cliente_id, "idds": t.idd, "emisores": v.emisor, "receptores": v.receptor,
            "tipos": v.tipo, "totales": v.total, "sellos": v.sello, "numeros": v.no_certificado, "xmls": v.xml,
            "libros": t.cti.libro_id, "versiones": t.cti.version, "cargos": self._cargo(t.cti),
        }  # fmt: skip

    def _cargo(self, cti: CtiGuardada) -> int | None:
        """An ilimitada has no balance: its timbres are minted as they are spent (domain: Words)."""
        return self._emision if cti.tipo == domain.TipoCti.ILIMITADA else None


def _limitar(uow: UnitOfWork[Repositorio], nuevos: Sequence[_Trabajo]) -> None:
    """Refuse what exceeds a CTI's stampings a minute; costs a statement only where a CTI has that limit.

    The accounts are locked by then, so whoever counts later sees what was admitted before: exact in any number of
    replicas.
    """
    limitados = [t for t in nuevos if t.cti.por_minuto is not None]
    if not limitados:
        return
    ocupacion = uow.repo.ocupacion_del_minuto(sorted({t.cti.id for t in limitados}))
    propios = Counter(t.cti.id for t in limitados)
    lugares = {cti: o.cuantos - propios[cti] for cti, o in ocupacion.items()}
    for t in limitados:
        lugares[t.cti.id] += 1
        if t.cti.por_minuto is not None and lugares[t.cti.id] > t.cti.por_minuto:
            t.error = uso.demasiadas(t.cti.por_minuto, ocupacion[t.cti.id].libre_en)


def _responder_repetidos(uow: UnitOfWork[Repositorio], repetidos: Sequence[_Trabajo]) -> None:
    """Give each repeat its earlier stamp; one still under way is pendiente; a reused idd is refused."""
    conocidos = uow.repo.conocidos(
        [t.valido.huella for t in repetidos], [(t.cti.id, t.idd) for t in repetidos if t.idd is not None]
    )
    por_huella: dict[bytes, TimbradoConocido] = {bytes(k.huella): k for k in conocidos}
    for t in repetidos:
        anterior = por_huella.get(t.valido.huella)
        if anterior is None:
            # Not the invoice but its idd was known; or the earlier one was refused this very moment.
            con_idd = any(k.cti == t.cti.id and k.idd == t.idd for k in conocidos)
            t.error = domain.idd_reutilizado() if con_idd else domain.pendiente()
        elif anterior.tfd is None:
            t.error = domain.pendiente()
        else:
            t.valido = replace(t.valido, xml=bytes(anterior.xml))
            t.uuid, t.tfd, t.repetido = anterior.uuid, bytes(anterior.tfd), True


def _rechazo(rechazo: Rechazo) -> DomainError:
    match rechazo:
        case Rechazo.SALDO:
            return domain.sin_timbres()
        case Rechazo.BLOQUEADA:
            return domain.cti_bloqueada()
        case _:
            return domain.credenciales_invalidas()


def _resultado(
    s: c.SolicitudDeTimbrado, trabajo: _Trabajo | DomainError, vistos: set[UUID]
) -> c.ResultadoDeTimbrado:
    if isinstance(trabajo, DomainError):
        return _error(s, trabajo)
    if trabajo.error is not None or trabajo.tfd is None:
        return _error(s, trabajo.error or domain.pendiente())
    repetido = trabajo.repetido or trabajo.id in vistos
    vistos.add(trabajo.id)
    return c.ResultadoDeTimbrado(
        uuid=trabajo.uuid,
        xml=insertar(trabajo.valido.xml, trabajo.tfd).decode(),
        idd=s.idd or str(trabajo.uuid).upper(),
        repetido=repetido,
    )


def _error(s: c.SolicitudDeTimbrado, exc: DomainError) -> c.ResultadoDeTimbrado:
    return c.ResultadoDeTimbrado(idd=s.idd, error=str(exc.code), detail=exc.detail, datos=exc.datos)
