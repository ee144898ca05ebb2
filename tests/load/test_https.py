"""Services behind HTTPS with a certificate of one's own: what is not believed is named, and the CA can be given."""

import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from load.client.http_client import check_service
from load.client.refusal import Refused
from load.client.target import Target, choose_target
from tests.support.certificates import Certificates, make_certificates


class Health(BaseHTTPRequestHandler):
    """Answers as the auth service does."""

    def do_GET(self) -> None:
        """Answer /health."""
        body = b'{"status": "ok", "service": "auth"}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Quiet(HTTPServer):
    """Leaves connections that end in their handshake without a word."""

    def handle_error(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def url(certificates: Certificates) -> Iterator[str]:
    """The address of an auth service whose certificate only its own CA has signed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.certificate, certificates.key)
    with Quiet(("127.0.0.1", 0), Health) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"https://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join(10)


def test_a_certificate_that_is_not_believed_is_named(url: str) -> None:
    for ask in (lambda: check_service(url, "auth"), lambda: choose_target(Target(url, url), given=True)):
        with pytest.raises(Refused, match="certificate that is not believed: name the file of its CA in REQUESTS_CA"):
            ask()


def test_the_ca_of_ones_own_is_believed_where_its_file_is_named(
    url: str, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificates.ca))
    check_service(url, "auth")
    with pytest.raises(Refused, match="should be the books service, but the auth service answers there"):
        choose_target(Target(url, url), given=True)


def test_a_file_of_cas_that_is_not_there_is_named(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/no/such.pem")
    with pytest.raises(Refused, match=r"REQUESTS_CA_BUNDLE is /no/such\.pem: it must be the whole path of the file"):
        check_service(url, "auth")


def test_a_service_without_https_is_no_matter_of_certificates() -> None:
    with Quiet(("127.0.0.1", 0), Health) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        plain = f"https://127.0.0.1:{server.server_address[1]}"
        try:
            with pytest.raises(Refused, match="but something that does not speak HTTP answers there"):
                choose_target(Target(plain, plain), given=True)
        finally:
            server.shutdown()
            thread.join(10)
