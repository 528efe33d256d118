"""A picture of a page's first screen, for the README: `python picture.py PAGE.html PICTURE.png`."""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import Error, sync_playwright

WIDTH, HEIGHT = 1180, 900


def main(page_file: str, picture: str) -> None:
    with sync_playwright() as driver:
        try:
            browser = driver.chromium.launch()
        except Error:
            system = shutil.which("chromium") or shutil.which("google-chrome")
            browser = driver.chromium.launch(executable_path=system)
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
        page.set_default_timeout(180_000)  # the machine may be busy
        page.goto(Path(page_file).resolve().as_uri())
        page.screenshot(path=picture)
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
