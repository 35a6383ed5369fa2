"""Which tests ``--device cuda`` leaves out, and why: a part of the test's id, and the reason."""

from __future__ import annotations

EXCEPTIONS = {
    "test_stand_in.py": "installs the stand-in itself",
}


def reason_for(test_id: str) -> str | None:
    return next((reason for part, reason in EXCEPTIONS.items() if part in test_id), None)
