"""The dialogue of one connection with the scripted relay."""

import asyncio
import base64
import binascii
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from tests.kit.smtp_script import Answer, Fault, Late, Reply, Slow, Visit, on_the_wire
from tests.kit.smtp_wire import Gone, Wire

if TYPE_CHECKING:
    from tests.kit.smtp import ScriptedRelay

NOISE = bytes(range(128, 192)) + b"\r\n"


class Session:
    """What one client says and hears; every answer may be the script's."""

    def __init__(self, relay: "ScriptedRelay", wire: Wire, visit: Visit) -> None:
        self._relay = relay
        self._wire = wire
        self._visit = visit
        self._verbs: dict[str, Callable[[str], Awaitable[None]]] = {
            "EHLO": self._ehlo, "HELO": self._helo, "STARTTLS": self._starttls, "AUTH": self._auth,
            "MAIL": self._mail, "RCPT": self._rcpt, "DATA": self._data, "RSET": self._rset, "QUIT": self._quit,
        }  # fmt: skip

    async def serve(self) -> None:
        """Talk until one of the two leaves; raises Gone."""
        banner = await self._answer("CONNECT", "220 loopback ESMTP")
        while banner[:1] not in (b"4", b"5"):
            await self._obey((await self._wire.line()).decode("utf-8", "replace").rstrip("\r\n"))

    async def _obey(self, line: str) -> None:
        verb, _, rest = line.partition(" ")
        verb = verb.upper()
        act, visit = self._verbs.get(verb), self._visit
        if act is None:
            known = {"NOOP": "250 2.0.0 Ok", "VRFY": "252 2.1.5 Perhaps"}
            await self._answer(verb, known.get(verb, f'500 5.5.1 Command unrecognized: "{verb[:20]}"'), label=line)
        elif verb in ("MAIL", "RCPT", "DATA") and not visit.greeted:
            await self._answer("", "503 5.5.1 Send EHLO first", label=line)
        elif verb in ("MAIL", "AUTH") and self._relay.starttls and not visit.encrypted:
            await self._answer("", "530 5.7.0 Must issue a STARTTLS command first", label=line)
        elif verb == "MAIL" and self._relay.login and not visit.known:
            await self._answer("", "530 5.7.0 Authentication required", label=line)
        else:
            await act(rest)

    async def _ehlo(self, rest: str) -> None:
        names = ["loopback", *self._relay.extensions(encrypted=self._visit.encrypted)]
        lines = [f"250{' ' if at == len(names) else '-'}{name}" for at, name in enumerate(names, 1)]
        reply = await self._answer("EHLO", lines, label=f"EHLO {rest}")
        self._visit.greeted |= reply.startswith(b"250")

    async def _helo(self, rest: str) -> None:
        reply = await self._answer("HELO", "250 loopback", label=f"HELO {rest}")
        self._visit.greeted |= reply.startswith(b"250")

    async def _starttls(self, _: str) -> None:
        context = self._relay.starttls
        if context is None or self._visit.encrypted:
            await self._answer("STARTTLS", "502 5.5.1 Not offered", label="STARTTLS")
            return
        if (await self._answer("STARTTLS", "220 2.0.0 Ready", label="STARTTLS")).startswith(b"220"):
            await self._wire.secure(context)
            self._visit.encrypted, self._visit.greeted = True, False

    async def _auth(self, rest: str) -> None:
        mechanism, _, first = rest.partition(" ")
        wanted, credentials = self._relay.login, ("", "")
        answer = self._relay.answer("AUTH", visit=self._visit)
        if not answer and mechanism.upper() == "PLAIN":
            name, _, password = _clear(first or await self._ask("")).partition("\0")[2].partition("\0")
            credentials = name, password
        elif not answer and mechanism.upper() == "LOGIN":
            credentials = _clear(first or await self._ask("VXNlcm5hbWU6")), _clear(await self._ask("UGFzc3dvcmQ6"))
        self._visit.known = not answer and credentials == wanted
        right = "235 2.7.0 Authenticated" if self._visit.known else "535 5.7.8 Authentication credentials invalid"
        reply = await self._give(answer, right, label=f"AUTH {mechanism}")
        self._visit.known |= reply.startswith(b"235")

    async def _ask(self, prompt: str) -> str:
        await self._wire.say(f"334 {prompt}\r\n".encode())
        return (await self._wire.line()).decode("ascii", "replace").strip()

    async def _mail(self, rest: str) -> None:
        visit, address = self._visit, _address(rest)
        if visit.sender is not None:
            await self._answer("", "503 5.5.1 Nested MAIL command", label=f"MAIL {rest}")
            return
        sizes = [option[5:] for option in rest.upper().split() if option.startswith("SIZE=")]
        visit.declared_size = int(sizes[0]) if sizes and sizes[0].isdecimal() else 0
        if (await self._answer("MAIL", "250 2.1.0 Ok", address, label=f"MAIL {rest}")).startswith(b"2"):
            visit.sender = address

    async def _rcpt(self, rest: str) -> None:
        address = _address(rest)
        if self._visit.sender is None:
            await self._answer("", "503 5.5.1 Need MAIL command", label=f"RCPT {rest}")
        elif (await self._answer("RCPT", "250 2.1.5 Ok", address, label=f"RCPT {rest}")).startswith(b"2"):
            self._visit.recipients.append(address)

    async def _data(self, _: str) -> None:
        visit = self._visit
        if not visit.recipients:
            await self._answer("", "503 5.5.1 Need RCPT command", label="DATA")
            return
        reply = await self._answer("DATA", "354 End data with <CR><LF>.<CR><LF>", *visit.recipients, label="DATA")
        if not reply.startswith(b"354"):
            return
        visit.content = await self._content()
        if self._relay.before_end:
            self._relay.before_end()
        answer = self._relay.answer("END", *visit.recipients, visit=visit)
        if _keeps(answer):
            visit.mails += 1
            self._relay.keep(visit)
        visit.forget()
        await self._give(answer, "250 2.0.0 Ok", label="END")

    async def _content(self) -> bytes:
        answer = self._relay.answer("CONTENT", *self._visit.recipients, visit=self._visit)
        lines, rest = [], answer.seconds if isinstance(answer, Slow) else 0
        if answer and not rest:
            lines.append(await self._wire.line())
            await self._interrupt(answer)
        while (line := await self._wire.line()) != b".\r\n":
            lines.append(line[1:] if line.startswith(b"..") else line)
            if rest:
                await asyncio.sleep(rest)
        return b"".join(lines)

    async def _interrupt(self, answer: Answer) -> None:
        """In the middle of the message: a delay, or the end of the conversation."""
        if isinstance(answer, Late) and not answer.answer:
            await asyncio.sleep(answer.seconds)
            return
        await self._give(answer, "421 4.3.0 Closing", label="CONTENT")
        raise Gone

    async def _rset(self, _: str) -> None:
        self._visit.forget()
        await self._answer("RSET", "250 2.0.0 Ok", label="RSET")

    async def _quit(self, _: str) -> None:
        await self._answer("QUIT", "221 2.0.0 Bye", label="QUIT")
        raise Gone

    async def _answer(self, command: str, right: Reply, *about: str, label: str = "") -> bytes:
        return await self._give(self._relay.answer(command, *about, visit=self._visit), right, label=label or command)

    async def _give(self, answer: Answer, right: Reply, *, label: str) -> bytes:
        """Answer as told, or right; returns the bytes said. Raises Gone when there is nothing more to say."""
        slow = answer if isinstance(answer, Slow) else Slow(0, 0)
        reply = answer.answer if isinstance(answer, Late | Slow) else answer
        data = on_the_wire(right if isinstance(reply, Fault) else reply or right)
        reply_text = reply.name if isinstance(reply, Fault) else data.decode("utf-8", "replace").strip()
        self._relay.note(self._visit, label, reply_text)
        if wait := self._relay.latency + (answer.seconds if isinstance(answer, Late) else 0):
            await asyncio.sleep(wait)
        if isinstance(reply, Fault) and reply is not Fault.NOISE:
            await self._fail(reply)
        await self._wire.say(data, piece=slow.piece, seconds=slow.seconds)
        if reply is Fault.NOISE:
            await self._noise(label)
        if data.startswith(b"421"):
            raise Gone
        return data

    async def _noise(self, label: str) -> None:
        """Right behind the answer; after STARTTLS a little later, in the place of the handshake."""
        if label != "STARTTLS":
            await self._wire.say(NOISE)
            return
        await asyncio.sleep(0.02)
        await self._wire.say(NOISE)
        raise Gone

    async def _fail(self, fault: Fault) -> None:
        if fault is Fault.HANG:
            await self._wire.silence()
        elif fault is not Fault.CLOSE:
            self._wire.drop()
        raise Gone


def _address(rest: str) -> str:
    """Between the angle brackets of MAIL and RCPT."""
    return rest.partition("<")[2].partition(">")[0]


def _clear(text: str) -> str:
    try:
        return base64.b64decode(text).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _keeps(answer: Answer) -> bool:
    """Whether the message is kept: unless the answer refuses it, or loses it."""
    reply = answer.answer if isinstance(answer, Late | Slow) else answer
    return reply is not Fault.DROP_UNKEPT if isinstance(reply, Fault) else on_the_wire(reply)[:1] not in (b"4", b"5")
