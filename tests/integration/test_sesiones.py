"""Sessions and limits of sign-in against a real PostgreSQL: families of renewals, races, what each limit stops."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, text

from services.clientes.repository import Repositorio
from services.clientes.use_cases import sesiones
from shared.contracts import clientes as c
from shared.errors import Codigo, DomainError
from shared.persistence.base import new_engine
from shared.persistence.uow import UnitOfWork
from tests.integration.apoyo_registro import CRED, Reloj, rechazo
from tests.integration.test_clientes_postgres import BaseDeDatos, cuenta, perfil

_n = iter(range(100, 10_000))
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:130.0) Gecko/20100101 Firefox/130.0"


class Baratas:
    """Real signatures, and a comparison that costs nothing and is counted: it stands for argon2."""

    def __init__(self) -> None:
        self.comparadas = 0

    def coincide(self, hash_contrasena: str | None, contrasena: str) -> bool:
        self.comparadas += 1
        return hash_contrasena is not None and contrasena == "la buena"

    def resumir(self, contrasena: str) -> str:
        raise NotImplementedError

    def firmar(self, datos: Mapping[str, Any]) -> str:
        return CRED.firmar(datos)

    def leer(self, token: str) -> Mapping[str, Any] | None:
        return CRED.leer(token)


@pytest.fixture(scope="module")
def motor(base_de_datos_modulo: BaseDeDatos) -> Iterator[Engine]:
    uno = new_engine(base_de_datos_modulo("clientes"), pool_size=12)
    yield uno
    uno.dispose()


@pytest.fixture
def ana(motor: Engine) -> c.Perfil:
    with motor.begin() as conexion:
        conexion.execute(text("DELETE FROM intentos"))
    return perfil(motor, next(_n))


def correr(
    motor: Engine, use_case: Callable[..., Any], *argumentos: Any, adelanto: timedelta = timedelta()
) -> Any:
    with Reloj(motor, Repositorio) as uow:
        uow.adelanto = adelanto  # type: ignore[attr-defined]
        respuesta = use_case(uow, *argumentos)
        uow.commit()
        return respuesta


def entrar(
    motor: Engine, usuario: str, red: str = "198.51.100.1", *, cred: Any = None, contrasena: str = "la buena",
    adelanto: timedelta = timedelta(), **datos: Any,
) -> c.Sesion:  # fmt: skip
    peticion = c.IniciarSesion(
        usuario=usuario, contrasena=contrasena, origen_ip=red, origen_red=red, agente=FIREFOX, **datos
    )
    hecha: c.Sesion = correr(motor, sesiones.iniciar_sesion, peticion, cred or Baratas(), adelanto=adelanto)
    return hecha


def renovar(motor: Engine, renovacion: str, segundos: float = 0) -> c.Sesion:
    peticion = c.RenovarSesion(renovacion=renovacion, origen_ip="203.0.113.9")
    hecha: c.Sesion = correr(
        motor, sesiones.renovar_sesion, peticion, CRED, adelanto=timedelta(seconds=segundos)
    )
    return hecha


def vigente(motor: Engine, sesion: c.Sesion) -> c.SesionVigente:
    peticion = c.VerificarSesion(sesion_id=sesion.sesion_id, perfil_id=sesion.perfil_id)
    dicha: c.SesionVigente = correr(motor, sesiones.verificar_sesion, peticion)
    return dicha


def test_a_lost_answer_is_repeated_within_the_grace(motor: Engine, ana: c.Perfil) -> None:
    sesion = entrar(motor, ana.correo)
    perdida, otra = renovar(motor, sesion.renovacion), renovar(motor, sesion.renovacion, 9)
    assert perdida.renovacion != otra.renovacion
    assert renovar(motor, otra.renovacion, 12).sesion_id == sesion.sesion_id
    assert vigente(motor, sesion).vigente
    # The sister of a token that was used is a copy.
    with rechazo(Codigo.NO_AUTENTICADO):
        renovar(motor, perdida.renovacion, 13)
    assert not vigente(motor, sesion).vigente


@pytest.mark.parametrize("usar_la_nueva", [True, False])
def test_a_reuse_ends_the_whole_family(motor: Engine, ana: c.Perfil, usar_la_nueva: bool) -> None:
    sesion = entrar(motor, ana.correo)
    nueva = renovar(motor, sesion.renovacion)
    if usar_la_nueva:
        nueva = renovar(motor, nueva.renovacion, 1)
    with rechazo(Codigo.NO_AUTENTICADO):
        renovar(motor, sesion.renovacion, 2 if usar_la_nueva else 11)
    with rechazo(Codigo.NO_AUTENTICADO):
        renovar(motor, nueva.renovacion, 3)
    assert vigente(motor, sesion) == c.SesionVigente(vigente=False)


def test_renewals_at_one_instant_are_repeats_and_of_their_sisters_one_lives(
    motor: Engine, ana: c.Perfil
) -> None:
    sesion = entrar(motor, ana.correo)
    hechas = a_la_vez(8, lambda _: renovar(motor, sesion.renovacion))
    assert all(isinstance(x, c.Sesion) for x in hechas), hechas
    assert len({x.renovacion for x in hechas}) == 8
    # Each tab goes on with its own: the first is good, the second tells of a copy.
    siguientes = a_la_vez(2, lambda i: renovar(motor, hechas[i].renovacion, 1))
    assert sorted(isinstance(x, c.Sesion) for x in siguientes) == [False, True]
    assert not vigente(motor, sesion).vigente


def test_a_revocation_and_a_renewal_at_once_leave_nothing_alive(motor: Engine, ana: c.Perfil) -> None:
    for _ in range(5):
        sesion = entrar(motor, ana.correo)
        peticion = c.RevocarSesion(sesion_id=sesion.sesion_id, perfil_id=ana.perfil_id)
        hechos = a_la_vez(
            2,
            lambda i, s=sesion, p=peticion: (  # type: ignore[misc]
                renovar(motor, s.renovacion) if i else correr(motor, sesiones.revocar_sesion, p)
            ),
        )
        assert not vigente(motor, sesion).vigente
        if isinstance(hechos[1], c.Sesion):
            with rechazo(Codigo.NO_AUTENTICADO):
                renovar(motor, hechos[1].renovacion)


def test_list_and_revoke_mine_and_no_one_elses(motor: Engine, ana: c.Perfil) -> None:
    una, dos, tres = (entrar(motor, ana.correo, f"198.51.100.{i}") for i in (1, 2, 3))
    ajena = entrar(motor, perfil(motor, next(_n)).correo)
    pagina = correr(motor, sesiones.listar_sesiones, c.ListarSesiones(perfil_id=ana.perfil_id, limite=2))
    assert [x.sesion_id for x in pagina.datos] == [tres.sesion_id, dos.sesion_id]
    assert (pagina.datos[0].dispositivo, pagina.datos[0].direccion) == ("Firefox en Windows", "198.51.100.3")
    resto = correr(
        motor,
        sesiones.listar_sesiones,
        c.ListarSesiones(perfil_id=ana.perfil_id, limite=2, cursor=pagina.siguiente),
    )
    assert ([x.sesion_id for x in resto.datos], resto.siguiente) == ([una.sesion_id], None)
    for perfil_id, sesion_id in ((ana.perfil_id, ajena.sesion_id), (ana.perfil_id, uuid4())):
        with rechazo(Codigo.NO_ENCONTRADO):
            correr(motor, sesiones.revocar_sesion, c.RevocarSesion(sesion_id=sesion_id, perfil_id=perfil_id))
    for _ in range(2):
        peticion = c.RevocarSesion(sesion_id=una.sesion_id, perfil_id=ana.perfil_id)
        correr(motor, sesiones.revocar_sesion, peticion)
    assert asientos(motor, ana.perfil_id) == 1
    otras = c.RevocarOtrasSesiones(sesion_id=tres.sesion_id, perfil_id=ana.perfil_id)
    assert correr(motor, sesiones.revocar_otras_sesiones, otras).sesiones == [dos.sesion_id]
    assert correr(motor, sesiones.revocar_otras_sesiones, otras).sesiones == []
    assert asientos(motor, ana.perfil_id) == 2
    assert [vigente(motor, s).vigente for s in (una, dos, tres, ajena)] == [False, False, True, True]


def test_what_a_session_may_do_is_what_is_so_now(motor: Engine, ana: c.Perfil) -> None:
    with motor.connect() as conexion:
        raiz = conexion.scalar(text("SELECT cuenta_id FROM cuentas_maestras WHERE padre_id IS NULL"))
    raiz = raiz or cuenta(motor, perfil(motor, next(_n)).perfil_id).cuenta_id
    cm = cuenta(motor, perfil(motor, next(_n)).perfil_id, raiz)
    sesion = entrar(motor, ana.correo)
    assert vigente(motor, sesion).cuentas == []
    quien = {"cm": cm.cuenta_id, "p": ana.perfil_id}
    for sql, ahora in (
        (
            "INSERT INTO usuarios (cuenta_id, perfil_id, rol, creado_en) VALUES (:cm, :p, 'operador', now())",
            [("operador", "activo", False)],
        ),
        (
            "UPDATE usuarios SET rol = 'consulta' WHERE cuenta_id = :cm AND perfil_id = :p",
            [("consulta", "activo", False)],
        ),
        ("DELETE FROM usuarios WHERE cuenta_id = :cm AND perfil_id = :p", []),
    ):
        with motor.begin() as conexion:
            conexion.execute(text(sql), quien)
        assert [(x.rol, x.estado, x.es_raiz) for x in vigente(motor, sesion).cuentas] == ahora
    ajeno = c.VerificarSesion(sesion_id=sesion.sesion_id, perfil_id=uuid4())
    assert not correr(motor, sesiones.verificar_sesion, ajeno).vigente


def test_what_is_over_is_purged_and_what_holds_stays(motor: Engine, ana: c.Perfil) -> None:
    sesion = entrar(motor, ana.correo)
    renovar(motor, sesion.renovacion)
    with rechazo(Codigo.CREDENCIALES_INVALIDAS):
        entrar(motor, ana.correo, "198.51.100.77", contrasena="mala")
    while correr(motor, sesiones.limpiar):
        pass
    assert contar(motor, "sesiones", ana.perfil_id) == 1
    assert cuantos(motor, "intentos") > 0
    while correr(motor, sesiones.limpiar, adelanto=timedelta(days=400)):
        pass
    assert contar(motor, "sesiones", ana.perfil_id) == 0
    assert contar(motor, "conocidos", ana.perfil_id) == 0
    assert (cuantos(motor, "intentos"), cuantos(motor, "renovaciones")) == (0, 0)


def test_one_address_on_one_usuario_is_limited_and_spends_no_argon2(motor: Engine, ana: c.Perfil) -> None:
    casa = entrar(motor, ana.correo, "192.0.2.1")
    cred = Baratas()
    codigos = atacar(motor, cred, [(ana.correo, "198.51.100.9")] * 300)
    assert set(codigos) == {Codigo.CREDENCIALES_INVALIDAS, Codigo.DEMASIADOS_INTENTOS}
    assert cred.comparadas == codigos.count(Codigo.CREDENCIALES_INVALIDAS) == 8
    # Even the right password is not looked at from there; the owner at home and everybody else come in.
    with pytest.raises(DomainError) as negado:
        entrar(motor, ana.correo, "198.51.100.9")
    assert negado.value.code is Codigo.DEMASIADOS_INTENTOS
    assert negado.value.datos["reintentar_en"] in range(1, 61)
    assert entrar(motor, ana.correo, "192.0.2.1").perfil_id == casa.perfil_id
    assert entrar(motor, ana.correo, "192.0.2.50").perfil_id == casa.perfil_id, "a new place too"
    otra = perfil(motor, next(_n))
    assert entrar(motor, otra.correo, "198.51.100.9").perfil_id == otra.perfil_id
    assert (
        entrar(motor, ana.correo, "198.51.100.9", adelanto=timedelta(seconds=61)).perfil_id == ana.perfil_id
    )


def test_one_address_on_many_usuarios_is_limited(motor: Engine, ana: c.Perfil) -> None:
    entrar(motor, ana.correo, "198.51.100.9")
    cred = Baratas()
    codigos = atacar(motor, cred, [(f"nadie{i}@x.mx", "198.51.100.9") for i in range(300)])
    assert cred.comparadas == codigos.count(Codigo.CREDENCIALES_INVALIDAS)
    assert 40 <= cred.comparadas <= 45
    # Who always signs in behind that address goes on; a stranger there waits, and elsewhere does not.
    assert entrar(motor, ana.correo, "198.51.100.9").perfil_id == ana.perfil_id
    otra = perfil(motor, next(_n))
    with rechazo(Codigo.DEMASIADOS_INTENTOS):
        entrar(motor, otra.correo, "198.51.100.9")
    assert entrar(motor, otra.correo, "192.0.2.7").perfil_id == otra.perfil_id


def test_many_addresses_on_one_usuario_are_limited_and_keep_nobody_out(motor: Engine, ana: c.Perfil) -> None:
    casa = entrar(motor, ana.correo, "192.0.2.1")
    cred = Baratas()
    redes = [f"10.{i // 65536}.{i // 256 % 256}.{i % 256}" for i in range(300)]
    codigos = atacar(motor, cred, [(ana.correo if i % 2 else ana.movil, r) for i, r in enumerate(redes)])
    assert cred.comparadas == codigos.count(Codigo.CREDENCIALES_INVALIDAS) == 30, "both its names are one"
    assert entrar(motor, ana.correo, "192.0.2.1").perfil_id == ana.perfil_id
    with rechazo(Codigo.DEMASIADOS_INTENTOS):
        entrar(motor, ana.correo, "192.0.2.99")
    # The device that signed in before is known wherever it is; another perfil's token is worth nothing.
    viaje = entrar(motor, ana.correo, "192.0.2.99", dispositivo=casa.dispositivo)
    assert viaje.perfil_id == ana.perfil_id
    ajeno = entrar(motor, perfil(motor, next(_n)).correo).dispositivo
    for token in (ajeno, casa.acceso, "x"):
        with rechazo(Codigo.DEMASIADOS_INTENTOS):
            entrar(motor, ana.correo, "10.9.9.9", dispositivo=token)


def test_many_devices_of_one_perfil_share_what_they_may_try(motor: Engine, ana: c.Perfil) -> None:
    tokens = [entrar(motor, ana.correo, "192.0.2.1").dispositivo for _ in range(9)]
    cred = Baratas()
    intentos = [(ana.correo, "10.7.7.7", token) for token in tokens for _ in range(12)]
    codigos = atacar(motor, cred, intentos)
    assert cred.comparadas == codigos.count(Codigo.CREDENCIALES_INVALIDAS) == 60
    with rechazo(Codigo.DEMASIADOS_INTENTOS):
        entrar(motor, ana.correo, "10.7.7.7", dispositivo=tokens[8])
    # One device that fails has its ten, and leaves the others theirs.
    otra = perfil(motor, next(_n))
    una, dos = (entrar(motor, otra.correo, "192.0.2.1").dispositivo for _ in range(2))
    assert len(set(atacar(motor, cred, [(otra.correo, "10.7.7.8", una)] * 20))) == 2
    assert entrar(motor, otra.correo, "10.7.7.8", dispositivo=dos).perfil_id == otra.perfil_id


def test_a_device_is_known_until_the_password_changes(motor: Engine, ana: c.Perfil) -> None:
    antes = entrar(motor, ana.correo, "192.0.2.1").dispositivo
    with motor.begin() as conexion:
        conexion.execute(
            text("UPDATE perfiles SET hash_contrasena = '$argon2id$otra' WHERE perfil_id = :p"),
            {"p": ana.perfil_id},
        )
    despues = entrar(motor, ana.correo, "192.0.2.2", dispositivo=antes).dispositivo
    cred = Baratas()
    # As any stranger: the pair's eight, not the device's ten.
    atacar(motor, cred, [(ana.correo, "10.8.8.8", antes)] * 20)
    assert cred.comparadas == 8
    with rechazo(Codigo.DEMASIADOS_INTENTOS):
        entrar(motor, ana.correo, "10.8.8.8", dispositivo=antes)
    assert entrar(motor, ana.correo, "10.8.8.8", dispositivo=despues).perfil_id == ana.perfil_id


def test_ways_of_writing_a_usuario_are_one_also_when_nobody_has_it(motor: Engine, ana: c.Perfil) -> None:
    propio = ana.movil.removeprefix("+52")
    for movil in (propio, "5587650000"):
        escritos = (movil, f"{movil[:2]}-{movil[2:6]}-{movil[6:]}", f"+52 {movil}")
        codigos = atacar(motor, Baratas(), [(escritos[i % 3], "198.51.100.40") for i in range(12)])
        assert codigos.count(Codigo.CREDENCIALES_INVALIDAS) == 8, movil


def test_tries_at_one_instant_are_counted_exactly(motor: Engine, ana: c.Perfil) -> None:
    cred = Baratas()
    hechos = a_la_vez(24, lambda _: entrar(motor, ana.correo, "198.51.100.20", cred=cred, contrasena="mala"))
    codigos = [x.code for x in hechos]
    assert codigos.count(Codigo.CREDENCIALES_INVALIDAS) == 8
    assert codigos.count(Codigo.DEMASIADOS_INTENTOS) == 16
    assert cred.comparadas == 8


def test_right_sign_ins_count_against_nobody(motor: Engine, ana: c.Perfil) -> None:
    for _ in range(30):
        entrar(motor, ana.correo, "198.51.100.30")
    with pytest.raises(DomainError):
        entrar(motor, ana.correo, "198.51.100.30", cred=_SinTurno())
    for _ in range(20):
        with rechazo(Codigo.NO_DISPONIBLE):
            entrar(motor, ana.correo, "198.51.100.30", cred=_SinTurno())
    assert entrar(motor, ana.correo, "198.51.100.30").perfil_id == ana.perfil_id


class _SinTurno(Baratas):
    def coincide(self, hash_contrasena: str | None, contrasena: str) -> bool:
        raise DomainError(Codigo.NO_DISPONIBLE, "Demasiados a la vez.")


def atacar(motor: Engine, cred: Baratas, intentos: Sequence[tuple[str, ...]]) -> list[Codigo]:
    """Usuario, address and device's token, if any: each with a wrong password, on one connection.

    The clock stands still, so that no bucket leaks.
    """
    codigos = []
    ahora = datetime.now(UTC)

    class Quieto(UnitOfWork[Repositorio]):
        @property
        def ahora(self) -> datetime:
            return ahora

    for usuario, red, *dispositivo in intentos:
        peticion = c.IniciarSesion(
            usuario=usuario,
            contrasena="mala",
            origen_ip=red,
            origen_red=red,
            dispositivo="".join(dispositivo),
        )
        with Quieto(motor, Repositorio) as uow:
            try:
                sesiones.iniciar_sesion(uow, peticion, cred)
            except DomainError as exc:
                codigos.append(exc.code)
    assert len(codigos) == len(intentos)
    return codigos


def a_la_vez(n: int, hacer: Callable[[int], Any]) -> list[Any]:
    """What n threads answer or raise, all let go at one instant."""
    barrera, dichos = threading.Barrier(n), [None] * n

    def uno(i: int) -> None:
        barrera.wait(20)
        try:
            dichos[i] = hacer(i)
        except DomainError as exc:
            dichos[i] = exc  # type: ignore[call-overload]

    hilos = [threading.Thread(target=uno, args=(i,)) for i in range(n)]
    for h in hilos:
        h.start()
    for h in hilos:
        h.join(60)
    return dichos


def asientos(motor: Engine, perfil_id: UUID) -> int:
    consulta = "SELECT count(*) FROM outbox WHERE carga::text LIKE :accion AND carga::text LIKE :quien"
    with motor.connect() as conexion:
        datos = {"accion": "%clientes.revocar_sesiones%", "quien": f"%{perfil_id}%"}
        return int(conexion.scalar(text(consulta), datos) or 0)


def contar(motor: Engine, tabla: str, perfil_id: UUID) -> int:
    with motor.connect() as conexion:
        return int(
            conexion.scalar(text(f"SELECT count(*) FROM {tabla} WHERE perfil_id = :p"), {"p": perfil_id}) or 0
        )


def cuantos(motor: Engine, tabla: str) -> int:
    with motor.connect() as conexion:
        return int(conexion.scalar(text(f"SELECT count(*) FROM {tabla}")) or 0)
