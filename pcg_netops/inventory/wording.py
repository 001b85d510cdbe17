"""What is wrong with a value, in words for whoever wrote it rather than for whoever reads it."""

from __future__ import annotations

from typing import Any

# By the type of a validation error, with the names of its context: pydantic, "Validation Errors".
_WORDS = {
    "string_type": "a text is expected, in quotes if it looks like something else",
    "string_pattern_mismatch": "has not the form {pattern}",
    "string_too_short": "has fewer than {min_length} characters",
    "string_too_long": "has more than {max_length} characters",
    "int_type": "a whole number is expected",
    "int_parsing": "a whole number is expected",
    "int_from_float": "a whole number is expected",
    "float_type": "a number is expected",
    "float_parsing": "a number is expected",
    "finite_number": "a number is expected",
    "bool_type": "true or false is expected",
    "bool_parsing": "true or false is expected",
    "list_type": "a list is expected",
    "tuple_type": "a list is expected",
    "set_type": "a list is expected",
    "frozen_set_type": "a list is expected",
    "none_required": "nothing is expected here",
    "literal_error": "{expected} is expected",
    "enum": "{expected} is expected",
    "too_short": "needs at least {min_length} of them",
    "too_long": "takes at most {max_length} of them",
    "greater_than": "is to be more than {gt}",
    "greater_than_equal": "is to be at least {ge}",
    "less_than": "is to be less than {lt}",
    "less_than_equal": "is to be at most {le}",
    "ip_v4_address": "is no IPv4 address",
    "ip_v6_address": "is no IPv6 address",
    "ip_any_address": "is no IP address",
    "ip_v4_network": "is no IPv4 network",
    "ip_v6_network": "is no IPv6 network",
    "ip_any_network": "is no IP network",
    "ip_v4_interface": "is no IPv4 address with a length",
    "date_type": "a date is expected, such as 2030-05-08",
    "date_parsing": "a date is expected, such as 2030-05-08",
    "date_from_datetime_parsing": "a date is expected, such as 2030-05-08",
    "date_from_datetime_inexact": "a date is expected, such as 2030-05-08",
    "datetime_type": "a time is expected, such as 2030-05-08T22:00",
    "datetime_parsing": "a time is expected, such as 2030-05-08T22:00",
    "datetime_from_date_parsing": "a time is expected, such as 2030-05-08T22:00",
    "time_parsing": "a time of the day is expected, such as 22:00",
    "timezone_naive": "a time without a zone is expected",
    "timezone_aware": "a time with its zone is expected",
    "mapping_type": "fields are expected, as 'name: value'",
    "dict_type": "fields are expected, as 'name: value'",
    "model_type": "fields are expected, as 'name: value'",
    "dataclass_type": "fields are expected, as 'name: value'",
    "model_attributes_type": "fields are expected, as 'name: value'",
    "union_tag_invalid": "{expected_tags} is expected",
    "url_parsing": "is no address of the web",
    "url_scheme": "{expected_schemes} is expected before ://",
}


def in_our_words(item: Any) -> str:
    """What one item of `ValidationError.errors` says; our own validators' words as they are."""
    words = _WORDS.get(item["type"])
    if words is not None:
        return words.format_map(item.get("ctx") or {})
    return str(item["msg"]).removeprefix("Value error, ").removeprefix("Assertion failed, ")
