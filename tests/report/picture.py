"""A picture of a page's first screen, for the README: `python picture.py PAGE.html PICTURE.png`."""

import sys
from pathlib import Path

from browsers import launched
from playwright.sync_api import sync_playwright

WIDTH, HEIGHT = 1180, 900


def main(page_file: str, picture: str) -> None:
    with sync_playwright() as driver:
        browser = launched(driver)
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
        page.set_default_timeout(180_000)  # the machine may be busy
        page.goto(Path(page_file).resolve().as_uri())
        page.screenshot(path=picture)
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
