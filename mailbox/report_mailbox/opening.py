"""Opening a connection: encrypted and verified, with time-outs, and with causes in words when it fails."""

import logging
import socket
import ssl

from imapclient import IMAPClient, SocketTimeout
from imapclient.exceptions import CapabilityError, IMAPClientError

from report_mailbox.errors import MailboxMisconfigured, MailboxUnreachable
from report_mailbox.mailbox import Mailbox, Pace

logger = logging.getLogger(__name__)


def open_client(mailbox: Mailbox, pace: Pace) -> IMAPClient:
    timeout = SocketTimeout(pace.connect.total_seconds(), pace.read.total_seconds())
    context = ssl.create_default_context()
    encrypted = mailbox.security == "tls"
    try:
        client = IMAPClient(
            mailbox.host, port=mailbox.port, ssl=encrypted, ssl_context=context if encrypted else None, timeout=timeout
        )
    except (OSError, EOFError, IMAPClientError) as error:
        raise MailboxUnreachable(
            f"no connection to the mailbox at {mailbox.place}: {cause_of(error)}", _hint(error, mailbox)
        ) from error
    client.normalise_times = False
    client._imap.debug = 0  # noqa: SLF001 - otherwise each line of each mail is offered to the log
    _keep_alive(client.socket())
    if mailbox.security == "starttls":
        try:
            client.starttls(ssl_context=context)
        except CapabilityError as error:
            close(client)
            raise MailboxMisconfigured(
                f"the mailbox at {mailbox.place} does not offer STARTTLS", 'Set security = "tls", usually on port 993.'
            ) from error
        except (OSError, EOFError, IMAPClientError) as error:
            close(client)
            raise MailboxUnreachable(
                f"no encrypted connection to the mailbox at {mailbox.place}: {cause_of(error)}",
                _hint(error, mailbox),
            ) from error
    return client


def _keep_alive(sock: socket.socket) -> None:
    """Have the system notice within a minute that the other machine is gone."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (("TCP_KEEPIDLE", 20), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, option):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)


def close(client: IMAPClient) -> None:
    try:
        client.shutdown()
    except OSError:
        logger.debug("the connection was closed already")


def hang_up(client: IMAPClient) -> None:
    """Make whoever waits on the connection stop waiting; closing it is theirs."""
    try:
        client.socket().shutdown(socket.SHUT_RDWR)
    except OSError:
        logger.debug("the connection was closed already")


def cause_of(error: BaseException) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message})"
    if isinstance(error, ssl.SSLError):
        return (
            "it does not speak TLS there" if "WRONG_VERSION" in str(error).upper() else f"TLS failed ({error.reason})"
        )
    if isinstance(error, socket.gaierror):
        return "the host's name is not known"
    if isinstance(error, ConnectionRefusedError):
        return "nothing listens there"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    text = error.args[0] if error.args else ""
    text = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
    return " ".join(text.split())[:200] or type(error).__name__


def _hint(error: BaseException, mailbox: Mailbox) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return "Use the host name that stands in the server's certificate."
    if isinstance(error, ssl.SSLError) and mailbox.security == "tls":
        return 'Port 993 usually takes security = "tls", port 143 security = "starttls".'
    return ""
