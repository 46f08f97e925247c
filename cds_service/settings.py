"""The settings of the service: the only reader of the environment. Every field has its meaning, unit and default.

A setting that cannot be used is a fault; all faults are told at once and the service does not start.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from cds_service.errors import Fault, SettingsFaults

PREFIX = "SPINE_CDS_"

DEVELOPMENT = "development"
PRODUCTION = "production"

_PACKAGE_PARENT = Path(__file__).resolve().parents[1]

DEVELOPMENT_ORIGINS = ("https://sandbox.cds-hooks.org",)
"""Beside loopback origins, what a browser client may call us from while nothing is configured."""


def _text(value: str) -> str:
    return value


def _secret(value: str) -> str:
    if len(value) < 32:
        raise ValueError("32 characters or more, from a random source")
    return value


def _service_id(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,64}", value):
        raise ValueError("letters, digits, dots, hyphens and underscores, 64 at most")
    return value


def _switch(value: str) -> bool:
    answers = {"yes": True, "true": True, "on": True, "1": True, "no": False, "false": False, "off": False, "0": False}
    if value.lower() not in answers:
        raise ValueError("yes or no")
    return answers[value.lower()]


def _whole(low: int, high: int) -> Callable[[str], int]:
    def read(value: str) -> int:
        if not value.isascii() or not value.isdigit() or not low <= int(value) <= high:
            raise ValueError(f"a whole number from {low} to {high}")
        return int(value)

    return read


def _one_of(*choices: str) -> Callable[[str], str]:
    def read(value: str) -> str:
        if value not in choices:
            raise ValueError(" or ".join(choices))
        return value

    return read


def _folder(value: str) -> Path:
    path = Path(value).expanduser()
    if not path.is_dir():
        raise ValueError("a folder that exists")
    return path


def _file(value: str) -> Path:
    path = Path(value).expanduser()
    if not path.is_file():
        raise ValueError("a file that exists")
    return path


def _zone(value: str) -> ZoneInfo:
    try:
        return ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        raise ValueError("a name of the IANA time zone database, such as Europe/Berlin") from None


def _origins(value: str) -> tuple[str, ...]:
    origins = tuple(one.strip() for one in value.split(",") if one.strip())
    for origin in origins:
        parts = urlsplit(origin)
        is_exact = origin == f"{parts.scheme}://{parts.netloc}" and "*" not in origin
        if parts.scheme not in ("http", "https") or not parts.hostname or not is_exact:
            raise ValueError("exact origins (https://ehr.example.org), comma-separated, without path or wildcard")
    return origins


def _base_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("an absolute http(s) URL without query")
    return value.rstrip("/")


def _database(value: str) -> str:
    if not value.startswith(("sqlite:///", "postgresql+psycopg://", "postgresql://")):
        raise ValueError("sqlite:///FILE or postgresql+psycopg://USER:PASSWORD@HOST:PORT/NAME")
    return value.replace("postgresql://", "postgresql+psycopg://", 1) if value.startswith("postgresql://") else value


def _setting(
    default: Any,
    read: Callable[[str], Any],
    meaning: str,
    unit: str = "",
    shown: str | None = None,
    secret: bool = False,
) -> Any:
    return field(
        default=default, repr=not secret, metadata={"read": read, "meaning": meaning, "unit": unit, "shown": shown}
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How this installation runs. Each field is the environment variable SPINE_CDS_<NAME IN CAPITALS>."""

    mode: str = _setting(
        DEVELOPMENT,
        _one_of(DEVELOPMENT, PRODUCTION),
        "`production` insists on a tenants file; `development` serves without tokens, on loopback addresses only",
    )
    host: str = _setting("127.0.0.1", _text, "address to listen on")
    port: int = _setting(8000, _whole(1, 65535), "port to listen on")
    public_url: str | None = _setting(
        None, _base_url, "base URL that clients call us by (behind a proxy); audience of tokens, links on cards"
    )
    cards: Path = _setting(
        _PACKAGE_PARENT / "cards", _folder, "folder of the clinical knowledge", shown="the shipped `cards/`"
    )
    overlay: Path | None = _setting(None, _folder, "folder of the local overlay over the shipped knowledge")
    use_draft: bool = _setting(True, _switch, "answer from knowledge that no clinician has signed yet (cards say so)")
    timezone: ZoneInfo = _setting(ZoneInfo("UTC"), _zone, "time zone whose calendar day a call belongs to", "IANA name")
    tenants: Path | None = _setting(None, _file, "YAML file of the EHR installations we trust")
    database_url: str = _setting(
        "sqlite:///spine-cds.sqlite3",
        _database,
        "store of feedback, issued cards and used tokens: SQLite or PostgreSQL",
        secret=True,
    )
    card_secret: str = _setting(
        "",
        _secret,
        "key of the card ids: the same advice gets the same id and nobody finds the patient from it; the same on every "
        "machine and after every start; needed in production",
        "32 characters or more",
        shown="a fixed one in development",
        secret=True,
    )
    shared_service_id: str | None = _setting(
        None,
        _service_id,
        "publish every hook under this one id, so that clients which understand it replace stale guidance",
    )
    prefetch_dialect: str = _setting(
        "2.0",
        _one_of("2.0", "3.0"),
        "`3.0` puts `today() - n days` into prefetch templates; many clients cannot read that",
    )
    prefetch_only: bool = _setting(False, _switch, "never call a FHIR server, whatever a call allows")
    missing_data: str = _setting(
        "412",
        _one_of("412", "card"),
        "answer when required data can be had in no way; `card` for clients that show a 412 as 'all clear'",
    )
    gather_milliseconds: int = _setting(
        400, _whole(1, 60_000), "longest time for reading what a call did not bring", "milliseconds"
    )
    max_body_megabytes: int = _setting(16, _whole(1, 1024), "largest request body", "megabytes (2^20 bytes)")
    cors_origins: tuple[str, ...] = _setting(
        (),
        _origins,
        "origins of browser clients, exact, comma-separated; in development also loopback and the public sandbox",
    )
    workers: int = _setting(2, _whole(1, 256), "server processes")
    threads: int = _setting(4, _whole(1, 256), "threads in each process, so that a slow client holds up no other")
    worker_calls: int = _setting(
        100_000, _whole(0, 1_000_000_000), "calls after which a process is replaced; 0 = never", "calls"
    )
    worker_timeout_seconds: int = _setting(30, _whole(1, 3600), "a process silent for this long is replaced", "seconds")
    shutdown_seconds: int = _setting(20, _whole(1, 3600), "time for calls in flight when the service stops", "seconds")
    log_level: str = _setting("info", _one_of("debug", "info", "warning", "error"), "least important log line to write")
    audit_log: str | None = _setting(
        None,
        _text,
        "audit trail, one JSON line per call (who called, which rules answered, which knowledge): a file, or `stdout`",
    )
    otlp_endpoint: str | None = _setting(
        None, _base_url, "send traces to this OTLP/HTTP URL (ids of ours, counts, durations; needs the extra `tracing`)"
    )
    ca_bundle: Path | None = _setting(
        None, _file, "PEM file of the authorities that sign FHIR and key servers, where they are not public ones"
    )
    commit: str = _setting("unknown", _text, "revision of the code, shown by /version; set when an image is built")
    workbench: bool | None = _setting(
        None, _switch, "serve the page that plays an EHR at `/`; unset means: in development only"
    )

    open_knowledge: bool = _setting(
        True,
        _switch,
        "anybody may read the knowledge as FHIR under `/fhir` (no patient data), so that the canonicals in orders resolve; "
        "`no` asks for a client's token there too",
    )

    @property
    def is_development(self) -> bool:
        return self.mode == DEVELOPMENT

    @property
    def shows_workbench(self) -> bool:
        return self.is_development if self.workbench is None else self.workbench

    @property
    def base_url(self) -> str:
        """The URL that clients reach us by, without a slash at the end."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.public_url or f"http://{host}:{self.port}"

    @property
    def card_key(self) -> bytes:
        """The key of the card ids. Development has a fixed one: it serves this machine only, and ids then repeat."""
        return (self.card_secret or "development, no secret").encode()

    @property
    def max_body_bytes(self) -> int:
        return self.max_body_megabytes * 2**20

    @classmethod
    def from_env(cls, environment: Mapping[str, str]) -> Settings:
        """Read the settings out of *environment*; raises SettingsFaults with every fault.

        An empty variable counts as unset. An unknown SPINE_CDS_ variable is a fault: it is a typing mistake.
        """
        known = {variable(one.name): one for one in fields(cls)}
        faults: list[Fault] = []
        values: dict[str, Any] = {}
        for name, text in environment.items():
            if not name.startswith(PREFIX) or _is_of_the_tests(name) or not text:
                continue
            one = known.get(name)
            if one is None:
                faults.append(Fault(name, "is not a setting we know", todo="see `spine-cds settings`"))
                continue
            try:
                values[one.name] = one.metadata["read"](text)
            except ValueError as error:
                faults.append(Fault(name, "cannot be used", str(error)))
        if not faults:
            settings = cls(**values)
            faults = list(settings.contradictions())
        if faults:
            raise SettingsFaults(faults)
        return settings

    def warnings(self) -> tuple[str, ...]:
        """What an operator should hear at every start."""
        if self.is_development or (self.public_url or "").startswith("https:"):
            return ()
        return (
            f"{variable('public_url')} is not https: tokens and patients' data would travel in the clear; "
            "put a proxy with TLS before this service",
        )

    def contradictions(self) -> tuple[Fault, ...]:
        """Settings that are each fine and together unsafe."""
        faults: list[Fault] = []
        if self.is_development and not _is_loopback(self.host):
            faults.append(
                Fault(
                    variable("host"),
                    "is no loopback address, and development mode asks nobody for a token",
                    "127.0.0.1, ::1 or localhost",
                    f"or set {variable('mode')}=production and {variable('tenants')}",
                )
            )
        if not self.is_development and self.tenants is None:
            faults.append(Fault(variable("tenants"), "is missing in production mode", "the file of EHRs we trust"))
        if not self.is_development and self.public_url is None:
            faults.append(
                Fault(variable("public_url"), "is missing in production mode", "the https URL that clients call us by")
            )
        if not self.is_development and not self.card_secret:
            faults.append(
                Fault(variable("card_secret"), "is missing in production mode", "32 random characters or more")
            )
        if not self.cards.is_dir():
            faults.append(Fault(variable("cards"), "is no folder", "the folder of the clinical knowledge"))
        return tuple(faults)


def _is_of_the_tests(name: str) -> bool:
    """Tell whether *name* is a variable of the test suite, which shares our prefix."""
    return name == PREFIX + "SHARED" or name.startswith(PREFIX + "TESTS_")


def variable(name: str) -> str:
    """The environment variable of a field of Settings."""
    return PREFIX + name.upper()


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def as_markdown() -> str:
    """The table of all settings for the README."""
    lines = ["| Variable | Default | Unit | Meaning |", "|---|---|---|---|"]
    for one in fields(Settings):
        default = one.metadata["shown"] or _shown(one.default)
        lines.append(
            f"| `{variable(one.name)}` | {default} | {one.metadata['unit'] or '-'} | {one.metadata['meaning']} |"
        )
    return "\n".join(lines) + "\n"


def _shown(default: Any) -> str:
    if default is MISSING or default is None or default == ():
        return "unset"
    if isinstance(default, bool):
        return "`yes`" if default else "`no`"
    return f"`{default}`"
