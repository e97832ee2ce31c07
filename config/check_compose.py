"""Checks of docker-compose.yml that no schema can express: which service holds which key, and which can be reached."""

import json
import re
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parent.parent
DAEMONS = {"api", "archive", "analytics", "report", "input", "web"}
# an API that is taken over must not be able to read what it stored
SECRETS = {
    "api": {"pub.pem", "identity_secret", "mongo_url"},
    "archive": {"priv.pem", "mongo_url"},
    "analytics": {"identity_secret", "mongo_url"},
    "report": {"priv.pem", "identity_secret", "mongo_url"},
    "input": {"api_token"},
    "mongodb": {"mongo_password"},
    "web": {"web_secret"},
}
# services that are published, and the variable that says where
LISTEN = {"api": "CYBEXP_LISTEN", "web": "CYBEXP_WEB_LISTEN"}
# services that speak to strangers do not reach the database
NETWORKS = {"api": {"front", "back"}, "input": {"front"}, "web": {"front"}}

compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
config = json.loads((ROOT / "config/docker/config.json").read_text())
services = compose["services"]
wrong = []


def ensure(holds, what):
    if not holds:
        wrong.append(what)


ensure(DAEMONS <= services.keys(), f"a daemon is missing: {DAEMONS - services.keys()}")
for name, service in services.items():
    ensure(service.get("read_only") is True, f"{name}: the root file system can be written")
    ensure(service.get("cap_drop") == ["ALL"], f"{name}: has capabilities")
    ensure("no-new-privileges:true" in service.get("security_opt", []), f"{name}: may gain privileges")
    ensure(name in LISTEN or "ports" not in service, f"{name}: publishes a port")
    networks = NETWORKS.get(name, {"back"})
    ensure(set(service["networks"]) == networks, f"{name}: is on the networks {service['networks']}")
    for secret in service.get("secrets", []):
        ensure(secret in compose["secrets"], f"{name}: no secret is called {secret}")
    for volume in service.get("volumes", []):
        source = re.sub(r"\$\{\w+:-(.*?)\}", r"\1", volume).split(":")[0]
        known = source.startswith(".") or source in compose["volumes"]
        ensure(known, f"{name}: no volume is called {source}")
ensure(compose["networks"]["back"]["internal"], "the network back is not internal")
for name, variable in LISTEN.items():
    local = services[name]["ports"][0].startswith("${" + variable + ":-127.0.0.1:")
    ensure(local, f"{name}: published beyond this host")
for name, secrets in SECRETS.items():
    held = services[name].get("secrets", [])
    ensure(set(held) == secrets, f"{name}: holds {held}")
ensure("--keyFile" in services["mongodb"]["command"], "mongodb: takes commands without a password")
# a tag can be moved to another image, a digest cannot
DIGEST = re.compile(r"@sha256:[0-9a-f]{64}$")
images = [service["image"] for service in services.values() if service["image"] != "cybexp"]
for line in (ROOT / "Dockerfile").read_text().splitlines():
    if line.startswith("FROM "):
        images.append(line.split()[1])
for image in images:
    ensure(DIGEST.search(image), f"{image}: is not pinned by its digest")
for name in sorted(DAEMONS & services.keys()):
    service = services[name]
    port = config["metrics"][name].split(":")[1]
    probe = ["CMD", "cybexp", "ready", f"http://127.0.0.1:{port}/readyz"]
    ensure(service["healthcheck"]["test"] == probe, f"{name}: is not probed at metrics.{name}, port {port}")
    ensure(service["command"][0] == f"cybexp-{name}", f"{name}: runs {service['command'][0]}")

for line in wrong:
    print(f"docker-compose.yml: {line}", file=sys.stderr)
if wrong:
    sys.exit(1)
print("docker-compose.yml: as our rules have it")
