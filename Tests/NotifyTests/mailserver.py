# SPDX-License-Identifier: Apache-2.0
"""An SMTP server for tests: mailserver.py DIRECTORY [starttls CERT KEY] [auth] [login]

Writes its port to DIRECTORY/port, and each message with its envelope to DIRECTORY/mail.N.
"""
import asyncio
import os
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword


class Keeper:
    """Keeps what is delivered; the recipient nobody@example.org is refused, later@ put off."""

    def __init__(self, directory):
        self.directory, self.count = directory, 0

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody@"):
            return "550 no such user"
        if address.startswith("later@"):
            return "451 come back later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        self.count += 1
        secure = "tls" if session.ssl else "plain"
        user = session.auth_data.login.decode() if session.authenticated else "-"
        head = f"{secure} {user} {envelope.mail_from} {','.join(envelope.rcpt_tos)}\n"
        with open(f"{self.directory}/mail.{self.count}", "wb") as file:
            file.write(head.encode() + envelope.content)
        return "250 kept"


def authenticate(server, session, envelope, mechanism, data):
    good = isinstance(data, LoginPassword) and data.password == b"s3cret"
    return AuthResult(success=good, handled=False, auth_data=data)


async def main():
    directory, rest = sys.argv[1], sys.argv[2:]
    options = {}
    if "starttls" in rest:
        at = rest.index("starttls")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(rest[at + 1], rest[at + 2])
        options["tls_context"] = context
    if "auth" in rest:
        options |= {"authenticator": authenticate, "auth_required": True}
        options["auth_require_tls"] = "starttls" in rest
    if "login" in rest:
        options["auth_exclude_mechanism"] = ["PLAIN"]
    keeper = Keeper(directory)
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(keeper, **options), host="127.0.0.1", port=0)
    with open(f"{directory}/port.new", "w") as file:
        file.write(str(server.sockets[0].getsockname()[1]))
    os.rename(f"{directory}/port.new", f"{directory}/port")
    await server.serve_forever()


asyncio.run(main())
