"""Daily reconciliation against each PAC's list: what it stamped for us and what we have must be the same.

At 03:00 (Mexico City) the day before is read from each PAC that publishes a list, piece by piece, and compared
in one statement. Each piece is kept with how far it goes, so that a death anywhere resumes there, and a piece
done twice is the same. What differs is shown to operators; nothing is corrected by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

from services.timbrado.cfdi.zonas import CENTRO
from services.timbrado.domain.pac import Disyuntor, EstadoDePac, LineaDePac
from services.timbrado.pac.protocolo import Desconocido, PacCompleto
from shared import pagination
from shared.contracts import eventos as ev
from shared.contracts import timbrado as c
from shared.errors import campo_invalido, no_encontrado
from shared.logging import get_logger
from shared.persistence.uow import UnitOfWork

if TYPE_CHECKING:
    from services.timbrado.repository import Repositorio
    from services.timbrado.repository.conciliaciones import ConciliacionTomada

log = get_logger(__name__)

Instalados = Mapping[str, tuple[int, PacCompleto]]
"""The configured PACs by name, each with its priority."""

HORA = time(3)
"""From when on, in central time, the day before is reconciled: by then every PAC has closed it."""
PEDAZO = timedelta(hours=4)
"""How much of the day is asked of a PAC at once."""
ORILLA = timedelta(minutes=5)
"""Read before and after the day, for clocks that differ: what is there is not missing, but it is not counted."""
PLAZO = 600.0
"""Seconds after which another replica may go on with a reconciliation whose worker is silent."""
INTENTOS = 12
"""Times in a row that a PAC may not give its list before it is told; with growing waits, some nine hours."""
ESPERA_MAXIMA = 3600.0
DIAS_MAXIMOS = 400
"""How far back a day may be reconciled on demand."""


class ConciliadorDePacs:
    """Does one step at a time, so that whoever runs it can stop between two."""

    def __init__(
        self,
        pacs: Instalados,
        uow: Callable[[], UnitOfWork[Repositorio]],
        reloj: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._pacs = pacs
        self._uow = uow
        self._reloj = reloj
        self._programado: date | None = None

    def paso(self) -> bool:
        """Plan the day if it is time, then do one piece of one reconciliation; False: there is nothing to do."""
        self._programar()
        with self._uow() as uow:
            tomada = uow.repo.tomar_conciliacion(list(self._pacs), PLAZO)
            uow.commit()
        if tomada is None:
            return False
        inicio, fin = limites(tomada.dia)
        desde = tomada.avance or inicio - ORILLA
        if desde >= fin + ORILLA:
            self._terminar(tomada, inicio, fin)
        else:
            self._leer(tomada, desde, min(desde + PEDAZO, fin + ORILLA))
        return True

    def _programar(self) -> None:
        ahora = self._reloj().astimezone(CENTRO)
        dia = (ahora - timedelta(days=1)).date()
        if ahora.time() < HORA or self._programado == dia:
            return
        with self._uow() as uow:
            uow.repo.programar_conciliaciones(
                [n for n, (_, pac) in self._pacs.items() if _publica_lista(pac)], dia
            )
            uow.repo.resolver_diferencias()
            uow.commit()
        self._programado = dia

    def _leer(self, tomada: ConciliacionTomada, desde: datetime, hasta: datetime) -> None:
        """A piece of the list, asked with no transaction open."""
        try:
            lista = self._pacs[tomada.pac][1].listar(desde, hasta)
        except Exception:
            # A PAC's list that we can't read must not keep us busy for ever: it waits like one not given.
            log.exception("conciliacion_pac_lista", pac=tomada.pac, dia=str(tomada.dia))
            lista = Desconocido("no se pudo leer su lista")
        with self._uow() as uow:
            if isinstance(lista, Desconocido):
                fallida = tomada.intentos + 1 >= INTENTOS
                espera = min(60.0 * 2**tomada.intentos, ESPERA_MAXIMA)
                uow.repo.aplazar_conciliacion(tomada.id, lista.motivo, espera, fallida=fallida)
                if fallida:
                    self._avisar(
                        uow,
                        f"No se pudo conciliar el {tomada.dia:%d/%m/%Y} con el PAC {tomada.pac}: {lista.motivo}. "
                        "Revise la cuenta con el PAC y concilie de nuevo ese día.",
                        f"conciliacion:{tomada.id}:fallida",
                    )
                log.warning(
                    "conciliacion_pac_sin_lista", pac=tomada.pac, dia=str(tomada.dia), motivo=lista.motivo
                )
            else:
                lineas = [LineaDePac(x.uuid, x.emisor, x.en) for x in lista]
                uow.repo.anotar_lineas(tomada.id, lineas, hasta)
            uow.commit()

    def _terminar(self, tomada: ConciliacionTomada, inicio: datetime, fin: datetime) -> None:
        with self._uow() as uow:
            hecha = uow.repo.comparar(tomada, inicio, fin)
            if hecha is None:
                return
            if hecha.inesperadas:
                self._avisar(
                    uow,
                    f"La conciliación del {tomada.dia:%d/%m/%Y} con el PAC {tomada.pac} encontró "
                    f"{hecha.inesperadas} diferencias. Revíselas en Operación, Conciliaciones.",
                    f"conciliacion:{tomada.id}:{hecha.inesperadas}",
                )
            uow.commit()
        log.info(
            "conciliacion_pac",
            pac=tomada.pac,
            dia=str(tomada.dia),
            en_pac=hecha.en_pac,
            aqui=hecha.aqui,
            diferencias=hecha.diferencias,
        )

    def _avisar(self, uow: UnitOfWork[Repositorio], mensaje: str, clave: str) -> None:
        raiz = uow.repo.raiz()
        if raiz is None:
            log.warning("aviso_sin_raiz", mensaje=mensaje)
            return
        uow.repo.avisar(raiz, "conciliacion_pac", None, mensaje, clave)


def limites(dia: date) -> tuple[datetime, datetime]:
    """Start and end of a day of FechaTimbrado (central time), aware."""
    inicio = datetime.combine(dia, time(), CENTRO)
    return inicio, datetime.combine(dia + timedelta(days=1), time(), CENTRO)


def recordar_raiz(uow: UnitOfWork[Repositorio], evento: ev.CuentaMaestraCreada) -> None:
    """The one account without a parent is the root: it is told what concerns no single CM."""
    if evento.padre_id is None:
        uow.repo.poner_raiz(evento.cuenta_id)


def conciliar_pac(
    pacs: Instalados,
) -> Callable[[UnitOfWork[Repositorio], c.ConciliarPac], c.Conciliacion]:
    """Ask for the reconciliation of a day, the first or again; the background does it."""

    def use_case(uow: UnitOfWork[Repositorio], p: c.ConciliarPac) -> c.Conciliacion:
        if not _publica_lista(_instalado(pacs, p.pac)):
            raise campo_invalido(
                "pac", f"El PAC {p.pac} no publica la lista de lo que timbra: no se puede conciliar con él."
            )
        hoy = uow.ahora.astimezone(CENTRO).date()
        if not hoy - timedelta(days=DIAS_MAXIMOS) <= p.dia < hoy:
            raise campo_invalido("dia", f"Elija un día terminado, de los últimos {DIAS_MAXIMOS}.")
        uow.repo.poner_raiz(p.cuenta_id)
        fila = uow.repo.conciliacion(uow.repo.conciliar_de_nuevo(p.pac, p.dia))
        assert fila is not None
        return c.Conciliacion(**fila)

    return use_case


def listar_conciliaciones(uow: UnitOfWork[Repositorio], p: c.ListarConciliaciones) -> c.PaginaConciliaciones:
    """Those asked for last, first."""
    filas = uow.repo.pagina_conciliaciones(p.pac, p.limite + 1, pagination.posicion(p.cursor))
    datos = [c.Conciliacion(**f) for f in filas[: p.limite]]
    siguiente = None
    if len(filas) > p.limite:
        siguiente = pagination.Posicion(datos[-1].solicitada_en, datos[-1].id).cursor()
    return c.PaginaConciliaciones(datos=datos, siguiente=siguiente)


def listar_diferencias(uow: UnitOfWork[Repositorio], p: c.ListarDiferenciasDePac) -> c.PaginaDiferenciasDePac:
    """Differences of one reconciliation, oldest first."""
    if uow.repo.conciliacion(p.conciliacion_id) is None:
        raise no_encontrado("la conciliación")
    filas = uow.repo.pagina_diferencias(
        p.conciliacion_id, p.abiertas, p.limite + 1, pagination.posicion(p.cursor)
    )
    datos = [c.DiferenciaDePac(**f) for f in filas[: p.limite]]
    siguiente = None
    if len(filas) > p.limite:
        siguiente = pagination.Posicion(datos[-1].visto_en, datos[-1].id).cursor()
    return c.PaginaDiferenciasDePac(datos=datos, siguiente=siguiente)


def listar_pacs(pacs: Instalados) -> Callable[[UnitOfWork[Repositorio], c.ListarPacs], c.Pacs]:
    """The configured PACs in the order in which they are tried, with their health."""

    def use_case(uow: UnitOfWork[Repositorio], _: c.ListarPacs) -> c.Pacs:
        return c.Pacs(datos=_ver(uow, pacs))

    return use_case


def pausar_pac(
    pacs: Instalados,
) -> Callable[[UnitOfWork[Repositorio], c.PausarPac], c.PacDeOperacion]:
    """Send nothing more to a PAC. Every replica knows within a second."""

    def use_case(uow: UnitOfWork[Repositorio], p: c.PausarPac) -> c.PacDeOperacion:
        _instalado(pacs, p.nombre)
        uow.repo.poner_raiz(p.cuenta_id)
        uow.repo.pausar_pac(p.nombre, p.motivo)
        return _uno(uow, pacs, p.nombre)

    return use_case


def reanudar_pac(
    pacs: Instalados,
) -> Callable[[UnitOfWork[Repositorio], c.ReanudarPac], c.PacDeOperacion]:
    """Send to it again."""

    def use_case(uow: UnitOfWork[Repositorio], p: c.ReanudarPac) -> c.PacDeOperacion:
        _instalado(pacs, p.nombre)
        uow.repo.reanudar_pac(p.nombre)
        return _uno(uow, pacs, p.nombre)

    return use_case


def _instalado(pacs: Instalados, nombre: str) -> PacCompleto:
    if nombre not in pacs:
        raise no_encontrado("el PAC")
    return pacs[nombre][1]


def _publica_lista(pac: PacCompleto) -> bool:
    """Whether it can be reconciled with; the sandbox can."""
    return bool(getattr(pac, "lista", True))


def _uno(uow: UnitOfWork[Repositorio], pacs: Instalados, nombre: str) -> c.PacDeOperacion:
    return next(p for p in _ver(uow, pacs) if p.nombre == nombre)


def _ver(uow: UnitOfWork[Repositorio], pacs: Instalados) -> list[c.PacDeOperacion]:
    estados = {e.nombre: e for e in uow.repo.pacs()}
    cuentas = uow.repo.cuentas_de_pacs()
    vistos = []
    for nombre, (prioridad, pac) in pacs.items():
        e = estados.get(nombre, EstadoDePac(nombre))
        disyuntor = e.disyuntor(uow.ahora)
        vistos.append(
            c.PacDeOperacion(
                nombre=nombre,
                tipo=getattr(pac, "tipo", nombre),
                prioridad=prioridad if e.prioridad is None else e.prioridad,
                publica_lista=_publica_lista(pac),
                pausado=e.pausado,
                motivo=e.motivo,
                disyuntor=str(disyuntor),
                abierto_hasta=None if disyuntor is Disyuntor.CERRADO else e.abierto_hasta,
                fallas_seguidas=e.fallas_seguidas,
                ultimo_error=e.ultimo_error,
                ultimo_error_en=e.ultimo_error_en,
                **cuentas.get(nombre, {}),
            )
        )
    return sorted(vistos, key=lambda p: (p.prioridad, p.nombre))
