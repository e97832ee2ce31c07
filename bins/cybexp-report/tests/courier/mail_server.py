"""A mail server of aiosmtpd's. Prints its port, and then each mail that it takes as a line of JSON.

Arguments: JSON with `tls` (none, starttls or tls), `cert` and `key`, and `user` and `password` if it wants them.
Each line of standard input is the reply to all mails from then on, such as "451 later"; an empty one takes them.
"""

import asyncio
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

settings = json.loads(sys.argv[1])
reply = ""


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if reply.startswith("5"):
            return reply
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if reply:
            return reply
        print(json.dumps({
            "from": envelope.mail_from, "to": envelope.rcpt_tos, "data": envelope.original_content.decode(),
            "tls": server.transport.get_extra_info("sslcontext") is not None, "user": session.auth_data and session.auth_data.decode(),
        }), flush=True)
        return "250 OK"


def authenticate(server, session, envelope, mechanism, data):
    if (data.login.decode(), data.password.decode()) == (settings["user"], settings["password"]):
        return AuthResult(success=True, auth_data=data.login)
    return AuthResult(success=False, handled=False)


async def main():
    global reply
    context = None
    if settings["tls"] != "none":
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(settings["cert"], settings["key"])
    options = {}
    if settings["tls"] == "starttls":
        options = {"tls_context": context, "require_starttls": True}
    if "user" in settings:
        options |= {"authenticator": authenticate, "auth_required": True,
                    "auth_require_tls": settings["tls"] == "starttls"}
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(Handler(), hostname="mail.example", loop=loop, **options), "127.0.0.1", 0,
        ssl=context if settings["tls"] == "tls" else None)
    print(server.sockets[0].getsockname()[1], flush=True)
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        reply = line.strip()
        print(json.dumps({"reply": reply}), flush=True)


asyncio.run(main())
