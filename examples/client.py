"""Posts a record of a honeypot, asks how often its address was seen and with what, and prints the answers. Needs nothing but
Python 3. `cybexp up` shows the URL, the organisation and the token at its first start, and keeps the token in `api.token`:

    CYBEXP_URL=http://127.0.0.1:5000 CYBEXP_TOKEN=… CYBEXP_ORG=home python3 client.py 203.0.113.9
"""

import json
import os
import sys
import time
import urllib.error
import urllib.request

URL, TOKEN, ORG = (os.environ[name] for name in ("CYBEXP_URL", "CYBEXP_TOKEN", "CYBEXP_ORG"))


def call(path, body=None, kind="application/json"):
    head = {"Authorization": f"Bearer {TOKEN}", "Content-Type": kind}
    try:
        with urllib.request.urlopen(urllib.request.Request(URL.rstrip("/") + path, body, head), timeout=60) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        sys.exit(f"{path}: {error.code} {json.load(error)['message']}")


def orgid(name):
    """The hash of the organisation; the API knows organisations by hash, people know them by name."""
    found = [org["_hash"] for org in call("/orgs/admin_of")["result"] if name in [org["_hash"], *org["data"]["orgname"]]]
    return found[0] if found else sys.exit(f"the token's user is no admin of an organisation {name}")


def post(typetag, record):
    """Submits a record; a form may hold many parts `file`."""
    fields = {"orgid": orgid(ORG), "typetag": typetag, "timezone": "UTC", 'file"; filename="record': json.dumps(record)}
    part = '--cybexp-record\r\nContent-Disposition: form-data; name="{}"\r\n\r\n{}\r\n'
    form = "".join(part.format(name, value) for name, value in fields.items()) + "--cybexp-record--\r\n"
    return call("/raw", form.encode(), "multipart/form-data; boundary=cybexp-record")


def ask(kind, **data):
    return call("/query", json.dumps({"type": kind, "data": data, "redo": True}).encode())


address = sys.argv[1]
record = {"eventid": "cowrie.login.failed", "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "src_ip": address,
          "session": os.urandom(4).hex(), "username": "root", "password": "123456", "sensor": "example"}
print("posted:", post("cowrie", record)["id"])
for _ in range(60):  # the daemons take a moment
    count = ask("count", sub_type="ipv4", data=address).get("data")
    if count:
        break
    time.sleep(0.5)
print("seen:", count)
print("with:", json.dumps(ask("related", sub_type="ipv4", data=address).get("data")))
