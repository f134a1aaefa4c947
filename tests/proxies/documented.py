"""The proxies of docs/flower.md, started as they stand there: only ports, certificate and password are put in."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
from pathlib import Path

from config.system.boot.paths import PROJECT
from config.system.servers.ports import answers, free_port
from tests.bootstrap.running_system import RunningSystem, wait_until

HOST = "shop.example"


class Proxy:
    """One proxy in front of a running system, until `stop`."""

    def __init__(self, kind: str, system: RunningSystem, folder: Path) -> None:
        self.kind = kind
        self.port = free_port()
        self._system = system
        self._folder = folder
        _make_certificate(folder)
        command, environment = self._nginx() if kind == "nginx" else self._caddy()
        self.output = folder / "output"
        with self.output.open("wb") as out:
            self._process = subprocess.Popen(
                command, env={**os.environ, **environment}, stdout=out, stderr=out, start_new_session=True
            )
        wait_until(self._is_ready, f"{kind} on {self.port}", 20)

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(timeout=20)

    def _is_ready(self) -> bool:
        assert self._process.poll() is None, self.output.read_text()
        return answers("127.0.0.1", self.port)

    def _login(self) -> str:
        password = json.loads((self._system.folder / "secrets.json").read_text())["flower_password"]
        return base64.b64encode(f"admin:{password}".encode()).decode()

    def _nginx(self) -> tuple[list[str], dict[str, str]]:
        (self._folder / "password.conf").write_text(
            f'proxy_set_header Authorization "Basic {self._login()}";\n'
        )
        site = self._with_upstreams(_block("nginx"))
        for documented, here in (
            ("listen 443 ssl", f"listen {self.port} ssl"),
            ("/etc/ssl/shop.example.pem", f"{self._folder}/cert.pem"),
            ("/etc/ssl/shop.example.key", f"{self._folder}/key.pem"),
            ("/etc/nginx/flower-password.conf", f"{self._folder}/password.conf"),
        ):
            site = _replaced(site, documented, here)
        file = self._folder / "nginx.conf"
        temporary = "".join(
            f"{name}_temp_path {self._folder}/{name};\n"
            for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        file.write_text(
            f"daemon off;\nuser root;\npid {self._folder}/pid;\nerror_log stderr warn;\nevents {{}}\n"
            f"http {{\naccess_log off;\n{temporary}{site}\n}}\n"
        )
        return ["nginx", "-c", str(file), "-e", "stderr"], {}

    def _caddy(self) -> tuple[list[str], dict[str, str]]:
        site = self._with_upstreams(_block("caddyfile"))
        tls = f"{HOST}:{self.port} {{\n    tls {self._folder}/cert.pem {self._folder}/key.pem\n"
        site = _replaced(site, f"{HOST} {{\n", tls)
        # Neither its interface for administration nor the port 80 of this machine.
        site = _replaced(
            site, "{\n    servers", "{\n    admin off\n    auto_https disable_redirects\n    servers"
        )
        file = self._folder / "Caddyfile"
        file.write_text(site)
        environment = {
            "FLOWER_LOGIN": self._login(),
            "HOME": str(self._folder),
            "XDG_DATA_HOME": str(self._folder),
        }
        return ["caddy", "run", "--config", str(file), "--adapter", "caddyfile"], environment

    def _with_upstreams(self, text: str) -> str:
        text = _replaced(text, "127.0.0.1:8000", f"127.0.0.1:{self._system.port}")
        return _replaced(text, "127.0.0.1:5555", f"127.0.0.1:{self._system.flower_port}")


def _block(language: str) -> str:
    found = re.search(
        rf"^```{language}\n(.*?)^```", (PROJECT / "docs" / "flower.md").read_text(), re.M | re.S
    )
    assert found is not None
    return found.group(1)


def _replaced(text: str, documented: str, here: str) -> str:
    assert documented in text, f"{documented} is no longer documented"
    return text.replace(documented, here)


def _make_certificate(folder: Path) -> None:
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST}", "-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
