"""Columns that say where rows come from, what people agreed to and how the data may be used, under all their names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from agents.column_types import is_null_sql
from agents.privacy.headers import normalised, words_of
from agents.table import Table

Match = Literal["exact", "normalised", "synonym", "none"]

_COLUMNS_AT_ONCE = 10


def _names(text: str) -> frozenset[str]:
    return frozenset(normalised(name) for name in text.split())


# Every name of a set stands for the same thing; they are compared without case and signs.
_SYNONYMS: Mapping[str, frozenset[str]] = {
    "source_system": _names(
        "source_system source data_source source_name src system_of_origin origin origin_system record_source provider "
        "data_provider feed source_file source_table upstream_system quelle"
    ),
    "created_at": _names(
        "created_at created created_on created_date create_date creation_date date_created created_time create_time "
        "creation_time created_timestamp inserted_at insert_date inserted_on ingested_at ingestion_date ingestion_time "
        "load_date loaded_at load_time load_timestamp etl_date etl_timestamp import_date imported_at extracted_at"
    ),
    "updated_at": _names(
        "updated_at updated updated_on updated_date update_date update_time last_updated last_update last_updated_at "
        "modified modified_at modified_on modified_date date_modified last_modified last_modified_at "
        "last_modified_date changed_at changed_on last_changed valid_from"
    ),
    "created_by": _names("created_by inserted_by loaded_by entered_by author_id creator"),
    "updated_by": _names("updated_by modified_by changed_by last_modified_by edited_by"),
    "batch_id": _names(
        "batch_id batch load_id run_id job_id etl_id etl_batch_id import_id ingestion_id pipeline_run_id"
    ),
    "record_version": _names("record_version version row_version revision version_number"),
    "consent_status": _names(
        "consent_status consent consent_given has_consent consent_flag gdpr_consent consented opt_in opted_in "
        "opt_in_status optin marketing_consent marketing_opt_in privacy_consent data_consent consent_state permission "
        "permission_status einwilligung consentement consentimiento"
    ),
    "consent_date": _names(
        "consent_date consent_at consent_time consent_timestamp consent_given_at consented_at consented_on consent_on "
        "date_of_consent opt_in_date opted_in_at optin_date permission_date"
    ),
    "consent_purpose": _names("consent_purpose purpose processing_purpose purpose_of_processing consent_scope"),
    "consent_source": _names("consent_source consent_channel consent_method opt_in_source"),
    "legal_basis": _names("legal_basis lawful_basis legal_ground basis_of_processing"),
    "data_classification": _names(
        "data_classification classification data_class classification_level sensitivity sensitivity_level "
        "data_sensitivity confidentiality confidentiality_level security_class security_classification privacy_level "
        "privacy_class protection_level"
    ),
    "retention_until": _names(
        "retention_until retention retention_period retention_date retention_policy retain_until delete_after "
        "deletion_date delete_on purge_date expires_at expiry_date expiration_date expires ttl"
    ),
    "data_owner": _names("data_owner owner data_steward steward responsible record_owner"),
}

_PROTECTION = {
    "consent_status": "Add a column that says what each person agreed to, or write down another legal ground.",
    "retention_until": "Say until when each row may be kept, and delete it then.",
    "source_system": "Say where each row comes from, so that a person's questions can be answered.",
    "data_classification": "Write down how the data is classified, so that copies of it are treated alike.",
}

# A column of consent that says when, where or how says nothing that could be an invalid status.
_NO_STATUS = _names(
    "date time at timestamp on version id source method channel purpose text ip by expiry expires until scope"
)


@dataclass(frozen=True)
class Field:
    """A field that should be there, and the column that was taken for it."""

    required: str
    column: str | None
    match: Match


def match_fields(required: Iterable[str], columns: Iterable[str]) -> list[Field]:
    """For each field the column of that name, else of that name spelled otherwise, else of one that means the same."""
    there = list(columns)
    return [_matched(name, there) for name in dict.fromkeys(required)]


def _matched(required: str, columns: list[str]) -> Field:
    if required in columns:
        return Field(required, required, "exact")
    spelled = next((column for column in columns if normalised(column) == normalised(required) != ""), None)
    if spelled is not None:
        return Field(required, spelled, "normalised")
    names = next((names for names in _SYNONYMS.values() if normalised(required) in names), frozenset())
    meant = next((column for column in columns if normalised(column) in names), None)
    return Field(required, meant, "none" if meant is None else "synonym")


def says_status(column: str) -> bool:
    """Whether a column of consent can hold a status, and not when, where or how it was given."""
    return _NO_STATUS.isdisjoint(words_of(column))


def protection_fields(table: Table) -> list[dict[str, Any]]:
    """What a table of personal data should say of itself, and whether a column does."""
    return [
        {
            "check": field.required,
            "status": "present" if field.column else "missing",
            "column": field.column,
            "remedy": "" if field.column else _PROTECTION[field.required],
        }
        for field in match_fields(_PROTECTION, table.columns)
    ]


def filled_cells(table: Table, columns: Iterable[str]) -> dict[str, int]:
    """How many cells of each column say something."""
    names = list(dict.fromkeys(columns))
    filled: dict[str, int] = {}
    for start in range(0, len(names), _COLUMNS_AT_ONCE):
        part = names[start : start + _COLUMNS_AT_ONCE]
        counts = ", ".join(f"count(*) FILTER (NOT {is_null_sql(Table.q(name))})" for name in part)
        filled |= dict(zip(part, table.query(f"SELECT {counts} FROM {{self}}")[0], strict=True))
    return filled
