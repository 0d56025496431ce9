"""Settings of one process, read once from the environment: the only reader of `os.environ`.

Every variable has a safe default or is required; a required one that lacks stops the process
with one line that names it. Secrets come as files (`*_FILE`, `*_DIR`), never as values.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from pathlib import Path

from environs import Env, EnvValidationError

Red = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Settings:
    """Process settings. Times are seconds, sizes bytes."""

    servicio: str
    amqp_url: str
    database_url: str | None
    log_level: str
    metrics_port: int
    """Prometheus metrics; 0 turns them off."""
    rpc_timeout: float
    """Deadline of a call whose contract names none."""
    max_workers: int
    """Concurrent nameko workers of a service."""
    db_pool: int
    http_host: str
    http_port: int
    http_max_body: int
    http_max_body_masivas: int
    """The same for a bulk transfer: 50,000 rows with the longest ids take 6.5 MB."""
    http_max_body_importaciones: int
    """The same for a CSV of clientes: 100,000 rows with every field short take some 40 MB."""
    proxies_de_confianza: tuple[Red, ...]
    """Networks of the proxies in front of the gateway: their `X-Forwarded-For` and `-Proto` are believed, no others'."""
    token_private_key_file: Path | None
    """Ed25519 PEM with which clientes signs access tokens."""
    token_public_key_file: Path | None
    """Its public half, with which the gateway verifies them."""
    dialectos_key_file: Path | None
    """Fernet keys, one a line, that seal the tokens of SW's dialect: the first seals, all open."""
    segundo_factor_key_file: Path | None
    """Fernet keys, one a line, that seal the secrets of second factors in clientes: the first seals, all open."""
    paso_timbres: int
    """More timbres than these in one transfer need a recent second factor of who has one."""
    paso_puntos: Decimal
    """The same for puntos."""
    licencias_keys_dir: Path | None
    """Folder of Ed25519 PEM keys that sign licences; a file's stem is its key id."""
    cfdi_autoridades_dir: Path | None
    """Folder of certificates (.cer/.pem) trusted to have issued CSDs. A leaf CSD in it is trusted itself."""
    cfdi_reglas_omitidas: frozenset[str]
    """Codes of the SAT's matrix of errors that are left to the PAC (`CFDI40119,CRP20102`; `*`: all), for the
    day that the SAT changes one."""
    pac_sandbox_dir: Path | None
    """Folder with `sello.key` (PEM) and `sello.cer` of the sandbox PAC."""
    pacs_file: Path | None
    """TOML or JSON that names the PACs (`services/timbrado/pac/configuracion.py`); without it, the sandbox alone."""
    pac_timeout: float
    smtp_url: str | None
    """`smtp://host:port` or `smtps://host:port`; without it mails go to `correo_dir`, and without either they wait."""
    smtp_user: str | None
    smtp_password_file: Path | None
    smtp_timeout: float
    """Each exchange with the SMTP server."""
    correo_de: str
    """From of every mail: `Nombre <direccion>`."""
    correo_dir: Path | None
    """Folder that gets each mail as an `.eml` where there is no SMTP server."""
    portal_url: str
    """The portal's public address: links in mails begin with it."""
    crash_dir: Path | None
    """Chaos tests only: a file named after a crash point in this folder kills the process there, once."""


@lru_cache(maxsize=1)
def settings() -> Settings:
    """Read the environment once. Raises `environs.EnvError` naming the variable that is wrong."""
    env = Env()
    return Settings(
        servicio=env.str("SERVICIO", "herramienta"),
        amqp_url=env.str("AMQP_URL", "amqp://guest:guest@127.0.0.1:5672//"),
        database_url=env.str("DATABASE_URL", None),
        log_level=env.str("LOG_LEVEL", "INFO"),
        metrics_port=env.int("METRICS_PORT", 0),
        rpc_timeout=env.float("RPC_TIMEOUT", 5.0),
        max_workers=env.int("MAX_WORKERS", 10),
        db_pool=env.int("DB_POOL", 12),
        http_host=env.str("HTTP_HOST", "127.0.0.1"),
        http_port=env.int("HTTP_PORT", 8000),
        http_max_body=env.int("HTTP_MAX_BODY", 4 * 1024 * 1024),
        http_max_body_masivas=env.int("HTTP_MAX_BODY_MASIVAS", 8 * 1024 * 1024),
        http_max_body_importaciones=env.int("HTTP_MAX_BODY_IMPORTACIONES", 48 * 1024 * 1024),
        proxies_de_confianza=_redes(env, "PROXIES_DE_CONFIANZA"),
        token_private_key_file=_path(env, "TOKEN_PRIVATE_KEY_FILE"),
        token_public_key_file=_path(env, "TOKEN_PUBLIC_KEY_FILE"),
        dialectos_key_file=_path(env, "DIALECTOS_KEY_FILE"),
        segundo_factor_key_file=_path(env, "SEGUNDO_FACTOR_KEY_FILE"),
        paso_timbres=env.int("PASO_TIMBRES", 10_000),
        paso_puntos=env.decimal("PASO_PUNTOS", Decimal("10000.00")),
        licencias_keys_dir=_path(env, "LICENCIAS_KEYS_DIR"),
        cfdi_autoridades_dir=_path(env, "CFDI_AUTORIDADES_DIR"),
        cfdi_reglas_omitidas=frozenset(env.list("CFDI_REGLAS_OMITIDAS", [])),
        pac_sandbox_dir=_path(env, "PAC_SANDBOX_DIR"),
        pacs_file=_path(env, "PACS_FILE"),
        pac_timeout=env.float("PAC_TIMEOUT", 8.0),
        smtp_url=env.str("SMTP_URL", None) or None,
        smtp_user=env.str("SMTP_USER", None) or None,
        smtp_password_file=_path(env, "SMTP_PASSWORD_FILE"),
        smtp_timeout=env.float("SMTP_TIMEOUT", 10.0),
        correo_de=env.str("CORREO_DE", "Cuenta Maestra <no-responder@cuentamaestra.invalid>"),
        correo_dir=_path(env, "CORREO_DIR"),
        portal_url=env.str("PORTAL_URL", "http://127.0.0.1:8000"),
        crash_dir=_path(env, "CRASH_DIR"),
    )


def _path(env: Env, name: str) -> Path | None:
    value = env.str(name, None)
    return Path(value) if value else None


def _redes(env: Env, name: str) -> tuple[Red, ...]:
    textos: list[str] = env.list(name, [])
    try:
        redes = tuple(ipaddress.ip_network(texto.strip()) for texto in textos if texto.strip())
    except ValueError as exc:
        raise EnvValidationError(f"{name}: {exc}", [str(exc)]) from exc
    if any(red.prefixlen == 0 for red in redes):
        raise EnvValidationError(f"{name}: a /0 would believe everybody", [name])
    return redes
