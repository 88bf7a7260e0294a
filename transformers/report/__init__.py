"""The one writer of reports: report.json, report.html, report.xlsx."""
