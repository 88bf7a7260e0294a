"""The one writer of reports: a report document becomes report.json, report.html and report.xlsx."""

from transformers.report.document import write_json
from transformers.report.html import write_html
from transformers.report.xlsx import write_xlsx

__all__ = ["write_html", "write_json", "write_xlsx"]
