"""One contract for every PAC: each adapter against its local server, and the sandbox beside them.

What matters is how far an answer is believed: `NoEnviado` only when surely nothing was stamped, `Desconocido`
whenever something may have been, and never two stamps for one document.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from services.timbrado.cfdi import tfd
from services.timbrado.pac.protocolo import (
    CancelacionAceptada,
    Desconocido,
    EstadoSat,
    NoEncontrado,
    NoEnviado,
    Pac,
    PacCompleto,
    Rechazado,
    Resultado,
    Solicitud,
    TfdAjeno,
    Timbrado,
    TimbreDelPac,
    verificar_tfd,
)
from services.timbrado.pac.sandbox import PacSandbox
from shared.testing import cfdi
from shared.testing.pac import MemoriaEnProceso
from shared.testing.pacs.sat import ServidorSat
from shared.testing.pacs.servidor import SECRETO, Falla, ServidorPac
from tests.unit.timbrado.apoyo_pac import (
    CON_LISTA,
    REMOTOS,
    adaptador,
    cancelacion,
    retencion,
    servidor,
    solicitud,
)


@dataclass
class Banco:
    """An adapter and the company behind it."""

    pac: PacCompleto
    servidor: ServidorPac

    def timbrar(self, s: Solicitud) -> Resultado:
        [r] = self.pac.timbrar([s])
        return r

    def consultar(self, s: Solicitud) -> Resultado:
        [r] = self.pac.consultar([s])
        return r


@pytest.fixture(scope="module", params=REMOTOS)
def banco_modulo(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Banco]:
    with servidor(request.param) as s:
        yield Banco(adaptador(tmp_path_factory.mktemp(request.param), s), s)


@pytest.fixture
def banco(banco_modulo: Banco) -> Banco:
    """The same server for all tests of one PAC, its memory emptied."""
    banco_modulo.servidor.timbres.clear()
    banco_modulo.servidor.aceptaciones.clear()
    banco_modulo.servidor.peticiones.clear()
    banco_modulo.servidor.timbrados = 0
    return banco_modulo


@pytest.fixture(params=[*REMOTOS, "sandbox"])
def cualquiera(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Pac]:
    if request.param == "sandbox":
        yield PacSandbox(cfdi.preparar(tmp_path).pac, MemoriaEnProceso(), espera=0)
        return
    with servidor(request.param) as s:
        yield adaptador(tmp_path, s)


# -- every PAC, the sandbox included -----------------------------------------------------------------


def test_it_stamps_a_lot_in_order_and_a_repeat_gets_the_first_stamp(cualquiera: Pac) -> None:
    lote = [solicitud(1), solicitud(2), solicitud(3)]
    primeros = cualquiera.timbrar(lote)
    uuids = []
    for s, r in zip(lote, primeros, strict=True):
        assert isinstance(r, Timbrado), r
        assert not r.repetido
        uuids.append(verificar_tfd(s, r.tfd, cualquiera.certificado_de).uuid)
    assert len(set(uuids)) == 3
    for respuestas in (cualquiera.timbrar(lote), cualquiera.consultar(lote)):
        leidos = [verificar_tfd(s, r.tfd, cualquiera.certificado_de).uuid
                  for s, r in zip(lote, respuestas, strict=True) if isinstance(r, Timbrado)]  # fmt: skip
        assert leidos == uuids


def test_an_empty_lot_asks_nothing(cualquiera: Pac) -> None:
    assert cualquiera.timbrar([]) == []
    assert cualquiera.consultar([]) == []


def test_its_certificates_are_its_own(cualquiera: Pac) -> None:
    [r] = cualquiera.timbrar([solicitud(1)])
    assert isinstance(r, Timbrado)
    numero = tfd.leer(r.tfd).no_certificado_sat
    propio = cualquiera.certificado_de(numero)
    assert propio is not None
    assert propio.numero == numero
    assert cualquiera.certificado_de("00001000000000000000") is None


# -- how far each answer is believed -----------------------------------------------------------------


@pytest.mark.parametrize("falla", [Falla.CREDENCIALES, Falla.SIN_SALDO, Falla.DEMASIADAS])
def test_refusals_of_our_account_surely_stamped_nothing(banco: Banco, falla: Falla) -> None:
    # SW renews its token once, so its account is refused twice.
    banco.servidor.fallar(*([falla] * (2 if falla is Falla.CREDENCIALES and banco.pac.nombre == "sw" else 1)))
    r = banco.timbrar(solicitud(11))
    assert isinstance(r, NoEnviado), r
    assert banco.servidor.timbrados == 0
    # The document is still good: the next try stamps it, once.
    assert isinstance(banco.timbrar(solicitud(11)), Timbrado)
    assert banco.servidor.timbrados == 1


@pytest.mark.parametrize(
    "falla",
    [
        Falla.COLGAR_ANTES, Falla.COLGAR_DESPUES, Falla.CORTAR_ANTES, Falla.CORTAR_DESPUES, Falla.CORTAR_A_MEDIAS,
        Falla.GOTEAR, Falla.BASURA, Falla.ERROR_500, Falla.NO_DISPONIBLE,
    ],
)  # fmt: skip
def test_a_silence_is_unknown_and_asking_again_finishes_it_once(
    tmp_path: Path, banco: Banco, falla: Falla, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(banco.pac, "cuenta", replace(banco.pac.cuenta, plazo=0.25))  # type: ignore[attr-defined]
    s = solicitud(20)
    banco.servidor.fallar(falla)
    r = banco.timbrar(s)
    assert isinstance(r, Desconocido), r
    monkeypatch.undo()
    final = banco.consultar(s)
    if isinstance(final, NoEncontrado):  # Finkok tells without stamping; the others answer a repeat
        assert banco.servidor.timbrados == 0
        final = banco.timbrar(s)
    assert isinstance(final, Timbrado), final
    verificar_tfd(s, final.tfd, banco.pac.certificado_de)
    assert banco.servidor.timbrados == 1


def test_a_refusal_of_the_document_is_told_with_the_sats_code(banco: Banco) -> None:
    banco.servidor.fallar(Falla.RECHAZAR)
    r = banco.timbrar(solicitud(12))
    assert isinstance(r, Rechazado), r
    assert r.codigo in {"401", "402", "302", "CFDI40102"}
    assert r.mensaje.endswith(".")
    assert banco.servidor.timbrados == 0


def test_a_slow_answer_within_the_deadline_is_an_answer(banco: Banco) -> None:
    banco.servidor.fallar(Falla.LENTO)
    assert isinstance(banco.timbrar(solicitud(13)), Timbrado)


@pytest.mark.parametrize("falla", [Falla.SELLO_FALSO, Falla.AJENO])
def test_a_stamp_that_is_not_the_documents_never_verifies(banco: Banco, falla: Falla) -> None:
    s = solicitud(14)
    banco.servidor.fallar(falla)
    r = banco.timbrar(s)
    assert isinstance(r, Timbrado)
    with pytest.raises(TfdAjeno):
        verificar_tfd(s, r.tfd, banco.pac.certificado_de)


def test_a_repeat_that_brings_no_stamp_is_never_a_refusal(banco: Banco) -> None:
    s = solicitud(15)
    banco.servidor.fallar(Falla.REPETIDO_SIN_XML)
    r = banco.timbrar(s)
    # Finkok is asked for it by another method; the others have to be asked again.
    assert isinstance(r, Timbrado if banco.pac.nombre == "finkok" else Desconocido), r
    final = banco.consultar(s)
    assert isinstance(final, Timbrado)
    verificar_tfd(s, final.tfd, banco.pac.certificado_de)
    assert banco.servidor.timbrados == 1


def test_a_pac_that_is_down_was_sent_nothing(tmp_path: Path) -> None:
    for nombre in REMOTOS:
        s = servidor(nombre)
        pac = adaptador(tmp_path, s)
        s._http.server_close()
        assert [type(r) for r in pac.timbrar([solicitud(1), solicitud(2)])] == [NoEnviado, NoEnviado]
        # Of an earlier request it says nothing, in no case that there is no stamp.
        assert [type(r) for r in pac.consultar([solicitud(3)])] == [Desconocido]
        assert isinstance(pac.cancelar(cancelacion(uuid4())), NoEnviado)
        assert isinstance(pac.estado(cancelacion(uuid4())), Desconocido)
        assert isinstance(pac.listar(datetime.now(UTC), datetime.now(UTC)), Desconocido)


def test_what_had_no_turn_was_surely_not_sent(banco: Banco, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that hangs takes its place; of the rest of a long lot, what never began may go elsewhere."""
    monkeypatch.setattr(banco.pac, "cuenta", replace(banco.pac.cuenta, plazo=0.25))  # type: ignore[attr-defined]
    lote = [solicitud(30 + i) for i in range(24)]
    banco.servidor.fallar(*[Falla.COLGAR_ANTES] * 24)
    respuestas = banco.pac.timbrar(lote)
    assert {type(r) for r in respuestas[:8]} == {Desconocido}
    assert {type(r) for r in respuestas} <= {Desconocido, NoEnviado}
    enviados = sum(banco.servidor.es_timbrado(p) for p in banco.servidor.peticiones)
    assert sum(isinstance(r, Desconocido) for r in respuestas) >= enviados
    assert sum(isinstance(r, NoEnviado) for r in respuestas) > 0
    banco.servidor._fallas.clear()


# -- asking, without stamping ------------------------------------------------------------------------


def test_asking_about_what_never_arrived_stamps_nothing(banco: Banco) -> None:
    """The document may have been stamped elsewhere since: a question must not stamp it a second time."""
    s = solicitud(16)
    banco.servidor.fallar(Falla.DEMASIADAS)
    assert isinstance(banco.timbrar(s), NoEnviado)
    assert isinstance(banco.consultar(s), NoEncontrado)
    assert banco.servidor.timbrados == 0


def test_asking_about_what_was_refused_sends_nothing_again(banco: Banco) -> None:
    s = solicitud(17)
    banco.servidor.fallar(Falla.RECHAZAR)
    assert isinstance(banco.timbrar(s), Rechazado)
    assert isinstance(banco.consultar(s), Rechazado | NoEncontrado)
    assert banco.servidor.timbrados == 0


def test_a_refusal_that_time_brings_does_not_prove_that_there_is_no_stamp(tmp_path: Path) -> None:
    """SW answers 401 (72 hours) to a resent document: it may have been stamped in time."""
    with servidor("sw") as s:
        pac = adaptador(tmp_path, s)
        s.fallar(Falla.RECHAZAR)
        [r] = pac.consultar([solicitud(18)])
        assert isinstance(r, Desconocido)
        assert "401" in r.motivo


# -- retentions, cancellation, state, list ------------------------------------------------------------


def test_retentions_go_to_their_own_service(banco: Banco) -> None:
    s = retencion()
    r = banco.timbrar(s)
    assert isinstance(r, Timbrado), r
    verificar_tfd(s, r.tfd, banco.pac.certificado_de)
    assert isinstance(banco.consultar(s), Timbrado)
    assert banco.servidor.timbrados == 1


def test_cancelling_again_is_harmless_and_the_unknown_is_refused(banco: Banco) -> None:
    s = solicitud(19)
    r = banco.timbrar(s)
    assert isinstance(r, Timbrado)
    uuid = UUID(tfd.leer(r.tfd).uuid)
    for codigo in ("201", "202"):
        aceptada = banco.pac.cancelar(cancelacion(uuid))
        assert isinstance(aceptada, CancelacionAceptada), aceptada
        assert aceptada.codigo == codigo
        assert str(uuid).upper().encode() in aceptada.acuse
    rechazo = banco.pac.cancelar(cancelacion(uuid4()))
    assert isinstance(rechazo, Rechazado), rechazo
    assert rechazo.codigo == "205"


def test_prodigia_needs_the_csd_to_cancel(tmp_path: Path) -> None:
    with servidor("prodigia") as s:
        r = adaptador(tmp_path, s).cancelar(cancelacion(uuid4(), con_csd=False))
    assert isinstance(r, NoEnviado)
    assert s.peticiones == []


@pytest.mark.parametrize("nombre", REMOTOS)
def test_the_state_is_the_sats(tmp_path: Path, nombre: str) -> None:
    with servidor(nombre) as s, ServidorSat(s.sellador._autoridad) as sat:
        pac = adaptador(tmp_path, s, sat)
        uuid = uuid4()
        sat.poner(str(uuid), "Vigente", "Cancelable con aceptación", "En proceso")
        assert pac.estado(cancelacion(uuid)) == EstadoSat(
            "Vigente",
            "Cancelable con aceptación",
            "En proceso",
            "S - Comprobante obtenido satisfactoriamente.",
        )
        desconocida = pac.estado(cancelacion(uuid4()))
        assert isinstance(desconocida, EstadoSat)
        assert desconocida.estado == "No Encontrado"
        sat.fallar(Falla.ERROR_500)
        assert isinstance(pac.estado(cancelacion(uuid)), Desconocido)


@pytest.mark.parametrize("nombre", ["finkok", "diverza"])
def test_without_the_sats_service_the_pac_is_asked(tmp_path: Path, nombre: str) -> None:
    with servidor(nombre) as s:
        pac = adaptador(tmp_path, s)
        [r] = pac.timbrar([solicitud(21)])
        assert isinstance(r, Timbrado)
        uuid = UUID(tfd.leer(r.tfd).uuid)
        estado = pac.estado(cancelacion(uuid))
        assert isinstance(estado, EstadoSat)
        assert estado.estado == "Vigente"


def test_the_list_has_what_it_stamped_in_the_time_asked_for(banco: Banco) -> None:
    ahora = datetime.now(UTC)
    lote = [solicitud(22), solicitud(23, "PEGJ800101AA0"), solicitud(24, "S&P010101AC3"), retencion(2)]
    respuestas = banco.pac.timbrar(lote)
    assert all(isinstance(r, Timbrado) for r in respuestas)
    lista = banco.pac.listar(ahora - timedelta(hours=1), ahora + timedelta(hours=1))
    if banco.pac.nombre not in CON_LISTA:
        assert isinstance(lista, Desconocido)
        return
    assert isinstance(lista, list), lista
    assert {(t.uuid, t.emisor) for t in lista} == {
        (t.uuid, t.emisor) for t in banco.servidor.timbres.values()
    }
    assert all(isinstance(t, TimbreDelPac) and t.en.tzinfo is not None for t in lista)
    assert banco.pac.listar(ahora - timedelta(days=2), ahora - timedelta(days=1)) == []


@pytest.mark.parametrize("nombre", REMOTOS)
def test_neither_secrets_nor_documents_are_written_down(
    tmp_path: Path, nombre: str, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with servidor(nombre) as s:
        pac = adaptador(tmp_path, s)
        resultados: list[object] = [pac]
        for falla in (
            Falla.CREDENCIALES,
            Falla.SIN_SALDO,
            Falla.BASURA,
            Falla.CORTAR_DESPUES,
            Falla.RECHAZAR,
        ):
            s.fallar(falla)
            resultados += pac.timbrar([solicitud(40)])
        resultados.append(pac.cancelar(cancelacion(uuid4())))
    salida = capsys.readouterr()
    escrito = salida.out + salida.err + caplog.text + repr(resultados) + repr(vars(pac)["cuenta"])
    assert SECRETO not in escrito
    assert solicitud(40).sello[:40] not in escrito
