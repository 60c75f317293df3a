"""Google's addresses on this machine: an HTTPS proxy that answers for *.googleapis.com with the emulators behind it, the
token services, and a metadata server. With these the programs run as they do against the real cloud, credentials and all.

    with GoogleFront(folder, storage_url, bigquery_url) as front:
        ...                # run with front.env; tokens: front.bearers; what was asked to be exchanged: front.exchanged
"""

from __future__ import annotations

import contextlib
import datetime
import http.client
import json
import ssl
import threading
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import quiet_server
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

HOSTS = ("storage", "bigquery", "oauth2", "sts", "iamcredentials")
ACCOUNT = "collector@test-project.iam.gserviceaccount.com"


def private_key() -> tuple[rsa.RSAPrivateKey, str]:
    """A key, and the same as PEM."""
    key = rsa.generate_private_key(65_537, 2_048)
    plain = serialization.NoEncryption()
    return key, key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain).decode()


def _certificate(folder: Path) -> Path:
    """A certificate for Google's hosts that signs itself; it and its key in one file."""
    key, pem = private_key()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a stand-in")])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(f"{host}.googleapis.com") for host in HOSTS]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True).sign(key, hashes.SHA256())
    )  # fmt: skip
    path = folder / "stand-in.pem"
    path.write_text(made.public_bytes(serialization.Encoding.PEM).decode() + pem)
    return path


class GoogleFront:
    """The proxy and the metadata server; a context manager. refused: answer every request for a token with no."""

    def __init__(self, folder: Path, storage_url: str, bigquery_url: str, emulators_token: str) -> None:
        self.emulators_token = emulators_token
        self.certificate = _certificate(folder)
        self.upstreams = {"storage.googleapis.com": urlsplit(storage_url), "bigquery.googleapis.com": urlsplit(bigquery_url)}
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(self.certificate)
        self.refused = False
        self.bearers: set[str] = set()
        self.tokens: list[str] = []
        self.exchanged: list[dict[str, list[str]]] = []
        self._servers: list[_Server] = []

    def __enter__(self) -> GoogleFront:
        for handler in (_Connect, _Metadata):
            server = _Server(("127.0.0.1", 0), handler)
            server.front = self
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
            self._servers.append(server)
        return self

    def __exit__(self, *_: object) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()

    @property
    def env(self) -> dict[str, str]:
        """What leads a program here. Without GCE_METADATA_HOST there is no metadata server."""
        return {"HTTPS_PROXY": f"http://127.0.0.1:{self._servers[0].server_address[1]}", "REQUESTS_CA_BUNDLE": str(self.certificate)}

    @property
    def metadata_env(self) -> dict[str, str]:
        host = f"127.0.0.1:{self._servers[1].server_address[1]}"
        return {"GCE_METADATA_HOST": host, "GCE_METADATA_IP": host}

    def token(self, kind: str) -> str:
        self.tokens.append(kind)
        return f"token-of-{kind}"


class _Server(quiet_server.Server):
    front: GoogleFront


class _Handler(quiet_server.Handler):
    server: _Server


class _Metadata(_Handler):
    """http://metadata.google.internal of a machine with a service account."""

    def do_GET(self) -> None:
        place = urlsplit(self.path).path.rstrip("/")
        token = {"access_token": self.server.front.token("machine"), "expires_in": 3_599, "token_type": "Bearer"} if place.endswith("/token") else None
        answers: dict[str, object] = {
            "": "computeMetadata/", "/computeMetadata/v1/project/project-id": "the-machines-project",
            "/computeMetadata/v1/universe/universe-domain": "googleapis.com",
            "/computeMetadata/v1/instance/service-accounts/default": {"aliases": ["default"], "email": ACCOUNT, "scopes": ["https://www.googleapis.com/auth/cloud-platform"]},
            f"/computeMetadata/v1/instance/service-accounts/{ACCOUNT}/token": token, "/computeMetadata/v1/instance/service-accounts/default/token": token,
        }  # fmt: skip
        found = answers.get(place)
        text = found if isinstance(found, str) else json.dumps(found)
        kind = "application/text" if isinstance(found, str) else "application/json"
        refused = found is None or (token and self.server.front.refused)
        self.send(404 if refused else 200, [("Metadata-Flavor", "Google"), ("Content-Type", kind)], b"" if refused else text.encode())


class _Connect(_Handler):
    """CONNECT host:443, then TLS, then the requests for that host."""

    host = ""

    def do_CONNECT(self) -> None:
        host = self.path.partition(":")[0]
        self.send_response(200)
        self.end_headers()
        with contextlib.suppress(OSError), self.server.front.tls.wrap_socket(self.connection, server_side=True) as inside:
            # The handler serves its requests until the other side hangs up.
            type("Inside", (_Inside,), {"host": host})(inside, self.client_address, self.server)
        self.close_connection = True


class _Inside(_Handler):
    """Requests to one of Google's hosts."""

    host = ""

    def _serve(self) -> None:
        front, body = self.server.front, self.rfile.read(int(self.headers.get("Content-Length") or 0))
        upstream = front.upstreams.get(self.host)
        if upstream is None:
            if front.refused:
                self.send(400, [], json.dumps({"error": "invalid_grant", "error_description": "Token has been expired or revoked."}).encode())
                return
            kind = self.host.partition(".")[0]
            if kind == "sts":
                front.exchanged.append(parse_qs(body.decode()))
            later = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
            token = front.token(kind)
            answer = {"access_token": token, "accessToken": token, "expireTime": later, "expires_in": 3_599, "token_type": "Bearer",
                      "issued_token_type": "urn:ietf:params:oauth:token-type:access_token"}  # fmt: skip
            self.send(200, [("Content-Type", "application/json")], json.dumps(answer).encode())
            return
        front.bearers.add(self.headers.get("Authorization", "none"))
        headers = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "connection", "authorization", "content-length")}
        connection = http.client.HTTPConnection(upstream.hostname or "", upstream.port, timeout=600)
        with contextlib.closing(connection):
            connection.request(self.command, self.path, body, headers | {"Host": upstream.netloc, "Authorization": f"Bearer {front.emulators_token}"})
            got = connection.getresponse()
            if "/iam/testPermissions" in self.path:
                # The emulator has no permissions; the real service would know the names.
                names = [part.partition("=")[2] for part in urlsplit(self.path).query.split("&")]
                self.send(200, [("Content-Type", "application/json")], json.dumps({"permissions": names}).encode())
                return
            self.send(got.status, got.getheaders(), got.read())

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve
