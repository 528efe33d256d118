"""A Chromium to look at pages with: the system's own, else playwright's.

On a machine without one, tests are skipped with a reason; where CI is set they fail, so that nobody believes
that they ran. `make browser` installs one.
"""

import os
import shutil
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome")
MISSING = "no Chromium: `make browser` installs one (Debian's `chromium`, or playwright's)"


class NoBrowserError(Exception):
    """There is none that starts."""


def launched(driver: Any) -> Any:
    """A browser that runs.

    Raises:
        NoBrowserError: there is none, or none starts.
    """
    from playwright.sync_api import Error

    places = [place for name in NAMES if (place := shutil.which(name))]
    faults = []
    for place in [*places, None]:
        try:
            return driver.chromium.launch(executable_path=place)
        except Error as fault:
            faults.append(str(fault).strip().splitlines()[0])
    raise NoBrowserError(f"{MISSING}; {'; '.join(faults)}")


def expected() -> bool:
    """Whether a browser has to be there: in CI a skipped test looks like a passed one."""
    return os.environ.get("CI", "").lower() not in ("", "0", "false")
