"""Why uv or pip failed, and what to do about it, from what they said. No bpy.

``tests/setup/test_network.py`` makes each of these failures happen, and reads what the tools that
are used really say.
"""

from __future__ import annotations

import re

from ...backend.protocol.errors import Att3dError, InternalError, NotDownloaded, OutputError

_HOST = re.compile(r"https?://(?:[^/\s@`'\"]*@)?([^/\s`'\"():]+(?::\d+)?)|host='([^']+)'")
_THROUGH = re.compile(r"fetch URL https?://(?:[^/\s@]*@)?([^/\s]+)[^\n]*\bproxy\b")
"""The host that was to be reached, where pip's reason names the proxy."""
_ABSENT = re.compile(
    r"Because ([\w.-]+(?:==\S+)?) (?:has no (?:usable )?wheels|was not found)"
    r"|there (?:is|are) no versions? of ([\w.-]+==[\w.+-]+)"
    r"|No matching distribution found for ([^\s;]+)"
)
_KINDS = {
    "full": r"No space left on device|\(os error 28\)|\(os error 112\)|not enough space",
    "password": r"proxy authorization required|407 Proxy Authentication Required|: 407\b",
    "forbidden": r"tunnel error: unsuccessful|Tunnel connection failed: 403",
    "proxy": r"tunnel error|ProxyError|(?:Cannot|Unable to) connect to proxy",
    "certificate": r"invalid peer certificate|CERTIFICATE_VERIFY_FAILED|certificate verify failed",
    "credentials": r"401 Unauthorized|403 Forbidden|HTTP error 40[13]|40[13] Client Error",
    "hash": r"Hash mismatch|THESE PACKAGES DO NOT MATCH",
    "broken": r"error decoding response body|error reading a body|end of file before message length"
    r"|IncompleteRead|incomplete-download|Connection broken|Connection aborted|ReadTimeout"
    r"|ConnectionResetError|operation timed out|ZIP structure|HTTP status server error",
    "network": r"error sending request|client error \(Connect\)|dns error|NewConnectionError"
    r"|Failed to establish a new connection|Temporary failure in name resolution"
    r"|Name or service not known|getaddrinfo failed|Network is unreachable|ConnectTimeout"
    r"|Max retries exceeded|No route to host",
    "permission": r"Permission denied|\(os error 13\)|\(os error 5\)|WinError 5|Access is denied",
}


def kind_of(said: str) -> str:
    """Which kind of failure this is; empty: none that is known."""
    return next((kind for kind, words in _KINDS.items() if re.search(words, said)), "")


def host_of(said: str) -> str:
    """The host that the last failure was about, without a name and password; empty: none named."""
    if through := _THROUGH.search(said):
        return through[1]
    errors = said[said.rfind("error: ") if "error: " in said else 0 :]
    found = _HOST.search(errors) or _HOST.search(said)
    return (found[1] or found[2]) if found else ""


def explain(said: str, wheels: str = "", proxy: str = "") -> Att3dError:
    """The error that a person is shown.

    Args:
        said: everything that the tool printed.
        wheels: the folder of wheels, if that was installed from.
        proxy: the address of the proxy that was used, if any.
    """
    host = host_of(said) or "the index"
    proxy = re.sub(r"//[^/@]*@", "//", proxy) or "The proxy"
    match kind_of(said):
        case "full":
            return OutputError(
                "The disk is full.", "Free some space and continue; what was downloaded is kept."
            )
        case "password":
            return NotDownloaded(
                f"{proxy} wants a name and a password before it lets {host} through (407).",
                "Put them into the variable HTTPS_PROXY (http://name:password@proxy:port), start "
                "Blender again and continue.",
            )
        case "forbidden":
            return NotDownloaded(
                f"{proxy} does not let this machine reach {host} (403).",
                "Ask for it to be allowed, or name your company's mirror in the variable "
                "UV_DEFAULT_INDEX, start Blender again and continue.",
            )
        case "proxy":
            return NotDownloaded(
                f"{proxy} cannot be reached, and {host} was to be reached through it.",
                "Correct or remove the variable HTTPS_PROXY, start Blender again and continue.",
            )
        case "certificate":
            return NotDownloaded(
                f"The certificate of {host} is not trusted.",
                "Set the clock, or name the file with your company's certificate in the variable "
                "SSL_CERT_FILE, start Blender again and continue.",
            )
        case "credentials":
            return NotDownloaded(
                f"{host} wants a name and a password, or others (401 or 403).",
                "Put them into its address (https://name:password@host/simple) in the variable "
                "UV_DEFAULT_INDEX, start Blender again and continue.",
            )
        case "hash":
            return NotDownloaded(
                f"A file from {host} is not the one that its index names: it was not installed.",
                "Continue: it is fetched again.",
            )
        case "broken":
            return NotDownloaded(
                f"The download from {host} broke off.", "Continue: what was downloaded is kept."
            )
        case "network":
            return NotDownloaded(
                f"{host} cannot be reached.",
                "Connect and continue, name a proxy in the variable HTTPS_PROXY, or choose a "
                "folder of packages in the advanced options.",
            )
        case "permission":
            return OutputError(
                "A file could not be written: permission denied.",
                "Close programs that use the engine, or choose another folder.",
            )
    if found := _ABSENT.search(said):
        package = next(filter(None, found.groups()))
        if wheels:
            return NotDownloaded(
                f"The folder of packages has no {package} for this machine.",
                "Put its .whl file into the folder and continue.",
            )
        return NotDownloaded(
            f"{package} is not published for this system and Python.",
            "Choose another build of PyTorch or another Python in the advanced options.",
        )
    lines = [line.strip() for line in said.splitlines() if "ERROR" in line or "error:" in line]
    last = (lines or said.strip().splitlines() or ["it said nothing"])[-1]
    return InternalError(f"Installing failed: {last[:300]}", "Open the log, then continue.")
