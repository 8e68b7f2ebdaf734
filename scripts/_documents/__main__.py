"""Write all generated pages."""

from __future__ import annotations

from scripts._documents.pages import PAGES, ROOT, is_up_to_date

if __name__ == "__main__":
    for path, text in PAGES.items():
        if not is_up_to_date(path):
            (ROOT / path).write_text(text(), "utf-8")
            print(path)
